import * as isa from '../../assembly/isa.js';
import { disassemble } from '../asm/kernel-dialect.js';
import type { LineInfo, ProgramSpec } from '../program/program-spec.js';
import type { InsnIndex } from '../quantities.js';
import { adviceFor } from './advice.js';
import { type LogRecord, LOG_LEVEL2 } from './log.js';
import type { VerifierError } from './verifier-error.js';

/** A place in a program: the instruction, and the C line it was compiled from. */
export interface ExplainedPlace {
  readonly insn: InsnIndex;
  /** Kernel dialect. */
  readonly text: string;
  readonly file?: string;
  readonly line?: number;
  readonly source?: string;
}

/** A step of what made the offending value. */
export interface CausalStep extends ExplainedPlace {
  /** What the verifier knew of it then, as its log says; absent = the log does not say. */
  readonly value?: string;
}

/** A refusal for people. */
export interface Explanation {
  readonly errno: number;
  /** The kernel's message. */
  readonly message: string;
  /** One line: what is wrong. */
  readonly what: string;
  readonly at: ExplainedPlace | null;
  /** The instructions that made the offending value, oldest first. */
  readonly from: readonly CausalStep[];
  /** What usually mends it. */
  readonly mend: string | null;
}

const MOST_STEPS = 8;
/** Characters of a C line that text shows. */
const WIDEST = 100;
const SWITCH = /^from (\d+) to (\d+)\b/;
const INSN = /^(\d+): \(/;
const FRAME_POINTER = 10;
const LAST_ARGUMENT = 5;

/**
 * Says in plain words why a program was refused. With a log of level 2 it also says where the value came from.
 *
 * @example
 * try { kernel.load(spec, maps, { logLevel: 2 }); }
 * catch (error) { if (error instanceof VerifierError) console.log(renderExplanation(explain(spec, error))); }
 */
export function explain(spec: ProgramSpec, error: VerifierError): Explanation {
  const { errno, message } = error;
  const advice = adviceFor(message);
  const count = spec.insns.length / isa.INSN_SIZE;
  const insn = error.place.insn;
  const at = insn === undefined || insn < 0 || insn >= count ? null : insn;
  return {
    errno,
    message,
    what:
      advice?.what ??
      (message === '' ? `BPF_PROG_LOAD refuses it without a message (errno ${errno})` : message),
    at: at === null ? null : placeOf(spec, at),
    from: at === null ? [] : causalPath(spec, error.log, at, message),
    mend: advice?.mend ?? null,
  };
}

/** The explanation as lines of text, each indented by two blanks. */
export function renderExplanation(explanation: Explanation): string {
  const { what, at, from, mend } = explanation;
  const lines = [`  what: ${what}`];
  if (at !== null) lines.push(`  at:   ${placeText(at)}`);
  from.forEach((step, i) => {
    const value = step.value === undefined ? '' : `   ; ${step.value}`;
    lines.push(`  ${i === 0 ? 'from:' : '     '} ${placeText(step)}${value}`);
  });
  if (mend !== null) lines.push(`  mend: ${mend}`);
  return `${lines.join('\n')}\n`;
}

function placeText({ insn, text, file, line, source }: ExplainedPlace): string {
  const shown = source !== undefined && source.length > WIDEST ? `${source.slice(0, WIDEST)}...` : source;
  const where = file === undefined ? '' : `   ${file}:${line}: ${shown}`;
  return `${insn}: ${text}${where}`;
}

function placeOf(spec: ProgramSpec, insn: InsnIndex): ExplainedPlace {
  const info = lineOf(spec, insn);
  const text = disassemble(spec.insns, insn);
  if (info === null) return { insn, text };
  return { insn, text, file: info.file, line: info.line, source: info.source.trim() };
}

function lineOf(spec: ProgramSpec, insn: InsnIndex): LineInfo | null {
  let best: LineInfo | null = null;
  for (const info of spec.lineInfo) {
    if (info.insn <= insn && (best === null || info.insn >= best.insn)) best = info;
  }
  return best;
}

/** Records of the instructions on the refused path, latest first. */
function pathOf(log: readonly LogRecord[], last: InsnIndex): LogRecord[] {
  const path: LogRecord[] = [];
  let wanted: InsnIndex | null = last;
  for (let i = log.length - 1; i >= 0; i--) {
    const record = log[i];
    if (record.level !== LOG_LEVEL2) continue;
    const jumped: RegExpExecArray | null = SWITCH.exec(record.text);
    // The path was queued at a branch: what stands between belongs to other paths.
    if (jumped !== null && wanted === null) wanted = Number(jumped[1]);
    if (!INSN.test(record.text) || (wanted !== null && record.insn !== wanted)) continue;
    wanted = null;
    path.push(record);
  }
  return path;
}

interface Insn {
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  readonly off: number;
  readonly imm: number;
}

function insnAt(insns: Uint8Array, at: InsnIndex): Insn {
  const view = new DataView(insns.buffer, insns.byteOffset + at * isa.INSN_SIZE, isa.INSN_SIZE);
  const registers = view.getUint8(1);
  return {
    opcode: view.getUint8(0),
    dst: registers & 15,
    src: registers >> 4,
    off: view.getInt16(2, true),
    imm: view.getInt32(4, true),
  };
}

/** The register that the message, or else the instruction, is about; -1 = none. */
function offender(message: string, { opcode, dst, src }: Insn): number {
  const named = /\bR(\d+)\b/.exec(message);
  if (named !== null) return Number(named[1]);
  const klass = opcode & 7;
  if (klass === isa.BPF_LDX) return src;
  if (klass === isa.BPF_ST || klass === isa.BPF_STX) return dst;
  if (klass === isa.BPF_ALU || klass === isa.BPF_ALU64) return (opcode & 8) !== 0 ? src : dst;
  return -1;
}

/** What is looked for on the way back: registers, and stack slots by their offset from the frame pointer. */
class Sought {
  readonly registers = new Set<number>();
  readonly slots = new Set<number>();
  /** The same of the functions around the one the walk is in. */
  private readonly callers: { readonly registers: number[]; readonly slots: number[] }[] = [];

  get isEmpty(): boolean {
    const waits = this.callers.some(({ registers, slots }) => registers.length + slots.length > 0);
    return this.registers.size === 0 && this.slots.size === 0 && !waits;
  }

  /** Back through the end of a function that was called: only its result is made in there. */
  private enterCallee(): false {
    const isResult = this.registers.delete(0);
    this.callers.push({ registers: [...this.registers], slots: [...this.slots] });
    this.registers.clear();
    this.slots.clear();
    if (isResult) this.registers.add(0);
    return false;
  }

  /** Back through a call into the function that calls: arguments are its own r1 to r5. */
  private leaveCallee(): boolean {
    const hadArguments = this.registers.size > 0;
    for (const register of [...this.registers]) if (register > LAST_ARGUMENT) this.registers.delete(register);
    this.slots.clear();
    const caller = this.callers.pop();
    for (const register of caller?.registers ?? []) this.registers.add(register);
    for (const slot of caller?.slots ?? []) this.slots.add(slot);
    return hadArguments;
  }

  /** Whether the instruction made something sought; what it was made of is sought from there on. */
  step({ opcode, dst, src, off }: Insn): boolean {
    const klass = opcode & 7;
    const op = opcode & 0xf0;
    if (klass === isa.BPF_STX || klass === isa.BPF_ST) {
      if (dst !== FRAME_POINTER || !this.slots.delete(off)) return false;
      if (klass === isa.BPF_STX) this.registers.add(src);
      return true;
    }
    if (klass === isa.BPF_JMP && op === isa.BPF_EXIT) return this.enterCallee();
    if (klass === isa.BPF_JMP && op === isa.BPF_CALL) {
      if (src === isa.BPF_PSEUDO_CALL) return this.leaveCallee();
      const made = this.registers.delete(0);
      for (let i = 1; i <= LAST_ARGUMENT; i++) this.registers.delete(i);
      return made;
    }
    if (klass === isa.BPF_JMP || klass === isa.BPF_JMP32 || !this.registers.has(dst)) return false;
    if (klass === isa.BPF_LDX) {
      this.registers.delete(dst);
      if (src === FRAME_POINTER) this.slots.add(off);
      return true;
    }
    if (klass === isa.BPF_LD) return this.registers.delete(dst);
    if (op === isa.BPF_MOV) this.registers.delete(dst);
    if ((opcode & 8) !== 0 && op !== isa.BPF_END && src !== FRAME_POINTER) this.registers.add(src);
    return true;
  }
}

function causalPath(
  spec: ProgramSpec,
  log: readonly LogRecord[],
  at: InsnIndex,
  message: string,
): CausalStep[] {
  const steps: CausalStep[] = [];
  const acquired = /alloc_insn=(\d+)/.exec(message);
  if (acquired !== null) return [placeOf(spec, Number(acquired[1]))];
  const sought = new Sought();
  const first = offender(message, insnAt(spec.insns, at));
  if (first < 0 || first >= FRAME_POINTER) return [];
  sought.registers.add(first);
  const path = pathOf(log, at);
  for (const record of path.slice(path[0]?.insn === at ? 1 : 0)) {
    const insn = insnAt(spec.insns, record.insn);
    if (!sought.step(insn)) continue;
    const value = valueIn(record.text, insn);
    steps.unshift({ ...placeOf(spec, record.insn), ...(value === null ? {} : { value }) });
    if (sought.isEmpty || steps.length === MOST_STEPS) break;
  }
  return steps;
}

/** What the log says an instruction's destination held after it. */
function valueIn(text: string, { opcode, dst, src }: Insn): string | null {
  const state = text.indexOf(' ;');
  if (state < 0) return null;
  const klass = opcode & 7;
  const isCall = klass === isa.BPF_JMP;
  if (isCall && src === isa.BPF_PSEUDO_CALL) return null;
  const isStore = klass === isa.BPF_ST || klass === isa.BPF_STX;
  const name = isStore ? 'fp-\\d+' : `R${isCall ? 0 : dst}`;
  const found = new RegExp(`\\b(${name})(?:_[rw]+)?=(\\S+)`).exec(text.slice(state));
  return found === null ? null : `${found[1]}=${found[2]}`;
}

import {
  BPF_ADD,
  BPF_ALU64,
  BPF_DW,
  BPF_K,
  BPF_LDX,
  BPF_MEM,
  BPF_MOV,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_REG_FP,
  BPF_ST,
  BPF_STX,
  BPF_X,
  INSN_SIZE,
  MAX_BPF_STACK,
} from '../../../assembly/isa.js';
import type { InsnIndex } from '../../quantities.js';
import type { Prepared } from '../prepared.js';
import type { RewriteEnvironment } from './environment.js';
import { type Code, Pass } from './pass.js';
import { CALL, InsnStream } from './stream.js';

const HELPER_SMP_PROCESSOR_ID = 8;
const FASTCALL_KFUNCS = new Map([
  ['bpf_cast_to_kern_ctx', 1],
  ['bpf_rdonly_cast', 2],
]);
const SPILL = BPF_STX | BPF_MEM | BPF_DW;
const FILL = BPF_LDX | BPF_MEM | BPF_DW;
const CALLER_SAVED = 5;
const SLOT = 8;

/** Spills before and fills after one call, in slots: at - count .. at + count. */
interface Pattern {
  readonly at: InsnIndex;
  readonly count: number;
}

/** What goes: slots of the program, and the stack that each function uses then. */
interface Removal {
  readonly slots: Uint8Array;
  /** Bytes, by function; only of those that lose slots. */
  readonly depths: ReadonlyMap<number, number>;
}

/**
 * Compilers keep registers around a call that clobbers fewer than a call may, in stack slots used for nothing else:
 * where the call is known to keep them, the stores and loads go, and the stack shrinks by the slots.
 */
export function removeFastcallSpills(env: RewriteEnvironment, code: Code, stackDepth: number[]): Code {
  if (!env.isModern) return code;
  const removal = findRemoval(env.prepared, code);
  if (removal === null) return code;
  for (const [index, depth] of removal.depths) stackDepth[index] = depth;
  return Pass.run(code, (pass, at) => {
    if (removal.slots[at] === 0) pass.copy();
  });
}

/** Frames without the slots that {@link removeFastcallSpills} frees, which the limits of the stack leave out. */
export function shrinkFastcallFrames(prepared: Prepared, stackDepth: Int32Array): void {
  if (!spills(prepared.insns)) return;
  const functions = Int32Array.from(prepared.subprograms, (subprogram) => subprogram.start);
  const removal = findRemoval(prepared, { stream: InsnStream.parse(prepared.insns), functions });
  for (const [index, depth] of removal?.depths ?? []) stackDepth[index] = depth;
}

/** Whether a call stands before a load from the stack at all, as in most programs none does. */
function spills(insns: Uint8Array): boolean {
  for (let at = INSN_SIZE; at < insns.length; at += INSN_SIZE) {
    if (insns[at] === FILL && insns[at + 1] >>> 4 === BPF_REG_FP && insns[at - INSN_SIZE] === CALL)
      return true;
  }
  return false;
}

function findRemoval(prepared: Prepared, { stream, functions }: Code): Removal | null {
  const slots = new Uint8Array(stream.length);
  const depths = new Map<number, number>();
  functions.forEach((start, index) => {
    const end = index + 1 < functions.length ? functions[index + 1] : stream.length;
    const lowest = lowestSlot(stream, start, end);
    const patterns = lowest === null ? [] : findPatterns(prepared, stream, start, end, lowest);
    if (patterns.length === 0) return;
    const inPattern = new Uint8Array(end - start);
    for (const { at, count } of patterns) inPattern.fill(1, at - count - start, at + count + 1 - start);
    const top = lowest! + SLOT * Math.max(...patterns.map((pattern) => pattern.count));
    const rest = lowestAccess(stream, start, end, inPattern);
    if (rest === null || rest < top) return;
    depths.set(index, -rest);
    for (const { at, count } of patterns) {
      slots.fill(1, at - count, at);
      slots.fill(1, at + 1, at + count + 1);
    }
  });
  return depths.size === 0 ? null : { slots, depths };
}

/** Argument registers the call leaves alone, as a mask; 0 = an ordinary call. */
function keptRegisters(prepared: Prepared, stream: InsnStream, at: InsnIndex): number {
  if (stream.code[at] !== CALL) return 0;
  if (stream.src[at] === 0) return stream.imm[at] === HELPER_SMP_PROCESSOR_ID ? 0b111110 : 0;
  if (stream.src[at] !== BPF_PSEUDO_KFUNC_CALL) return 0;
  const used = FASTCALL_KFUNCS.get(prepared.kfuncs.get(stream.imm[at])?.name ?? '');
  if (used === undefined) return 0;
  let mask = 0;
  for (let register = used + 1; register <= CALLER_SAVED; register++) mask |= 1 << register;
  return mask;
}

function findPatterns(
  prepared: Prepared,
  stream: InsnStream,
  start: InsnIndex,
  end: InsnIndex,
  lowest: number,
): Pattern[] {
  const patterns: Pattern[] = [];
  for (let at = start; at < end; at++) {
    const kept = keptRegisters(prepared, stream, at);
    if (kept === 0) continue;
    let count = 0;
    while (count < CALLER_SAVED && at - count > start && at + count + 1 < end) {
      const spill = at - count - 1;
      const fill = at + count + 1;
      const offset = lowest + count * SLOT;
      const register = stream.src[spill];
      const isPair =
        stream.code[spill] === SPILL &&
        stream.code[fill] === FILL &&
        stream.dst[spill] === BPF_REG_FP &&
        stream.src[fill] === BPF_REG_FP &&
        stream.off[spill] === offset &&
        stream.off[fill] === offset &&
        stream.dst[fill] === register &&
        (kept & (1 << register)) !== 0;
      if (!isPair) break;
      count++;
    }
    if (count > 0) patterns.push({ at, count });
  }
  return patterns;
}

/** The lowest aligned slot stored to as a whole; null = none. */
function lowestSlot(stream: InsnStream, start: InsnIndex, end: InsnIndex): number | null {
  let lowest = 0;
  for (let at = start; at < end; at++) {
    if (stream.code[at] === SPILL && stream.dst[at] === BPF_REG_FP) lowest = Math.min(lowest, stream.off[at]);
  }
  return lowest < 0 && lowest >= -MAX_BPF_STACK && lowest % SLOT === 0 ? lowest : null;
}

/** Lowest stack offset used outside the patterns, 0 = none used; null = cannot be told. */
function lowestAccess(stream: InsnStream, start: InsnIndex, end: InsnIndex, skip: Uint8Array): number | null {
  let lowest = 0;
  for (let at = start; at < end; at++) {
    if (skip[at - start] === 1) continue;
    const code = stream.code[at];
    const cls = code & 7;
    const isBase =
      (cls === BPF_LDX && stream.src[at] === BPF_REG_FP) ||
      ((cls === BPF_ST || cls === BPF_STX) && stream.dst[at] === BPF_REG_FP);
    if (isBase) lowest = Math.min(lowest, stream.off[at]);
    else if (code === (BPF_ALU64 | BPF_MOV | BPF_X) && stream.src[at] === BPF_REG_FP) {
      const isOffset =
        at + 1 < end &&
        stream.code[at + 1] === (BPF_ALU64 | BPF_ADD | BPF_K) &&
        stream.dst[at + 1] === stream.dst[at];
      if (!isOffset) return null;
      lowest = Math.min(lowest, stream.imm[at + 1]);
    }
    if (cls === BPF_STX && stream.src[at] === BPF_REG_FP) return null;
  }
  return lowest;
}

import {
  BPF_ALU,
  BPF_ATOMIC,
  BPF_CMPXCHG,
  BPF_DIV,
  BPF_K,
  BPF_MOV,
  BPF_STX,
  BPF_W,
  BPF_X,
  INSN_SIZE,
} from '../../assembly/isa.js';
import { LimitError, UsageError } from '../errors.js';
import type { JitInput } from '../jit/jit-image.js';
import type { GuestAddress, InsnIndex } from '../quantities.js';
import { guardDivision, isDivision } from '../verifier/rewrite/division.js';
import { type Code, Pass } from '../verifier/rewrite/pass.js';
import { CALL, EXIT, GOTOL, InsnStream, LD_IMM64, NO_TARGET } from '../verifier/rewrite/stream.js';
import { Flow, isInsn } from './raw-flow.js';

/** Slots of all functions together, code that several of them reach counted for each. */
const MOST_SLOTS = 1_000_000;
const FRAME = 512;

/** One function of a raw program as the JIT takes it. */
export interface RawFunction {
  readonly input: JitInput;
  /** Slot of the submitted program that each slot came from. */
  readonly origin: Int32Array;
}

export interface RawCalls {
  /** What helper calls are relative to. */
  readonly callBase: GuestAddress;
  /** Address of the gate of a helper. */
  readonly gate: (helper: number) => GuestAddress;
  /** Gate that is called with R1 = the slot where no instruction begins. */
  readonly bad: GuestAddress;
}

/**
 * Unverified instructions that engines know, made fit for the JIT as the verifier's rewrites do: divisions that cannot
 * trap, zero extension where x86 does not do it, gates for helpers. A function is all that can be reached from a call
 * target; where that is no instruction (second halves of ld_imm64, the end) it calls `bad`. `starts`: slots of the
 * functions, ascending, the first 0.
 *
 * @throws LimitError LIMIT_INSNS; UsageError USAGE_INSN for a jump that no longer fits its field.
 */
export function rawFunctions(
  insns: Uint8Array,
  starts: readonly InsnIndex[],
  calls: RawCalls,
): RawFunction[] {
  const code = rewritten({ stream: InsnStream.parse(insns), functions: Int32Array.from(starts) }, calls);
  const functionAt = new Map(Array.from(code.functions, (start, index) => [start, index]));
  const flow = new Flow(code.stream);
  let left = MOST_SLOTS;
  return Array.from(code.functions, (start, index) => {
    const reached = flow.reachable(start);
    left -= reached.length;
    if (left < 0)
      throw new LimitError(
        'LIMIT_INSNS',
        `raw program: more than ${MOST_SLOTS} instructions in its functions`,
      );
    return rawFunction(
      new Layout(code.stream, start, reached),
      functionAt,
      index,
      Number(calls.bad - calls.callBase),
    );
  });
}

function rewritten(code: Code, { callBase, gate }: RawCalls): Code {
  return Pass.run(code, (pass, at) => {
    const { input, out } = pass;
    const opcode = input.code[at];
    if (isDivision(opcode)) return guardUnverified(pass, at);
    pass.copy();
    if (opcode === CALL && input.src[at] === 0)
      out.imm[out.length - 1] = Number(gate(input.imm[at]) - callBase);
    if (opcode === (BPF_STX | BPF_ATOMIC | BPF_W) && input.imm[at] === BPF_CMPXCHG)
      pass.insn(BPF_ALU | BPF_MOV | BPF_X, 0, 0, 0, 0);
  });
}

/** The verifier refuses a constant divisor of 0, which is as defined as one in a register. */
function guardUnverified(pass: Pass, at: InsnIndex): void {
  const { input } = pass;
  const opcode = input.code[at];
  const is32 = (opcode & 7) === BPF_ALU;
  if ((opcode & BPF_X) === BPF_X || input.imm[at] !== 0) return guardDivision(pass, at);
  if ((opcode & 0xf0) === BPF_DIV) pass.mov32Imm(input.dst[at], 0);
  else if (is32) pass.mov32(input.dst[at], input.dst[at]);
  else pass.mov(input.dst[at], input.dst[at]);
}

/** Where the slots of one function go: instructions in order, behind them a stub for each slot that is none. */
class Layout {
  /** Place of each reached slot in the function. */
  readonly place = new Map<InsnIndex, number>();
  readonly stubs: InsnIndex[] = [];
  readonly insns: InsnIndex[] = [];
  readonly length: number;

  constructor(
    readonly stream: InsnStream,
    readonly start: InsnIndex,
    reached: readonly InsnIndex[],
  ) {
    // A loop may reach in front of the function's first slot.
    let next = reached[0] === start ? 0 : 1;
    for (const at of reached) {
      if (!isInsn(stream, at)) {
        this.stubs.push(at);
        continue;
      }
      this.insns.push(at);
      this.place.set(at, next);
      next += stream.code[at] === LD_IMM64 ? 2 : 1;
    }
    // The end of the program is the last stub's slot but the first one's place: the last instruction runs into it.
    this.stubs.reverse();
    for (const at of this.stubs) {
      this.place.set(at, next);
      next += STUB_SLOTS;
    }
    this.length = next;
  }
}

const STUB_SLOTS = 3;
const MOV_K = BPF_ALU | BPF_MOV | BPF_K;

function rawFunction(
  { stream, start, place, stubs, insns, length }: Layout,
  functionAt: ReadonlyMap<InsnIndex, number>,
  index: number,
  bad: number,
): RawFunction {
  const bytes = new Uint8Array(length * INSN_SIZE);
  const view = new DataView(bytes.buffer);
  const origin = new Int32Array(length);
  const put = (
    at: number,
    from: InsnIndex,
    code: number,
    registers: number,
    off: number,
    imm: number,
  ): void => {
    view.setUint8(at * INSN_SIZE, code);
    view.setUint8(at * INSN_SIZE + 1, registers);
    view.setInt16(at * INSN_SIZE + 2, off, true);
    view.setInt32(at * INSN_SIZE + 4, imm, true);
    origin[at] = from;
  };
  const placeOf = (slot: InsnIndex): number => place.get(slot) as number;
  if (placeOf(start) !== 0) put(0, stream.origin[start], GOTOL, 0, 0, placeOf(start) - 1);
  for (const slot of insns) {
    const at = placeOf(slot);
    const from = stream.origin[slot];
    const code = stream.code[slot];
    const registers = stream.dst[slot] | (stream.src[slot] << 4);
    const target = stream.target[slot];
    if (target === NO_TARGET) put(at, from, code, registers, stream.off[slot], stream.imm[slot]);
    else if (code === CALL) put(at, from, code, registers, functionAt.get(target) as number, 1);
    else {
      const distance = placeOf(target) - at - 1;
      if (code === GOTOL) put(at, from, code, registers, stream.off[slot], distance);
      else put(at, from, code, registers, fitting(distance, from), stream.imm[slot]);
    }
    if (code === LD_IMM64) put(at + 1, from, 0, 0, 0, stream.imm[slot + 1]);
  }
  for (const slot of stubs) {
    const from = slot < stream.length ? stream.origin[slot] : stream.origin[stream.length - 1] + 1;
    const at = placeOf(slot);
    put(at, from, MOV_K, 1, 0, from);
    put(at + 1, from, CALL, 0, 0, bad);
    put(at + 2, from, EXIT, 0, 0, 0);
  }
  const input: JitInput = {
    name: `f${index}`,
    insns: bytes,
    stackDepth: FRAME,
    numExentries: 0,
    tailCallReachable: false,
    isSubprogram: index > 0,
    isExceptionCallback: false,
    exceptionBoundary: false,
    isClassic: false,
    arenaKernel: 0n,
    arenaUser: 0n,
  };
  return { input, origin };
}

function fitting(distance: number, insn: InsnIndex): number {
  if (distance >= -0x8000 && distance <= 0x7fff) return distance;
  throw new UsageError(
    'USAGE_INSN',
    `raw program: instruction ${insn}: expected a jump of 16 bits once divisions are guarded, found ${distance}`,
    { insn },
  );
}

import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_CALL,
  BPF_DIV,
  BPF_DW,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LSH,
  BPF_MEM,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_OR,
  BPF_PROBE_MEM32,
  BPF_PSEUDO_FUNC,
  BPF_REG_AX,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_TAIL_CALL,
  BPF_X,
  BPF_XOR,
  INSN_SIZE,
} from '../../assembly/isa.js';
import { JitError } from '../errors.js';
import type { InsnIndex } from '../quantities.js';
import type { RandomSource } from './random.js';

const LD_IMM64 = BPF_LD | BPF_DW;
/** ALU operations whose immediate is hidden: shifts, negation and byte swaps keep theirs. */
const HIDDEN_ALU = new Set([BPF_ADD, BPF_SUB, BPF_AND, BPF_OR, BPF_XOR, BPF_MUL, BPF_MOV, BPF_DIV, BPF_MOD]);
/** Operations of class JMP that are no conditional branch. */
const NO_CONDITION = new Set([BPF_JA, BPF_CALL, BPF_EXIT, BPF_TAIL_CALL]);

interface Insn {
  readonly op: number;
  readonly dst: number;
  readonly src: number;
  readonly off: number;
  readonly imm: number;
}

/** A program whose immediates are hidden. */
export interface BlindedInsns {
  readonly insns: Uint8Array;
  /** For each slot of `insns`: the slot it came from. */
  readonly origin: Int32Array;
}

function decode(view: DataView, slot: InsnIndex): Insn {
  const at = slot * INSN_SIZE;
  const registers = view.getUint8(at + 1);
  return {
    op: view.getUint8(at),
    dst: registers & 15,
    src: registers >> 4,
    off: view.getInt16(at + 2, true),
    imm: view.getInt32(at + 4, true),
  };
}

/** AX = imm, from two numbers neither of which is imm. `klass` is ALU or ALU64. */
function hide(klass: number, imm: number, random: RandomSource): Insn[] {
  const key = random.u32() | 0;
  const ax = { dst: BPF_REG_AX, src: 0, off: 0 };
  return [
    { op: klass | BPF_MOV, ...ax, imm: key ^ imm },
    { op: klass | BPF_XOR, ...ax, imm: key },
  ];
}

/** What replaces one instruction other than ld_imm64; null = it stays. */
function blindInsn(insn: Insn, random: RandomSource): Insn[] | null {
  const { op, dst, src, off, imm } = insn;
  if (dst === BPF_REG_AX || src === BPF_REG_AX) return null;
  const klass = op & 7;
  const operation = op & 0xf0;
  if ((klass === BPF_ALU || klass === BPF_ALU64) && (op & BPF_X) === 0 && HIDDEN_ALU.has(operation)) {
    if (operation === BPF_MOV && imm === 0)
      return [{ op: BPF_ALU64 | BPF_XOR | BPF_X, dst, src: dst, off: 0, imm: 0 }];
    return [...hide(klass, imm, random), { op: op | BPF_X, dst, src: BPF_REG_AX, off, imm: 0 }];
  }
  if ((klass === BPF_JMP || klass === BPF_JMP32) && (op & BPF_X) === 0 && !NO_CONDITION.has(operation)) {
    const hidden = hide(klass === BPF_JMP ? BPF_ALU64 : BPF_ALU, imm, random);
    return [...hidden, { op: op | BPF_X, dst, src: BPF_REG_AX, off, imm: 0 }];
  }
  const mode = op & 0xe0;
  if (klass === BPF_ST && (mode === BPF_MEM || mode === BPF_PROBE_MEM32))
    return [...hide(BPF_ALU64, imm, random), { op: (op & ~7) | BPF_STX, dst, src: BPF_REG_AX, off, imm: 0 }];
  return null;
}

/** The two slots of ld_imm64: upper half shifted into place, lower half or-ed in. */
function blindLoad(first: Insn, second: Insn, random: RandomSource): [Insn[], Insn[]] {
  const ax = { dst: BPF_REG_AX, src: 0, off: 0 };
  const { dst } = first;
  const high = [
    ...hide(BPF_ALU64, second.imm, random),
    { op: BPF_ALU64 | BPF_LSH, ...ax, imm: 32 },
    { op: BPF_ALU64 | BPF_MOV | BPF_X, dst, src: BPF_REG_AX, off: 0, imm: 0 },
  ];
  const low = [
    ...hide(BPF_ALU, first.imm, random),
    { op: BPF_ALU64 | BPF_OR | BPF_X, dst, src: BPF_REG_AX, off: 0, imm: 0 },
  ];
  return [high, low];
}

/**
 * Hides the immediates of one function's instructions, as net.core.bpf_jit_harden asks: each becomes the xor of two
 * random numbers, computed in AX when the program runs.
 *
 * @throws JitError JIT_BLIND when a branch no longer reaches its target.
 */
export function blind(insns: Uint8Array, random: RandomSource): BlindedInsns {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  const count = insns.length / INSN_SIZE;
  const groups: Insn[][] = [];
  while (groups.length < count) {
    const insn = decode(view, groups.length);
    if (insn.op === LD_IMM64 && groups.length + 1 < count) {
      const second = decode(view, groups.length + 1);
      const stays = insn.src === BPF_PSEUDO_FUNC || insn.dst === BPF_REG_AX;
      groups.push(...(stays ? [[insn], [second]] : blindLoad(insn, second, random)));
    } else groups.push(blindInsn(insn, random) ?? [insn]);
  }
  return layOut(groups);
}

function layOut(groups: readonly (readonly Insn[])[]): BlindedInsns {
  const starts = new Int32Array(groups.length + 1);
  for (const [i, group] of groups.entries()) starts[i + 1] = starts[i] + group.length;
  const insns = new Uint8Array(starts[groups.length] * INSN_SIZE);
  const origin = new Int32Array(starts[groups.length]);
  const view = new DataView(insns.buffer);
  for (const [i, group] of groups.entries()) {
    for (const [k, insn] of group.entries()) {
      const slot = starts[i] + k;
      origin[slot] = i;
      encode(view, slot, k === group.length - 1 ? retarget(insn, i, slot, starts) : insn);
    }
  }
  return { insns, origin };
}

/** The branch at `slot`, leading to where its target went. */
function retarget(insn: Insn, from: InsnIndex, slot: InsnIndex, starts: Int32Array): Insn {
  const klass = insn.op & 7;
  if (klass !== BPF_JMP && klass !== BPF_JMP32) return insn;
  const operation = insn.op & 0xf0;
  if (operation !== BPF_JA && NO_CONDITION.has(operation)) return insn;
  const long = insn.op === (BPF_JMP32 | BPF_JA);
  const target = from + 1 + (long ? insn.imm : insn.off);
  // Out of the function: left for the JIT to refuse.
  if (target < 0 || target >= starts.length) return insn;
  const distance = starts[target] - slot - 1;
  if (long) return { ...insn, imm: distance };
  if (distance < -0x8000 || distance > 0x7fff)
    throw new JitError(
      'JIT_BLIND',
      `blinding: branch over ${distance} instructions, expected at most 32767 (offset has 16 bits)`,
      { insn: from },
    );
  return { ...insn, off: distance };
}

function encode(view: DataView, slot: InsnIndex, { op, dst, src, off, imm }: Insn): void {
  const at = slot * INSN_SIZE;
  view.setUint8(at, op);
  view.setUint8(at + 1, dst | (src << 4));
  view.setInt16(at + 2, off, true);
  view.setInt32(at + 4, imm, true);
}

import { INSN_SIZE } from '../../assembly/isa.js';
import type { InsnIndex } from '../quantities.js';

/*
 * One slot, 8 bytes, little-endian (RFC 9669 section 3):
 *
 *   0        1           2          4              8
 *   | opcode | src | dst | offset   | imm          |
 */

/** One instruction slot, decoded. */
export interface Insn {
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  /** Signed 16 bits. */
  readonly off: number;
  /** Signed 32 bits. */
  readonly imm: number;
}

export function readInsn(insns: Uint8Array, index: InsnIndex): Insn {
  const at = index * INSN_SIZE;
  return {
    opcode: insns[at]!,
    dst: insns[at + 1]! & 0xf,
    src: insns[at + 1]! >> 4,
    off: ((insns[at + 2]! | (insns[at + 3]! << 8)) << 16) >> 16,
    imm: insns[at + 4]! | (insns[at + 5]! << 8) | (insns[at + 6]! << 16) | (insns[at + 7]! << 24),
  };
}

export function writeInsn(insns: Uint8Array, index: InsnIndex, insn: Insn): void {
  const at = index * INSN_SIZE;
  insns[at] = insn.opcode;
  insns[at + 1] = (insn.dst & 0xf) | (insn.src << 4);
  insns[at + 2] = insn.off;
  insns[at + 3] = insn.off >> 8;
  for (let i = 0; i < 4; i++) insns[at + 4 + i] = insn.imm >> (8 * i);
}

/** The 64-bit immediate of the two slots at `index`; the upper half is 0 when the second slot is missing. */
export function readImm64(insns: Uint8Array, index: InsnIndex): bigint {
  const low = BigInt(readInsn(insns, index).imm >>> 0);
  if ((index + 2) * INSN_SIZE > insns.length) return low;
  return low | (BigInt(readInsn(insns, index + 1).imm >>> 0) << 32n);
}

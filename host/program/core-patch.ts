import * as isa from '../../assembly/isa.js';
import { type Insn, readInsn, writeInsn } from '../asm/insn.js';
import type { InsnIndex } from '../quantities.js';

/** imm of the call that stands for an instruction whose relocation failed: the verifier refuses it if it is reached. */
export const CORE_POISON_IMM = 195896080;

const LD_IMM64 = isa.BPF_LD | isa.BPF_IMM | isa.BPF_DW;
const MAX_OFFSET = 32767;
const SIZE_OF: Readonly<Record<number, number>> = {
  [isa.BPF_B]: 1,
  [isa.BPF_H]: 2,
  [isa.BPF_W]: 4,
  [isa.BPF_DW]: 8,
};

export interface CorePatch {
  readonly local: bigint;
  readonly target: bigint;
  readonly validate: boolean;
  readonly localSize: number;
  readonly targetSize: number;
  /** The field changed its size and its type does not allow to widen or narrow the access. */
  readonly isSizeChangeWrong: boolean;
}

/** Turns the instruction (both slots of an ld_imm64) into the poisoned call. */
export function poisonInsn(insns: Uint8Array, index: InsnIndex, imm: number = CORE_POISON_IMM): void {
  const isWide = readInsn(insns, index).opcode === LD_IMM64;
  const poison: Insn = { opcode: isa.BPF_JMP | isa.BPF_CALL, dst: 0, src: 0, off: 0, imm };
  writeInsn(insns, index, poison);
  if (isWide && (index + 2) * isa.INSN_SIZE <= insns.length) writeInsn(insns, index + 1, poison);
}

/** Puts the target's value into the instruction; a string says what was expected and found instead. */
export function patchInsn(insns: Uint8Array, index: InsnIndex, patch: CorePatch): string | null {
  const insn = readInsn(insns, index);
  const { target, local } = patch;
  const isStale = (held: bigint): boolean => patch.validate && held !== local;
  switch (insn.opcode & 7) {
    case isa.BPF_ALU:
    case isa.BPF_ALU64:
      if ((insn.opcode & isa.BPF_X) !== 0) return 'an immediate operand, found a register';
      if (isStale(BigInt(insn.imm)) && isStale(BigInt(insn.imm >>> 0)))
        return `imm ${local}, found ${insn.imm}`;
      writeInsn(insns, index, { ...insn, imm: Number(BigInt.asIntN(32, target)) });
      return null;
    case isa.BPF_LDX:
    case isa.BPF_ST:
    case isa.BPF_STX: {
      if (isStale(BigInt(insn.off))) return `off ${local}, found ${insn.off}`;
      if (target > MAX_OFFSET) return `an offset of at most ${MAX_OFFSET}, found ${target}`;
      if (patch.isSizeChangeWrong) {
        poisonInsn(insns, index);
        return null;
      }
      const opcode = patch.localSize === patch.targetSize ? insn.opcode : resized(insn.opcode, patch);
      if (typeof opcode === 'string') return opcode;
      writeInsn(insns, index, { ...insn, opcode, off: Number(target) });
      return null;
    }
    default: {
      if (insn.opcode !== LD_IMM64 || insn.src !== 0 || (index + 2) * isa.INSN_SIZE > insns.length) {
        return `an ALU, load, store or ld_imm64 instruction, found opcode 0x${insn.opcode.toString(16)}`;
      }
      const second = readInsn(insns, index + 1);
      if (second.opcode !== 0 || second.off !== 0 || second.src !== 0 || second.dst !== 0) {
        return `the second half of ld_imm64, found opcode 0x${second.opcode.toString(16)}`;
      }
      const held = BigInt(insn.imm >>> 0) | (BigInt(second.imm >>> 0) << 32n);
      if (isStale(held) && isStale(BigInt.asIntN(64, held))) return `imm ${local}, found ${held}`;
      writeInsn(insns, index, { ...insn, imm: Number(BigInt.asIntN(32, target)) });
      writeInsn(insns, index + 1, { ...second, imm: Number(BigInt.asIntN(32, target >> 32n)) });
      return null;
    }
  }
}

function resized(opcode: number, patch: CorePatch): number | string {
  const held = SIZE_OF[opcode & 0x18]!;
  if (held !== patch.localSize) return `an access of ${patch.localSize} bytes, found ${held}`;
  for (const [code, size] of Object.entries(SIZE_OF)) {
    if (size === patch.targetSize) return (opcode & ~0x18) | Number(code);
  }
  return `a field of 1, 2, 4 or 8 bytes, found ${patch.targetSize}`;
}

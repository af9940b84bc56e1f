import * as isa from '../../assembly/isa.js';

/** Assignment operators of ALU instructions by operation (opcode & 0xf0). */
export const ALU_OPERATOR: Readonly<Record<number, string>> = {
  [isa.BPF_ADD]: '+=',
  [isa.BPF_SUB]: '-=',
  [isa.BPF_MUL]: '*=',
  [isa.BPF_DIV]: '/=',
  [isa.BPF_OR]: '|=',
  [isa.BPF_AND]: '&=',
  [isa.BPF_LSH]: '<<=',
  [isa.BPF_RSH]: '>>=',
  [isa.BPF_MOD]: '%=',
  [isa.BPF_XOR]: '^=',
  [isa.BPF_MOV]: '=',
  [isa.BPF_ARSH]: 's>>=',
};

/** Comparison operators of conditional jumps by operation (opcode & 0xf0). */
export const JUMP_OPERATOR: Readonly<Record<number, string>> = {
  [isa.BPF_JEQ]: '==',
  [isa.BPF_JGT]: '>',
  [isa.BPF_JLT]: '<',
  [isa.BPF_JGE]: '>=',
  [isa.BPF_JLE]: '<=',
  [isa.BPF_JSET]: '&',
  [isa.BPF_JNE]: '!=',
  [isa.BPF_JSGT]: 's>',
  [isa.BPF_JSLT]: 's<',
  [isa.BPF_JSGE]: 's>=',
  [isa.BPF_JSLE]: 's<=',
};

/** Atomic operations by imm without the fetch bit: sign and name. */
export const ATOMIC_OPERATION: Readonly<Record<number, { readonly sign: string; readonly name: string }>> = {
  [isa.BPF_ADD]: { sign: '+=', name: 'add' },
  [isa.BPF_OR]: { sign: '|=', name: 'or' },
  [isa.BPF_AND]: { sign: '&=', name: 'and' },
  [isa.BPF_XOR]: { sign: '^=', name: 'xor' },
};

/** Bits of a memory access by size (opcode & 0x18). */
export const SIZE_BITS: Readonly<Record<number, 8 | 16 | 32 | 64>> = {
  [isa.BPF_B]: 8,
  [isa.BPF_H]: 16,
  [isa.BPF_W]: 32,
  [isa.BPF_DW]: 64,
};

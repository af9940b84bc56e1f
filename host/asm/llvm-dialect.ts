import * as isa from '../../assembly/isa.js';
import type { InsnIndex } from '../quantities.js';
import { type Insn, readImm64, readInsn } from './insn.js';
import { ALU_OPERATOR, ATOMIC_OPERATION, JUMP_OPERATOR, SIZE_BITS } from './operators.js';

const LD_IMM64 = isa.BPF_LD | isa.BPF_IMM | isa.BPF_DW;
const UNKNOWN = '<unknown>';

export interface LlvmListingOptions {
  /** Name that branch targets are given relative to: `<name+0x20>`. */
  readonly symbol?: string;
  /** Source line that an instruction begins; printed once before it. */
  readonly source?: (index: InsnIndex) => string | undefined;
}

/** One instruction as `llvm-objdump -d` prints it, without index and bytes: `r1 = *(u64 *)(r1 + 0x30)`. */
export function disassembleLlvm(insns: Uint8Array, index: InsnIndex): string {
  const insn = readInsn(insns, index);
  const { opcode, dst, src, imm, off } = insn;
  switch (opcode & 7) {
    case isa.BPF_ALU:
    case isa.BPF_ALU64:
      return alu(insn);
    case isa.BPF_LDX: {
      const mode = opcode & 0xe0;
      if (mode !== isa.BPF_MEM && mode !== isa.BPF_MEMSX) return UNKNOWN;
      return `r${dst} = *(${mode === isa.BPF_MEM ? 'u' : 's'}${SIZE_BITS[opcode & 0x18]} *)(${place(src, off)})`;
    }
    case isa.BPF_ST:
      if ((opcode & 0xe0) !== isa.BPF_MEM) return UNKNOWN;
      return `*(u${SIZE_BITS[opcode & 0x18]} *)(${place(dst, off)}) = ${hex(imm)}`;
    case isa.BPF_STX:
      if ((opcode & 0xe0) === isa.BPF_ATOMIC) return atomic(insn);
      if ((opcode & 0xe0) !== isa.BPF_MEM) return UNKNOWN;
      return `*(u${SIZE_BITS[opcode & 0x18]} *)(${place(dst, off)}) = r${src}`;
    case isa.BPF_LD:
      return loadWide(insn, insns, index);
    default:
      return jump(insn);
  }
}

/** Lines of `llvm-objdump -d`: `1:  79 11 30 00 00 00 00 00  r1 = ...`, branches with their target. */
export function listLlvm(insns: Uint8Array, options: LlvmListingOptions = {}): string[] {
  const lines: string[] = [];
  const count = insns.length / isa.INSN_SIZE;
  let source: string | undefined;
  for (let index = 0; index < count; index++) {
    const line = options.source?.(index);
    if (line !== undefined && line !== source) lines.push(`; ${line}`);
    source = line ?? source;
    const slots = insns[index * isa.INSN_SIZE] === LD_IMM64 && index + 1 < count ? 2 : 1;
    const bytes = [...insns.subarray(index * isa.INSN_SIZE, (index + slots) * isa.INSN_SIZE)]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join(' ');
    const target =
      options.symbol === undefined ? '' : branchTarget(readInsn(insns, index), index, options.symbol);
    lines.push(`${String(index).padStart(8)}:\t${bytes}\t${disassembleLlvm(insns, index)}${target}`);
    index += slots - 1;
  }
  return lines;
}

function alu(insn: Insn): string {
  const { opcode, dst, src, off, imm } = insn;
  const is64 = (opcode & 7) === isa.BPF_ALU64;
  const isRegister = (opcode & isa.BPF_X) !== 0;
  const register = is64 ? 'r' : 'w';
  const operation = opcode & 0xf0;
  if (operation === isa.BPF_END) {
    if ((is64 && isRegister) || (imm !== 16 && imm !== 32 && imm !== 64)) return UNKNOWN;
    return `r${dst} = ${is64 ? 'bswap' : isRegister ? 'be' : 'le'}${imm} r${dst}`;
  }
  if (operation === isa.BPF_NEG) return isRegister ? UNKNOWN : `${register}${dst} = -${register}${dst}`;
  const operator = ALU_OPERATOR[operation];
  if (operator === undefined) return UNKNOWN;
  const isSigned = off === 1 && (operation === isa.BPF_DIV || operation === isa.BPF_MOD);
  const left = `${register}${dst} ${isSigned ? 's' : ''}${operator}`;
  if (!isRegister) return `${left} ${hex(imm)}`;
  if (operation === isa.BPF_MOV && is64 && off === 1) {
    return `r${dst} = addr_space_cast(r${src}, ${hex(imm >>> 16)}, ${hex(imm & 0xffff)})`;
  }
  const extension = operation === isa.BPF_MOV && (off === 8 || off === 16 || off === 32) ? `(s${off})` : '';
  return `${left} ${extension}${register}${src}`;
}

function atomic(insn: Insn): string {
  const { opcode, dst, src, off, imm } = insn;
  const is64 = (opcode & 0x18) === isa.BPF_DW;
  const where = place(dst, off);
  const memory = `(u${SIZE_BITS[opcode & 0x18]} *)(${where})`;
  const register = is64 ? 'r' : 'w';
  const value = `${register}${src}`;
  if (imm === isa.BPF_XCHG) return `${value} = ${is64 ? 'xchg_64' : 'xchg32_32'}(${where}, ${value})`;
  if (imm === isa.BPF_CMPXCHG) {
    return `${register}0 = ${is64 ? 'cmpxchg_64' : 'cmpxchg32_32'}(${where}, ${register}0, ${value})`;
  }
  const operation = ATOMIC_OPERATION[imm & ~isa.BPF_FETCH];
  if (operation === undefined) return UNKNOWN;
  if ((imm & isa.BPF_FETCH) !== 0) return `${value} = atomic_fetch_${operation.name}(${memory}, ${value})`;
  return `lock *${memory} ${operation.sign} ${value}`;
}

function loadWide(insn: Insn, insns: Uint8Array, index: InsnIndex): string {
  const { opcode, dst, src, imm } = insn;
  const size = SIZE_BITS[opcode & 0x18];
  if ((opcode & 0xe0) === isa.BPF_ABS) return `r0 = *(u${size} *)skb[${hex(imm)}]`;
  if ((opcode & 0xe0) === isa.BPF_IND) return `r0 = *(u${size} *)skb[r${src}]`;
  if (opcode !== LD_IMM64) return UNKNOWN;
  if (src !== 0) return `ld_pseudo\tr${dst}, ${hex(src)}, ${hex(imm)}`;
  return `r${dst} = ${hex(BigInt.asIntN(64, readImm64(insns, index)))} ll`;
}

function jump(insn: Insn): string {
  const { opcode, dst, src, off, imm } = insn;
  const is32 = (opcode & 7) === isa.BPF_JMP32;
  const operation = opcode & 0xf0;
  const isRegister = (opcode & isa.BPF_X) !== 0;
  if (operation === isa.BPF_JA) return is32 ? `gotol ${distance(imm)}` : `goto ${distance(off)}`;
  if (!is32) {
    if (operation === isa.BPF_CALL) return isRegister ? `callx r${dst}` : `call ${hex(imm)}`;
    if (operation === isa.BPF_EXIT) return 'exit';
    if (operation === isa.BPF_JCOND) return `may_goto ${distance(off)}`;
  }
  const operator = JUMP_OPERATOR[operation];
  if (operator === undefined) return UNKNOWN;
  const register = is32 ? 'w' : 'r';
  return `if ${register}${dst} ${operator} ${isRegister ? `${register}${src}` : hex(imm)} goto ${distance(off)}`;
}

function branchTarget(insn: Insn, index: InsnIndex, symbol: string): string {
  const { opcode, off, imm } = insn;
  const kind = opcode & 7;
  const operation = opcode & 0xf0;
  const isBranch = kind === isa.BPF_JMP || kind === isa.BPF_JMP32;
  if (!isBranch || operation === isa.BPF_CALL || operation === isa.BPF_EXIT) return '';
  const slots = opcode === (isa.BPF_JMP32 | isa.BPF_JA) ? imm : off;
  const byte = (index + 1 + slots) * isa.INSN_SIZE;
  return ` <${symbol}${byte === 0 ? '' : `+0x${byte.toString(16)}`}>`;
}

function place(register: number, off: number): string {
  return `r${register} ${off < 0 ? '-' : '+'} 0x${Math.abs(off).toString(16)}`;
}

function distance(slots: number): string {
  return slots < 0 ? hex(slots) : `+${hex(slots)}`;
}

function hex(value: number | bigint): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

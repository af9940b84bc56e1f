import * as isa from '../../assembly/isa.js';
import type { InsnIndex } from '../quantities.js';
import { helperName } from './helper-names.js';
import { type Insn, readImm64, readInsn } from './insn.js';
import { ALU_OPERATOR, ATOMIC_OPERATION, JUMP_OPERATOR, SIZE_BITS } from './operators.js';

/** What the instructions alone do not say. */
export interface InsnNames {
  /** Name of a helper with its `bpf_`; helper-names.ts when absent. */
  readonly helper?: (id: number) => string | undefined;
  /** Name of a kernel function by its BTF id. */
  readonly kfunc?: (btfId: number) => string | undefined;
  /** Value to print for an ld_imm64 (a resolved address) instead of the immediate. */
  readonly imm64?: bigint;
  /** False for kernels before ISA version 4 (6.1), which print the offset of mov, div and mod as if it were 0. */
  readonly isaV4?: boolean;
}

const ADDRESS_SPACE_CAST = 1;
const PER_CPU_ADDRESS = -1;

/**
 * One instruction as the kernel's verifier log and `bpftool prog dump xlated` print it, opcode included, index not:
 * `(79) r1 = *(u64 *)(r1 +48)`.
 */
export function disassemble(insns: Uint8Array, index: InsnIndex, names: InsnNames = {}): string {
  const insn = readInsn(insns, index);
  const printed = text(insn, insns, index, names);
  // What the kernel cannot print it names without the opcode in front.
  return printed.startsWith('BUG_') ? printed : `(${hex2(insn.opcode)}) ${printed}`;
}

/** A listing of all instructions, one line each, with their indexes. */
export function disassembleAll(insns: Uint8Array, names: InsnNames = {}): string[] {
  const lines: string[] = [];
  const count = insns.length / isa.INSN_SIZE;
  for (let index = 0; index < count; index++) {
    lines.push(`${index}: ${disassemble(insns, index, names)}`);
    if (insns[index * isa.INSN_SIZE] === LD_IMM64) index++;
  }
  return lines;
}

const LD_IMM64 = isa.BPF_LD | isa.BPF_IMM | isa.BPF_DW;

function text(insn: Insn, insns: Uint8Array, index: InsnIndex, names: InsnNames): string {
  const { opcode, src, imm } = insn;
  switch (opcode & 7) {
    case isa.BPF_ALU:
    case isa.BPF_ALU64:
      return alu(insn, names.isaV4 ?? true);
    case isa.BPF_STX:
      return storeRegister(insn);
    case isa.BPF_ST:
      if ((opcode & 0xe0) === isa.BPF_MEM || (opcode & 0xe0) === isa.BPF_PROBE_MEM32) {
        return `${memory('u', insn, insn.dst)} = ${imm}`;
      }
      return opcode === (isa.BPF_ST | isa.BPF_NOSPEC) ? 'nospec' : `BUG_st_${hex2(opcode)}`;
    case isa.BPF_LDX:
      return load(insn);
    case isa.BPF_LD:
      if (opcode === LD_IMM64)
        return `r${insn.dst} = 0x${(names.imm64 ?? readImm64(insns, index)).toString(16)}`;
      if ((opcode & 0xe0) === isa.BPF_ABS) return `r0 = *(u${SIZE_BITS[opcode & 0x18]} *)skb[${imm}]`;
      if ((opcode & 0xe0) === isa.BPF_IND)
        return `r0 = *(u${SIZE_BITS[opcode & 0x18]} *)skb[r${src} + ${imm}]`;
      return `BUG_ld_${hex2(opcode)}`;
    default:
      return jump(insn, names);
  }
}

function alu(insn: Insn, isaV4: boolean): string {
  const { opcode, dst, src, imm } = insn;
  const off = isaV4 ? insn.off : 0;
  const is64 = (opcode & 7) === isa.BPF_ALU64;
  const register = is64 ? 'r' : 'w';
  const operation = opcode & 0xf0;
  const target = `${register}${dst}`;
  if (operation === isa.BPF_END && (isaV4 || !is64)) {
    const swap = is64 ? 'bswap' : (opcode & isa.BPF_X) !== 0 ? 'be' : 'le';
    return `r${dst} = ${swap}${imm} r${dst}`;
  }
  if (operation === isa.BPF_NEG) return `${target} = -${target}`;
  let operator = ALU_OPERATOR[operation];
  if (operator === undefined) return `BUG_alu${is64 ? '64' : ''}_${hex2(opcode)}`;
  if ((operation === isa.BPF_DIV || operation === isa.BPF_MOD) && off === 1) operator = `s${operator}`;
  if ((opcode & isa.BPF_X) === 0) return `${target} ${operator} ${imm}`;
  if (operation === isa.BPF_MOV && is64 && off === ADDRESS_SPACE_CAST) {
    return `r${dst} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`;
  }
  if (operation === isa.BPF_MOV && is64 && off === PER_CPU_ADDRESS)
    return `r${dst} = &(void __percpu *)(r${src})`;
  const isExtended = operation === isa.BPF_MOV && (off === 8 || off === 16 || off === 32);
  return `${target} ${operator} ${isExtended ? `(s${off})` : ''}${register}${src}`;
}

function load(insn: Insn): string {
  const { opcode, dst, src } = insn;
  switch (opcode & 0xe0) {
    case isa.BPF_MEM:
    case isa.BPF_PROBE_MEM:
    case isa.BPF_PROBE_MEM32:
      return `r${dst} = ${memory('u', insn, src)}`;
    case isa.BPF_MEMSX:
    case isa.BPF_PROBE_MEMSX:
      return `r${dst} = ${memory('s', insn, src)}`;
    default:
      return `BUG_ldx_${hex2(opcode)}`;
  }
}

function storeRegister(insn: Insn): string {
  const { opcode, dst, src, imm } = insn;
  const mode = opcode & 0xe0;
  if (mode === isa.BPF_MEM || mode === isa.BPF_PROBE_MEM32) return `${memory('u', insn, dst)} = r${src}`;
  if (mode !== isa.BPF_ATOMIC && mode !== isa.BPF_PROBE_ATOMIC) return `BUG_${hex2(opcode)}`;
  const place = memory('u', insn, dst);
  const atomic = (opcode & 0x18) === isa.BPF_DW ? 'atomic64' : 'atomic';
  if (imm === isa.BPF_CMPXCHG) return `r0 = ${atomic}_cmpxchg(${place.slice(1)}, r0, r${src})`;
  if (imm === isa.BPF_XCHG) return `r${src} = ${atomic}_xchg(${place.slice(1)}, r${src})`;
  const operation = ATOMIC_OPERATION[imm & ~isa.BPF_FETCH];
  if (operation === undefined) return `BUG_${hex2(opcode)}`;
  if ((imm & isa.BPF_FETCH) === 0) return `lock ${place} ${operation.sign} r${src}`;
  return `r${src} = ${atomic}_fetch_${operation.name}(${place.slice(1)}, r${src})`;
}

function jump(insn: Insn, names: InsnNames): string {
  const { opcode, dst, src, off, imm } = insn;
  const is32 = (opcode & 7) === isa.BPF_JMP32;
  const operation = opcode & 0xf0;
  if (operation === isa.BPF_CALL && !is32) return call(src, imm, names);
  if (operation === isa.BPF_JA) return is32 ? `gotol pc${signed(imm)}` : `goto pc${signed(off)}`;
  if (operation === isa.BPF_JCOND && !is32) return `may_goto pc${signed(off)}`;
  if (operation === isa.BPF_EXIT && !is32) return 'exit';
  const operator = JUMP_OPERATOR[operation];
  if (operator === undefined) return `BUG_${hex2(opcode)}`;
  const register = is32 ? 'w' : 'r';
  const right = (opcode & isa.BPF_X) !== 0 ? `${register}${src}` : `0x${(imm >>> 0).toString(16)}`;
  return `if ${register}${dst} ${operator} ${right} goto pc${signed(off)}`;
}

function call(src: number, imm: number, names: InsnNames): string {
  if (src === isa.BPF_PSEUDO_CALL) return `call pc${signed(imm)}`;
  if (src === isa.BPF_PSEUDO_KFUNC_CALL) return `call ${names.kfunc?.(imm) ?? 'unknown'}#${imm}`;
  const name = (names.helper ?? helperName)(imm) ?? 'unknown';
  return `call ${name}#${imm}`;
}

/** `*(u64 *)(r1 +48)`. */
function memory(sign: 'u' | 's', insn: Insn, base: number): string {
  return `*(${sign}${SIZE_BITS[insn.opcode & 0x18]} *)(r${base} ${signed(insn.off)})`;
}

function signed(value: number): string {
  return value < 0 ? `${value}` : `+${value}`;
}

function hex2(value: number): string {
  return value.toString(16).padStart(2, '0');
}

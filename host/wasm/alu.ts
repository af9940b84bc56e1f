// ALU instructions (RFC 9669 section 4.1 and 4.2) and the internal moves that the rewrites make.
import {
  BPF_ADD,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_DIV,
  BPF_END,
  BPF_LSH,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_REG_FP,
  BPF_RSH,
  BPF_SUB,
  BPF_XOR,
} from '../../assembly/isa.js';
import type { CodeWriter } from './code-writer.js';
import type { Insn } from './insn.js';
import * as W from './opcodes.js';
import { swapBytes } from './swap.js';

/** What ALU code needs of the function around it. */
export interface AluContext {
  readonly out: CodeWriter;
  readonly perCpuOffset: bigint;
  /** Upper half of user arena pointers. */
  readonly arenaUser: bigint;
  push(register: number): void;
  pop(register: number): void;
}

type Pair = readonly [number, number];

/** 64-bit and 32-bit form of each operation that is one instruction. */
const PLAIN = new Map<number, Pair>([
  [BPF_ADD, [W.I64_ADD, W.I32_ADD]],
  [BPF_SUB, [W.I64_SUB, W.I32_SUB]],
  [BPF_MUL, [W.I64_MUL, W.I32_MUL]],
  [BPF_OR, [W.I64_OR, W.I32_OR]],
  [BPF_AND, [W.I64_AND, W.I32_AND]],
  [BPF_XOR, [W.I64_XOR, W.I32_XOR]],
  [BPF_LSH, [W.I64_SHL, W.I32_SHL]],
  [BPF_RSH, [W.I64_SHR_U, W.I32_SHR_U]],
  [BPF_ARSH, [W.I64_SHR_S, W.I32_SHR_S]],
]);

/** False for an instruction that does not exist. */
export function alu(context: AluContext, insn: Insn): boolean {
  const { out } = context;
  const { operation, dst, isX } = insn;
  const wide = insn.klass === BPF_ALU64;
  if (dst === BPF_REG_FP) return false;
  if (operation === BPF_END) return swap(context, insn, wide);
  if (operation === BPF_MOV && isX && insn.off !== 0) return specialMove(context, insn, wide);
  const plain = PLAIN.get(operation);
  if (plain) {
    push(context, dst, wide);
    operand(context, insn, wide);
    out.u8(plain[wide ? 0 : 1]);
  } else if (operation === BPF_MOV) operand(context, insn, wide);
  else if (operation === BPF_NEG) {
    if (isX) return false;
    constant(out, 0, wide);
    push(context, dst, wide);
    out.u8(wide ? W.I64_SUB : W.I32_SUB);
  } else if (operation === BPF_DIV || operation === BPF_MOD) divide(context, insn, wide);
  else return false;
  if (!wide) out.extend();
  context.pop(dst);
  return true;
}

function push(context: AluContext, register: number, wide: boolean): void {
  context.push(register);
  if (!wide) context.out.wrap();
}

function constant(out: CodeWriter, value: number, wide: boolean): void {
  if (wide) out.i64(value);
  else out.i32(value);
}

function operand(context: AluContext, insn: Insn, wide: boolean): void {
  if (insn.isX) push(context, insn.src, wide);
  else constant(context.out, insn.imm, wide);
}

/** A zero divisor gives 0, or the dividend as remainder; the smallest number divided by -1 is itself. */
function divide(context: AluContext, insn: Insn, wide: boolean): void {
  const { out } = context;
  const isSigned = insn.off === 1;
  const isMod = insn.operation === BPF_MOD;
  const byZero = (): void => (isMod ? push(context, insn.dst, wide) : constant(out, 0, wide));
  const plainly = (): void => {
    push(context, insn.dst, wide);
    operand(context, insn, wide);
    const at = (isMod ? 2 : 0) + (isSigned ? 0 : 1);
    out.u8((wide ? W.I64_DIV_S : W.I32_DIV_S) + at);
  };
  const negate = (): void => {
    constant(out, 0, wide);
    push(context, insn.dst, wide);
    out.u8(wide ? W.I64_SUB : W.I32_SUB);
  };
  const needsNegation = isSigned && !isMod;
  if (!insn.isX) {
    if (insn.imm === 0) return byZero();
    return insn.imm === -1 && needsNegation ? negate() : plainly();
  }
  const type = wide ? W.I64 : W.I32;
  operand(context, insn, wide);
  out.u8(wide ? W.I64_EQZ : W.I32_EQZ);
  out.op(W.IF, type);
  byZero();
  out.u8(W.ELSE);
  if (needsNegation) {
    operand(context, insn, wide);
    constant(out, -1, wide);
    out.u8(wide ? W.I64_EQ : W.I32_EQ);
    out.op(W.IF, type);
    negate();
    out.u8(W.ELSE);
  }
  plainly();
  if (needsNegation) out.u8(W.END);
  out.u8(W.END);
}

const SIGN_EXTEND = new Map<number, Pair>([
  [8, [W.I64_EXTEND8_S, W.I32_EXTEND8_S]],
  [16, [W.I64_EXTEND16_S, W.I32_EXTEND16_S]],
  [32, [W.I64_EXTEND32_S, 0]],
]);
/** imm of the address-space cast to a user pointer. */
const CAST_TO_USER = 65536;

function specialMove(context: AluContext, insn: Insn, wide: boolean): boolean {
  const { out } = context;
  const extension = SIGN_EXTEND.get(insn.off)?.[wide ? 0 : 1];
  context.push(insn.src);
  if (extension) {
    if (!wide) out.wrap();
    out.u8(extension);
    if (!wide) out.extend();
  } else if (wide && insn.off === -1) {
    out.big(context.perCpuOffset);
    out.u8(W.I64_ADD);
  } else if (wide && insn.off === 1 && insn.imm === CAST_TO_USER) {
    out.wrap();
    out.op(W.IF, W.I64);
    context.push(insn.src);
    out.wrap();
    out.extend();
    out.big(context.arenaUser);
    out.u8(W.I64_OR);
    out.u8(W.ELSE);
    out.i64(0);
    out.u8(W.END);
  } else return false;
  context.pop(insn.dst);
  return true;
}

function swap(context: AluContext, insn: Insn, wide: boolean): boolean {
  const { out } = context;
  const { dst, isX, imm } = insn;
  if (wide && isX) return false;
  const swaps = wide || isX;
  const mask = (bits: bigint): void => {
    out.big(bits);
    out.u8(W.I64_AND);
  };
  if (!swaps) {
    if (imm === 64) return true;
    if (imm !== 16 && imm !== 32) return false;
    context.push(dst);
    mask(imm === 16 ? 0xffffn : 0xffffffffn);
    context.pop(dst);
    return true;
  }
  if (imm !== 16 && imm !== 32 && imm !== 64) return false;
  context.push(dst);
  swapBytes(out, imm / 8);
  context.pop(dst);
  return true;
}

import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_DIV,
  BPF_JEQ,
  BPF_JGT,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_K,
  BPF_MOD,
  BPF_MOV,
  BPF_NEG,
  BPF_REG_AX,
  BPF_X,
  BPF_XOR,
} from '../../../assembly/isa.js';
import type { Pass } from './pass.js';

/** A division or remainder, by its opcode. */
export function isDivision(code: number): boolean {
  const cls = code & 7;
  const op = code & 0xf0;
  return (cls === BPF_ALU || cls === BPF_ALU64) && (op === BPF_DIV || op === BPF_MOD);
}

/** Guards what the processor would trap on: zero divisors, and the smallest value by -1. */
export function guardDivision(pass: Pass, at: number): void {
  const { input } = pass;
  const code = input.code[at];
  const signed = input.off[at] === 1;
  if ((code & BPF_X) === 0) {
    if (signed && input.imm[at] === -1) return byMinusOne(pass, code, input.dst[at]);
    return pass.copy();
  }
  if (signed) signedDivision(pass, code, input.dst[at], input.src[at]);
  else unsignedDivision(pass, code, input.dst[at], input.src[at]);
}

function byMinusOne(pass: Pass, code: number, dst: number): void {
  if ((code & 0xf0) === BPF_DIV) pass.insn((code & 7) | BPF_NEG | BPF_K, dst, 0, 0, 0);
  else pass.mov32Imm(dst, 0);
}

function unsignedDivision(pass: Pass, code: number, dst: number, src: number): void {
  const is64 = (code & 7) === BPF_ALU64;
  const jump = is64 ? BPF_JMP : BPF_JMP32;
  if ((code & 0xf0) === BPF_DIV) {
    pass.skip(jump | BPF_JNE | BPF_K, src, 0, 0, 2);
    pass.alu32(BPF_XOR, dst, dst);
    pass.skipAlways(1);
    return pass.copy();
  }
  pass.skip(jump | BPF_JEQ | BPF_K, src, 0, 0, is64 ? 1 : 2);
  pass.copy();
  if (!is64) truncateUnlessDivided(pass, dst);
}

function signedDivision(pass: Pass, code: number, dst: number, src: number): void {
  const cls = code & 7;
  const is64 = cls === BPF_ALU64;
  const jump = is64 ? BPF_JMP : BPF_JMP32;
  const isDiv = (code & 0xf0) === BPF_DIV;
  pass.mov(BPF_REG_AX, src);
  pass.insn(cls | BPF_ADD | BPF_K, BPF_REG_AX, 0, 0, 1);
  if (isDiv) {
    pass.skip(jump | BPF_JGT | BPF_K, BPF_REG_AX, 0, 1, 4);
    pass.skip(jump | BPF_JEQ | BPF_K, BPF_REG_AX, 0, 0, 1);
    pass.insn(cls | BPF_MOV | BPF_K, dst, 0, 0, 0);
    pass.insn(cls | BPF_NEG | BPF_K, dst, 0, 0, 0);
    pass.skipAlways(1);
    return pass.copy();
  }
  pass.skip(jump | BPF_JGT | BPF_K, BPF_REG_AX, 0, 1, 3);
  pass.skip(jump | BPF_JEQ | BPF_K, BPF_REG_AX, 0, 1, is64 ? 3 : 4);
  pass.mov32Imm(dst, 0);
  pass.skipAlways(1);
  pass.copy();
  if (!is64) truncateUnlessDivided(pass, dst);
}

/** The remainder by 0 is the dividend, its low half in the 32-bit form. */
function truncateUnlessDivided(pass: Pass, dst: number): void {
  pass.skipAlways(1);
  pass.mov32(dst, dst);
}

// Arithmetic and moves: classes ALU (w = 0) and ALU64 (w = 1). `d` and `s` are x86 registers.

import {
  BPF_ADD,
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
  BPF_RSH,
  BPF_SUB,
  BPF_X,
  BPF_XOR,
} from '../isa';
import { JIT_ARENA_USER, JIT_SMP, JIT_THIS_CPU_OFF, JIT_UNKNOWN_OPCODE, JIT_V6_12 } from '../layout/jit';
import { aluImm, aluRR, groupF7, mov32, mov64, movImm32, movRR } from '../x86/encode';
import { digitR, rr } from '../x86/modrm';
import { R11, RAX } from '../x86/reg';
import { rex, rexOpt } from '../x86/rex';
import { put1, put2, put4 } from '../x86/sink';
import { divide, multiply } from './muldiv';
import { shiftImm, shiftReg } from './shift';
import { fail, flags, record, version } from './state';

/** "Ev, Gv" opcodes. */
const ADD = 0x01;
const OR = 0x09;
const AND = 0x21;
const SUB = 0x29;
const XOR = 0x31;

const CAST_USER_IMM = 1 << 16;

export function alu(p: usize, op: u32, w: u32, d: u32, s: u32, off: i32, imm: i32): usize {
  const register = (op & BPF_X) !== 0;
  switch (op & 0xf0) {
    case BPF_ADD:
      return register ? aluRR(p, ADD, w, d, s) : aluImm(p, ADD, w, d, imm);
    case BPF_SUB:
      return register ? aluRR(p, SUB, w, d, s) : aluImm(p, SUB, w, d, imm);
    case BPF_OR:
      return register ? aluRR(p, OR, w, d, s) : aluImm(p, OR, w, d, imm);
    case BPF_AND:
      return register ? aluRR(p, AND, w, d, s) : aluImm(p, AND, w, d, imm);
    case BPF_XOR:
      return register ? aluRR(p, XOR, w, d, s) : aluImm(p, XOR, w, d, imm);
    case BPF_MOV:
      return register ? move(p, w, d, s, off, imm) : movImm32(p, w !== 0, d, imm);
    case BPF_MUL:
      return multiply(p, w, d, s, register, imm);
    case BPF_DIV:
    case BPF_MOD:
      return divide(p, (op & 0xf0) === BPF_MOD, w, d, s, register, off, imm);
    case BPF_LSH:
      return register ? shiftReg(p, 4, w, d, s) : shiftImm(p, 4, w, d, imm);
    case BPF_RSH:
      return register ? shiftReg(p, 5, w, d, s) : shiftImm(p, 5, w, d, imm);
    case BPF_ARSH:
      return register ? shiftReg(p, 7, w, d, s) : shiftImm(p, 7, w, d, imm);
    case BPF_NEG:
      if (!register) return groupF7(p, 3, w, d);
      break;
    case BPF_END:
      if (w === 0) return register ? swap(p, d, imm) : truncate(p, d, imm);
      if (!register && version === JIT_V6_12) return swap(p, d, imm);
      break;
  }
  return fail(JIT_UNKNOWN_OPCODE, op);
}

/** Register moves: plain, sign-extending (off 8, 16, 32), arena cast (off 1), per-CPU address (off -1). */
function move(p: usize, w: u32, d: u32, s: u32, off: i32, imm: i32): usize {
  if (off === 0 || version !== JIT_V6_12) return movRR(p, w, d, s);
  if (w !== 0) {
    if (off === 1 && imm === CAST_USER_IMM) return castUser(p, d, s);
    if (off === -1) return perCpuAddress(p, d, s);
    if (off === 32) return rr(put1(rex(p, 1, d, s), 0x63), d, s);
  }
  if (off === 8) return rr(put2(rex(p, w, d, s), 0xbe0f), d, s);
  if (off === 16) return rr(put2(rexOpt(p, w, d, s), 0xbf0f), d, s);
  return p;
}

function perCpuAddress(p: usize, d: u32, s: u32): usize {
  p = mov64(p, d, s);
  if ((flags & JIT_SMP) === 0) return p;
  // add d, gs:[this_cpu_off]
  p = put1(rex(put1(p, 0x65), 1, d, 0), 0x03);
  return put4(put2(p, 0x2504 | ((d & 7) << 3)), load<u32>(record + JIT_THIS_CPU_OFF));
}

function castUser(p: usize, d: u32, s: u32): usize {
  const base = <u32>(load<u64>(record + JIT_ARENA_USER) >> 32);
  if (d !== s) p = mov32(p, d, s);
  // shl d, 32; or d, base >> 32; rol d, 32; xor r11, r11; test d32, d32; cmovz d, r11
  p = put1(digitR(put1(rex(p, 1, 0, d), 0xc1), 4, d), 32);
  p = rex(p, 1, 0, d);
  p = put4(d === RAX ? put1(p, 0x0d) : digitR(put1(p, 0x81), 1, d), base);
  p = put1(digitR(put1(rex(p, 1, 0, d), 0xc1), 0, d), 32);
  p = aluRR(p, XOR, 1, R11, R11);
  p = aluRR(p, 0x85, 0, d, d);
  return rr(put2(rex(p, 1, d, R11), 0x440f), d, R11);
}

/** Byte swap of the low `bits`; the rest becomes 0. */
function swap(p: usize, d: u32, bits: i32): usize {
  if (bits === 16) {
    p = put1(digitR(put1(rexOpt(put1(p, 0x66), 0, 0, d), 0xc1), 1, d), 8);
    return truncate(p, d, bits);
  }
  if (bits !== 32 && bits !== 64) return p;
  return digitR(put1(rexOpt(p, bits === 64 ? 1 : 0, 0, d), 0x0f), 1, d);
}

/** Zero-extension from `bits`. */
function truncate(p: usize, d: u32, bits: i32): usize {
  if (bits === 16) return rr(put2(rexOpt(p, 0, d, d), 0xb70f), d, d);
  return bits === 32 ? mov32(p, d, d) : p;
}

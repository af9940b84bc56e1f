// Multiplication, division, remainder. Zero divisors and INT_MIN / -1 never get here: the verifier patched them.

import { JIT_V5_5, JIT_V6_12 } from '../layout/jit';
import { groupF7, mov64, movImm32, movR11Imm, movRR, pop, push } from '../x86/encode';
import { rr } from '../x86/modrm';
import { R11, RAX, RDX } from '../x86/reg';
import { rexOpt } from '../x86/rex';
import { fits8, put1, put2, put4 } from '../x86/sink';
import { version } from './state';

export function multiply(p: usize, w: u32, d: u32, s: u32, register: bool, imm: i32): usize {
  if (version === JIT_V5_5) return multiply55(p, w, d, s, register, imm);
  if (register) return rr(put2(rexOpt(p, w, d, s), 0xaf0f), d, s);
  p = rexOpt(p, w, d, d);
  if (fits8(imm)) return put1(rr(put1(p, 0x6b), d, d), <u32>imm);
  return put4(rr(put1(p, 0x69), d, d), <u32>imm);
}

function multiply55(p: usize, w: u32, d: u32, s: u32, register: bool, imm: i32): usize {
  if (d !== RAX) p = push(p, RAX);
  if (d !== RDX) p = push(p, RDX);
  p = mov64(p, R11, d);
  p = register ? movRR(p, w, RAX, s) : movImm32(p, w !== 0, RAX, imm);
  p = groupF7(p, 4, w, R11);
  if (d !== RDX) p = pop(p, RDX);
  return d !== RAX ? pop(mov64(p, d, RAX), RAX) : p;
}

export function divide(
  p: usize,
  remainder: bool,
  w: u32,
  d: u32,
  s: u32,
  register: bool,
  off: i32,
  imm: i32,
): usize {
  if (version === JIT_V5_5) return divide55(p, remainder, w, d, s, register, imm);
  const signed = off === 1 && version === JIT_V6_12;
  if (d !== RAX) p = push(p, RAX);
  if (d !== RDX) p = push(p, RDX);
  if (!register) {
    p = movR11Imm(p, imm);
    s = R11;
  } else if (s === RAX || s === RDX) {
    p = mov64(p, R11, s);
    s = R11;
  }
  if (d !== RAX) p = movRR(p, w, RAX, d);
  if (signed) {
    // cdq or cqo
    p = w !== 0 ? put2(p, 0x9948) : put1(p, 0x99);
    p = groupF7(p, 7, w, s);
  } else p = groupF7(put2(p, 0xd231), 6, w, s);
  if (remainder) {
    if (d !== RDX) p = movRR(p, w, d, RDX);
  } else if (d !== RAX) p = movRR(p, w, d, RAX);
  if (d !== RDX) p = pop(p, RDX);
  return d !== RAX ? pop(p, RAX) : p;
}

function divide55(p: usize, remainder: bool, w: u32, d: u32, s: u32, register: bool, imm: i32): usize {
  p = push(push(p, RAX), RDX);
  p = register ? mov64(p, R11, s) : movR11Imm(p, imm);
  p = put2(mov64(p, RAX, d), 0xd231);
  p = groupF7(p, 6, w, R11);
  p = mov64(p, R11, remainder ? RDX : RAX);
  return mov64(pop(pop(p, RDX), RAX), d, R11);
}

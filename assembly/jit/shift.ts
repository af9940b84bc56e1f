// Shifts. `digit` is the x86 opcode extension: 4 shl, 5 shr, 7 sar. A variable count lives in cl, or in any
// register with BMI2.

import { JIT_BMI2, JIT_V6_12 } from '../layout/jit';
import { mov64, pop, push } from '../x86/encode';
import { digitR, rr } from '../x86/modrm';
import { R11, RCX } from '../x86/reg';
import { rexOpt, vex0f38 } from '../x86/rex';
import { put1 } from '../x86/sink';
import { flags, version } from './state';

export function shiftImm(p: usize, digit: u32, w: u32, d: u32, imm: i32): usize {
  p = rexOpt(p, w, 0, d);
  if (imm === 1) return digitR(put1(p, 0xd1), digit, d);
  return put1(digitR(put1(p, 0xc1), digit, d), <u32>imm);
}

export function shiftReg(p: usize, digit: u32, w: u32, d: u32, s: u32): usize {
  if (version !== JIT_V6_12) return shiftReg61(p, digit, w, d, s);
  if (s === RCX) return shiftCl(p, digit, w, d);
  if ((flags & JIT_BMI2) !== 0) return shiftx(p, digit, w, d, s);
  if (d === RCX) {
    p = mov64(mov64(p, R11, RCX), RCX, s);
    return mov64(shiftCl(p, digit, w, R11), RCX, R11);
  }
  p = mov64(push(p, RCX), RCX, s);
  return pop(shiftCl(p, digit, w, d), RCX);
}

function shiftReg61(p: usize, digit: u32, w: u32, d: u32, s: u32): usize {
  const t = d === RCX ? R11 : d;
  if (d === RCX) p = mov64(p, R11, RCX);
  if (s !== RCX) p = mov64(push(p, RCX), RCX, s);
  p = shiftCl(p, digit, w, t);
  if (s !== RCX) p = pop(p, RCX);
  return d === RCX ? mov64(p, RCX, R11) : p;
}

function shiftCl(p: usize, digit: u32, w: u32, d: u32): usize {
  return digitR(put1(rexOpt(p, w, 0, d), 0xd3), digit, d);
}

/** shlx, shrx, sarx d, d, s (Intel SDM vol. 2, SARX/SHLX/SHRX). */
function shiftx(p: usize, digit: u32, w: u32, d: u32, s: u32): usize {
  const pp: u32 = digit === 4 ? 1 : digit === 5 ? 3 : 2;
  return rr(put1(vex0f38(p, w, d, s, d, pp), 0xf7), d, d);
}

// Loads and stores of modes MEM and MEMSX. For stores `d` is the base and `s` the value.

import { BPF_B, BPF_DW, BPF_H, BPF_W } from '../isa';
import { JIT_V5_5 } from '../layout/jit';
import { extendMem } from '../x86/encode';
import { mem } from '../x86/modrm';
import { RBP, RDI, RSI } from '../x86/reg';
import { rex, rexOpt } from '../x86/rex';
import { put1, put2, put4 } from '../x86/sink';
import { version } from './state';

export function loadMem(p: usize, size: u32, d: u32, s: u32, off: i32): usize {
  switch (size) {
    case BPF_B:
      return extendMem(p, 0xb6, d, s, off);
    case BPF_H:
      return extendMem(p, 0xb7, d, s, off);
    case BPF_W:
      return mem(put1(rexOpt(p, 0, d, s), 0x8b), d, s, off);
    default:
      return mem(put1(rex(p, 1, d, s), 0x8b), d, s, off);
  }
}

/** Sign-extending load of 8, 16 or 32 bit. */
export function loadSigned(p: usize, size: u32, d: u32, s: u32, off: i32): usize {
  if (size === BPF_B) return extendMem(p, 0xbe, d, s, off);
  if (size === BPF_H) return extendMem(p, 0xbf, d, s, off);
  return mem(put1(rex(p, 1, d, s), 0x63), d, s, off);
}

/** sil, dil and bpl are only reachable with REX (Intel SDM vol. 2, 2.2.1.2); 5.5 never stores from rbp. */
function needsByteRex(s: u32): bool {
  return s === RSI || s === RDI || (s === RBP && version !== JIT_V5_5);
}

export function storeReg(p: usize, size: u32, d: u32, s: u32, off: i32): usize {
  switch (size) {
    case BPF_B:
      p = needsByteRex(s) ? rex(p, 0, s, d) : rexOpt(p, 0, s, d);
      return mem(put1(p, 0x88), s, d, off);
    case BPF_H:
      return mem(put1(rexOpt(put1(p, 0x66), 0, s, d), 0x89), s, d, off);
    case BPF_W:
      return mem(put1(rexOpt(p, 0, s, d), 0x89), s, d, off);
    default:
      return mem(put1(rex(p, 1, s, d), 0x89), s, d, off);
  }
}

export function storeImm(p: usize, size: u32, d: u32, off: i32, imm: i32): usize {
  switch (size) {
    case BPF_B:
      return put1(mem(put1(rexOpt(p, 0, 0, d), 0xc6), 0, d, off), <u32>imm);
    case BPF_H:
      return put2(mem(put1(rexOpt(put1(p, 0x66), 0, 0, d), 0xc7), 0, d, off), <u32>imm);
    default:
      p = rexOpt(p, size === BPF_DW ? 1 : 0, 0, d);
      return put4(mem(put1(p, 0xc7), 0, d, off), <u32>imm);
  }
}

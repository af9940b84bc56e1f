// REX and VEX prefixes (Intel SDM vol. 2, 2.2.1 and 2.3.5). `w` is 0 or 1.
//
//   REX  0100WRXB      W: 64-bit operand   R, X, B: bit 3 of ModRM.reg, SIB.index, ModRM.rm or SIB.base

import { put1 } from './sink';

export function rexByte(w: u32, reg: u32, rm: u32): u32 {
  return 0x40 | (w << 3) | ((reg >> 3) << 2) | (rm >> 3);
}

/** REX, even when it says nothing: spl, bpl, sil and dil need it (2.2.1.2). */
export function rex(p: usize, w: u32, reg: u32, rm: u32): usize {
  return put1(p, rexByte(w, reg, rm));
}

/** REX where it says something, else nothing. */
export function rexOpt(p: usize, w: u32, reg: u32, rm: u32): usize {
  const byte = rexByte(w, reg, rm);
  store<u8>(p, byte);
  return p + (byte !== 0x40 ? 1 : 0);
}

/** REX of an access whose index is r12. */
export function rexIndexed(p: usize, w: u32, reg: u32, base: u32): usize {
  return put1(p, rexByte(w, reg, base) | 2);
}

// Three-byte VEX, map 0f38, L = 0:
//   c4 | ~R ~X ~B 00010 | W ~vvvv 0 pp
export function vex0f38(p: usize, w: u32, reg: u32, vvvv: u32, rm: u32, pp: u32): usize {
  const high = ((~reg & 8) << 4) | 0x40 | ((~rm & 8) << 2) | 0x02;
  const low = (w << 7) | ((~vvvv & 15) << 3) | pp;
  store<u8>(p, 0xc4);
  store<u8>(p, high, 1);
  store<u8>(p, low, 2);
  return p + 3;
}

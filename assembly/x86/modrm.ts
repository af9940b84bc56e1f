// ModRM, SIB and displacement (Intel SDM vol. 2, 2.1.5).
//
//   ModRM  mod reg rm (2 3 3 bits)      SIB  scale index base (2 3 3 bits)
//
// A displacement is always written, so rbp and r13 as base need nothing extra; rsp and r12 never are bases.

import { fits8, put1, put2, put4 } from './sink';

/** Register form, mod 3. */
export function rr(p: usize, reg: u32, rm: u32): usize {
  return put1(p, 0xc0 | ((reg & 7) << 3) | (rm & 7));
}

/** Opcode extension `digit` with a register operand. */
export function digitR(p: usize, digit: u32, rm: u32): usize {
  return put1(p, 0xc0 | (digit << 3) | (rm & 7));
}

/** [base + off], disp8 or disp32. */
export function mem(p: usize, reg: u32, base: u32, off: i32): usize {
  const fields = ((reg & 7) << 3) | (base & 7);
  if (fits8(off)) return put2(p, 0x40 | fields | (((<u32>off) & 0xff) << 8));
  store<u8>(p, 0x80 | fields);
  return put4(p + 1, <u32>off);
}

/** [base + r12 + off]. */
export function memIndexed(p: usize, reg: u32, base: u32, off: i32): usize {
  const sib = ((12 & 7) << 3) | (base & 7);
  if (fits8(off)) {
    store<u16>(p, 0x44 | ((reg & 7) << 3) | (sib << 8));
    return put1(p + 2, <u32>off);
  }
  store<u16>(p, 0x84 | ((reg & 7) << 3) | (sib << 8));
  return put4(p + 2, <u32>off);
}

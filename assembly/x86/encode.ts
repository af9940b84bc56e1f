// Instruction forms the JIT shares between lowerings, AT&T operand meaning in the comments (Intel SDM vol. 2).

import { digitR, mem, rr } from './modrm';
import { R11, RAX } from './reg';
import { rex, rexByte, rexOpt } from './rex';
import { fits8, put1, put2, put3, put4, put8 } from './sink';

/** mov d, s (64 bit); nothing when they are the same register. */
export function mov64(p: usize, d: u32, s: u32): usize {
  if (d === s) return p;
  return put3(p, rexByte(1, s, d) | 0x8900 | ((0xc0 | ((s & 7) << 3) | (d & 7)) << 16));
}

/** mov d, s (32 bit): zero-extends, so it is never left out. */
export function mov32(p: usize, d: u32, s: u32): usize {
  return rr(put1(rexOpt(p, 0, s, d), 0x89), s, d);
}

export function movRR(p: usize, w: u32, d: u32, s: u32): usize {
  return w !== 0 ? mov64(p, d, s) : mov32(p, d, s);
}

/** xor d, d (32 bit): clears the whole register. */
export function clear(p: usize, d: u32): usize {
  return rr(put1(rexOpt(p, 0, d, d), 0x31), d, d);
}

/** mov d, imm32: sign-extended to 64 bit when `signed`, else zero-extended. */
export function movImm32(p: usize, signed: bool, d: u32, imm: i32): usize {
  if (signed && imm < 0) return put4(digitR(put1(rex(p, 1, 0, d), 0xc7), 0, d), <u32>imm);
  if (imm === 0) return clear(p, d);
  return put4(put1(rexOpt(p, 0, 0, d), 0xb8 | (d & 7)), <u32>imm);
}

/** mov d, imm64 in its shortest form; the sign-extended imm32 form only when `signExtended` allows it. */
export function movImm64(p: usize, d: u32, imm: u64, signExtended: bool): usize {
  if (imm >> 32 === 0) return movImm32(p, false, d, <i32>imm);
  if (signExtended && <i64>imm === <i64>(<i32>imm)) return movImm32(p, true, d, <i32>imm);
  return put8(put1(rex(p, 1, 0, d), 0xb8 | (d & 7)), imm);
}

/** op rm, reg, op being an ALU opcode in its "Ev, Gv" form. */
export function aluRR(p: usize, op: u32, w: u32, rm: u32, reg: u32): usize {
  return rr(put1(rexOpt(p, w, reg, rm), op), reg, rm);
}

/** op rm, imm: imm8 where it fits, the accumulator's short form for rax. `op` is the "Ev, Gv" opcode. */
export function aluImm(p: usize, op: u32, w: u32, rm: u32, imm: i32): usize {
  p = rexOpt(p, w, 0, rm);
  if (fits8(imm)) return put1(put2(p, 0x83 | ((0xc0 | (op & 0x38) | (rm & 7)) << 8)), <u32>imm);
  if (rm === RAX) return put4(put1(p, op + 4), <u32>imm);
  return put4(put2(p, 0x81 | ((0xc0 | (op & 0x38) | (rm & 7)) << 8)), <u32>imm);
}

/** op rm, imm32, always the long form (add, sub: op 01, 29). */
export function aluImm32(p: usize, op: u32, w: u32, rm: u32, imm: i32): usize {
  return put4(put2(rexOpt(p, w, 0, rm), 0x81 | ((0xc0 | (op & 0x38) | (rm & 7)) << 8)), <u32>imm);
}

/** Group f7 (4 mul, 5 imul, 6 div, 7 idiv, 3 neg) on rm. */
export function groupF7(p: usize, digit: u32, w: u32, rm: u32): usize {
  return digitR(put1(rexOpt(p, w, 0, rm), 0xf7), digit, rm);
}

export function push(p: usize, reg: u32): usize {
  return put1(rexOpt(p, 0, 0, reg), 0x50 | (reg & 7));
}

export function pop(p: usize, reg: u32): usize {
  return put1(rexOpt(p, 0, 0, reg), 0x58 | (reg & 7));
}

/** movzx reg, 8 or 16 bit memory (op b6, b7), or movsx (be, bf). */
export function extendMem(p: usize, op: u32, reg: u32, base: u32, off: i32): usize {
  return mem(put2(rex(p, 1, reg, base), 0x0f | (op << 8)), reg, base, off);
}

/** mov r11, imm32 (sign-extended), the form divisions by constants take. */
export function movR11Imm(p: usize, imm: i32): usize {
  return put4(put3(p, 0xc7_49 | ((0xc0 | (R11 & 7)) << 16)), <u32>imm);
}

export function endbr64(p: usize): usize {
  return put4(p, 0xfa1e_0ff3);
}

export function lfence(p: usize): usize {
  return put3(p, 0xe8_ae0f);
}

/** Recommended no-operations of 0 to 5 bytes (Intel SDM vol. 2, NOP). */
export function nop(p: usize, length: u32): usize {
  switch (length) {
    case 1:
      return put1(p, 0x90);
    case 2:
      return put2(p, 0x9066);
    case 3:
      return put3(p, 0x00_1f0f);
    case 4:
      return put4(p, 0x0040_1f0f);
    case 5:
      return put1(put4(p, 0x0044_1f0f), 0x00);
    default:
      return p;
  }
}

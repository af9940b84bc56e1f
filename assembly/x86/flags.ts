// Arithmetic flags, kept as the operation that set them and computed when something reads them
// (Intel SDM vol. 1, 3.4.3).
import { CPU_FLAGS } from '../layout/cpu';
import { REGS } from './state';

export const CF: u64 = 1;
export const PF: u64 = 4;
export const AF: u64 = 16;
export const ZF: u64 = 64;
export const SF: u64 = 128;
export const OF: u64 = 2048;
const ARITHMETIC: u64 = 0x8d5;
/** Bit 1 is always set. */
const FIXED: u64 = 2;

export const FLAGS_ADD = 1;
export const FLAGS_SUB = 2;
/** and, or, xor, test: CF and OF clear. */
export const FLAGS_LOGIC = 3;

/** 0: the flags word is up to date; else FLAGS_*. */
let kind: u32 = 0;
let width: u32 = 0;
let left: u64 = 0;
let right: u64 = 0;
let result: u64 = 0;

/** `w` = log2 of the operand's bytes; operands may have any bits above it. */
export function setFlags(k: u32, w: u32, x: u64, y: u64, r: u64): void {
  kind = k;
  width = w;
  left = x;
  right = y;
  result = r;
}

export function bitsOf(w: u32): u64 {
  return (<u64>8) << w;
}

/** Brings the flags word of the CPU state up to date and answers it. */
export function readFlags(): u64 {
  if (kind === 0) return load<u64>(REGS, CPU_FLAGS) | FIXED;
  const lift = 64 - bitsOf(width);
  const x = left << lift;
  const y = right << lift;
  const r = result << lift;
  let flags: u64 = 0;
  if (r === 0) flags |= ZF;
  if (<i64>r < 0) flags |= SF;
  if ((popcnt(result & 0xff) & 1) === 0) flags |= PF;
  if (kind === FLAGS_ADD) {
    if (r < x) flags |= CF;
    if (<i64>((x ^ r) & (y ^ r)) < 0) flags |= OF;
    flags |= (left ^ right ^ result) & AF;
  } else if (kind === FLAGS_SUB) {
    if (x < y) flags |= CF;
    if (<i64>((x ^ y) & (x ^ r)) < 0) flags |= OF;
    flags |= (left ^ right ^ result) & AF;
  }
  writeFlags(flags);
  return flags | FIXED;
}

/** Sets the arithmetic flags at once. */
export function writeFlags(flags: u64): void {
  kind = 0;
  store<u64>(REGS, (load<u64>(REGS, CPU_FLAGS) & ~ARITHMETIC) | flags | FIXED, CPU_FLAGS);
}

function flag(flags: u64, mask: u64): bool {
  return (flags & mask) !== 0;
}

/** Condition code `cc` (low four bits of jcc, cmovcc, setcc; Intel SDM vol. 1, appendix B). */
export function condition(cc: u32): bool {
  const flags = readFlags();
  let holds: bool = false;
  switch (cc >> 1) {
    case 0:
      holds = flag(flags, OF);
      break;
    case 1:
      holds = flag(flags, CF);
      break;
    case 2:
      holds = flag(flags, ZF);
      break;
    case 3:
      holds = flag(flags, CF | ZF);
      break;
    case 4:
      holds = flag(flags, SF);
      break;
    case 5:
      holds = flag(flags, PF);
      break;
    case 6:
      holds = flag(flags, SF) !== flag(flags, OF);
      break;
    default:
      holds = flag(flags, ZF) || flag(flags, SF) !== flag(flags, OF);
  }
  const inverted: bool = (cc & 1) !== 0;
  return holds !== inverted;
}

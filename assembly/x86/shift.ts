// Shifts and rotates with flags (Intel SDM vol. 2: SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR).
import { AF, bitsOf, CF, OF, PF, readFlags, SF, writeFlags, ZF } from './flags';
import { SHIFT_ROL, SHIFT_SAR, SHIFT_SHR } from './uop';

function maskOf(bits: u64): u64 {
  return bits === 64 ? ~(<u64>0) : ((<u64>1) << bits) - 1;
}

/** `count` is masked to the width already; 0 leaves the flags alone. OF is set as for a count of 1. */
export function shift(kind: u32, width: u32, value: u64, count: u64): u64 {
  if (count === 0) return value;
  const bits = bitsOf(width);
  const mask = maskOf(bits);
  const top = (<u64>1) << (bits - 1);
  const lift = 64 - bits;
  const extended = kind === SHIFT_SAR ? <u64>((<i64>(value << lift)) >> lift) : value & mask;
  let r: u64 = 0;
  let carry: bool = false;
  if (kind === SHIFT_SHR || kind === SHIFT_SAR) {
    r = kind === SHIFT_SAR ? <u64>((<i64>extended) >> count) : extended >> count;
    carry =
      ((kind === SHIFT_SAR ? <u64>((<i64>extended) >> (count - 1)) : extended >> (count - 1)) & 1) !== 0;
  } else {
    r = extended << count;
    carry = count <= bits && ((extended >> (bits - count)) & 1) !== 0;
  }
  r &= mask;
  let flags: u64 = carry ? CF : 0;
  const negative = (r & top) !== 0;
  if (kind === SHIFT_SHR ? (extended & top) !== 0 : kind !== SHIFT_SAR && negative !== carry) flags |= OF;
  if (negative) flags |= SF;
  if (r === 0) flags |= ZF;
  if ((popcnt(r & 0xff) & 1) === 0) flags |= PF;
  writeFlags(flags);
  return r;
}

/** rol and ror: CF and OF only. */
export function rotate(kind: u32, width: u32, value: u64, count: u64): u64 {
  if (count === 0) return value;
  const bits = bitsOf(width);
  const mask = maskOf(bits);
  const x = value & mask;
  const turn = count & (bits - 1);
  const left = kind === SHIFT_ROL ? turn : (bits - turn) & (bits - 1);
  const r = left === 0 ? x : ((x << left) | (x >> (bits - left))) & mask;
  const high = (r >> (bits - 1)) & 1;
  const carry = kind === SHIFT_ROL ? r & 1 : high;
  const other = kind === SHIFT_ROL ? high : (r >> (bits - 2)) & 1;
  const kept = readFlags() & (PF | AF | ZF | SF);
  writeFlags(kept | (carry !== 0 ? CF : 0) | ((high ^ (kind === SHIFT_ROL ? carry : other)) !== 0 ? OF : 0));
  return r;
}

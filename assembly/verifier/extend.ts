// Scalars cut to some bytes, zero- or sign-extended.
import {
  REG_MASK,
  REG_S32MAX,
  REG_S32MIN,
  REG_SMAX,
  REG_SMIN,
  REG_U32MAX,
  REG_U32MIN,
  REG_UMAX,
  REG_UMIN,
  REG_VALUE,
} from '../layout/verifier';
import {
  isLegacy,
  keepTnum,
  legacyNarrow,
  scalarConst,
  scalarSync,
  scalarUnknown,
  scalarZext,
  unbound32,
} from './bounds';
import { tnumMask, tnumRange, tnumValue } from './tnum';

const LOW: u64 = 0xffffffff;

/** Zero-extending load of fewer than 8 bytes: the value truncated. */
export function scalarTruncate(reg: usize, bytes: i32): void {
  const mask = ((<u64>1) << (<u64>bytes * 8)) - 1;
  store<u64>(reg, load<u64>(reg, REG_VALUE) & mask, REG_VALUE);
  store<u64>(reg, load<u64>(reg, REG_MASK) & mask, REG_MASK);
  const umin = load<u64>(reg, REG_UMIN);
  const umax = load<u64>(reg, REG_UMAX);
  if ((umin & ~mask) === (umax & ~mask)) {
    store<u64>(reg, umin & mask, REG_UMIN);
    store<u64>(reg, umax & mask, REG_UMAX);
  } else {
    store<u64>(reg, 0, REG_UMIN);
    store<u64>(reg, mask, REG_UMAX);
  }
  store<u64>(reg, load<u64>(reg, REG_UMIN), REG_SMIN);
  store<u64>(reg, load<u64>(reg, REG_UMAX), REG_SMAX);
  if (bytes < 4 && isLegacy()) {
    legacyNarrow(reg);
    return;
  }
  if (bytes < 4) unbound32(reg);
  scalarSync(reg);
}

/** Sign-extending move from `bits` (8, 16, 32) into 64 bits, on a copy of the source in `reg`. */
export function scalarSignExtend64(reg: usize, bits: i32): void {
  const shift = <i64>(64 - bits);
  const v = load<u64>(reg, REG_VALUE);
  const m = load<u64>(reg, REG_MASK);
  if (m === 0) {
    scalarConst(reg, <u64>(((<i64>v) << shift) >> shift));
    return;
  }
  const smin = load<i64>(reg, REG_SMIN);
  const smax = load<i64>(reg, REG_SMAX);
  if (smin >> (<i64>bits) === smax >> (<i64>bits)) {
    const a = (smin << shift) >> shift;
    const b = (smax << shift) >> shift;
    const low = min<i64>(a, b);
    const high = max<i64>(a, b);
    if (low >= 0 === high >= 0) {
      store<i64>(reg, low, REG_SMIN);
      store<i64>(reg, high, REG_SMAX);
      store<i64>(reg, low, REG_UMIN);
      store<i64>(reg, high, REG_UMAX);
      store<i32>(reg, <i32>low, REG_S32MIN);
      store<i32>(reg, <i32>high, REG_S32MAX);
      store<i32>(reg, <i32>low, REG_U32MIN);
      store<i32>(reg, <i32>high, REG_U32MAX);
      tnumRange(<u64>low, <u64>high);
      keepTnum(reg);
      return;
    }
  }
  scalarSignedRange(reg, bits);
}

/** Any value of a `bits`-wide signed number. */
export function scalarSignedRange(reg: usize, bits: i32): void {
  const half: i64 = (<i64>1) << (<i64>bits - 1);
  scalarUnknown(reg);
  store<i64>(reg, -half, REG_SMIN);
  store<i64>(reg, half - 1, REG_SMAX);
  store<i32>(reg, <i32>-half, REG_S32MIN);
  store<i32>(reg, <i32>(half - 1), REG_S32MAX);
}

/** Sign-extending move from `bits` (8, 16) into 32 bits. */
export function scalarSignExtend32(reg: usize, bits: i32): void {
  const shift = 32 - bits;
  const v = <u32>load<u64>(reg, REG_VALUE);
  if (<u32>load<u64>(reg, REG_MASK) === 0 && load<u64>(reg, REG_MASK) === 0) {
    const value = <u32>(((<i32>v) << shift) >> shift);
    scalarConst(reg, <u64>value);
    return;
  }
  const smin = load<i32>(reg, REG_S32MIN);
  const smax = load<i32>(reg, REG_S32MAX);
  if (smin >> bits === smax >> bits) {
    const a = (smin << shift) >> shift;
    const b = (smax << shift) >> shift;
    const low = min<i32>(a, b);
    const high = max<i32>(a, b);
    if (low >= 0 === high >= 0) {
      store<i32>(reg, low, REG_S32MIN);
      store<i32>(reg, high, REG_S32MAX);
      store<i32>(reg, low, REG_U32MIN);
      store<i32>(reg, high, REG_U32MAX);
      const v64 = load<u64>(reg, REG_VALUE) & ~LOW;
      const m64 = load<u64>(reg, REG_MASK) & ~LOW;
      tnumRange(<u64>(<u32>low), <u64>(<u32>high));
      store<u64>(reg, v64 | (tnumValue & LOW), REG_VALUE);
      store<u64>(reg, m64 | (tnumMask & LOW), REG_MASK);
      scalarZext(reg);
      return;
    }
  }
  const half = 1 << (bits - 1);
  scalarUnknown(reg);
  store<i32>(reg, -half, REG_S32MIN);
  store<i32>(reg, half - 1, REG_S32MAX);
  scalarZext(reg);
}

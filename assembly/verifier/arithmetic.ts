// Bounds of sums, differences and products.
import {
  REG_S32MAX,
  REG_S32MIN,
  REG_SMAX,
  REG_SMIN,
  REG_U32MAX,
  REG_U32MIN,
  REG_UMAX,
  REG_UMIN,
} from '../layout/verifier';
import { setU32, unbound32, unbound64 } from './bounds';

const LOW: u64 = 0xffffffff;

function addOverflows64(a: i64, b: i64): bool {
  const sum = a + b;
  return ((a ^ sum) & (b ^ sum)) < 0;
}

function subOverflows64(a: i64, b: i64): bool {
  return ((a ^ b) & (a ^ (a - b))) < 0;
}

/** Bounds of a pointer's or scalar's variable part, 64 bits, after adding src. */
export function addBounds64(dst: usize, src: usize): void {
  const dmin = load<i64>(dst, REG_SMIN);
  const dmax = load<i64>(dst, REG_SMAX);
  const smin = load<i64>(src, REG_SMIN);
  const smax = load<i64>(src, REG_SMAX);
  if (addOverflows64(dmin, smin) || addOverflows64(dmax, smax)) {
    store<i64>(dst, i64.MIN_VALUE, REG_SMIN);
    store<i64>(dst, i64.MAX_VALUE, REG_SMAX);
  } else {
    store<i64>(dst, dmin + smin, REG_SMIN);
    store<i64>(dst, dmax + smax, REG_SMAX);
  }
  const low = load<u64>(dst, REG_UMIN) + load<u64>(src, REG_UMIN);
  const high = load<u64>(dst, REG_UMAX) + load<u64>(src, REG_UMAX);
  if (low < load<u64>(src, REG_UMIN) || high < load<u64>(src, REG_UMAX)) {
    store<u64>(dst, 0, REG_UMIN);
    store<u64>(dst, u64.MAX_VALUE, REG_UMAX);
  } else {
    store<u64>(dst, low, REG_UMIN);
    store<u64>(dst, high, REG_UMAX);
  }
}

export function subBounds64(dst: usize, src: usize): void {
  const dmin = load<i64>(dst, REG_SMIN);
  const dmax = load<i64>(dst, REG_SMAX);
  const smin = load<i64>(src, REG_SMIN);
  const smax = load<i64>(src, REG_SMAX);
  if (subOverflows64(dmin, smax) || subOverflows64(dmax, smin)) {
    store<i64>(dst, i64.MIN_VALUE, REG_SMIN);
    store<i64>(dst, i64.MAX_VALUE, REG_SMAX);
  } else {
    store<i64>(dst, dmin - smax, REG_SMIN);
    store<i64>(dst, dmax - smin, REG_SMAX);
  }
  const umin = load<u64>(dst, REG_UMIN);
  const srcMax = load<u64>(src, REG_UMAX);
  if (umin < srcMax) {
    store<u64>(dst, 0, REG_UMIN);
    store<u64>(dst, u64.MAX_VALUE, REG_UMAX);
  } else {
    store<u64>(dst, umin - srcMax, REG_UMIN);
    store<u64>(dst, load<u64>(dst, REG_UMAX) - load<u64>(src, REG_UMIN), REG_UMAX);
  }
}

function setS32(reg: usize, low: i64, high: i64): void {
  if (
    low < <i64>i32.MIN_VALUE ||
    low > <i64>i32.MAX_VALUE ||
    high < <i64>i32.MIN_VALUE ||
    high > <i64>i32.MAX_VALUE
  ) {
    store<i32>(reg, i32.MIN_VALUE, REG_S32MIN);
    store<i32>(reg, i32.MAX_VALUE, REG_S32MAX);
  } else {
    store<i32>(reg, <i32>low, REG_S32MIN);
    store<i32>(reg, <i32>high, REG_S32MAX);
  }
}

export function addBounds32(dst: usize, src: usize): void {
  setS32(
    dst,
    <i64>load<i32>(dst, REG_S32MIN) + <i64>load<i32>(src, REG_S32MIN),
    <i64>load<i32>(dst, REG_S32MAX) + <i64>load<i32>(src, REG_S32MAX),
  );
  const low = <u64>load<u32>(dst, REG_U32MIN) + <u64>load<u32>(src, REG_U32MIN);
  const high = <u64>load<u32>(dst, REG_U32MAX) + <u64>load<u32>(src, REG_U32MAX);
  if (low > LOW || high > LOW) setU32(dst, 0, u32.MAX_VALUE);
  else setU32(dst, <u32>low, <u32>high);
}

export function subBounds32(dst: usize, src: usize): void {
  setS32(
    dst,
    <i64>load<i32>(dst, REG_S32MIN) - <i64>load<i32>(src, REG_S32MAX),
    <i64>load<i32>(dst, REG_S32MAX) - <i64>load<i32>(src, REG_S32MIN),
  );
  const low = load<u32>(dst, REG_U32MIN);
  const srcHigh = load<u32>(src, REG_U32MAX);
  if (low < srcHigh) setU32(dst, 0, u32.MAX_VALUE);
  else setU32(dst, low - srcHigh, load<u32>(dst, REG_U32MAX) - load<u32>(src, REG_U32MIN));
}

export function mulBounds32(dst: usize, src: usize): void {
  const high = load<u32>(dst, REG_U32MAX);
  const srcHigh = load<u32>(src, REG_U32MAX);
  if (load<i32>(dst, REG_S32MIN) < 0 || load<i32>(src, REG_S32MIN) < 0 || high > 0xffff || srcHigh > 0xffff) {
    unbound32(dst);
    return;
  }
  const umin = load<u32>(dst, REG_U32MIN) * load<u32>(src, REG_U32MIN);
  const umax = high * srcHigh;
  setU32(dst, umin, umax);
  if (umax > <u32>i32.MAX_VALUE) {
    store<i32>(dst, i32.MIN_VALUE, REG_S32MIN);
    store<i32>(dst, i32.MAX_VALUE, REG_S32MAX);
  } else {
    store<u32>(dst, umin, REG_S32MIN);
    store<u32>(dst, umax, REG_S32MAX);
  }
}

export function mulBounds64(dst: usize, src: usize): void {
  const high = load<u64>(dst, REG_UMAX);
  const srcHigh = load<u64>(src, REG_UMAX);
  if (load<i64>(dst, REG_SMIN) < 0 || load<i64>(src, REG_SMIN) < 0 || high > LOW || srcHigh > LOW) {
    unbound64(dst);
    return;
  }
  const umin = load<u64>(dst, REG_UMIN) * load<u64>(src, REG_UMIN);
  const umax = high * srcHigh;
  store<u64>(dst, umin, REG_UMIN);
  store<u64>(dst, umax, REG_UMAX);
  if (umax > <u64>i64.MAX_VALUE) {
    store<i64>(dst, i64.MIN_VALUE, REG_SMIN);
    store<i64>(dst, i64.MAX_VALUE, REG_SMAX);
  } else {
    store<u64>(dst, umin, REG_SMIN);
    store<u64>(dst, umax, REG_SMAX);
  }
}

// Bounds of a scalar register record: setting, and bringing tnum, 64-bit and 32-bit bounds into agreement.
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
import { tnumIntersect, tnumMask, tnumRange, tnumValue } from './tnum';

const LOW: u64 = 0xffffffff;

/** Linux 6.1: both widths are deduced apart and once. */
let legacy: bool = false;

export function verifierSetLegacy(on: i32): void {
  legacy = on !== 0;
}

export function isLegacy(): bool {
  return legacy;
}

/** Takes the tnum that was computed last. */
export function keepTnum(reg: usize): void {
  store<u64>(reg, tnumValue, REG_VALUE);
  store<u64>(reg, tnumMask, REG_MASK);
}

export function unbound64(reg: usize): void {
  store<i64>(reg, i64.MIN_VALUE, REG_SMIN);
  store<i64>(reg, i64.MAX_VALUE, REG_SMAX);
  store<u64>(reg, 0, REG_UMIN);
  store<u64>(reg, u64.MAX_VALUE, REG_UMAX);
}

export function unbound32(reg: usize): void {
  store<i32>(reg, i32.MIN_VALUE, REG_S32MIN);
  store<i32>(reg, i32.MAX_VALUE, REG_S32MAX);
  store<u32>(reg, 0, REG_U32MIN);
  store<u32>(reg, u32.MAX_VALUE, REG_U32MAX);
}

export function unboundBoth(reg: usize): void {
  unbound64(reg);
  unbound32(reg);
}

/** Nothing known. */
export function scalarUnknown(reg: usize): void {
  store<u64>(reg, 0, REG_VALUE);
  store<u64>(reg, u64.MAX_VALUE, REG_MASK);
  unboundBoth(reg);
}

export function setU32(reg: usize, low: u32, high: u32): void {
  store<u32>(reg, low, REG_U32MIN);
  store<u32>(reg, high, REG_U32MAX);
}

/** Exactly `value`. */
export function scalarConst(reg: usize, value: u64): void {
  store<u64>(reg, value, REG_VALUE);
  store<u64>(reg, 0, REG_MASK);
  store<i64>(reg, <i64>value, REG_SMIN);
  store<i64>(reg, <i64>value, REG_SMAX);
  store<u64>(reg, value, REG_UMIN);
  store<u64>(reg, value, REG_UMAX);
  store<i32>(reg, <i32>value, REG_S32MIN);
  store<i32>(reg, <i32>value, REG_S32MAX);
  store<u32>(reg, <u32>value, REG_U32MIN);
  store<u32>(reg, <u32>value, REG_U32MAX);
}

/** Bounds from what the tnum knows. */
export function refineFromTnum(reg: usize): void {
  const v = load<u64>(reg, REG_VALUE);
  const m = load<u64>(reg, REG_MASK);
  const sign: u64 = (<u64>1) << 63;
  store<i64>(reg, max<i64>(load<i64>(reg, REG_SMIN), <i64>(v | (m & sign))), REG_SMIN);
  store<i64>(reg, min<i64>(load<i64>(reg, REG_SMAX), <i64>(v | (m & ~sign))), REG_SMAX);
  store<u64>(reg, max<u64>(load<u64>(reg, REG_UMIN), v), REG_UMIN);
  store<u64>(reg, min<u64>(load<u64>(reg, REG_UMAX), v | m), REG_UMAX);
  refine32FromTnum(reg, <u32>v, <u32>m);
}

function refine32FromTnum(reg: usize, v: u32, m: u32): void {
  const sign: u32 = 0x80000000;
  store<i32>(reg, max<i32>(load<i32>(reg, REG_S32MIN), <i32>(v | (m & sign))), REG_S32MIN);
  store<i32>(reg, min<i32>(load<i32>(reg, REG_S32MAX), <i32>(v | (m & ~sign))), REG_S32MAX);
  store<u32>(reg, max<u32>(load<u32>(reg, REG_U32MIN), v), REG_U32MIN);
  store<u32>(reg, min<u32>(load<u32>(reg, REG_U32MAX), v | m), REG_U32MAX);
}

function meetU32(reg: usize, low: u32, high: u32): void {
  store<u32>(reg, max<u32>(load<u32>(reg, REG_U32MIN), low), REG_U32MIN);
  store<u32>(reg, min<u32>(load<u32>(reg, REG_U32MAX), high), REG_U32MAX);
}

function meetS32(reg: usize, low: i32, high: i32): void {
  store<i32>(reg, max<i32>(load<i32>(reg, REG_S32MIN), low), REG_S32MIN);
  store<i32>(reg, min<i32>(load<i32>(reg, REG_S32MAX), high), REG_S32MAX);
}

function meetU64(reg: usize, low: u64, high: u64): void {
  store<u64>(reg, max<u64>(load<u64>(reg, REG_UMIN), low), REG_UMIN);
  store<u64>(reg, min<u64>(load<u64>(reg, REG_UMAX), high), REG_UMAX);
}

function meetS64(reg: usize, low: i64, high: i64): void {
  store<i64>(reg, max<i64>(load<i64>(reg, REG_SMIN), low), REG_SMIN);
  store<i64>(reg, min<i64>(load<i64>(reg, REG_SMAX), high), REG_SMAX);
}

/** 32-bit bounds from one pair of 64-bit bounds, given as bits. */
function narrow(reg: usize, low: u64, high: u64): void {
  if (low >> 32 === high >> 32) {
    meetU32(reg, <u32>low, <u32>high);
    if (<i32>low <= <i32>high) meetS32(reg, <i32>low, <i32>high);
  }
  if (<u32>(low >> 32) + 1 === <u32>(high >> 32) && <i32>low < 0 && <i32>high >= 0) {
    meetS32(reg, <i32>low, <i32>high);
  }
}

function deduce32(reg: usize): void {
  narrow(reg, load<u64>(reg, REG_UMIN), load<u64>(reg, REG_UMAX));
  narrow(reg, load<u64>(reg, REG_SMIN), load<u64>(reg, REG_SMAX));
  const umin = load<u32>(reg, REG_U32MIN);
  const umax = load<u32>(reg, REG_U32MAX);
  if (<i32>umin <= <i32>umax) meetS32(reg, <i32>umin, <i32>umax);
  const smin = load<i32>(reg, REG_S32MIN);
  const smax = load<i32>(reg, REG_S32MAX);
  if (<u32>smin <= <u32>smax) {
    meetU32(reg, <u32>smin, <u32>smax);
  } else if (umax < <u32>smin) {
    store<i32>(reg, <i32>umin, REG_S32MIN);
    store<u32>(reg, min<u32>(umax, <u32>smax), REG_U32MAX);
  } else if (<u32>smax < umin) {
    store<i32>(reg, <i32>umax, REG_S32MAX);
    store<u32>(reg, max<u32>(umin, <u32>smin), REG_U32MIN);
  }
}

function deduce64(reg: usize): void {
  const umin = load<u64>(reg, REG_UMIN);
  const umax = load<u64>(reg, REG_UMAX);
  if (<i64>umin <= <i64>umax) meetS64(reg, <i64>umin, <i64>umax);
  const smin = load<i64>(reg, REG_SMIN);
  const smax = load<i64>(reg, REG_SMAX);
  if (<u64>smin <= <u64>smax) {
    meetU64(reg, <u64>smin, <u64>smax);
  } else if (umax < <u64>smin) {
    store<i64>(reg, <i64>umin, REG_SMIN);
    store<u64>(reg, min<u64>(umax, <u64>smax), REG_UMAX);
  } else if (<u64>smax < umin) {
    store<i64>(reg, <i64>umax, REG_SMAX);
    store<u64>(reg, max<u64>(umin, <u64>smin), REG_UMIN);
  }
}

/** 64-bit bounds with their low halves replaced by 32-bit ones. */
function meetLowHalves(reg: usize, low: u64, high: u64): void {
  const umin = load<u64>(reg, REG_UMIN);
  const umax = load<u64>(reg, REG_UMAX);
  meetU64(reg, (umin & ~LOW) | low, (umax & ~LOW) | high);
  const smin = load<u64>(reg, REG_SMIN);
  const smax = load<u64>(reg, REG_SMAX);
  meetS64(reg, <i64>((smin & ~LOW) | low), <i64>((smax & ~LOW) | high));
}

function mix(reg: usize): void {
  meetLowHalves(reg, <u64>load<u32>(reg, REG_U32MIN), <u64>load<u32>(reg, REG_U32MAX));
  const s32min = load<i32>(reg, REG_S32MIN);
  const s32max = load<i32>(reg, REG_S32MAX);
  if (<u32>s32min <= <u32>s32max) meetLowHalves(reg, <u64>(<u32>s32min), <u64>(<u32>s32max));
  if (
    s32min >= 0 &&
    load<i64>(reg, REG_SMIN) >= <i64>i32.MIN_VALUE &&
    load<i64>(reg, REG_SMAX) <= <i64>i32.MAX_VALUE
  ) {
    store<i64>(reg, <i64>s32min, REG_SMIN);
    store<u64>(reg, <u64>s32min, REG_UMIN);
    store<i64>(reg, <i64>s32max, REG_SMAX);
    store<u64>(reg, <u64>s32max, REG_UMAX);
    tnumRange(<u64>s32min, <u64>s32max);
    tnumIntersect(load<u64>(reg, REG_VALUE), load<u64>(reg, REG_MASK), tnumValue, tnumMask);
    store<u64>(reg, tnumValue, REG_VALUE);
    store<u64>(reg, tnumMask, REG_MASK);
  }
}

/** The tnum from the bounds. */
function tnumFromBounds(reg: usize): void {
  tnumRange(load<u64>(reg, REG_UMIN), load<u64>(reg, REG_UMAX));
  tnumIntersect(load<u64>(reg, REG_VALUE), load<u64>(reg, REG_MASK), tnumValue, tnumMask);
  const v = tnumValue;
  const m = tnumMask;
  tnumRange(<u64>load<u32>(reg, REG_U32MIN), <u64>load<u32>(reg, REG_U32MAX));
  tnumIntersect(v & LOW, m & LOW, tnumValue, tnumMask);
  store<u64>(reg, (v & ~LOW) | (tnumValue & LOW), REG_VALUE);
  store<u64>(reg, (m & ~LOW) | (tnumMask & LOW), REG_MASK);
}

/** One width of Linux 6.1's deduction. */
function legacyDeduce32(reg: usize): void {
  const smin = load<i32>(reg, REG_S32MIN);
  const smax = load<i32>(reg, REG_S32MAX);
  const umin = load<u32>(reg, REG_U32MIN);
  const umax = load<u32>(reg, REG_U32MAX);
  if (smin >= 0 || smax < 0) {
    const low = max<u32>(<u32>smin, umin);
    const high = min<u32>(<u32>smax, umax);
    store<u32>(reg, low, REG_S32MIN);
    store<u32>(reg, low, REG_U32MIN);
    store<u32>(reg, high, REG_S32MAX);
    store<u32>(reg, high, REG_U32MAX);
  } else if (<i32>umax >= 0) {
    store<u32>(reg, umin, REG_S32MIN);
    const high = min<u32>(<u32>smax, umax);
    store<u32>(reg, high, REG_S32MAX);
    store<u32>(reg, high, REG_U32MAX);
  } else if (<i32>umin < 0) {
    const low = max<u32>(<u32>smin, umin);
    store<u32>(reg, low, REG_S32MIN);
    store<u32>(reg, low, REG_U32MIN);
    store<u32>(reg, umax, REG_S32MAX);
  }
}

function legacyDeduce64(reg: usize): void {
  const smin = load<i64>(reg, REG_SMIN);
  const smax = load<i64>(reg, REG_SMAX);
  const umin = load<u64>(reg, REG_UMIN);
  const umax = load<u64>(reg, REG_UMAX);
  if (smin >= 0 || smax < 0) {
    const low = max<u64>(<u64>smin, umin);
    const high = min<u64>(<u64>smax, umax);
    store<u64>(reg, low, REG_SMIN);
    store<u64>(reg, low, REG_UMIN);
    store<u64>(reg, high, REG_SMAX);
    store<u64>(reg, high, REG_UMAX);
  } else if (<i64>umax >= 0) {
    store<u64>(reg, umin, REG_SMIN);
    const high = min<u64>(<u64>smax, umax);
    store<u64>(reg, high, REG_SMAX);
    store<u64>(reg, high, REG_UMAX);
  } else if (<i64>umin < 0) {
    const low = max<u64>(<u64>smin, umin);
    store<u64>(reg, low, REG_SMIN);
    store<u64>(reg, low, REG_UMIN);
    store<u64>(reg, umax, REG_SMAX);
  }
}

/** Brings tnum and all bounds into agreement. */
export function scalarSync(reg: usize): void {
  refineFromTnum(reg);
  if (legacy) {
    legacyDeduce32(reg);
    legacyDeduce64(reg);
  } else {
    for (let i = 0; i < 3; i++) {
      deduce32(reg);
      deduce64(reg);
      mix(reg);
    }
  }
  tnumFromBounds(reg);
  refineFromTnum(reg);
}

/** Linux 6.1 after 64-bit refinement: 32-bit bounds anew from the 64-bit ones. */
export function legacyNarrow(reg: usize): void {
  unbound32(reg);
  const smin = load<i64>(reg, REG_SMIN);
  const smax = load<i64>(reg, REG_SMAX);
  if (smin >= <i64>i32.MIN_VALUE && smax <= <i64>i32.MAX_VALUE) {
    store<i32>(reg, <i32>smin, REG_S32MIN);
    store<i32>(reg, <i32>smax, REG_S32MAX);
  }
  const umin = load<u64>(reg, REG_UMIN);
  const umax = load<u64>(reg, REG_UMAX);
  if (umin <= LOW && umax <= LOW) {
    store<u32>(reg, <u32>umin, REG_U32MIN);
    store<u32>(reg, <u32>umax, REG_U32MAX);
  }
  scalarSync(reg);
}

/** Linux 6.1 after 32-bit refinement: 64-bit bounds anew from the 32-bit ones. */
export function legacyWiden(reg: usize): void {
  if (((load<u64>(reg, REG_VALUE) | load<u64>(reg, REG_MASK)) & ~LOW) === 0) {
    zeroExtendBounds(reg);
  } else {
    unbound64(reg);
    refineFromTnum(reg);
  }
  scalarSync(reg);
}

function zeroExtendBounds(reg: usize): void {
  const s32min = load<i32>(reg, REG_S32MIN);
  const s32max = load<i32>(reg, REG_S32MAX);
  store<u64>(reg, <u64>load<u32>(reg, REG_U32MIN), REG_UMIN);
  store<u64>(reg, <u64>load<u32>(reg, REG_U32MAX), REG_UMAX);
  const signed = s32min >= 0 && s32max >= 0;
  store<i64>(reg, signed ? <i64>s32min : 0, REG_SMIN);
  store<i64>(reg, signed ? <i64>s32max : <i64>LOW, REG_SMAX);
}

/** The upper half becomes zero, as after every 32-bit operation. */
export function scalarZext(reg: usize): void {
  store<u64>(reg, load<u64>(reg, REG_VALUE) & LOW, REG_VALUE);
  store<u64>(reg, load<u64>(reg, REG_MASK) & LOW, REG_MASK);
  zeroExtendBounds(reg);
}

/** 1 = some range is empty, or a known value lies outside: the path cannot be taken, or refinement was too weak. */
export function scalarBroken(reg: usize): i32 {
  const umin = load<u64>(reg, REG_UMIN);
  const umax = load<u64>(reg, REG_UMAX);
  const smin = load<i64>(reg, REG_SMIN);
  const smax = load<i64>(reg, REG_SMAX);
  const u32min = load<u32>(reg, REG_U32MIN);
  const u32max = load<u32>(reg, REG_U32MAX);
  const s32min = load<i32>(reg, REG_S32MIN);
  const s32max = load<i32>(reg, REG_S32MAX);
  if (umin > umax || smin > smax || u32min > u32max || s32min > s32max) return 1;
  const v = load<u64>(reg, REG_VALUE);
  const m = load<u64>(reg, REG_MASK);
  if (m === 0 && (umin !== v || umax !== v || smin !== <i64>v || smax !== <i64>v)) return 1;
  if (<u32>m === 0) {
    const low = <u32>v;
    if (u32min !== low || u32max !== low || s32min !== <i32>low || s32max !== <i32>low) return 1;
  }
  return 0;
}

/** scalarSync's invariants; a register that breaks them knows nothing. */
export function scalarCheck(reg: usize): void {
  if (!legacy && scalarBroken(reg) !== 0) scalarUnknown(reg);
}

// Conditional jumps between scalars: what each way teaches. `op` = opcode & 0xf0.
import {
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
} from '../isa';
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
import { isLegacy, legacyNarrow, legacyWiden, scalarCheck, scalarSync, unboundBoth } from './bounds';
import { constantSide } from './predict';
import { tnumIntersect, tnumMask, tnumValue } from './tnum';

const LOW: u64 = 0xffffffff;

/** Refinement of the way not taken when jset's bits are all zero. */
export const BPF_NOT_JSET = 0xf1;

/** Both ranges become what they share. `low`, `high`: places of the bounds in a register record. */
function meet<T extends number>(a: usize, b: usize, low: usize, high: usize): void {
  const from = max<T>(load<T>(a + low), load<T>(b + low));
  const to = min<T>(load<T>(a + high), load<T>(b + high));
  store<T>(a + low, from);
  store<T>(b + low, from);
  store<T>(a + high, to);
  store<T>(b + high, to);
}

function refineEqual(a: usize, b: usize, wide: bool): void {
  const mask: u64 = wide ? u64.MAX_VALUE : LOW;
  if (wide) {
    meet<u64>(a, b, REG_UMIN, REG_UMAX);
    meet<i64>(a, b, REG_SMIN, REG_SMAX);
  } else {
    meet<u32>(a, b, REG_U32MIN, REG_U32MAX);
    meet<i32>(a, b, REG_S32MIN, REG_S32MAX);
  }
  tnumIntersect(
    load<u64>(a, REG_VALUE) & mask,
    load<u64>(a, REG_MASK) & mask,
    load<u64>(b, REG_VALUE) & mask,
    load<u64>(b, REG_MASK) & mask,
  );
  setTnum(a, mask);
  setTnum(b, mask);
}

/** The bits of `part` become those of the tnum that was computed last. */
function setTnum(reg: usize, part: u64): void {
  store<u64>(reg, (load<u64>(reg, REG_VALUE) & ~part) | (tnumValue & part), REG_VALUE);
  store<u64>(reg, (load<u64>(reg, REG_MASK) & ~part) | (tnumMask & part), REG_MASK);
}

/** Bounds that are the excluded value move inward by one. */
function exclude<T extends number>(reg: usize, constant: usize, low: usize, high: usize): void {
  const value = load<T>(constant, REG_VALUE);
  const one = <T>1;
  if (load<T>(reg + low) === value) store<T>(reg + low, <T>(value + one));
  if (load<T>(reg + high) === value) store<T>(reg + high, <T>(value - one));
}

function refineUnequal(a: usize, b: usize, wide: bool): void {
  if (isLegacy()) return;
  const c = constantSide(a, b, wide);
  if (c === 0) return;
  const x = a + b - c;
  if (wide) {
    exclude<u64>(x, c, REG_UMIN, REG_UMAX);
    exclude<i64>(x, c, REG_SMIN, REG_SMAX);
  } else {
    exclude<u32>(x, c, REG_U32MIN, REG_U32MAX);
    exclude<i32>(x, c, REG_S32MIN, REG_S32MAX);
  }
}

function refineBits(a: usize, b: usize, wide: bool, known: bool): void {
  const c = constantSide(a, b, wide);
  if (c === 0) return;
  const x = a + b - c;
  const bits = load<u64>(c, REG_VALUE) & (wide ? u64.MAX_VALUE : LOW);
  const v = load<u64>(x, REG_VALUE);
  const m = load<u64>(x, REG_MASK);
  if (known) {
    if (bits === 0 || (bits & (bits - 1)) !== 0) return;
    store<u64>(x, v | bits, REG_VALUE);
  } else {
    unboundBoth(x);
    store<u64>(x, v & ~bits, REG_VALUE);
  }
  store<u64>(x, m & ~bits, REG_MASK);
}

/** a <= b, or a < b when `gap` is 1. */
function bound<T extends number>(a: usize, b: usize, low: usize, high: usize, gap: i32): void {
  const least = load<T>(a + low);
  const most = load<T>(b + high);
  store<T>(a + high, min<T>(load<T>(a + high), <T>(most - <T>gap)));
  store<T>(b + low, max<T>(<T>(least + <T>gap), load<T>(b + low)));
}

function refineLess(a: usize, b: usize, wide: bool, signed: bool, gap: i32): void {
  if (wide && signed) bound<i64>(a, b, REG_SMIN, REG_SMAX, gap);
  else if (wide) bound<u64>(a, b, REG_UMIN, REG_UMAX, gap);
  else if (signed) bound<i32>(a, b, REG_S32MIN, REG_S32MAX, gap);
  else bound<u32>(a, b, REG_U32MIN, REG_U32MAX, gap);
}

function settle(reg: usize, wide: bool): void {
  if (!isLegacy()) {
    scalarSync(reg);
    scalarCheck(reg);
    return;
  }
  if (wide) legacyNarrow(reg);
  else legacyWiden(reg);
}

/** Narrows a and b to what is true when `a op b` holds (op may be BPF_NOT_JSET). */
export function branchRefine(op: i32, is64: i32, a: usize, b: usize): void {
  const wide = is64 !== 0;
  if (op === BPF_JEQ) refineEqual(a, b, wide);
  else if (op === BPF_JNE) refineUnequal(a, b, wide);
  else if (op === BPF_JSET) refineBits(a, b, wide, true);
  else if (op === BPF_NOT_JSET) refineBits(a, b, wide, false);
  else if (op === BPF_JLE) refineLess(a, b, wide, false, 0);
  else if (op === BPF_JLT) refineLess(a, b, wide, false, 1);
  else if (op === BPF_JSLE) refineLess(a, b, wide, true, 0);
  else if (op === BPF_JSLT) refineLess(a, b, wide, true, 1);
  else if (op === BPF_JGE) refineLess(b, a, wide, false, 0);
  else if (op === BPF_JGT) refineLess(b, a, wide, false, 1);
  else if (op === BPF_JSGE) refineLess(b, a, wide, true, 0);
  else if (op === BPF_JSGT) refineLess(b, a, wide, true, 1);
  settle(a, wide);
  settle(b, wide);
}

// Conditional jumps between scalars: which way they go, and what each way teaches. `op` = opcode & 0xf0.
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
import {
  isLegacy,
  legacyNarrow,
  legacyWiden,
  refineFromTnum,
  scalarCheck,
  scalarSync,
  unbound32,
  unbound64,
  unboundBoth,
} from './bounds';
import { tnumIntersect, tnumMask, tnumValue } from './tnum';

const LOW: u64 = 0xffffffff;

/** Refinement of the way not taken when jset's bits are all zero. */
export const BPF_NOT_JSET = 0xf1;

const TAKEN = 1;
const NOT_TAKEN = 0;
const UNDECIDED = -1;

function compareUnsigned(op: i32, amin: u64, amax: u64, bmin: u64, bmax: u64): i32 {
  if (op === BPF_JGT) {
    if (amin > bmax) return TAKEN;
    if (amax <= bmin) return NOT_TAKEN;
  } else if (op === BPF_JGE) {
    if (amin >= bmax) return TAKEN;
    if (amax < bmin) return NOT_TAKEN;
  } else if (op === BPF_JLT) {
    if (amax < bmin) return TAKEN;
    if (amin >= bmax) return NOT_TAKEN;
  } else {
    if (amax <= bmin) return TAKEN;
    if (amin > bmax) return NOT_TAKEN;
  }
  return UNDECIDED;
}

function compareSigned(op: i32, amin: i64, amax: i64, bmin: i64, bmax: i64): i32 {
  if (op === BPF_JSGT) {
    if (amin > bmax) return TAKEN;
    if (amax <= bmin) return NOT_TAKEN;
  } else if (op === BPF_JSGE) {
    if (amin >= bmax) return TAKEN;
    if (amax < bmin) return NOT_TAKEN;
  } else if (op === BPF_JSLT) {
    if (amax < bmin) return TAKEN;
    if (amin >= bmax) return NOT_TAKEN;
  } else {
    if (amax <= bmin) return TAKEN;
    if (amin > bmax) return NOT_TAKEN;
  }
  return UNDECIDED;
}

function equality(a: usize, b: usize, is64: bool): i32 {
  const mask: u64 = is64 ? u64.MAX_VALUE : LOW;
  const av = load<u64>(a, REG_VALUE) & mask;
  const am = load<u64>(a, REG_MASK) & mask;
  const bv = load<u64>(b, REG_VALUE) & mask;
  const bm = load<u64>(b, REG_MASK) & mask;
  if (am === 0 && bm === 0) return av === bv ? TAKEN : NOT_TAKEN;
  if (isLegacy() && bm !== 0) return UNDECIDED;
  if (isLegacy()) {
    // Linux 6.1 looks at the unsigned range and, with one exception, the signed one.
    return outOfRange(a, bv, is64) ? NOT_TAKEN : UNDECIDED;
  }
  if (((av ^ bv) & ~(am | bm)) !== 0) return NOT_TAKEN;
  if (is64) {
    if (load<u64>(a, REG_UMIN) > load<u64>(b, REG_UMAX) || load<u64>(a, REG_UMAX) < load<u64>(b, REG_UMIN)) {
      return NOT_TAKEN;
    }
    if (load<i64>(a, REG_SMIN) > load<i64>(b, REG_SMAX) || load<i64>(a, REG_SMAX) < load<i64>(b, REG_SMIN)) {
      return NOT_TAKEN;
    }
  }
  if (
    load<u32>(a, REG_U32MIN) > load<u32>(b, REG_U32MAX) ||
    load<u32>(a, REG_U32MAX) < load<u32>(b, REG_U32MIN)
  ) {
    return NOT_TAKEN;
  }
  if (
    load<i32>(a, REG_S32MIN) > load<i32>(b, REG_S32MAX) ||
    load<i32>(a, REG_S32MAX) < load<i32>(b, REG_S32MIN)
  ) {
    return NOT_TAKEN;
  }
  return UNDECIDED;
}

function outOfRange(a: usize, value: u64, is64: bool): bool {
  if (is64) {
    if (value < load<u64>(a, REG_UMIN) || value > load<u64>(a, REG_UMAX)) return true;
    return <i64>value < load<i64>(a, REG_SMIN) || <i64>value > load<i64>(a, REG_SMAX);
  }
  if (<u32>value < load<u32>(a, REG_U32MIN) || <u32>value > load<u32>(a, REG_U32MAX)) return true;
  return <i32>value < load<i32>(a, REG_S32MIN) || <i32>value > load<i32>(a, REG_S32MAX);
}

function bitTest(a: usize, b: usize, is64: bool): i32 {
  const mask: u64 = is64 ? u64.MAX_VALUE : LOW;
  let x = a;
  let c = b;
  if ((load<u64>(c, REG_MASK) & mask) !== 0) {
    x = b;
    c = a;
    if ((load<u64>(c, REG_MASK) & mask) !== 0) return UNDECIDED;
  }
  const bits = load<u64>(c, REG_VALUE) & mask;
  const known = load<u64>(x, REG_VALUE) & mask;
  if ((known & bits) !== 0) return TAKEN;
  if (((known | load<u64>(x, REG_MASK)) & bits) === 0) return NOT_TAKEN;
  return UNDECIDED;
}

/** 1 = always taken, 0 = never, -1 = undecided. */
export function branchPredict(op: i32, is64: i32, a: usize, b: usize): i32 {
  const wide = is64 !== 0;
  if (op === BPF_JEQ) return equality(a, b, wide);
  if (op === BPF_JNE) {
    const equal = equality(a, b, wide);
    return equal < 0 ? equal : 1 - equal;
  }
  if (op === BPF_JSET) return bitTest(a, b, wide);
  const unsigned = op === BPF_JGT || op === BPF_JGE || op === BPF_JLT || op === BPF_JLE;
  if (wide) {
    if (unsigned) {
      return compareUnsigned(
        op,
        load<u64>(a, REG_UMIN),
        load<u64>(a, REG_UMAX),
        load<u64>(b, REG_UMIN),
        load<u64>(b, REG_UMAX),
      );
    }
    return compareSigned(
      op,
      load<i64>(a, REG_SMIN),
      load<i64>(a, REG_SMAX),
      load<i64>(b, REG_SMIN),
      load<i64>(b, REG_SMAX),
    );
  }
  if (unsigned) {
    return compareUnsigned(
      op,
      <u64>load<u32>(a, REG_U32MIN),
      <u64>load<u32>(a, REG_U32MAX),
      <u64>load<u32>(b, REG_U32MIN),
      <u64>load<u32>(b, REG_U32MAX),
    );
  }
  return compareSigned(
    op,
    <i64>load<i32>(a, REG_S32MIN),
    <i64>load<i32>(a, REG_S32MAX),
    <i64>load<i32>(b, REG_S32MIN),
    <i64>load<i32>(b, REG_S32MAX),
  );
}

function refineEqual(a: usize, b: usize, wide: bool): void {
  if (wide) {
    const umin = max<u64>(load<u64>(a, REG_UMIN), load<u64>(b, REG_UMIN));
    const umax = min<u64>(load<u64>(a, REG_UMAX), load<u64>(b, REG_UMAX));
    const smin = max<i64>(load<i64>(a, REG_SMIN), load<i64>(b, REG_SMIN));
    const smax = min<i64>(load<i64>(a, REG_SMAX), load<i64>(b, REG_SMAX));
    store<u64>(a, umin, REG_UMIN);
    store<u64>(b, umin, REG_UMIN);
    store<u64>(a, umax, REG_UMAX);
    store<u64>(b, umax, REG_UMAX);
    store<i64>(a, smin, REG_SMIN);
    store<i64>(b, smin, REG_SMIN);
    store<i64>(a, smax, REG_SMAX);
    store<i64>(b, smax, REG_SMAX);
    tnumIntersect(
      load<u64>(a, REG_VALUE),
      load<u64>(a, REG_MASK),
      load<u64>(b, REG_VALUE),
      load<u64>(b, REG_MASK),
    );
    store<u64>(a, tnumValue, REG_VALUE);
    store<u64>(b, tnumValue, REG_VALUE);
    store<u64>(a, tnumMask, REG_MASK);
    store<u64>(b, tnumMask, REG_MASK);
    return;
  }
  const umin = max<u32>(load<u32>(a, REG_U32MIN), load<u32>(b, REG_U32MIN));
  const umax = min<u32>(load<u32>(a, REG_U32MAX), load<u32>(b, REG_U32MAX));
  const smin = max<i32>(load<i32>(a, REG_S32MIN), load<i32>(b, REG_S32MIN));
  const smax = min<i32>(load<i32>(a, REG_S32MAX), load<i32>(b, REG_S32MAX));
  store<u32>(a, umin, REG_U32MIN);
  store<u32>(b, umin, REG_U32MIN);
  store<u32>(a, umax, REG_U32MAX);
  store<u32>(b, umax, REG_U32MAX);
  store<i32>(a, smin, REG_S32MIN);
  store<i32>(b, smin, REG_S32MIN);
  store<i32>(a, smax, REG_S32MAX);
  store<i32>(b, smax, REG_S32MAX);
  tnumIntersect(
    load<u64>(a, REG_VALUE) & LOW,
    load<u64>(a, REG_MASK) & LOW,
    load<u64>(b, REG_VALUE) & LOW,
    load<u64>(b, REG_MASK) & LOW,
  );
  setLowTnum(a, tnumValue, tnumMask);
  setLowTnum(b, tnumValue, tnumMask);
}

function setLowTnum(reg: usize, value: u64, mask: u64): void {
  store<u64>(reg, (load<u64>(reg, REG_VALUE) & ~LOW) | (value & LOW), REG_VALUE);
  store<u64>(reg, (load<u64>(reg, REG_MASK) & ~LOW) | (mask & LOW), REG_MASK);
}

function refineUnequal(a: usize, b: usize, wide: bool): void {
  if (isLegacy()) return;
  const mask: u64 = wide ? u64.MAX_VALUE : LOW;
  let x = a;
  let c = b;
  if ((load<u64>(c, REG_MASK) & mask) !== 0) {
    x = b;
    c = a;
    if ((load<u64>(c, REG_MASK) & mask) !== 0) return;
  }
  const value = load<u64>(c, REG_VALUE) & mask;
  if (wide) {
    if (load<u64>(x, REG_UMIN) === value) store<u64>(x, value + 1, REG_UMIN);
    if (load<u64>(x, REG_UMAX) === value) store<u64>(x, value - 1, REG_UMAX);
    if (load<i64>(x, REG_SMIN) === <i64>value) store<i64>(x, <i64>value + 1, REG_SMIN);
    if (load<i64>(x, REG_SMAX) === <i64>value) store<i64>(x, <i64>value - 1, REG_SMAX);
    return;
  }
  const low = <u32>value;
  if (load<u32>(x, REG_U32MIN) === low) store<u32>(x, low + 1, REG_U32MIN);
  if (load<u32>(x, REG_U32MAX) === low) store<u32>(x, low - 1, REG_U32MAX);
  if (load<i32>(x, REG_S32MIN) === <i32>low) store<i32>(x, <i32>low + 1, REG_S32MIN);
  if (load<i32>(x, REG_S32MAX) === <i32>low) store<i32>(x, <i32>low - 1, REG_S32MAX);
}

function refineBits(a: usize, b: usize, wide: bool, known: bool): void {
  const mask: u64 = wide ? u64.MAX_VALUE : LOW;
  let x = a;
  let c = b;
  if ((load<u64>(c, REG_MASK) & mask) !== 0) {
    x = b;
    c = a;
    if ((load<u64>(c, REG_MASK) & mask) !== 0) return;
  }
  const bits = load<u64>(c, REG_VALUE) & mask;
  const v = load<u64>(x, REG_VALUE);
  const m = load<u64>(x, REG_MASK);
  if (known) {
    if (bits === 0 || (bits & (bits - 1)) !== 0) return;
    store<u64>(x, v | bits, REG_VALUE);
    store<u64>(x, m & ~bits, REG_MASK);
    return;
  }
  unboundBoth(x);
  store<u64>(x, v & ~bits, REG_VALUE);
  store<u64>(x, m & ~bits, REG_MASK);
}

/** a <= b, or a < b when `strict`. */
function refineLess(a: usize, b: usize, wide: bool, signed: bool, strict: bool): void {
  if (wide) {
    if (signed) {
      const amin = load<i64>(a, REG_SMIN);
      const bmax = load<i64>(b, REG_SMAX);
      const one: i64 = strict ? 1 : 0;
      store<i64>(a, min<i64>(load<i64>(a, REG_SMAX), bmax - one), REG_SMAX);
      store<i64>(b, max<i64>(amin + one, load<i64>(b, REG_SMIN)), REG_SMIN);
    } else {
      const amin = load<u64>(a, REG_UMIN);
      const bmax = load<u64>(b, REG_UMAX);
      const one: u64 = strict ? 1 : 0;
      store<u64>(a, min<u64>(load<u64>(a, REG_UMAX), bmax - one), REG_UMAX);
      store<u64>(b, max<u64>(amin + one, load<u64>(b, REG_UMIN)), REG_UMIN);
    }
    return;
  }
  if (signed) {
    const amin = load<i32>(a, REG_S32MIN);
    const bmax = load<i32>(b, REG_S32MAX);
    const one = strict ? 1 : 0;
    store<i32>(a, min<i32>(load<i32>(a, REG_S32MAX), bmax - one), REG_S32MAX);
    store<i32>(b, max<i32>(amin + one, load<i32>(b, REG_S32MIN)), REG_S32MIN);
  } else {
    const amin = load<u32>(a, REG_U32MIN);
    const bmax = load<u32>(b, REG_U32MAX);
    const one: u32 = strict ? 1 : 0;
    store<u32>(a, min<u32>(load<u32>(a, REG_U32MAX), bmax - one), REG_U32MAX);
    store<u32>(b, max<u32>(amin + one, load<u32>(b, REG_U32MIN)), REG_U32MIN);
  }
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
  else if (op === BPF_JLE) refineLess(a, b, wide, false, false);
  else if (op === BPF_JLT) refineLess(a, b, wide, false, true);
  else if (op === BPF_JSLE) refineLess(a, b, wide, true, false);
  else if (op === BPF_JSLT) refineLess(a, b, wide, true, true);
  else if (op === BPF_JGE) refineLess(b, a, wide, false, false);
  else if (op === BPF_JGT) refineLess(b, a, wide, false, true);
  else if (op === BPF_JSGE) refineLess(b, a, wide, true, false);
  else if (op === BPF_JSGT) refineLess(b, a, wide, true, true);
  settle(a, wide);
  settle(b, wide);
}

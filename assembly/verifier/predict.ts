// Conditional jumps between scalars: which way they go. `op` = opcode & 0xf0.
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
import { isLegacy } from './bounds';

const LOW: u64 = 0xffffffff;

const TAKEN = 1;
const NOT_TAKEN = 0;
const UNDECIDED = -1;

/** The operand that is known, b when both are; 0 = none. */
export function constantSide(a: usize, b: usize, is64: bool): usize {
  const mask: u64 = is64 ? u64.MAX_VALUE : LOW;
  if ((load<u64>(b, REG_MASK) & mask) === 0) return b;
  return (load<u64>(a, REG_MASK) & mask) === 0 ? a : 0;
}

function equality(a: usize, b: usize, is64: bool): i32 {
  const mask: u64 = is64 ? u64.MAX_VALUE : LOW;
  const av = load<u64>(a, REG_VALUE) & mask;
  const am = load<u64>(a, REG_MASK) & mask;
  const bv = load<u64>(b, REG_VALUE) & mask;
  const bm = load<u64>(b, REG_MASK) & mask;
  if (am === 0 && bm === 0) return av === bv ? TAKEN : NOT_TAKEN;
  if (isLegacy()) return bm === 0 && outOfRange(a, bv, is64) ? NOT_TAKEN : UNDECIDED;
  if (((av ^ bv) & ~(am | bm)) !== 0) return NOT_TAKEN;
  if (is64 && (disjoint<u64>(a, b, REG_UMIN, REG_UMAX) || disjoint<i64>(a, b, REG_SMIN, REG_SMAX))) {
    return NOT_TAKEN;
  }
  if (disjoint<u32>(a, b, REG_U32MIN, REG_U32MAX) || disjoint<i32>(a, b, REG_S32MIN, REG_S32MAX)) {
    return NOT_TAKEN;
  }
  return UNDECIDED;
}

/** No number lies in both ranges. */
function disjoint<T>(a: usize, b: usize, low: usize, high: usize): bool {
  return load<T>(a + low) > load<T>(b + high) || load<T>(a + high) < load<T>(b + low);
}

/** Linux 6.1 asks whether a known value lies in the ranges of the width. */
function outOfRange(a: usize, value: u64, is64: bool): bool {
  if (is64) {
    return outside<u64>(a, value, REG_UMIN, REG_UMAX) || outside<i64>(a, <i64>value, REG_SMIN, REG_SMAX);
  }
  return (
    outside<u32>(a, <u32>value, REG_U32MIN, REG_U32MAX) || outside<i32>(a, <i32>value, REG_S32MIN, REG_S32MAX)
  );
}

function outside<T>(a: usize, value: T, low: usize, high: usize): bool {
  return value < load<T>(a + low) || value > load<T>(a + high);
}

function bitTest(a: usize, b: usize, is64: bool): i32 {
  const c = constantSide(a, b, is64);
  if (c === 0) return UNDECIDED;
  const x = a + b - c;
  const mask: u64 = is64 ? u64.MAX_VALUE : LOW;
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
  const isUnsigned = op === BPF_JGT || op === BPF_JGE || op === BPF_JLT || op === BPF_JLE;
  if (wide && isUnsigned) return order<u64>(op, a, b, REG_UMIN, REG_UMAX);
  if (wide) return order<i64>(op, a, b, REG_SMIN, REG_SMAX);
  if (isUnsigned) return order<u32>(op, a, b, REG_U32MIN, REG_U32MAX);
  return order<i32>(op, a, b, REG_S32MIN, REG_S32MAX);
}

/** What the ranges that lie at `low` and `high` say of an order. */
function order<T>(op: i32, a: usize, b: usize, low: usize, high: usize): i32 {
  const amin = load<T>(a + low);
  const amax = load<T>(a + high);
  const bmin = load<T>(b + low);
  const bmax = load<T>(b + high);
  if (op === BPF_JGT || op === BPF_JSGT) {
    if (amin > bmax) return TAKEN;
    if (amax <= bmin) return NOT_TAKEN;
  } else if (op === BPF_JGE || op === BPF_JSGE) {
    if (amin >= bmax) return TAKEN;
    if (amax < bmin) return NOT_TAKEN;
  } else if (op === BPF_JLT || op === BPF_JSLT) {
    if (amax < bmin) return TAKEN;
    if (amin >= bmax) return NOT_TAKEN;
  } else {
    if (amax <= bmin) return TAKEN;
    if (amin > bmax) return NOT_TAKEN;
  }
  return UNDECIDED;
}

// Transfer functions of scalar arithmetic: dst = dst op src on register records.
import { BPF_ADD, BPF_AND, BPF_ARSH, BPF_LSH, BPF_MUL, BPF_OR, BPF_RSH, BPF_SUB, BPF_XOR } from '../isa';
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
  refineFromTnum,
  scalarCheck,
  scalarConst,
  scalarSync,
  scalarUnknown,
  scalarZext,
  unbound32,
  unbound64,
} from './bounds';
import {
  tnumAdd,
  tnumAnd,
  tnumArsh,
  tnumLsh,
  tnumMask,
  tnumMul,
  tnumOr,
  tnumRange,
  tnumRsh,
  tnumSub,
  tnumValue,
  tnumXor,
} from './tnum';

const LOW: u64 = 0xffffffff;

function keepTnum(reg: usize): void {
  store<u64>(reg, tnumValue, REG_VALUE);
  store<u64>(reg, tnumMask, REG_MASK);
}

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

function setU32(reg: usize, low: u32, high: u32): void {
  store<u32>(reg, low, REG_U32MIN);
  store<u32>(reg, high, REG_U32MAX);
}

function addBounds32(dst: usize, src: usize): void {
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

function subBounds32(dst: usize, src: usize): void {
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

function mulBounds32(dst: usize, src: usize): void {
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

function mulBounds64(dst: usize, src: usize): void {
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

function setU32AndSigned(reg: usize, low: u32, high: u32): void {
  setU32(reg, low, high);
  const fits = <i32>low <= <i32>high;
  store<i32>(reg, fits ? <i32>low : i32.MIN_VALUE, REG_S32MIN);
  store<i32>(reg, fits ? <i32>high : i32.MAX_VALUE, REG_S32MAX);
}

function setU64AndSigned(reg: usize, low: u64, high: u64): void {
  store<u64>(reg, low, REG_UMIN);
  store<u64>(reg, high, REG_UMAX);
  const fits = <i64>low <= <i64>high;
  store<i64>(reg, fits ? <i64>low : i64.MIN_VALUE, REG_SMIN);
  store<i64>(reg, fits ? <i64>high : i64.MAX_VALUE, REG_SMAX);
}

function setConst32(reg: usize, value: u32): void {
  setU32(reg, value, value);
  store<u32>(reg, value, REG_S32MIN);
  store<u32>(reg, value, REG_S32MAX);
}

/** and, or, xor: the tnum of dst is the result's already; `srcWas`, `dstWas` = both were constant. */
function bitwiseBounds(op: i32, dst: usize, src: usize, const32: bool, const64: bool): void {
  const v = load<u64>(dst, REG_VALUE);
  const possible = v | load<u64>(dst, REG_MASK);
  if (const32) {
    setConst32(dst, <u32>v);
  } else if (op === BPF_AND) {
    setU32AndSigned(dst, <u32>v, min<u32>(load<u32>(dst, REG_U32MAX), load<u32>(src, REG_U32MAX)));
  } else if (op === BPF_OR) {
    setU32AndSigned(dst, max<u32>(load<u32>(dst, REG_U32MIN), load<u32>(src, REG_U32MIN)), <u32>possible);
  } else {
    setU32AndSigned(dst, <u32>v, <u32>possible);
  }
  if (const64) {
    scalarConst(dst, v);
    return;
  }
  if (op === BPF_AND) {
    setU64AndSigned(dst, v, min<u64>(load<u64>(dst, REG_UMAX), load<u64>(src, REG_UMAX)));
  } else if (op === BPF_OR) {
    setU64AndSigned(dst, max<u64>(load<u64>(dst, REG_UMIN), load<u64>(src, REG_UMIN)), possible);
  } else {
    setU64AndSigned(dst, v, possible);
  }
  refineFromTnum(dst);
}

/** 32-bit unsigned and signed bounds of dst << amount. */
function lshBounds32(dst: usize, amount: u64): void {
  store<i32>(dst, i32.MIN_VALUE, REG_S32MIN);
  store<i32>(dst, i32.MAX_VALUE, REG_S32MAX);
  const high = load<u32>(dst, REG_U32MAX);
  if (amount > 31 || <u64>high > (<u64>1) << (31 - amount)) {
    setU32(dst, 0, u32.MAX_VALUE);
  } else {
    setU32(dst, load<u32>(dst, REG_U32MIN) << (<u32>amount), high << (<u32>amount));
  }
}

function lsh64(dst: usize, amount: u64): void {
  const special = amount === 32;
  const smin = (<i64>load<i32>(dst, REG_S32MIN)) << 32;
  const smax = (<i64>load<i32>(dst, REG_S32MAX)) << 32;
  const legacyMin = isLegacy() && smin < 0;
  const legacyMax = isLegacy() && smax < 0;
  store<i64>(dst, special && !legacyMin ? smin : i64.MIN_VALUE, REG_SMIN);
  store<i64>(dst, special && !legacyMax ? smax : i64.MAX_VALUE, REG_SMAX);
  const high = load<u64>(dst, REG_UMAX);
  if (high > (<u64>1) << (63 - amount)) {
    store<u64>(dst, 0, REG_UMIN);
    store<u64>(dst, u64.MAX_VALUE, REG_UMAX);
  } else {
    store<u64>(dst, load<u64>(dst, REG_UMIN) << amount, REG_UMIN);
    store<u64>(dst, high << amount, REG_UMAX);
  }
  lshBounds32(dst, amount);
  tnumLsh(load<u64>(dst, REG_VALUE), load<u64>(dst, REG_MASK), amount);
  keepTnum(dst);
  refineFromTnum(dst);
}

function shift64(op: i32, dst: usize, amount: u64): void {
  if (op === BPF_LSH) {
    lsh64(dst, amount);
    return;
  }
  const v = load<u64>(dst, REG_VALUE);
  const m = load<u64>(dst, REG_MASK);
  if (op === BPF_RSH) {
    store<i64>(dst, i64.MIN_VALUE, REG_SMIN);
    store<i64>(dst, i64.MAX_VALUE, REG_SMAX);
    store<u64>(dst, load<u64>(dst, REG_UMIN) >> amount, REG_UMIN);
    store<u64>(dst, load<u64>(dst, REG_UMAX) >> amount, REG_UMAX);
    tnumRsh(v, m, amount);
  } else {
    store<i64>(dst, load<i64>(dst, REG_SMIN) >> (<i64>amount), REG_SMIN);
    store<i64>(dst, load<i64>(dst, REG_SMAX) >> (<i64>amount), REG_SMAX);
    store<u64>(dst, 0, REG_UMIN);
    store<u64>(dst, u64.MAX_VALUE, REG_UMAX);
    tnumArsh(v, m, amount, 64);
  }
  keepTnum(dst);
  unbound32(dst);
  refineFromTnum(dst);
}

function shift32(op: i32, dst: usize, amount: u64): void {
  const v = load<u64>(dst, REG_VALUE) & LOW;
  const m = load<u64>(dst, REG_MASK) & LOW;
  if (op === BPF_LSH) {
    lshBounds32(dst, amount);
    tnumLsh(v, m, amount);
  } else if (op === BPF_RSH) {
    store<i32>(dst, i32.MIN_VALUE, REG_S32MIN);
    store<i32>(dst, i32.MAX_VALUE, REG_S32MAX);
    setU32(dst, load<u32>(dst, REG_U32MIN) >> (<u32>amount), load<u32>(dst, REG_U32MAX) >> (<u32>amount));
    tnumRsh(v, m, amount);
  } else {
    store<i32>(dst, load<i32>(dst, REG_S32MIN) >> (<i32>amount), REG_S32MIN);
    store<i32>(dst, load<i32>(dst, REG_S32MAX) >> (<i32>amount), REG_S32MAX);
    setU32(dst, 0, u32.MAX_VALUE);
    tnumArsh(v, m, amount, 32);
  }
  store<u64>(dst, tnumValue & LOW, REG_VALUE);
  store<u64>(dst, tnumMask & LOW, REG_MASK);
  unbound64(dst);
  refineFromTnum(dst);
}

function isShift(op: i32): bool {
  return op === BPF_LSH || op === BPF_RSH || op === BPF_ARSH;
}

/** Whether a result can be computed: shifts need a known amount below the width, div and mod never are. */
function computable(op: i32, src: usize, is64: bool): bool {
  if (op === BPF_ADD || op === BPF_SUB || op === BPF_MUL) return true;
  if (op === BPF_AND || op === BPF_OR || op === BPF_XOR) return true;
  if (!isShift(op)) return false;
  const umax = load<u64>(src, REG_UMAX);
  if (is64) {
    return load<u64>(src, REG_MASK) === 0 && load<u64>(src, REG_UMIN) === umax && umax < 64;
  }
  return (
    <u32>load<u64>(src, REG_MASK) === 0 &&
    load<u32>(src, REG_U32MIN) === load<u32>(src, REG_U32MAX) &&
    umax < 32
  );
}

/** Linux 6.1 gives up at once on an unknown operand, except for add, sub and and. */
function legacyRefuses(op: i32, src: usize, is64: bool): bool {
  if (op === BPF_ADD || op === BPF_SUB || op === BPF_AND) return false;
  const mask = load<u64>(src, REG_MASK);
  return is64 ? mask !== 0 : <u32>mask !== 0;
}

/**
 * dst = dst op src for scalars; `op` = opcode & 0xf0, `is64` = class ALU64. The caller handles mov, neg, end, and
 * the and/or fork.
 */
export function scalarAlu(op: i32, is64: i32, dst: usize, src: usize): void {
  if (isLegacy() ? legacyRefuses(op, src, is64 !== 0) : !computable(op, src, is64 !== 0)) {
    scalarUnknown(dst);
    return;
  }
  if (isLegacy() && !computable(op, src, is64 !== 0)) {
    scalarUnknown(dst);
    if (is64 === 0) scalarZext(dst);
    return;
  }
  const dv = load<u64>(dst, REG_VALUE);
  const dm = load<u64>(dst, REG_MASK);
  const sv = load<u64>(src, REG_VALUE);
  const sm = load<u64>(src, REG_MASK);
  if (op === BPF_ADD) {
    addBounds32(dst, src);
    addBounds64(dst, src);
    tnumAdd(dv, dm, sv, sm);
    keepTnum(dst);
  } else if (op === BPF_SUB) {
    subBounds32(dst, src);
    subBounds64(dst, src);
    tnumSub(dv, dm, sv, sm);
    keepTnum(dst);
  } else if (op === BPF_MUL) {
    tnumMul(dv, dm, sv, sm);
    keepTnum(dst);
    mulBounds32(dst, src);
    mulBounds64(dst, src);
  } else if (isShift(op)) {
    const amount = is64 !== 0 ? sv : sv & LOW;
    if (is64 !== 0) shift64(op, dst, amount);
    else shift32(op, dst, amount);
  } else {
    if (op === BPF_AND) tnumAnd(dv, dm, sv, sm);
    else if (op === BPF_OR) tnumOr(dv, dm, sv, sm);
    else tnumXor(dv, dm, sv, sm);
    keepTnum(dst);
    bitwiseBounds(op, dst, src, <u32>dm === 0 && <u32>sm === 0, dm === 0 && sm === 0);
  }
  if (is64 === 0) scalarZext(dst);
  scalarSync(dst);
  scalarCheck(dst);
}

/** Zero-extending load of `bits` < 64 unknown-above bits: the value truncated. */
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
  if (bytes < 4) unbound32(reg);
  if (isLegacy() && bytes < 4) {
    store<u64>(reg, load<u64>(reg, REG_SMIN), REG_SMIN);
  }
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

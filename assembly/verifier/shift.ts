// Shifts by a known amount: tnum and bounds of one width.
import { BPF_LSH, BPF_RSH } from '../isa';
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
import { isLegacy, keepTnum, refineFromTnum, setU32, unbound32, unbound64 } from './bounds';
import { tnumArsh, tnumLsh, tnumMask, tnumRsh, tnumValue } from './tnum';

const LOW: u64 = 0xffffffff;

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

export function shift64(op: i32, dst: usize, amount: u64): void {
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

export function shift32(op: i32, dst: usize, amount: u64): void {
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

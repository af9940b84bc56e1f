// Bounds after and, or, xor.
import { BPF_AND, BPF_OR } from '../isa';
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
import { refineFromTnum, scalarConst, setU32 } from './bounds';

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

/** and, or, xor: the tnum of dst is the result's already; `const32`, `const64` = both operands were constant. */
export function bitwiseBounds(op: i32, dst: usize, src: usize, const32: bool, const64: bool): void {
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

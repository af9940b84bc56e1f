// Transfer function of scalar arithmetic: dst = dst op src on register records.
import { BPF_ADD, BPF_AND, BPF_ARSH, BPF_LSH, BPF_MUL, BPF_OR, BPF_RSH, BPF_SUB, BPF_XOR } from '../isa';
import { REG_MASK, REG_U32MAX, REG_U32MIN, REG_UMAX, REG_UMIN, REG_VALUE } from '../layout/verifier';
import { isLegacy, keepTnum, scalarCheck, scalarSync, scalarUnknown, scalarZext } from './bounds';
import { tnumAdd, tnumAnd, tnumMul, tnumOr, tnumSub, tnumXor } from './tnum';
import { addBounds32, addBounds64, mulBounds32, mulBounds64, subBounds32, subBounds64 } from './arithmetic';
import { bitwiseBounds } from './bitwise';
import { shift32, shift64 } from './shift';

const LOW: u64 = 0xffffffff;

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

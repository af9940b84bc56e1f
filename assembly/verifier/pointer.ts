// Tnum part of pointer arithmetic with a variable offset: dst may be the register itself.
import { REG_MASK, REG_VALUE } from '../layout/verifier';
import { tnumAdd, tnumMask, tnumSub, tnumValue } from './tnum';

export function verifierTnumAdd(dst: usize, src: usize): void {
  tnumAdd(
    load<u64>(dst, REG_VALUE),
    load<u64>(dst, REG_MASK),
    load<u64>(src, REG_VALUE),
    load<u64>(src, REG_MASK),
  );
  store<u64>(dst, tnumValue, REG_VALUE);
  store<u64>(dst, tnumMask, REG_MASK);
}

export function verifierTnumSub(dst: usize, src: usize): void {
  tnumSub(
    load<u64>(dst, REG_VALUE),
    load<u64>(dst, REG_MASK),
    load<u64>(src, REG_VALUE),
    load<u64>(src, REG_MASK),
  );
  store<u64>(dst, tnumValue, REG_VALUE);
  store<u64>(dst, tnumMask, REG_MASK);
}

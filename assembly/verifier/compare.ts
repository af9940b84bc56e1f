// Whether one register's values include another's, and marks along the parents of a place.
import {
  LIVE_DONE,
  LIVE_READ32,
  LIVE_READ64,
  LIVE_WRITTEN,
  REG_LIVE,
  REG_MASK,
  REG_PARENT,
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
import { tnumIn } from './tnum';

/** 1 = every value `cur` may have is one `old` may have. */
export function scalarWithin(old: usize, cur: usize): i32 {
  if (load<u64>(old, REG_UMIN) > load<u64>(cur, REG_UMIN)) return 0;
  if (load<u64>(old, REG_UMAX) < load<u64>(cur, REG_UMAX)) return 0;
  if (load<i64>(old, REG_SMIN) > load<i64>(cur, REG_SMIN)) return 0;
  if (load<i64>(old, REG_SMAX) < load<i64>(cur, REG_SMAX)) return 0;
  if (load<u32>(old, REG_U32MIN) > load<u32>(cur, REG_U32MIN)) return 0;
  if (load<u32>(old, REG_U32MAX) < load<u32>(cur, REG_U32MAX)) return 0;
  if (load<i32>(old, REG_S32MIN) > load<i32>(cur, REG_S32MIN)) return 0;
  if (load<i32>(old, REG_S32MAX) < load<i32>(cur, REG_S32MAX)) return 0;
  const within = tnumIn(
    load<u64>(old, REG_VALUE),
    load<u64>(old, REG_MASK),
    load<u64>(cur, REG_VALUE),
    load<u64>(cur, REG_MASK),
  );
  return within ? 1 : 0;
}

/** 1 = the first `size` bytes at both places are the same; size is a multiple of 4. */
export function recordEqual(a: usize, b: usize, size: usize): i32 {
  for (let i: usize = 0; i < size; i += 4) {
    if (load<u32>(a + i) !== load<u32>(b + i)) return 0;
  }
  return 1;
}

/** Marks a place read (LIVE_READ32 or 64) in its parents until one that wrote it; parents marked, or -1 on a loop. */
export function liveMarkRead(reg: usize, parent: usize, flag: u32): i32 {
  if (parent === <usize>load<u32>(reg, REG_PARENT) && (load<u32>(reg, REG_LIVE) & LIVE_WRITTEN) !== 0)
    return 0;
  return liveMarkFrom(parent, flag);
}

/** Marks a place itself, and its parents. */
export function liveMarkFrom(place: usize, flag: u32): i32 {
  let count = 0;
  while (place !== 0) {
    const live = load<u32>(place, REG_LIVE);
    if ((live & LIVE_DONE) !== 0) return -1;
    if ((live & flag) === flag || (live & LIVE_READ64) !== 0) break;
    const kept = flag === LIVE_READ64 ? live & ~LIVE_READ32 : live;
    store<u32>(place, kept | flag, REG_LIVE);
    count++;
    if ((live & LIVE_WRITTEN) !== 0) break;
    place = <usize>load<u32>(place, REG_PARENT);
  }
  return count;
}

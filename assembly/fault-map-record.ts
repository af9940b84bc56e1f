// One record of the fault map taken apart and put together: the slow way, for chunks that two images share or that
// have more starts than details fit.
import { heapAlloc, heapFree } from './heap';
import { sideBlock } from './fault-map';
import { publish32, publish64, publish8 } from './publish';
import {
  RECORD_DETAILS,
  RECORD_DETAIL_COUNT,
  RECORD_IDS,
  RECORD_SIDE,
  RECORD_STARTS,
  SIDE_SHIFT,
} from './layout/fault-map';

/** The record being worked on, one id and detail per byte of the chunk. */
const ids: usize = memory.data(64 * 4);
const details: usize = memory.data(64);
let starts: u64 = 0;

export function openRecord(record: usize): void {
  starts = load<u64>(record + RECORD_STARTS);
  const first = load<u32>(record + RECORD_IDS);
  const side: usize = <i32>first < 0 ? sideBlock(first) : 0;
  const sideDetails = side + ((<usize>popcnt(starts)) << 2);
  let rank: usize = 0;
  for (let left = starts; left !== 0; left &= left - 1) {
    const start = <usize>ctz(left);
    store<u32>(ids + (start << 2), side === 0 ? first + <u32>rank : load<u32>(side + (rank << 2)));
    store<u8>(
      details + start,
      side === 0 ? load<u8>(record + RECORD_DETAILS + rank) : load<u8>(sideDetails + rank),
    );
    rank++;
  }
}

export function openStarts(): u64 {
  return starts;
}

export function addStart(start: usize, id: u32, detail: u32): void {
  starts |= (<u64>1) << start;
  store<u32>(ids + (start << 2), id);
  store<u8>(details + start, detail);
}

export function dropStarts(mask: u64): void {
  starts &= ~mask;
}

function isPlain(): bool {
  if (<i32>popcnt(starts) > RECORD_DETAIL_COUNT) return false;
  let expected = load<u32>(ids + ((<usize>ctz(starts)) << 2));
  for (let left = starts; left !== 0; left &= left - 1) {
    if (load<u32>(ids + ((<usize>ctz(left)) << 2)) !== expected) return false;
    expected++;
  }
  return true;
}

/** Writes the open record back; false when it needs a side block and linear memory is exhausted (unchanged then). */
export function closeRecord(record: usize): bool {
  const old = load<u32>(record + RECORD_IDS);
  let side: usize = <i32>old < 0 ? sideBlock(old) : 0;
  const n = <usize>popcnt(starts);
  if (starts === 0 || isPlain()) {
    publish32(record + RECORD_IDS, starts === 0 ? 0 : load<u32>(ids + ((<usize>ctz(starts)) << 2)));
    let at = record + RECORD_DETAILS;
    for (let left = starts; left !== 0; left &= left - 1)
      publish8(at++, load<u8>(details + <usize>ctz(left)));
    publish64(record + RECORD_STARTS, starts);
    heapFree(side);
    return true;
  }
  // A block of a bigger set is kept: taking starts away never needs memory.
  if (side === 0 || n > <usize>popcnt(load<u64>(record + RECORD_STARTS))) {
    const made = heapAlloc(n * 5);
    if (made === 0) return false;
    heapFree(side);
    side = made;
  }
  let rank: usize = 0;
  for (let left = starts; left !== 0; left &= left - 1) {
    const start = <usize>ctz(left);
    publish32(side + (rank << 2), load<u32>(ids + (start << 2)));
    publish8(side + (n << 2) + rank, load<u8>(details + start));
    rank++;
  }
  publish32(record + RECORD_IDS, RECORD_SIDE | (<u32>(side >> SIDE_SHIFT)));
  publish64(record + RECORD_STARTS, starts);
  return true;
}

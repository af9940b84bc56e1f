// The fault map read on other threads while one thread changes it. The map changes only while the latch's sequence is
// odd, so an answer counts if the sequence was even before and is the same after; otherwise the latch tree answers.
import { emptyLeaf, faultMapBase, outsiders, relativeRecord, sideBlock } from './fault-map';
import { faultTreeLookup } from './fault-tree';
import { kallsymsLatch } from './kallsyms';
import { latchSeq } from './latch';
import {
  FAULT_MISS,
  RECORD_DETAILS,
  RECORD_DETAIL_COUNT,
  RECORD_IDS,
  RECORD_STARTS,
  WINDOW_SHIFT,
} from './layout/fault-map';
import { readersEnter, readersLeave } from './readers';

const GROUP: u32 = 64;

/**
 * Reads the map without a check of the whole: false when what it met cannot be followed and the sequence has moved.
 * Loads are atomic, so that the caller's check of the sequence comes after them.
 */
function readMap(pc: u64, ids: usize, details: usize, latch: usize, seq: u32): bool {
  let id: u32 = FAULT_MISS;
  let detail: u32 = 0;
  const record = emptyLeaf + relativeRecord(pc - faultMapBase());
  const starts = atomic.load<u64>(record + RECORD_STARTS);
  const first = atomic.load<u32>(record + RECORD_IDS);
  const below = starts << ~pc;
  const rank = <u32>popcnt(below);
  if (<i64>below < 0) {
    if (<i32>first >= 0) {
      // More than fit is a record in the middle of a change.
      detail = atomic.load<u8>(record + RECORD_DETAILS - 1 + min<u32>(rank, RECORD_DETAIL_COUNT));
      id = first + rank - 1;
    } else {
      if (latchSeq(latch) !== seq) return false;
      const side = sideBlock(first);
      id = atomic.load<u32>(side + ((rank - 1) << 2));
      detail = atomic.load<u8>(side + ((<usize>popcnt(starts)) << 2) + rank - 1);
    }
  }
  store<u32>(ids, id);
  store<u8>(details, detail);
  return true;
}

function isOutside(pc: u64): bool {
  return (pc - faultMapBase()) >> WINDOW_SHIFT !== 0;
}

function treeLookup(pc: u64, details: usize, slot: u32): u32 {
  readersEnter(slot);
  const id = faultTreeLookup(pc, details);
  readersLeave(slot);
  return id;
}

/** As faultMapBatch, of reader `slot`. Answers how many groups of addresses the tree answered for. */
export function sharedBatch(pcs: usize, count: u32, ids: usize, details: usize, slot: u32): u32 {
  const latch = kallsymsLatch();
  let groups: u32 = 0;
  while (count !== 0) {
    const n = min<u32>(count, GROUP);
    const seq = latchSeq(latch);
    const outside = outsiders() !== 0;
    let done: u32 = 0;
    if ((seq & 1) === 0)
      for (; done < n; done++) {
        const pc = load<u64>(pcs + (done << 3));
        if (outside && isOutside(pc)) store<u32>(ids + (done << 2), treeLookup(pc, details + done, slot));
        else if (!readMap(pc, ids + (done << 2), details + done, latch, seq)) break;
      }
    if (done !== n || latchSeq(latch) !== seq) {
      groups++;
      readersEnter(slot);
      for (let i: u32 = 0; i < n; i++)
        store<u32>(ids + (i << 2), faultTreeLookup(load<u64>(pcs + (i << 3)), details + i));
      readersLeave(slot);
    }
    pcs += n << 3;
    ids += n << 2;
    details += n;
    count -= n;
  }
  return groups;
}

/** Id of the entry of the instruction at `pc`, or FAULT_MISS; `answer` has room for id u32 and detail u8. */
export function sharedLookup(pc: u64, answer: usize, slot: u32): u32 {
  const latch = kallsymsLatch();
  const seq = latchSeq(latch);
  const inside = outsiders() === 0 || !isOutside(pc);
  if ((seq & 1) === 0 && inside && readMap(pc, answer, answer + 4, latch, seq) && latchSeq(latch) === seq)
    return load<u32>(answer);
  return treeLookup(pc, answer + 4, slot);
}

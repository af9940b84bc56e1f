// Fault map, reader's side: from an address to the id of its exception entry with one cache line of records.
import {
  CHUNK_SHIFT,
  FAULT_MISS,
  LEAF_BYTES,
  LEAF_SHIFT,
  RECORD_DETAILS,
  RECORD_IDS,
  RECORD_SHIFT,
  RECORD_SIDE,
  RECORD_SIZE,
  RECORD_STARTS,
  SIDE_SHIFT,
  WINDOW_LEAVES,
  WINDOW_SHIFT,
} from './layout/fault-map';
import { faultTreeLookup } from './fault-tree';
import { publish32 } from './publish';

/** Detail of the last single lookup. */
export const detailCell: usize = memory.data(16);

/** The records of text that has none: all zero, never written. */
export const emptyLeaf: usize = memory.data(LEAF_BYTES, 64);

/** Address of each leaf less that of the empty one; the word past the window stays 0. */
const directory: usize = memory.data((WINDOW_LEAVES + 1) << 2, 64);

const RECORD_MASK: usize = LEAF_BYTES - RECORD_SIZE;
const TO_RECORD: i64 = CHUNK_SHIFT - RECORD_SHIFT;

const GROUP: usize = 64;
/** What a second-level cache keeps of a map. */
const LEAVES_IN_CACHE: u32 = 32;

let windowBase: u64 = 0xffffffffc0000000;

let leaves: u32 = 0;

/** Images with text outside of the window (u32): the latch tree answers for them. In memory for readers' threads. */
const outsiderCount: usize = memory.data(4, 4);

/** First address of the window; it is set while the map is empty. */
export function faultMapBase(): u64 {
  return windowBase;
}

export function faultMapSetBase(base: u64): void {
  windowBase = base;
}

export function outsiders(): u32 {
  return load<u32>(outsiderCount);
}

export function faultMapOutsiders(change: i32): void {
  publish32(outsiderCount, load<u32>(outsiderCount) + change);
}

/** Leaves in use. */
export function faultMapLeaves(): u32 {
  return leaves;
}

export function leafAt(offset: u64): usize {
  return emptyLeaf + load<u32>(directory + ((<usize>(offset >> LEAF_SHIFT)) << 2));
}

/** Puts a leaf in the place of the empty one, or 0: that one again. */
export function setLeaf(offset: u64, leaf: usize): void {
  leaves += leaf === 0 ? -1 : 1;
  publish32(directory + ((<usize>(offset >> LEAF_SHIFT)) << 2), leaf === 0 ? 0 : <u32>(leaf - emptyLeaf));
}

export function isEmptyLeaf(leaf: usize): bool {
  return leaf === emptyLeaf;
}

/** Record of an offset in the window; to be written only when its leaf is not the empty one. */
export function recordAt(offset: u64): usize {
  return leafAt(offset) + ((<usize>(offset >> TO_RECORD)) & RECORD_MASK);
}

/** Side block that `ids` of a record with RECORD_SIDE leads to. */
export function sideBlock(ids: u32): usize {
  return ((<usize>ids) & ~(<usize>RECORD_SIDE)) << SIDE_SHIFT;
}

function sideLookup(record: usize, pc: u64, detail: usize): u32 {
  const starts = load<u64>(record + RECORD_STARTS);
  const below = starts << ~pc;
  if (<i64>below >= 0) {
    store<u8>(detail, 0);
    return FAULT_MISS;
  }
  const side = sideBlock(load<u32>(record + RECORD_IDS));
  const rank = <usize>popcnt(below) - 1;
  store<u8>(detail, load<u8>(side + ((<usize>popcnt(starts)) << 2) + rank));
  return load<u32>(side + (rank << 2));
}

/** Id of the entry of the instruction that starts at `pc`, or FAULT_MISS; its detail goes to `detail`. */
function lookup(pc: u64, detail: usize): u32 {
  const offset = pc - windowBase;
  if (offset >> WINDOW_SHIFT !== 0) {
    if (outsiders() !== 0) return faultTreeLookup(pc, detail);
    store<u8>(detail, 0);
    return FAULT_MISS;
  }
  const record = recordAt(offset);
  const ids = load<u32>(record + RECORD_IDS);
  if (<i32>ids < 0) return sideLookup(record, pc, detail);
  // The start, if there is one, comes to bit 63; the ones above it fall out.
  const below = load<u64>(record + RECORD_STARTS) << ~pc;
  const rank = <usize>popcnt(below);
  const hit = <u32>((<i64>below) >> 63);
  store<u8>(detail, load<u8>(record + rank, RECORD_DETAILS - 1) & hit);
  return (ids + <u32>rank - 1) | ~hit;
}

export function faultMapLookup(pc: u64): u32 {
  return lookup(pc, detailCell);
}

/** For callers that have the halves of an address at hand. */
export function faultMapLookupHalves(high: u32, low: u32): u32 {
  return lookup(((<u64>high) << 32) | low, detailCell);
}

/** Record of an offset from the window's base, less the address of the empty leaf. */
export function relativeRecord(offset: u64): usize {
  const leaf = <usize>min<u64>(offset >> LEAF_SHIFT, WINDOW_LEAVES);
  return <usize>load<u32>(leaf << 2, directory) + ((<usize>(offset >> TO_RECORD)) & RECORD_MASK);
}

/** Answers from a record without side block: `below` are its starts up to pc, pc's at bit 63. */
function answer(record: usize, first: u32, below: u64, at: usize, ids: usize, details: usize): void {
  const rank = <usize>popcnt(below);
  const hit = <u32>((<i64>below) >> 63);
  store<u32>(ids + (at << 2), (first + <u32>rank - 1) | ~hit);
  store<u8>(details + at, load<u8>(record + rank, emptyLeaf + RECORD_DETAILS - 1) & hit);
}

function batchOneByOne(pcs: usize, count: usize, ids: usize, details: usize): void {
  for (let at: usize = 0; at < count; at++)
    store<u32>(ids + (at << 2), lookup(load<u64>(pcs + (at << 3)), details + at));
}

/** For a map in cache: four addresses at a time. */
function batchByFour(pcs: usize, left: usize, ids: usize, details: usize): void {
  const base = windowBase;
  for (; left >= 4; left -= 4) {
    const pc0 = load<u64>(pcs);
    const pc1 = load<u64>(pcs, 8);
    const pc2 = load<u64>(pcs, 16);
    const pc3 = load<u64>(pcs, 24);
    const record0 = relativeRecord(pc0 - base);
    const record1 = relativeRecord(pc1 - base);
    const record2 = relativeRecord(pc2 - base);
    const record3 = relativeRecord(pc3 - base);
    const first0 = load<u32>(record0, emptyLeaf + RECORD_IDS);
    const first1 = load<u32>(record1, emptyLeaf + RECORD_IDS);
    const first2 = load<u32>(record2, emptyLeaf + RECORD_IDS);
    const first3 = load<u32>(record3, emptyLeaf + RECORD_IDS);
    if (<i32>(first0 | first1 | first2 | first3) < 0) {
      batchOneByOne(pcs, 4, ids, details);
    } else {
      answer(record0, first0, load<u64>(record0, emptyLeaf) << ~pc0, 0, ids, details);
      answer(record1, first1, load<u64>(record1, emptyLeaf) << ~pc1, 1, ids, details);
      answer(record2, first2, load<u64>(record2, emptyLeaf) << ~pc2, 2, ids, details);
      answer(record3, first3, load<u64>(record3, emptyLeaf) << ~pc3, 3, ids, details);
    }
    pcs += 32;
    ids += 16;
    details += 4;
  }
  batchOneByOne(pcs, left, ids, details);
}

/**
 * For a map in memory: a group of records is touched, nothing else, so that as many cache misses as the machine can
 * have are under way at once; then they are read. The records' addresses wait in `ids`.
 */
function batchByGroups(pcs: usize, left: usize, ids: usize, details: usize): void {
  const base = windowBase;
  for (; left >= GROUP; left -= GROUP) {
    let flags: u32 = 0;
    for (let at: usize = 0; at < GROUP; at += 4) {
      const record0 = relativeRecord(load<u64>(pcs + (at << 3)) - base);
      const record1 = relativeRecord(load<u64>(pcs + (at << 3), 8) - base);
      const record2 = relativeRecord(load<u64>(pcs + (at << 3), 16) - base);
      const record3 = relativeRecord(load<u64>(pcs + (at << 3), 24) - base);
      store<u32>(ids + (at << 2), <u32>record0);
      store<u32>(ids + (at << 2), <u32>record1, 4);
      store<u32>(ids + (at << 2), <u32>record2, 8);
      store<u32>(ids + (at << 2), <u32>record3, 12);
      flags |=
        load<u32>(record0, emptyLeaf + RECORD_IDS) |
        load<u32>(record1, emptyLeaf + RECORD_IDS) |
        load<u32>(record2, emptyLeaf + RECORD_IDS) |
        load<u32>(record3, emptyLeaf + RECORD_IDS);
    }
    if (<i32>flags < 0) batchOneByOne(pcs, GROUP, ids, details);
    else {
      for (let at: usize = 0; at < GROUP; at++) {
        const record = <usize>load<u32>(ids + (at << 2));
        const below = load<u64>(record, emptyLeaf) << ~load<u64>(pcs + (at << 3));
        answer(record, load<u32>(record, emptyLeaf + RECORD_IDS), below, at, ids, details);
      }
    }
    pcs += GROUP << 3;
    ids += GROUP << 2;
    details += GROUP;
  }
  batchByFour(pcs, left, ids, details);
}

/** Looks up `count` addresses (u64 each at `pcs`): ids go to u32s at `ids`, details to bytes at `details`. */
export function faultMapBatch(pcs: usize, count: u32, ids: usize, details: usize): void {
  if (outsiders() !== 0) batchOneByOne(pcs, count, ids, details);
  else if (leaves > LEAVES_IN_CACHE) batchByGroups(pcs, count, ids, details);
  else batchByFour(pcs, count, ids, details);
}

// Fault map, writer's side: the entries of one image come and go.
import { heapAlloc, heapFree } from './heap';
import { faultMapBase, isEmptyLeaf, leafAt, recordAt, setLeaf } from './fault-map';
import { addStart, closeRecord, dropStarts, openRecord, openStarts } from './fault-map-record';
import { fixupDetail } from './fault-tree';
import { publish32, publish64, publish8 } from './publish';
import { EXTABLE_ENTRY_SIZE, EXTABLE_FIXUP, EXTABLE_INSN } from './layout/extable';
import {
  CHUNK_SHIFT,
  LEAF_BYTES,
  LEAF_SHIFT,
  RECORD_DETAILS,
  RECORD_DETAIL_COUNT,
  RECORD_IDS,
  RECORD_SIZE,
  RECORD_STARTS,
  WINDOW_LEAVES,
  WINDOW_SHIFT,
} from './layout/fault-map';

/** Records in use of each leaf, u16. */
const live: usize = memory.data(WINDOW_LEAVES << 1);

const CHUNK_BYTES: u64 = 1 << CHUNK_SHIFT;
const LEAF_SPAN: u64 = 1 << LEAF_SHIFT;

function liveAt(offset: u64): usize {
  return live + ((<usize>(offset >> LEAF_SHIFT)) << 1);
}

function makeLeaf(offset: u64): bool {
  const leaf = heapAlloc(LEAF_BYTES);
  if (leaf === 0) return false;
  memory.fill(leaf, 0, LEAF_BYTES);
  setLeaf(offset, leaf);
  return true;
}

/** Counts a record out; true when its leaf went with it. */
function releaseRecord(offset: u64): bool {
  const count = liveAt(offset);
  const left = load<u16>(count) - 1;
  store<u16>(count, left);
  if (left !== 0) return false;
  heapFree(leafAt(offset));
  setLeaf(offset, 0);
  return true;
}

/** Adds entries [entry, end) to a record that already has starts, or that they do not fit in. */
function mergeChunk(record: usize, entry: usize, end: usize, toWindow: u64, id: u32): bool {
  openRecord(record);
  while (entry !== end) {
    const start = (<usize>(<u64>entry + toWindow + <u64>(<i64>load<i32>(entry + EXTABLE_INSN)))) & 63;
    addStart(start, id, fixupDetail(load<u32>(entry + EXTABLE_FIXUP)));
    id++;
    entry += EXTABLE_ENTRY_SIZE;
  }
  return closeRecord(record);
}

/**
 * Adds the entries of a table, whose ids follow each other from `id`: ascending, at addresses that have none yet.
 * False when linear memory is exhausted: faultMapUnload takes back what came in.
 */
export function faultMapLoad(table: usize, tableGuest: u64, entries: u32, id: u32): bool {
  const toWindow = tableGuest - <u64>table - faultMapBase() + EXTABLE_INSN;
  const end = table + <usize>entries * EXTABLE_ENTRY_SIZE;
  let entry = table;
  let offset: u64 = 0;
  if (entry !== end) offset = <u64>entry + toWindow + <u64>(<i64>load<i32>(entry + EXTABLE_INSN));
  while (entry !== end) {
    if (offset >> WINDOW_SHIFT !== 0) {
      entry += EXTABLE_ENTRY_SIZE;
      id++;
      if (entry !== end) offset = <u64>entry + toWindow + <u64>(<i64>load<i32>(entry + EXTABLE_INSN));
      continue;
    }
    const here = offset;
    if (isEmptyLeaf(leafAt(here)) && !makeLeaf(here)) return false;
    const record = recordAt(here);
    const old = load<u64>(record + RECORD_STARTS);
    const chunk = here >> CHUNK_SHIFT;
    const from = entry;
    let starts: u64 = 0;
    let details = record + RECORD_DETAILS;
    const lastDetail = details + RECORD_DETAIL_COUNT;
    if (old === 0) {
      store<u16>(liveAt(here), load<u16>(liveAt(here)) + 1);
      do {
        starts |= (<u64>1) << offset;
        if (details !== lastDetail) publish8(details, fixupDetail(load<u32>(entry + EXTABLE_FIXUP)));
        else break;
        details++;
        entry += EXTABLE_ENTRY_SIZE;
        if (entry === end) break;
        offset = <u64>entry + toWindow + <u64>(<i64>load<i32>(entry + EXTABLE_INSN));
      } while (offset >> CHUNK_SHIFT === chunk);
      if (<i32>popcnt(starts) <= RECORD_DETAIL_COUNT) {
        publish32(record + RECORD_IDS, id);
        publish64(record + RECORD_STARTS, starts);
        id += <u32>(entry - from) / EXTABLE_ENTRY_SIZE;
        continue;
      }
    }
    while (entry !== end) {
      offset = <u64>entry + toWindow + <u64>(<i64>load<i32>(entry + EXTABLE_INSN));
      if (offset >> CHUNK_SHIFT !== chunk) break;
      entry += EXTABLE_ENTRY_SIZE;
    }
    if (!mergeChunk(record, from, entry, toWindow, id)) {
      if (old === 0) releaseRecord(here);
      return false;
    }
    id += <u32>(entry - from) / EXTABLE_ENTRY_SIZE;
  }
  return true;
}

/** Takes out every start in [first, last]. */
export function faultMapUnload(first: u64, last: u64): void {
  const base = faultMapBase();
  const windowLast = base + ((<u64>1) << WINDOW_SHIFT) - 1;
  if (last < base || first > windowLast) return;
  const from = max<u64>(first, base) - base;
  const to = min<u64>(last, windowLast) - base;
  let record: usize = 0;
  for (let offset = from & ~(CHUNK_BYTES - 1); offset <= to; offset += CHUNK_BYTES) {
    if (record === 0 || (offset & (LEAF_SPAN - 1)) === 0) record = recordAt(offset);
    else record += RECORD_SIZE;
    const starts = load<u64>(record + RECORD_STARTS);
    if (starts === 0) continue;
    let mask: u64 = -1;
    if (offset < from) mask <<= from - offset;
    if (to - offset < CHUNK_BYTES - 1) mask &= ((<u64>2) << (to - offset)) - 1;
    if ((starts & mask) === 0) continue;
    if ((starts & ~mask) === 0 && <i32>load<u32>(record + RECORD_IDS) >= 0) {
      publish64(record + RECORD_STARTS, 0);
      publish32(record + RECORD_IDS, 0);
      if (releaseRecord(offset)) record = 0;
      continue;
    }
    openRecord(record);
    dropStarts(mask);
    closeRecord(record);
    if (openStarts() === 0 && releaseRecord(offset)) record = 0;
  }
}

// Fault index: images come and go in the latch tree and in the fault map in one step, so that both always give the
// same answers.
import { idsGive, idsOwner, idsTake } from './entry-ids';
import { faultMapBase, faultMapOutsiders } from './fault-map';
import { faultMapLoad, faultMapUnload } from './fault-map-load';
import { heapAlloc, heapFree } from './heap';
import { kallsymsDrop, kallsymsFind, kallsymsLatch, kallsymsMake } from './kallsyms';
import { latchErase, latchFirst, latchRoot, latchSecond } from './latch';
import { EXTABLE_ENTRY_SIZE, EXTABLE_FIXUP, EXTABLE_INSN, FIXUP_NO_REGISTER } from './layout/extable';
import {
  BLOCK_FIRST,
  BLOCK_INSNS,
  BLOCK_NODE,
  FAULT_MISS,
  FAULT_NO_INSN,
  INDEX_BAD_ADDRESS,
  INDEX_BAD_FIXUP,
  INDEX_NOT_FOUND,
  INDEX_NO_MEMORY,
  INDEX_OK,
  INDEX_OVERLAP,
  WINDOW_SHIFT,
} from './layout/fault-map';
import {
  KSYM_BAD_RANGE,
  KSYM_ENTRIES,
  KSYM_FLAGS,
  KSYM_FLAG_PROGRAM,
  KSYM_IDS,
  KSYM_NODE0,
  KSYM_NODE1,
  KSYM_NO_IDS,
  KSYM_NO_MEMORY,
  KSYM_SPAN,
  KSYM_START,
  KSYM_TABLE,
  KSYM_TABLE_GUEST,
} from './layout/kallsyms';
import { RB_NODE_SIZE } from './layout/rbtree';
import { rbErase, rbInsert, rbLeft, rbRight, rbRoot } from './rbtree';

const MAX_LENGTH: u32 = 15;
const LAST_REGISTER: u32 = 112;

let mapped: bool = true;
let badEntry: u32 = 0;

/** Without the map the faithful path alone answers; to be set while the index is empty. */
export function faultIndexSetMapped(on: bool): void {
  mapped = on;
}

/** Entry that INDEX_BAD_ADDRESS or INDEX_BAD_FIXUP was said of. */
export function faultIndexBadEntry(): u32 {
  return badEntry;
}

function isFixup(fixup: u32): bool {
  const register = fixup >> 8;
  const length = fixup & 0xff;
  if (length === 0 || length > MAX_LENGTH) return false;
  return register === FIXUP_NO_REGISTER || ((register & 7) === 0 && register <= LAST_REGISTER);
}

/** INDEX_OK when the entries ascend within [start, last] and say what exception entries of BPF say. */
function checkTable(start: u64, last: u64, tableGuest: u64, table: usize, entries: u32): u32 {
  const toStart = tableGuest - <u64>table - start + EXTABLE_INSN;
  const span = last - start;
  let least: u64 = 0;
  let entry = table;
  for (let i: u32 = 0; i < entries; i++) {
    const offset = <u64>entry + toStart + <u64>(<i64>load<i32>(entry + EXTABLE_INSN));
    badEntry = i;
    if (offset > span || offset < least) return INDEX_BAD_ADDRESS;
    if (!isFixup(load<u32>(entry + EXTABLE_FIXUP))) return INDEX_BAD_FIXUP;
    least = offset + 1;
    entry += EXTABLE_ENTRY_SIZE;
  }
  return INDEX_OK;
}

/** Last byte of a symbol's text and of the table behind it. */
function imageLast(node: usize): u64 {
  const last = load<u64>(node + KSYM_START) + load<u32>(node + KSYM_SPAN);
  const entries = load<u32>(node + KSYM_ENTRIES);
  if (entries === 0) return last;
  return max<u64>(last, load<u64>(node + KSYM_TABLE_GUEST) + <u64>entries * EXTABLE_ENTRY_SIZE - 1);
}

function overlaps(start: u64, last: u64): bool {
  let node = rbRoot(latchRoot(kallsymsLatch(), 0));
  while (node !== 0) {
    if (last < load<u64>(node + KSYM_START)) node = rbLeft(node, KSYM_NODE0);
    else if (start > imageLast(node)) node = rbRight(node, KSYM_NODE0);
    else return true;
  }
  return false;
}

function isOutside(start: u64, last: u64): bool {
  const base = faultMapBase();
  return (start - base) >> WINDOW_SHIFT !== 0 || (last - base) >> WINDOW_SHIFT !== 0;
}

/** Drops the node of an image that did not come in: its table stays the caller's. */
function giveUp(node: usize): void {
  store<u16>(node + KSYM_FLAGS, 0);
  kallsymsDrop(node);
}

/**
 * Adds the function with text [start, last] and the table at `tableGuest` (linear: `table`): INDEX_OK, or why it is
 * refused, with nothing changed. `flags`: KSYM_FLAG_OWNS_TABLE or 0.
 */
export function faultIndexAdd(
  start: u64,
  last: u64,
  tableGuest: u64,
  table: usize,
  entries: u32,
  program: u32,
  func: u32,
  flags: u32,
): u32 {
  if (
    overlaps(start, entries === 0 ? last : max<u64>(last, tableGuest + <u64>entries * EXTABLE_ENTRY_SIZE - 1))
  )
    return INDEX_OVERLAP;
  const wrong = checkTable(start, last, tableGuest, table, entries);
  if (wrong !== INDEX_OK) return wrong;
  const node = kallsymsMake(
    start,
    last,
    tableGuest,
    table,
    entries,
    program,
    func,
    flags | KSYM_FLAG_PROGRAM,
  );
  if (node === KSYM_NO_MEMORY) return INDEX_NO_MEMORY;
  if (node <= <usize>KSYM_BAD_RANGE) return INDEX_OVERLAP;
  let block: usize = 0;
  let first: u32 = KSYM_NO_IDS;
  if (entries !== 0) {
    block = heapAlloc(<usize>BLOCK_INSNS + ((<usize>entries) << 2));
    if (block !== 0) first = idsTake(entries, block);
    if (first === FAULT_MISS) {
      heapFree(block);
      giveUp(node);
      return INDEX_NO_MEMORY;
    }
    store<u32>(block + BLOCK_NODE, <u32>node);
    store<u32>(block + BLOCK_FIRST, first);
    memory.fill(block + BLOCK_INSNS, <u8>FAULT_NO_INSN, (<usize>entries) << 2);
    store<u32>(node + KSYM_IDS, first);
  }
  const latch = kallsymsLatch();
  latchFirst(latch);
  rbInsert(latchRoot(latch, 0), node, KSYM_NODE0);
  const fits = !mapped || faultMapLoad(table, tableGuest, entries, first);
  if (!fits) {
    faultMapUnload(start, last);
    rbErase(latchRoot(latch, 0), node, KSYM_NODE0);
  } else if (mapped && isOutside(start, last)) faultMapOutsiders(1);
  latchSecond(latch);
  if (fits) {
    rbInsert(latchRoot(latch, 1), node, KSYM_NODE1);
    return INDEX_OK;
  }
  idsGive(first, entries);
  heapFree(block);
  giveUp(node);
  return INDEX_NO_MEMORY;
}

/** Node of the function that starts at `start` and was added here, or 0. */
export function faultIndexFind(start: u64): usize {
  const node = kallsymsFind(start);
  if (node === 0 || load<u64>(node + KSYM_START) !== start) return 0;
  return load<u32>(node + KSYM_ENTRIES) === 0 || load<u32>(node + KSYM_IDS) !== KSYM_NO_IDS ? node : 0;
}

/** Removes the function that starts at `start`: INDEX_OK or INDEX_NOT_FOUND. */
export function faultIndexRemove(start: u64): u32 {
  const node = faultIndexFind(start);
  if (node === 0) return INDEX_NOT_FOUND;
  const last = start + load<u32>(node + KSYM_SPAN);
  const entries = load<u32>(node + KSYM_ENTRIES);
  const latch = kallsymsLatch();
  if (!mapped) latchErase(latch, node, KSYM_NODE0, RB_NODE_SIZE);
  else {
    latchFirst(latch);
    rbErase(latchRoot(latch, 0), node, KSYM_NODE0);
    if (entries !== 0) faultMapUnload(start, last);
    if (isOutside(start, last)) faultMapOutsiders(-1);
    latchSecond(latch);
    rbErase(latchRoot(latch, 1), node, KSYM_NODE1);
  }
  if (entries !== 0) {
    const first = load<u32>(node + KSYM_IDS);
    heapFree(idsOwner(first));
    idsGive(first, entries);
  }
  kallsymsDrop(node);
  return INDEX_OK;
}

/** Node of the function an entry id belongs to, or 0. */
export function faultIndexNode(id: u32): usize {
  const block = idsOwner(id);
  if (block === 0) return 0;
  const node = <usize>load<u32>(block + BLOCK_NODE);
  return id - load<u32>(node + KSYM_IDS) < load<u32>(node + KSYM_ENTRIES) ? node : 0;
}

/** Index, in the table of its function, of an entry id that is somebody's. */
export function faultIndexPosition(id: u32): u32 {
  return id - load<u32>(idsOwner(id) + BLOCK_FIRST);
}

/** Address of the BPF instruction (u32) of an entry id that is somebody's. */
export function faultIndexInsn(id: u32): usize {
  const block = idsOwner(id);
  return block + BLOCK_INSNS + ((<usize>(id - load<u32>(block + BLOCK_FIRST))) << 2);
}

/** Linear address of the exception entry of an id that is somebody's. */
export function faultIndexEntry(id: u32): usize {
  const node = faultIndexNode(id);
  return <usize>load<u32>(node + KSYM_TABLE) + <usize>(id - load<u32>(node + KSYM_IDS)) * EXTABLE_ENTRY_SIZE;
}

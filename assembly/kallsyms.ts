// Symbols of JIT-compiled text by address, in a latch tree. Ranges never overlap.
import { heapAlloc, heapFree } from './heap';
import { latchErase, latchInsert, latchRoot, latchSeq } from './latch';
import {
  KSYM_BAD_RANGE,
  KSYM_ENTRIES,
  KSYM_FLAGS,
  KSYM_FLAG_OWNS_TABLE,
  KSYM_FUNC,
  KSYM_IDS,
  KSYM_NODE0,
  KSYM_NODE1,
  KSYM_NOT_FOUND,
  KSYM_NO_IDS,
  KSYM_NO_MEMORY,
  KSYM_OVERLAP,
  KSYM_PROGRAM,
  KSYM_REMOVED,
  KSYM_SIZE,
  KSYM_SPAN,
  KSYM_START,
  KSYM_TABLE,
  KSYM_TABLE_GUEST,
} from './layout/kallsyms';
import { RB_NODE_SIZE, RB_PARENT } from './layout/rbtree';
import { rbLeft, rbRight, rbRoot } from './rbtree';
import { readersEnter, readersLeave, readersPast, readersStamp } from './readers';

const NODES_PER_SLAB: usize = 255;

// The two words of a node no reader looks at.
const RETIRED_LINK: usize = KSYM_NODE0 + RB_PARENT;
const RETIRED_STAMP: usize = KSYM_NODE1 + RB_PARENT;

/** Slabs of nodes, linked through their first word; the nodes follow at KSYM_SIZE. */
let slabs: usize = 0;

const latch: usize = memory.data(12);
/** Free nodes, linked through their first word. */
let free: usize = 0;
/** Erased nodes that a reader may be at, the oldest first: they keep their contents. */
let retired: usize = 0;
let retiredLast: usize = 0;
let symbols: u32 = 0;

function takeNode(): usize {
  if (free === 0) {
    const slab = heapAlloc((NODES_PER_SLAB + 1) * KSYM_SIZE);
    if (slab === 0) return 0;
    store<u32>(slab, <u32>slabs);
    slabs = slab;
    let node = slab + KSYM_SIZE;
    for (let i: usize = 0; i < NODES_PER_SLAB; i++) {
      store<u32>(node, <u32>free);
      free = node;
      node += KSYM_SIZE;
    }
  }
  const node = free;
  free = load<u32>(node);
  return node;
}

function giveNode(node: usize): void {
  if ((load<u16>(node + KSYM_FLAGS) & KSYM_FLAG_OWNS_TABLE) !== 0) heapFree(load<u32>(node + KSYM_TABLE));
  store<u32>(node, <u32>free);
  free = node;
}

/** Gives back what no reader can be at any more: nodes, and their memory with the last one. */
function reclaim(): void {
  while (retired !== 0 && readersPast(load<u32>(retired + RETIRED_STAMP))) {
    const node = retired;
    retired = load<u32>(node + RETIRED_LINK);
    giveNode(node);
  }
  if (symbols !== 0 || retired !== 0) return;
  free = 0;
  while (slabs !== 0) {
    const slab = slabs;
    slabs = load<u32>(slab);
    heapFree(slab);
  }
}

/** The latch tree itself, for checks. */
export function kallsymsLatch(): usize {
  return latch;
}

/** Symbols registered. */
export function kallsymsCount(): u32 {
  return symbols;
}

/** Begins a section in which nodes that were found stay valid, whatever is removed meanwhile. */
export function kallsymsReadLock(): void {
  readersEnter(0);
}

export function kallsymsReadUnlock(): void {
  readersLeave(0);
  reclaim();
}

/** Symbol whose range meets [start, last], or 0; writers' side. */
function overlapping(start: u64, last: u64): usize {
  let node = rbRoot(latchRoot(latch, 0));
  while (node !== 0) {
    const first = load<u64>(node + KSYM_START);
    if (last < first) node = rbLeft(node, KSYM_NODE0);
    else if (start > first + load<u32>(node + KSYM_SPAN)) node = rbRight(node, KSYM_NODE0);
    else return node;
  }
  return 0;
}

/**
 * Makes the node of a symbol with text [start, last], for latchInsert; KSYM_NO_MEMORY, KSYM_OVERLAP or
 * KSYM_BAD_RANGE otherwise. `table` and `tableGuest` are the linear and the guest address of the exception table.
 */
export function kallsymsMake(
  start: u64,
  last: u64,
  tableGuest: u64,
  table: usize,
  entries: u32,
  program: u32,
  func: u32,
  flags: u32,
): usize {
  if (last < start || last - start > 0xffffffff) return KSYM_BAD_RANGE;
  if (overlapping(start, last) !== 0) return KSYM_OVERLAP;
  const node = takeNode();
  if (node === 0) return KSYM_NO_MEMORY;
  store<u64>(node + KSYM_START, start);
  store<u32>(node + KSYM_SPAN, <u32>(last - start));
  store<u32>(node + KSYM_IDS, KSYM_NO_IDS);
  store<u64>(node + KSYM_TABLE_GUEST, tableGuest);
  store<u32>(node + KSYM_TABLE, <u32>table);
  store<u32>(node + KSYM_ENTRIES, entries);
  store<u32>(node + KSYM_PROGRAM, program);
  store<u16>(node + KSYM_FUNC, <u16>func);
  store<u16>(node + KSYM_FLAGS, <u16>flags);
  symbols++;
  return node;
}

/** Gives back a node that is in no tree, as soon as no reader can be at it. */
export function kallsymsDrop(node: usize): void {
  symbols--;
  store<u32>(node + RETIRED_STAMP, readersStamp());
  store<u32>(node + RETIRED_LINK, 0);
  if (retired === 0) retired = node;
  else store<u32>(retiredLast + RETIRED_LINK, <u32>node);
  retiredLast = node;
  reclaim();
}

/** Registers a symbol; arguments and answer as kallsymsMake. */
export function kallsymsInsert(
  start: u64,
  last: u64,
  tableGuest: u64,
  table: usize,
  entries: u32,
  program: u32,
  func: u32,
  flags: u32,
): usize {
  const node = kallsymsMake(start, last, tableGuest, table, entries, program, func, flags);
  if (node > <usize>KSYM_BAD_RANGE) latchInsert(latch, node, KSYM_NODE0, RB_NODE_SIZE);
  return node;
}

/** Removes the symbol that starts at `start`: KSYM_REMOVED or KSYM_NOT_FOUND. */
export function kallsymsRemove(start: u64): u32 {
  const node = kallsymsFind(start);
  if (node === 0 || load<u64>(node + KSYM_START) !== start) return KSYM_NOT_FOUND;
  latchErase(latch, node, KSYM_NODE0, RB_NODE_SIZE);
  kallsymsDrop(node);
  return KSYM_REMOVED;
}

/** Node of the symbol whose range contains `address`, or 0. Reader's side: never blocks, may interrupt a writer. */
export function kallsymsFind(address: u64): usize {
  let node: usize;
  let seq: u32;
  do {
    seq = latchSeq(latch);
    node = rbRoot(latchRoot(latch, seq & 1));
    const at: usize = KSYM_NODE0 + RB_NODE_SIZE * (seq & 1);
    while (node !== 0) {
      const start = load<u64>(node + KSYM_START);
      if (address < start) node = rbLeft(node, at);
      else if (address - start > load<u32>(node + KSYM_SPAN)) node = rbRight(node, at);
      else break;
    }
  } while (latchSeq(latch) !== seq);
  return node;
}

// Latch tree: two complete red-black trees over the same elements and one sequence counter. The writer changes
// tree 0 while readers use tree 1 (odd), then tree 1 while they use tree 0 (even), so a reader that interrupts
// the writer finds the old or the new set, never a tree in the middle of a change.
//
//   +0 seq u32   +4 root of tree 0 u32   +8 root of tree 1 u32: 12 bytes
import { publish32 } from './publish';
import { rbErase, rbInsert } from './rbtree';

const SEQ: usize = 0;
const ROOTS: usize = 4;

// The only accesses to the counter.
export function latchSeq(latch: usize): u32 {
  return ASC_FEATURE_THREADS ? atomic.load<u32>(latch + SEQ) : load<u32>(latch + SEQ);
}

function latchStep(latch: usize): void {
  publish32(latch + SEQ, load<u32>(latch + SEQ) + 1);
}

/** Address of the root link of tree 0 or 1. */
export function latchRoot(latch: usize, tree: u32): usize {
  return latch + ROOTS + ((<usize>tree) << 2);
}

/** First half of a write: readers move to tree 1. Tree 0 may be changed until latchSecond. */
export function latchFirst(latch: usize): void {
  latchStep(latch);
}

/** Second half: readers move to tree 0. Tree 1 may be changed until the next latchFirst. */
export function latchSecond(latch: usize): void {
  latchStep(latch);
}

/** Inserts into both trees; `node` is the offset of tree 0's node, tree 1's stands at `node + size`. */
export function latchInsert(latch: usize, element: usize, node: usize, size: usize): void {
  latchFirst(latch);
  rbInsert(latchRoot(latch, 0), element, node);
  latchSecond(latch);
  rbInsert(latchRoot(latch, 1), element, node + size);
}

export function latchErase(latch: usize, element: usize, node: usize, size: usize): void {
  latchFirst(latch);
  rbErase(latchRoot(latch, 0), element, node);
  latchSecond(latch);
  rbErase(latchRoot(latch, 1), element, node + size);
}

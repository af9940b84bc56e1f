import { kallsymsFind, kallsymsInsert, kallsymsLatch, kallsymsRemove } from '../../assembly/kallsyms';
import { kallsymsCount, kallsymsReadLock, kallsymsReadUnlock } from '../../assembly/kallsyms';
import { latchFirst, latchRoot, latchSecond, latchSeq } from '../../assembly/latch';
import {
  KSYM_BAD_RANGE,
  KSYM_NODE0,
  KSYM_NODE1,
  KSYM_NOT_FOUND,
  KSYM_OVERLAP,
  KSYM_PROGRAM,
  KSYM_REMOVED,
  KSYM_START,
} from '../../assembly/layout/kallsyms';
import { rbErase, rbInsert } from '../../assembly/rbtree';

const BASE: u64 = 0xffffffffc0000000;

function add(offset: u64, size: u64, program: u32): usize {
  return kallsymsInsert(BASE + offset, BASE + offset + size, 0, 0, 0, program, 0, 1);
}

function drop(offset: u64): u32 {
  return kallsymsRemove(BASE + offset);
}

describe('latch tree', () => {
  it('counts two steps for each write', () => {
    const before = latchSeq(kallsymsLatch());
    add(0, 16, 1);
    expect(latchSeq(kallsymsLatch())).toBe(before + 2);
    drop(0);
    expect(latchSeq(kallsymsLatch())).toBe(before + 4);
  });

  it('gives a reader inside an insertion the old set, then the new one', () => {
    const latch = kallsymsLatch();
    const old = add(0, 16, 1);
    const fresh = add(64, 16, 2);
    // Undo the second insertion by hand, then insert again step by step, reading after each.
    latchFirst(latch);
    rbErase(latchRoot(latch, 0), fresh, KSYM_NODE0);
    expect(kallsymsFind(BASE + 70)).toBe(fresh, 'first half of the removal: the old set');
    latchSecond(latch);
    expect(kallsymsFind(BASE + 70)).toBe(0, 'second half of the removal: the new set');
    rbErase(latchRoot(latch, 1), fresh, KSYM_NODE1);
    expect(kallsymsFind(BASE + 70)).toBe(0);

    latchFirst(latch);
    const root0 = load<u32>(latchRoot(latch, 0));
    // The tree under change may be in any state: the reader must not look at it.
    store<u32>(latchRoot(latch, 0), 0xfffffff0);
    expect(kallsymsFind(BASE + 70)).toBe(0, 'first half of the insertion: the old set');
    expect(kallsymsFind(BASE + 4)).toBe(old);
    store<u32>(latchRoot(latch, 0), root0);
    rbInsert(latchRoot(latch, 0), fresh, KSYM_NODE0);
    latchSecond(latch);
    const root1 = load<u32>(latchRoot(latch, 1));
    store<u32>(latchRoot(latch, 1), 0xfffffff0);
    expect(kallsymsFind(BASE + 70)).toBe(fresh, 'second half of the insertion: the new set');
    expect(kallsymsFind(BASE + 4)).toBe(old);
    store<u32>(latchRoot(latch, 1), root1);
    rbInsert(latchRoot(latch, 1), fresh, KSYM_NODE1);
    expect(kallsymsFind(BASE + 70)).toBe(fresh);
    drop(0);
    drop(64);
  });

  it('finds both ends of a range and nothing beside it', () => {
    const node = add(0x40, 0x20, 1);
    expect(kallsymsFind(BASE + 0x3f)).toBe(0);
    expect(kallsymsFind(BASE + 0x40)).toBe(node);
    expect(kallsymsFind(BASE + 0x60)).toBe(node);
    expect(kallsymsFind(BASE + 0x61)).toBe(0);
    expect(kallsymsFind(0x40)).toBe(0);
    expect(kallsymsFind(u64.MAX_VALUE)).toBe(0);
    drop(0x40);
  });

  it('refuses what overlaps, what ends before its start, and the removal of what is not there', () => {
    add(0x100, 0x40, 1);
    const count = kallsymsCount();
    expect(add(0x100, 0x40, 2)).toBe(KSYM_OVERLAP);
    expect(add(0x0c0, 0x40, 2)).toBe(KSYM_OVERLAP, 'last address of the new = first of the old');
    expect(add(0x140, 0x10, 2)).toBe(KSYM_OVERLAP, 'first address of the new = last of the old');
    expect(add(0x110, 0x04, 2)).toBe(KSYM_OVERLAP, 'inside');
    expect(add(0x000, 0x400, 2)).toBe(KSYM_OVERLAP, 'around');
    expect(kallsymsInsert(BASE + 8, BASE, 0, 0, 0, 2, 0, 1)).toBe(KSYM_BAD_RANGE);
    expect(drop(0x101)).toBe(KSYM_NOT_FOUND, 'not a start');
    expect(drop(0x500)).toBe(KSYM_NOT_FOUND);
    expect(kallsymsCount()).toBe(count);
    expect(drop(0x100)).toBe(KSYM_REMOVED);
    expect(drop(0x100)).toBe(KSYM_NOT_FOUND);
  });

  it('keeps a removed node whole until the last reader is gone', () => {
    add(0x400, 0x20, 1);
    kallsymsReadLock();
    kallsymsReadLock();
    const node = add(0x40, 0x20, 77);
    drop(0x40);
    expect(kallsymsFind(BASE + 0x40)).toBe(0);
    expect(add(0x40, 0x20, 78)).not.toBe(node, 'not used again inside the section');
    drop(0x40);
    kallsymsReadUnlock();
    expect(load<u32>(node + KSYM_PROGRAM)).toBe(77);
    expect(load<u64>(node + KSYM_START)).toBe(BASE + 0x40);
    kallsymsReadUnlock();
    // Free again: the pool hands out the two nodes retired last.
    const first = add(0x40, 0x20, 79);
    const second = add(0x80, 0x20, 80);
    expect(first === node || second === node).toBe(true);
    drop(0x40);
    drop(0x80);
    drop(0x400);
  });
});

// The faithful path for many addresses: four walks of the latch tree side by side, then four binary searches, without
// a branch on any comparison. The walks do not wait for each other's memory, and nothing is there to mispredict.
import { faultTreeLookup, fixupDetail } from './fault-tree';
import { kallsymsLatch } from './kallsyms';
import { latchRoot, latchSeq } from './latch';
import { EXTABLE_ENTRY_SIZE, EXTABLE_FIXUP, EXTABLE_INSN } from './layout/extable';
import { FAULT_MISS } from './layout/fault-map';
import {
  KSYM_ENTRIES,
  KSYM_IDS,
  KSYM_NODE0,
  KSYM_SPAN,
  KSYM_START,
  KSYM_TABLE,
  KSYM_TABLE_GUEST,
} from './layout/kallsyms';
import { RB_LEFT, RB_NODE_SIZE, RB_RIGHT } from './layout/rbtree';
import { rbLeft, rbRoot } from './rbtree';

/** Next node on the way to `pc`; the node itself when it is the one, 0 once there is none. */
function step(node: usize, pc: u64, at: usize): usize {
  const distance = pc - load<u64>(node + KSYM_START);
  const right = usize(pc >= load<u64>(node + KSYM_START));
  // A range never wraps, so a pc below its start is too far from it as well.
  const stay = i32(distance <= load<u32>(node + KSYM_SPAN)) | i32(node === 0);
  return select<usize>(node, rbLeft(node, at + right * (RB_RIGHT - RB_LEFT)), stay !== 0);
}

/** Entries of a node that has ids, or 0. */
function entriesOf(node: usize): u32 {
  return node === 0 || load<u32>(node + KSYM_IDS) === FAULT_MISS ? 0 : load<u32>(node + KSYM_ENTRIES);
}

/** First entry to search; without any, a place that can be read. */
function tableOf(node: usize, entries: u32): usize {
  return select<usize>(<usize>load<u32>(node + KSYM_TABLE), 0, entries !== 0);
}

/** `pc` as the linear address of an entry plus its distance. */
function keyOf(node: usize, pc: u64): u64 {
  return pc - load<u64>(node + KSYM_TABLE_GUEST) + load<u32>(node + KSYM_TABLE) - EXTABLE_INSN;
}

function addressOf(entry: usize): u64 {
  return <u64>entry + <u64>(<i64>load<i32>(entry + EXTABLE_INSN));
}

/** The half of the `2 half` or `2 half + 1` entries from `base` that an entry at `key` is in. */
function narrow(base: usize, half: usize, key: u64): usize {
  const pivot = base + ((half + (half << 1)) << 2);
  return select<usize>(pivot, base, key >= addressOf(pivot));
}

function answer(node: usize, entries: u32, entry: usize, key: u64, ids: usize, details: usize): void {
  let id: u32 = FAULT_MISS;
  let detail: u32 = 0;
  if (entries !== 0 && key === addressOf(entry)) {
    id = load<u32>(node + KSYM_IDS) + <u32>(entry - <usize>load<u32>(node + KSYM_TABLE)) / EXTABLE_ENTRY_SIZE;
    detail = fixupDetail(load<u32>(entry + EXTABLE_FIXUP));
  }
  store<u32>(ids, id);
  store<u8>(details, detail);
}

/** As faultMapBatch, by tree and search. */
export function faultTreeBatch(pcs: usize, count: u32, ids: usize, details: usize): void {
  const latch = kallsymsLatch();
  let left = count;
  for (; left >= 4; left -= 4) {
    const pc0 = load<u64>(pcs);
    const pc1 = load<u64>(pcs, 8);
    const pc2 = load<u64>(pcs, 16);
    const pc3 = load<u64>(pcs, 24);
    let node0: usize;
    let node1: usize;
    let node2: usize;
    let node3: usize;
    let seq: u32;
    do {
      seq = latchSeq(latch);
      const at: usize = KSYM_NODE0 + RB_NODE_SIZE * (seq & 1);
      const root = rbRoot(latchRoot(latch, seq & 1));
      node0 = node1 = node2 = node3 = root;
      let moved: usize;
      do {
        const next0 = step(node0, pc0, at);
        const next1 = step(node1, pc1, at);
        const next2 = step(node2, pc2, at);
        const next3 = step(node3, pc3, at);
        moved = (next0 ^ node0) | (next1 ^ node1) | (next2 ^ node2) | (next3 ^ node3);
        node0 = next0;
        node1 = next1;
        node2 = next2;
        node3 = next3;
      } while (moved !== 0);
    } while (latchSeq(latch) !== seq);

    const entries0 = entriesOf(node0);
    const entries1 = entriesOf(node1);
    const entries2 = entriesOf(node2);
    const entries3 = entriesOf(node3);
    const key0 = keyOf(node0, pc0);
    const key1 = keyOf(node1, pc1);
    const key2 = keyOf(node2, pc2);
    const key3 = keyOf(node3, pc3);
    let base0 = tableOf(node0, entries0);
    let base1 = tableOf(node1, entries1);
    let base2 = tableOf(node2, entries2);
    let base3 = tableOf(node3, entries3);
    let n0 = <usize>entries0;
    let n1 = <usize>entries1;
    let n2 = <usize>entries2;
    let n3 = <usize>entries3;
    while (max<usize>(max<usize>(n0, n1), max<usize>(n2, n3)) > 1) {
      base0 = narrow(base0, n0 >> 1, key0);
      base1 = narrow(base1, n1 >> 1, key1);
      base2 = narrow(base2, n2 >> 1, key2);
      base3 = narrow(base3, n3 >> 1, key3);
      n0 -= n0 >> 1;
      n1 -= n1 >> 1;
      n2 -= n2 >> 1;
      n3 -= n3 >> 1;
    }
    answer(node0, entries0, base0, key0, ids, details);
    answer(node1, entries1, base1, key1, ids + 4, details + 1);
    answer(node2, entries2, base2, key2, ids + 8, details + 2);
    answer(node3, entries3, base3, key3, ids + 12, details + 3);
    pcs += 32;
    ids += 16;
    details += 4;
  }
  for (; left !== 0; left--) {
    store<u32>(ids, faultTreeLookup(load<u64>(pcs), details));
    pcs += 8;
    ids += 4;
    details++;
  }
}

// Four-level radix page table over 48-bit canonical addresses (Intel SDM vol. 3, 4.5), tables in the core's heap.
import { heapAlloc } from '../heap';
import { PAGE_CODE, PAGE_SHIFT, TABLE_BYTES } from '../layout/mmu';

const root: usize = memory.data(2048, 16);

/** Changed when a page that micro-ops were decoded from changes; the CPU compares it before it runs. */
export let codeEpoch: u32 = 0;

export function isCanonical(va: u64): bool {
  return <u64>((<i64>(va << 16)) >> 16) === va;
}

function slot(table: usize, va: u64, level: u64): usize {
  return table + ((<usize>((va >> (12 + 9 * level)) & 511)) << 2);
}

/** Leaf table that covers `va`, 0 when there is none. */
function leafTable(va: u64): usize {
  let table = <usize>load<u32>(slot(root, va, 3));
  if (table === 0) return 0;
  table = <usize>load<u32>(slot(table, va, 2));
  if (table === 0) return 0;
  return <usize>load<u32>(slot(table, va, 1));
}

/** Page table entry of the page that holds `va`; 0 when not mapped or not canonical. */
export function pageEntry(va: u64): u32 {
  if (!isCanonical(va)) return 0;
  const table = leafTable(va);
  return table === 0 ? 0 : load<u32>(slot(table, va, 0));
}

function child(entry: usize): usize {
  const table = <usize>load<u32>(entry);
  if (table !== 0) return table;
  const made = heapAlloc(TABLE_BYTES);
  if (made === 0) return 0;
  memory.fill(made, 0, TABLE_BYTES);
  store<u32>(entry, <u32>made);
  return made;
}

/** Writes the entry of one page; false when linear memory is exhausted. */
export function setPageEntry(va: u64, entry: u32): bool {
  let table = child(slot(root, va, 3));
  if (table === 0) return false;
  table = child(slot(table, va, 2));
  if (table === 0) return false;
  table = child(slot(table, va, 1));
  if (table === 0) return false;
  const at = slot(table, va, 0);
  if ((load<u32>(at) & PAGE_CODE) !== 0) codeEpoch++;
  store<u32>(at, entry);
  return true;
}

/** Marks a mapped page as one that micro-ops were decoded from. */
export function markCode(va: u64): void {
  const at = slot(leafTable(va), va, 0);
  store<u32>(at, load<u32>(at) | PAGE_CODE);
}

/** Tells the CPU that bytes of a decoded page were rewritten from outside. */
export function touchCode(): void {
  codeEpoch++;
}

export function pageOf(va: u64): u64 {
  return (va >> PAGE_SHIFT) << PAGE_SHIFT;
}

// Addresses of the instructions by which the probe guard refuses a load: an open-addressed set of u64 keys, 0 = free,
// 1 = removed.
import { heapAlloc, heapFree } from '../heap';
import { touchCode } from '../mm/page-table';
import { decodedAt } from './code-cache';

const GONE: u64 = 1;
let table: usize = 0;
let capacity: usize = 0;
/** Slots that are not free, removed ones included. */
let used: usize = 0;

function slotOf(address: u64): usize {
  const hash = <u32>((address * 0x9e3779b97f4a7c15) >> 32);
  return (<usize>hash) & (capacity - 1);
}

function find(address: u64): usize {
  if (capacity === 0) return 0;
  let i = slotOf(address);
  let key = load<u64>(table + (i << 3));
  while (key !== 0) {
    if (key === address) return table + (i << 3);
    i = (i + 1) & (capacity - 1);
    key = load<u64>(table + (i << 3));
  }
  return 0;
}

function insert(address: u64): void {
  let i = slotOf(address);
  while (load<u64>(table + (i << 3)) !== 0) i = (i + 1) & (capacity - 1);
  store<u64>(table + (i << 3), address);
  used++;
}

function grow(): bool {
  const oldTable = table;
  const oldCapacity = capacity;
  const wanted: usize = capacity === 0 ? 256 : capacity << 1;
  const made = heapAlloc(wanted << 3);
  if (made === 0) return false;
  memory.fill(made, 0, wanted << 3);
  table = made;
  capacity = wanted;
  used = 0;
  for (let i: usize = 0; i < oldCapacity; i++) {
    const key = load<u64>(oldTable + (i << 3));
    if (key > GONE) insert(key);
  }
  heapFree(oldTable);
  return true;
}

export function isGuardSite(address: u64): bool {
  return find(address) !== 0;
}

/** `count` offsets (u32 each, at `offsets`) from `address`; false when linear memory is exhausted. */
export function guardSitesAdd(address: u64, offsets: usize, count: u32): bool {
  for (let i: u32 = 0; i < count; i++) {
    const site = address + load<u32>(offsets + ((<usize>i) << 2));
    if (find(site) !== 0) continue;
    if ((used + 1) << 1 > capacity && !grow()) return false;
    insert(site);
    if (decodedAt(site) !== 0) touchCode();
  }
  return true;
}

export function guardSitesRemove(address: u64, offsets: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const slot = find(address + load<u32>(offsets + ((<usize>i) << 2)));
    if (slot !== 0) store<u64>(slot, GONE);
  }
}

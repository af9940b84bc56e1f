// Software TLB in front of the page table: one direct-mapped array for reads and one for writes. A hit is
//
//   load<u64>(slot) === ((va + size - 1) & PAGE_MASK)     slot chosen by the page of va
//
// so an access that crosses a page always misses and takes the walk below.
import {
  PAGE_LINEAR_MASK,
  PF_PRESENT,
  PF_WRITE,
  RIGHT_R,
  RIGHT_W,
  TLB_ADDEND,
  TLB_BYTES,
  TLB_ENTRIES,
  TLB_ENTRY_SHIFT,
  VECTOR_GP,
  VECTOR_PF,
} from '../layout/mmu';
import { isCanonical, pageEntry, pageOf } from './page-table';

export const PAGE_MASK: u64 = ~0xfff;
const EMPTY: u64 = 1;

export const tlbRead: usize = memory.data(4096, 16);
export const tlbWrite: usize = memory.data(4096, 16);
let ready: bool = false;

/** The fault that the last translation answering 0 met. */
export let faultVector: u32 = 0;
export let faultAddress: u64 = 0;
export let faultCode: u32 = 0;

export function tlbFlush(): void {
  ready = true;
  for (let at: usize = 0; at < <usize>TLB_BYTES; at += (<usize>1) << TLB_ENTRY_SHIFT) {
    store<u64>(tlbRead + at, EMPTY);
    store<u64>(tlbWrite + at, EMPTY);
  }
}

/** Slot of the page of `va` in one of the two arrays. */
export function tlbSlot(tlb: usize, va: u64): usize {
  return tlb + (((<usize>(va >> 12)) & (TLB_ENTRIES - 1)) << TLB_ENTRY_SHIFT);
}

export function tlbFlushPage(va: u64): void {
  store<u64>(tlbSlot(tlbRead, va), EMPTY);
  store<u64>(tlbSlot(tlbWrite, va), EMPTY);
}

export function raise(vector: u32, address: u64, code: u32): usize {
  faultVector = vector;
  faultAddress = address;
  faultCode = code;
  return 0;
}

function walk(tlb: usize, va: u64, right: u32, access: u32): usize {
  const entry = pageEntry(va);
  if ((entry & right) === 0) return raise(VECTOR_PF, va, entry === 0 ? access : access | PF_PRESENT);
  const page = pageOf(va);
  const addend = (entry & PAGE_LINEAR_MASK) - <u32>page;
  const at = tlbSlot(tlb, va);
  store<u64>(at, page);
  store<u32>(at + TLB_ADDEND, addend);
  return <usize>(<u32>va + addend);
}

function translate(tlb: usize, va: u64, size: u64, right: u32, access: u32): usize {
  if (!ready) tlbFlush();
  const last = va + size - 1;
  if (!isCanonical(va) || !isCanonical(last)) return raise(VECTOR_GP, va, 0);
  const first = walk(tlb, va, right, access);
  if (first === 0 || pageOf(va) === pageOf(last)) return first;
  // Neighbouring pages of a region are neighbours in linear memory (layout of the guest machine).
  return walk(tlb, pageOf(last), right, access) === 0 ? 0 : first;
}

/** Walk for a read of `size` (1 to 4096) bytes that missed the TLB: linear address, or 0 with the fault set. */
export function readMiss(va: u64, size: u64): usize {
  return translate(tlbRead, va, size, RIGHT_R, 0);
}

/** The same for a write. */
export function writeMiss(va: u64, size: u64): usize {
  return translate(tlbWrite, va, size, RIGHT_W, PF_WRITE);
}

/** Linear address of `size` readable bytes, or 0 with faultVector, faultAddress and faultCode set. */
export function readAddress(va: u64, size: u64): usize {
  const at = tlbSlot(tlbRead, va);
  if (load<u64>(at) === ((va + size - 1) & PAGE_MASK)) return <usize>(<u32>va + load<u32>(at + TLB_ADDEND));
  return readMiss(va, size);
}

/** Linear address of `size` writable bytes, or 0 with the fault set. */
export function writeAddress(va: u64, size: u64): usize {
  const at = tlbSlot(tlbWrite, va);
  if (load<u64>(at) === ((va + size - 1) & PAGE_MASK)) return <usize>(<u32>va + load<u32>(at + TLB_ADDEND));
  return writeMiss(va, size);
}

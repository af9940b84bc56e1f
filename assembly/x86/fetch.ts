// Bytes of instructions, read through the page table with execute rights.
import { PAGE_LINEAR_MASK, RIGHT_X } from '../layout/mmu';
import { markCode, pageEntry, pageOf } from '../mm/page-table';

const NO_PAGE: u64 = 1;
/** Longest instruction (Intel SDM vol. 2, 2.3.11). */
const LENGTH_MAX: u64 = 15;

let page: u64 = NO_PAGE;
let linear: usize = 0;
let start: u64 = 0;
/** Address of the next byte. */
export let cursor: u64 = 0;
/** A byte of the instruction could not be fetched: cursor tells which. */
export let fetchFailed: bool = false;
/** The instruction is longer than any may be. */
export let fetchTooLong: bool = false;

export function fetchStart(ip: u64): void {
  page = NO_PAGE;
  start = ip;
  cursor = ip;
  fetchFailed = false;
  fetchTooLong = false;
}

export function fetchLength(): u32 {
  return <u32>(cursor - start);
}

export function fetch8(): u32 {
  if (fetchFailed) return 0;
  if (pageOf(cursor) !== page) {
    const entry = pageEntry(cursor);
    if ((entry & RIGHT_X) === 0) {
      fetchFailed = true;
      return 0;
    }
    markCode(cursor);
    page = pageOf(cursor);
    linear = entry & PAGE_LINEAR_MASK;
  }
  if (cursor - start >= LENGTH_MAX) fetchTooLong = true;
  const byte = load<u8>(linear + <usize>(cursor - page));
  cursor++;
  return byte;
}

export function fetchI8(): i32 {
  return <i32>(<i8>fetch8());
}

export function fetch16(): u32 {
  const low = fetch8();
  return low | (fetch8() << 8);
}

export function fetchI32(): i32 {
  const low = fetch16();
  return <i32>(low | (fetch16() << 16));
}

export function fetch64(): u64 {
  const low = <u64>(<u32>fetchI32());
  return low | ((<u64>(<u32>fetchI32())) << 32);
}

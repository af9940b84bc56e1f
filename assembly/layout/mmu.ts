// Page table and TLB records of the guest MMU, shared by assembly/ and host/.

/** Log2 and size of a guest page. */
export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;

// Page table entry (u32), 0 = not mapped:
//
//   31                      12 11       5   4    3   2  1  0
//   +-------------------------+----------+----+----+--+--+--+
//   | linear page address     |    0     |CODE|GATE| X| W| R|
//   +-------------------------+----------+----+----+--+--+--+
export const RIGHT_R = 1;
export const RIGHT_W = 2;
export const RIGHT_X = 4;
/** A fetch leaves the CPU loop: the page holds call gates, not code. */
export const RIGHT_GATE = 8;
/** Set by the decoder: micro-ops made from this page exist. */
export const PAGE_CODE = 16;
export const RIGHTS_MASK = 15;
export const PAGE_LINEAR_MASK = 0xfffff000;

/** Entries and bytes of one table of the 4-level radix tree (u32 entries, nine address bits a level). */
export const TABLE_ENTRIES = 512;
export const TABLE_BYTES = 2048;

// TLB entry, direct-mapped by the low bits of the page number:
//
//   0                  8                   12         16
//   +------------------+-------------------+----------+
//   | guest page u64   | linear - guest u32|  unused  |     guest page = 1: empty
//   +------------------+-------------------+----------+
export const TLB_ENTRIES = 256;
export const TLB_ENTRY_SHIFT = 4;
export const TLB_BYTES = 4096;
export const TLB_ADDEND = 8;

// Exception vectors (Intel SDM vol. 3, table 6-1).
export const VECTOR_DE = 0;
export const VECTOR_BP = 3;
export const VECTOR_UD = 6;
export const VECTOR_SS = 12;
export const VECTOR_GP = 13;
export const VECTOR_PF = 14;

// Page fault error code (Intel SDM vol. 3, figure 4-12); faults are always from supervisor mode.
export const PF_PRESENT = 1;
export const PF_WRITE = 2;
export const PF_FETCH = 16;

// Fault map: which instruction starts may fault, one record per 64-byte chunk of text, two records to a cache line.
//
//   0                8           12                           32
//   +----------------+-----------+----------------------------+
//   | starts u64     | ids u32   | details, 1 byte per start  |
//   +----------------+-----------+----------------------------+
//
// starts:  bit k set: the instruction at chunk + k has an exception entry.
// ids:     id of the entry of the lowest start; the others follow by ascending address. With RECORD_SIDE set, the
//          address / 16 of a side block instead: more starts than details fit, or starts of several images.
// detail:  bits 0-3 length of the instruction, bits 4-7 pt_regs offset / 8 of the register to zero, 15 = none.
//
// Side block for n starts: n ids u32, then n details u8, both by ascending address.

export const CHUNK_SHIFT = 6;
export const RECORD_SHIFT = 5;
export const RECORD_SIZE = 32;
export const RECORD_STARTS = 0;
export const RECORD_IDS = 8;
export const RECORD_DETAILS = 12;
export const RECORD_DETAIL_COUNT = 20;
export const RECORD_SIDE = 0x80000000;
export const SIDE_SHIFT = 4;

export const DETAIL_LENGTH_MASK = 15;
export const DETAIL_REGISTER_SHIFT = 4;
export const DETAIL_NO_REGISTER = 15;

/** Answer of a lookup that finds nothing; its detail is 0. */
export const FAULT_MISS = 0xffffffff;

// Records stand in leaves, one per 64 KiB of text that has any, found through a directory over a window of 1 GiB.
export const LEAF_SHIFT = 16;
export const LEAF_BYTES = 1 << (LEAF_SHIFT - CHUNK_SHIFT + RECORD_SHIFT);
export const WINDOW_SHIFT = 30;
export const WINDOW_LEAVES = 1 << (WINDOW_SHIFT - LEAF_SHIFT);

// Entry block of an image: what an id leads to. Owner words of free ids have bit 0 set.
//
//   +0 node u32 (layout/kallsyms.ts)   +4 first id u32   +8 BPF instruction u32 of each entry, FAULT_NO_INSN = not known
export const BLOCK_NODE = 0;
export const BLOCK_FIRST = 4;
export const BLOCK_INSNS = 8;
export const FAULT_NO_INSN = 0xffffffff;
/** Entries per owner word: an image's ids start at a multiple of this. */
export const IDS_PER_OWNER = 4;

// Answers of faultIndexAdd and faultIndexRemove.
export const INDEX_OK = 0;
export const INDEX_NO_MEMORY = 1;
export const INDEX_OVERLAP = 2;
export const INDEX_NOT_FOUND = 3;
/** Entry faultIndexBadEntry() is not ascending, or outside of the text. */
export const INDEX_BAD_ADDRESS = 4;
/** Entry faultIndexBadEntry() has a length or register that no faulting instruction has. */
export const INDEX_BAD_FIXUP = 5;

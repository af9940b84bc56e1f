// One symbol (ksym) of JIT-compiled text: one cache line, the two nodes of the latch tree embedded.
//
//   +0  start u64        first address; key of both trees
//   +8  span u32         last address that counts as inside, less the first
//   +12 ids u32          id of the first exception entry, all ones = the symbol is in no fault index
//   +16 node of tree 0   12 bytes, layout/rbtree.ts
//   +28 node of tree 1
//   +40 table guest u64  guest address of the first exception entry
//   +48 table u32        linear address of the same entry
//   +52 entries u32
//   +56 program u32      id of the program
//   +60 func u16         index of the function in its program
//   +62 flags u16

export const KSYM_START = 0;
export const KSYM_SPAN = 8;
export const KSYM_IDS = 12;
export const KSYM_NODE0 = 16;
export const KSYM_NODE1 = 28;
export const KSYM_TABLE_GUEST = 40;
export const KSYM_TABLE = 48;
export const KSYM_ENTRIES = 52;
export const KSYM_PROGRAM = 56;
export const KSYM_FUNC = 60;
export const KSYM_FLAGS = 62;
export const KSYM_SIZE = 64;

export const KSYM_NO_IDS = 0xffffffff;

/** The text belongs to a program; trampolines and dispatchers have a ksym without it and no exception table. */
export const KSYM_FLAG_PROGRAM = 1;
/** The table is a block of the heap, freed with the symbol. */
export const KSYM_FLAG_OWNS_TABLE = 2;

/** Answers of kallsymsInsert that are not a node. */
export const KSYM_NO_MEMORY = 0;
export const KSYM_OVERLAP = 1;
export const KSYM_BAD_RANGE = 2;

/** Answers of kallsymsRemove. */
export const KSYM_REMOVED = 0;
export const KSYM_NOT_FOUND = 3;

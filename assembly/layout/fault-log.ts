// Fault log of one core instance: a header and a ring that keeps the newest FAULT_CAPACITY records.
//
//   +0 count u64   faults pushed since the last reset, kept beyond the capacity
//   +16 records    the record of fault n stands at index n % FAULT_CAPACITY
//
//   one record: +0 ip u64 (x86), or program << 32 | slot of the instruction (interpreter)
//               +8 address u64   +16 kind u32   +20 register u32   +24 entry u32   +28 length u32

export const FAULT_COUNT = 0;
export const FAULT_RECORDS = 16;
/** A power of two. */
export const FAULT_CAPACITY = 8192;

export const FAULT_IP = 0;
export const FAULT_ADDRESS = 8;
export const FAULT_KIND_AT = 16;
/** Offset of the zeroed register in pt_regs, or FAULT_NONE. */
export const FAULT_REGISTER = 20;
/** Index in the function's exception table, or FAULT_NONE. */
export const FAULT_ENTRY = 24;
/** Bytes skipped; 0 for a refusal by the guard. */
export const FAULT_LENGTH = 28;
export const FAULT_SIZE = 32;

export const FAULT_NONE = 0xffffffff;

/** Page fault. */
export const FAULT_KIND_PF = 0;
/** General protection: the address is not canonical. */
export const FAULT_KIND_GP = 1;
/** The guard in front of a probe load refused the address. */
export const FAULT_KIND_GUARD = 2;

// Exception-table entry, little-endian, 4-byte aligned; the table follows the code of its image.
//
//   0           4           8           12
//   +-----------+-----------+-----------+
//   | insn  i32 | fixup u32 | data  i32 |
//   +-----------+-----------+-----------+
//
// insn:  start of the faulting instruction, relative to the address of this field (negative: code comes first).
// fixup: bits 0-7 length of the faulting instruction, bits 8-31 pt_regs offset of the register to zero.
// data:  EX_TYPE_BPF; in the 5.5 form the handler's address, relative to the address of this field.

export const EXTABLE_ENTRY_SIZE = 12;
export const EXTABLE_INSN = 0;
export const EXTABLE_FIXUP = 4;
export const EXTABLE_DATA = 8;
export const EXTABLE_ALIGN = 4;

export const EX_TYPE_BPF = 7;
export const FIXUP_LENGTH_MASK = 0xff;
export const FIXUP_REGISTER_SHIFT = 8;
/** Register field of arena stores and atomics: nothing is zeroed. No register lies at this pt_regs offset. */
export const FIXUP_NO_REGISTER = 1;

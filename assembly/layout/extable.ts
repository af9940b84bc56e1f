// Exception-table entry, three signed 32-bit fields, alignment 4.
//
//   +0 insn   (address of the faulting instruction) - (address of this field)
//   +4 fixup  bits 0-7: bytes to skip; bits 8-31: offset in pt_regs of the register to zero, 1 = none
//   +8 data   7 (EX_TYPE_BPF); in the 5.5 form (address of the handler) - (address of this field)

export const EXTABLE_INSN = 0;
export const EXTABLE_FIXUP = 4;
export const EXTABLE_DATA = 8;
export const EXTABLE_ENTRY_SIZE = 12;

export const EX_TYPE_BPF = 7;
/** Register field of arena stores and atomics: nothing is zeroed. */
export const FIXUP_NO_REGISTER = 1;

/**
 * One type per quantity. The optional brand lets a plain number in, and refuses one quantity where another is
 * meant.
 */
type Quantity<Unit extends string> = number & { readonly __unit?: Unit };

/** Index of an 8-byte instruction slot. */
export type InsnIndex = Quantity<'insn'>;
/** Offset in bytes from the start of what holds it (a file, a section, an image). */
export type ByteOffset = Quantity<'byte offset'>;
/** Address in the core's linear memory. */
export type HostAddress = Quantity<'host address'>;
/** BTF type id; 0 is void. */
export type TypeId = Quantity<'btf type id'>;
/** BPF register number, 0 to 11. */
export type BpfRegister = Quantity<'bpf register'>;
/** x86-64 register number, 0 (rax) to 15 (r15). */
export type X86Register = Quantity<'x86 register'>;
/** 64-bit address of the guest machine, unsigned. */
export type GuestAddress = bigint;

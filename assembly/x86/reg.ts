// x86-64 register numbers (Intel SDM vol. 2, 2.1.5, table 2-2 and REX.B/R) and what BPF registers become.

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;
export const R8 = 8;
export const R9 = 9;
export const R10 = 10;
export const R11 = 11;
export const R12 = 12;
export const R13 = 13;
export const R14 = 14;
export const R15 = 15;

/** Nibble n = register of BPF register n: R0 to R9, FP, AX. */
const BPF_TO_X86: u64 = 0xa5fe_d381_2670;

/** Nibble n = offset of register n in struct pt_regs, in 8-byte words; rsp's (19) is not encoded. */
const PT_REGS_WORD: u64 = 0x0123_6789_ed4f_5cba;

/** Register of a BPF register, 0 to 11. */
export function x86Register(bpf: u32): u32 {
  return (<u32>(BPF_TO_X86 >> (bpf << 2))) & 15;
}

/** Byte offset of a register other than rsp in struct pt_regs. */
export function ptRegsOffset(reg: u32): u32 {
  return ((<u32>(PT_REGS_WORD >> (reg << 2))) & 15) << 3;
}

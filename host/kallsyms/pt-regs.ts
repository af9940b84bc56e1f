import { FIXUP_NO_REGISTER } from '../../assembly/layout/extable.js';

/** General registers in the order of struct pt_regs, 8 bytes each from offset 0. */
const PT_REGS = [
  'r15',
  'r14',
  'r13',
  'r12',
  'rbp',
  'rbx',
  'r11',
  'r10',
  'r9',
  'r8',
  'rax',
  'rcx',
  'rdx',
  'rsi',
  'rdi',
] as const;

/** x86 name of the register at an offset of struct pt_regs; undefined when none is there. */
export function ptRegsName(offset: number): string | undefined {
  return offset % 8 === 0 ? PT_REGS[offset / 8] : undefined;
}

/** Offset in struct pt_regs of a register; undefined for rsp and unknown names. */
export function ptRegsOffset(name: string): number | undefined {
  const index = (PT_REGS as readonly string[]).indexOf(name);
  return index < 0 ? undefined : index * 8;
}

/** A fixup word of a BPF exception entry, taken apart. */
export interface Fixup {
  /** Bytes to skip. */
  readonly length: number;
  /** Offset in pt_regs of the register to zero; null = none. */
  readonly registerOffset: number | null;
  /** x86 name of that register; null = none. */
  readonly register: string | null;
}

export function decodeFixup(fixup: number): Fixup {
  const offset = fixup >>> 8;
  if (offset === FIXUP_NO_REGISTER) return { length: fixup & 0xff, registerOffset: null, register: null };
  return { length: fixup & 0xff, registerOffset: offset, register: ptRegsName(offset) ?? null };
}

import {
  EXTABLE_DATA,
  EXTABLE_ENTRY_SIZE,
  EXTABLE_FIXUP,
  EXTABLE_INSN,
  FIXUP_NO_REGISTER,
} from '../../assembly/layout/extable.js';
import { INSN_SIZE } from '../../assembly/isa.js';
import type { KernelVersion } from '../profiles/profile.js';
import type { ByteOffset, X86Register } from '../quantities.js';
import { guardOffset } from './guard.js';
import type { ExtableEntry } from './jit-image.js';

/** x86 register at each 8-byte word of struct pt_regs. */
const PT_REGS: readonly X86Register[] = [15, 14, 13, 12, 5, 3, 11, 10, 9, 8, 0, 1, 2, 6, 7];

/** What a table is decoded with: the program as it was compiled. */
export interface CompiledFunction {
  readonly version: KernelVersion;
  readonly insns: Uint8Array;
  /** Bytes of code before the first slot of `insns`, then of each slot. */
  readonly lengths: Uint8Array;
  /** For each slot of `insns` the slot the caller gave; null = the same. */
  readonly origin: Int32Array | null;
}

/** Offset of each slot, and of the end. */
export function offsetsOf(lengths: Uint8Array): Uint32Array {
  const offsets = new Uint32Array(lengths.length);
  let at = 0;
  for (let slot = 0; slot < lengths.length; slot++) offsets[slot] = at += lengths[slot];
  return offsets;
}

/** Takes an exception table apart; entries are in the order of the code. */
export function decodeEntries(
  extable: Uint8Array,
  extableOffset: ByteOffset,
  { version, insns, lengths, origin }: CompiledFunction,
): ExtableEntry[] {
  const offsets = offsetsOf(lengths);
  const view = new DataView(extable.buffer, extable.byteOffset, extable.byteLength);
  const entries: ExtableEntry[] = [];
  let slot = 0;
  for (let at = 0; at < extable.length; at += EXTABLE_ENTRY_SIZE) {
    const ipOffset = extableOffset + at + view.getInt32(at + EXTABLE_INSN, true);
    const fixup = view.getUint32(at + EXTABLE_FIXUP, true);
    const field = fixup >>> 8;
    const register = field === FIXUP_NO_REGISTER ? null : PT_REGS[field / 8];
    while (offsets[slot + 1] <= ipOffset) slot++;
    entries.push({
      ipOffset,
      length: fixup & 0xff,
      register,
      data: view.getInt32(at + EXTABLE_DATA, true),
      insn: origin?.[slot] ?? slot,
      guard: guardOffset(version, insns[slot * INSN_SIZE], ipOffset, register),
    });
  }
  return entries;
}

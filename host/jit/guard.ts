import { BPF_LDX, BPF_PROBE_MEM, BPF_PROBE_MEMSX } from '../../assembly/isa.js';
import type { KernelVersion } from '../profiles/profile.js';
import type { ByteOffset, X86Register } from '../quantities.js';

/** Bytes of `jmp rel8`, between the clearing of the destination and the load. */
const JUMP = 2;

/**
 * Offset of the `xor dst, dst` that the guard of a probe load runs when it refuses the address; null for accesses
 * without a guard (arena accesses, and all of 5.5).
 */
export function guardOffset(
  version: KernelVersion,
  opcode: number,
  load: ByteOffset,
  register: X86Register | null,
): ByteOffset | null {
  const mode = opcode & 0xe0;
  const probe = (opcode & 7) === BPF_LDX && (mode === BPF_PROBE_MEM || mode === BPF_PROBE_MEMSX);
  if (!probe || register === null || version === '5.5') return null;
  return load - JUMP - (register < 8 ? 2 : 3);
}

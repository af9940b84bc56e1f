import type { GuestMemory } from '../mm/guest-memory.js';
import type { GuestAddress } from '../quantities.js';

const PAGE = 4096n;

/** First address kernel code may not take for the user's. */
export const TASK_SIZE_MAX = 0x7fff_ffff_f000n;
const VSYSCALL = 0xffff_ffff_ff60_0000n;

/** Whether a kernel read may be tried there: not the user's half, the hole, or the vsyscall page. */
export function isKernelAddress(address: GuestAddress): boolean {
  if (address < 0xffff_8000_0000_0000n) return false;
  return address < VSYSCALL || address >= VSYSCALL + PAGE;
}

export function isUserRange(address: GuestAddress, size: number): boolean {
  return address + BigInt(size) <= TASK_SIZE_MAX;
}

/** Bytes of a range, or null when some of it is not mapped. */
export function tryRead(memory: GuestMemory, address: GuestAddress, size: number): Uint8Array | null {
  if (size === 0) return new Uint8Array(0);
  return memory.isMapped(address, size) ? memory.read(address, size) : null;
}

/** Bytes up to a NUL (excluded) or `limit`, or null when memory ends first. */
export function tryReadString(memory: GuestMemory, address: GuestAddress, limit: number): Uint8Array | null {
  const parts: Uint8Array[] = [];
  for (let at = address, left = limit; left > 0;) {
    const chunk = Math.min(left, Number(PAGE - (at & (PAGE - 1n))));
    if (!memory.isMapped(at, chunk)) return null;
    const bytes = memory.read(at, chunk);
    const end = bytes.indexOf(0);
    parts.push(end < 0 ? bytes : bytes.subarray(0, end));
    if (end >= 0) break;
    left -= chunk;
    at = BigInt.asUintN(64, at + BigInt(chunk));
  }
  return concat(parts);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

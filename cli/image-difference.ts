import type { Syntax, X86Line } from '../host/report/x86.js';
import { disassembleX86 } from './x86.js';

/** 64-bit operands in this range differ from boot to boot: the direct map, vmalloc, arenas. */
const MOVING_FIRST = 0xffff800000000000n;
const MOVING_END = 0xffffffff80000000n;
const JMP_REL32 = 0xe9;
const NOP5 = [0x0f, 0x1f, 0x44, 0x00, 0x00];
const PATCH_SITE = 5;

/** The first place where two images differ. */
export interface ImageDifference {
  /** Offset of the byte. */
  readonly offset: number;
  /** The instructions that hold it; null behind the end of an image. */
  readonly ours: X86Line | null;
  readonly theirs: X86Line | null;
}

/** movabs r64, imm64 */
const isMovabs = (code: Uint8Array, at: number): boolean =>
  (code[at] === 0x48 || code[at] === 0x49) && code[at + 1] >= 0xb8 && code[at + 1] <= 0xbf;

function isPatchSite(code: Uint8Array, at: number): boolean {
  return code[at] === JMP_REL32 || NOP5.every((byte, index) => code[at + index] === byte);
}

/** The same operand as far as a reboot may change it. */
function isMovingAddress(ours: Uint8Array, theirs: Uint8Array, at: number): boolean {
  const operand = (code: Uint8Array): bigint =>
    new DataView(code.buffer, code.byteOffset + at + 2, 8).getBigUint64(0, true);
  return [operand(ours), operand(theirs)].every((value) => value >= MOVING_FIRST && value < MOVING_END);
}

/**
 * Offset of the first byte that differs, -1 when none does. Not compared: addresses that change from boot to boot, and
 * with `tailCalls` the 5-byte sites that direct tail calls patch.
 */
export function firstDifference(ours: Uint8Array, theirs: Uint8Array, tailCalls: boolean): number {
  const end = Math.min(ours.length, theirs.length);
  for (let at = 0; at < end; at++) {
    if (ours[at] !== theirs[at]) {
      if (tailCalls && at + PATCH_SITE <= end && isPatchSite(ours, at) && isPatchSite(theirs, at)) at += 4;
      else if (tailCalls && at + 4 <= end && ours[at - 1] === JMP_REL32 && theirs[at - 1] === JMP_REL32)
        at += 3;
      else return at;
    } else if (at + 10 <= end && ours[at + 1] === theirs[at + 1] && isMovabs(theirs, at)) {
      if (isMovingAddress(ours, theirs, at)) at += 9;
    }
  }
  return ours.length === theirs.length ? -1 : end;
}

/** The first difference between two images of one function that both lie at `address`; null when there is none. */
export function imageDifference(
  ours: Uint8Array,
  theirs: Uint8Array,
  address: bigint,
  options: { readonly tailCalls: boolean; readonly syntax: Syntax },
): ImageDifference | null {
  const offset = firstDifference(ours, theirs, options.tailCalls);
  if (offset < 0) return null;
  const holding = (code: Uint8Array): X86Line | null =>
    disassembleX86(code, address, options.syntax, () => undefined).find(
      (line) => offset >= line.offset && offset < line.offset + line.bytes.length,
    ) ?? null;
  return { offset, ours: holding(ours), theirs: holding(theirs) };
}

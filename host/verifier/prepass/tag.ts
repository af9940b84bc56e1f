import { sha1 } from '@noble/hashes/legacy.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE, INSN_SIZE } from '../../../assembly/isa.js';

const LD_IMM64 = 0x18;
const TAG_BYTES = 8;

/**
 * Tag of a program or function: the first 8 bytes of the SHA-1 of its instructions, as hex. With `blankMaps` the
 * descriptors and offsets of map loads are left out, so that the tag does not depend on when the maps were made.
 */
export function tagOf(insns: Uint8Array, blankMaps: boolean): string {
  const bytes = blankMaps ? withoutMaps(insns) : insns;
  return bytesToHex(sha1(bytes).subarray(0, TAG_BYTES));
}

function withoutMaps(insns: Uint8Array): Uint8Array {
  const bytes = insns.slice();
  for (let at = 0; at + INSN_SIZE <= bytes.length; at += INSN_SIZE) {
    const src = bytes[at + 1] >>> 4;
    if (bytes[at] !== LD_IMM64 || (src !== BPF_PSEUDO_MAP_FD && src !== BPF_PSEUDO_MAP_VALUE)) continue;
    bytes.fill(0, at + 4, at + INSN_SIZE);
    at += INSN_SIZE;
    const isSecondSlot = at + INSN_SIZE <= bytes.length && bytes[at] === 0 && bytes[at + 1] === 0;
    if (isSecondSlot && bytes[at + 2] === 0 && bytes[at + 3] === 0) bytes.fill(0, at + 4, at + INSN_SIZE);
    else at -= INSN_SIZE;
  }
  return bytes;
}

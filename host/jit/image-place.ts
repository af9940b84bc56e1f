import type { ByteOffset } from '../quantities.js';
import { below, type RandomSource } from './random.js';

/** Bytes of one unit of a pack. */
export const CHUNK_SIZE = 64;
/** One huge page. */
export const PACK_SIZE = 2 << 20;
export const PAGE_SIZE = 4096;
/** int3: what holes hold, and code that was freed. */
export const FILL_BYTE = 0xcc;

// An allocation: its size, a hole of random length, the image (code and table), what is left.
//
//   0            H              H + start
//   +------------+--------------+------------------+-----------+
//   | size u32   | cc ...       | image            | cc ...    |
//   +------------+--------------+------------------+-----------+

/** Size of an allocation and offset of the image in it, in bytes. */
export interface ImagePlace {
  readonly size: number;
  readonly imageOffset: ByteOffset;
}

const alignUp = (size: number, unit: number): number => Math.ceil(size / unit) * unit;

function checkAlign(align: number): void {
  if (align < 1 || (align & (align - 1)) !== 0)
    throw new RangeError(`image alignment: expected a power of two, found ${align}`);
}

function place(
  length: number,
  header: number,
  size: number,
  unit: number,
  align: number,
  random: RandomSource,
): ImagePlace {
  checkAlign(align);
  const hole = Math.min(size - (length + header), unit - header);
  const start = below(random, hole) & ~(align - 1);
  return { size, imageOffset: header + start };
}

/** Place in a pack (5.18 and later): the header is found again as entry & ~63. */
export function packPlace(length: number, align: number, random: RandomSource): ImagePlace {
  const header = 8;
  return place(length, header, alignUp(length + header + 16, CHUNK_SIZE), CHUNK_SIZE, align, random);
}

/** Place in pages of its own, with a header of 4 bytes (5.5) or 8: found again as entry & ~4095. */
export function pagePlace(length: number, header: 4 | 8, align: number, random: RandomSource): ImagePlace {
  return place(length, header, alignUp(length + header + 128, PAGE_SIZE), PAGE_SIZE, align, random);
}

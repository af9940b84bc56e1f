import type { GuestAddress } from '../quantities.js';
import { FILL_BYTE } from './image-place.js';
import type { ImagePlacement } from './image-source.js';

/** What images need of guest memory; GuestMemory has it. Rights: R 1, X 4. */
export interface ImageMemory {
  alloc(region: 'modules', size: number, align?: number): GuestAddress;
  free(address: GuestAddress): void;
  map(address: GuestAddress, size: number, rights: number): void;
  unmap(address: GuestAddress, size: number): void;
  protect(address: GuestAddress, size: number, rights: number): void;
  isMapped(address: GuestAddress, size: number): boolean;
  write(address: GuestAddress, bytes: Uint8Array): void;
}

export const READ_EXECUTE = 1 | 4;

export function filling(size: number): Uint8Array {
  return new Uint8Array(size).fill(FILL_BYTE);
}

/** An image at `imageOffset` in a region that begins with `header`, u32. */
export function placementAt(
  region: GuestAddress,
  size: number,
  imageOffset: number,
  header: number,
): ImagePlacement {
  const rw = filling(size);
  new DataView(rw.buffer).setUint32(0, header, true);
  return { address: region + BigInt(imageOffset), region: { address: region, size }, rw };
}

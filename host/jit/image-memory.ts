import type { GuestAddress } from '../quantities.js';
import { FILL_BYTE } from './image-place.js';
import type { ImagePlacement } from './image-source.js';
import type { JitImage } from './jit-image.js';

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

/** The bytes of an allocation as they are copied to their place: header, hole, code, table, hole. */
export function regionBytes({ address, region, code, extableOffset, extable }: JitImage): Uint8Array {
  const bytes = filling(region.size);
  new DataView(bytes.buffer).setUint32(0, region.size, true);
  const start = Number(address - region.address);
  bytes.set(code, start);
  bytes.set(extable, start + extableOffset);
  return bytes;
}

export function filling(size: number): Uint8Array {
  return new Uint8Array(size).fill(FILL_BYTE);
}

export function placementAt(region: GuestAddress, size: number, imageOffset: number): ImagePlacement {
  return { address: region + BigInt(imageOffset), region: { address: region, size } };
}

import type { GuestAddress } from '../quantities.js';
import type { JitImage } from './jit-image.js';

/** Where one image goes. */
export interface ImagePlacement {
  /** Final address of the first byte of the image. */
  readonly address: GuestAddress;
  /** The allocation: header, hole, image, hole. Size in bytes. */
  readonly region: { readonly address: GuestAddress; readonly size: number };
  /** Where the image is made, region.size bytes: all that finalize copies to the region. */
  readonly rw: Uint8Array;
}

/** Gives images their place in guest memory and puts them there. */
export interface ImageSource {
  /** Room for `length` bytes of code and table of function `index`; null when the limit for images is reached. */
  allocate(length: number, index: number): ImagePlacement | null;
  /** Gives a placement back that was never finalized. */
  release(placement: ImagePlacement): void;
  /** Copies the image to its place and makes it executable: JitImage.rw is the placement's. */
  finalize(image: JitImage): void;
  /** Overwrites the image with int3 and gives its place back. */
  free(image: JitImage): void;
}

import { ImageCharge, MODULE_AREA_SIZE } from './image-charge.js';
import { filling, type ImageMemory, placementAt, READ_EXECUTE } from './image-memory.js';
import { pagePlace, PAGE_SIZE } from './image-place.js';
import type { ImagePlacement, ImageSource } from './image-source.js';
import type { JitImage } from './jit-image.js';
import type { ImageOptions } from './pack-images.js';
import { type RandomSource, systemRandom } from './random.js';

/** Images in whole pages of their own (5.5): writable until finalized, then executable. */
export class PageImages implements ImageSource {
  readonly charge: ImageCharge;
  readonly #memory: ImageMemory;
  readonly #random: RandomSource;
  readonly #align: number;
  readonly #header: 4 | 8;

  /** `header` in bytes: 4 in 5.5, 8 later. */
  constructor(memory: ImageMemory, options: ImageOptions & { readonly header?: 4 | 8 } = {}) {
    this.#memory = memory;
    this.#random = options.random ?? systemRandom;
    this.#align = options.align ?? 4;
    this.#header = options.header ?? 4;
    this.charge = options.charge ?? new ImageCharge(MODULE_AREA_SIZE / 4);
  }

  allocate(length: number): ImagePlacement | null {
    const { size, imageOffset } = pagePlace(length, this.#header, this.#align, this.#random);
    if (!this.charge.charge(size)) return null;
    try {
      const address = this.#memory.alloc('modules', size, PAGE_SIZE);
      this.#memory.write(address, filling(size));
      // The header of 5.5 counts pages, the later one bytes.
      return placementAt(address, size, imageOffset, this.#header === 4 ? size / PAGE_SIZE : size);
    } catch (error) {
      this.charge.uncharge(size);
      throw error;
    }
  }

  release({ region }: ImagePlacement): void {
    this.charge.uncharge(region.size);
    this.#memory.free(region.address);
  }

  finalize({ region: { address, size }, rw }: JitImage): void {
    this.#memory.write(address, rw);
    this.#memory.protect(address, size, READ_EXECUTE);
  }

  free(image: JitImage): void {
    this.#memory.write(image.region.address, filling(image.region.size));
    this.release(image);
  }
}

import { MemoryError } from '../errors.js';
import type { GuestAddress } from '../quantities.js';
import { ImageCharge } from './image-charge.js';
import { filling, type ImageMemory, placementAt, READ_EXECUTE } from './image-memory.js';
import { CHUNK_SIZE, PACK_SIZE, packPlace, PAGE_SIZE } from './image-place.js';
import type { ImagePlacement, ImageSource } from './image-source.js';
import type { JitImage } from './jit-image.js';
import { Pack } from './pack.js';
import { type RandomSource, systemRandom } from './random.js';

export interface ImageOptions {
  readonly random?: RandomSource;
  /** Alignment of the image's offset behind its header, a power of two; 4 for the exception table. */
  readonly align?: number;
  readonly charge?: ImageCharge;
}

/**
 * Images in shared packs of 2 MiB (5.18 and later). A pack is executable and never writable for the guest: an image
 * is made in a buffer of the host and copied over its place.
 */
export class PackImages implements ImageSource {
  readonly charge: ImageCharge;
  readonly #memory: ImageMemory;
  readonly #random: RandomSource;
  readonly #align: number;
  /** In order of creation. */
  readonly #packs = new Map<GuestAddress, Pack>();

  constructor(memory: ImageMemory, options: ImageOptions = {}) {
    this.#memory = memory;
    this.#random = options.random ?? systemRandom;
    this.#align = options.align ?? 4;
    this.charge = options.charge ?? new ImageCharge();
  }

  /** Packs in use. */
  get packs(): number {
    return this.#packs.size;
  }

  allocate(length: number): ImagePlacement | null {
    const { size, imageOffset } = packPlace(length, this.#align, this.#random);
    if (!this.charge.charge(size)) return null;
    try {
      return placementAt(this.#take(size), size, imageOffset, size);
    } catch (error) {
      this.charge.uncharge(size);
      throw error;
    }
  }

  #take(size: number): GuestAddress {
    if (size > PACK_SIZE) return this.#executable(Math.ceil(size / PAGE_SIZE) * PAGE_SIZE, PAGE_SIZE);
    for (const [base, pack] of this.#packs) {
      const chunk = pack.take(size / CHUNK_SIZE);
      if (chunk >= 0) return base + BigInt(chunk * CHUNK_SIZE);
    }
    const base = this.#executable(PACK_SIZE, PACK_SIZE);
    const pack = new Pack(PACK_SIZE);
    this.#packs.set(base, pack);
    return base + BigInt(pack.take(size / CHUNK_SIZE) * CHUNK_SIZE);
  }

  #executable(size: number, align: number): GuestAddress {
    const address = this.#memory.alloc('modules', size, align);
    this.#memory.write(address, filling(size));
    this.#memory.protect(address, size, READ_EXECUTE);
    return address;
  }

  release({ region }: ImagePlacement): void {
    this.charge.uncharge(region.size);
    if (region.size > PACK_SIZE) {
      this.#memory.free(region.address);
      return;
    }
    const base = region.address - (region.address % BigInt(PACK_SIZE));
    const pack = this.#packs.get(base);
    if (pack === undefined)
      throw new MemoryError('MM_FREE', 'image: no pack holds it', { address: region.address });
    pack.give(Number(region.address - base) / CHUNK_SIZE, region.size / CHUNK_SIZE);
    if (!pack.isEmpty) return;
    this.#packs.delete(base);
    this.#memory.free(base);
  }

  finalize({ region, rw }: JitImage): void {
    this.#memory.write(region.address, rw);
  }

  free(image: JitImage): void {
    this.#memory.write(image.region.address, filling(image.region.size));
    this.release(image);
  }
}

import { JitError } from '../errors.js';
import type { GuestAddress } from '../quantities.js';
import { filling, type ImageMemory, placementAt, READ_EXECUTE } from './image-memory.js';
import { CHUNK_SIZE, PAGE_SIZE } from './image-place.js';
import type { ImagePlacement, ImageSource } from './image-source.js';
import type { JitImage } from './jit-image.js';

const HEADER = 8;
const PAGE = BigInt(PAGE_SIZE);

/** Images at given addresses, as a kernel once placed them; functions without one go to another source. */
export class FixedImages implements ImageSource {
  readonly #memory: ImageMemory;
  readonly #addresses: readonly (GuestAddress | undefined)[];
  readonly #others: ImageSource;
  /** Pages mapped here, and how many images lie in each. */
  readonly #pages = new Map<GuestAddress, number>();
  readonly #placed = new Set<GuestAddress>();

  /** `addresses[i]` is where the image of function i begins. */
  constructor(memory: ImageMemory, addresses: readonly (GuestAddress | undefined)[], others: ImageSource) {
    this.#memory = memory;
    this.#addresses = addresses;
    this.#others = others;
  }

  allocate(length: number, index: number): ImagePlacement | null {
    const address = this.#addresses[index];
    if (address === undefined) return this.#others.allocate(length, index);
    // The region as a pack would have it: chunks from the header on.
    const start = BigInt.asUintN(64, (address - BigInt(HEADER)) & ~BigInt(CHUNK_SIZE - 1));
    const used = Number(address - start) + length;
    const size = Math.ceil(used / CHUNK_SIZE) * CHUNK_SIZE;
    const placement = placementAt(start, size, Number(address - start), size);
    this.#mapPages(address, placement.region);
    this.#placed.add(start);
    return placement;
  }

  #mapPages(address: GuestAddress, region: ImagePlacement['region']): void {
    const pages = [...pagesOf(region)];
    const taken = pages.find((page) => !this.#pages.has(page) && this.#memory.isMapped(page, PAGE_SIZE));
    if (taken !== undefined)
      throw new JitError('JIT_PLACEMENT', `image at 0x${address.toString(16)}: the page is taken`, {
        address,
      });
    for (const page of pages) {
      const images = this.#pages.get(page) ?? 0;
      if (images === 0) {
        this.#memory.map(page, PAGE_SIZE, READ_EXECUTE);
        this.#memory.write(page, filling(PAGE_SIZE));
      }
      this.#pages.set(page, images + 1);
    }
  }

  release(placement: ImagePlacement): void {
    const { region } = placement;
    if (!this.#placed.delete(region.address)) {
      this.#others.release(placement);
      return;
    }
    for (const page of pagesOf(region)) {
      const images = (this.#pages.get(page) ?? 1) - 1;
      if (images > 0) this.#pages.set(page, images);
      else {
        this.#pages.delete(page);
        this.#memory.unmap(page, PAGE_SIZE);
      }
    }
  }

  finalize(image: JitImage): void {
    if (this.#placed.has(image.region.address)) this.#memory.write(image.region.address, image.rw);
    else this.#others.finalize(image);
  }

  free(image: JitImage): void {
    if (!this.#placed.has(image.region.address)) {
      this.#others.free(image);
      return;
    }
    this.#memory.write(image.region.address, filling(image.region.size));
    this.release(image);
  }
}

function* pagesOf(region: ImagePlacement['region']): Generator<GuestAddress> {
  const end = region.address + BigInt(region.size);
  for (let page = region.address - (region.address % PAGE); page < end; page += PAGE) yield page;
}

import type { GuestAddress, HostAddress } from '../quantities.js';
import type { Core } from './core.js';

/** The guest MMU in the core: page rights and translation. */
export class Mmu {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
    core.exports.mmuFlush();
  }

  /** Zeroed linear memory that lives as long as the core, aligned to `align`; 0 when there is none left. */
  reserve(size: number, align: number): HostAddress {
    return this.#core.exports.heapReserve(size, align) >>> 0;
  }

  /** False when linear memory is exhausted. */
  map(address: GuestAddress, linear: HostAddress, pages: number, rights: number): boolean {
    return Boolean(this.#core.exports.mmuMap(address, linear, pages, rights));
  }

  unmap(address: GuestAddress, pages: number): void {
    this.#core.exports.mmuUnmap(address, pages);
  }

  rights(address: GuestAddress): number {
    return this.#core.exports.mmuRights(address) >>> 0;
  }

  /** Linear address of a mapped range; 0 when some page of it is not mapped. */
  linear(address: GuestAddress, size: number, writing: boolean): HostAddress {
    return this.#core.exports.mmuHostAddress(address, BigInt(size), writing) >>> 0;
  }
}

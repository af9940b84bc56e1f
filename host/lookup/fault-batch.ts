import type { Core } from '../core/core.js';
import type { HostAddress } from '../quantities.js';

/** Where a batch lookup puts its answers, one place per address. */
export interface FaultResults {
  /** Entry ids; FAULT_MISS = no entry. */
  readonly ids: Uint32Array;
  /** Bits 0-3 length of the instruction, bits 4-7 pt_regs offset / 8 of its register (15 = none); 0 = no entry. */
  readonly details: Uint8Array;
}

/**
 * Addresses and answers in the memory of the index itself: a lookup of them copies nothing. The arrays are read
 * anew after every change of the index, which may move them.
 */
export class FaultBatch implements FaultResults {
  readonly capacity: number;
  readonly #core: Core;
  readonly #block: HostAddress;
  #pcs: BigUint64Array;
  #ids: Uint32Array;
  #details: Uint8Array;

  constructor(core: Core, capacity: number) {
    this.capacity = capacity;
    this.#core = core;
    this.#block = core.alloc(capacity * 13 + 1);
    [this.#pcs, this.#ids, this.#details] = this.#views();
  }

  get pcs(): BigUint64Array {
    this.#refresh();
    return this.#pcs;
  }

  get ids(): Uint32Array {
    this.#refresh();
    return this.#ids;
  }

  get details(): Uint8Array {
    this.#refresh();
    return this.#details;
  }

  /** Gives the memory back. */
  free(): void {
    this.#core.free(this.#block);
  }

  #refresh(): void {
    if (this.#pcs.buffer !== this.#core.memory.buffer) [this.#pcs, this.#ids, this.#details] = this.#views();
  }

  #views(): [BigUint64Array, Uint32Array, Uint8Array] {
    const { buffer } = this.#core.memory;
    const ids = this.#block + this.capacity * 8;
    return [
      new BigUint64Array(buffer, this.#block, this.capacity),
      new Uint32Array(buffer, ids, this.capacity),
      new Uint8Array(buffer, ids + this.capacity * 4, this.capacity),
    ];
  }
}

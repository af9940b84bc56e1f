import { FAULT_MISS } from '../../assembly/layout/fault-map.js';
import type { GuestAddress, HostAddress } from '../quantities.js';
import type { Core } from './core.js';

/** What lookup-threads.wasm exports beyond the names it has in common with core.wasm. */
interface SharedExports {
  sharedLookup(pc: bigint, answer: number, slot: number): number;
  sharedBatch(pcs: number, count: number, ids: number, details: number, slot: number): number;
}

/** The reading side of a fault index on shared memory, in an instance of its own. */
export class SharedLookup {
  readonly #exports: SharedExports;
  readonly #slot: number;

  constructor(core: Core, base: GuestAddress, slot: number) {
    core.exports.faultMapSetBase(base);
    this.#exports = core.exports as unknown as SharedExports;
    this.#slot = slot;
  }

  /** Entry id or FAULT_MISS; the detail byte goes to `answer` + 4. */
  lookup(pc: GuestAddress, answer: HostAddress): number {
    const id = this.#exports.sharedLookup(pc, answer, this.#slot);
    return id < 0 ? FAULT_MISS : id;
  }

  /** Answers how often the tree had to be asked because the map was changing, in groups of 64 addresses. */
  batch(pcs: HostAddress, count: number, ids: HostAddress, details: HostAddress): number {
    return this.#exports.sharedBatch(pcs, count, ids, details, this.#slot);
  }
}

import { Core } from '../core/core.js';
import { SharedLookup } from '../core/shared-lookup.js';
import type { GuestAddress, HostAddress } from '../quantities.js';
import type { FaultResults } from './fault-batch.js';

/** What a thread needs to read a fault index; a structured clone of it goes to a worker. */
export interface FaultReaderPass {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly base: GuestAddress;
  readonly slot: number;
  /** Room for `capacity` addresses and answers. */
  readonly room: HostAddress;
  readonly capacity: number;
}

/** Bytes of the room for `capacity` addresses: pcs, ids, details, then the answer of a single lookup. */
export const roomSize = (capacity: number): number => capacity * 13 + 16;

/**
 * Looks up faults in an index that another thread changes meanwhile. An answer is always that of the index as it was
 * at some moment during the call.
 *
 * @example
 * // in a worker, with the pass that index.reader() gave
 * const reader = await FaultReader.open(pass);
 * const id = reader.lookup(pc);
 */
export class FaultReader {
  readonly #lookup: SharedLookup;
  readonly #answer: HostAddress;
  readonly #detail: Uint8Array;
  /** The reader's own arrays, in the memory of the index: a lookup of them copies nothing. */
  readonly own: FaultResults & { readonly pcs: BigUint64Array };
  #treeGroups = 0;

  static async open(pass: FaultReaderPass): Promise<FaultReader> {
    return new FaultReader(await Core.loadShared(pass.module, pass.memory), pass);
  }

  private constructor(core: Core, { base, slot, room, capacity }: FaultReaderPass) {
    const { buffer } = core.memory;
    const ids = room + capacity * 8;
    const details = ids + capacity * 4;
    this.own = {
      pcs: new BigUint64Array(buffer, room, capacity),
      ids: new Uint32Array(buffer, ids, capacity),
      details: new Uint8Array(buffer, details, capacity),
    };
    this.#answer = (details + capacity + 3) & ~3;
    this.#detail = new Uint8Array(buffer, this.#answer + 4, 1);
    this.#lookup = new SharedLookup(core, base, slot);
  }

  /** Groups of 64 addresses that the latch tree answered for, because the map was changing. */
  get treeGroups(): number {
    return this.#treeGroups;
  }

  /** Id of the exception entry of the instruction that starts at `pc`, or FAULT_MISS. */
  lookup(pc: GuestAddress): number {
    return this.#lookup.lookup(pc, this.#answer);
  }

  /** Register and length of the last single lookup, as in {@link FaultResults.details}. */
  get detail(): number {
    return this.#detail[0];
  }

  /** Looks up every address of `pcs`; `out` has room for as many answers. */
  lookupBatch(pcs: BigUint64Array, out: FaultResults): void {
    const { own } = this;
    if (pcs.buffer === own.pcs.buffer && out === own) {
      this.#run(pcs.length);
      return;
    }
    const slice = own.pcs.length;
    for (let at = 0; at < pcs.length; at += slice) {
      const n = Math.min(slice, pcs.length - at);
      own.pcs.set(pcs.subarray(at, at + n));
      this.#run(n);
      out.ids.set(own.ids.subarray(0, n), at);
      out.details.set(own.details.subarray(0, n), at);
    }
  }

  #run(count: number): void {
    const { pcs, ids, details } = this.own;
    this.#treeGroups += this.#lookup.batch(pcs.byteOffset, count, ids.byteOffset, details.byteOffset);
  }
}

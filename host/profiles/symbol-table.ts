import type { GuestAddress } from '../quantities.js';
import type { SymbolTable } from './profile.js';

/** A symbol and how far into it an address lies. */
export interface SymbolPlace {
  readonly name: string;
  /** Bytes. */
  readonly offset: bigint;
}

/**
 * Kernel symbols, by name and by address.
 *
 * @example
 * new KernelSymbols([[0xffffffff81000000n, '_text']]).containing(0xffffffff81000010n); // _text + 16
 */
export class KernelSymbols implements SymbolTable {
  readonly #byName = new Map<string, GuestAddress>();
  readonly #addresses: GuestAddress[] = [];
  readonly #names: string[] = [];

  /** Of several names at one address the first one given is the address's name. */
  constructor(symbols: Iterable<readonly [GuestAddress, string]>) {
    const sorted = [...symbols].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    for (const [address, name] of sorted) {
      if (!this.#byName.has(name)) this.#byName.set(name, address);
      if (this.#addresses.at(-1) === address) continue;
      this.#addresses.push(address);
      this.#names.push(name);
    }
  }

  address(name: string): GuestAddress | undefined {
    return this.#byName.get(name);
  }

  name(address: GuestAddress): string | undefined {
    const place = this.containing(address);
    return place?.offset === 0n ? place.name : undefined;
  }

  /** The last symbol at or below `address`; undefined below the first one. */
  containing(address: GuestAddress): SymbolPlace | undefined {
    let low = 0;
    let high = this.#addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#addresses[middle] <= address) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    return { name: this.#names[low - 1], offset: address - this.#addresses[low - 1] };
  }

  /** All symbols, by rising address. */
  *[Symbol.iterator](): Generator<readonly [GuestAddress, string]> {
    for (const [i, address] of this.#addresses.entries()) yield [address, this.#names[i]];
  }
}

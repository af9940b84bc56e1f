import type { MapSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';
import { BpfMap, type MapCell, type MapEnvironment } from './bpf-map.js';
import { Errno } from './errno.js';

const PAGE = 4096;
const PAGE_BITS = 12n;
/** Unmapped on both sides: as far as the offset of an instruction reaches. */
const GUARD = 0x8000;
const RIGHTS_RW = 3;
const LOW_32 = 0xffffffffn;
/** Where user space maps an arena that does not say where it wants to be. */
const DEFAULT_USER_BASE = 0x7fff_e000_0000n;

/**
 * Arena: max_entries pages that are mapped when the program allocates them. A program's pointer is the low half of
 * the user address; the kernel reaches it at `arena.kernel` plus that half.
 */
export class ArenaMap extends BpfMap {
  readonly arena: { readonly kernel: GuestAddress; readonly user: GuestAddress };
  /** Kernel address of page 0. */
  readonly #base: GuestAddress;
  readonly #used: boolean[];

  constructor(env: MapEnvironment, spec: MapSpec) {
    super(env, spec, (map) => map.allocate(env.layout.mapSize + 256, 64));
    const user = spec.extra === 0n ? DEFAULT_USER_BASE : spec.extra;
    const size = spec.maxEntries * PAGE + 2 * GUARD;
    const start = this.allocate(size, PAGE, 'arena');
    env.memory.unmap(start, size);
    this.#base = start + BigInt(GUARD);
    this.#used = new Array<boolean>(spec.maxEntries).fill(false);
    this.arena = { user, kernel: BigInt.asUintN(64, this.#base - (user & LOW_32)) };
  }

  /**
   * Maps `count` fresh zeroed pages, at the user address `at` if that is not 0; answers the user address of the first
   * one, 0 when there is no such run of free pages.
   */
  allocPages(at: GuestAddress, count: number): GuestAddress {
    if (count === 0 || count > this.#used.length) return 0n;
    let first = 0;
    if (at !== 0n) {
      if ((at & (BigInt(PAGE) - 1n)) !== 0n) return 0n;
      const page = this.#pageOf(at);
      if (page < 0 || page > this.#used.length - count || !this.#isFree(page, count)) return 0n;
      first = page;
    } else {
      while (first + count <= this.#used.length && !this.#isFree(first, count)) first++;
      if (first + count > this.#used.length) return 0n;
    }
    this.#map(first, count);
    return this.arena.user + BigInt(first * PAGE);
  }

  /** Unmaps pages; what is not mapped is passed over. */
  freePages(at: GuestAddress, count: number): void {
    const first = this.#pageOf(at & ~(BigInt(PAGE) - 1n));
    if (first < 0 || first >= this.#used.length) return;
    for (let page = first; page < Math.min(first + count, this.#used.length); page++) {
      if (!this.#used[page]) continue;
      this.#used[page] = false;
      this.env.memory.unmap(this.#base + BigInt(page * PAGE), PAGE);
    }
  }

  /** Kernel address of what a program calls `pointer` (any half of it). */
  kernelAddress(pointer: GuestAddress): GuestAddress {
    return BigInt.asUintN(64, this.arena.kernel + (pointer & LOW_32));
  }

  /** Puts initial contents (the .addr_space.1 section) at the start of the arena, mapping its pages. */
  fill(bytes: Uint8Array): void {
    const count = Math.ceil(bytes.length / PAGE);
    if (count > this.#used.length)
      throw this.error(
        Errno.E2BIG,
        `initial contents: expected at most ${this.#used.length * PAGE} bytes, found ${bytes.length}`,
      );
    this.#map(0, count);
    this.env.memory.write(this.#base, bytes);
  }

  find(_key: Uint8Array): GuestAddress {
    return 0n;
  }
  store(_key: Uint8Array, _value: Uint8Array, _flags: bigint): number {
    return -Errno.EOPNOTSUPP;
  }
  remove(_key: Uint8Array): number {
    return -Errno.EOPNOTSUPP;
  }
  cells(): Iterable<MapCell> {
    return [];
  }

  override snapshot(): () => void {
    const used = [...this.#used];
    const bytes = used.map((mapped, page) =>
      mapped ? this.env.memory.read(this.#base + BigInt(page * PAGE), PAGE) : null,
    );
    return () => {
      for (let page = 0; page < used.length; page++) {
        if (this.#used[page] && !used[page]) this.freePages(this.arena.user + BigInt(page * PAGE), 1);
        if (!this.#used[page] && used[page]) this.#map(page, 1);
        const saved = bytes[page];
        if (saved) this.env.memory.write(this.#base + BigInt(page * PAGE), saved);
      }
    };
  }

  #pageOf(user: GuestAddress): number {
    const offset = BigInt.asIntN(32, (user & LOW_32) - (this.arena.user & LOW_32));
    return Number(offset >> PAGE_BITS);
  }

  #isFree(first: number, count: number): boolean {
    for (let page = first; page < first + count; page++) if (this.#used[page]) return false;
    return true;
  }

  #map(first: number, count: number): void {
    const address = this.#base + BigInt(first * PAGE);
    this.env.memory.map(address, count * PAGE, RIGHTS_RW);
    this.env.memory.write(address, new Uint8Array(count * PAGE));
    this.#used.fill(true, first, first + count);
  }
}

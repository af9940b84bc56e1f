import type { BpfMap } from '../maps/bpf-map.js';
import { type GuestMemory, PAGE_SIZE, type RegionName } from '../mm/guest-memory.js';
import type { GuestAddress } from '../quantities.js';

const REGIONS: readonly RegionName[] = ['user', 'direct', 'vmalloc', 'arena'];

/**
 * Everything a run can change: mapped pages of user, direct map and vmalloc space, and what maps keep on the host.
 * `restore` brings it back, as often as wanted.
 */
export class Snapshot {
  readonly #ranges: (readonly [GuestAddress, Uint8Array])[] = [];
  readonly #maps: (() => void)[];

  constructor(
    private readonly memory: GuestMemory,
    maps: Iterable<BpfMap>,
  ) {
    this.#maps = [...maps].map((map) => map.snapshot());
    for (const name of REGIONS)
      for (const { start, size } of rangesOf(memory.usedPages(name)))
        this.#ranges.push([start, memory.read(start, size)]);
  }

  restore(): void {
    for (const restore of this.#maps) restore();
    for (const [start, bytes] of this.#ranges) {
      if (this.memory.isMapped(start, bytes.length)) this.memory.write(start, bytes);
      else this.#restorePages(start, bytes);
    }
  }

  /** Part of the range is gone (arena pages that were freed). */
  #restorePages(start: GuestAddress, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PAGE_SIZE) {
      const page = start + BigInt(at);
      if (this.memory.rights(page) !== 0) this.memory.write(page, bytes.subarray(at, at + PAGE_SIZE));
    }
  }
}

function* rangesOf(pages: Iterable<GuestAddress>): Generator<{ start: GuestAddress; size: number }> {
  let start = 0n;
  let size = 0;
  for (const page of pages) {
    if (size > 0 && page === start + BigInt(size)) size += PAGE_SIZE;
    else {
      if (size > 0) yield { start, size };
      start = page;
      size = PAGE_SIZE;
    }
  }
  if (size > 0) yield { start, size };
}

import type { BpfMap } from '../maps/bpf-map.js';
import { type GuestMemory, PAGE_SIZE, type RegionName } from '../mm/guest-memory.js';
import type { GuestAddress } from '../quantities.js';

const REGIONS: readonly RegionName[] = ['user', 'direct', 'vmalloc'];

/**
 * Everything a run can change: mapped pages of user, direct map and vmalloc space, and what maps keep on the host.
 * `restore` brings it back, as often as wanted.
 */
export class Snapshot {
  readonly #pages: (readonly [GuestAddress, Uint8Array])[] = [];
  readonly #maps: (() => void)[];

  constructor(
    private readonly memory: GuestMemory,
    maps: Iterable<BpfMap>,
  ) {
    this.#maps = [...maps].map((map) => map.snapshot());
    for (const name of REGIONS) {
      for (const page of memory.usedPages(name)) this.#pages.push([page, memory.read(page, PAGE_SIZE)]);
    }
  }

  restore(): void {
    for (const restore of this.#maps) restore();
    for (const [page, bytes] of this.#pages)
      if (this.memory.rights(page) !== 0) this.memory.write(page, bytes);
  }
}

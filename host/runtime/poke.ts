import { directTailCallPatches } from '../jit/direct-tail-call.js';
import type { DirectSite, JitImage } from '../jit/jit-image.js';
import type { BpfMap } from '../maps/bpf-map.js';
import type { PointerArrayMap } from '../maps/pointer-array-map.js';
import type { GuestMemory } from '../mm/guest-memory.js';
import type { JitKnobs } from '../profiles/profile.js';
import type { GuestAddress } from '../quantities.js';

/** One directly patched tail call of an image that is in place. */
export interface PokeSite {
  readonly image: JitImage;
  readonly site: DirectSite;
  readonly map: PointerArrayMap;
  readonly key: number;
}

/** Direct tail calls: they jump straight to the program in a slot of a prog array, and follow its changes. */
export class PokeTable {
  readonly #sites = new Set<PokeSite>();

  constructor(
    private readonly memory: GuestMemory,
    private readonly knobs: JitKnobs,
    /** Address of the main function of the struct bpf_prog at an address; null when there is none. */
    private readonly entryOf: (program: GuestAddress) => GuestAddress | null,
  ) {}

  add(site: PokeSite): void {
    this.#sites.add(site);
    this.#patch(site);
  }

  remove(image: JitImage): void {
    for (const site of this.#sites) if (site.image === image) this.#sites.delete(site);
  }

  /** Follows a change of a slot. */
  update(map: BpfMap, key: number): void {
    for (const site of this.#sites) if (site.map === map && site.key === key) this.#patch(site);
  }

  #patch({ image, site, map, key }: PokeSite): void {
    const destination = this.entryOf(map.objectAt(key));
    for (const { address, bytes } of directTailCallPatches(image, site, destination, this.knobs))
      this.memory.write(address, bytes);
  }
}

import { ArenaMap } from '../maps/arena-map.js';
import type { BpfMap, MapEnvironment } from '../maps/bpf-map.js';
import { createMap } from '../maps/create-map.js';
import type { MapSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';

/** The maps of a kernel. */
export class MapTable {
  readonly #environment: MapEnvironment;
  readonly #maps = new Map<GuestAddress, BpfMap>();
  /** Of each map of maps that made its inner map itself. */
  readonly #templates = new Map<BpfMap, BpfMap>();
  #ids = 0;

  constructor(around: Omit<MapEnvironment, 'nextId' | 'mapAt'>) {
    this.#environment = {
      ...around,
      nextId: () => ++this.#ids,
      mapAt: (address) => this.#maps.get(address),
    };
  }

  /** @throws MapError. */
  create(spec: MapSpec, inner?: BpfMap): BpfMap {
    const template = inner || !spec.inner ? undefined : this.create(spec.inner);
    const map = createMap(this.#environment, spec, inner ?? template);
    this.#maps.set(map.address, map);
    if (template) this.#templates.set(map, template);
    if (map instanceof ArenaMap && spec.initial) map.fill(spec.initial);
    return map;
  }

  close(map: BpfMap): void {
    const template = this.#templates.get(map);
    if (template) this.close(template);
    this.#templates.delete(map);
    this.#maps.delete(map.address);
    map.close();
  }

  /** The open map whose struct bpf_map lies at an address. */
  at(address: GuestAddress): BpfMap | undefined {
    return this.#maps.get(address);
  }

  all(): Iterable<BpfMap> {
    return this.#maps.values();
  }
}

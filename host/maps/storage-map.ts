import type { MapSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';
import { BpfMap, type MapCell, type MapEnvironment, type MapKey, littleEndian, roundUp8 } from './bpf-map.js';
import { Errno } from './errno.js';

/** Local storage of tasks, sockets, inodes and cgroups: one value for each kernel object, by the object's address. */
export class StorageMap extends BpfMap {
  readonly #owners = new Map<GuestAddress, GuestAddress>();
  #free: GuestAddress[] = [];

  constructor(env: MapEnvironment, spec: MapSpec) {
    super(env, spec, (map) => map.allocate(env.layout.mapSize, 64));
  }

  /** Value of an object, 0 = none. */
  of(owner: GuestAddress): GuestAddress {
    return this.#owners.get(owner) ?? 0n;
  }

  /** Value of an object, made from `initial` (zero when absent) if there is none. */
  make(owner: GuestAddress, initial?: Uint8Array): GuestAddress {
    const known = this.#owners.get(owner);
    if (known !== undefined) return known;
    const place = this.#free.pop() ?? this.allocate(roundUp8(this.spec.valueSize), 8);
    this.env.memory.write(place, initial ?? new Uint8Array(this.spec.valueSize));
    this.#owners.set(owner, place);
    return place;
  }

  /** Whether there was a value to drop. */
  drop(owner: GuestAddress): boolean {
    const place = this.#owners.get(owner);
    if (place === undefined) return false;
    this.#owners.delete(owner);
    this.#free.push(place);
    return true;
  }

  /** The host names the owner by its address or by the object itself. */
  protected override keyBytes(key: MapKey | { readonly address: GuestAddress }): Uint8Array {
    if (typeof key === 'object' && 'address' in key) return littleEndian(key.address, 8);
    return key instanceof Uint8Array ? key : littleEndian(BigInt(key), 8);
  }

  find(key: Uint8Array): GuestAddress {
    return this.of(owner(key));
  }

  store(key: Uint8Array, value: Uint8Array, _flags: bigint): number {
    this.env.memory.write(this.make(owner(key)), value);
    return 0;
  }

  remove(key: Uint8Array): number {
    return this.drop(owner(key)) ? 0 : -Errno.ENOENT;
  }

  *cells(): Iterable<MapCell> {
    for (const [address, value] of [...this.#owners]) {
      yield { key: littleEndian(address, 8), keyAddress: 0n, value };
    }
  }

  override snapshot(): () => void {
    const owners = [...this.#owners];
    const free = [...this.#free];
    return () => {
      const kept = new Set([...owners.map(([, place]) => place), ...free]);
      const newer = [...this.#owners.values(), ...this.#free].filter((place) => !kept.has(place));
      this.#owners.clear();
      for (const [address, place] of owners) this.#owners.set(address, place);
      this.#free = [...newer, ...free];
    };
  }
}

function owner(key: Uint8Array): GuestAddress {
  return new DataView(key.buffer, key.byteOffset).getBigUint64(0, true);
}

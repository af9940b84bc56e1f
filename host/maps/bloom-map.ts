import type { MapSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';
import { BpfMap, type MapCell, type MapEnvironment } from './bpf-map.js';
import { Errno } from './errno.js';

const DEFAULT_HASHES = 5;

/** Bloom filter: values can be added and asked for; an answer of "there" may be wrong, "not there" never is. */
export class BloomMap extends BpfMap {
  readonly #bits: GuestAddress;
  readonly #mask: number;
  readonly #hashes: number;

  constructor(env: MapEnvironment, spec: MapSpec) {
    super(env, spec, (map) => map.allocate(env.layout.mapSize, 64));
    this.#hashes = Number(spec.extra & 0xfn) || DEFAULT_HASHES;
    // About k * n / ln 2 bits keep false answers rare; a power of two so that a mask selects one.
    const bits = Math.min(2 ** 31, Math.max(64, (this.#hashes * spec.maxEntries * 7) / 5));
    this.#mask = 2 ** Math.ceil(Math.log2(bits)) - 1;
    this.#bits = this.allocate((this.#mask + 1) / 8, 8);
  }

  find(_key: Uint8Array): GuestAddress {
    return 0n;
  }
  store(_key: Uint8Array, _value: Uint8Array, _flags: bigint): number {
    return -Errno.EINVAL;
  }
  remove(_key: Uint8Array): number {
    return -Errno.EOPNOTSUPP;
  }

  override push(value: Uint8Array, flags: bigint): number {
    if (flags !== 0n) return -Errno.EINVAL;
    for (const bit of this.#places(value)) {
      const at = this.#bits + BigInt(bit >>> 3);
      const byte = this.env.memory.readUint(at, 1);
      this.env.memory.writeUint(at, 1, byte | BigInt(1 << (bit & 7)));
    }
    return 0;
  }

  /** The given value when it is probably there. */
  override peek(value: Uint8Array): Uint8Array | number {
    for (const bit of this.#places(value)) {
      const byte = this.env.memory.readUint(this.#bits + BigInt(bit >>> 3), 1);
      if ((byte & BigInt(1 << (bit & 7))) === 0n) return -Errno.ENOENT;
    }
    return value;
  }

  /** Whether the value is probably there. */
  has(value: Uint8Array): boolean {
    return typeof this.peek(value) !== 'number';
  }

  protected override keyBytes(): Uint8Array {
    return new Uint8Array(0);
  }

  protected override storeFromHost(_key: Uint8Array, value: Uint8Array, flags: bigint): number {
    return this.push(value, flags);
  }

  cells(): Iterable<MapCell> {
    return [];
  }

  *#places(value: Uint8Array): Iterable<number> {
    for (let seed = 0; seed < this.#hashes; seed++) {
      // FNV-1a with a seed.
      let hash = 0x811c9dc5 ^ Math.imul(seed + 1, 0x9e3779b1);
      for (const byte of value) hash = Math.imul(hash ^ byte, 0x01000193);
      hash ^= hash >>> 15;
      yield hash & this.#mask;
    }
  }
}

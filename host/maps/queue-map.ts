import type { MapSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';
import { BpfMap, type MapCell, type MapEnvironment, flagsErrno } from './bpf-map.js';
import { Errno } from './errno.js';
import { BPF_EXIST, BPF_NOEXIST, MapType } from '../program/map-types.js';

/** Queue (first in, first out) and stack (last in, first out): a ring of values without keys. */
export class QueueMap extends BpfMap {
  #head = 0;
  #count = 0;
  readonly #values: GuestAddress;

  constructor(env: MapEnvironment, spec: MapSpec) {
    super(env, spec, (map) => map.allocate(env.layout.mapSize, 64));
    this.#values = this.allocate(spec.valueSize * spec.maxEntries, 8);
  }

  get size(): number {
    return this.#count;
  }

  find(_key: Uint8Array): GuestAddress {
    return 0n;
  }

  store(_key: Uint8Array, _value: Uint8Array, _flags: bigint): number {
    return -Errno.EINVAL;
  }

  remove(_key: Uint8Array): number {
    return -Errno.EINVAL;
  }

  override push(value: Uint8Array, flags: bigint): number {
    if (flagsErrno(flags) !== 0 || flags === BPF_NOEXIST) return -Errno.EINVAL;
    if (this.#count === this.spec.maxEntries) {
      if (flags !== BPF_EXIST) return -Errno.E2BIG;
      this.#head = this.#wrap(this.#head + 1);
      this.#count--;
    }
    this.env.memory.write(this.#at(this.#head + this.#count), value);
    this.#count++;
    return 0;
  }

  override pop(): Uint8Array | number {
    const value = this.peek();
    if (typeof value === 'number') return value;
    if (this.spec.type === MapType.QUEUE) this.#head = this.#wrap(this.#head + 1);
    this.#count--;
    return value;
  }

  override peek(): Uint8Array | number {
    if (this.#count === 0) return -Errno.ENOENT;
    const at = this.spec.type === MapType.QUEUE ? this.#head : this.#head + this.#count - 1;
    return this.env.memory.read(this.#at(at), this.spec.valueSize);
  }

  /** The host's update without a key is a push, its lookup a peek: the system calls do the same. */
  override lookup(): Uint8Array | undefined {
    const value = this.peek();
    return typeof value === 'number' ? undefined : value;
  }

  protected override keyBytes(): Uint8Array {
    return new Uint8Array(0);
  }

  protected override storeFromHost(_key: Uint8Array, value: Uint8Array, flags: bigint): number {
    return this.push(value, flags);
  }

  *cells(): Iterable<MapCell> {
    for (let at = 0; at < this.#count; at++) {
      yield { key: new Uint8Array(0), keyAddress: 0n, value: this.#at(this.#head + at) };
    }
  }

  override snapshot(): () => void {
    const head = this.#head;
    const count = this.#count;
    return () => {
      this.#head = head;
      this.#count = count;
    };
  }

  #wrap(at: number): number {
    return at % this.spec.maxEntries;
  }

  #at(at: number): GuestAddress {
    return this.#values + BigInt(this.#wrap(at) * this.spec.valueSize);
  }
}

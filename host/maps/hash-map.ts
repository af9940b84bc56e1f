import type { MapSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';
import {
  BpfMap,
  type MapCell,
  type MapEnvironment,
  type MapValue,
  flagsErrno,
  littleEndian,
  presenceErrno,
  roundUp8,
} from './bpf-map.js';
import { Errno } from './errno.js';
import { innerErrno } from './inner-map.js';
import { MapType } from '../program/map-types.js';
import { perCpuPointer } from './percpu.js';

const SLAB_BYTES = 16 * 1024;
/** Offset of the value from the key of an element: keys are padded to 8 bytes. */
const keySpace = roundUp8;

/** Bytes as a key of a JavaScript map. */
export function keyText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/**
 * Hash, LRU hash, their per-CPU forms and hash of maps. Elements are struct htab_elem in guest memory, key and value
 * inside; which element holds a key is known to the host alone. An element keeps its address while its key lives.
 */
export class HashMap extends BpfMap {
  readonly #index = new Map<string, GuestAddress>();
  #free: GuestAddress[] = [];
  #made = 0;
  readonly #perCpu: boolean;
  readonly #lru: boolean;
  readonly #inner: BpfMap | undefined;
  readonly #valueSpace: number;
  readonly #valueOffset: number;

  constructor(
    env: MapEnvironment,
    spec: MapSpec,
    inner?: BpfMap,
    /** Elements that fit. */
    private readonly capacity = spec.maxEntries,
  ) {
    super(env, spec, (map) => map.allocate(env.layout.htabSize, 64));
    this.#perCpu = spec.type === MapType.PERCPU_HASH || spec.type === MapType.LRU_PERCPU_HASH;
    this.#lru = spec.type === MapType.LRU_HASH || spec.type === MapType.LRU_PERCPU_HASH;
    this.#inner = inner;
    const holdsPointer = this.#perCpu || spec.type === MapType.HASH_OF_MAPS;
    this.#valueSpace = holdsPointer ? 8 : roundUp8(spec.valueSize);
    this.#valueOffset = env.layout.elemKey + keySpace(spec.keySize);
  }

  get inner(): BpfMap | undefined {
    return this.#inner;
  }

  get size(): number {
    return this.#index.size;
  }

  /** Address of the struct htab_elem that holds the key, 0 = none: what inlined lookups call. */
  element(key: Uint8Array): GuestAddress {
    return this.#index.get(keyText(key)) ?? 0n;
  }

  find(key: Uint8Array): GuestAddress {
    const element = this.element(key);
    if (element === 0n) return 0n;
    if (this.#lru) this.env.memory.writeUint(element + BigInt(this.env.layout.elemRef), 1, 1n);
    return this.#valueOf(element);
  }

  /** A lookup by the host does not count as a use of the element. */
  protected override findFromHost(key: Uint8Array): GuestAddress {
    const element = this.element(key);
    return element === 0n ? 0n : this.#valueOf(element);
  }

  store(key: Uint8Array, value: Uint8Array, flags: bigint): number {
    if (this.#inner) return -Errno.EOPNOTSUPP;
    return this.#put(key, value, flags);
  }

  protected override storeFromHost(key: Uint8Array, value: Uint8Array, flags: bigint): number {
    if (!this.#inner) return this.#put(key, value, flags);
    const address = new DataView(value.buffer, value.byteOffset).getBigUint64(0, true);
    const mismatch = innerErrno(this.#inner, this.env.mapAt(address));
    return mismatch !== 0 ? -mismatch : this.#put(key, value, flags);
  }

  remove(key: Uint8Array): number {
    const text = keyText(key);
    const element = this.#index.get(text);
    if (element === undefined) return -Errno.ENOENT;
    this.#index.delete(text);
    this.#free.push(element);
    return 0;
  }

  *cells(): Iterable<MapCell> {
    for (const element of [...this.#index.values()]) {
      const keyAddress = element + BigInt(this.env.layout.elemKey);
      const key = this.env.memory.read(keyAddress, this.spec.keySize);
      yield { key, keyAddress, value: this.#valueOf(element) };
    }
  }

  override get hostValueSize(): number {
    return this.#inner ? 8 : this.#perCpu ? roundUp8(this.spec.valueSize) : this.spec.valueSize;
  }

  protected override valueBytes(cell: GuestAddress): Uint8Array {
    return this.#inner ? littleEndian(cell, 8) : this.env.memory.read(cell, this.hostValueSize);
  }

  protected override hostValue(value: MapValue): Uint8Array {
    if (typeof value === 'object' && 'address' in value) return littleEndian(value.address, 8);
    return super.hostValue(value);
  }

  override snapshot(): () => void {
    const index = [...this.#index];
    const free = [...this.#free];
    const made = this.#made;
    return () => {
      // Elements made since then stay allocated and become free ones.
      const kept = new Set([...index.map(([, element]) => element), ...free]);
      const newer = [...this.#index.values(), ...this.#free].filter((element) => !kept.has(element));
      this.#index.clear();
      for (const [text, element] of index) this.#index.set(text, element);
      this.#free = [...newer, ...free];
      this.#made = made + newer.length;
    };
  }

  #put(key: Uint8Array, value: Uint8Array, flags: bigint): number {
    const text = keyText(key);
    const known = this.#index.get(text);
    const errno = flagsErrno(flags) || presenceErrno(flags, known !== undefined);
    if (errno !== 0) return -errno;
    if (known !== undefined) {
      this.#writeValue(known, value);
      if (this.#lru) this.env.memory.writeUint(known + BigInt(this.env.layout.elemRef), 1, 1n);
      return 0;
    }
    if (this.#index.size >= this.capacity) {
      if (!this.#lru) return -Errno.E2BIG;
      this.#evict();
    }
    const element = this.#free.pop() ?? this.#grow();
    const { memory, layout } = this.env;
    memory.write(element + BigInt(layout.elemKey), key);
    if (this.#lru) memory.writeUint(element + BigInt(layout.elemRef), 1, 0n);
    this.#writeValue(element, value);
    this.#index.set(text, element);
    return 0;
  }

  #valueOf(element: GuestAddress): GuestAddress {
    const place = element + BigInt(this.#valueOffset);
    if (this.#perCpu) return BigInt.asUintN(64, this.env.memory.readUint(place, 8) + this.env.perCpuOffset);
    return this.#inner ? this.env.memory.readUint(place, 8) : place;
  }

  #writeValue(element: GuestAddress, value: Uint8Array): void {
    const place = element + BigInt(this.#valueOffset);
    if (this.#perCpu) {
      this.env.memory.writeUint(place, 8, perCpuPointer(this.env, place + 8n));
      this.env.memory.write(place + 8n, value);
    } else {
      this.env.memory.write(place, value);
    }
  }

  /** Second chance: the oldest element that was not used since it was last passed over goes. */
  #evict(): void {
    const { memory, layout } = this.env;
    for (const [text, element] of this.#index) {
      const ref = element + BigInt(layout.elemRef);
      this.#index.delete(text);
      if (memory.readUint(ref, 1) === 0n) {
        this.#free.push(element);
        return;
      }
      memory.writeUint(ref, 1, 0n);
      this.#index.set(text, element);
    }
  }

  /** Elements come in slabs, never more than fit in all. */
  #grow(): GuestAddress {
    // A per-CPU element has its value behind the pointer to it.
    const perCpuSize = this.#perCpu ? roundUp8(this.spec.valueSize) : 0;
    const elementSize = this.#valueOffset + this.#valueSpace + perCpuSize;
    const fit = Math.max(1, Math.floor(SLAB_BYTES / elementSize));
    const count = Math.min(fit, this.capacity - this.#made);
    const slab = this.allocate(count * elementSize, 16);
    this.#made += count;
    for (let at = count - 1; at >= 0; at--) this.#free.push(slab + BigInt(at * elementSize));
    return this.#free.pop()!;
  }
}

import type { GuestMemory } from '../mm/guest-memory.js';
import type { MapSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';
import type { LoadedMap } from '../verifier/kernel-view.js';
import { Errno, mapError } from './errno.js';
import type { MapLayout } from './map-layout.js';
import { BPF_EXIST, BPF_F_LOCK, BPF_F_RDONLY_PROG, BPF_NOEXIST } from '../program/map-types.js';

/** What maps need of the kernel they live in. */
export interface MapEnvironment {
  readonly memory: GuestMemory;
  readonly layout: MapLayout;
  /** this_cpu_off of CPU 0: a per-CPU pointer plus this is the address on that CPU. */
  readonly perCpuOffset: bigint;
  /** The newest map type that the kernel knows; all when absent. */
  readonly lastType?: number | undefined;
  /** Number of the next map, as bpf_map_info.id. */
  nextId(): number;
  /** The open map whose struct bpf_map lies at this address. */
  mapAt(address: GuestAddress): BpfMap | undefined;
  /** A slot of a map that holds objects was set or cleared: direct tail calls follow it. */
  slotChanged?(map: BpfMap, index: number): void;
}

/** A key from the host: bytes, or a number written little-endian in the map's key size. */
export type MapKey = Uint8Array | number | bigint;
/** A value from the host: bytes, a number, or an object that has an address (an inner map, a program). */
export type MapValue = Uint8Array | number | bigint | { readonly address: GuestAddress };

/** One entry as programs reach it. `keyAddress` is 0 when the key is stored nowhere (arrays). */
export interface MapCell {
  readonly key: Uint8Array;
  readonly keyAddress: GuestAddress;
  readonly value: GuestAddress;
}

const DIRECT_LIMIT = 32 * 1024;

export const roundUp8 = (size: number): number => (size + 7) & ~7;

/**
 * A map in guest memory. Programs reach it by address through `find`, `store` and `remove`, which answer like the
 * kernel (an address or 0, 0 or -errno); the host through `lookup`, `update`, `delete` and `entries`, which throw.
 */
export abstract class BpfMap implements LoadedMap {
  readonly id: number;
  readonly address: GuestAddress;
  valueAddress: GuestAddress = 0n;
  #frozen = false;
  #closed = false;
  readonly #allocations: GuestAddress[] = [];

  /** `place` allocates the object; the base class fills in the fields of struct bpf_map. */
  constructor(
    protected readonly env: MapEnvironment,
    readonly spec: MapSpec,
    place: (map: BpfMap) => GuestAddress,
  ) {
    this.id = env.nextId();
    this.address = place(this);
    const { memory, layout } = env;
    const put = (offset: number, size: 1 | 2 | 4 | 8, value: number | bigint): void =>
      memory.writeUint(this.address + BigInt(offset), size, BigInt(value));
    put(layout.mapType, 4, spec.type);
    put(layout.keySize, 4, spec.keySize);
    put(layout.valueSize, 4, spec.valueSize);
    put(layout.maxEntries, 4, spec.maxEntries);
    put(layout.mapExtra, 8, spec.extra);
    put(layout.mapFlags, 4, spec.flags >>> 0);
    put(layout.id, 4, this.id);
    memory.write(this.address + BigInt(layout.name), new TextEncoder().encode(spec.name.slice(0, 15)));
  }

  /** Memory that lives as long as the map; small objects in the direct map, large ones in vmalloc space. */
  allocate(size: number, align = 8, region?: 'direct' | 'vmalloc' | 'arena'): GuestAddress {
    const where = region ?? (size <= DIRECT_LIMIT ? 'direct' : 'vmalloc');
    const address = this.env.memory.alloc(where, size, align);
    this.#allocations.push(address);
    return address;
  }

  /** Address of the value for a program, 0 = none. */
  abstract find(key: Uint8Array): GuestAddress;
  /** Update from a program: 0 or -errno. */
  abstract store(key: Uint8Array, value: Uint8Array, flags: bigint): number;
  /** Delete from a program: 0 or -errno. */
  abstract remove(key: Uint8Array): number;
  /** Entries in the order a program's iteration meets them. */
  abstract cells(): Iterable<MapCell>;

  /** Queue, stack and bloom filter operations; -EOPNOTSUPP for other types. */
  push(_value: Uint8Array, _flags: bigint): number {
    return -Errno.EOPNOTSUPP;
  }
  pop(): Uint8Array | number {
    return -Errno.EOPNOTSUPP;
  }
  peek(_value?: Uint8Array): Uint8Array | number {
    return -Errno.EOPNOTSUPP;
  }

  /** What `lookup` hands to the host for a cell. */
  protected valueBytes(cell: GuestAddress): Uint8Array {
    return this.env.memory.read(cell, this.spec.valueSize);
  }

  /** Number of bytes of a value in `lookup` and `update`. */
  get hostValueSize(): number {
    return this.spec.valueSize;
  }

  /** A copy of the value, or undefined when the key is absent. */
  lookup(key: MapKey): Uint8Array | undefined {
    this.#open();
    const cell = this.findFromHost(this.keyBytes(key));
    return cell === 0n ? undefined : this.valueBytes(cell);
  }

  /** The value as a little-endian unsigned number, or undefined when the key is absent. */
  lookupUint(key: MapKey): bigint | undefined {
    const bytes = this.lookup(key);
    return bytes?.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  /** @throws MapError with the errno of BPF_MAP_UPDATE_ELEM. */
  update(key: MapKey, value: MapValue, flags = 0n): void {
    this.#open();
    if (this.#frozen) throw this.error(Errno.EPERM, 'update of a frozen map');
    const answer = this.storeFromHost(this.keyBytes(key), this.hostValue(value), flags);
    if (answer !== 0) throw this.error(-answer, 'update');
  }

  /** @throws MapError with the errno of BPF_MAP_DELETE_ELEM. */
  delete(key: MapKey): void {
    this.#open();
    if (this.#frozen) throw this.error(Errno.EPERM, 'delete in a frozen map');
    const answer = this.remove(this.keyBytes(key));
    if (answer !== 0) throw this.error(-answer, 'delete');
  }

  /** Copies of every key and value. */
  *entries(): IterableIterator<[Uint8Array, Uint8Array]> {
    this.#open();
    for (const cell of this.cells()) yield [cell.key, this.valueBytes(cell.value)];
  }

  /** BPF_MAP_FREEZE: no more updates from the host. */
  freeze(): void {
    this.#frozen = true;
    this.env.memory.writeUint(this.address + BigInt(this.env.layout.frozen), 1, 1n);
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** Bytes a verifier may take as constants: frozen, read-only for programs. */
  get constant(): Uint8Array | undefined {
    if (!this.#frozen || (this.spec.flags & BPF_F_RDONLY_PROG) === 0 || this.valueAddress === 0n)
      return undefined;
    return this.env.memory.read(this.valueAddress, this.spec.valueSize);
  }

  /** Remembers what does not live in guest memory; the result puts it back. */
  snapshot(): () => void {
    return () => {};
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Gives the map's memory back. Programs that use it must be gone. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const address of this.#allocations) this.env.memory.free(address);
    this.#allocations.length = 0;
  }

  protected findFromHost(key: Uint8Array): GuestAddress {
    return this.find(key);
  }

  protected storeFromHost(key: Uint8Array, value: Uint8Array, flags: bigint): number {
    return this.store(key, value, flags);
  }

  protected error(errno: number, what: string): Error {
    return mapError(errno, `map "${this.spec.name}" (type ${this.spec.type}): ${what}`);
  }

  protected keyBytes(key: MapKey): Uint8Array {
    if (!(key instanceof Uint8Array)) return littleEndian(BigInt(key), this.spec.keySize);
    if (key.length === this.spec.keySize) return key;
    throw this.error(Errno.EINVAL, `key: expected ${this.spec.keySize} bytes, found ${key.length}`);
  }

  protected hostValue(value: MapValue): Uint8Array {
    const size = this.hostValueSize;
    if (value instanceof Uint8Array) {
      if (value.length === size) return value;
      throw this.error(Errno.EINVAL, `value: expected ${size} bytes, found ${value.length}`);
    }
    if (typeof value === 'object')
      throw this.error(Errno.EINVAL, 'value: expected bytes or a number, found an object');
    return littleEndian(BigInt(value), size);
  }

  #open(): void {
    if (this.#closed) throw this.error(Errno.EINVAL, 'used after close');
  }
}

/** `value` in `size` bytes, low byte first. */
export function littleEndian(value: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let rest = BigInt.asUintN(64, value);
  for (let at = 0; at < Math.min(size, 8); at++, rest >>= 8n) bytes[at] = Number(rest & 0xffn);
  return bytes;
}

/** Index in a 4-byte key. */
export function keyIndex(key: Uint8Array): number {
  return (key[0]! | (key[1]! << 8) | (key[2]! << 16) | (key[3]! << 24)) >>> 0;
}

/** Errno of update flags that no map type takes; 0 = fine. */
export function flagsErrno(flags: bigint): number {
  return (flags & ~BPF_F_LOCK) > BPF_EXIST ? Errno.EINVAL : 0;
}

/** Errno of flags against the presence of the key; 0 = go on. */
export function presenceErrno(flags: bigint, present: boolean): number {
  const mode = flags & ~BPF_F_LOCK;
  if (mode === BPF_NOEXIST && present) return Errno.EEXIST;
  if (mode === BPF_EXIST && !present) return Errno.ENOENT;
  return 0;
}

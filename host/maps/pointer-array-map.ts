import type { MapSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';
import { arrayUpdateErrno, placeArray } from './array-map.js';
import {
  BpfMap,
  type MapCell,
  type MapEnvironment,
  type MapValue,
  keyIndex,
  littleEndian,
} from './bpf-map.js';
import { Errno } from './errno.js';
import { innerErrno } from './inner-map.js';
import { MapType } from '../program/map-types.js';

/**
 * Arrays whose slots hold addresses of kernel objects: programs, inner maps, perf events, cgroups. The host stores
 * objects; programs of array-of-maps type see the object's address, of the other types nothing.
 */
export class PointerArrayMap extends BpfMap {
  readonly #inner: BpfMap | undefined;

  constructor(env: MapEnvironment, spec: MapSpec, inner?: BpfMap) {
    super(env, spec, placeArray(env, spec, 8));
    this.#inner = inner;
  }

  get inner(): BpfMap | undefined {
    return this.#inner;
  }

  slot(index: number): GuestAddress {
    return this.address + BigInt(this.env.layout.arrayValue + 8 * index);
  }

  /** Address of the object in a slot, 0 = empty or out of range. */
  objectAt(index: number): GuestAddress {
    return index < this.spec.maxEntries ? this.env.memory.readUint(this.slot(index), 8) : 0n;
  }

  override get hostValueSize(): number {
    return 8;
  }

  protected override valueBytes(cell: GuestAddress): Uint8Array {
    return littleEndian(cell, 8);
  }

  protected override hostValue(value: MapValue): Uint8Array {
    const address = typeof value === 'object' && 'address' in value ? value.address : super.hostValue(value);
    return typeof address === 'bigint' ? littleEndian(address, 8) : address;
  }

  find(key: Uint8Array): GuestAddress {
    return this.spec.type === MapType.ARRAY_OF_MAPS ? this.objectAt(keyIndex(key)) : 0n;
  }

  protected override findFromHost(key: Uint8Array): GuestAddress {
    return this.objectAt(keyIndex(key));
  }

  store(_key: Uint8Array, _value: Uint8Array, _flags: bigint): number {
    return -Errno.EOPNOTSUPP;
  }

  protected override storeFromHost(key: Uint8Array, value: Uint8Array, flags: bigint): number {
    const index = keyIndex(key);
    const errno = arrayUpdateErrno(index, this.spec.maxEntries, flags);
    if (errno !== 0) return -errno;
    const address = new DataView(value.buffer, value.byteOffset).getBigUint64(0, true);
    if (this.#inner) {
      const mismatch = innerErrno(this.#inner, this.env.mapAt(address));
      if (mismatch !== 0) return -mismatch;
    }
    this.#set(index, address);
    return 0;
  }

  remove(key: Uint8Array): number {
    const index = keyIndex(key);
    if (index >= this.spec.maxEntries) return -Errno.E2BIG;
    if (this.objectAt(index) === 0n) return -Errno.ENOENT;
    this.#set(index, 0n);
    return 0;
  }

  #set(index: number, address: GuestAddress): void {
    this.env.memory.writeUint(this.slot(index), 8, address);
    this.env.slotChanged?.(this, index);
  }

  *cells(): Iterable<MapCell> {
    for (let index = 0; index < this.spec.maxEntries; index++) {
      const value = this.objectAt(index);
      if (value !== 0n) yield { key: littleEndian(BigInt(index), 4), keyAddress: 0n, value };
    }
  }
}

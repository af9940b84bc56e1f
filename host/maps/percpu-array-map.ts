import type { MapSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';
import { arrayUpdateErrno, placeArray } from './array-map.js';
import { BpfMap, type MapCell, type MapEnvironment, keyIndex, littleEndian, roundUp8 } from './bpf-map.js';
import { Errno } from './errno.js';
import { perCpuPointer } from './percpu.js';

/** BPF_MAP_TYPE_PERCPU_ARRAY: bpf_array.pptrs holds one per-CPU pointer for each index. */
export class PerCpuArrayMap extends BpfMap {
  readonly #values: GuestAddress;
  readonly #elemSize: number;

  constructor(env: MapEnvironment, spec: MapSpec) {
    super(env, spec, placeArray(env, spec, 8));
    this.#elemSize = roundUp8(spec.valueSize);
    this.#values = this.allocate(this.#elemSize * spec.maxEntries, 8);
    const { memory, layout } = env;
    memory.writeUint(this.address + BigInt(layout.arrayElemSize), 4, BigInt(this.#elemSize));
    for (let index = 0; index < spec.maxEntries; index++) {
      const slot = this.address + BigInt(layout.arrayValue + 8 * index);
      memory.writeUint(slot, 8, perCpuPointer(env, this.at(index)));
    }
  }

  at(index: number): GuestAddress {
    return this.#values + BigInt(index * this.#elemSize);
  }

  override get hostValueSize(): number {
    return roundUp8(this.spec.valueSize);
  }

  protected override valueBytes(cell: GuestAddress): Uint8Array {
    return this.env.memory.read(cell, this.hostValueSize);
  }

  find(key: Uint8Array): GuestAddress {
    const index = keyIndex(key);
    return index < this.spec.maxEntries ? this.at(index) : 0n;
  }

  store(key: Uint8Array, value: Uint8Array, flags: bigint): number {
    const index = keyIndex(key);
    const errno = arrayUpdateErrno(index, this.spec.maxEntries, flags);
    if (errno === 0) this.env.memory.write(this.at(index), value);
    return -errno;
  }

  remove(_key: Uint8Array): number {
    return -Errno.EINVAL;
  }

  *cells(): Iterable<MapCell> {
    for (let index = 0; index < this.spec.maxEntries; index++) {
      yield { key: littleEndian(BigInt(index), 4), keyAddress: 0n, value: this.at(index) };
    }
  }
}

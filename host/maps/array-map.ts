import type { MapSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';
import {
  BpfMap,
  type MapCell,
  type MapEnvironment,
  flagsErrno,
  keyIndex,
  littleEndian,
  roundUp8,
} from './bpf-map.js';
import { Errno } from './errno.js';
import { BPF_F_LOCK, BPF_F_MMAPABLE, BPF_NOEXIST } from '../program/map-types.js';

const PAGE = 4096;

/** Errno of an array update before the value is written; 0 = go on. */
export function arrayUpdateErrno(index: number, maxEntries: number, flags: bigint): number {
  const bad = flagsErrno(flags);
  if (bad !== 0) return bad;
  if (index >= maxEntries) return Errno.E2BIG;
  return (flags & ~BPF_F_LOCK) === BPF_NOEXIST ? Errno.EEXIST : 0;
}

/** Allocates a struct bpf_array with `cells` bytes behind it and fills in its own fields. */
export function placeArray(
  env: MapEnvironment,
  spec: MapSpec,
  elemSize: number,
): (map: BpfMap) => GuestAddress {
  return (map) => {
    const { memory, layout } = env;
    const size = elemSize * spec.maxEntries;
    let address: GuestAddress;
    if ((spec.flags & BPF_F_MMAPABLE) !== 0) {
      // Values start at a page boundary; the header ends right before them.
      const header = Math.ceil(layout.arrayValue / PAGE) * PAGE;
      address =
        map.allocate(header + Math.ceil(size / PAGE) * PAGE, PAGE, 'vmalloc') +
        BigInt(header - layout.arrayValue);
    } else {
      address = map.allocate(layout.arrayValue + size, 64);
    }
    memory.writeUint(address + BigInt(layout.arrayElemSize), 4, BigInt(elemSize));
    // Masks an index that speculation took past the end: the next power of two, less one.
    const mask = spec.maxEntries <= 1 ? 0 : 2 ** (32 - Math.clz32(spec.maxEntries - 1)) - 1;
    memory.writeUint(address + BigInt(layout.arrayIndexMask), 4, BigInt(mask));
    return address;
  };
}

/** BPF_MAP_TYPE_ARRAY: values side by side behind the object, every index present. Data sections are arrays too. */
export class ArrayMap extends BpfMap {
  readonly #elemSize: number;

  constructor(env: MapEnvironment, spec: MapSpec) {
    super(env, spec, placeArray(env, spec, roundUp8(spec.valueSize)));
    this.#elemSize = roundUp8(spec.valueSize);
    this.valueAddress = this.address + BigInt(env.layout.arrayValue);
    if (spec.initial) {
      env.memory.write(this.valueAddress, spec.initial.subarray(0, spec.valueSize));
    }
    if (spec.frozen) this.freeze();
  }

  at(index: number): GuestAddress {
    return this.valueAddress + BigInt(index * this.#elemSize);
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

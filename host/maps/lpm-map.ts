import type { MapSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';
import {
  BpfMap,
  type MapCell,
  type MapEnvironment,
  flagsErrno,
  keyIndex,
  presenceErrno,
  roundUp8,
} from './bpf-map.js';
import { Errno } from './errno.js';
import { keyText } from './hash-map.js';

const PREFIX_BYTES = 4;

/**
 * Longest-prefix match. A key is a u32 prefix length in bits and the data, first byte first; a lookup answers the
 * entry with the longest prefix that the data begins with.
 */
export class LpmMap extends BpfMap {
  /** By prefix length: masked data -> value address. */
  readonly #levels: Map<string, GuestAddress>[];
  #free: GuestAddress[] = [];
  #count = 0;

  constructor(env: MapEnvironment, spec: MapSpec) {
    super(env, spec, (map) => map.allocate(env.layout.mapSize, 64));
    this.#levels = Array.from({ length: (spec.keySize - PREFIX_BYTES) * 8 + 1 }, () => new Map());
  }

  find(key: Uint8Array): GuestAddress {
    for (let length = Math.min(keyIndex(key), this.#levels.length - 1); length >= 0; length--) {
      const level = this.#levels[length]!;
      if (level.size === 0) continue;
      const value = level.get(prefixText(key, length));
      if (value !== undefined) return value;
    }
    return 0n;
  }

  store(key: Uint8Array, value: Uint8Array, flags: bigint): number {
    const length = keyIndex(key);
    const bad = flagsErrno(flags);
    if (bad !== 0 || length >= this.#levels.length) return -Errno.EINVAL;
    const level = this.#levels[length]!;
    const text = prefixText(key, length);
    const known = level.get(text);
    const errno = presenceErrno(flags, known !== undefined);
    if (errno !== 0) return -errno;
    if (known === undefined && this.#count === this.spec.maxEntries) return -Errno.ENOSPC;
    const place = known ?? this.#free.pop() ?? this.allocate(roundUp8(this.spec.valueSize), 8);
    this.env.memory.write(place, value);
    if (known === undefined) {
      level.set(text, place);
      this.#count++;
    }
    return 0;
  }

  remove(key: Uint8Array): number {
    const length = keyIndex(key);
    if (length >= this.#levels.length) return -Errno.EINVAL;
    const level = this.#levels[length]!;
    const text = prefixText(key, length);
    const place = level.get(text);
    if (place === undefined) return -Errno.ENOENT;
    level.delete(text);
    this.#free.push(place);
    this.#count--;
    return 0;
  }

  *cells(): Iterable<MapCell> {
    for (const [length, level] of this.#levels.entries()) {
      for (const [text, value] of level) {
        const key = new Uint8Array(this.spec.keySize);
        new DataView(key.buffer).setUint32(0, length, true);
        for (let at = 0; at < text.length; at++) key[PREFIX_BYTES + at] = text.charCodeAt(at);
        yield { key, keyAddress: 0n, value };
      }
    }
  }

  override snapshot(): () => void {
    const levels = this.#levels.map((level) => [...level]);
    const free = [...this.#free];
    const count = this.#count;
    return () => {
      for (const [at, level] of levels.entries()) {
        this.#levels[at]!.clear();
        for (const [text, place] of level) this.#levels[at]!.set(text, place);
      }
      this.#free = [...free];
      this.#count = count;
    };
  }
}

/** Data of the key, cut and masked to `length` bits. */
function prefixText(key: Uint8Array, length: number): string {
  const data = key.slice(PREFIX_BYTES, PREFIX_BYTES + Math.ceil(length / 8));
  if (length % 8 !== 0) data[data.length - 1]! &= 0xff00 >> (length % 8);
  return keyText(data);
}

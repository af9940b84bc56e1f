import type { MapSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';
import { BpfMap, type MapCell, type MapEnvironment } from './bpf-map.js';
import { Errno } from './errno.js';

const HEADER = 8;
const BUSY = 0x80000000;
const DISCARDED = 0x40000000;
const LENGTH_MASK = 0x3fffffff;

/**
 * Ring buffer. Records lie in a ring of max_entries bytes:
 *
 *   +-------------------------+------------+----------------------------+
 *   | len u32 (busy, discard) | pg_off u32 | data, padded to 8 bytes    |
 *   +-------------------------+------------+----------------------------+
 *
 * A record that begins near the end goes on behind it, in a second ring of the same size, so it is always in one piece.
 */
export class RingbufMap extends BpfMap {
  readonly #data: GuestAddress;
  #producer = 0;
  #consumer = 0;

  constructor(env: MapEnvironment, spec: MapSpec) {
    super(env, spec, (map) => map.allocate(env.layout.mapSize, 64));
    this.#data = this.allocate(2 * spec.maxEntries, 4096, 'vmalloc');
  }

  /** Address of `size` bytes for a record, 0 when there is no room. */
  reserve(size: bigint): GuestAddress {
    if (size > BigInt(LENGTH_MASK) || size > BigInt(this.spec.maxEntries)) return 0n;
    const length = HEADER + ((Number(size) + 7) & ~7);
    if (this.#producer + length - this.#consumer > this.spec.maxEntries - 1) return 0n;
    const record = this.#at(this.#producer);
    this.env.memory.writeUint(record, 4, BigInt(Number(size) + BUSY));
    this.env.memory.writeUint(record + 4n, 4, BigInt((this.#producer & (this.spec.maxEntries - 1)) >>> 12));
    this.#producer += length;
    return record + BigInt(HEADER);
  }

  /** Ends the record whose data lies at `sample`. */
  commit(sample: GuestAddress, discard: boolean): void {
    const header = sample - BigInt(HEADER);
    const length = Number(this.env.memory.readUint(header, 4)) & LENGTH_MASK;
    this.env.memory.writeUint(header, 4, BigInt(discard ? length + DISCARDED : length));
  }

  /** Copies data into a record of its own: 0 or -errno. */
  output(data: Uint8Array): number {
    const sample = this.reserve(BigInt(data.length));
    if (sample === 0n) return -Errno.EAGAIN;
    this.env.memory.write(sample, data);
    this.commit(sample, false);
    return 0;
  }

  /** Bytes of a record at its data address, 0 size for an address that is none. */
  sampleSize(sample: GuestAddress): number {
    return Number(this.env.memory.readUint(sample - BigInt(HEADER), 4)) & LENGTH_MASK;
  }

  /** BPF_RB_AVAIL_DATA 0, RING_SIZE 1, CONS_POS 2, PROD_POS 3. */
  query(what: bigint): bigint {
    const answers = [this.#producer - this.#consumer, this.spec.maxEntries, this.#consumer, this.#producer];
    return BigInt(answers[Number(what)] ?? 0);
  }

  /** Takes every finished record up to the first unfinished one. */
  consume(): Uint8Array[] {
    const records: Uint8Array[] = [];
    while (this.#consumer < this.#producer) {
      const record = this.#at(this.#consumer);
      const header = Number(this.env.memory.readUint(record, 4));
      if (header >= BUSY) break;
      const size = header & LENGTH_MASK;
      if ((header & DISCARDED) === 0) records.push(this.env.memory.read(record + BigInt(HEADER), size));
      this.#consumer += HEADER + ((size + 7) & ~7);
    }
    return records;
  }

  find(_key: Uint8Array): GuestAddress {
    return 0n;
  }
  store(_key: Uint8Array, _value: Uint8Array, _flags: bigint): number {
    return -Errno.ENOTSUPP;
  }
  remove(_key: Uint8Array): number {
    return -Errno.ENOTSUPP;
  }
  cells(): Iterable<MapCell> {
    return [];
  }

  override snapshot(): () => void {
    const producer = this.#producer;
    const consumer = this.#consumer;
    return () => {
      this.#producer = producer;
      this.#consumer = consumer;
    };
  }

  #at(position: number): GuestAddress {
    return this.#data + BigInt(position % this.spec.maxEntries);
  }
}

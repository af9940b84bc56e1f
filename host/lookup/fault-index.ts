import { EXTABLE_ENTRY_SIZE } from '../../assembly/layout/extable.js';
import { FAULT_MISS, FAULT_NO_INSN } from '../../assembly/layout/fault-map.js';
import { READER_SLOTS } from '../../assembly/layout/readers.js';
import { compileModule, Core, type CoreSource } from '../core/core.js';
import { FaultMap } from '../core/fault-map.js';
import { LimitError, LookupError, UsageError } from '../errors.js';
import { decodeFixup } from '../kallsyms/pt-regs.js';
import { platform, shippedCore } from '../platform/platform.js';
import type { GuestAddress, HostAddress, InsnIndex } from '../quantities.js';
import { checkShape, type FaultImage, hex, isAddress, refusal } from './fault-image.js';
import { FaultBatch, type FaultResults } from './fault-batch.js';
import { type FaultReaderPass, roomSize } from './fault-reader.js';

export { FAULT_MISS };
export type { FaultImage };

/** What an entry id stands for. */
export interface FaultSite {
  readonly program: number;
  readonly func: number;
  /** Index in the exception table of the function. */
  readonly entry: number;
  /** null when the image did not say. */
  readonly insn: InsnIndex | null;
  /** Register that is zeroed; null = none (arena stores and atomics). */
  readonly register: string | null;
  /** Of the faulting instruction, in bytes. */
  readonly length: number;
  readonly pc: GuestAddress;
  /** Where the program goes on after the fault. */
  readonly resume: GuestAddress;
}

/** `map`: fault map, with the tree beside it; `faithful`: the kernel's latch tree and binary search. */
export type LookupPath = 'map' | 'faithful';

export interface FaultIndexOptions {
  readonly path?: LookupPath;
  /** core.wasm, or with `shared` lookup-threads.wasm, where it is not found by itself (bundlers). */
  readonly wasm?: CoreSource;
  /** On shared memory, so that other threads can read it: {@link FaultIndex.reader}. */
  readonly shared?: boolean;
  /**
   * First address of the 1 GiB that the fault map covers, a multiple of 64 KiB; 0xffffffffc0000000, the kernel's
   * module space, when not given. Images elsewhere are found too, at the speed of the faithful path.
   */
  readonly base?: GuestAddress;
  /** Where images lie in the core's memory, so that their tables are searched in place; copied when not given. */
  readonly memory?: { linear(address: GuestAddress, size: number): HostAddress };
}

const MODULES: GuestAddress = 0xffffffffc0000000n;
const WINDOW_ALIGN = 0x10000n;
/** Addresses copied at a time by a batch lookup from the caller's own arrays. */
const SLICE = 1024;

/**
 * Finds the exception entry of a faulting instruction by its address, in any number of loaded images. One index per
 * core.
 *
 * @example
 * const index = await FaultIndex.create();
 * index.add(image);
 * const id = index.lookup(pc);
 * if (id !== FAULT_MISS) console.log(index.describe(id));
 */
export class FaultIndex {
  readonly #core: Core;
  readonly #map: FaultMap;
  // Held here for the single call: a call through a field of one's own is what V8 makes a direct one, with the
  // address unboxed.
  readonly #lookupMap: FaultMap['lookup'];
  readonly #lookupTree: FaultMap['lookupTree'];
  readonly #detailAt: HostAddress;
  #detail: Uint8Array;
  readonly #memory: FaultIndexOptions['memory'];
  readonly #mapped: boolean;
  readonly #base: GuestAddress;
  #module: WebAssembly.Module | undefined;
  readonly #slots = new Set<number>();
  #path: LookupPath;
  #useMap: boolean;
  #size = 0;
  #added = 0;
  #staging: FaultBatch | undefined;

  /** An index of its own. */
  static async create(options: FaultIndexOptions = {}): Promise<FaultIndex> {
    if (options.shared !== true)
      return new FaultIndex(await Core.load(options.wasm ?? (await shippedCore())), options);
    const module = await compileModule(options.wasm ?? (await platform().lookupThreadsWasm()));
    const index = new FaultIndex(await Core.loadShared(module), options);
    index.#module = module;
    return index;
  }

  /** An index in a core that has none yet. Errors: USAGE_LOOKUP_BASE. */
  constructor(core: Core, options: Omit<FaultIndexOptions, 'wasm' | 'shared'> = {}) {
    const { path = 'map', base = MODULES } = options;
    if (base < 0n || base > 0xffffffffc0000000n || base % WINDOW_ALIGN !== 0n)
      throw new UsageError(
        'USAGE_LOOKUP_BASE',
        `fault index: base is ${base}, expected a multiple of 0x10000 up to 0xffffffffc0000000`,
      );
    this.#core = core;
    this.#mapped = path === 'map';
    this.#base = base;
    this.#path = path;
    this.#useMap = this.#mapped;
    this.#memory = options.memory;
    this.#map = new FaultMap(core, { mapped: this.#mapped, base });
    this.#lookupMap = this.#map.lookup;
    this.#lookupTree = this.#map.lookupTree;
    this.#detailAt = this.#map.detailAt;
    this.#detail = core.bytes.subarray(this.#detailAt, this.#detailAt + 1);
  }

  /** Images in the index. */
  get size(): number {
    return this.#size;
  }

  /** Which path answers. An index made with `faithful` has no map to change to: USAGE_LOOKUP_PATH. */
  get path(): LookupPath {
    return this.#path;
  }

  set path(path: LookupPath) {
    if (path === 'map' && !this.#mapped)
      throw new UsageError(
        'USAGE_LOOKUP_PATH',
        'fault index: made with path faithful, it keeps no fault map',
      );
    this.#path = path;
    this.#useMap = path === 'map';
  }

  /**
   * Adds an image. Errors, with the index unchanged: LOOKUP_OVERLAP (its code or table meets those of another),
   * LOOKUP_ALIGNMENT, LOOKUP_IMAGE (the table is not one of this code), LIMIT_MEMORY.
   */
  add(image: FaultImage): void {
    const { address, code, extable } = image;
    checkShape(image);
    const table = address + BigInt(image.extableOffset);
    const entries = extable.length / EXTABLE_ENTRY_SIZE;
    const tableLinear = this.#placeTable(table, extable);
    const answer = this.#map.add({
      start: address,
      last: address + BigInt(code.length - 1),
      table,
      tableLinear,
      entries,
      program: image.program ?? this.#added,
      func: image.func ?? 0,
      ownsTable: this.#memory === undefined && entries > 0,
    });
    if (answer !== 'ok') {
      if (this.#memory === undefined) this.#core.free(tableLinear);
      throw refusal(answer, this.#map.badEntry, image);
    }
    this.#size++;
    this.#added++;
    const { entries: known, insns } = image;
    if (entries === 0 || (known === undefined && insns === undefined)) return;
    const words = this.#map.insns(this.#map.firstId(address), entries);
    for (let i = 0; i < entries; i++) words[i] = insns?.[i] ?? known?.[i]?.insn ?? FAULT_NO_INSN;
  }

  /** Removes the image that starts where this one does. Errors: LOOKUP_UNKNOWN. */
  remove(image: Pick<FaultImage, 'address'>): void {
    const { address } = image;
    if (!isAddress(address) || this.#map.remove(address) !== 'ok')
      throw new LookupError('LOOKUP_UNKNOWN', `fault index: no image starts at ${hex(address)}`, { address });
    this.#size--;
  }

  /**
   * Id of the exception entry of the instruction that starts at `pc`, or FAULT_MISS. Allocates nothing. Ids are
   * below 2^31, dense, and valid until their image is removed.
   */
  lookup(pc: GuestAddress): number {
    const id = this.#useMap ? this.#lookupMap(pc) : this.#lookupTree(pc, this.#detailAt);
    return id >>> 0;
  }

  /** Register and length of the last single lookup, as in {@link FaultResults.details}. */
  get detail(): number {
    // The view is empty once memory has grown.
    return this.#detail[0] ?? this.#detailAgain();
  }

  /**
   * Looks up every address of `pcs`. Fastest with the arrays of one {@link batch}, which need no copying. Errors:
   * USAGE_LOOKUP_OUT.
   */
  lookupBatch(pcs: BigUint64Array, out: FaultResults): void {
    const { ids, details } = out;
    const count = pcs.length;
    if (ids.length < count || details.length < count)
      throw new UsageError(
        'USAGE_LOOKUP_OUT',
        `fault index: room for ${Math.min(ids.length, details.length)} answers, ${count} addresses`,
      );
    const { buffer } = this.#core.memory;
    if (pcs.buffer === buffer && ids.buffer === buffer && details.buffer === buffer) {
      this.#run(pcs.byteOffset, count, ids.byteOffset, details.byteOffset);
      return;
    }
    this.#staging ??= new FaultBatch(this.#core, SLICE);
    const staging = this.#staging;
    const { pcs: inPcs, ids: outIds, details: outDetails } = staging;
    for (let at = 0; at < count; at += SLICE) {
      const n = Math.min(SLICE, count - at);
      inPcs.set(n === count ? pcs : pcs.subarray(at, at + n));
      this.#run(inPcs.byteOffset, n, outIds.byteOffset, outDetails.byteOffset);
      ids.set(n === SLICE ? outIds : outIds.subarray(0, n), at);
      details.set(n === SLICE ? outDetails : outDetails.subarray(0, n), at);
    }
  }

  /** Room for `capacity` addresses and answers in the memory of the index. Errors: LIMIT_MEMORY. */
  batch(capacity: number): FaultBatch {
    return new FaultBatch(this.#core, capacity);
  }

  /**
   * A pass for one more thread to read this index with (FaultReader.open), and room for `capacity` addresses at a
   * time. Errors: USAGE_LOOKUP_SHARED, LIMIT_READERS, LIMIT_MEMORY.
   */
  reader(capacity = SLICE): FaultReaderPass {
    const { memory } = this.#core;
    if (this.#module === undefined || !this.#mapped)
      throw new UsageError(
        'USAGE_LOOKUP_SHARED',
        'fault index: readers need one made with FaultIndex.create({ shared: true }) and a map',
      );
    let slot = 0;
    while (this.#slots.has(slot)) slot++;
    if (slot === READER_SLOTS)
      throw new LimitError('LIMIT_READERS', `fault index: ${READER_SLOTS} readers, no room for another`);
    const room = this.#core.alloc(roomSize(capacity));
    this.#slots.add(slot);
    return { module: this.#module, memory, base: this.#base, slot, room, capacity };
  }

  /** Takes a pass back: its thread reads no more. */
  closeReader({ slot, room }: FaultReaderPass): void {
    if (!this.#slots.delete(slot))
      throw new UsageError('USAGE_LOOKUP_SHARED', `fault index: reader ${slot} is not open`);
    this.#core.free(room);
  }

  /** What an id of a lookup stands for; null when it is nobody's (any more). */
  describe(id: number): FaultSite | null {
    const found = this.#map.describe(id);
    if (found === null) return null;
    const { program, func, entry, insn, pc, fixup } = found;
    const { register, length } = decodeFixup(fixup);
    return { program, func, entry, insn, register, length, pc, resume: pc + BigInt(length) };
  }

  /**
   * Bytes in use: the map's chunk records, the words that lead from ids to images, and all of the core's heap (the
   * tables copied, the tree and what else shares the core included).
   */
  memoryUsage(): { readonly records: number; readonly owners: number; readonly heap: number } {
    return { ...this.#map.memory(), heap: Number(this.#core.exports.heapInUse()) };
  }

  #detailAgain(): number {
    this.#detail = this.#core.bytes.subarray(this.#detailAt, this.#detailAt + 1);
    return this.#detail[0];
  }

  #run(pcs: HostAddress, count: number, ids: HostAddress, details: HostAddress): void {
    if (this.#useMap) this.#map.batch(pcs, count, ids, details);
    else this.#map.batchTree(pcs, count, ids, details);
  }

  /** Linear address of the table: in place, or of a copy. */
  #placeTable(table: GuestAddress, extable: Uint8Array): HostAddress {
    if (extable.length === 0) return 0;
    return this.#memory === undefined
      ? this.#core.allocBytes(extable)
      : this.#memory.linear(table, extable.length);
  }
}

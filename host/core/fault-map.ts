import { EXTABLE_FIXUP, EXTABLE_INSN } from '../../assembly/layout/extable.js';
import {
  FAULT_NO_INSN,
  INDEX_BAD_ADDRESS,
  INDEX_BAD_FIXUP,
  INDEX_NOT_FOUND,
  INDEX_NO_MEMORY,
  INDEX_OK,
  INDEX_OVERLAP,
  LEAF_BYTES,
} from '../../assembly/layout/fault-map.js';
import {
  KSYM_FLAG_OWNS_TABLE,
  KSYM_FUNC,
  KSYM_IDS,
  KSYM_PROGRAM,
  KSYM_START,
  KSYM_TABLE,
  KSYM_TABLE_GUEST,
} from '../../assembly/layout/kallsyms.js';
import type { GuestAddress, HostAddress, InsnIndex } from '../quantities.js';
import type { Core } from './core.js';
import type { CoreExports } from './exports.generated.js';

/** Text and table of one function, as the index keeps it. */
export interface IndexedText {
  readonly start: GuestAddress;
  /** Last byte of the text. */
  readonly last: GuestAddress;
  /** Guest and linear address of the exception table. */
  readonly table: GuestAddress;
  readonly tableLinear: HostAddress;
  readonly entries: number;
  readonly program: number;
  readonly func: number;
  /** The table is a block of the core's heap that goes with the text. */
  readonly ownsTable: boolean;
}

export type IndexAnswer = 'ok' | 'no memory' | 'overlap' | 'not found' | 'bad address' | 'bad fixup';

const ANSWERS: Readonly<Record<number, IndexAnswer>> = {
  [INDEX_OK]: 'ok',
  [INDEX_NO_MEMORY]: 'no memory',
  [INDEX_OVERLAP]: 'overlap',
  [INDEX_NOT_FOUND]: 'not found',
  [INDEX_BAD_ADDRESS]: 'bad address',
  [INDEX_BAD_FIXUP]: 'bad fixup',
};

/** What an entry id leads to. */
export interface IndexedEntry {
  readonly program: number;
  readonly func: number;
  readonly entry: number;
  /** null = not known. */
  readonly insn: InsnIndex | null;
  readonly start: GuestAddress;
  readonly pc: GuestAddress;
  readonly fixup: number;
}

/** The fault index in one core: latch tree and fault map. */
export class FaultMap {
  readonly core: Core;
  readonly exports: CoreExports;
  /** Where the detail byte of the last single lookup lies. */
  readonly detailAt: HostAddress;
  /** Entry id by the fault map, as a signed number: -1 = no entry. */
  readonly lookup: (pc: GuestAddress) => number;
  /** The same by tree and search; takes {@link detailAt}. */
  readonly lookupTree: (pc: GuestAddress, detail: HostAddress) => number;

  /** Both settings are made before the first image comes in. */
  constructor(core: Core, settings: { readonly mapped: boolean; readonly base: GuestAddress }) {
    this.core = core;
    this.exports = core.exports;
    this.detailAt = core.exports.detailCell.value;
    this.lookup = core.exports.faultMapLookup;
    this.lookupTree = core.exports.faultTreeLookup;
    core.exports.faultIndexSetMapped(settings.mapped);
    core.exports.faultMapSetBase(settings.base);
  }

  add(text: IndexedText): IndexAnswer {
    const { start, last, table, tableLinear, entries, program, func } = text;
    const flags = text.ownsTable ? KSYM_FLAG_OWNS_TABLE : 0;
    return ANSWERS[
      this.exports.faultIndexAdd(start, last, table, tableLinear, entries, program, func, flags)
    ];
  }

  /** Entry that 'bad address' or 'bad fixup' was said of. */
  get badEntry(): number {
    return this.exports.faultIndexBadEntry() >>> 0;
  }

  remove(start: GuestAddress): IndexAnswer {
    return ANSWERS[this.exports.faultIndexRemove(start)];
  }

  /** Id of the first entry of the function that starts at `start`, which has one. */
  firstId(start: GuestAddress): number {
    const node = this.exports.faultIndexFind(start) >>> 0;
    return this.core.words[(node + KSYM_IDS) >>> 2];
  }

  /** The words that hold the BPF instructions of the entries from `id` on; they live until memory grows. */
  insns(id: number, count: number): Uint32Array {
    const at = (this.exports.faultIndexInsn(id) >>> 0) >>> 2;
    return this.core.words.subarray(at, at + count);
  }

  describe(id: number): IndexedEntry | null {
    const node = this.exports.faultIndexNode(id) >>> 0;
    if (node === 0) return null;
    const view = this.core.view;
    const table = view.getUint32(node + KSYM_TABLE, true);
    const at = this.exports.faultIndexEntry(id) >>> 0;
    const insn = this.insns(id, 1)[0];
    const field = view.getBigUint64(node + KSYM_TABLE_GUEST, true) + BigInt(at - table + EXTABLE_INSN);
    return {
      program: view.getUint32(node + KSYM_PROGRAM, true),
      func: view.getUint16(node + KSYM_FUNC, true),
      entry: id - view.getUint32(node + KSYM_IDS, true),
      insn: insn === FAULT_NO_INSN ? null : insn,
      start: view.getBigUint64(node + KSYM_START, true),
      pc: BigInt.asUintN(64, field + BigInt(view.getInt32(at + EXTABLE_INSN, true))),
      fixup: view.getUint32(at + EXTABLE_FIXUP, true),
    };
  }

  batch(pcs: HostAddress, count: number, ids: HostAddress, details: HostAddress): void {
    this.exports.faultMapBatch(pcs, count, ids, details);
  }

  batchTree(pcs: HostAddress, count: number, ids: HostAddress, details: HostAddress): void {
    this.exports.faultTreeBatch(pcs, count, ids, details);
  }

  /** Bytes of chunk records and of owner words. */
  memory(): { readonly records: number; readonly owners: number } {
    return {
      records: (this.exports.faultMapLeaves() >>> 0) * LEAF_BYTES,
      owners: this.exports.idsBytes() >>> 0,
    };
  }
}

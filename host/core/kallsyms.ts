import { EXTABLE_DATA, EXTABLE_ENTRY_SIZE, EXTABLE_FIXUP } from '../../assembly/layout/extable.js';
import { INDEX_OK, INDEX_OVERLAP } from '../../assembly/layout/fault-map.js';
import {
  KSYM_BAD_RANGE,
  KSYM_FLAG_PROGRAM,
  KSYM_IDS,
  KSYM_NO_IDS,
  KSYM_NO_MEMORY,
  KSYM_OVERLAP,
  KSYM_REMOVED,
  KSYM_TABLE,
} from '../../assembly/layout/kallsyms.js';
import { KallsymsError, LimitError } from '../errors.js';
import type { GuestAddress, HostAddress } from '../quantities.js';
import type { Core } from './core.js';

/** What the latch tree holds about one symbol. */
export interface KsymRecord {
  readonly start: GuestAddress;
  /** Last address that counts as inside. */
  readonly last: GuestAddress;
  /** Guest and linear address of the exception table. */
  readonly table: GuestAddress;
  readonly tableLinear: HostAddress;
  readonly entries: number;
  readonly program: number;
  readonly func: number;
  readonly isProgram: boolean;
}

/** An entry found by address. */
export interface FoundEntry {
  /** Address of the symbol's node. */
  readonly node: HostAddress;
  readonly index: number;
  readonly fixup: number;
  readonly data: number;
}

const hex = (address: GuestAddress): string => `0x${address.toString(16)}`;

/** The latch tree of JIT-compiled text in one core, and the fault map beside it. */
export class KsymTree {
  constructor(readonly core: Core) {}

  get size(): number {
    return this.core.exports.kallsymsCount() >>> 0;
  }

  /** Registers a symbol and answers its node. Errors: KALLSYMS_OVERLAP, KALLSYMS_RANGE, LIMIT_MEMORY. */
  insert(record: KsymRecord): HostAddress {
    const { start, last, table, tableLinear, entries, program, func } = record;
    const { exports } = this.core;
    let node = 0;
    if (record.isProgram && entries > 0) {
      const answer = exports.faultIndexAdd(start, last, table, tableLinear, entries, program, func, 0);
      if (answer === INDEX_OK) return exports.kallsymsFind(start) >>> 0;
      if (answer === INDEX_OVERLAP) node = KSYM_OVERLAP;
    }
    // A symbol without entries, or with a table that the fault map cannot hold: the tree alone knows it.
    const flags = record.isProgram ? KSYM_FLAG_PROGRAM : 0;
    if (node === 0)
      node = exports.kallsymsInsert(start, last, table, tableLinear, entries, program, func, flags) >>> 0;
    if (node === KSYM_OVERLAP)
      throw new KallsymsError(
        'KALLSYMS_OVERLAP',
        `kallsyms: text ${hex(start)}-${hex(last)} overlaps a registered symbol`,
        { address: start },
      );
    if (node === KSYM_BAD_RANGE)
      throw new KallsymsError(
        'KALLSYMS_RANGE',
        `kallsyms: text ends at ${hex(last)}, before its start ${hex(start)}`,
        { address: start },
      );
    if (node === KSYM_NO_MEMORY)
      throw new LimitError('LIMIT_MEMORY', 'kallsyms: linear memory of the core is exhausted');
    return node;
  }

  /** Removes the symbol that starts at `start`. Errors: KALLSYMS_UNKNOWN. */
  remove(start: GuestAddress): void {
    const { exports } = this.core;
    const node = exports.kallsymsFind(start) >>> 0;
    const indexed = node !== 0 && this.core.words[(node + KSYM_IDS) >>> 2] !== KSYM_NO_IDS;
    const answer = indexed ? exports.faultIndexRemove(start) : exports.kallsymsRemove(start);
    if (answer !== (indexed ? INDEX_OK : KSYM_REMOVED))
      throw new KallsymsError('KALLSYMS_UNKNOWN', `kallsyms: no symbol starts at ${hex(start)}`, {
        address: start,
      });
  }

  /** Node of the symbol that contains `address`, or 0. */
  find(address: GuestAddress): HostAddress {
    return this.core.exports.kallsymsFind(address) >>> 0;
  }

  /** Exception entry of the instruction that starts at `ip`. */
  fixup(ip: GuestAddress): FoundEntry | null {
    const entry = this.core.exports.fixupException(ip) >>> 0;
    if (entry === 0) return null;
    const node = this.core.exports.faultProgram(ip) >>> 0;
    const view = this.core.view;
    return {
      node,
      index: (entry - view.getUint32(node + KSYM_TABLE, true)) / EXTABLE_ENTRY_SIZE,
      fixup: view.getUint32(entry + EXTABLE_FIXUP, true),
      data: view.getInt32(entry + EXTABLE_DATA, true),
    };
  }

  /** Runs `section` with every node found in it kept, whatever it removes. */
  reading<T>(section: () => T): T {
    this.core.exports.kallsymsReadLock();
    try {
      return section();
    } finally {
      this.core.exports.kallsymsReadUnlock();
    }
  }
}

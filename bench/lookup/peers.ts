import { RBTree } from 'bintrees';
import createTree from 'functional-red-black-tree';
import { OrderedMap } from 'js-sdsl';
import sortedBtree from 'sorted-btree';
import { FAULT_MISS } from '../../host/lookup/fault-index.js';
import type { Load } from './load.js';

/** Looks up the addresses of `words` (low half first) and writes what FaultIndex writes. */
export type Lookup = (words: Uint32Array, count: number, ids: Uint32Array, details: Uint8Array) => void;

/** A program as the trees hold it; addresses are offsets from the module space. */
interface Program {
  readonly start: number;
  readonly end: number;
  readonly first: number;
  /** Address of the table, and its entries as they lie in the image: three words each. */
  readonly tableAt: number;
  readonly table: Int32Array;
}

const MODULES_HIGH = 0xffffffff;
const MODULES_LOW = 0xc0000000;
const ENTRY_WORDS = 3;

const detailOf = (fixup: number): number => {
  const register = fixup >>> 8;
  return (fixup & 15) | ((register === 1 ? 15 : register >>> 3) << 4);
};

/** Runs `find`, which answers the program at or below an offset, then the binary search in its table. */
function searching(find: (offset: number) => Program | undefined): Lookup {
  return (words, count, ids, details) => {
    for (let i = 0; i < count; i++) {
      ids[i] = FAULT_MISS;
      details[i] = 0;
      const low = words[2 * i];
      if (words[2 * i + 1] !== MODULES_HIGH || low < MODULES_LOW) continue;
      const offset = low - MODULES_LOW;
      const program = find(offset);
      if (program === undefined || offset >= program.end) continue;
      const { table, tableAt } = program;
      let base = 0;
      let n = table.length / ENTRY_WORDS;
      while (n > 0) {
        const pivot = base + (n >> 1);
        const address = tableAt + pivot * 12 + table[pivot * ENTRY_WORDS];
        if (address === offset) {
          ids[i] = program.first + pivot;
          details[i] = detailOf(table[pivot * ENTRY_WORDS + 1]);
          break;
        }
        if (offset > address) {
          base = pivot + 1;
          n--;
        }
        n >>= 1;
      }
    }
  };
}

const byStart = (a: Program, b: Program): number => a.start - b.start;
const byNumber = (a: number, b: number): number => a - b;

/** What npm and the language offer for the same question, built in load order. */
export const PEERS: Readonly<Record<string, (programs: readonly Program[]) => Lookup>> = {
  array(programs) {
    const sorted = [...programs].sort(byStart);
    const starts = Uint32Array.from(sorted, ({ start }) => start);
    return searching((offset) => {
      let low = 0;
      let high = starts.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (starts[middle] <= offset) low = middle + 1;
        else high = middle;
      }
      return sorted[low - 1];
    });
  },
  bintrees(programs) {
    const tree = new RBTree<Program>(byStart);
    for (const program of programs) tree.insert(program);
    return searching((offset) => tree.upperBound({ start: offset } as Program).prev() ?? undefined);
  },
  'functional-red-black-tree'(programs) {
    let tree = createTree<number, Program>(byNumber);
    for (const program of programs) tree = tree.insert(program.start, program);
    return searching((offset) => tree.le(offset).value);
  },
  'sorted-btree'(programs) {
    // A CommonJS package: its class is a member of what import gives.
    const tree = new sortedBtree.default<number, Program>(undefined, byNumber);
    for (const program of programs) tree.set(program.start, program);
    const pair: [number, Program] = [0, programs[0]];
    return searching((offset) => tree.getPairOrNextLower(offset, pair)?.[1]);
  },
  'js-sdsl'(programs) {
    const map = new OrderedMap<number, Program>([], byNumber);
    for (const program of programs) map.setElement(program.start, program);
    const end = map.end();
    return searching((offset) => {
      const found = map.reverseLowerBound(offset);
      return found.equals(end) ? undefined : found.pointer[1];
    });
  },
  /** Every faulting instruction in one Map: exact, and no search at all. */
  jsmap(programs) {
    const map = new Map<number, number>();
    for (const { tableAt, table, first } of programs)
      for (let k = 0; k * ENTRY_WORDS < table.length; k++)
        map.set(
          tableAt + k * 12 + table[k * ENTRY_WORDS],
          (first + k) * 256 + detailOf(table[k * ENTRY_WORDS + 1]),
        );
    return (words, count, ids, details) => {
      for (let i = 0; i < count; i++) {
        const low = words[2 * i];
        const inside = words[2 * i + 1] === MODULES_HIGH && low >= MODULES_LOW;
        const found = inside ? map.get(low - MODULES_LOW) : undefined;
        ids[i] = found === undefined ? FAULT_MISS : Math.floor(found / 256);
        details[i] = found === undefined ? 0 : found & 255;
      }
    };
  },
  /** The fault map itself, in typed arrays: 32-byte records, no directory. */
  'js-fault-map'(programs) {
    const chunks = Math.max(...programs.map(({ tableAt, table }) => (tableAt + table.length * 4) >>> 6)) + 1;
    const records = new Uint32Array(chunks * 8);
    const bytes = new Uint8Array(records.buffer);
    const popcount = (x: number): number => {
      x -= (x >>> 1) & 0x55555555;
      x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
      return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
    };
    for (const { tableAt, table, first } of programs)
      for (let k = 0; k * ENTRY_WORDS < table.length; k++) {
        const offset = tableAt + k * 12 + table[k * ENTRY_WORDS];
        const record = (offset >>> 6) * 8;
        const rank = popcount(records[record]) + popcount(records[record + 1]);
        if (rank === 0) records[record + 2] = first + k;
        records[record + ((offset >>> 5) & 1)] |= 1 << (offset & 31);
        bytes[record * 4 + 12 + rank] = detailOf(table[k * ENTRY_WORDS + 1]);
      }
    return (words, count, ids, details) => {
      for (let i = 0; i < count; i++) {
        const low = words[2 * i];
        const offset = low - MODULES_LOW;
        const record = (offset >>> 6) * 8;
        const inside = words[2 * i + 1] === MODULES_HIGH && low >= MODULES_LOW && record < records.length;
        const half = inside ? records[record + ((offset >>> 5) & 1)] : 0;
        if (((half >>> (offset & 31)) & 1) === 0) {
          ids[i] = FAULT_MISS;
          details[i] = 0;
          continue;
        }
        let rank = popcount(half & ((1 << (offset & 31)) - 1));
        if ((offset & 32) !== 0) rank += popcount(records[record]);
        ids[i] = records[record + 2] + rank;
        details[i] = bytes[record * 4 + 12 + rank];
      }
    };
  },
};

export function peerPrograms({ images }: Load, firstIds: Uint32Array): Program[] {
  return images.map(({ offset, code, extableOffset, extable }, i) => ({
    start: offset,
    end: offset + code.length,
    first: firstIds[i],
    tableAt: offset + extableOffset,
    table: new Int32Array(extable.buffer, extable.byteOffset, extable.length >> 2),
  }));
}

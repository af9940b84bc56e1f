import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { EXTABLE_ENTRY_SIZE } from '../../assembly/layout/extable.js';
import {
  KSYM_NODE0,
  KSYM_NODE1,
  KSYM_OVERLAP,
  KSYM_REMOVED,
  KSYM_START,
} from '../../assembly/layout/kallsyms.js';
import { Core } from '../../host/core/core.js';
import { Random, testSeed } from '../support/random.js';
import { walkTree } from '../support/rb-tree.js';

const wasm = readFileSync(new URL('../../host/core/core.wasm', import.meta.url));

const BASE = 0xffffffffc0000000n;
const SPACE = 1 << 21;
const LONGEST = 2048;
const OPERATIONS = 2_000_000;
const BATCH = 64;

/** The plain oracle: symbols in an array sorted by start. */
interface Symbol {
  start: number;
  last: number;
  node: number;
  table: number;
  /** Offsets of the instructions the table repairs, ascending. */
  entries: number[];
}

/** Index of the first symbol that starts after `offset`. */
function after(symbols: readonly { start: number }[], offset: number): number {
  let low = 0;
  let high = symbols.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (symbols[middle].start <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function containing(symbols: readonly Symbol[], offset: number): Symbol | undefined {
  const symbol = symbols[after(symbols, offset) - 1];
  return symbol !== undefined && offset <= symbol.last ? symbol : undefined;
}

it(`latch tree and table search agree with a sorted array over ${OPERATIONS} operations`, async () => {
  const seed = testSeed();
  const random = new Random(seed);
  const core = await Core.load(wasm);
  const { exports } = core;
  const symbols: Symbol[] = [];
  const ips = core.alloc(BATCH * 8);
  const out = core.alloc(BATCH * 4);
  const sought = new Int32Array(BATCH);
  const note = `seed ${seed}`;

  const insert = (): void => {
    const start = random.below(SPACE);
    const last = start + random.below(LONGEST);
    const neighbour = symbols[after(symbols, last) - 1];
    const overlaps = neighbour !== undefined && neighbour.last >= start;
    const entries: number[] = [];
    const wanted = overlaps ? 0 : random.below(9) * random.below(9);
    for (let at = start; entries.length < wanted && at <= last; at += 1 + random.below(12)) entries.push(at);
    const table = core.alloc(Math.max(entries.length, 1) * EXTABLE_ENTRY_SIZE);
    const tableOffset = last + 1 + random.below(64);
    const words = new Int32Array(core.memory.buffer, table, entries.length * 3);
    entries.forEach((at, k) => {
      words[k * 3] = at - (tableOffset + k * EXTABLE_ENTRY_SIZE);
    });
    const node =
      exports.kallsymsInsert(
        BASE + BigInt(start),
        BASE + BigInt(last),
        BASE + BigInt(tableOffset),
        table,
        entries.length,
        0,
        0,
        1,
      ) >>> 0;
    if (overlaps) {
      assert.equal(node, KSYM_OVERLAP, note);
      core.free(table);
    } else {
      assert.ok(node > 16, note);
      symbols.splice(after(symbols, start), 0, { start, last, node, table, entries });
    }
  };

  const remove = (): void => {
    const index = random.below(symbols.length);
    const { start, table } = symbols[index];
    if (random.below(16) === 0 && containing(symbols, start + 1)?.start !== start + 1)
      assert.notEqual(exports.kallsymsRemove(BASE + BigInt(start) + 1n), KSYM_REMOVED, note);
    assert.equal(exports.kallsymsRemove(BASE + BigInt(start)), KSYM_REMOVED, note);
    core.free(table);
    symbols.splice(index, 1);
  };

  const lookups = (): void => {
    const view = core.view;
    for (let i = 0; i < BATCH; i++) {
      const near = symbols[random.below(symbols.length || 1)];
      let offset = random.below(SPACE + LONGEST);
      if (near !== undefined && i % 4 !== 0) {
        const { start, last, entries } = near;
        const edges = [start - 1, start, last, last + 1];
        offset =
          entries.length > 0 && i % 4 !== 1
            ? entries[random.below(entries.length)] + random.pick([0, 0, 0, -1, 1])
            : random.pick(edges);
      }
      sought[i] = offset;
      view.setBigUint64(ips + i * 8, BASE + BigInt(offset), true);
    }
    exports.fixupBatch(ips, BATCH, out);
    for (let i = 0; i < BATCH; i++) {
      const offset = sought[i];
      const symbol = containing(symbols, offset);
      const k = symbol === undefined ? -1 : symbol.entries.indexOf(offset);
      const want = k < 0 || symbol === undefined ? 0 : symbol.table + k * EXTABLE_ENTRY_SIZE;
      if (view.getUint32(out + i * 4, true) !== want)
        assert.fail(`offset ${offset}: wanted entry ${k}; ${note}`);
    }
    const offset = sought[random.below(BATCH)];
    assert.equal(
      exports.kallsymsFind(BASE + BigInt(offset)) >>> 0,
      containing(symbols, offset)?.node ?? 0,
      note,
    );
  };

  const invariants = (): void => {
    const view = core.view;
    const latch = exports.kallsymsLatch() >>> 0;
    assert.equal(view.getUint32(latch, true) % 2, 0, 'the writer is done');
    const want = symbols.map(({ node }) => node);
    assert.deepEqual(walkTree(view, view.getUint32(latch + 4, true), KSYM_NODE0), want, note);
    assert.deepEqual(walkTree(view, view.getUint32(latch + 8, true), KSYM_NODE1), want, note);
    for (const { node, start } of symbols)
      assert.equal(view.getBigUint64(node + KSYM_START, true), BASE + BigInt(start));
    assert.equal(exports.kallsymsCount(), symbols.length);
  };

  let target = 400;
  let updates = 0;
  for (let done = 0; done < OPERATIONS;) {
    for (let i = 0; i < 16; i++) {
      if (symbols.length === 0 || random.below(2 * target) >= symbols.length) insert();
      else remove();
      if (++updates % 4096 === 0) invariants();
      if (updates % 30_000 === 0) target = random.pick([4, 60, 400, 1500]);
    }
    lookups();
    done += 16 + BATCH;
  }
  invariants();
  while (symbols.length > 0) remove();
  invariants();
});

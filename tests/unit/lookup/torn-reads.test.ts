import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { FAULT_MISS, FaultIndex, type FaultImage } from '../../../host/lookup/fault-index.js';
import { compileThreads } from '../../support/compile-threads.js';
import { faultImage, type Start } from '../../support/fault-image.js';

const wasm = readFileSync(new URL('../../../host/core/lookup-threads.wasm', import.meta.url));
const ADDRESS = 0xffffffffc0001000n;

/** The loads of a lookup that the writer may come before. */
const LOADS = [
  'const first = atomic.load<u32>(record + RECORD_IDS);',
  'detail = atomic.load<u8>(record + RECORD_DETAILS - 1 + min<u32>(rank, RECORD_DETAIL_COUNT));',
  'id = atomic.load<u32>(side + ((rank - 1) << 2));',
  'detail = atomic.load<u8>(side + ((<usize>popcnt(starts)) << 2) + rank - 1);',
];

interface Reader {
  sharedLookup(pc: bigint, answer: number, slot: number): number;
  sharedBatch(pcs: number, count: number, ids: number, details: number, slot: number): number;
  faultMapSetBase(base: bigint): void;
}

const starts = (count: number, from: number, length: number): Start[] =>
  Array.from({ length: count }, (_, k) => ({ at: from + 2 * k, length, register: 8 * (k % 14) }));

/** What changes while an address of the first image is looked up, and before which load. */
const CASES: readonly {
  name: string;
  /** Which of the loads. */
  load: number;
  old: Start[];
  next: Start[] | null;
  pc: number;
  /** Without the last look at the sequence the answer is nobody's; otherwise the old one, which still stands there. */
  tears?: boolean;
}[] = [
  { name: 'ids of another', load: 0, old: starts(4, 0, 3), next: starts(3, 2, 5), pc: 4, tears: true },
  { name: 'ids of one that is gone', load: 0, old: starts(4, 0, 3), next: null, pc: 4 },
  { name: 'details of another', load: 1, old: starts(4, 0, 3), next: starts(3, 2, 5), pc: 4, tears: true },
  { name: 'details of one that is gone', load: 1, old: starts(4, 0, 3), next: null, pc: 4 },
  { name: 'side block: ids of another', load: 2, old: starts(24, 0, 3), next: starts(22, 4, 5), pc: 8 },
  { name: 'side block: ids of one that is gone', load: 2, old: starts(24, 0, 3), next: null, pc: 8 },
  {
    name: 'side block: details of another',
    load: 3,
    old: starts(24, 0, 3),
    next: starts(22, 4, 5),
    pc: 8,
  },
  { name: 'a side block after a record', load: 0, old: starts(3, 2, 3), next: starts(24, 0, 5), pc: 4 },
];

describe('a writer between two loads of a reader', () => {
  let variant: WebAssembly.Module;
  before(async () => {
    const changes = LOADS.map((load, k) => ({ from: load, to: `pause(${k});\n${load}` }));
    const compiled = await compileThreads({
      'assembly/shared-lookup.ts': [
        ...changes,
        {
          from: 'const GROUP',
          to: '@external("env", "pause") declare function pause(at: u32): void;\n@external("env", "checks") declare function checks(): bool;\nconst GROUP',
        },
        {
          from: 'if (done !== n || latchSeq(latch) !== seq) {',
          to: 'if (done !== n || (checks() && latchSeq(latch) !== seq)) {',
        },
        {
          from: 'readMap(pc, answer, answer + 4, latch, seq) && latchSeq(latch) === seq)',
          to: 'readMap(pc, answer, answer + 4, latch, seq) && (!checks() || latchSeq(latch) === seq))',
        },
      ],
    });
    variant = await WebAssembly.compile(compiled as BufferSource);
  });

  /** Answers of a single and of a batch lookup while the images change. */
  async function answers(old: FaultImage, next: FaultImage | null, at: number, checks: boolean, pc: bigint) {
    const index = await FaultIndex.create({ shared: true, wasm });
    const pass = index.reader(8);
    let armed = false;
    const instance = await WebAssembly.instantiate(variant, {
      env: {
        memory: pass.memory,
        checks: () => Number(checks),
        pause: (k: number) => {
          if (!armed || k !== at) return;
          armed = false;
          index.remove(old);
          if (next !== null) index.add(next);
        },
      },
    });
    const reader = instance.exports as unknown as Reader;
    reader.faultMapSetBase(pass.base);
    const words = new Uint32Array(pass.memory.buffer);
    const bytes = new Uint8Array(pass.memory.buffer);
    const found: { id: number; detail: number }[] = [];
    const run = (lookup: () => { id: number; detail: number }): void => {
      index.add(old);
      armed = true;
      found.push(lookup());
      assert.equal(armed, false, 'the writer came through');
      if (next !== null) index.remove(next);
    };
    const { room } = pass;
    run(() => {
      const id = reader.sharedLookup(pc, room, pass.slot) >>> 0;
      return { id, detail: bytes[room + 4] };
    });
    run(() => {
      new BigUint64Array(pass.memory.buffer, room, 1)[0] = pc;
      reader.sharedBatch(room, 1, room + 8, room + 12, pass.slot);
      return { id: words[(room + 8) >>> 2], detail: bytes[room + 12] };
    });
    const truth = [old, ...(next === null ? [] : [next])].map((image) => {
      index.add(image);
      const id = index.lookup(pc);
      const { detail } = index;
      index.remove(image);
      return { id, detail };
    });
    if (next === null) truth.push({ id: FAULT_MISS, detail: 0 });
    return { found, truth };
  }

  for (const { name, load, old, next, pc, tears = false } of CASES) {
    const images = [
      faultImage(ADDRESS, 64, old),
      next === null ? null : faultImage(ADDRESS, 64, next),
    ] as const;
    const at = ADDRESS + BigInt(pc);
    it(`${name}: the answer is that of one moment`, async () => {
      const { found, truth } = await answers(...images, load, true, at);
      for (const answer of found)
        assert.ok(
          truth.some(({ id, detail }) => id === answer.id && detail === answer.detail),
          JSON.stringify({ answer, truth }),
        );
    });
    if (tears)
      it(`${name}: torn without the last look at the sequence`, async () => {
        const { found, truth } = await answers(...images, load, false, at);
        for (const answer of found)
          assert.ok(!truth.some(({ id, detail }) => id === answer.id && detail === answer.detail));
      });
  }
});

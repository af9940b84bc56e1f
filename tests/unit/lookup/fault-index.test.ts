import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { beforeEach, describe, it } from 'node:test';
import { Core } from '../../../host/core/core.js';
import { FAULT_MISS, FaultIndex } from '../../../host/lookup/fault-index.js';
import { FaultReader } from '../../../host/lookup/fault-reader.js';
import { faultImage, type Start } from '../../support/fault-image.js';

const wasm = new WebAssembly.Module(
  readFileSync(new URL('../../../host/core/core.wasm', import.meta.url)) as BufferSource,
);
const MODULES = 0xffffffffc0000000n;
const ALL_ONES = 0xffffffffffffffffn;

let core: Core;
let index: FaultIndex;
beforeEach(async () => {
  core = await Core.load(wasm);
  index = new FaultIndex(core);
});

/** Both paths and both kinds of call must say the same of `pc`. */
function lookup(pc: bigint): number {
  const ids = new Uint32Array(5);
  const details = new Uint8Array(5);
  const answers = (['map', 'faithful'] as const).flatMap((path) => {
    index.path = path;
    const single = [index.lookup(pc), index.detail];
    index.lookupBatch(new BigUint64Array(5).fill(pc), { ids, details });
    return [single, ...Array.from(ids, (id, i) => [id, details[i]])];
  });
  index.path = 'map';
  for (const answer of answers) assert.deepEqual(answer, answers[0], `0x${pc.toString(16)}`);
  return answers[0][0];
}

/** Every byte address around the image answers the entry that starts there, or misses. */
function checkImage(address: bigint, code: number, starts: readonly Start[], program: number): void {
  for (let at = 0; at < code; at++) {
    const k = starts.findIndex((start) => start.at === at);
    const id = lookup(address + BigInt(at));
    if (k < 0) assert.equal(id, FAULT_MISS, `+${at}`);
    else {
      const site = index.describe(id);
      assert.equal(site?.program, program, `+${at}`);
      assert.equal(site.entry, k);
      assert.equal(site.pc, address + BigInt(at));
    }
  }
}

const every = (step: number, count: number, from = 0): Start[] =>
  Array.from({ length: count }, (_, k) => ({ at: from + k * step }));

describe('one image', () => {
  const starts = [
    { at: 16, length: 7, register: 112 },
    { at: 60, length: 4, register: 0 },
    { at: 100, length: 6, register: 1 },
  ];

  it('describes what an id stands for', () => {
    index.add(faultImage(MODULES + 0x48n, 120, starts, { program: 7, func: 2, insns: [3, 9, 30] }));
    const want = [
      { entry: 0, insn: 3, register: 'rdi', length: 7, pc: MODULES + 0x58n, resume: MODULES + 0x5fn },
      { entry: 1, insn: 9, register: 'r15', length: 4, pc: MODULES + 0x84n, resume: MODULES + 0x88n },
      { entry: 2, insn: 30, register: null, length: 6, pc: MODULES + 0xacn, resume: MODULES + 0xb2n },
    ];
    for (const site of want) {
      const id = lookup(site.pc);
      assert.deepEqual(index.describe(id), { program: 7, func: 2, ...site });
    }
  });

  it('answers register and length in the detail byte', () => {
    index.add(faultImage(MODULES, 120, starts));
    const cases = [
      { at: 16n, want: (14 << 4) | 7 },
      { at: 60n, want: 4 },
      { at: 100n, want: 0xf6 },
      { at: 17n, want: 0 },
    ];
    for (const { at, want } of cases) {
      lookup(MODULES + at);
      assert.equal(index.detail, want, `+${at}`);
    }
  });

  it('takes the BPF instructions of a JitImage', () => {
    index.add({ ...faultImage(MODULES, 120, starts), entries: [{ insn: 5 }, { insn: 6 }, { insn: 8 }] });
    assert.equal(index.describe(lookup(MODULES + 60n))?.insn, 6);
  });

  it('does not know instructions it was not told', () => {
    index.add(faultImage(MODULES, 120, starts));
    assert.equal(index.describe(lookup(MODULES + 16n))?.insn, null);
  });

  it('misses odd addresses', () => {
    const address = MODULES + 0x40n;
    index.add(faultImage(address, 120, starts));
    const pcs = [
      0n,
      1n,
      ALL_ONES,
      ALL_ONES - 64n,
      0x8000000000000000n,
      0x0000800000000000n,
      address - 1n,
      address,
      address + 15n,
      address + 17n,
      address + 120n,
      address + 124n,
      MODULES - 1n,
      MODULES + 0x40000000n - 1n,
      (address + 16n) & 0xffffffffn,
      (address + 16n) ^ (1n << 63n),
      (address + 16n) ^ (1n << 30n),
    ];
    for (const pc of pcs) assert.equal(lookup(pc), FAULT_MISS, `0x${pc.toString(16)}`);
  });
});

describe('chunk records', () => {
  const cases = [
    { name: 'distance 36, the guard of 6.12', step: 36, count: 20 },
    { name: 'distance 34, the guard of 6.1', step: 34, count: 20 },
    { name: 'distance 5, arenas: 13 starts a chunk', step: 5, count: 60 },
    { name: 'distance 3, linux-5.5: 22 starts a chunk', step: 3, count: 90 },
    { name: 'distance 1: 64 starts a chunk', step: 1, count: 200 },
  ];
  for (const { name, step, count } of cases)
    it(name, () => {
      for (const offset of [0n, 8n, 60n]) {
        const starts = every(step, count, 3);
        const image = faultImage(MODULES + offset, 3 + step * count, starts, { program: 5 });
        index.add(image);
        checkImage(image.address, image.code.length, starts, 5);
        index.remove(image);
        assert.equal(lookup(image.address + 3n), FAULT_MISS);
      }
    });

  it('exactly 20 and 21 starts', () => {
    for (const count of [20, 21]) {
      const image = faultImage(MODULES, 64, every(3, count), { program: count });
      index.add(image);
      checkImage(MODULES, 64, every(3, count), count);
      index.remove(image);
    }
  });

  it('three images in one chunk come and go', () => {
    const images = [0n, 20n, 40n].map((at, i) =>
      faultImage(MODULES + at, 8, [{ at: 2 + i, length: 3 + i }], { program: i }),
    );
    const starts = images.map((_, i) => [{ at: 2 + i }]);
    for (const out of [0, 1, 2]) {
      for (const image of images) index.add(image);
      images.forEach(({ address }, i) => checkImage(address, 8, starts[i], i));
      index.remove(images[out]);
      assert.equal(lookup(images[out].address + BigInt(2 + out)), FAULT_MISS);
      images.forEach(({ address }, i) => {
        if (i !== out) checkImage(address, 8, starts[i], i);
      });
      for (const image of images) if (image !== images[out]) index.remove(image);
    }
  });

  it('a shared chunk with more starts than details fit', () => {
    const few = faultImage(MODULES, 9, every(1, 2), { program: 1 });
    const many = faultImage(MODULES + 36n, 28, every(1, 28), { program: 2 });
    index.add(many);
    index.add(few);
    checkImage(few.address, 9, every(1, 2), 1);
    checkImage(many.address, 28, every(1, 28), 2);
    index.remove(many);
    checkImage(few.address, 9, every(1, 2), 1);
    assert.equal(lookup(many.address), FAULT_MISS);
    index.add(many);
    index.remove(few);
    checkImage(many.address, 28, every(1, 28), 2);
    assert.equal(lookup(few.address), FAULT_MISS);
  });
});

describe('places', () => {
  it('images next to each other, the last byte of the window included', () => {
    const first = faultImage(MODULES + 4n, 8, [{ at: 7 }], { program: 1 });
    const second = faultImage(MODULES + 24n, 4, [{ at: 0 }], { program: 2 });
    const third = faultImage(MODULES + 40n, 4, [], { program: 3 });
    const fourth = faultImage(MODULES + 44n, 4, [{ at: 3 }], { program: 4 });
    const last = faultImage(MODULES + 0x40000000n - 16n, 4, [{ at: 3 }], { program: 5 });
    for (const image of [first, second, third, fourth, last]) index.add(image);
    checkImage(first.address, 8, [{ at: 7 }], 1);
    checkImage(second.address, 4, [{ at: 0 }], 2);
    checkImage(third.address, 4, [], 3);
    checkImage(fourth.address, 4, [{ at: 3 }], 4);
    checkImage(last.address, 4, [{ at: 3 }], 5);
  });

  it('images across the border of two packs and of two leaves', () => {
    for (const border of [0x10000n, 0x200000n]) {
      const image = faultImage(MODULES + border - 100n, 200, every(10, 20), { program: 1 });
      index.add(image);
      checkImage(image.address, 200, every(10, 20), 1);
      index.remove(image);
    }
  });

  it('images outside of the window, and half outside', () => {
    const outside = faultImage(0x7fff00000000n, 100, every(10, 10), { program: 1 });
    const half = faultImage(MODULES - 52n, 100, every(10, 10), { program: 2 });
    const inside = faultImage(MODULES + 0x1000n, 100, every(10, 10), { program: 3 });
    for (const image of [outside, half, inside]) index.add(image);
    for (const [i, image] of [outside, half, inside].entries())
      checkImage(image.address, 100, every(10, 10), i + 1);
    index.remove(outside);
    index.remove(half);
    assert.equal(lookup(outside.address), FAULT_MISS);
    assert.equal(lookup(half.address + 60n), FAULT_MISS);
    checkImage(inside.address, 100, every(10, 10), 3);
  });

  it('a window elsewhere', async () => {
    index = new FaultIndex(await Core.load(wasm), { base: 0x7fff00000000n });
    const image = faultImage(0x7fff00000040n, 100, every(10, 10), { program: 1 });
    index.add(image);
    checkImage(image.address, 100, every(10, 10), 1);
    assert.ok(index.memoryUsage().records > 0);
  });

  it('searches tables in place when told where they lie', async () => {
    core = await Core.load(wasm);
    const linear = core.exports.heapReserve(0x10000, 0x1000) >>> 0;
    const memory = { linear: (address: bigint) => linear + Number(address - MODULES) };
    index = new FaultIndex(core, { memory });
    const image = faultImage(MODULES + 0x100n, 100, every(10, 10), { program: 1 });
    core.bytes.set(image.extable, memory.linear(image.address) + image.extableOffset);
    index.add(image);
    checkImage(image.address, 100, every(10, 10), 1);
  });
});

describe('refusals leave the index as it was', () => {
  const base = faultImage(MODULES + 0x1000n, 100, every(10, 10), { program: 1 });
  const at = (offset: bigint, code = 16, starts: readonly Start[] = [{ at: 4 }]) =>
    faultImage(MODULES + offset, code, starts);
  const broken = (change: (view: DataView) => void) => {
    const image = at(0x2000n, 64, [{ at: 4 }, { at: 20 }, { at: 40 }]);
    change(new DataView(image.extable.buffer));
    return image;
  };
  const cases = [
    { name: 'the same image', image: base, code: 'LOOKUP_OVERLAP' },
    { name: 'one that starts inside the code', image: at(0x1060n), code: 'LOOKUP_OVERLAP' },
    { name: 'one that starts inside the table', image: at(0x10d8n), code: 'LOOKUP_OVERLAP' },
    { name: 'one whose table meets the code', image: at(0xfe8n), code: 'LOOKUP_OVERLAP' },
    { name: 'one around it', image: at(0xf00n, 0x400), code: 'LOOKUP_OVERLAP' },
    { name: 'one without entries inside it', image: at(0x1004n, 4, []), code: 'LOOKUP_OVERLAP' },
    { name: 'address not a multiple of 4', image: at(0x2002n), code: 'LOOKUP_ALIGNMENT' },
    {
      name: 'table not at a multiple of 4',
      image: { ...at(0x2000n), extableOffset: 18 },
      code: 'LOOKUP_ALIGNMENT',
    },
    { name: 'table inside the code', image: { ...at(0x2000n), extableOffset: 8 }, code: 'LOOKUP_IMAGE' },
    {
      name: 'half an entry',
      image: { ...at(0x2000n), extable: new Uint8Array(18) },
      code: 'LOOKUP_IMAGE',
    },
    { name: 'no code', image: at(0x2000n, 0, []), code: 'LOOKUP_IMAGE' },
    { name: 'past the last address', image: at(0x40000000n - 8n), code: 'LOOKUP_IMAGE' },
    { name: 'a negative address', image: { ...at(0x2000n), address: -4n }, code: 'LOOKUP_IMAGE' },
    {
      name: 'an entry outside of the code',
      image: broken((view) => view.setInt32(24, 8, true)),
      code: 'LOOKUP_IMAGE',
    },
    {
      name: 'entries not ascending',
      image: broken((view) => view.setInt32(24, view.getInt32(24, true) - 30, true)),
      code: 'LOOKUP_IMAGE',
    },
    {
      name: 'an entry twice',
      image: broken((view) => view.setInt32(12, view.getInt32(0, true) - 12, true)),
      code: 'LOOKUP_IMAGE',
    },
    { name: 'length 0', image: broken((view) => view.setInt32(16, 0x5000, true)), code: 'LOOKUP_IMAGE' },
    { name: 'length 16', image: broken((view) => view.setInt32(16, 0x5010, true)), code: 'LOOKUP_IMAGE' },
    {
      name: 'no such register',
      image: broken((view) => view.setInt32(16, 0x7804, true)),
      code: 'LOOKUP_IMAGE',
    },
  ];
  for (const { name, image, code } of cases)
    it(name, () => {
      index.add(base);
      const before = index.memoryUsage();
      assert.throws(() => index.add(image), { code });
      assert.deepEqual(index.memoryUsage(), before);
      assert.equal(index.size, 1);
      checkImage(base.address, 100, every(10, 10), 1);
      for (let offset = 0x2000n; offset < 0x2040n; offset++)
        assert.equal(lookup(MODULES + offset), FAULT_MISS);
    });

  it('removing what is not there', () => {
    index.add(base);
    for (const address of [base.address + 4n, base.address - 4n, 0n, ALL_ONES, -1n])
      assert.throws(() => index.remove({ address }), { code: 'LOOKUP_UNKNOWN' }, `${address}`);
    checkImage(base.address, 100, every(10, 10), 1);
    index.remove(base);
    assert.throws(() => index.remove(base), { code: 'LOOKUP_UNKNOWN' });
    assert.equal(index.size, 0);
  });

  it('a base that is not one, a path there is none for, answers without room', async () => {
    for (const base of [1n, -0x10000n, 0xffffffffc0010000n])
      assert.throws(() => new FaultIndex(core, { base }), { code: 'USAGE_LOOKUP_BASE' });
    const faithful = new FaultIndex(await Core.load(wasm), { path: 'faithful' });
    assert.throws(() => (faithful.path = 'map'), { code: 'USAGE_LOOKUP_PATH' });
    const out = { ids: new Uint32Array(1), details: new Uint8Array(2) };
    assert.throws(() => index.lookupBatch(new BigUint64Array(2), out), { code: 'USAGE_LOOKUP_OUT' });
  });
});

describe('memory', () => {
  it('comes back when the last image goes', () => {
    const before = core.exports.heapInUse();
    const images = Array.from({ length: 600 }, (_, i) =>
      faultImage(MODULES + BigInt(i * 2052), 120, every(1 + (i % 7), 17), { program: i }),
    );
    for (const image of images) index.add(image);
    for (const image of images.reverse()) index.remove(image);
    assert.equal(core.exports.heapInUse(), before);
    assert.deepEqual(index.memoryUsage(), { records: 0, owners: 0, heap: Number(before) });
  });

  it('does not grow as images are loaded again and again', () => {
    const images = Array.from({ length: 50 }, (_, i) =>
      faultImage(MODULES + BigInt(i * 4096), 500, every(5 + i, 9), { program: i }),
    );
    for (const image of images) index.add(image);
    const { heap } = index.memoryUsage();
    for (let round = 0; round < 20; round++)
      for (const image of images) {
        index.remove(image);
        index.add(image);
      }
    assert.equal(index.memoryUsage().heap, heap);
  });

  it('takes at most half a byte of records per byte of the packs in use', () => {
    let address = MODULES;
    for (; address < MODULES + 0x200000n; address += 0x140n)
      index.add(faultImage(address, 200, every(40, 5)));
    assert.ok(index.memoryUsage().records <= 0x100000 + 0x8000);
  });

  it('takes at most 128 bytes a program and 8 an entry besides records and tables', async () => {
    for (const entries of [1, 4, 5, 64, 100, 1024]) {
      core = await Core.load(wasm);
      index = new FaultIndex(core);
      const programs = 2000;
      const before = index.memoryUsage().heap;
      let tables = 0;
      for (let p = 0; p < programs; p++) {
        const image = faultImage(
          MODULES + BigInt(p * (entries * 52 + 128)),
          entries * 40,
          every(40, entries),
        );
        index.add(image);
        tables += image.extable.length + 16;
      }
      const { heap, records } = index.memoryUsage();
      // The heap rounds a table up to a quarter at most.
      const rest = heap - before - records - tables;
      const allowed = programs * 128 + programs * entries * 8 + tables * 0.25;
      assert.ok(rest <= allowed, `${entries} entries: ${rest} bytes, ${allowed} allowed`);
    }
  });

  it('its exhaustion is an error that changes nothing', () => {
    const kept = faultImage(MODULES, 100, every(10, 10), { program: 1 });
    index.add(kept);
    lookup(MODULES);
    while (core.exports.heapAlloc(0x1000000) !== 0);
    while (core.exports.heapAlloc(0x8000) !== 0);
    while (core.exports.heapAlloc(0x100) !== 0);
    while (core.exports.heapAlloc(16) !== 0);
    const { heap } = index.memoryUsage();
    let refused = 0;
    for (let i = 1; i < 300; i++) {
      try {
        index.add(faultImage(MODULES + BigInt(i) * 0x10000n, 100, every(10, 10)));
      } catch (error) {
        assert.equal((error as { code: string }).code, 'LIMIT_MEMORY');
        refused++;
      }
    }
    assert.ok(refused > 0);
    assert.equal(index.size, 300 - refused);
    if (index.size === 1) assert.equal(index.memoryUsage().heap, heap);
    checkImage(kept.address, 100, every(10, 10), 1);
  });
});

describe('batches', () => {
  it('of any length, with and without copying', () => {
    const starts = every(10, 300);
    index.add(faultImage(MODULES, 3000, starts, { program: 1 }));
    for (const count of [0, 1, 3, 4, 7, 1023, 1024, 1025, 3000]) {
      const pcs = BigUint64Array.from({ length: count }, (_, i) => MODULES + BigInt(i));
      const out = { ids: new Uint32Array(count), details: new Uint8Array(count) };
      index.lookupBatch(pcs, out);
      const own = index.batch(count);
      own.pcs.set(pcs);
      index.lookupBatch(own.pcs, own);
      const want = Uint32Array.from(pcs, (pc) => index.lookup(pc));
      assert.deepEqual(out.ids, want);
      assert.deepEqual(Uint32Array.from(own.ids), want);
      assert.deepEqual(Uint8Array.from(own.details), out.details);
      own.free();
    }
  });

  it('in a map larger than a cache, dense chunks and misses included', () => {
    const images = Array.from({ length: 80 }, (_, i) =>
      faultImage(MODULES + BigInt(i) * 0x10000n, 2000, every(i % 8 === 0 ? 2 : 37, 50), { program: i }),
    );
    for (const image of images) index.add(image);
    const count = 4000;
    const pcs = BigUint64Array.from({ length: count }, (_, i) => {
      if (i % 50 === 49) return BigInt(i) << 50n;
      // Whole groups without a dense chunk, and mixed ones.
      const image = images[i < 2000 ? 1 + (i % 7) : (i * 7) % 80];
      return image.address + BigInt(i % 3 === 0 ? i % 300 : (i % 50) * (image === images[0] ? 2 : 37));
    });
    const own = index.batch(count);
    own.pcs.set(pcs);
    index.lookupBatch(own.pcs, own);
    const ids = own.ids.slice();
    const details = own.details.slice();
    let hits = 0;
    for (let i = 0; i < count; i++) {
      assert.equal(ids[i], lookup(pcs[i]), `${i}`);
      assert.equal(details[i], index.detail, `${i}`);
      if (ids[i] !== FAULT_MISS) hits++;
    }
    assert.ok(hits > 500 && hits < count);
  });

  it('keep their place when memory grows', () => {
    const own = index.batch(4);
    own.pcs.set([MODULES + 3n, MODULES + 13n]);
    index.add(faultImage(MODULES, 3000, every(10, 30, 3), { program: 1 }));
    core.exports.heapAlloc(0x2000000);
    index.lookupBatch(own.pcs, own);
    assert.deepEqual([...own.ids], [0, 1, FAULT_MISS, FAULT_MISS]);
  });
});

describe('ids', () => {
  it('of removed images lead nowhere, and are handed out again', () => {
    const images = [0x0n, 0x1000n, 0x2000n].map((at) => faultImage(MODULES + at, 100, every(10, 9)));
    for (const image of images) index.add(image);
    const id = lookup(images[1].address);
    index.remove(images[1]);
    assert.equal(index.describe(id), null);
    index.add(images[1]);
    assert.equal(lookup(images[1].address), id);
    for (const nobody of [FAULT_MISS, 9, 1 << 30]) assert.equal(index.describe(nobody), null);
  });
});

describe('readers', () => {
  const threads = readFileSync(new URL('../../../host/core/lookup-threads.wasm', import.meta.url));

  it('answer as the index does, singly and in batches with and without copying', async () => {
    const shared = await FaultIndex.create({ shared: true, wasm: threads });
    const reader = await FaultReader.open(shared.reader(100));
    shared.add(faultImage(MODULES, 300, every(5, 50), { program: 1 }));
    shared.add(faultImage(0x7fff00000000n, 300, every(5, 50), { program: 2 }));
    const pcs = BigUint64Array.from(
      { length: 900 },
      (_, i) => [MODULES, 0x7fff00000000n, 0n][i % 3] + BigInt(i >> 1),
    );
    const out = { ids: new Uint32Array(900), details: new Uint8Array(900) };
    reader.lookupBatch(pcs, out);
    reader.own.pcs.set(pcs.subarray(0, 100));
    reader.lookupBatch(reader.own.pcs, reader.own);
    for (const [i, pc] of pcs.entries()) {
      const want = [shared.lookup(pc), shared.detail];
      assert.deepEqual([out.ids[i], out.details[i]], want, `0x${pc.toString(16)}`);
      assert.deepEqual([reader.lookup(pc), reader.detail], want);
      if (i < 100) assert.deepEqual([reader.own.ids[i], reader.own.details[i]], want);
    }
    assert.equal(reader.treeGroups, 0);
  });

  it('are limited in number and given back once', async () => {
    assert.throws(() => index.reader(), { code: 'USAGE_LOOKUP_SHARED' });
    const shared = await FaultIndex.create({ shared: true, wasm: threads });
    const passes = Array.from({ length: 62 }, () => shared.reader());
    assert.throws(() => shared.reader(), { code: 'LIMIT_READERS' });
    shared.closeReader(passes[5]);
    assert.throws(() => shared.closeReader(passes[5]), { code: 'USAGE_LOOKUP_SHARED' });
    assert.equal(shared.reader().slot, 5);
    const faithful = await FaultIndex.create({ shared: true, path: 'faithful', wasm: threads });
    assert.throws(() => faithful.reader(), { code: 'USAGE_LOOKUP_SHARED' });
  });
});

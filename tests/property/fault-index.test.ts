import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { KSYM_NODE0, KSYM_NODE1 } from '../../assembly/layout/kallsyms.js';
import { Core } from '../../host/core/core.js';
import { FAULT_MISS, FaultIndex, type FaultImage } from '../../host/lookup/fault-index.js';
import { faultImage } from '../support/fault-image.js';
import { Random, testSeed } from '../support/random.js';
import { walkTree } from '../support/rb-tree.js';

const wasm = readFileSync(new URL('../../host/core/core.wasm', import.meta.url));

/** Set OPERATIONS=10000000 for the long run. */
const OPERATIONS = Number(process.env.OPERATIONS ?? 400_000);
// Two leaves and a bit, the end of the window inside: some images are within it, some half, some outside.
const SPACE = 0x24000;
const BASE = 0xffffffffc0000000n - 0x4000n;
const BATCH = 256;

/** The oracle: images in an array sorted by address. */
interface Loaded {
  readonly start: number;
  /** One past the table. */
  readonly end: number;
  readonly image: FaultImage;
  /** Offsets of the starts, ascending. */
  readonly starts: readonly number[];
  readonly details: readonly number[];
  readonly program: number;
}

function after(images: readonly Loaded[], offset: number): number {
  let low = 0;
  let high = images.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (images[middle].start <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function makeImage(random: Random, program: number): Loaded {
  const start = random.below(SPACE >> 2) << 2;
  const distance = random.pick([1, 3, 5, 8, 16, 34, 36, 60]);
  const count = random.pick([0, 1, 1, 2, 4, 7, 24, 70]);
  const starts: number[] = [];
  let at = random.below(40);
  for (let k = 0; k < count; k++) {
    starts.push(start + at);
    at += distance + random.below(random.pick([1, 1, 4, 20]));
  }
  const entries = starts.map((offset) => ({
    at: offset - start,
    length: 1 + random.below(15),
    register: random.pick([0, 8, 16, 40, 72, 80, 88, 96, 104, 112, 1]),
  }));
  const image = faultImage(BASE + BigInt(start), at + 1 + random.below(12), entries, { program });
  return {
    start,
    end: start + image.extableOffset + image.extable.length,
    image,
    starts,
    details: entries.map(({ length, register }) => length | ((register === 1 ? 15 : register / 8) << 4)),
    program,
  };
}

it(`map and tree agree with a sorted array over ${OPERATIONS} operations`, async () => {
  const random = new Random(testSeed());
  const note = `SEED=${random.seed}`;
  const core = await Core.load(wasm);
  const index = new FaultIndex(core);
  const empty = index.memoryUsage().heap;
  const batch = index.batch(BATCH);
  const images: Loaded[] = [];
  const sought = new Int32Array(BATCH);
  let programs = 0;

  const add = (): void => {
    const made = makeImage(random, programs++);
    const { start, end } = made;
    const neighbour = images[after(images, end - 1) - 1];
    if (neighbour !== undefined && neighbour.end > start) {
      assert.throws(() => index.add(made.image), { code: 'LOOKUP_OVERLAP' }, note);
      return;
    }
    index.add(made.image);
    images.splice(after(images, start), 0, made);
  };

  const remove = (): void => {
    const at = random.below(images.length);
    index.remove(images[at].image);
    images.splice(at, 1);
  };

  const lookups = (): void => {
    for (let i = 0; i < BATCH; i++) {
      const near = images[random.below(images.length || 1)];
      let offset = random.below(SPACE + 4096) - 64;
      if (near !== undefined && i % 8 !== 0) {
        offset =
          near.starts.length > 0 && i % 8 > 1
            ? random.pick(near.starts) + random.pick([0, 0, 0, 0, -1, 1])
            : random.pick([near.start - 1, near.start, near.end - 1, near.end]);
      }
      sought[i] = offset;
      batch.pcs[i] = BASE + BigInt(offset);
    }
    index.path = 'faithful';
    index.lookupBatch(batch.pcs, batch);
    const ids = batch.ids.slice();
    const details = batch.details.slice();
    index.path = 'map';
    index.lookupBatch(batch.pcs, batch);
    for (let i = 0; i < BATCH; i++) {
      const offset = sought[i];
      const image = images[after(images, offset) - 1];
      const k = image === undefined ? -1 : image.starts.indexOf(offset);
      const id = batch.ids[i];
      const { program, entry } = (id === FAULT_MISS ? null : index.describe(id)) ?? {
        program: -1,
        entry: -1,
      };
      const right =
        ids[i] === id &&
        details[i] === batch.details[i] &&
        entry === k &&
        (k < 0
          ? id === FAULT_MISS && details[i] === 0
          : program === image.program && details[i] === image.details[k]);
      if (!right)
        assert.fail(
          `offset ${offset}: wanted entry ${k} of program ${image?.program}, map ${id}, tree ${ids[i]}, ` +
            `details ${batch.details[i]} and ${details[i]}; ${note}`,
        );
    }
    assert.equal(index.lookup(BASE + BigInt(sought[0])), batch.ids[0], note);
    assert.equal(index.detail, batch.details[0], note);
  };

  const invariants = (): void => {
    const { view } = core;
    const latch = core.exports.kallsymsLatch() >>> 0;
    assert.equal(view.getUint32(latch, true) % 2, 0);
    const order = walkTree(view, view.getUint32(latch + 4, true), KSYM_NODE0);
    assert.deepEqual(walkTree(view, view.getUint32(latch + 8, true), KSYM_NODE1), order, note);
    assert.equal(order.length, images.length);
    assert.equal(index.size, images.length);
  };

  let target = 100;
  let updates = 0;
  for (let done = 0; done < OPERATIONS; done += 16 + BATCH) {
    for (let i = 0; i < 16; i++) {
      if (images.length === 0 || random.below(2 * target) >= images.length) add();
      else remove();
      if (++updates % 2048 === 0) invariants();
      if (updates % 5000 === 0) target = random.pick([2, 20, 100, 400]);
    }
    lookups();
  }
  invariants();
  while (images.length > 0) remove();
  invariants();
  batch.free();
  assert.equal(index.memoryUsage().heap, empty, note);
});

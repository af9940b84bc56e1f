import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { FAULT_MISS, FaultIndex, type FaultImage } from '../../host/lookup/fault-index.js';
import { faultImage } from '../support/fault-image.js';
import type { ReaderReport, ReaderTask } from '../support/fault-reader-worker.js';
import { Random, testSeed } from '../support/random.js';

const wasm = readFileSync(new URL('../../host/core/lookup-threads.wasm', import.meta.url));

/** Set LOOKUPS=100000000 for the long run. */
const LOOKUPS = Number(process.env.LOOKUPS ?? 2_000_000);
const READERS = 3;
const PLACES = 96;
const MODULES = 0xffffffffc0000000n;

/** Some stay where they are, in chunks that they share with ones that do not. */
const isPermanent = (p: number): boolean => p % 6 === 2 || p % 6 === 4;

/** A place in memory and the images that take turns there; their ids are the same each time. */
interface Place {
  readonly ways: readonly FaultImage[];
  readonly starts: readonly (readonly number[])[];
  now: number;
}

function makePlace(random: Random, p: number): Place {
  // Every third place is a small one in the same chunk as the next; every eighth has a leaf of its own.
  const small = p % 3 === 1;
  const distance = small ? 1 : random.pick([1, 2, 3, 5, 16, 36]);
  const entries = small ? 2 : 4 * (1 + random.below(8));
  const offset = small ? (p + 1) * 4096 : p % 8 === 7 ? 0x400000 + p * 0x10000 : p * 4096;
  const address = MODULES + BigInt(offset + (p % 3 === 2 ? 32 : 0));
  const ways = Array.from({ length: isPermanent(p) ? 1 : 2 }, (_, way) => {
    const shift = way * random.below(2);
    const starts = Array.from({ length: entries - way }, (_, k) => ({
      at: shift + k * distance,
      length: 1 + random.below(15),
      register: random.pick([0, 8, 16, 72, 80, 96, 112, 1]),
    }));
    const image = faultImage(address, entries * distance + 2, starts, { program: 2 * p + way });
    return { image, starts: starts.map(({ at }) => at) };
  });
  return { ways: ways.map(({ image }) => image), starts: ways.map(({ starts }) => starts), now: 0 };
}

it(`${READERS} readers and a writer: ${LOOKUPS} lookups, none torn`, { timeout: 600_000 }, async () => {
  const random = new Random(testSeed());
  const note = `SEED=${random.seed}`;
  const index = await FaultIndex.create({ shared: true, wasm });
  const places = Array.from({ length: PLACES }, (_, p) => makePlace(random, p));
  for (const { ways } of places) index.add(ways[0]);
  const toggle = (place: Place, way: number): void => {
    index.remove(place.ways[place.now]);
    place.now = way;
    index.add(place.ways[way]);
  };

  const changing = places.filter(({ ways }) => ways.length > 1);

  const seen: { pc: bigint; ids: number[]; details: number[]; mayMiss: boolean }[] = [];
  for (const [p, place] of places.entries()) {
    const at = [...new Set(place.starts.flat())].flatMap((start) => [start, start + 1]);
    const answers = place.ways.map((_, way) => {
      if (place.ways.length > 1) toggle(place, way);
      return at.map((offset) => {
        const id = index.lookup(place.ways[0].address + BigInt(offset));
        return [id, index.detail];
      });
    });
    at.forEach((offset, i) => {
      const [a, b = a] = answers.map((way) => way[i]);
      seen.push({
        pc: place.ways[0].address + BigInt(offset),
        ids: [a[0], b[0]],
        details: [a[1], b[1]],
        mayMiss: !isPermanent(p) || a[0] === FAULT_MISS,
      });
    });
  }

  const reports: ReaderReport[] = [];
  let ready = 0;
  const workers = Array.from({ length: READERS }, () => {
    const task: ReaderTask = {
      pass: index.reader(),
      pcs: BigUint64Array.from(seen, ({ pc }) => pc),
      ids: Uint32Array.from(seen.flatMap(({ ids }) => ids)),
      details: Uint8Array.from(seen.flatMap(({ details }) => details)),
      mayMiss: Uint8Array.from(seen, ({ mayMiss }) => Number(mayMiss)),
      lookups: LOOKUPS / READERS,
      seed: random.u32(),
    };
    const worker = new Worker(new URL('../support/ts-worker.js', import.meta.url), {
      workerData: { module: new URL('../support/fault-reader-worker.ts', import.meta.url).href, task },
    });
    const over = new Promise<void>((resolve, reject) => {
      worker.on('message', (message: 'ready' | ReaderReport) => {
        if (message === 'ready') ready++;
        else reports.push(message);
      });
      worker.on('error', reject);
      worker.on('exit', () => resolve());
    });
    return { over, pass: task.pass };
  });
  let updates = 0;
  let open = true;
  const over = Promise.all(workers.map((worker) => worker.over)).finally(() => (open = false));
  while (open) {
    for (let i = 0; i < 200 && ready === READERS; i++) {
      toggle(random.pick(changing), random.below(2));
      updates++;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await over;

  assert.equal(reports.length, READERS, note);
  for (const { torn } of reports) assert.deepEqual(torn, [], note);
  assert.ok(reports.reduce((sum, { lookups }) => sum + lookups, 0) >= LOOKUPS);
  for (const { hits } of reports) assert.ok(hits > 0, note);
  assert.ok(updates > 100, `${updates} updates; ${note}`);
  assert.ok(
    reports.some(({ treeGroups }) => treeGroups > 0),
    `the tree never answered; ${note}`,
  );
  for (const { pass } of workers) index.closeReader(pass);
  for (const { ways, now } of places) index.remove(ways[now]);
  assert.deepEqual(index.memoryUsage(), { records: 0, owners: 0, heap: 0 }, note);
});

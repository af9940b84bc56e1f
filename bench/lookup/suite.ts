import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Core } from '../../host/core/core.js';
import { FaultIndex } from '../../host/lookup/fault-index.js';
import type { Suite } from '../main.js';
import type { BenchRow } from '../ratio.js';
import { read } from '../reading.js';
import { makeLoad, type Size } from './load.js';
import { faultRow } from './fault.js';
import { Native } from './native.js';
import { sizeName, type Job, type Report } from './one-size.js';
import { PEERS } from './peers.js';
import { lookupPlot } from './plot.js';

const ADDRESSES = 1_000_000;
/** A power of two. */
const BATCH = 1024;
// 100k x 1024 is 2.75 GB of images: more than a module space holds.
const SIZES: readonly Size[] = [1, 100, 10_000, 100_000].flatMap((programs) =>
  [4, 64, 1024]
    .filter((entries) => programs * entries <= 10_240_000)
    .map((entries) => ({ programs, entries })),
);
const QUICK = new Set(['1x64', '100x64', '10kx4', '10kx1024', '100kx64']);
/** A JS Map of more entries than this does not fit beside the rest. */
const MAP_ENTRIES = 1_000_000;

function peersOf({ programs, entries }: Size, quick: boolean): string[] {
  if (quick || entries !== 64) return ['js-fault-map'];
  return Object.keys(PEERS).filter((peer) => peer !== 'jsmap' || programs * entries <= MAP_ENTRIES);
}

/** One size in a process of its own, so that each starts with a fresh engine and gives its memory back. */
async function* measured(job: Job, progress: (text: string) => void): AsyncGenerator<BenchRow> {
  const child = fork(fileURLToPath(new URL('./one-size.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx', '--max-old-space-size=8192', '--expose-gc'],
  });
  const rows: BenchRow[] = [];
  let wake = (): void => {};
  let over = false;
  child.on('message', (report: Report) => {
    if ('progress' in report) progress(report.progress);
    else rows.push(report.row);
    wake();
  });
  const closed = once(child, 'close').then(([code]) => {
    over = true;
    wake();
    return code as number;
  });
  child.send(job);
  while (!over || rows.length > 0) {
    const row = rows.shift();
    if (row !== undefined) yield row;
    else await new Promise<void>((resolve) => (wake = resolve));
  }
  if ((await closed) !== 0) throw new Error(`lookup ${sizeName(job.size)}: the process failed`);
}

export const rows: Suite['rows'] = async function* ({ quick, only, progress }) {
  const native = Native.compile();
  if (native === null) console.log('  no gcc: rows against the native baseline are left out');
  for (const size of SIZES) {
    if (only === null ? quick && !QUICK.has(sizeName(size)) : !only.has(sizeName(size))) continue;
    const job = {
      size,
      native,
      addresses: ADDRESSES,
      rounds: quick ? 3 : 7,
      minMs: quick ? 10 : 50,
      peers: peersOf(size, quick),
    };
    yield* measured(job, progress);
  }
  if (only === null || only.has('fault')) yield await faultRow(quick ? 3 : 9, progress);
  if (only === null || only.has('reading')) await readLookups(quick);
};

/** What a caller in JS sees of 100 programs of 64 entries. */
async function readLookups(quick: boolean): Promise<void> {
  const load = makeLoad({ programs: 100, entries: 64 }, BATCH);
  const index = new FaultIndex(
    await Core.load(readFileSync(new URL('../../host/core/core.wasm', import.meta.url))),
  );
  for (const image of load.images) index.add(image);
  const pcs = load.sets.uniform;
  const own = index.batch(BATCH);
  own.pcs.set(pcs);
  const out = { ids: new Uint32Array(BATCH), details: new Uint8Array(BATCH) };
  const [image] = load.images;
  let at = 0;
  await read(
    'lookup',
    {
      'lookup(pc), one address': () => index.lookup(pcs[at++ & (BATCH - 1)]),
      [`lookupBatch, ${BATCH} addresses in place`]: () => index.lookupBatch(own.pcs, own),
      [`lookupBatch, ${BATCH} addresses copied`]: () => index.lookupBatch(pcs, out),
      'remove and add an image of 64 entries': () => {
        index.remove(image);
        index.add(image);
      },
    },
    quick,
  );
}

export { lookupPlot as plot };

import { readFileSync } from 'node:fs';
import { Core } from '../../host/core/core.js';
import { FaultIndex } from '../../host/lookup/fault-index.js';
import { KSYM_IDS } from '../../assembly/layout/kallsyms.js';
import type { BenchRow } from '../ratio.js';
import { alternate, timed, type Contender } from './alternate.js';
import { makeLoad, type Size } from './load.js';
import { checksum, Native, type SetName } from './native.js';
import { PEERS, peerPrograms } from './peers.js';

/** What one process measures: everything of one size. */
export interface Job {
  readonly size: Size;
  /** Compiled baseline; null = rows against it are left out. */
  readonly native: string | null;
  readonly addresses: number;
  readonly rounds: number;
  readonly minMs: number;
  readonly peers: readonly string[];
}

export type Report = { readonly row: BenchRow } | { readonly progress: string };

/** Addresses that peers look up: they take up to a thousand times as long. */
const PEER_ADDRESSES = 200_000;

const thousands = (n: number): string => (n % 1000 === 0 ? `${n / 1000}k` : String(n));
export const sizeName = ({ programs, entries }: Size): string => `${thousands(programs)}x${entries}`;

async function measure(job: Job, report: (report: Report) => void): Promise<void> {
  const { size, addresses, rounds, minMs } = job;
  const name = sizeName(size);
  report({ progress: `${name}: placing images` });
  const load = makeLoad(size, addresses);
  const core = await loadCore();
  const index = new FaultIndex(core);
  for (const image of load.images) index.add(image);
  const usage = index.memoryUsage();
  const firstIds = Uint32Array.from(
    load.images,
    ({ address }) => core.words[((core.exports.faultIndexFind(address) >>> 0) + KSYM_IDS) >>> 2],
  );
  report({
    row: {
      suite: 'lookup',
      name: `records ${name}`,
      baseline: 'bytes of the packs in use',
      ratio: fixed(load.packBytes / usage.records),
      rounds: 1,
      value: usage.records / load.packBytes,
      unit: 'byte/byte',
    },
  });
  const native = job.native === null ? null : await Native.start(job.native, load, firstIds);
  const batch = index.batch(addresses);
  const ids = new Uint32Array(addresses);
  const details = new Uint8Array(addresses);
  const programs = job.peers.length > 0 ? peerPrograms(load, firstIds) : [];
  const peers = job.peers.map((peer) => [peer, PEERS[peer](programs)] as const);

  const single = (pcs: BigUint64Array): void => {
    for (let i = 0; i < pcs.length; i++) {
      ids[i] = index.lookup(pcs[i]);
      details[i] = index.detail;
    }
  };
  const singleFaithful = (pcs: BigUint64Array): void => {
    for (let i = 0; i < pcs.length; i++) {
      ids[i] = index.lookup(pcs[i]);
      details[i] = index.detail;
    }
  };

  for (const set of ['uniform', 'zipf'] as const) {
    const pcs = load.sets[set];
    const words = new Uint32Array(pcs.buffer);
    batch.pcs.set(pcs);
    const want = native === null ? null : (await native.run(set, 0)).sum;
    index.lookupBatch(batch.pcs, batch);
    const right = { ids: batch.ids.slice(), details: batch.details.slice() };
    const mine = checksum(right.ids, right.details, addresses);
    const check = (what: string, a: Uint32Array, b: Uint8Array, count: number): void => {
      for (let i = 0; i < count; i++)
        if (a[i] !== right.ids[i] || b[i] !== right.details[i])
          throw new Error(`${what} ${name} ${set}: other answer for 0x${pcs[i].toString(16)}`);
    };
    if (want !== null && want !== mine)
      throw new Error(`${name} ${set}: native answers ${want}, the map ${mine}`);

    const contender = (
      kind: string,
      run: () => void,
      count: number,
      out: { readonly ids: Uint32Array; readonly details: Uint8Array },
    ): Contender => {
      const inner = timed(run, count);
      return {
        name: `${kind} ${name} ${set}`,
        measure: async (ms) => {
          // Collected now, not while the clock runs.
          globalThis.gc?.();
          const ns = await inner(ms);
          check(kind, out.ids, out.details, count);
          return ns;
        },
      };
    };
    const path = (path: 'map' | 'faithful', run: () => void) => (): void => {
      index.path = path;
      run();
    };
    const jsMap = peers.find(([peer]) => peer === 'js-fault-map')?.[1];
    const own: Contender[] = [
      contender(
        'map batch',
        path('map', () => index.lookupBatch(batch.pcs, batch)),
        addresses,
        batch,
      ),
      contender(
        'map single',
        path('map', () => single(pcs)),
        addresses,
        { ids, details },
      ),
      contender(
        'faithful batch',
        path('faithful', () => index.lookupBatch(batch.pcs, batch)),
        addresses,
        batch,
      ),
      contender(
        'faithful single',
        path('faithful', () => singleFaithful(pcs)),
        addresses,
        { ids, details },
      ),
    ];
    const others = peers.map(([peer, lookup]) => {
      const count = peer === 'js-fault-map' ? addresses : Math.min(PEER_ADDRESSES, addresses);
      return contender(`${peer} batch`, () => lookup(words, count, ids, details), count, { ids, details });
    });
    const options = {
      rounds,
      minMs,
      unit: 'ns/lookup',
      onRound: (round: number) => report({ progress: `${name} ${set}: round ${round} of ${rounds}` }),
    };
    if (native !== null) {
      const baseline = { name: 'native tree and search', measure: nativeMeasure(native, set, mine) };
      for (const row of await alternate([...own, ...others], baseline, options)) report({ row });
    }
    if (jsMap !== undefined) {
      const inner = timed(() => jsMap(words, addresses, ids, details), addresses);
      const map = { ...own[0], name: `map over js-fault-map batch ${name} ${set}` };
      const [row] = await alternate([map], { name: 'js-fault-map', measure: inner }, options);
      report({ row });
    }
  }
  if (native === null) return;
  await updates(job, load, core, native, firstIds, report);
  native.stop();
}

function nativeMeasure(native: Native, set: SetName, want: number) {
  return async (minMs: number): Promise<number> => {
    const { ns, sum } = await native.run(set, minMs);
    if (sum !== want) throw new Error(`native baseline: answers ${sum}, expected ${want}`);
    return ns;
  };
}

/** Loading and unloading every image, in load order: the map's own part, then what the trees take without a map. */
async function updates(
  job: Job,
  { images }: ReturnType<typeof makeLoad>,
  core: Core,
  native: Native,
  firstIds: Uint32Array,
  report: (report: Report) => void,
): Promise<void> {
  const { faultMapLoad, faultMapUnload, faultIndexEntry } = core.exports;
  const tables = Uint32Array.from(firstIds, (id) => faultIndexEntry(id));
  const guests = BigUint64Array.from(images, ({ address, extableOffset }) => address + BigInt(extableOffset));
  const starts = BigUint64Array.from(images, ({ address }) => address);
  const lasts = BigUint64Array.from(images, ({ address, code }) => address + BigInt(code.length - 1));
  const { entries, programs } = job.size;
  await update(job, native, '', report, {
    unload: () => {
      for (let i = 0; i < programs; i++) faultMapUnload(starts[i], lasts[i]);
    },
    load: () => {
      for (let i = 0; i < programs; i++) faultMapLoad(tables[i], guests[i], entries, firstIds[i]);
    },
  });
  const trees = await loadCore();
  const { faultIndexAdd, faultIndexRemove, faultIndexSetMapped } = trees.exports;
  faultIndexSetMapped(false);
  const copies = Uint32Array.from(images, ({ extable }) => trees.allocBytes(extable));
  const load = (): void => {
    for (let i = 0; i < programs; i++)
      faultIndexAdd(starts[i], lasts[i], guests[i], copies[i], entries, i, 0, 0);
  };
  load();
  await update(job, native, 'tree ', report, {
    unload: () => {
      for (let i = 0; i < programs; i++) faultIndexRemove(starts[i]);
    },
    load,
  });
}

/** Alternates with the baseline; starts and ends with everything loaded. */
async function update(
  job: Job,
  native: Native,
  what: string,
  report: (report: Report) => void,
  passes: { readonly unload: () => void; readonly load: () => void },
): Promise<void> {
  const { programs, entries } = job.size;
  const name = sizeName(job.size);
  // A pass is too short for the processor's clock, and mostly too short to be interrupted: the median of several counts.
  const repeat = Math.max(3, Math.min(400, Math.ceil(400_000 / (programs * entries))));
  const timeOf = (run: () => void): number => {
    const start = performance.now();
    run();
    return ((performance.now() - start) * 1e6) / programs;
  };
  const times: { load: number[]; unload: number[] } = { load: [], unload: [] };
  const baseline: { load: number[]; unload: number[] } = { load: [], unload: [] };
  for (let round = -2; round < job.rounds; round++) {
    report({ progress: `${name}: ${what}load and unload` });
    const built = await native.build();
    const unloading: number[] = [];
    const loading: number[] = [];
    for (let r = 0; r < repeat; r++) {
      unloading.push(timeOf(passes.unload));
      loading.push(timeOf(passes.load));
    }
    if (round < 0) continue;
    times.load.push(median(loading));
    times.unload.push(median(unloading));
    baseline.load.push(built.insert / median(loading));
    baseline.unload.push(built.erase / median(unloading));
  }
  for (const kind of ['load', 'unload'] as const) {
    const sorted = baseline[kind].sort((a, b) => a - b);
    const middle = times[kind].sort((a, b) => a - b)[times[kind].length >> 1];
    const [min, median, max] = [sorted[0], sorted[sorted.length >> 1], sorted[sorted.length - 1]];
    report({
      row: {
        suite: 'lookup',
        name: `${what}${kind} ${name}`,
        baseline: kind === 'load' ? 'native tree insert' : 'native tree erase',
        ratio: { min, median, max },
        rounds: job.rounds,
        value: middle,
        unit: 'ns/program',
      },
    });
  }
}

const loadCore = (): Promise<Core> =>
  Core.load(readFileSync(process.env.CORE ?? new URL('../../host/core/core.wasm', import.meta.url)));
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];
const fixed = (ratio: number) => ({ min: ratio, median: ratio, max: ratio });

process.once('message', (job: Job) => {
  measure(job, (message) => process.send?.(message)).then(
    () => process.disconnect(),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});

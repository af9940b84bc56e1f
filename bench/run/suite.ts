import { readFileSync } from 'node:fs';
import { Core } from '../../host/core/core.js';
import { profile } from '../../host/profiles/profiles.js';
import type { Suite } from '../main.js';
import type { BenchRow } from '../ratio.js';
import { Machines, type Run } from './contenders.js';
import { firstResults } from './first-result.js';
import { benchPrograms } from './program.js';
import { threadMs } from './thread-time.js';

/** What each engine is measured against. */
const BASELINES: Record<string, 'image' | 'gcc'> = {
  wasm: 'image',
  'wasm-probe': 'image',
  'wasm-checked': 'gcc',
  x86: 'image',
  interp: 'gcc',
};
const BASELINE_NAMES = { image: 'its image on this CPU', gcc: 'gcc -O2' };
const ROUNDS = 15;
const QUICK_ROUNDS = 5;
/** Least time of a measurement. */
const MIN_MS = 1;
/** Calls before the first measurement: by then V8 has optimised. */
const WARM_UP = 20;

export async function* rows({
  quick,
  only,
  progress,
}: Parameters<Suite['rows']>[0]): AsyncGenerator<BenchRow> {
  const wasm = readFileSync(new URL('../../host/core/core.wasm', import.meta.url));
  const core = await Core.load(wasm);
  const machines = new Machines(core, profile('linux-6.12'));
  const all = new Map<string, BenchRow[]>();
  for (const program of benchPrograms()) {
    if (only !== null && !only.has(program.name)) continue;
    progress(`run ${program.name}`);
    const runs = machines.contenders(program);
    if (all.size === 0) for (const engine of ['x86', 'interp']) await optimised(runs[engine]);
    for (const row of await measure(program.name, runs, quick ? QUICK_ROUNDS : ROUNDS)) {
      const engine = row.name.split(' ')[0];
      all.set(engine, [...(all.get(engine) ?? []), row]);
      yield row;
    }
  }
  for (const [engine, measured] of all) yield geometricMean(engine, measured);
  if (only !== null && !only.has('first')) return;
  for await (const row of firstResults(machines)) yield row;
}

/** The loops of the core are large: V8 takes seconds to optimise them, on another thread. */
const PATIENCE_MS = 8000;
const OPTIMISED = 0.7;

/** Calls until optimised code has arrived: until calls take much less time than the first ones, or patience ends. */
async function optimised(run: Run): Promise<void> {
  const start = performance.now();
  const first = time(run, 3);
  do {
    for (let at = 0; at < WARM_UP; at++) run();
    await new Promise((resume) => setTimeout(resume, 5));
  } while (time(run, 3) > OPTIMISED * first && performance.now() - start < PATIENCE_MS);
}

/** All contenders in turn, round after round; a ratio is that of the times of one round. */
async function measure(name: string, runs: Record<string, Run>, rounds: number): Promise<BenchRow[]> {
  const expected = runs.image();
  const calls = new Map<string, number>();
  for (const [contender, run] of Object.entries(runs)) {
    const found = run();
    if (found !== expected)
      throw new Error(`bench: ${name} returns ${expected} as an image, ${found} on ${contender}`);
    for (let at = 0; at < WARM_UP; at++) run();
    // Optimised code arrives from another thread.
    await new Promise((resume) => setTimeout(resume, 5));
    calls.set(contender, Math.max(1, Math.ceil(MIN_MS / time(run, 1))));
  }
  const times = new Map<string, number[]>(Object.keys(runs).map((contender) => [contender, []]));
  for (let round = 0; round < rounds; round++)
    for (const [contender, run] of Object.entries(runs))
      times.get(contender)?.push(time(run, calls.get(contender)!));
  return Object.entries(BASELINES).flatMap(([engine, baseline]): BenchRow[] => {
    const own = times.get(engine);
    const base = times.get(baseline);
    if (!own || !base) return [];
    const ratios = own.map((taken, round) => base[round] / taken).sort((a, b) => a - b);
    return [
      {
        suite: 'run',
        name: `${engine} ${name}`,
        baseline: BASELINE_NAMES[baseline],
        // The fastest of the rounds stand for both: what else runs on a computer only makes a round slower.
        ratio: { min: ratios[0], median: Math.min(...base) / Math.min(...own), max: ratios[rounds - 1] },
        rounds,
        value: Math.min(...own),
        unit: 'ms',
      },
    ];
  });
}

/** Milliseconds of processor time a call: what else runs on the machine does not count. */
function time(run: Run, calls: number): number {
  const start = threadMs();
  for (let at = 0; at < calls; at++) run();
  return (threadMs() - start) / calls;
}

function geometricMean(engine: string, rows: readonly BenchRow[]): BenchRow {
  const mean = (of: (row: BenchRow) => number): number =>
    Math.exp(rows.reduce((sum, row) => sum + Math.log(of(row)), 0) / rows.length);
  return {
    ...rows[0],
    name: `${engine} geomean`,
    ratio: {
      min: mean(({ ratio }) => ratio.min),
      median: mean(({ ratio }) => ratio.median),
      max: mean(({ ratio }) => ratio.max),
    },
    value: mean(({ value }) => value),
  };
}

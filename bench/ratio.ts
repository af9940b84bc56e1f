/** One result of `npm run bench`, as --json prints it. `ratio` > 1 means faster than the baseline. */
export interface BenchRow {
  readonly suite: string;
  readonly name: string;
  readonly baseline: string;
  readonly ratio: { readonly min: number; readonly median: number; readonly max: number };
  readonly rounds: number;
  readonly value: number;
  readonly unit: string;
  /** Millions of units of work a second that the baseline does, in its best round; absent = not told. */
  readonly baselineSpeed?: number;
}

/** A piece of work that is timed whole; `count` units of it happen per call. */
export interface Work {
  readonly name: string;
  readonly count: number;
  run(): unknown;
}

/** Keeps results alive, so that no engine may drop the work. */
export let sink: unknown;

/** Milliseconds of processor time this process took: what else runs on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function time(work: Work, minMs: number): number {
  let calls = 0;
  const start = cpuMs();
  let now = start;
  do {
    sink = work.run();
    calls++;
    now = cpuMs();
  } while (now - start < minMs);
  return (now - start) / calls;
}

/**
 * Times `work` against `baseline`, alternating in one process: each round is baseline, work, baseline, and its
 * ratio is the mean baseline time over the work's time, per unit.
 */
export function compare(
  suite: string,
  work: Work,
  baseline: Work,
  unit: string,
  options: { readonly rounds: number; readonly minMs: number; readonly onRound?: (done: number) => void },
): BenchRow {
  // Warm-up: V8 swaps in optimised code while a function keeps being called.
  time(baseline, options.minMs);
  time(work, options.minMs);
  const ratios: number[] = [];
  let best = Infinity;
  let baselineBest = Infinity;
  for (let round = 0; round < options.rounds; round++) {
    const before = time(baseline, options.minMs) / baseline.count;
    const own = time(work, options.minMs) / work.count;
    const after = time(baseline, options.minMs) / baseline.count;
    ratios.push((before + after) / 2 / own);
    best = Math.min(best, own);
    baselineBest = Math.min(baselineBest, before, after);
    options.onRound?.(round + 1);
  }
  ratios.sort((a, b) => a - b);
  return {
    suite,
    name: work.name,
    baseline: baseline.name,
    ratio: { min: ratios[0], median: ratios[ratios.length >> 1], max: ratios[ratios.length - 1] },
    rounds: options.rounds,
    value: inUnit(best, unit),
    unit,
    baselineSpeed: 1e-3 / baselineBest,
  };
}

/** Milliseconds per unit of work, in the unit that a row reports. */
function inUnit(milliseconds: number, unit: string): number {
  if (unit.startsWith('ns/')) return milliseconds * 1e6;
  if (unit.startsWith('ms')) return milliseconds;
  return unit.startsWith('M ') ? 1e-3 / milliseconds : 1e3 / milliseconds;
}

import { existsSync, readFileSync } from 'node:fs';
import type { BenchRow } from '../ratio.js';

/** One side of a comparison: nanoseconds of processor time per lookup (or per program), measured over minMs. */
export type Measure = (minMs: number) => Promise<number> | number;

const SCHEDULED = '/proc/thread-self/schedstat';
/** Milliseconds, with room for the reading itself. */
const LONGEST_TICK = 6;
const ATTEMPTS = 8;
const hasThreadTime = existsSync(SCHEDULED);

/** Milliseconds of processor time that this thread took, as of the system's last tick. */
const threadMs = (): number => Number(readFileSync(SCHEDULED, 'latin1').split(' ')[0]) / 1e6;

/** A point in processor time, and when it was on the wall. */
interface Moment {
  readonly cpu: number;
  readonly wall: number;
}

/**
 * Processor time of this thread where the system tells, so that neither other processes nor the engine's own threads
 * count: it is told once a tick, so the next one is waited for.
 */
function moment(): Moment {
  if (!hasThreadTime) {
    const { user, system } = process.cpuUsage();
    return { cpu: (user + system) / 1000, wall: performance.now() };
  }
  const first = threadMs();
  let cpu: number;
  do cpu = threadMs();
  while (cpu === first);
  return { cpu, wall: performance.now() };
}

/** Times `run`, which does `count` units of work, after one call again until `minMs` are over: nanoseconds per unit. */
export function timed(run: () => void, count: number): Measure {
  return (minMs) => {
    if (minMs > 0) run();
    for (let attempt = 1; ; attempt++) {
      let calls = 0;
      const start = moment();
      let worked: number;
      do {
        run();
        calls++;
        worked = performance.now();
      } while (worked - start.wall < minMs);
      const end = moment();
      const waited = end.wall - worked;
      // Longer than a tick: something else ran while this thread waited for it.
      if (waited < LONGEST_TICK || attempt === ATTEMPTS)
        return ((end.cpu - start.cpu - Math.min(waited, LONGEST_TICK)) * 1e6) / calls / count;
    }
  };
}

export interface Contender {
  readonly name: string;
  readonly measure: Measure;
}

/**
 * Measures the contenders in turn, the baseline before and after each: a contender's ratio of a round is the mean
 * of the two over its own time.
 */
export async function alternate(
  contenders: readonly Contender[],
  baseline: { readonly name: string; readonly measure: Measure },
  options: {
    readonly rounds: number;
    readonly minMs: number;
    readonly unit: string;
    onRound(round: number): void;
  },
): Promise<BenchRow[]> {
  const { rounds, minMs, unit } = options;
  const ratios = contenders.map((): number[] => []);
  const best = contenders.map(() => Infinity);
  for (const { measure } of contenders) await measure(minMs);
  for (let round = 1; round <= rounds; round++) {
    options.onRound(round);
    let before = await baseline.measure(minMs);
    for (const [i, { measure }] of contenders.entries()) {
      const own = await measure(minMs);
      const after = await baseline.measure(minMs);
      ratios[i].push((before + after) / 2 / own);
      best[i] = Math.min(best[i], own);
      before = after;
    }
  }
  return contenders.map(({ name }, i) => {
    const sorted = ratios[i].sort((a, b) => a - b);
    return {
      suite: 'lookup',
      name,
      baseline: baseline.name,
      ratio: { min: sorted[0], median: sorted[sorted.length >> 1], max: sorted[sorted.length - 1] },
      rounds,
      value: best[i],
      unit,
    };
  });
}

import { existsSync, readFileSync } from 'node:fs';
import type { BenchRow } from '../ratio.js';

/** One side of a comparison: nanoseconds of processor time per lookup (or per program), measured over minMs. */
export type Measure = (minMs: number) => Promise<number> | number;

const SCHEDULED = '/proc/thread-self/schedstat';
const hasThreadTime = existsSync(SCHEDULED);

/**
 * Milliseconds of processor time: of this thread where the system tells, so that neither other processes nor the
 * engine's own threads count.
 */
function cpuMs(): number {
  if (hasThreadTime) return Number(readFileSync(SCHEDULED, 'latin1').split(' ')[0]) / 1e6;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Times `run`, which does `count` units of work, after one call again until `minMs` are over: nanoseconds per unit. */
export function timed(run: () => void, count: number): Measure {
  return (minMs) => {
    if (minMs > 0) run();
    let calls = 0;
    const start = cpuMs();
    let now: number;
    do {
      run();
      calls++;
      now = cpuMs();
    } while (now - start < minMs);
    return ((now - start) * 1e6) / calls / count;
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

import Benchmark from 'benchmark';

/**
 * Runs a benchmark.js suite and prints each case as it ends: absolute figures to read, not to gate on (bench/ratio.ts
 * is for that). Throws when a case throws.
 */
export async function read(
  title: string,
  cases: Readonly<Record<string, () => unknown>>,
  quick: boolean,
): Promise<void> {
  const suite = new Benchmark.Suite(title);
  for (const [name, run] of Object.entries(cases)) suite.add(name, run, { maxTime: quick ? 0.2 : 2 });
  await new Promise<void>((resolve, reject) => {
    suite
      .on('cycle', (event: Benchmark.Event) => console.log(`  ${String(event.target)}`))
      .on('error', (event: Benchmark.Event) => reject((event.target as { error?: Error }).error))
      .on('complete', () => resolve())
      .run({ async: true });
  });
}

import { writeFileSync } from 'node:fs';
import { cpus, platform } from 'node:os';
import { parseArgs } from 'node:util';
import type { BenchRow } from './ratio.js';

/** A suite yields its rows as it measures them. */
export interface Suite {
  rows(options: {
    readonly quick: boolean;
    /** Sizes or programs asked for by --only; null = all. */
    readonly only: ReadonlySet<string> | null;
    progress(text: string): void;
  }): AsyncIterable<BenchRow>;
  /** The rows as SVG; `made` says which command and machine made them. */
  plot?(rows: readonly BenchRow[], made: string): string;
}

const SUITES: Record<string, () => Promise<Suite>> = {
  btf: () => import('./btf.js'),
  jit: () => import('./jit.js'),
  lookup: () => import('./lookup/suite.js'),
  run: () => import('./run/suite.js'),
  verify: () => import('./verify.js'),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
    plot: { type: 'string' },
  },
});
const wanted = positionals[0] === 'all' ? Object.keys(SUITES) : positionals;
const unknown = wanted.filter((name) => !Object.hasOwn(SUITES, name));
if (wanted.length === 0 || unknown.length > 0) {
  console.error(
    `${unknown.length > 0 ? `no suite ${unknown.join(', ')}\n` : ''}` +
      `usage: npm run bench -- ${Object.keys(SUITES).join('|')}|all [--quick] [--only NAME,NAME] [--json FILE] [--plot SVG]`,
  );
  process.exit(2);
}

const machine = (): string =>
  `Node ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model.trim()}, ${platform()}, ` +
  new Date().toISOString().slice(0, 10);

const progress = (text: string) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
};
const only = values.only === undefined ? null : new Set(values.only.split(','));
const all: BenchRow[] = [];
const drawn: string[] = [];
for (const name of wanted) {
  const suite = await SUITES[name]();
  const from = all.length;
  console.log(`\n${name}`);
  for await (const row of suite.rows({ quick: values.quick, only, progress })) {
    progress('');
    all.push(row);
    const { min, median, max } = row.ratio;
    console.log(
      `  ${row.name.padEnd(44)} ${median.toFixed(2).padStart(8)}x of ${row.baseline} ` +
        `(${min.toFixed(2)} to ${max.toFixed(2)}, ${row.rounds} rounds)  ${row.value.toPrecision(4)} ${row.unit}` +
        (row.suite === 'verify' && row.baselineSpeed !== undefined
          ? `; ${row.baseline} ${row.baselineSpeed.toPrecision(4)} M insn/s`
          : ''),
    );
  }
  if (values.plot !== undefined && suite.plot !== undefined)
    drawn.push(
      suite.plot(all.slice(from), `npm run bench -- ${process.argv.slice(2).join(' ')}; ${machine()}`),
    );
}
if (values.plot !== undefined) {
  if (drawn.length !== 1) {
    console.error(`--plot: ${drawn.length} of the suites run draw a plot, expected 1`);
    process.exitCode = 2;
  } else writeFileSync(values.plot, drawn[0]);
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(all, null, 2)}\n`);

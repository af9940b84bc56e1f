// npm run agree -- [--cases N] [--seed N] [--kernel 6.12|6.1]: random verified programs on every engine.
import { parseArgs } from 'node:util';
import { testSeed } from '../support/random.js';
import { Machine, type Version } from './support/machine.js';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '10000' },
    seed: { type: 'string' },
    kernel: { type: 'string' },
  },
});
const seed = values.seed === undefined ? testSeed() : Number(values.seed);
const versions: readonly Version[] =
  values.kernel === undefined ? ['6.12', '6.1'] : [values.kernel as Version];
const machines = await Promise.all(versions.map((version) => Machine.create(version)));
const start = performance.now();
const done = (): number => machines.reduce((sum, { tally }) => sum + tally.cases, 0);

let isStopped = false;
process.once('SIGINT', () => (isStopped = true));
for (let at = seed; done() < Number(values.cases) && !isStopped; at++) {
  if (at % 100 === 0) await new Promise(setImmediate);
  // Four programs of the newer kernel for one of the older.
  machines[at % 5 === 4 ? machines.length - 1 : 0]!.run(at);
  if (process.stderr.isTTY ? done() % 100 === 0 : done() % 5000 === 0)
    process.stderr.write(`\r${done()} programs`);
}
const seconds = (performance.now() - start) / 1000;
console.log();
for (const { version, tally, refusals } of machines) {
  const { cases, refused, faults, guards, oopses, errors, steps } = tally;
  console.log(
    `linux-${version}: ${cases} programs, ${steps} instructions, ${faults} faults repaired, ${guards} loads refused ` +
      `by guards, ${oopses} oopses, ${errors} errors; ${refused} programs the verifier did not take`,
  );
  for (const [why, { count, seed: first }] of [...refusals].slice(0, 5))
    console.log(`  ${count} ${why} (seed ${first})`);
}
console.log(`${done()} programs from seed ${seed} on in ${seconds.toFixed(0)} s, 0 differences`);

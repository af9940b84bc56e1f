// npm run native -- [--cases N] [--seed N]: random programs on the emulated CPU and on this computer's.
import { parseArgs } from 'node:util';
import { testSeed } from '../support/random.js';
import { Check } from './support/check.js';
import { hasBmi2, NativeCpu, obstacle } from './support/native-cpu.js';

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '1000000' }, seed: { type: 'string' } },
});
const reason = obstacle();
if (reason !== null) {
  console.log(`skipped: ${reason}`);
  process.exit(0);
}
const count = Number(values.cases);
const seed = values.seed === undefined ? testSeed() : Number(values.seed);
const start = performance.now();
const native = await NativeCpu.start();
const check = await Check.create(native, seed, hasBmi2());
await check.run(count, ({ cases }) => {
  if (process.stderr.isTTY || cases % 100_000 === 0) process.stderr.write(`\r${cases} cases`);
});
native.close();
const { cases, faulting, faults, fatal } = check.tally;
const seconds = (performance.now() - start) / 1000;
console.log(`\n${check.coverage.table()}\n`);
console.log(
  `${cases} cases of seed ${seed} in ${seconds.toFixed(0)} s, 0 differences; ${faulting} cases ` +
    `(${((100 * faulting) / cases).toFixed(1)} %) took ${faults} signals, ${fatal} of them fatal`,
);
const missing = check.coverage.missing();
if (missing.length > 0) console.log(`never reached: ${missing.join(', ')}`);
process.exitCode = missing.length > 0 ? 1 : 0;

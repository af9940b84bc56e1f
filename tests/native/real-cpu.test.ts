import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Check } from './support/check.js';
import { CASE_REGISTERS, CASE_SEED, CASE_TABLES, CASE_WORDS } from './support/protocol.js';
import { hasBmi2, NativeCpu, obstacle } from './support/native-cpu.js';

const CASES = 20_000;
const SEED = 20191013;

describe('images on this computer’s CPU', { skip: obstacle() ?? false }, () => {
  let native: NativeCpu;

  before(async () => {
    native = await NativeCpu.start();
  });

  after(() => native.close());

  it(`${CASES} random programs leave the same registers, flags, memory and faults`, async () => {
    const check = await Check.create(native, SEED, hasBmi2());
    await check.run(CASES);
    const { cases, faulting } = check.tally;
    assert.ok(faulting >= cases / 10, `${faulting} of ${cases} cases took a signal`);
    assert.deepEqual(check.coverage.missing(), []);
  });

  // The check itself: what it must notice.
  const disturbances: readonly (readonly [string, RegExp, (cases: BigUint64Array) => void])[] = [
    [
      'a bit of a register',
      /: (r\w+: |memory|flags: |fault)/,
      (cases) => void (cases[CASE_REGISTERS + 3] ^= 1n),
    ],
    ['a bit of memory', /: (r\w+: |memory|flags: |fault)/, (cases) => void (cases[CASE_SEED] ^= 1n << 20n)],
    ['a table cut short', /faults/, cutTables],
  ];
  for (const [name, message, disturb] of disturbances)
    it(`notices ${name}`, async () => {
      const check = await Check.create(native, SEED, hasBmi2(), disturb);
      await assert.rejects(check.run(5000), message);
    });
});

/** Takes the last entry from the table of each case's main function. */
function cutTables(cases: BigUint64Array): void {
  for (let at = CASE_TABLES + 1; at < cases.length; at += CASE_WORDS) if (cases[at] > 0n) cases[at] -= 1n;
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Disturbance, Machine } from '../agreement/support/machine.js';
import { testSeed } from '../support/random.js';

const PROGRAMS = Number(process.env.PROGRAMS ?? 300);

const machines = [await Machine.create('6.12'), await Machine.create('6.1')] as const;

for (const machine of machines)
  describe(`verified programs on linux-${machine.version}`, () => {
    it(`${PROGRAMS} random programs leave the same registers, stack, maps and faults on every engine`, () => {
      const seed = testSeed();
      for (let at = seed; machine.tally.cases < PROGRAMS; at++) machine.run(at);
      const { cases, refused, faults, guards, oopses } = machine.tally;
      assert.ok(refused < cases / 20, `${refused} refused`);
      assert.ok(faults > cases / 10 && guards > cases / 10 && oopses > 0, JSON.stringify(machine.tally));
    });
  });

describe('programs that were refused once, for marks of states whose memory had gone', () => {
  const [modern, legacy] = machines;
  for (const [machine, seed] of [
    [modern, 50008423],
    [legacy, 50001664],
    [legacy, 60000964],
  ] as const)
    it(`linux-${machine.version}, seed ${seed}`, () => assert.ok(machine.run(seed)));
});

describe('the comparison of engines', () => {
  const flip: Disturbance = (engine, _, [out]) => {
    if (engine !== 'wasm') return;
    const value = out!.lookup(0)!;
    value[70]! ^= 1;
    out!.update(0, value);
  };
  const disturbances: [string, Disturbance][] = [
    ['a bit of a register or of the stack', flip],
    [
      'a step',
      (engine, result) => (engine === 'interp' ? { ...result, steps: result.steps + 1n } : undefined),
    ],
    [
      'a fault that is missing',
      (engine, result) => (engine === 'x86' ? { ...result, faults: result.faults.slice(1) } : undefined),
    ],
    [
      'another address of a fault',
      (engine, result) =>
        engine === 'interp'
          ? { ...result, faults: result.faults.map((fault) => ({ ...fault, address: fault.address + 1n })) }
          : undefined,
    ],
  ];
  for (const [name, disturb] of disturbances)
    it(`notices ${name}`, () => {
      const [machine] = machines;
      machine.disturb = disturb;
      try {
        assert.throws(() => {
          for (let seed = 0; seed < 100; seed++) machine.run(seed);
        }, /linux-6.12, seed \d+/);
      } finally {
        machine.disturb = null;
      }
    });
});

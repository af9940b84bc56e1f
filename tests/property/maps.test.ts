import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { MapError } from '../../host/errors.js';
import { MapType } from '../../host/program/map-types.js';
import { testMaps } from '../support/map-env.js';

const { make } = await testMaps();
const MAX = 6;

const operation = fc.oneof(
  fc.record({
    kind: fc.constant('update' as const),
    key: fc.nat(9),
    value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    flags: fc.constantFrom(0n, 1n, 2n, 3n),
  }),
  fc.record({ kind: fc.constant('delete' as const), key: fc.nat(9) }),
  fc.record({ kind: fc.constant('snapshot' as const) }),
);

for (const [name, type] of [
  ['hash', MapType.HASH],
  ['per-CPU hash', MapType.PERCPU_HASH],
] as const) {
  test(`${name} map behaves as a Map with a bound`, () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const map = make({ type, maxEntries: MAX });
        const model = new Map<number, bigint>();
        for (const step of operations) {
          let expected = 0;
          if (step.kind === 'snapshot') {
            const restore = map.snapshot();
            for (const key of model.keys()) map.delete(key);
            restore();
            // Values live in guest memory, which the kernel's snapshot covers; a bare map keeps them as well.
          } else if (step.kind === 'delete') {
            expected = model.delete(step.key) ? 0 : 2;
            assert.equal(
              errnoOf(() => map.delete(step.key)),
              expected,
            );
          } else {
            const known = model.has(step.key);
            if (step.flags > 2n) expected = 22;
            else if (step.flags === 1n && known) expected = 17;
            else if (step.flags === 2n && !known) expected = 2;
            else if (!known && model.size === MAX) expected = 7;
            else model.set(step.key, step.value);
            assert.equal(
              errnoOf(() => map.update(step.key, step.value, step.flags)),
              expected,
            );
          }
          const found = [...map.entries()].map(([key]) => [key[0], map.lookupUint(key)] as const);
          assert.deepEqual(new Map(found), model);
        }
        map.close();
      }),
      { numRuns: 100 },
    );
  });
}

function errnoOf(action: () => void): number {
  try {
    action();
    return 0;
  } catch (error) {
    if (error instanceof MapError) return error.errno;
    throw error;
  }
}

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { LimitError } from '../../host/errors.js';
import { goldens } from '../support/goldens.js';
import { TestCpu } from '../support/cpu.js';
import { fromHex } from '../support/jit.js';

const SEED = 20191013;
const MAX_STEPS = 3000n;

let cpu: TestCpu;
before(async () => {
  cpu = await TestCpu.create();
});

/** Whatever the bytes are, a run ends in a result, an oops or a bound; never in an error of our own. */
function endsWell(code: Uint8Array, args: readonly bigint[]): void {
  const entry = cpu.place(code);
  try {
    const { steps, oops } = cpu.run(entry, args, { maxSteps: MAX_STEPS });
    assert.ok(steps <= MAX_STEPS);
    if (oops) assert.ok(['pf', 'gp', 'ud', 'de', 'bp'].includes(oops.kind));
  } catch (error) {
    assert.ok(error instanceof LimitError, String(error));
  }
}

const args = fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { minLength: 5, maxLength: 5 });

describe('bytes that nobody compiled', () => {
  it('random bytes', () =>
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), args, endsWell), {
      numRuns: 3000,
      seed: SEED,
    }));

  it('random operands behind every opcode', () =>
    fc.assert(
      fc.property(
        fc.constantFrom(0, 0x40, 0x48, 0x66, 0xf0, 0xf3, 0x65, 0x4f),
        fc.integer({ min: 0, max: 511 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        args,
        (prefix, opcode, rest, registers) => {
          const code = opcode < 256 ? [opcode] : [0x0f, opcode - 256];
          endsWell(Uint8Array.from([...(prefix ? [prefix] : []), ...code, ...rest]), registers);
        },
      ),
      { numRuns: 3000, seed: SEED },
    ));

  it('recorded images with a byte changed', () => {
    const images = goldens('6.12', 'probe', 'base').flatMap(({ funcs }) => funcs ?? []);
    const image = fc.constantFrom(
      ...images.map((func) => fromHex(func.jited_hex)).filter(({ length }) => length < 4096),
    );
    fc.assert(
      fc.property(image, fc.nat(), fc.integer({ min: 0, max: 255 }), args, (code, at, value, registers) => {
        const changed = code.slice();
        changed[at % changed.length] = value;
        endsWell(changed, registers);
      }),
      { numRuns: 2000, seed: SEED },
    );
  });
});

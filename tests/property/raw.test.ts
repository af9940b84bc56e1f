import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { FaultlineError } from '../../host/errors.js';
import { RawMachine } from '../../host/runtime/raw-machine.js';
import type { Engine } from '../../host/runtime/run-result.js';
import { BLOCK, randomProgram } from '../support/random-program.js';
import { Random, testSeed } from '../support/random.js';

const PROGRAMS = Number(process.env.PROGRAMS ?? 400);
const ENGINES: readonly Engine[] = ['interp', 'wasm', 'x86'];
const machine = await RawMachine.boot(readFileSync(new URL('../../host/core/core.wasm', import.meta.url)));
const helper = (number: number, args: readonly bigint[]): bigint => BigInt(number) * 7n + args[0]!;

/** What an engine makes of a program: what it leaves, or the error's code. */
function outcome(engine: Engine, insns: Uint8Array, bytes: Uint8Array, maxSteps: bigint): unknown {
  try {
    const { r0, memory, oops } = machine.run(insns, bytes, { engine, helper, maxSteps });
    if (oops) return { oops: [oops.kind, oops.access, oops.address, oops.ip] };
    return { r0, memory };
  } catch (error) {
    if (!(error instanceof FaultlineError)) throw error;
    return { error: error.code };
  }
}

describe('raw programs', () => {
  it(`${PROGRAMS} random programs leave the same registers, memory and faults on every engine`, () => {
    const seed = testSeed();
    const random = new Random(seed);
    let ended = 0;
    for (let n = 0; n < PROGRAMS; n++) {
      const insns = randomProgram(random, {
        longest: 60,
        writable: [0, 1, 2, 3, 4, 5, 6, 7, 8],
        v4: true,
        fetch: true,
        unverified: true,
      });
      const bytes = Uint8Array.from({ length: BLOCK }, () => random.below(256));
      const note = `program ${n} of seed ${seed}: ${Buffer.from(insns).toString('hex')}`;
      const [first, ...others] = ENGINES.map((engine) => outcome(engine, insns, bytes, 100_000n));
      for (const [at, other] of others.entries())
        assert.deepEqual(other, first, `${ENGINES[at + 1]}, ${note}`);
      if ('r0' in (first as object)) ended++;
    }
    assert.ok(ended > PROGRAMS / 2, `${ended} ended`);
  });

  it('bytes of all kinds are refused or run, and the process lives', () => {
    const seed = testSeed();
    const random = new Random(seed);
    const codes = new Set<string>();
    for (let n = 0; n < PROGRAMS; n++) {
      const insns = randomProgram(random, {
        longest: 20,
        writable: [0, 1, 2, 3, 4, 5, 6, 7, 8],
        v4: true,
        fetch: true,
        unverified: true,
      });
      for (let hits = 1 + random.below(4); hits > 0; hits--)
        insns[random.below(insns.length)] = random.below(256);
      const bytes = Uint8Array.from({ length: random.below(64) }, () => random.below(256));
      const note = `program ${n} of seed ${seed}: ${Buffer.from(insns).toString('hex')}`;
      const errors = ENGINES.map(
        (engine) => (outcome(engine, insns, bytes, 20_000n) as { error?: string }).error ?? '',
      );
      for (const error of errors) {
        codes.add(error);
        assert.match(error, /^$|^(USAGE|LIMIT)_/, note);
      }
      if (errors[0]!.startsWith('USAGE_')) assert.deepEqual(new Set(errors).size, 1, `${errors} ${note}`);
    }
    assert.ok(codes.has('USAGE_INSN') && codes.has('USAGE_RESERVED'), [...codes].join(' '));
  });
});

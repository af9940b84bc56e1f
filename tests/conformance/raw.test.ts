import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ProgramUnwind } from '../../host/runtime/engine.js';
import { RawMachine } from '../../host/runtime/raw-machine.js';

interface Vector {
  readonly name: string;
  readonly insns: string;
  readonly mem: string;
  readonly r0: string | null;
}

const vectors = (file: string): Vector[] =>
  readFileSync(new URL(file, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Vector);
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

const UNWIND = 5;
const helper = (number: number, args: readonly bigint[]): bigint => {
  assert.equal(number, UNWIND);
  if (args[0] === 0n) throw new ProgramUnwind(0n);
  return args[0];
};

const machine = await RawMachine.boot(readFileSync(new URL('../../host/core/core.wasm', import.meta.url)));

for (const engine of ['interp', 'wasm', 'x86'] as const)
  describe(`bpf_conformance vectors on ${engine}`, () => {
    for (const { name, insns, mem, r0 } of vectors('tests.jsonl'))
      it(name, () => {
        const run = machine.run(bytes(insns), bytes(mem), { engine, helper });
        assert.equal(run.oops, null);
        assert.equal(run.r0, BigInt(r0 ?? 0));
        const byInterp = machine.run(bytes(insns), bytes(mem), { helper });
        assert.deepEqual(run.memory, byInterp.memory);
        if (engine === 'wasm') assert.equal(run.steps, byInterp.steps);
      });

    for (const { name, insns, mem } of vectors('negative.jsonl'))
      it(`refuses ${name}`, () =>
        assert.throws(() => machine.run(bytes(insns), bytes(mem), { engine, helper }), {
          code: 'USAGE_RESERVED',
        }));
  });

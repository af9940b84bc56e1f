import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import type { GuestMemory } from '../../host/mm/guest-memory.js';
import { ProgramUnwind } from '../../host/runtime/engine.js';
import type { InterpEngine } from '../../host/runtime/interpreter.js';
import { runRaw } from '../../host/runtime/raw-run.js';
import { checkReserved } from '../../host/runtime/reserved-fields.js';
import { interpMachine } from '../support/interp.js';

interface Vector {
  name: string;
  insns: string;
  mem: string;
  r0: string | null;
  error: string | null;
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

describe('bpf_conformance vectors on the interpreter', () => {
  let engine: InterpEngine;
  let memory: GuestMemory;
  before(async () => ({ engine, memory } = await interpMachine()));

  for (const vector of vectors('tests.jsonl'))
    it(vector.name, () => {
      const insns = bytes(vector.insns);
      checkReserved(insns);
      const run = runRaw(engine, memory, insns, bytes(vector.mem), { helper });
      assert.equal(run.oops, null);
      assert.equal(run.r0, BigInt(vector.r0 ?? 0));
    });

  for (const vector of vectors('negative.jsonl'))
    it(`refuses ${vector.name}`, () =>
      assert.throws(() => checkReserved(bytes(vector.insns)), { code: 'USAGE_RESERVED' }));
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { ProgramUnwind } from '../../host/runtime/engine.js';
import { RawMachine } from '../../host/runtime/raw-machine.js';

interface Vector {
  name: string;
  insns: string;
  mem: string;
  r0: string | null;
}

const vectors = readFileSync(new URL('tests.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Vector);
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

const helper = (_: number, args: readonly bigint[]): bigint => {
  if (args[0] === 0n) throw new ProgramUnwind(0n);
  return args[0];
};

describe('bpf_conformance vectors as WebAssembly', () => {
  let machine: RawMachine;
  before(async () => {
    machine = await RawMachine.boot(readFileSync(new URL('../../host/core/core.wasm', import.meta.url)));
  });

  for (const { name, insns, mem, r0 } of vectors)
    it(name, () => {
      const run = machine.run(bytes(insns), bytes(mem), { engine: 'wasm', helper });
      const byInterp = machine.run(bytes(insns), bytes(mem), { engine: 'interp', helper });
      assert.equal(run.oops, null);
      assert.equal(run.r0, BigInt(r0 ?? 0));
      assert.deepEqual([run.memory, run.steps], [byInterp.memory, byInterp.steps]);
    });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { code, insn, ldImm64 } from '../../support/interp.js';
import { BothEngines } from '../../support/wasm.js';

const EXIT = insn(0x95);
const none = (): never => assert.fail('no helper is called');

describe('limits of generated code', () => {
  it('an endless loop, endless recursion and a missing exit end with the error they have on the interpreter', async () => {
    const { wasm, interp } = await BothEngines.create();
    const cases: [string, Uint8Array, { code: string }][] = [
      ['loop', code(insn(0x05, 0, 0, -1), EXIT), { code: 'LIMIT_STEPS' }],
      ['recursion', code(insn(0x85, 0, 1, 0, -1), EXIT), { code: 'LIMIT_STACK' }],
    ];
    for (const [name, insns, error] of cases)
      for (const engine of [wasm, interp]) {
        const program = engine.loadRaw(insns);
        const run = (): unknown => engine.run(program as never, [], { gate: none, maxSteps: 1_000_000n });
        assert.throws(run, error, name);
      }
    const program = wasm.loadRaw(code(insn(0xb7, 0, 0, 0, 3)));
    assert.equal(wasm.run(program, [], { gate: none }).oops?.kind, 'ud');
    assert.equal(wasm.run(wasm.loadRaw(code(insn(0xb7, 0, 0, 0, 3), EXIT)), [], { gate: none }).r0, 3n);
  });

  it('calls without a loop that would take for ever end too', async () => {
    const { wasm } = await BothEngines.create();
    const DEPTH = 12;
    const CALLS = 20;
    const start = (level: number): number => level * (CALLS + 1);
    const insns = code(
      ...Array.from({ length: DEPTH }, (_, level) => [
        ...Array.from({ length: CALLS }, () => insn(0x85, 0, 1, level + 1, 1)),
        EXIT,
      ]).flat(),
      EXIT,
    );
    const functions = Array.from({ length: DEPTH + 1 }, (_, level) => ({
      start: start(level),
      stackDepth: 0,
    }));
    const program = wasm.load(
      { insns, functions, arena: null },
      1,
      functions.map((_, index) => BigInt(index + 1)),
    );
    assert.throws(() => wasm.run(program, [], { gate: none, maxSteps: 2_000_000n }), { code: 'LIMIT_STEPS' });
  });

  it('counts every executed instruction', async () => {
    const both = await BothEngines.create();
    const insns = code(
      ldImm64(1, 1_500_001n),
      insn(0x17, 1, 0, 0, 1),
      insn(0x55, 1, 0, -2, 0),
      insn(0xb7, 0),
      EXIT,
    );
    assert.equal(both.run(both.loadRaw(insns), []).steps, 1n + 2n * 1_500_001n + 2n);
  });

  const refused: [string, Uint8Array][] = [
    ['an unknown opcode', code(insn(0x06 | 0xe0), EXIT)],
    ['register 11', code(insn(0xb7, 11), EXIT)],
    ['a write of R10', code(insn(0xb7, 10), EXIT)],
    ['a jump out of the program', code(insn(0x05, 0, 0, 7), EXIT)],
    ['a call of no function', code(insn(0x85, 0, 1, 0, 9), EXIT)],
    ['half of ld_imm64', code(EXIT, insn(0x18))],
    ['an unknown atomic', code(insn(0xdb, 1, 2, 0, 0x77), EXIT)],
    ['nothing', code()],
  ];
  for (const [name, insns] of refused)
    it(`refuses ${name}`, async () => {
      const { wasm } = await BothEngines.create();
      assert.throws(() => wasm.loadRaw(insns), { code: 'USAGE_INSN' });
    });

  it('a jump into the middle of ld_imm64 stops the program there', async () => {
    const both = await BothEngines.create();
    const insns = code(insn(0x15, 1, 0, 1, 1), ldImm64(0, 5n), EXIT);
    const program = both.loadRaw(insns);
    assert.equal(both.run(program, [0n]).r0, 5n);
    const { oops } = both.run(program, [1n]);
    assert.deepEqual([oops?.kind, oops?.ip], ['ud', 2n]);
  });
});

describe('programs of the largest size', () => {
  const SLOTS = 100_000;

  it(`${SLOTS} slots run in parts`, async () => {
    const both = await BothEngines.create();
    const insns = new Uint8Array(SLOTS * 8);
    const put = (slot: number, bytes: Uint8Array): void => insns.set(bytes, slot * 8);
    for (let slot = 0; slot < SLOTS - 1; slot++)
      if (slot % 9 === 4) put(slot, insn(0x65, 0, 0, Math.min(25000, SLOTS - 2 - slot), 1 << 30));
      else
        put(
          slot,
          slot % 9 === 7 ? insn(0x77, 0, 0, 0, 5) : insn(0x07, slot % 9 === 2 ? 3 : 0, 0, 0, slot * 977),
        );
    put(SLOTS - 1, EXIT);
    const program = both.load({ insns, functions: [{ start: 0, stackDepth: 0 }], arena: null });
    for (const start of [0n, 5n, 1n << 40n]) both.run(program, [start]);
  });
});

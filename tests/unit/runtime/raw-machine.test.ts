import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Core } from '../../../host/core/core.js';
import { RawMachine } from '../../../host/runtime/raw-machine.js';
import { code, insn, ldImm64 } from '../../support/interp.js';

const ENGINES = ['interp', 'wasm', 'x86'] as const;
const machine = await RawMachine.boot(readFileSync(new URL('../../../host/core/core.wasm', import.meta.url)));

const EXIT = insn(0x95);
const zero = insn(0xb7, 0, 0, 0, 0);
const load = (dst: number, src: number, off = 0): Uint8Array => insn(0x79, dst, src, off);
const store = (dst: number, src: number, off = 0): Uint8Array => insn(0x7b, dst, src, off);
const callLocal = (distance: number): Uint8Array => insn(0x85, 0, 1, 0, distance);
const wild = (address: bigint): Uint8Array => code(ldImm64(2, address), load(0, 2), EXIT);

describe('raw programs that never end', () => {
  const cases: [string, Uint8Array, string][] = [
    ['an endless loop', code(insn(0x05, 0, 0, -1), EXIT), 'LIMIT_STEPS'],
    ['an endless loop of 32-bit jumps', code(zero, insn(0x56, 0, 0, -1, 7), EXIT), 'LIMIT_STEPS'],
    [
      'a loop without a way out between two functions',
      code(callLocal(1), insn(0x05, 0, 0, -2), EXIT),
      'LIMIT_STEPS',
    ],
    ['endless recursion', code(callLocal(-1), EXIT), 'LIMIT_STACK'],
    ['recursion with full frames', code(insn(0x7a, 10, 0, -512, 1), callLocal(-2), EXIT), 'LIMIT_STACK'],
    ['recursion of two functions', code(callLocal(1), EXIT, callLocal(-3), EXIT), 'LIMIT_STACK'],
  ];
  for (const [name, insns, expected] of cases)
    for (const engine of ENGINES)
      it(`${name} on ${engine}: ${expected}`, () => {
        const run = (): unknown => machine.run(insns, new Uint8Array(8), { engine, maxSteps: 3_000_000n });
        assert.throws(run, { name: 'LimitError', code: expected });
      });

  const budgets: [string, Uint8Array][] = [
    ['instructions', code(...Array.from({ length: 9 }, () => zero), EXIT)],
    ['helpers', code(zero, ...Array.from({ length: 3 }, () => insn(0x85, 0, 0, 0, 7)), zero, EXIT)],
    [
      'a loop that ends early in its last round',
      code(
        insn(0xb7, 1, 0, 0, 3),
        insn(0x15, 1, 0, 13, 0),
        ...Array.from({ length: 10 }, () => zero),
        insn(0x17, 1, 0, 0, 1),
        insn(0x25, 1, 0, 1, 99),
        insn(0x05, 0, 0, -14),
        zero,
        EXIT,
      ),
    ],
    ['functions', code(callLocal(2), callLocal(1), EXIT, insn(0x85, 0, 0, 0, 7), zero, EXIT)],
  ];
  for (const [name, insns] of budgets)
    for (const engine of ENGINES)
      it(`a budget is exact on ${engine}: ${name}`, () => {
        const run = (maxSteps?: bigint): ReturnType<RawMachine['run']> =>
          machine.run(insns, new Uint8Array(), { engine, maxSteps, helper: () => 5n });
        const whole = run();
        assert.deepEqual([whole.r0, whole.oops], [0n, null]);
        assert.deepEqual(run(whole.steps), whole);
        for (let steps = 1n; steps < whole.steps; steps++)
          assert.throws(() => run(steps), { code: 'LIMIT_STEPS' }, `${steps}`);
      });
});

describe('accesses of raw programs that go wrong', () => {
  const cases: [string, Uint8Array, [kind: string, access: string, ip: bigint]][] = [
    ['a NULL pointer', wild(0n), ['pf', 'read', 2n]],
    ['a user address', wild(0x7fff_0000_0000n), ['pf', 'read', 2n]],
    ['a hole of the direct map', wild(0xffff_8880_0100_0000n), ['pf', 'read', 2n]],
    ['a non-canonical address', wild(0xdead_0000_0000_0000n), ['gp', 'read', 2n]],
    ['the last byte of the address space', wild(0xffff_ffff_ffff_fff8n), ['pf', 'read', 2n]],
    ['far behind its memory', code(load(0, 1, 0x7ff0), EXIT), ['pf', 'read', 0n]],
    ['far in front of its memory', code(load(0, 1, -0x8000), EXIT), ['pf', 'read', 0n]],
    ['a write of a NULL pointer', code(zero, store(0, 1), EXIT), ['pf', 'write', 1n]],
    ['an atomic on a NULL pointer', code(zero, insn(0xdb, 0, 1, 0, 0), EXIT), ['pf', 'write', 1n]],
    ['far below its stack', code(store(10, 1, -0x7ff8), EXIT), ['pf', 'write', 0n]],
    ['far above its stack', code(store(10, 1, 0x7ff8), EXIT), ['pf', 'write', 0n]],
    [
      'after divisions, which grow on x86',
      code(insn(0x9f, 2, 1), insn(0x3f, 2, 1, 1), insn(0x3f, 2, 1), zero, load(0, 0), EXIT),
      ['pf', 'read', 4n],
    ],
    [
      'in another function',
      code(
        callLocal(1),
        EXIT,
        zero,
        insn(0x05, 0, 0, 1),
        ldImm64(0, 1n).subarray(0, 0),
        zero,
        load(0, 0),
        EXIT,
      ),
      ['pf', 'read', 5n],
    ],
    [
      'no instruction: the middle of ld_imm64',
      code(insn(0x05, 0, 0, 1), ldImm64(0, 5n), EXIT),
      ['ud', 'fetch', 2n],
    ],
  ];
  for (const [name, insns, expected] of cases)
    for (const engine of ENGINES)
      it(`${name} on ${engine}`, () => {
        const { oops, r0 } = machine.run(insns, new Uint8Array(8), { engine });
        assert.deepEqual(oops && [oops.kind, oops.access, oops.ip], expected);
        assert.equal(r0, 0n);
      });

  it('what lies above the frame on x86 leads nowhere but to a fault or a limit', () => {
    for (const target of [0n, 0xdead_0000_0000_0000n, 0xffff_ffff_8100_0000n, 0xffff_ffff_8100_0010n])
      for (let off = 0; off < 80; off += 8) {
        const insns = code(ldImm64(2, target), store(10, 2, off), zero, EXIT);
        try {
          const run = machine.run(insns, new Uint8Array(8), {
            engine: 'x86',
            maxSteps: 100_000n,
            helper: () => 0n,
          });
          assert.ok(run.oops === null ? run.r0 === 0n : run.oops.ip >= -1n, `${target} ${off}`);
        } catch (error) {
          assert.match((error as { code: string }).code, /^LIMIT_/);
        }
      }
  });
});

describe('raw programs that are refused', () => {
  const cases: [string, Uint8Array, string][] = [
    ['nothing', code(), 'USAGE_INSN'],
    ['half an instruction', new Uint8Array(12), 'USAGE_INSN'],
    ['register 11', code(insn(0xb7, 11), EXIT), 'USAGE_INSN'],
    ['a write of R10', code(insn(0xb7, 10), EXIT), 'USAGE_INSN'],
    ['a load to R10', code(load(10, 1), EXIT), 'USAGE_INSN'],
    ['an atomic that fetches into R10', code(insn(0xdb, 1, 10, 0, 1), EXIT), 'USAGE_INSN'],
    ['a jump out of the program', code(insn(0x05, 0, 0, 7), EXIT), 'USAGE_INSN'],
    ['a call of no function', code(callLocal(9), EXIT), 'USAGE_INSN'],
    ['no exit', code(zero), 'USAGE_INSN'],
    ['a jump that may not be taken at the end', code(zero, insn(0x55, 0, 0, -2, 0)), 'USAGE_INSN'],
    ['a way into another function', code(callLocal(0), zero, EXIT), 'USAGE_INSN'],
    ['a jump into another function', code(callLocal(1), insn(0x05, 0, 0, 1), zero, EXIT), 'USAGE_INSN'],
    ['half of ld_imm64', code(EXIT, insn(0x18)), 'USAGE_INSN'],
    ['a map in ld_imm64', code(ldImm64(1, 1n, 1), EXIT), 'USAGE_INSN'],
    ['an unknown atomic', code(insn(0xdb, 1, 2, 0, 0x77), EXIT), 'USAGE_INSN'],
    ['a byte swap of 24 bits', code(insn(0xdc, 1, 0, 0, 24), EXIT), 'USAGE_INSN'],
    ['a call of a kfunc', code(insn(0x85, 0, 2, 0, 1), EXIT), 'USAGE_INSN'],
    ['a load that only the kernel writes', code(insn(0x39, 0, 1), EXIT), 'USAGE_INSN'],
    ['may_goto', code(insn(0xe5), EXIT), 'USAGE_INSN'],
    ['a field that must be 0', code(insn(0xb7, 0, 3), EXIT), 'USAGE_RESERVED'],
    ['a helper nobody has', code(insn(0x85, 0, 0, 0, 1), EXIT), 'USAGE_HELPER'],
  ];
  for (const [name, insns, expected] of cases)
    for (const engine of ENGINES)
      it(`${name} on ${engine}`, () =>
        assert.throws(() => machine.run(insns, new Uint8Array(), { engine }), { code: expected }));
});

describe('memory of raw programs', () => {
  for (const engine of ENGINES)
    it(`comes back on ${engine}, whatever happened`, async () => {
      const bytes = readFileSync(new URL('../../../host/core/core.wasm', import.meta.url));
      const core = await Core.load(bytes);
      const own = RawMachine.on(core);
      const programs = [
        code(zero, EXIT),
        wild(0n),
        code(insn(0x05, 0, 0, -1), EXIT),
        code(callLocal(-1), EXIT),
        code(insn(0xdc, 1, 0, 0, 24), EXIT),
        code(insn(0x85, 0, 0, 0, 1), EXIT),
      ];
      const round = (): void => {
        for (const insns of programs)
          try {
            own.run(insns, new Uint8Array(10_000), { engine, maxSteps: 100_000n });
          } catch (error) {
            assert.match((error as { code: string }).code, /^(LIMIT|USAGE)_/);
          }
        // Decoded instructions are dropped when code runs that was decoded after them.
        own.run(code(zero, EXIT), new Uint8Array(), { engine });
      };
      round();
      const [used, grown] = [core.exports.heapInUse(), core.memory.buffer.byteLength];
      for (let i = 0; i < 20; i++) round();
      assert.deepEqual([core.exports.heapInUse(), core.memory.buffer.byteLength], [used, grown]);
    });
});

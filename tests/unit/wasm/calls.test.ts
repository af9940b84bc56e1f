import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ProgramUnwind } from '../../../host/runtime/engine.js';
import { CALL_BASE, code, insn, ldImm64 } from '../../support/interp.js';
import { BothEngines, type OnBoth } from '../../support/wasm.js';

const EXIT = insn(0x95);
const one = (insns: Uint8Array) => ({ insns, functions: [{ start: 0, stackDepth: 8 }], arena: null });

describe('calls', () => {
  it('a helper gets R1 to R5 and gives R0', async () => {
    const both = await BothEngines.create();
    const program = both.load(
      one(
        code(
          ...[1, 2, 3, 4, 5].map((register) => insn(0xb7, register, 0, 0, -register)),
          insn(0x85, 0, 0, 0, 0x40),
          insn(0x07, 0, 0, 0, 1),
          EXIT,
        ),
      ),
    );
    const { r0, steps } = both.run(program, [], {
      gate: (_, args, gate) => {
        assert.equal(gate, CALL_BASE + 0x40n);
        assert.deepEqual(
          args,
          [1n, 2n, 3n, 4n, 5n].map((n) => (1n << 64n) - n),
        );
        return (1n << 64n) - 2n;
      },
    });
    assert.deepEqual([r0, steps], [(1n << 64n) - 1n, 8n]);
  });

  it('a function has a frame of its own and keeps R6 to R9 of its caller', async () => {
    const both = await BothEngines.create();
    const insns = code(
      insn(0xb7, 6, 0, 0, 6),
      insn(0x7a, 10, 0, -8, 1000),
      insn(0x85, 0, 1, 1, 1),
      insn(0x0f, 0, 6),
      insn(0x79, 1, 10, -8),
      insn(0x0f, 0, 1),
      EXIT,
      insn(0xb7, 6, 0, 0, 99),
      insn(0x7a, 10, 0, -8, 5),
      insn(0x79, 0, 10, -8),
      EXIT,
    );
    const functions = [
      { start: 0, stackDepth: 8 },
      { start: 7, stackDepth: 8 },
    ];
    assert.equal(both.run(both.load({ insns, functions, arena: null }), []).r0, 1011n);
  });

  it('a handler calls back, and the callback runs below the frame of its caller', async () => {
    const both = await BothEngines.create();
    const insns = code(
      ldImm64(2, 1n, 4),
      insn(0x7a, 10, 0, -8, 7),
      insn(0x85, 0, 0, 0, 0x10),
      insn(0x79, 1, 10, -8),
      insn(0x0f, 0, 1),
      EXIT,
      insn(0x7a, 10, 0, -8, 1),
      insn(0xbf, 0, 1),
      insn(0x27, 0, 0, 0, 2),
      EXIT,
    );
    const functions = [
      { start: 0, stackDepth: 8 },
      { start: 7, stackDepth: 8 },
    ];
    const program = both.load({ insns, functions, arena: null });
    const { r0 } = both.run(program, [], { gate: (call, args) => call(args[1], [4n]) + call(args[1], [5n]) });
    assert.equal(r0, 25n);
    assert.throws(() => both.wasm.call(0x1234n, []), { code: 'USAGE_POINTER' });
  });

  it('an unwinding handler and a fault in a callback end the program, other errors pass', async () => {
    const both = await BothEngines.create();
    const insns = code(
      ldImm64(2, 1n, 4),
      insn(0x85, 0, 0, 0, 0x10),
      insn(0xb7, 0, 0, 0, 5),
      EXIT,
      insn(0x79, 0, 1),
      EXIT,
    );
    const functions = [
      { start: 0, stackDepth: 8 },
      { start: 5, stackDepth: 8 },
    ];
    const program = both.load({ insns, functions, arena: null });
    const unwound = both.run(program, [], {
      gate: () => {
        throw new ProgramUnwind(77n);
      },
    });
    assert.equal(unwound.r0, 77n);
    assert.equal(both.run(program, [], { gate: (call, args) => call(args[1], [0n]) }).oops?.ip, 5n);
    const failing = (): bigint => {
      throw new Error('handler failed');
    };
    assert.throws(() => both.wasm.run(program.wasm, [], { gate: failing }), /handler failed/);
    assert.equal(both.run(program, [], { gate: () => 1n }).r0, 5n, 'and the engine goes on');
  });

  it('a run inside a handler leaves the outer one its fuel, faults and stack', async () => {
    const both = await BothEngines.create('5.5');
    const inner = both.load(one(code(insn(0x7a, 10, 0, -8, 1), insn(0x39, 0, 1), EXIT)));
    const outer = both.load(
      one(
        code(
          insn(0xbf, 6, 1),
          insn(0x7a, 10, 0, -8, 9),
          insn(0x39, 2, 1),
          insn(0x85, 0, 0, 0, 8),
          insn(0x39, 3, 6),
          insn(0x79, 0, 10, -8),
          EXIT,
        ),
      ),
    );
    const gate = () => assert.fail();
    const byWasm = both.wasm.run(outer.wasm, [0x40n], {
      gate: () => {
        const { faults, steps } = both.wasm.run(inner.wasm, [0x80n], { gate });
        assert.deepEqual([faults.map(({ address }) => address), steps], [[0x80n], 3n]);
        return 2n;
      },
    });
    assert.deepEqual([byWasm.r0, byWasm.steps], [9n, 7n]);
    assert.deepEqual(
      byWasm.faults.filter(({ program }) => program === outer.wasm.handle).map(({ ip }) => ip),
      [2n, 4n],
    );
  });
});

describe('tail calls', () => {
  const MAX_ENTRIES = 36n;
  const PTRS = 264n;
  /** Counts itself in *R1, then tail-calls the array and index that follow there; R0 = the count. */
  const chain = code(
    insn(0x79, 4, 1),
    insn(0x07, 4, 0, 0, 1),
    insn(0x7b, 1, 4),
    insn(0xbf, 6, 1),
    insn(0x79, 2, 1, 8),
    insn(0x79, 3, 1, 16),
    insn(0xf5),
    insn(0x79, 0, 6),
    EXIT,
  );

  for (const version of ['6.12', '6.1', '5.5'] as const)
    it(`${version}: 33 succeed`, async () => {
      const both = await BothEngines.create(version);
      const { memory } = both;
      const array = memory.alloc('direct', 512);
      const ctx = memory.alloc('direct', 32);
      memory.writeUint(array + MAX_ENTRIES, 4, 2n);
      memory.writeUint(array + PTRS + 8n, 8, 0x1000n);
      memory.writeUint(ctx + 8n, 8, array);
      const program: OnBoth = both.load(one(chain));
      const cases: [bigint, bigint][] = [
        [0xdead00000001n, 34n],
        [2n, 1n],
        [0n, 1n],
      ];
      for (const [index, want] of cases) {
        memory.writeUint(ctx + 16n, 8, index);
        const { r0 } = both.run(program, [ctx], { tailCall: () => program }, () =>
          memory.writeUint(ctx, 8, 0n),
        );
        assert.equal(r0, want);
      }
      memory.writeUint(ctx + 8n, 8, 0xffff8880f0000000n);
      assert.equal(both.run(program, [ctx], { tailCall: () => program }).oops?.ip, 6n);
    });

  for (const version of ['6.12', '6.1'] as const)
    it(`${version}: a callee's attempts count as its kernel counts them`, async () => {
      const both = await BothEngines.create(version);
      const { memory } = both;
      const array = memory.alloc('direct', 512);
      memory.writeUint(array + MAX_ENTRIES, 4, 2n);
      memory.writeUint(array + PTRS + 8n, 8, 0x1000n);
      const insns = code(
        insn(0xbf, 6, 1),
        insn(0xb7, 7, 0, 0, 40),
        insn(0xbf, 2, 6),
        insn(0x85, 0, 1, 1, 1),
        insn(0x17, 7, 0, 0, 1),
        insn(0x55, 7, 0, -4, 0),
        insn(0xbf, 2, 6),
        insn(0xb7, 3, 0, 0, 1),
        insn(0xf5),
        insn(0xb7, 0, 0, 0, 99),
        EXIT,
        insn(0xb7, 3),
        insn(0xf5),
        insn(0xb7, 3, 0, 0, 1),
        insn(0xf5),
        EXIT,
      );
      const functions = [
        { start: 0, stackDepth: 8 },
        { start: 11, stackDepth: 8 },
      ];
      const program = both.load({ insns, functions, arena: null });
      const target = both.load(one(code(insn(0xb7, 0, 0, 0, 1), EXIT)));
      assert.equal(both.run(program, [array], { tailCall: () => target }).r0, version === '6.1' ? 1n : 99n);
    });
});

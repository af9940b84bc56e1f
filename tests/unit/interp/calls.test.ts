import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ProgramUnwind, type GateHandler } from '../../../host/runtime/engine.js';
import type { InterpProgram } from '../../../host/runtime/interpreter.js';
import { CALL_BASE, code, insn, interpMachine, ldImm64 } from '../../support/interp.js';

const EXIT = insn(0x95);
const none: GateHandler = () => assert.fail('no helper is called');
const main = (
  insns: Uint8Array,
): { insns: Uint8Array; functions: { start: number; stackDepth: number }[]; arena: null } => ({
  insns,
  functions: [{ start: 0, stackDepth: 16 }],
  arena: null,
});

describe('calls', () => {
  it('a helper gets its gate and R1 to R5, and gives R0; R6 to R9 stay', async () => {
    const { engine } = await interpMachine();
    const program = engine.load(
      main(
        code(
          insn(0xb7, 6, 0, 0, 100),
          insn(0xb7, 3, 0, 0, -1),
          insn(0x85, 0, 0, 0, 0x1230),
          insn(0x0f, 0, 6),
          EXIT,
        ),
      ),
    );
    const seen: [bigint, readonly bigint[]][] = [];
    const run = engine.run(program, [1n, 2n, 3n, 4n, 5n], {
      gate: (gate, args) => {
        seen.push([gate, args]);
        return 7n;
      },
    });
    assert.deepEqual(seen, [[CALL_BASE + 0x1230n, [1n, 2n, 0xffffffffffffffffn, 4n, 5n]]]);
    assert.equal(run.r0, 107n);
    assert.equal(run.steps, 5n);
  });

  it('gates below the call base: the immediate is signed', async () => {
    const { engine } = await interpMachine();
    const program = engine.load(main(code(insn(0x85, 0, 2, 0, -0x100000), EXIT)));
    let gate = 0n;
    engine.run(program, [], { gate: (address) => ((gate = address), 0n) });
    assert.equal(gate, CALL_BASE - 0x100000n);
  });

  it('a function has its own frame and keeps the registers of its caller', async () => {
    const { engine } = await interpMachine();
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
    const program = engine.load({
      insns,
      functions: [
        { start: 0, stackDepth: 8 },
        { start: 7, stackDepth: 8 },
      ],
      arena: null,
    });
    assert.equal(engine.run(program, [], { gate: none }).r0, 1011n);
  });

  it('raw recursion ends in LIMIT_STACK, an endless loop in LIMIT_STEPS, and the engine goes on', async () => {
    const { engine } = await interpMachine();
    const recursion = engine.loadRaw(code(insn(0x85, 0, 1, 0, -1), EXIT));
    assert.throws(() => engine.run(recursion, [], { gate: none }), { code: 'LIMIT_STACK' });
    const loop = engine.loadRaw(code(insn(0x05, 0, 0, -1), EXIT));
    assert.throws(() => engine.run(loop, [], { gate: none, maxSteps: 3_000_000n }), {
      code: 'LIMIT_STEPS',
    });
    const good = engine.loadRaw(code(insn(0xb7, 0, 0, 0, 3), EXIT));
    assert.equal(engine.run(good, [], { gate: none }).r0, 3n);
  });

  it('counts every executed instruction across slices, jumps and wide loads', async () => {
    const { engine } = await interpMachine();
    const insns = code(
      ldImm64(1, 1_500_000n),
      insn(0x17, 1, 0, 0, 1),
      insn(0x55, 1, 0, -2, 0),
      insn(0xb7, 0),
      EXIT,
    );
    const run = engine.run(engine.loadRaw(insns), [], { gate: none });
    assert.equal(run.steps, 1n + 2n * 1_500_000n + 2n);
  });

  it('a handler calls back through a function pointer, with and without an image', async () => {
    const { engine } = await interpMachine();
    const insns = code(
      ldImm64(2, 1n, 4),
      insn(0xb7, 7, 0, 0, 70),
      insn(0x85, 0, 0, 0, 0x10),
      insn(0x0f, 0, 7),
      EXIT,
      insn(0xbf, 0, 1),
      insn(0x27, 0, 0, 0, 2),
      insn(0xb7, 7, 0, 0, 1),
      EXIT,
    );
    const functions = [
      { start: 0, stackDepth: 8 },
      { start: 6, stackDepth: 8 },
    ];
    for (const entries of [undefined, [0xffffffffc0000040n, 0xffffffffc0000100n]]) {
      const program = engine.load({ insns, functions, arena: null }, entries);
      const run = engine.run(program, [], {
        gate: (_, args) => {
          if (entries) assert.equal(args[1], entries[1]);
          return engine.call(args[1], [4n]) + engine.call(args[1], [5n]);
        },
      });
      assert.equal(run.r0, 88n);
      engine.unload(program);
    }
    assert.throws(() => engine.call(0x1234n, []), { code: 'USAGE_POINTER' });
  });

  it('a program run inside a handler leaves the outer one as it was', async () => {
    const { engine } = await interpMachine('5.5');
    const inner = engine.load(main(code(insn(0xb7, 6, 0, 0, 1), insn(0x39, 0, 1), EXIT)));
    const outer = engine.load(
      main(
        code(
          insn(0xbf, 6, 1),
          insn(0x39, 2, 1),
          insn(0x85, 0, 0, 0, 8),
          insn(0x39, 3, 1),
          insn(0x0f, 0, 6),
          EXIT,
        ),
      ),
    );
    const run = engine.run(outer, [0x40n], {
      gate: () => {
        const { faults } = engine.run(inner, [0x80n], { gate: none });
        assert.deepEqual(
          faults.map(({ address }) => address),
          [0x80n],
        );
        return 2n;
      },
    });
    assert.equal(run.r0, 0x42n);
    assert.equal(run.faults.filter(({ program }) => program === outer.handle).length, 2);
  });

  it('an unwinding handler ends the program, an oops in a callback too', async () => {
    const { engine } = await interpMachine();
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
    const program = engine.load({ insns, functions, arena: null });
    const unwound = engine.run(program, [], {
      gate: () => {
        throw new ProgramUnwind(77n);
      },
    });
    assert.deepEqual([unwound.r0, unwound.oops], [77n, null]);
    const fatal = engine.run(program, [], { gate: (_, args) => engine.call(args[1], [0n]) });
    assert.equal(fatal.oops?.ip, 5n);
    assert.throws(
      () =>
        engine.run(program, [], {
          gate: () => {
            throw new Error('handler failed');
          },
        }),
      /handler failed/,
    );
    assert.equal(engine.run(program, [], { gate: () => 1n }).r0, 5n);
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
    it(`${version}: 33 succeed, 34 programs run`, async () => {
      const { memory, engine } = await interpMachine(version);
      const array = memory.alloc('direct', 512);
      const ctx = memory.alloc('direct', 32);
      memory.writeUint(array + MAX_ENTRIES, 4, 2n);
      memory.writeUint(array + PTRS + 8n, 8, 0xffff888000001000n);
      memory.writeUint(ctx + 8n, 8, array);
      memory.writeUint(ctx + 16n, 8, 0xdead00000001n);
      const program = engine.load(main(chain));
      const run = engine.run(program, [ctx], {
        gate: none,
        tailCall: (address) => {
          assert.equal(address, 0xffff888000001000n);
          return program;
        },
      });
      assert.equal(run.r0, 34n, 'and only the low 32 bits of the index count');
    });

  const fails: [string, bigint, bigint][] = [
    ['index = max_entries', 2n, 1n],
    ['empty slot', 0n, 1n],
  ];
  for (const [name, index, want] of fails)
    it(`falls through: ${name}`, async () => {
      const { memory, engine } = await interpMachine();
      const array = memory.alloc('direct', 512);
      const ctx = memory.alloc('direct', 32);
      memory.writeUint(array + MAX_ENTRIES, 4, 2n);
      memory.writeUint(array + PTRS + 8n, 8, 1n);
      memory.writeUint(ctx + 8n, 8, array);
      memory.writeUint(ctx + 16n, 8, index);
      const program = engine.load(main(chain));
      const options = { gate: none, tailCall: (): InterpProgram => program };
      assert.equal(engine.run(program, [ctx], options).r0, want);
    });

  for (const version of ['6.12', '6.1'] as const)
    it(`${version}: empty slots in a callee do not use up the caller's calls`, async () => {
      const { memory, engine } = await interpMachine(version);
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
        EXIT,
      );
      const functions = [
        { start: 0, stackDepth: 8 },
        { start: 11, stackDepth: 8 },
      ];
      const program = engine.load({ insns, functions, arena: null });
      const target = engine.load(main(code(insn(0xb7, 0, 0, 0, 1), EXIT)));
      const run = engine.run(program, [array], { gate: none, tailCall: () => target });
      assert.equal(run.r0, 1n);
    });

  const slots: ['6.12' | '6.1', bigint][] = [
    ['6.12', 1n],
    ['6.1', 99n],
  ];
  for (const [version, want] of slots)
    it(`${version}: 33 empty slots ${want === 1n ? 'leave' : 'use up'} the counter`, async () => {
      const { memory, engine } = await interpMachine(version);
      const array = memory.alloc('direct', 512);
      memory.writeUint(array + MAX_ENTRIES, 4, 2n);
      memory.writeUint(array + PTRS + 8n, 8, 0x1000n);
      const insns = code(
        insn(0xbf, 6, 1),
        insn(0xb7, 7, 0, 0, 33),
        insn(0xbf, 2, 6),
        insn(0xb7, 3),
        insn(0xf5),
        insn(0x17, 7, 0, 0, 1),
        insn(0x55, 7, 0, -5, 0),
        insn(0xbf, 2, 6),
        insn(0xb7, 3, 0, 0, 1),
        insn(0xf5),
        insn(0xb7, 0, 0, 0, 99),
        EXIT,
      );
      const program = engine.load(main(insns));
      const target = engine.load(main(code(insn(0xb7, 0, 0, 0, 1), EXIT)));
      const run = engine.run(program, [array], { gate: none, tailCall: () => target });
      assert.equal(run.r0, want);
    });

  it('the target runs in the same frame and returns to the caller of its predecessor', async () => {
    const { memory, engine } = await interpMachine();
    const array = memory.alloc('direct', 512);
    memory.writeUint(array + MAX_ENTRIES, 4, 1n);
    memory.writeUint(array + PTRS, 8, 0x1000n);
    const insns = code(
      insn(0xbf, 2, 1),
      insn(0x85, 0, 1, 1, 1),
      insn(0x07, 0, 0, 0, 1),
      EXIT,
      insn(0xbf, 8, 10),
      insn(0xb7, 3),
      insn(0xf5),
      EXIT,
    );
    const functions = [
      { start: 0, stackDepth: 8 },
      { start: 4, stackDepth: 8 },
    ];
    const program = engine.load({ insns, functions, arena: null });
    const target = engine.load(
      main(code(insn(0xbf, 0, 10), insn(0x1f, 0, 8), insn(0x07, 0, 0, 0, 40), EXIT)),
    );
    const run = engine.run(program, [array], { gate: none, tailCall: () => target });
    assert.equal(run.r0, 41n);
  });
});

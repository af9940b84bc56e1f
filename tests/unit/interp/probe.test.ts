import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KernelVersion } from '../../../host/profiles/profile.js';
import type { EngineRun } from '../../../host/runtime/engine.js';
import type { InterpSource } from '../../../host/runtime/interpreter.js';
import { code, insn, interpMachine } from '../../support/interp.js';

const EXIT = insn(0x95);
const gate = (): never => assert.fail('no helper is called');
const source = (insns: Uint8Array, arena: InterpSource['arena'] = null): InterpSource => ({
  insns,
  functions: [{ start: 0, stackDepth: 0 }],
  arena,
});
/** PROBE_MEM load of u64 into R0 from R1 + off, R0 preset. */
const probe = (off: number, opcode = 0x39): Uint8Array =>
  code(insn(0xb7, 0, 0, 0, -1), insn(opcode, 0, 1, off), EXIT);

type Outcome = 'value' | 'pf' | 'gp' | 'guard' | 'oops';

function outcome(run: EngineRun): Outcome {
  if (run.oops) return 'oops';
  return run.faults.length === 0 ? 'value' : run.faults[0].kind;
}

const VSYSCALL = 0xffffffffff600000n;
const USER_END = 0x800000000000n;

describe('what a probe load does, by kernel', () => {
  // `mapped` stands for an address that holds 8 readable bytes.
  const cases: {
    name: string;
    base: bigint | 'mapped';
    off: number;
    want: Record<KernelVersion, Outcome>;
  }[] = [
    {
      name: 'mapped kernel memory',
      base: 'mapped',
      off: 0,
      want: { '6.12': 'value', '6.1': 'value', '5.5': 'value' },
    },
    {
      name: 'mapped, positive offset',
      base: 'mapped',
      off: 344,
      want: { '6.12': 'value', '6.1': 'value', '5.5': 'value' },
    },
    {
      name: 'mapped, negative offset: 6.1 takes the carry for a wrap-around',
      base: 'mapped',
      off: -16,
      want: { '6.12': 'value', '6.1': 'guard', '5.5': 'value' },
    },
    { name: 'NULL', base: 0n, off: 0, want: { '6.12': 'guard', '6.1': 'guard', '5.5': 'pf' } },
    {
      name: 'NULL page, field',
      base: 0n,
      off: 344,
      want: { '6.12': 'guard', '6.1': 'guard', '5.5': 'pf' },
    },
    {
      name: 'user half',
      base: 0x7f0000001000n,
      off: 0,
      want: { '6.12': 'guard', '6.1': 'guard', '5.5': 'pf' },
    },
    {
      name: 'last address the 6.12 guard refuses',
      base: USER_END,
      off: 0,
      want: { '6.12': 'guard', '6.1': 'gp', '5.5': 'gp' },
    },
    {
      name: 'first address it lets through',
      base: USER_END + 1n,
      off: 0,
      want: { '6.12': 'gp', '6.1': 'gp', '5.5': 'gp' },
    },
    {
      name: 'base below the limit of 6.1, address above it',
      base: USER_END - 8n,
      off: 16,
      want: { '6.12': 'gp', '6.1': 'guard', '5.5': 'gp' },
    },
    {
      name: 'non-canonical',
      base: 0xdead000000000100n,
      off: 0,
      want: { '6.12': 'gp', '6.1': 'gp', '5.5': 'gp' },
    },
    {
      name: 'unmapped kernel memory',
      base: 0xffff8880f0000000n,
      off: 8,
      want: { '6.12': 'pf', '6.1': 'pf', '5.5': 'pf' },
    },
    {
      name: 'vsyscall page: fatal on 6.1, which lets it through and searches no table',
      base: VSYSCALL,
      off: 7,
      want: { '6.12': 'guard', '6.1': 'oops', '5.5': 'pf' },
    },
    {
      name: 'just below the vsyscall page',
      base: VSYSCALL - 8n,
      off: 0,
      want: { '6.12': 'pf', '6.1': 'pf', '5.5': 'pf' },
    },
    {
      name: 'error pointer, the access wraps around',
      base: 0xfffffffffffffffen,
      off: 0,
      want: { '6.12': 'guard', '6.1': 'pf', '5.5': 'pf' },
    },
    {
      name: 'error pointer, field: the sum wraps around',
      base: 0xfffffffffffffffen,
      off: 344,
      want: { '6.12': 'guard', '6.1': 'guard', '5.5': 'pf' },
    },
  ];
  for (const version of ['6.12', '6.1', '5.5'] as const)
    for (const { name, base, off, want } of cases)
      it(`${version}: ${name}`, async () => {
        const { memory, engine } = await machine(version);
        const block = memory.alloc('direct', 4096);
        const from = base === 'mapped' ? block + 1024n : base;
        memory.writeUint(block + 1024n + BigInt(base === 'mapped' ? off : 0), 8, 0xfeedfacecafebeefn);
        const program = engine.load(source(probe(off)));
        const run = engine.run(program, [from], { gate });
        assert.equal(outcome(run), want[version]);
        if (want[version] === 'value') assert.equal(run.r0, 0xfeedfacecafebeefn);
        else assert.equal(run.r0, 0n, 'the destination is zero');
        if (want[version] === 'oops') {
          assert.equal(run.oops?.ip, 1n);
          assert.equal(run.oops?.access, 'read');
        } else if (want[version] !== 'value')
          assert.deepEqual(run.faults, [
            {
              kind: want[version],
              ip: 1n,
              address: BigInt.asUintN(64, from + BigInt(off)),
              register: 80,
              entry: want[version] === 'guard' ? -1 : 0,
              length: 0,
              program: program.handle,
            },
          ]);
        engine.unload(program);
        memory.free(block);
      });
});

const machines = new Map<KernelVersion, ReturnType<typeof interpMachine>>();
const machine = (version: KernelVersion): ReturnType<typeof interpMachine> => {
  const made = machines.get(version) ?? interpMachine(version, { perCpuOffset: 0x1000n });
  machines.set(version, made);
  return made;
};

describe('probe loads', () => {
  const WIDTHS: [string, number, bigint][] = [
    ['u8', 0x31, 0x88n],
    ['u16', 0x29, 0x9988n],
    ['u32', 0x21, 0xbbaa9988n],
    ['u64', 0x39, 0xffeeddccbbaa9988n],
    ['s8', 0x51, 0xffffffffffffff88n],
    ['s16', 0x49, 0xffffffffffff9988n],
    ['s32', 0x41, 0xffffffffbbaa9988n],
  ];
  for (const [name, opcode, want] of WIDTHS)
    it(`${name}: the value, or 64 zero bits`, async () => {
      const { memory, engine } = await machine('6.12');
      const address = memory.alloc('direct', 8);
      memory.writeUint(address, 8, 0xffeeddccbbaa9988n);
      const program = engine.load(source(probe(0, opcode)));
      assert.equal(engine.run(program, [address], { gate }).r0, want);
      const run = engine.run(program, [0xffff8880f0000000n], { gate });
      assert.equal(run.r0, 0n);
      assert.equal(run.faults.length, 1);
      engine.unload(program);
      memory.free(address);
    });

  it('fault when the access crosses into an unmapped page, at the address of that page', async () => {
    const { memory, engine } = await machine('6.12');
    const block = memory.alloc('vmalloc', 4096);
    const program = engine.load(source(probe(0)));
    memory.writeUint(block + 4088n, 8, 0x1122334455667788n);
    assert.equal(engine.run(program, [block + 4088n], { gate }).r0, 0x1122334455667788n);
    const run = engine.run(program, [block + 4089n], { gate });
    assert.equal(run.r0, 0n);
    assert.equal(run.faults[0].address, block + 4096n);
    engine.unload(program);
    memory.free(block);
  });

  it('count entries per function and name register and slot', async () => {
    const { engine } = await machine('6.12');
    const insns = code(
      insn(0xbf, 9, 1),
      insn(0x85, 0, 1, 1, 1),
      insn(0x39, 7, 9),
      insn(0x39, 8, 9, 8),
      EXIT,
      insn(0x31, 2, 9),
      insn(0x39, 9, 9),
      EXIT,
    );
    // R9 is not an argument: the callee reads the caller's, as JIT-compiled code does.
    const program = engine.load({
      insns,
      functions: [
        { start: 0, stackDepth: 0 },
        { start: 5, stackDepth: 0 },
      ],
      arena: null,
    });
    const { faults } = engine.run(program, [0xffff8880f0000000n], { gate });
    assert.deepEqual(
      faults.map(({ ip, entry, register }) => [ip, entry, register]),
      [
        [5n, 0, 104],
        [6n, 1, 0],
        [2n, 0, 16],
        [3n, 1, 8],
      ],
    );
    engine.unload(program);
  });
});

describe('arena accesses', () => {
  const USER = 0x7f1200000000n;

  it('load, store and atomics go to the kernel base plus the 32-bit offset', async () => {
    const { memory, engine } = await machine('6.12');
    const kernel = memory.alloc('vmalloc', 4096);
    const arena = { kernel, user: USER };
    const program = engine.load(
      source(
        code(
          insn(0xbb, 1, 2, 16), // *(u64 *)(r1 + 16) = r2
          insn(0xb2, 1, 0, 24, 0x5a), // *(u8 *)(r1 + 24) = 0x5a
          insn(0xba, 1, 0, 32, -2), // *(u64 *)(r1 + 32) = -2
          insn(0xfb, 1, 2, 16, 0x01), // r2 = fetch_add(r1 + 16, r2)
          insn(0xb9, 0, 1, 16), // r0 = *(u64 *)(r1 + 16)
          EXIT,
        ),
        arena,
      ),
    );
    const run = engine.run(program, [64n, 21n], { gate });
    assert.equal(run.r0, 42n);
    assert.equal(memory.readUint(kernel + 88n, 1), 0x5an);
    assert.equal(memory.readUint(kernel + 96n, 8), 0xfffffffffffffffen);
    assert.equal(run.faults.length, 0);
    engine.unload(program);
    memory.free(kernel);
  });

  it('a hole gives 0 for loads and skips stores and atomics', async () => {
    const { memory, engine } = await machine('6.12');
    const kernel = memory.alloc('vmalloc', 4096);
    const program = engine.load(
      source(code(insn(0xb9, 0, 1), insn(0xbb, 1, 2), insn(0xfb, 1, 2, 0, 0xe1), insn(0x0f, 0, 2), EXIT), {
        kernel,
        user: USER,
      }),
    );
    const run = engine.run(program, [0x10000n, 7n], { gate });
    assert.equal(run.r0, 7n, 'the exchange kept its register');
    assert.deepEqual(
      run.faults.map(({ entry, register, kind }) => [entry, register, kind]),
      [
        [0, 80, 'pf'],
        [1, null, 'pf'],
        [2, null, 'pf'],
      ],
    );
    engine.unload(program);
    memory.free(kernel);
  });

  it('cast to a user pointer, NULL kept', async () => {
    const { engine } = await machine('6.12');
    const program = engine.load(
      source(code(insn(0xbf, 0, 1, 1, 65536), EXIT), { kernel: 0xffffc90000000000n, user: USER }),
    );
    const cases = [
      [0x1234n, USER | 0x1234n],
      [0n, 0n],
      [0x9900000000n, 0n],
      [0xffffc90080000010n, USER | 0x80000010n],
    ];
    for (const [value, want] of cases) assert.equal(engine.run(program, [value], { gate }).r0, want);
    engine.unload(program);
  });

  it('per-CPU address cast adds the offset of the CPU', async () => {
    const { engine } = await machine('6.12');
    const program = engine.load(source(code(insn(0xbf, 0, 1, -1), EXIT)));
    assert.equal(engine.run(program, [0x42n], { gate }).r0, 0x1042n);
    engine.unload(program);
  });
});

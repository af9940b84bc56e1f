import assert from 'node:assert/strict';
import test from 'node:test';
import type { Kernel } from '../../../host/runtime/kernel.js';
import type { LoadedProgram, RunOptions } from '../../../host/runtime/loaded-program.js';
import type { RunResult } from '../../../host/runtime/run-result.js';
import { HOT_STEPS } from '../../../host/runtime/tiers.js';
import { testKernel } from '../../support/kernel.js';
import { loadCase, MAP } from '../../support/verifier-cases.js';

const ROUNDS = 20_000;

/** Counts, draws random numbers, asks for the time, follows a dangling pointer; r0 = what it added up. */
const TEXT = `
  r6 = *(u64 *)(r1 +0)
  r7 = *(u64 *)(r6 +OFFSETOF(task_struct.real_parent))
  r8 = *(u32 *)(r7 +OFFSETOF(task_struct.pid))
  *(u32 *)(r10 -4) = 0
  r1 = map_fd 0
  r2 = r10
  r2 += -4
  call bpf_map_lookup_elem
  if r0 == 0x0 goto out
  r9 = r0
  r1 = 1
  lock *(u64 *)(r9 +0) += r1
  call bpf_get_prandom_u32
  r8 += r0
  call bpf_ktime_get_ns
  r8 += r0
  r1 = 0
  again: r8 += r1
  r1 += 1
  if r1 < ${ROUNDS} goto again
  *(u64 *)(r9 +8) = r8
  out: r0 = 0
  exit`;

interface Machine {
  readonly kernel: Kernel;
  readonly program: LoadedProgram;
  run(options?: RunOptions): RunResult;
}

async function machine(): Promise<Machine> {
  const kernel = await testKernel();
  const { spec } = loadCase(
    {
      rule: 'tiers',
      type: 'TRACING',
      attachType: 24,
      attach: { kind: 'fentry', target: 'wake_up_new_task' },
      text: TEXT,
      maps: [{ type: MAP.ARRAY, value: 16 }],
    },
    '6.12',
  );
  const program = kernel.load(spec);
  const parent = kernel.create('task_struct', { pid: 80 });
  const child = kernel.create('task_struct', { pid: 81, real_parent: parent });
  kernel.unmap(parent);
  const context = kernel.context.tracing([child]);
  return { kernel, program, run: (options) => program.run(context, options) };
}

/** What must not depend on the engine. */
const told = ({ engine: _, steps: __, ...result }: RunResult): unknown => result;
const memory = ({ program }: Machine): unknown => program.maps.map((map) => [...map.entries()]);

test('a program starts on the interpreter and goes on in WebAssembly, with the same results', async () => {
  const tiered = await machine();
  const fixed = await Promise.all([machine(), machine(), machine()]);
  const engines: string[] = [];
  let steps = 0n;
  for (let i = 0; i < 10; i++) {
    const result = tiered.run();
    assert.equal(result.faults.length, 1);
    engines.push(result.engine);
    if (result.engine === 'interp') {
      assert.ok(i === 0 || steps < HOT_STEPS + 1000n * BigInt(tiered.program.verified.insns.length / 8));
      steps += result.steps;
    }
    for (const [at, engine] of (['x86', 'interp', 'wasm'] as const).entries()) {
      assert.deepEqual(told(fixed[at]!.run({ engine })), told(result), `${engine}, run ${i}`);
      assert.deepEqual(memory(fixed[at]!), memory(tiered));
    }
  }
  const firstHot = engines.indexOf('wasm');
  assert.ok(firstHot > 0, engines.join(' '));
  assert.deepEqual(
    engines,
    engines.map((_, i) => (i < firstHot ? 'interp' : 'wasm')),
  );
  assert.ok(steps >= HOT_STEPS);
});

test('a named engine is used at once, and says nothing about how hot a program is', async () => {
  const { run } = await machine();
  for (let i = 0; i < 8; i++) assert.equal(run({ engine: 'interp' }).engine, 'interp');
  for (let i = 0; i < 2; i++) assert.equal(run({ engine: 'wasm' }).engine, 'wasm');
  assert.equal(run({ engine: 'x86' }).engine, 'x86');
  assert.equal(run({ engine: 'auto' }).engine, 'interp');
});

test('where modules cannot be compiled a hot program stays on the interpreter', async () => {
  const { run } = await machine();
  const { Module } = WebAssembly;
  WebAssembly.Module = class {
    constructor() {
      throw new RangeError('WebAssembly.Module(): too large for the main thread');
    }
  } as unknown as typeof Module;
  try {
    for (let i = 0; i < 8; i++) assert.equal(run().engine, 'interp');
  } finally {
    WebAssembly.Module = Module;
  }
  assert.equal(run().engine, 'interp', 'it is not tried again');
});

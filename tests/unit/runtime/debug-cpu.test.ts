import assert from 'node:assert/strict';
import test from 'node:test';
import type { DebugCpu, TraceStep } from '../../../host/runtime/debug-cpu.js';
import type { LoadedProgram } from '../../../host/runtime/loaded-program.js';
import { testKernel } from '../../support/kernel.js';
import { type CaseMap, loadCase, MAP } from '../../support/verifier-cases.js';

const kernel = await testKernel();
const frame = Uint8Array.from({ length: 60 }, (_, at) => at);
const skb = kernel.context.skb(frame);
const ZF = 64n;
const CF = 1n;

function load(
  text: string,
  c = 'int main(struct __sk_buff *ctx);',
  maps: readonly CaseMap[] = [],
): LoadedProgram {
  return kernel.load(loadCase({ rule: 'debug', type: 'SCHED_CLS', text, c, maps }, '6.12').spec);
}

function debug(program: LoadedProgram, use: (cpu: DebugCpu) => void): void {
  const cpu = program.debug(skb);
  try {
    use(cpu);
  } finally {
    cpu.close();
  }
}

/** r0 = 3 + 2 + 1, counted down in r6. */
const LOOP = `
  r6 = *(u32 *)(r1 +0)
  r6 = 3
  r0 = 0
  again: r0 += r6
  r6 += -1
  if r6 != 0x0 goto again
  exit`;
const AGAIN = 3;
const JUMP = 5;

test('one step does one x86 instruction, and the registers are those of the processor', () => {
  const program = load(LOOP);
  const [image] = program.images;
  debug(program, (cpu) => {
    assert.equal(cpu.ip, image!.entry);
    assert.equal(cpu.insn, -1, 'the prologue belongs to no instruction');
    assert.equal(cpu.get('rdi'), skb.address);
    const rsp = cpu.get('rsp');
    while (cpu.insn < 0) assert.equal(cpu.step(), 'step');
    assert.equal(cpu.get('rbp'), rsp - 8n);
    const seen: number[] = [];
    do seen.push(cpu.insn);
    while (cpu.step() === 'step');
    assert.deepEqual([...new Set(seen)], [0, 1, 2, 3, 4, 5, 6]);
    assert.equal(seen.filter((insn) => insn === AGAIN).length, 3);
    assert.equal(cpu.result?.r0, 6n);
    assert.equal(cpu.result.steps, BigInt(cpu.steps));
    assert.deepEqual(cpu.result, program.run(skb, { engine: 'x86' }));
    assert.equal(cpu.step(), 'end');
  });
});

test('a BPF instruction is one step of stepInsn', () => {
  debug(load(LOOP), (cpu) => {
    const seen: number[] = [];
    while (cpu.stepInsn() === 'step') seen.push(cpu.insn);
    assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5, 6]);
  });
});

test('breakpoints stop in front of an instruction, each time, until they are cleared', () => {
  const program = load(LOOP);
  debug(program, (cpu) => {
    cpu.break({ insn: AGAIN });
    for (const r6 of [3n, 2n]) {
      assert.equal(cpu.continue(), 'breakpoint');
      assert.deepEqual([cpu.insn, cpu.get('rbx')], [AGAIN, r6]);
    }
    cpu.clear({ insn: AGAIN });
    const at = program.images[0]!.address + BigInt(program.images[0]!.offsets[6]!);
    cpu.break(at);
    assert.deepEqual(cpu.breakpoints, [at]);
    assert.equal(cpu.continue(), 'breakpoint');
    assert.deepEqual([cpu.ip, cpu.insn, cpu.get('rax')], [at, 6, 6n]);
    assert.equal(cpu.continue(), 'end');
    assert.equal(cpu.result?.r0, 6n);
  });
  debug(program, (cpu) => {
    cpu.break({ insn: AGAIN });
    assert.equal(cpu.finish().r0, 6n, 'past breakpoints');
  });
});

test('registers and flags can be changed', () => {
  debug(load(LOOP), (cpu) => {
    cpu.break({ insn: JUMP });
    cpu.continue();
    cpu.set('rax', 100n);
    cpu.set('rbx', 1n << 64n);
    assert.equal(cpu.get('rbx'), 0n, 'modulo 2^64');
    assert.equal(cpu.finish().r0, 100n);
  });
  debug(load(LOOP), (cpu) => {
    cpu.break({ insn: JUMP });
    cpu.continue();
    cpu.step();
    assert.equal(cpu.flags & (ZF | CF), 0n, 'r6 - 0 is neither zero nor a borrow');
    assert.equal(cpu.insn, JUMP, 'between compare and jump');
    cpu.flags |= ZF;
    assert.equal(cpu.finish().r0, 3n, 'the jump was not taken');
  });
  debug(load(LOOP), (cpu) => {
    assert.throws(() => cpu.get('eax' as 'rax'), { code: 'USAGE_REGISTER' });
    assert.throws(() => cpu.break(1n), { code: 'USAGE_BREAKPOINT' });
    assert.throws(() => cpu.break({ insn: 99 }), { code: 'USAGE_BREAKPOINT' });
  });
});

test('flags are those of the last instruction that sets any, also where nothing reads them', () => {
  debug(load('r0 = 1\nr0 -= 2\nr0 ^= r0\nexit'), (cpu) => {
    cpu.break({ insn: 2 });
    cpu.continue();
    assert.equal(cpu.flags & (CF | ZF), CF, '1 - 2 borrows');
    cpu.step();
    assert.equal(cpu.flags & (CF | ZF), ZF);
  });
});

test('a trace tells what each instruction changed', () => {
  const program = load(LOOP);
  debug(program, (cpu) => {
    const steps: TraceStep[] = [...cpu.trace()];
    assert.equal(steps.length, cpu.steps);
    const added = steps.filter(({ insn }) => insn === AGAIN).map(({ changed }) => changed.rax);
    assert.deepEqual(added, [3n, 5n, 6n]);
    steps.forEach(({ next }, at) => {
      if (at + 1 < steps.length) assert.equal(next, steps[at + 1]!.ip);
    });
    assert.deepEqual([...cpu.trace()], [], 'it has ended');
  });
  debug(program, (cpu) => {
    for (const { insn } of cpu.trace()) if (insn === JUMP) break;
    assert.equal(cpu.result, null, 'a trace can be left');
    assert.equal(cpu.finish().r0, 6n);
  });
});

test('other runs go on between steps, and meet no breakpoint', () => {
  const program = load(LOOP);
  const want = program.run(skb, { engine: 'x86' });
  debug(program, (one) =>
    debug(program, (two) => {
      one.break({ insn: AGAIN });
      two.break({ insn: JUMP });
      let done = 0;
      while (done < 2) {
        done = 0;
        for (const cpu of [one, two]) if (cpu.continue() === 'end') done++;
        assert.deepEqual(program.run(skb, { engine: 'x86' }), want);
        if (!one.result) one.step();
      }
      assert.deepEqual([one.result, two.result], [want, want]);
    }),
  );
});

test('a helper is one step, with the functions that it calls back', () => {
  const text = `
    *(u64 *)(r10 -8) = 0
    r1 = map_fd 0
    r2 = func body
    r3 = r10
    r3 += -8
    r4 = 0
    call bpf_for_each_map_elem
    r0 = *(u64 *)(r10 -8)
    exit
    body: r1 = *(u64 *)(r4 +0)
    r1 += 1
    *(u64 *)(r4 +0) = r1
    r0 = 0
    exit`;
  const program = load(
    text,
    'int main(struct __sk_buff *ctx); static int body(struct bpf_map *map, u32 *key, u64 *value, void *ctx);',
    [{ type: MAP.ARRAY, max: 4 }],
  );
  const body = program.verified.functions[1]!.start;
  debug(program, (cpu) => {
    cpu.break({ insn: body });
    for (const { insn } of cpu.trace()) assert.ok(insn < body);
    assert.equal(cpu.result?.r0, 4n);
  });
});

test('exceptions and tail calls are stepped through', () => {
  const thrower = load(
    `r1 = 5
    call kfunc bpf_throw
    r0 = 0
    exit
    handler: r0 = r1
    r0 += 1
    exit`,
    'int main(struct __sk_buff *ctx) __tag(exception_callback:handler); int handler(u64 cookie);',
  );
  const caller = load(
    `r2 = map_fd 0
    r3 = 0
    call bpf_tail_call
    r0 = 1
    exit`,
    undefined,
    [{ type: MAP.PROG_ARRAY, value: 4 }],
  );
  caller.maps[0]!.update(0, thrower);
  debug(caller, (cpu) => {
    const names = [...cpu.trace()].map(({ place }) => place?.program.id);
    assert.deepEqual([...new Set(names)], [caller.id, thrower.id]);
    assert.equal(cpu.result?.r0, 6n);
  });
});

test('a stepped program keeps its budget, and its stack goes back', () => {
  const program = load('r0 = 0\nagain: may_goto out\ngoto again\nout: exit');
  const used = kernel.memory.alloc('vmalloc', 4096);
  kernel.memory.free(used);
  for (let i = 0; i < 3; i++) {
    const cpu = program.debug(skb, { maxSteps: 100n });
    assert.throws(() => cpu.finish(), { code: 'LIMIT_STEPS' });
    assert.throws(() => cpu.step(), { code: 'LIMIT_STEPS' });
    cpu.close();
    cpu.close();
    assert.throws(() => cpu.step(), { code: 'USAGE_CLOSED' });
    const again = kernel.memory.alloc('vmalloc', 4096);
    assert.equal(again, used);
    kernel.memory.free(again);
  }
});

const walk = kernel.load(
  loadCase(
    {
      rule: 'debug',
      type: 'TRACING',
      attachType: 24,
      attach: { kind: 'fentry', target: 'wake_up_new_task' },
      text: `
        r6 = *(u64 *)(r1 +0)
        r7 = *(u64 *)(r6 +OFFSETOF(task_struct.real_parent))
        r8 = *(u32 *)(r7 +OFFSETOF(task_struct.pid))
        r7 = *(u64 *)(r7 +OFFSETOF(task_struct.real_parent))
        r9 = *(u32 *)(r7 +OFFSETOF(task_struct.tgid))
        r0 = 0
        exit`,
    },
    '6.12',
  ).spec,
);
const parent = kernel.create('task_struct', { pid: 80 });
const child = kernel.create('task_struct', { pid: 81, real_parent: parent });
kernel.unmap(parent);
const task = kernel.context.tracing([child]);

test('faults show in the trace of the instruction that met them', () => {
  const cpu = walk.debug(task);
  const met = [...cpu.trace()].filter(({ faults }) => faults.length > 0);
  const { faults } = walk.run(task, { engine: 'x86' });
  assert.deepEqual(
    met.flatMap((step) => step.faults),
    faults,
  );
  assert.deepEqual(
    faults.map(({ kind }) => kind),
    ['pf', 'pf', 'guard'],
  );
  for (const { insn, faults: own } of met) assert.equal(own[0]!.insn, insn);
  assert.deepEqual(cpu.result?.faults, faults);
  cpu.close();
});

test('onFault sees each repaired fault with the registers it left, on x86', () => {
  const seen: string[] = [];
  const result = walk.run(task, {
    onFault: (fault, registers) => {
      seen.push(`${fault.kind} ${fault.address} ${fault.insn}`);
      assert.equal(registers[fault.register!], 0n, 'the register is zeroed already');
    },
  });
  assert.equal(result.engine, 'x86');
  const faulted = result.faults.filter(({ kind }) => kind !== 'guard');
  assert.deepEqual(
    seen,
    faulted.map(({ kind, address, insn }) => `${kind} ${address} ${insn}`),
  );
  assert.deepEqual(result, walk.run(task, { engine: 'x86' }), 'looking changes nothing');
  assert.throws(() => walk.run(task, { engine: 'wasm', onFault: () => {} }), { code: 'USAGE_ENGINE' });
});

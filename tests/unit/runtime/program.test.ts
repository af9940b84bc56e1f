import assert from 'node:assert/strict';
import test from 'node:test';
import { BtfKind } from '../../../host/btf/types.js';
import { MAP_FD_BASE, type MapSpec, type ProgramSpec } from '../../../host/program/program-spec.js';
import {
  addImm,
  call,
  callLocal,
  exit,
  jump,
  jumpIfEqual,
  load,
  load64,
  mov,
  movImm,
  program,
  store,
  storeImm,
} from '../../support/insns.js';
import { testKernel } from '../../support/kernel.js';

const kernel = await testKernel();

const SOCKET_FILTER = 1;
const SCHED_CLS = 3;
const XDP = 6;
const TRACING = 26;
const TP_BTF = 23;
const TAIL_CALL = 12;
const REDIRECT = 23;
const PROG_ARRAY = 3;

const base: ProgramSpec = {
  name: 'test',
  section: '',
  type: SOCKET_FILTER,
  expectedAttachType: 0,
  flags: 0,
  attach: null,
  license: 'GPL',
  insns: program(movImm(0, 0), exit()),
  maps: [],
  btf: null,
  funcInfo: [],
  lineInfo: [],
};

const array: MapSpec = {
  name: 'array',
  type: 2,
  keySize: 4,
  valueSize: 8,
  maxEntries: 4,
  flags: 0,
  extra: 0n,
};

const frame = Uint8Array.from({ length: 60 }, (_, at) => at);
const returning = (value: number): ProgramSpec => ({
  ...base,
  insns: program(movImm(0, value), exit()),
});

test('a result has 64 bits in r0 and 32 in retval', () => {
  const loaded = kernel.load({ ...base, insns: program(load64(0, 0, -2, 5), exit()) });
  const context = kernel.context.skb(frame, { socketFilter: true });
  const { r0, retval, oops, faults } = loaded.run(context, { engine: 'all' });
  assert.deepEqual([r0, retval, oops, faults], [0x5_ffff_fffen, 0xfffffffe, null, []]);
});

test('maps are shared with the host, by name and by address', () => {
  // array[1]++ through a lookup
  const insns = program(
    storeImm(4, 10, -4, 1),
    mov(2, 10),
    addImm(2, -4),
    load64(1, 1, MAP_FD_BASE),
    call(1),
    jumpIfEqual(0, 0, 3),
    load(8, 1, 0, 0),
    addImm(1, 1),
    store(8, 0, 0, 1),
    movImm(0, 0),
    exit(),
  );
  const loaded = kernel.load({ ...base, insns, maps: [array] });
  const context = kernel.context.skb(frame, { socketFilter: true });
  const map = loaded.map('array');
  map.update(1, 41);
  for (const engine of ['x86', 'interp'] as const) loaded.run(context, { engine });
  assert.equal(map.lookupUint(1), 43n);
  loaded.run(context, { engine: 'all' });
  assert.equal(map.lookupUint(1), 44n, 'all engines start from the same state');
  assert.throws(() => loaded.map('nope'), { code: 'USAGE_MAP' });
});

for (const [name, key] of [
  ['constant key (direct)', program(movImm(3, 1))],
  ['key from the packet length (indirect)', program(load(4, 3, 1, 0), addImm(3, 1 - (60 - 14)))],
] as const) {
  test(`tail calls follow the slot: ${name}`, () => {
    const progArray: MapSpec = { ...array, name: 'calls', type: PROG_ARRAY, valueSize: 4 };
    const insns = program(key, load64(2, 1, MAP_FD_BASE), call(TAIL_CALL), movImm(0, 7), exit());
    const loaded = kernel.load({ ...base, insns, maps: [progArray] });
    const context = kernel.context.skb(frame, { socketFilter: true });
    const run = (): number => loaded.run(context, { engine: 'all' }).retval;
    const [first, second] = [kernel.load(returning(1)), kernel.load(returning(2))];
    assert.equal(run(), 7, 'empty slot');
    loaded.map('calls').update(1, first);
    assert.equal(run(), 1);
    loaded.map('calls').update(1, second);
    assert.equal(run(), 2);
    loaded.map('calls').delete(1);
    assert.equal(run(), 7, 'emptied slot');
  });
}

test('functions of one program call each other', () => {
  const insns = program(movImm(1, 20), callLocal(2), addImm(0, 1), exit(), mov(0, 1), addImm(0, 1), exit());
  const loaded = kernel.load({ ...base, insns });
  assert.equal(loaded.run(kernel.context.skb(frame, { socketFilter: true }), { engine: 'all' }).retval, 22);
  assert.equal(loaded.images.length, 2);
  const hit = kernel.lookup(loaded.images[1]!.entry + 3n);
  assert.deepEqual([hit?.ksym.program, hit?.ksym.func, hit?.offset], [loaded.id, 1, 3]);
});

test('classifiers see the frame from its Ethernet header, and can change it', () => {
  const insns = program(
    load(4, 2, 1, 76),
    load(4, 3, 1, 80),
    mov(4, 2),
    addImm(4, 14),
    new Uint8Array([0x2d, 0x34, 3, 0, 0, 0, 0, 0]), // if r4 > r3 goto +3
    storeImm(1, 2, 0, 0xee),
    load(1, 0, 2, 13),
    exit(),
    movImm(0, -1),
    exit(),
  );
  const loaded = kernel.load({ ...base, type: SCHED_CLS, insns });
  const context = kernel.context.skb(frame);
  const { retval, output } = loaded.run(context, { engine: 'all' });
  assert.equal(retval, 13);
  assert.deepEqual(output, Uint8Array.from([0xee, ...frame.subarray(1)]));
});

test('redirects are reported', () => {
  const insns = program(movImm(1, 5), movImm(2, 0), call(REDIRECT), exit());
  const loaded = kernel.load({ ...base, type: XDP, insns });
  const { retval, redirect } = loaded.run(kernel.context.xdp(frame), { engine: 'all' });
  assert.deepEqual([retval, redirect?.ifindex], [4, 5]);
});

test('syscall programs hand their context back', () => {
  const insns = program(load(4, 2, 1, 0), addImm(2, 1), store(4, 1, 4, 2), movImm(0, 0), exit());
  const loaded = kernel.load({ ...base, type: 31, flags: 16, insns });
  const context = kernel.context.raw(Uint8Array.from([9, 0, 0, 0, 0, 0, 0, 0]));
  assert.deepEqual(loaded.run(context).output, Uint8Array.from([9, 0, 0, 0, 10, 0, 0, 0]));
});

test('a trusted pointer to freed memory is an oops, in Linux words', () => {
  const btfId = kernel.btf.find('btf_trace_sched_process_exit', BtfKind.TYPEDEF);
  const offset = kernel.btf.member(kernel.btf.find('task_struct', BtfKind.STRUCT), 'pid').bitOffset / 8;
  const spec: ProgramSpec = {
    ...base,
    type: TRACING,
    expectedAttachType: TP_BTF,
    attach: { kind: 'raw_tp', target: 'sched_process_exit', btfId },
    insns: program(load(8, 1, 1, 0), load(4, 2, 1, offset), movImm(0, 0), exit()),
  };
  const loaded = kernel.load(spec);
  const task = kernel.create('task_struct', { pid: 5 });
  const context = kernel.context.tracing([task]);
  assert.equal(loaded.run(context, { engine: 'all' }).oops, null);
  kernel.unmap(task);
  for (const engine of ['x86', 'interp'] as const) {
    const { oops, faults } = loaded.run(context, { engine });
    assert.deepEqual(faults, []);
    assert.equal(oops?.address, task.address + BigInt(offset));
    assert.deepEqual([oops?.kind, oops?.access, oops?.insn], ['pf', 'read', 1], engine);
    assert.match(oops!.lines[0]!, /^BUG: unable to handle page fault for address: ffff8880/);
    assert.match(oops!.lines[3]!, /^RIP: 0010:bpf_prog_[0-9a-f]{16}_test\+0x[0-9a-f]+\/0x[0-9a-f]+$/);
  }
});

test('steps are bounded', () => {
  // r1 = 0; do r1 += 1 while (r1 < 500)
  const loop = new Uint8Array([0xa5, 1, 0xfe, 0xff, 0xf4, 1, 0, 0]);
  const loaded = kernel.load({
    ...base,
    insns: program(movImm(1, 0), addImm(1, 1), loop, movImm(0, 4), exit()),
  });
  const context = kernel.context.skb(frame, { socketFilter: true });
  for (const engine of ['x86', 'interp'] as const) {
    assert.throws(() => loaded.run(context, { engine, maxSteps: 900n }), { code: 'LIMIT_STEPS' });
    assert.equal(loaded.run(context, { engine, maxSteps: 1600n }).retval, 4, engine);
  }
});

test('a helper of this kernel can be replaced', () => {
  const loaded = kernel.load({ ...base, insns: program(call(5), exit()) });
  const context = kernel.context.skb(frame, { socketFilter: true });
  kernel.defineHelper('bpf_ktime_get_ns', () => 123n);
  assert.equal(loaded.run(context, { engine: 'all' }).r0, 123n);
});

test('closing gives everything back', () => {
  const context = kernel.context.skb(frame, { socketFilter: true });
  const spec: ProgramSpec = {
    ...base,
    insns: program(load64(1, 1, MAP_FD_BASE), movImm(0, 3), exit()),
    maps: [array],
  };
  const probe = (): bigint[] => {
    const places = (['direct', 'vmalloc', 'modules'] as const).map((region) =>
      kernel.memory.alloc(region, 4096, 4096),
    );
    for (const place of places) kernel.memory.free(place);
    return [...places, BigInt(kernel.ksyms.size), kernel.core.exports.heapInUse()];
  };
  const round = (): void => {
    const map = kernel.createMap(array);
    const loaded = kernel.load(spec, [map]);
    assert.equal(loaded.run(context, { engine: 'all' }).retval, 3);
    loaded.close();
    loaded.close();
    kernel.closeMap(map);
    assert.throws(() => loaded.run(context), { code: 'USAGE_CLOSED' });
  };
  for (let warm = 0; warm < 3; warm++) round();
  const before = probe();
  for (let at = 0; at < 50; at++) round();
  assert.deepEqual(probe(), before);
});

test('programs that no engine can run are refused, loudly', () => {
  assert.throws(() => kernel.load({ ...base, insns: program(jump(-1)) }), { name: 'VerifierError' });
  const loaded = kernel.load(base);
  assert.throws(() => loaded.run(kernel.context.raw(), { engine: 'z80' as 'x86' }), { code: 'USAGE_ENGINE' });
});

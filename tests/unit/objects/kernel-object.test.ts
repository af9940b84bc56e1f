import assert from 'node:assert/strict';
import test from 'node:test';
import { BtfError, MemoryError, UsageError } from '../../../host/errors.js';
import type { FieldInput } from '../../../host/mm/kernel-object.js';
import { testKernel } from '../../support/kernel.js';

const kernel = await testKernel();

// What is written, and what is read back.
const roundTrips: { name: string; type: string; path: string; value: FieldInput; read?: unknown }[] = [
  { name: 'signed number', type: 'task_struct', path: 'pid', value: -7 },
  {
    name: 'unsigned number keeps its low bits',
    type: 'task_struct',
    path: 'flags',
    value: -1,
    read: 0xffffffff,
  },
  { name: '64-bit number', type: 'task_struct', path: 'start_time', value: 2n ** 63n },
  { name: 'text', type: 'task_struct', path: 'comm', value: 'init' },
  { name: 'text that fills the array', type: 'task_struct', path: 'comm', value: 'fifteen letters' },
  { name: 'pointer by address', type: 'task_struct', path: 'real_parent', value: 0xffff888000001000n },
  { name: 'null pointer', type: 'task_struct', path: 'real_parent', value: null, read: 0n },
  {
    name: 'pointer by object',
    type: 'task_struct',
    path: 'real_parent',
    value: kernel.current,
    read: kernel.current.address,
  },
  { name: 'array', type: 'task_struct', path: 'cpus_mask.bits', value: [1n, 2n], read: undefined },
  { name: 'array element', type: 'task_struct', path: 'cpus_mask.bits[1]', value: 5n },
  {
    name: 'nested struct',
    type: 'task_struct',
    path: 'se',
    value: { load: { weight: 9n } },
    read: undefined,
  },
  { name: 'member of a nested struct', type: 'task_struct', path: 'se.load.weight', value: 1024n },
  { name: 'bit-field', type: 'sk_buff', path: 'pkt_type', value: 5 },
  { name: 'bit-field cut to its width', type: 'sk_buff', path: 'pkt_type', value: 0xff, read: 7 },
  { name: 'member of an anonymous union', type: 'sk_buff', path: 'sk', value: 0x1234n },
  { name: 'bool', type: 'bpf_map', path: 'frozen', value: true },
  { name: 'enumerator by name', type: 'bpf_map', path: 'map_type', value: 'BPF_MAP_TYPE_ARRAY', read: 2 },
];

for (const { name, type, path, value, ...rest } of roundTrips) {
  test(`${name}: ${type}.${path}`, () => {
    const object = kernel.create(type, { [path]: value });
    if (!('read' in rest) || rest.read !== undefined)
      assert.deepEqual(object.get(path), 'read' in rest ? rest.read : value);
    kernel.release(object);
  });
}

test('bytes lie where the BTF says', () => {
  const task = kernel.create('task_struct', { pid: 0x01020304 });
  const place = kernel.btf.member(task.type, 'pid');
  assert.equal(kernel.memory.readUint(task.address + BigInt(place.bitOffset / 8), 4), 0x01020304n);
  assert.equal(task.addressOf('pid'), task.address + BigInt(place.bitOffset / 8));
});

test('a bit-field leaves its neighbours alone', () => {
  const skb = kernel.create('sk_buff', { ignore_df: 1, pkt_type: 0, nf_trace: 1 });
  skb.set('pkt_type', 7).set('pkt_type', 0);
  assert.deepEqual([skb.get('ignore_df'), skb.get('nf_trace'), skb.get('pkt_type')], [1, 1, 0]);
});

test('paths go through pointers', () => {
  const parent = kernel.create('task_struct', { pid: 1, comm: 'init' });
  const task = kernel.create('task_struct', { real_parent: parent });
  assert.equal(kernel.read(task, 'real_parent.comm'), 'init');
  task.set('real_parent.pid', 3);
  assert.equal(parent.get('pid'), 3);
  assert.equal(task.follow('real_parent').address, parent.address);
});

test('objects go away one by one', () => {
  const [gone, kept] = [kernel.create('task_struct', { pid: 1 }), kernel.create('task_struct', { pid: 2 })];
  kernel.unmap(gone);
  assert.throws(() => gone.get('pid'), MemoryError);
  assert.equal(kept.get('pid'), 2);
});

test('dangling pointers differ and are not mapped', () => {
  const [first, second] = [kernel.dangling(), kernel.dangling()];
  assert.notEqual(first, second);
  for (const address of [first, second]) {
    assert.ok(address >= 0xffff888000000000n && address < 0xffffc88000000000n, 'in the direct map');
    assert.ok(!kernel.memory.isMapped(address, 1));
  }
});

test('mistakes are named', () => {
  assert.throws(() => kernel.create('no_such_struct'), UsageError);
  assert.throws(() => kernel.create('task_struct', { nope: 1 }), BtfError);
  for (const [path, value] of [
    ['comm', 'sixteen letters!'],
    ['pid', 'seven'],
    ['real_parent', 'init'],
    ['se', 5],
    ['cpus_mask.bits', 5n],
  ] as const)
    assert.throws(() => kernel.create('task_struct', { [path]: value }), { code: 'MM_FIELD' }, path);
});

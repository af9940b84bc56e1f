import assert from 'node:assert/strict';
import test from 'node:test';
import { HelperBench } from '../../support/helper-bench.js';

const bench = await HelperBench.open();
const { memory } = bench.kernel;
const EINVAL = -22n;
const EFAULT = -14n;
const E2BIG = -7n;

test('objects live as long as somebody holds them', () => {
  const object = bench.pointer('bpf_obj_new_impl', 24);
  assert.deepEqual(memory.read(object, 24), new Uint8Array(24));
  assert.equal(bench.pointer('bpf_refcount_acquire_impl', object), object);
  assert.equal(bench.call('bpf_obj_drop_impl', object), 0n);
  memory.writeUint(object, 8, 5n);
  bench.call('bpf_obj_drop_impl', object);
  assert.throws(() => memory.free(object - 16n), { code: 'MM_FREE' });
});

test('objects of each processor', () => {
  const object = bench.pointer('bpf_percpu_obj_new_impl', 8);
  const own = bench.pointer('bpf_this_cpu_ptr', object);
  memory.writeUint(own, 8, 7n);
  assert.equal(bench.pointer('bpf_per_cpu_ptr', object, 0), own);
  assert.equal(bench.call('bpf_percpu_obj_drop_impl', object), 0n);
});

test('lists: both ends, nodes in one list only', () => {
  const head = bench.room(16);
  const [a, b, c] = [bench.room(24), bench.room(24), bench.room(24)];
  assert.equal(bench.call('bpf_list_pop_front', head), 0n);
  assert.equal(bench.call('bpf_list_push_back_impl', head, a), 0n);
  assert.equal(bench.call('bpf_list_push_back_impl', head, b), 0n);
  assert.equal(bench.call('bpf_list_push_front_impl', head, c), 0n);
  assert.equal(bench.call('bpf_list_push_back_impl', head, b), EINVAL);
  assert.equal(bench.pointer('bpf_list_pop_front', head), c);
  assert.equal(bench.pointer('bpf_list_pop_back', head), b);
  assert.equal(bench.call('bpf_list_push_front_impl', head, b), 0n);
  assert.equal(bench.pointer('bpf_list_pop_back', head), a);
  assert.equal(bench.pointer('bpf_list_pop_back', head), b);
  assert.equal(bench.call('bpf_list_pop_back', head), 0n);
});

test('trees keep the order that the callback gives, whatever goes and comes', () => {
  const root = bench.room(16);
  const keyOf = (node: bigint): bigint => bench.word(node + 32n);
  bench.answer = ([a, b]) => (keyOf(a!) < keyOf(b!) ? 1n : 0n);
  const nodes = new Map<number, bigint>();
  let state = 1;
  const next = (): number => (state = (state * 48271) % 2147483647);
  for (let round = 0; round < 300; round++) {
    const key = next() % 40;
    const known = nodes.get(key);
    if (known === undefined) {
      const node = bench.room(40);
      memory.writeUint(node + 32n, 8, BigInt(key));
      assert.equal(bench.call('bpf_rbtree_add_impl', root, node, 1), 0n);
      assert.equal(bench.call('bpf_rbtree_add_impl', root, node, 1), EINVAL);
      nodes.set(key, node);
    } else {
      assert.equal(bench.pointer('bpf_rbtree_remove', root, known), known);
      assert.equal(bench.call('bpf_rbtree_remove', root, known), 0n);
      nodes.delete(key);
    }
    const first = nodes.get(Math.min(...nodes.keys())) ?? 0n;
    assert.equal(bench.pointer('bpf_rbtree_first', root), first, `round ${round}`);
  }
  for (const key of [...nodes.keys()].sort((a, b) => a - b)) {
    const first = bench.pointer('bpf_rbtree_first', root);
    assert.equal(first, nodes.get(key));
    bench.call('bpf_rbtree_remove', root, first);
  }
  assert.equal(bench.call('bpf_rbtree_first', root), 0n);
});

test('masks of processors', () => {
  const [a, b, c] = ['a', 'b', 'c'].map(() => bench.pointer('bpf_cpumask_create')) as [
    bigint,
    bigint,
    bigint,
  ];
  bench.call('bpf_cpumask_set_cpu', 3, a);
  bench.call('bpf_cpumask_set_cpu', 5, a);
  bench.call('bpf_cpumask_set_cpu', 5, b);
  const rows: readonly (readonly [string, readonly (bigint | number)[], bigint])[] = [
    ['first', [a], 3n],
    ['first', [c], 64n],
    ['first_zero', [a], 0n],
    ['first_and', [a, b], 5n],
    ['any_distribute', [b], 5n],
    ['any_and_distribute', [a, b], 5n],
    ['weight', [a], 2n],
    ['test_cpu', [3, a], 1n],
    ['test_cpu', [4, a], 0n],
    ['test_cpu', [64, a], 0n],
    ['empty', [c], 1n],
    ['empty', [a], 0n],
    ['full', [a], 0n],
    ['equal', [a, b], 0n],
    ['intersects', [a, b], 1n],
    ['intersects', [a, c], 0n],
    ['subset', [b, a], 1n],
    ['subset', [a, b], 0n],
    ['and', [c, a, b], 1n],
    ['equal', [c, b], 1n],
    ['xor', [c, a, a], 0n],
    ['or', [c, a, b], 1n],
    ['equal', [c, a], 1n],
    ['test_and_set_cpu', [3, c], 1n],
    ['test_and_clear_cpu', [3, c], 1n],
    ['test_and_clear_cpu', [3, c], 0n],
    ['copy', [c, b], 0n],
    ['equal', [c, b], 1n],
    ['setall', [c], 0n],
    ['full', [c], 1n],
    ['clear_cpu', [0, c], 1n],
    ['first', [c], 1n],
    ['clear', [c], 0n],
    ['empty', [c], 1n],
  ];
  for (const [name, args, want] of rows) assert.equal(bench.call(`bpf_cpumask_${name}`, ...args), want, name);
  assert.equal(bench.pointer('bpf_cpumask_acquire', a), a);
  assert.equal(bench.call('bpf_cpumask_release', a), 0n);
});

test('iterators: bits of words', () => {
  const iterator = bench.room(16);
  const words = bench.place(Uint8Array.of(0b101, 0, 0, 0, 0, 0, 0, 0x80, 2, 0, 0, 0, 0, 0, 0, 0));
  assert.equal(bench.call('bpf_iter_bits_new', iterator, words, 2), 0n);
  const seen: bigint[] = [];
  for (let at = bench.pointer('bpf_iter_bits_next', iterator); at !== 0n;) {
    seen.push(bench.word(at, 4));
    at = bench.pointer('bpf_iter_bits_next', iterator);
  }
  assert.deepEqual(seen, [0n, 2n, 63n, 65n]);
  bench.call('bpf_iter_bits_destroy', iterator);
  assert.equal(bench.call('bpf_iter_bits_new', iterator, words, 0), EINVAL);
  assert.equal(bench.call('bpf_iter_bits_new', iterator, words, 512), E2BIG);
  assert.equal(bench.call('bpf_iter_bits_new', iterator, bench.kernel.dangling(), 1), EFAULT);
  assert.equal(bench.call('bpf_iter_bits_next', iterator), 0n);
});

test('iterators: tasks', () => {
  const iterator = bench.room(24);
  const { current } = bench.kernel;
  assert.equal(bench.call('bpf_iter_task_new', iterator, 0, 3), EINVAL);
  assert.equal(bench.call('bpf_iter_task_new', iterator, 0, 2), EINVAL);
  const other = bench.kernel.create('task_struct', { pid: 77 });
  current.set('tasks.next', other.addressOf('tasks'));
  other.set('tasks.next', current.addressOf('tasks'));
  assert.equal(bench.call('bpf_iter_task_new', iterator, 0, 0), 0n);
  const seen = [1, 2, 3].map(() => bench.pointer('bpf_iter_task_next', iterator));
  assert.deepEqual(seen, [current.address, other.address, 0n]);
  bench.call('bpf_iter_task_destroy', iterator);
  current.set('tasks.next', 0n);
  assert.equal(bench.call('bpf_iter_task_new', iterator, other.address, 2), 0n);
  assert.equal(bench.pointer('bpf_iter_task_next', iterator), other.address);
});

test('iterators: a cgroup, its tasks, areas of memory', () => {
  const iterator = bench.room(24);
  const cgroup = bench.room(64);
  assert.equal(bench.call('bpf_iter_css_new', iterator, cgroup, 1), 0n);
  assert.equal(bench.pointer('bpf_iter_css_next', iterator), cgroup);
  assert.equal(bench.call('bpf_iter_css_next', iterator), 0n);
  assert.equal(bench.call('bpf_iter_css_new', iterator, cgroup, 4), EINVAL);
  assert.equal(bench.call('bpf_iter_css_task_new', iterator, cgroup, 0), 0n);
  assert.equal(bench.pointer('bpf_iter_css_task_next', iterator), bench.kernel.current.address);
  assert.equal(bench.call('bpf_iter_css_task_next', iterator), 0n);
  assert.equal(bench.call('bpf_iter_task_vma_new', iterator, bench.kernel.current.address, 0), 0n);
  assert.equal(bench.call('bpf_iter_task_vma_next', iterator), 0n);
});

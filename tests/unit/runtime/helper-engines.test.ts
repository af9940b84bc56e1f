import assert from 'node:assert/strict';
import test from 'node:test';
import { MAP, loadCase, type VerifierCase } from '../../support/verifier-cases.js';
import { testKernel } from '../../support/kernel.js';

const kernel = await testKernel();

/** What a program answers to a packet: the same on every engine. Each has maps of its own. */
function run(one: Partial<VerifierCase> & { readonly text: string }): number {
  const { spec } = loadCase({ rule: '', type: 'SCHED_CLS', ...one }, '6.12');
  const answers = (['x86', 'interp', 'wasm'] as const).map((engine) => {
    const program = kernel.load(spec);
    const { retval } = program.run(kernel.context.skb(new Uint8Array(64)), { engine });
    program.close();
    return retval;
  });
  assert.deepEqual(answers, [answers[0], answers[0], answers[0]]);
  return answers[0]!;
}

const OUT = '\nout: exit';
const LISTS = `
  struct item { u64 data; struct bpf_list_node node; };
  struct value { struct bpf_spin_lock lock; u32 n; struct bpf_list_head head __contains(item, node); };
  int main(struct __sk_buff *ctx);`;
const TREES = `
  struct leaf { struct bpf_rb_node node; u64 key; };
  struct value { struct bpf_spin_lock lock; u32 n; struct bpf_rb_root root __contains(leaf, node); };
  int main(struct __sk_buff *ctx);
  static int less(struct bpf_rb_node *a, struct bpf_rb_node *b);`;
const TYPED = { maps: [{ type: MAP.ARRAY, value: 'struct value' }] };
const LOCK = 'r1 = r6\ncall bpf_spin_lock';
const UNLOCK = 'r1 = r6\ncall bpf_spin_unlock';

/** An object in the list, with `data`. */
const pushed = (data: number): string => `
  r1 = typeid(struct item)
  r2 = 0
  call kfunc bpf_obj_new_impl
  if r0 == 0x0 goto out
  *(u64 *)(r0 +0) = ${data}
  r7 = r0
  ${LOCK}
  r1 = r6
  r1 += 8
  r2 = r7
  r2 += 8
  r3 = 0
  r4 = 0
  call kfunc bpf_list_push_back_impl
  ${UNLOCK}`;

test('lists', () => {
  const text = `r6 = map_value 0${pushed(5)}${pushed(9)}
    ${LOCK}
    r1 = r6
    r1 += 8
    call kfunc bpf_list_pop_front
    r7 = r0
    ${UNLOCK}
    r0 = 1
    if r7 == 0x0 goto out
    r8 = *(u64 *)(r7 -8)
    r1 = r7
    r1 += -8
    r2 = 0
    call kfunc bpf_obj_drop_impl
    r0 = r8${OUT}`;
  assert.equal(run({ c: LISTS, ...TYPED, text }), 5);
});

/** An object in the tree, with `key`. */
const added = (key: number): string => `
  r1 = typeid(struct leaf)
  r2 = 0
  call kfunc bpf_obj_new_impl
  if r0 == 0x0 goto out
  *(u64 *)(r0 +32) = ${key}
  r7 = r0
  ${LOCK}
  r1 = r6
  r1 += 8
  r2 = r7
  r3 = func less
  r4 = 0
  r5 = 0
  call kfunc bpf_rbtree_add_impl
  ${UNLOCK}`;

test('trees', () => {
  const text = `r6 = map_value 0${added(7)}${added(3)}${added(11)}
    r7 = 0
    ${LOCK}
    r1 = r6
    r1 += 8
    call kfunc bpf_rbtree_first
    if r0 == 0x0 goto none
    r7 = *(u64 *)(r0 +32)
    none: ${UNLOCK}
    r0 = r7${OUT}
    less: r0 = 0
    r1 = *(u64 *)(r1 +32)
    r2 = *(u64 *)(r2 +32)
    if r1 >= r2 goto done
    r0 = 1
    done: exit`;
  assert.equal(run({ c: TREES, ...TYPED, text }), 3);
});

test('masks of processors, bits of a word', () => {
  const mask = `call kfunc bpf_cpumask_create
    if r0 == 0x0 goto out
    r6 = r0
    r1 = 6
    r2 = r6
    call kfunc bpf_cpumask_set_cpu
    r1 = r6
    call kfunc bpf_cpumask_first
    r7 = r0
    r1 = r6
    call kfunc bpf_cpumask_release
    r0 = r7${OUT}`;
  const { spec } = loadCase(
    {
      rule: '',
      type: 'TRACING',
      attachType: 23,
      attach: { kind: 'raw_tp', target: 'task_newtask' },
      text: mask,
    },
    '6.12',
  );
  const program = kernel.load(spec);
  assert.equal(program.run(kernel.context.tracing([kernel.current, 0n]), { engine: 'all' }).retval, 6);
  program.close();
});

test('tunnel keys', () => {
  const text = `r6 = r1
    *(u64 *)(r10 -8) = 77
    *(u64 *)(r10 -16) = 0
    *(u64 *)(r10 -24) = 0
    *(u32 *)(r10 -28) = 42
    r2 = r10
    r2 += -28
    r3 = 28
    r4 = 0
    call bpf_skb_set_tunnel_key
    if r0 != 0x0 goto out
    *(u32 *)(r10 -28) = 0
    r1 = r6
    r2 = r10
    r2 += -28
    r3 = 28
    r4 = 0
    call bpf_skb_get_tunnel_key
    if r0 != 0x0 goto out
    r0 = *(u32 *)(r10 -28)${OUT}`;
  assert.equal(run({ text }), 42);
});

const TIMERS = `
  struct value { struct bpf_timer timer; u64 fired; };
  int main(struct __sk_buff *ctx);
  static int callback(void *map, u32 *key, struct value *value);`;

test('timers run when they are asked to, in order, with their element', () => {
  const start = (key: number, ns: number): string => `
    *(u32 *)(r10 -4) = ${key}
    r1 = map_fd 0
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0x0 goto out
    r6 = r0
    r1 = r6
    r2 = map_fd 0
    r3 = 1
    call bpf_timer_init
    r1 = r6
    r2 = func callback
    call bpf_timer_set_callback
    r1 = r6
    r2 = ${ns}
    r3 = 0
    call bpf_timer_start`;
  const { spec } = loadCase(
    {
      ...{
        rule: '',
        type: 'SCHED_CLS',
        c: TIMERS,
        maps: [{ type: MAP.ARRAY, value: 'struct value', max: 4 }],
      },
      text: `${start(1, 2000000)}${start(3, 1000000)}
        r0 = 0${OUT}
        callback: r4 = *(u32 *)(r2 +0)
        r4 += 100
        *(u64 *)(r3 +16) = r4
        r0 = 0
        exit`,
    },
    '6.12',
  );
  const program = kernel.load(spec);
  assert.equal(program.run(kernel.context.skb(new Uint8Array(64)), { engine: 'all' }).retval, 0);
  const [map] = program.maps;
  const fired = (key: number): bigint =>
    new DataView(map!.lookup(key)!.slice().buffer).getBigUint64(16, true);
  assert.equal(program.runDeferred({ until: 60_000_000_000n }).length, 0);
  assert.equal(program.runDeferred({ until: 60_001_500_000n }).length, 1);
  assert.deepEqual([fired(1), fired(3)], [0n, 103n]);
  assert.equal(program.runDeferred().length, 1);
  assert.deepEqual([fired(1), fired(3)], [101n, 103n]);
  assert.equal(program.runDeferred().length, 0);
  program.close();
});

const QUEUES = TIMERS.replace('struct bpf_timer timer', 'struct bpf_wq queue');

test('work in queues', () => {
  const { spec } = loadCase(
    {
      ...{ rule: '', type: 'SCHED_CLS', c: QUEUES, maps: [{ type: MAP.ARRAY, value: 'struct value' }] },
      text: `r6 = map_value 0
        r1 = r6
        r2 = map_fd 0
        r3 = 0
        call kfunc bpf_wq_init
        r1 = r6
        r2 = func callback
        r3 = 0
        r4 = 0
        call kfunc bpf_wq_set_callback_impl
        r1 = r6
        r2 = 0
        call kfunc bpf_wq_start
        r0 = 0
        exit
        callback: *(u64 *)(r3 +16) = 9
        r0 = 0
        exit`,
    },
    '6.12',
  );
  const program = kernel.load(spec);
  program.run(kernel.context.skb(new Uint8Array(64)), { engine: 'all' });
  assert.deepEqual(
    program.runDeferred().map(({ retval }) => retval),
    [0],
  );
  assert.equal(new DataView(program.maps[0]!.lookup(0)!.slice().buffer).getBigUint64(16, true), 9n);
  program.close();
});

test('a helper can be given another behaviour', () => {
  kernel.defineHelper('bpf_get_route_realm', () => 31n);
  assert.equal(run({ text: 'call bpf_get_route_realm\nexit' }), 31);
});

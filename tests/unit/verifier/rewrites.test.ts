import { CTypes } from '../../support/c-types.js';
import { MAP, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const GFP_ATOMIC = 0x820;
const GFP_KERNEL = 0xcc0;

/** A task's storage is looked up where sleeping is allowed, and once more between `open` and `close`. */
function storage(open: string, close: string, flag: number): VerifierCase {
  const lookup = `
    r2 = r6
    r1 = map_fd 0
    r3 = 0
    r4 = 1
    call bpf_task_storage_get`;
  const rewritten = (gfp: number): string => `
    r2 = r6
    r1 = 0x1
    r3 = 0
    r4 = 1
    r5 = ${gfp}
    call &bpf_task_storage_get`;
  return {
    rule: 'rewrite: storage_get says whether it may sleep',
    name: open,
    type: 'LSM',
    attachType: 27,
    attach: { kind: 'lsm', target: 'file_open' },
    sleepable: true,
    maps: [{ type: MAP.TASK_STORAGE, max: 0, flags: 1 }],
    text: `
      call bpf_get_current_task_btf
      r6 = r0
      ${lookup}
      call kfunc ${open}
      ${lookup}
      call kfunc ${close}
      r0 = 0
      exit`,
    want: 'ok',
    xlated: `
      call &bpf_get_current_task_btf
      r6 = r0
      ${rewritten(GFP_KERNEL)}
      call &${open}
      ${rewritten(flag)}
      call &${close}
      r0 = 0
      exit`,
  };
}

const OBJECTS = `
  struct node { u64 data; struct bpf_list_node l; struct bpf_rb_node r; };
  struct plain { u64 a; u32 b; };
  struct lists { struct bpf_spin_lock lock; u32 n; struct bpf_list_head head __contains(node, l); };
  int main(struct __sk_buff *ctx);`;
const idOf = (struct: string): number => new CTypes(OBJECTS).id(`struct ${struct}`);

/** An object of `size` bytes is made (r7), and `use` does something with it; `meta` = what describes its struct. */
function object(
  name: string,
  struct: string,
  size: number,
  meta: string,
  [use, rewritten]: readonly [string, string],
): VerifierCase {
  return {
    rule: 'rewrite: arguments of object functions',
    name,
    type: 'SCHED_CLS',
    c: OBJECTS,
    maps: [{ type: MAP.ARRAY, value: 'struct lists' }],
    text: `
      r6 = map_value 0
      r1 = typeid(struct ${struct})
      r2 = 0
      call kfunc bpf_obj_new_impl
      if r0 == 0x0 goto out
      r7 = r0
      ${use}
      out: r0 = 0
      exit`,
    want: 'ok',
    xlated: `
      r6 = 0x1
      r1 = ${idOf(struct)}
      r2 = 0
      r1 = 0x${size.toString(16)}
      r2 = ${meta}
      call &bpf_obj_new_impl
      if r0 == 0x0 goto pc+${linesIn(rewritten) + 1}
      r7 = r0
      ${rewritten}
      r0 = 0
      exit`,
  };
}

/** Slots of a dump: addresses take two. */
const linesIn = (text: string): number =>
  text.trim().split('\n').length + (text.match(/ADDRESS|= 0x/g)?.length ?? 0);

const drop = (meta: string): readonly [string, string] => [
  `r1 = r7
   r2 = 0
   call kfunc bpf_obj_drop_impl`,
  `r1 = r7
   r2 = 0
   r2 = ${meta}
   call &bpf_obj_drop_impl`,
];
/** Under the lock, the node that lies `node` bytes into the object is linked. */
const link = (node: number, rest: string): string =>
  `r1 = r6
   call bpf_spin_lock
   r1 = r6
   r1 += 8
   r2 = r7
   r2 += ${node}
   ${rest}
   r1 = r6
   call bpf_spin_unlock`;
const linked = (node: number, rest: string): string =>
  link(node, rest).replaceAll('call bpf_spin', 'call &bpf_spin');

const SPILLED = {
  type: 'XDP',
  c: 'int main(struct xdp_md *ctx); static int f(void);',
  text: `
    *(u64 *)(r10 -16) = 0
    *(u64 *)(r10 -24) = r1
    call bpf_get_smp_processor_id
    r1 = *(u64 *)(r10 -24)
    r0 = *(u32 *)(r1 +12)
    call f
    exit
    f: *(u64 *)(r10 -496) = 0
    r0 = 0
    exit`,
} as const;

/** A bpf_loop that `setUp` calls otherwise on one of two paths. */
function loopCall(name: string, setUp: string): VerifierCase {
  return {
    rule: 'rewrite: bpf_loop is a call unless its flags are 0 and its callback is always the same',
    name,
    type: 'KPROBE',
    c: 'int main(struct pt_regs *ctx); static int a(u32 i, void *data); static int b(u32 i, void *data);',
    text: `
      r0 = *(u64 *)(r1 +0)
      r1 = 5
      r2 = func a
      r3 = 0
      r4 = 0
      if r0 == 0x0 goto call
      ${setUp}
      call: call bpf_loop
      r0 = 0
      exit
      a: r0 = 0
      exit
      b: r0 = 0
      exit`,
    want: 'ok',
    want61: 'ok',
  };
}

const cases: readonly VerifierCase[] = [
  {
    rule: 'combined stack size of %d calls is %d. Too large',
    name: 'slots of spills around a call that needs none do not count',
    ...SPILLED,
    want: 'ok',
    want61: ['EACCES', 'combined stack size of 2 calls is 544. Too large'],
  },
  {
    rule: 'combined stack size of %d calls is %d. Too large',
    name: 'slots used for something else count',
    ...SPILLED,
    text: SPILLED.text.replace('call f', '*(u64 *)(r10 -24) = 0\ncall f'),
    want: ['EACCES', 'combined stack size of 2 calls is 528. Too large'],
  },
  object('a struct with nodes', 'node', 64, 'ADDRESS', drop('ADDRESS')),
  object('a plain struct', 'plain', 16, '0x0', drop('0x0')),
  object('a list', 'node', 64, 'ADDRESS', [
    link(8, 'r3 = 0\nr4 = 0\ncall kfunc bpf_list_push_back_impl'),
    linked(8, 'r3 = 0\nr4 = 0\nr3 = ADDRESS\nr4 = 8\ncall &bpf_list_push_back_impl'),
  ]),
  storage('bpf_rcu_read_lock', 'bpf_rcu_read_unlock', GFP_ATOMIC),
  storage('bpf_preempt_disable', 'bpf_preempt_enable', GFP_ATOMIC),
  {
    ...loopCall('another callback', 'r2 = func b'),
    xlated: `
      r0 = *(u64 *)(r1 +0)
      r1 = 5
      r2 = 0x100000009
      r3 = 0
      r4 = 0
      if r0 == 0x0 goto pc+2
      r2 = 0x200000006
      call &bpf_loop
      r0 = 0
      exit
      r0 = 0
      exit
      r0 = 0
      exit`,
  },
];

verifierCases('rewrites', cases);

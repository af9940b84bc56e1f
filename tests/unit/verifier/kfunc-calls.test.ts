import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';
import { kernelWith } from '../../support/kernel-types.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const eacces = (message: string): Verdict => ['EACCES', message];
const on = (kind: string, target: string) => ({ attach: { kind, target } });
const SWITCH = { type: 'TRACING', attachType: 23, ...on('raw_tp', 'sched_switch') } as const;
const FENTRY = { type: 'TRACING', attachType: 24, ...on('fentry', 'wake_up_new_task') } as const;
const LSM = { type: 'LSM', attachType: 27, ...on('lsm', 'file_open') } as const;
const OUT = '\nout: r0 = 0\nexit';
const CURRENT = 'call bpf_get_current_task_btf\nr6 = r0';

const C = `
  struct node { struct bpf_list_node l; u64 data; };
  struct two { struct bpf_list_node a; struct bpf_list_node b; };
  struct leaf { struct bpf_rb_node r; struct bpf_refcount ref; u64 key; };
  struct plain { u64 a; u32 b; };
  struct value {
    struct bpf_spin_lock lock; u32 n;
    struct bpf_list_head head __contains(node, l);
    struct bpf_list_head twos __contains(two, a);
    struct bpf_rb_root root __contains(leaf, r);
  };
  struct timed { u64 n; struct bpf_wq w; };
  int main(struct __sk_buff *ctx);
  static int less(struct bpf_rb_node *a, struct bpf_rb_node *b);
  static int cb(void *map, void *key, void *value);
`;
const tc = { type: 'SCHED_CLS', c: C, maps: [{ type: MAP.ARRAY, value: 'struct value' }] } as const;
/** Offsets in the value: lock 0, head 8, twos 24, root 40. */
const object = (type: string): string =>
  `r1 = typeid(struct ${type})\nr2 = 0\ncall kfunc bpf_obj_new_impl\nif r0 == 0x0 goto out\nr7 = r0`;
const LOCK = 'r6 = map_value 0\nr1 = r6\ncall bpf_spin_lock';
const UNLOCK = 'r1 = r6\ncall bpf_spin_unlock';

const pointers: readonly VerifierCase[] = [
  ...(
    [
      'R%d must be referenced or trusted',
      'Possibly NULL pointer passed to trusted arg%d',
      'release kernel function %s expects refcounted PTR_TO_BTF_ID',
      'kfunc %s#%d reference has not been acquired before',
      'arg#%d is %s',
      'calling kernel function %s is not allowed',
      'kernel function %s args#%d expected pointer to %s %s but R%d has a pointer to %s %s',
    ] as const
  ).map((rule): VerifierCase => ({
    rule,
    ...SWITCH,
    text: `${CURRENT}\nr1 = r6\ncall kfunc bpf_task_acquire\nif r0 == 0x0 goto out\nr1 = r0\ncall kfunc bpf_task_release${OUT}`,
    want: 'ok',
  })),
  {
    rule: 'kernel function %s args#%d expected pointer to %s %s but R%d has a pointer to %s %s',
    name: 'before the type, the trust',
    ...{ ...FENTRY, text: `r1 = *(u64 *)(r1 +0)\nr1 = *(u64 *)(r1 +OFFSETOF(task_struct.mm))` },
    ...{ want: eacces('R1 !read_ok') },
    ...{
      text: `r1 = *(u64 *)(r1 +0)\nr1 = *(u64 *)(r1 +OFFSETOF(task_struct.mm))\ncall kfunc bpf_task_acquire${OUT}`,
    },
    ...{ want: einval('R1 must be a rcu pointer') },
  },
  {
    rule: 'calling kernel function %s is not allowed',
    name: 'before its arguments',
    ...{ type: 'SOCKET_FILTER', text: `call kfunc bpf_task_release${OUT}` },
    want: eacces('calling kernel function bpf_task_release is not allowed'),
  },
  {
    rule: 'arg#%d expected pointer to ctx, but got %s',
    ...{ type: 'XDP', text: `r2 = 0\nr3 = r10\nr3 += -16\ncall kfunc bpf_dynptr_from_xdp${OUT}`, want: 'ok' },
  },
  {
    rule: 'arg#%d expected pointer to ctx, but got %s',
    ...{ type: 'XDP', text: `r1 = r10\nr2 = 0\nr3 = r10\nr3 += -16\ncall kfunc bpf_dynptr_from_xdp${OUT}` },
    want: einval('arg#0 expected pointer to ctx, but got fp'),
  },
  {
    rule: 'css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs',
    ...{ ...LSM },
    text: `
      r1 = 1
      call kfunc bpf_cgroup_from_id
      if r0 == 0x0 goto out
      r6 = r0
      r1 = r10
      r1 += -8
      r2 = r6
      r3 = 0
      call kfunc bpf_iter_css_task_new
      r1 = r10
      r1 += -8
      call kfunc bpf_iter_css_task_destroy
      r1 = r6
      call kfunc bpf_cgroup_release${OUT}`,
    want: 'ok',
  },
  {
    rule: "arg#%d doesn't point to a const string",
    ...{ ...LSM, sleepable: true },
    maps: [
      { type: MAP.ARRAY, value: 16, flags: 128, constant: 'user.x' },
      { type: MAP.ARRAY, value: 16 },
    ],
    text: `
      r6 = *(u64 *)(r1 +0)
      r1 = map_value 1
      r2 = 16
      r3 = 0
      r4 = r10
      r4 += -16
      call bpf_dynptr_from_mem
      r1 = r6
      r2 = map_value 0
      r3 = r10
      r3 += -16
      call kfunc bpf_get_file_xattr${OUT}`,
    want: 'ok',
  },
  {
    rule: "arg#%d doesn't point to a const string",
    name: 'a map that programs may write',
    ...{ ...LSM, sleepable: true, maps: [{ type: MAP.ARRAY, value: 16 }] },
    text: `
      r1 = *(u64 *)(r1 +0)
      r2 = map_value 0
      r3 = r10
      call kfunc bpf_get_file_xattr${OUT}`,
    want: eacces("R2 does not point to a readonly map'"),
  },
  {
    rule: "arg#%d doesn't point to a const string",
    name: 'not a pointer to a map value',
    ...{ ...LSM, sleepable: true },
    text: `
      r6 = *(u64 *)(r1 +0)
      r1 = r6
      r2 = r10
      r3 = r10
      call kfunc bpf_get_file_xattr${OUT}`,
    want: einval("arg#1 doesn't point to a const string"),
  },
  {
    rule: 'kfunc bpf_rdonly_cast type ID argument must be of a struct',
    ...{ ...SWITCH, text: `r1 = *(u64 *)(r1 +8)\nr2 = 1\ncall kfunc bpf_rdonly_cast${OUT}` },
    want: einval('kfunc bpf_rdonly_cast type ID argument must be of a struct'),
  },
  {
    rule: 'kfunc bpf_rdonly_cast type ID argument must be of a struct',
    ...{
      ...SWITCH,
      text: `r1 = *(u64 *)(r1 +8)\nr2 = ktypeid(task_struct)\ncall kfunc bpf_rdonly_cast${OUT}`,
    },
    want: 'ok',
  },
  {
    rule: 'kfunc bpf_rdonly_cast type ID argument must be of a struct',
    name: 'no constant',
    ...{
      ...SWITCH,
      text: `r6 = r1\ncall bpf_get_prandom_u32\nr1 = *(u64 *)(r6 +8)\nr2 = r0\ncall kfunc bpf_rdonly_cast${OUT}`,
    },
    want: einval('R2 must be a known constant'),
  },
  {
    rule: 'kfunc bpf_rdonly_cast type ID argument must be of a struct',
    name: 'past the last type',
    ...{ ...SWITCH, text: `r1 = *(u64 *)(r1 +8)\nr2 = 0x7fffffff\ncall kfunc bpf_rdonly_cast${OUT}` },
    want: einval('kfunc bpf_rdonly_cast type ID argument must be of a struct'),
  },
];

const section = (rule: string, name: string, text: string, want: Verdict): VerifierCase => ({
  ...{ rule, name, type: 'SCHED_CLS', text: `${text}${OUT}`, want },
});
const RCU_LOCK = 'call kfunc bpf_rcu_read_lock';
const RCU_UNLOCK = 'call kfunc bpf_rcu_read_unlock';
const PREEMPT_OFF = 'call kfunc bpf_preempt_disable';
const PREEMPT_ON = 'call kfunc bpf_preempt_enable';
const copy = (before: string, after: string): Partial<VerifierCase> => ({
  type: 'SYSCALL',
  sleepable: true,
  text: `${before}\nr1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\nr4 = 0\ncall kfunc bpf_copy_from_user_str\n${after}${OUT}`,
});

const CRASH = { type: 'SYSCALL', sleepable: true, text: `call kfunc crash_kexec${OUT}` } as const;

const rights: readonly VerifierCase[] = [
  {
    rule: 'destructive kfunc calls require CAP_SYS_BOOT capability',
    ...CRASH,
    ...{ want: 'ok', want61: 'ok' },
  },
  {
    rule: 'destructive kfunc calls require CAP_SYS_BOOT capability',
    ...{ ...CRASH, sysBoot: false },
    want: eacces('destructive kfunc calls require CAP_SYS_BOOT capability'),
    want61: eacces('destructive kfunc calls require CAP_SYS_BOOT capabilities'),
  },
  {
    rule: 'destructive kfunc calls require CAP_SYS_BOOT capability',
    name: 'after the set of the program type',
    ...{ ...CRASH, type: 'SOCKET_FILTER', sleepable: false, sysBoot: false },
    want: eacces('calling kernel function crash_kexec is not allowed'),
  },
];

const sections: readonly VerifierCase[] = [
  section(
    'nested rcu read lock (kernel function %s)',
    'one after the other',
    `${RCU_LOCK}\n${RCU_UNLOCK}\n${RCU_LOCK}\n${RCU_UNLOCK}`,
    'ok',
  ),
  section('unmatched rcu read unlock (kernel function %s)', 'matched', `${RCU_LOCK}\n${RCU_UNLOCK}`, 'ok'),
  section(
    'unmatched attempt to enable preemption (kernel function %s)',
    'matched',
    `${PREEMPT_OFF}\n${PREEMPT_OFF}\n${PREEMPT_ON}\n${PREEMPT_ON}`,
    'ok',
  ),
  {
    rule: 'kernel func %s is sleepable within rcu_read_lock region',
    ...{ ...copy(`${RCU_LOCK}\n${RCU_UNLOCK}`, ''), want: 'ok' },
  },
  {
    rule: 'kernel func %s is sleepable within non-preemptible region',
    ...{ ...copy(`${PREEMPT_OFF}\n${PREEMPT_ON}`, ''), want: 'ok' },
  },
  {
    rule: 'kernel func %s is sleepable within non-preemptible region',
    name: 'RCU section first',
    ...{ ...copy(`${PREEMPT_OFF}\n${RCU_LOCK}`, '') },
    want: eacces('kernel func bpf_copy_from_user_str is sleepable within rcu_read_lock region'),
  },
  {
    rule: 'kernel func %s is sleepable within non-preemptible region',
    name: 'before it, its arguments',
    ...{ type: 'SYSCALL', sleepable: true, text: `${PREEMPT_OFF}\ncall kfunc bpf_copy_from_user_str${OUT}` },
    want: eacces('R1 !read_ok'),
  },
  {
    rule: 'program must be sleepable to call sleepable kfunc %s',
    ...{
      type: 'TRACING',
      attachType: 24,
      ...on('fentry', 'wake_up_new_task'),
      text: `call kfunc bpf_copy_from_user_str${OUT}`,
    },
    want: eacces('program must be sleepable to call sleepable kfunc bpf_copy_from_user_str'),
  },
  {
    rule: 'bpf_throw cannot be used inside bpf_preempt_disable-ed region',
    ...{
      type: 'SCHED_CLS',
      text: `${PREEMPT_OFF}\n${PREEMPT_ON}\nr1 = 0\ncall kfunc bpf_throw${OUT}`,
      want: 'ok',
    },
  },
  {
    rule: 'bpf_throw cannot be used inside bpf_preempt_disable-ed region',
    name: 'before it, the cookie',
    ...{ type: 'CGROUP_SOCK', text: `${PREEMPT_OFF}\nr1 = 7\ncall kfunc bpf_throw${OUT}` },
    want: einval('At program exit the register R1 has smin=7 smax=7 should have been in [0, 1]'),
  },
  {
    rule: 'bpf_throw cannot be used inside bpf_spin_lock-ed region',
    name: 'no call can',
    ...{ ...tc, text: `${LOCK}\nr1 = 0\ncall kfunc bpf_throw${OUT}` },
    want: einval('function calls are not allowed while holding a lock'),
  },
  {
    rule: 'bpf_throw cannot be used inside bpf_spin_lock-ed region',
    ...{ ...tc, text: `${LOCK}\n${UNLOCK}\nr1 = 0\ncall kfunc bpf_throw${OUT}`, want: 'ok' },
  },
  {
    rule: 'Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback',
    name: 'no call can',
    ...tc,
    text: `
      ${object('leaf')}
      ${LOCK}
      r1 = r6
      r1 += 40
      r2 = r7
      r3 = func less
      r4 = 0
      r5 = 0
      call kfunc bpf_rbtree_add_impl
      ${UNLOCK}${OUT}
      less: ${RCU_LOCK}
      ${RCU_UNLOCK}
      r0 = 0
      exit`,
    want: einval('function calls are not allowed while holding a lock'),
  },
  {
    rule: 'the prog does not allow writes to packet data',
    type: 'SCHED_CLS',
    text: `
      r2 = 0
      r3 = r10
      r3 += -16
      call kfunc bpf_dynptr_from_skb
      r1 = r10
      r1 += -16
      r2 = 0
      r3 = r10
      r3 += -24
      r4 = 8
      call kfunc bpf_dynptr_slice_rdwr${OUT}`,
    want: 'ok',
  },
  {
    rule: 'kernel function %s returns pointer type %s %s is not supported',
    ...{ kernel: kernelWith('crash_kexec', ({ pointer }) => ({ returns: pointer(0), params: [] })) },
    ...{ type: 'SYSCALL', sleepable: true, text: `call kfunc crash_kexec${OUT}` },
    want61: einval('kernel function crash_kexec returns pointer type UNKNOWN  is not supported'),
  },
];

verifierCases('kfuncs that take pointers', pointers);
verifierCases('rights of kfuncs', rights);
verifierCases('kfuncs in sections', sections);

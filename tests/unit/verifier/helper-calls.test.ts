import { kernelBtf } from '../../support/golden-kernel.js';
import { madeUpKernel } from '../../support/kernel-types.js';
import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });
const on = (kind: string, target: string) => ({ attach: { kind, target } });
const OUT = '\nout: r0 = 0\nexit';
const TUPLE = `
  *(u64 *)(r10 -16) = 0
  *(u64 *)(r10 -8) = 0
  r2 = r10
  r2 += -16
  r3 = 12
  r4 = 0
  r5 = 0
  call bpf_sk_lookup_tcp
  if r0 == 0x0 goto out`;

/** A socket whose address is at fp-32, given to a callback. */
const socketFor = (callback: string): string => `${TUPLE}
  *(u64 *)(r10 -32) = r0
  r1 = 1
  r2 = func cb
  r3 = r10
  r3 += -32
  r4 = 0
  call bpf_loop
  r1 = *(u64 *)(r10 -32)
  call bpf_sk_release${OUT}
  cb: ${callback}
  r0 = 0
  exit`;

const references: readonly VerifierCase[] = [
  {
    rule: 'func %s#%d reference has not been acquired before',
    name: 'a callback gives back what its caller acquired',
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx); static int cb(u64 i, void *ctx);',
    text: socketFor('r1 = *(u64 *)(r2 +0)\ncall bpf_sk_release'),
    ...both(einval('func bpf_sk_release#86 reference has not been acquired before')),
  },
  {
    rule: 'func %s#%d reference has not been acquired before',
    name: 'a callback looks at it',
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx); static int cb(u64 i, void *ctx);',
    text: socketFor('r1 = *(u64 *)(r2 +0)\nr1 = *(u32 *)(r1 +0)'),
    ...both('ok'),
  },
  {
    rule: 'func %s#%d reference has not been acquired before',
    name: 'a callback gives back its own',
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx); static int cb(u64 i, void *ctx);',
    text: `
      r6 = r1
      r1 = map_fd 0
      r2 = func cb
      r3 = 0
      r4 = 0
      call bpf_for_each_map_elem
      r0 = 0
      exit
      cb: r1 = map_fd 1
      r2 = 8
      r3 = 0
      call bpf_ringbuf_reserve
      if r0 == 0x0 goto out
      r1 = r0
      r2 = 0
      call bpf_ringbuf_discard${OUT}`,
    maps: [
      { type: MAP.ARRAY, value: 8 },
      { type: MAP.RINGBUF, key: 0, value: 0, max: 4096 },
    ],
    ...both('ok'),
  },
  {
    rule: 'kfunc %s#%d reference has not been acquired before',
    name: 'a callback gives back what its caller acquired',
    type: 'TRACING',
    attachType: 23,
    ...on('raw_tp', 'sched_switch'),
    c: 'int main(u64 *ctx); static int cb(u64 i, void *ctx);',
    text: `
      call bpf_get_current_task_btf
      r1 = r0
      call kfunc bpf_task_acquire
      if r0 == 0x0 goto out
      *(u64 *)(r10 -8) = r0
      r1 = 1
      r2 = func cb
      r3 = r10
      r3 += -8
      r4 = 0
      call bpf_loop
      r1 = *(u64 *)(r10 -8)
      call kfunc bpf_task_release${OUT}
      cb: r1 = *(u64 *)(r2 +0)
      call kfunc bpf_task_release
      r0 = 0
      exit`,
    want: einval(
      `kfunc bpf_task_release#${kfunc('bpf_task_release')} reference has not been acquired before`,
    ),
  },
  {
    rule: 'Unreleased reference id=%d alloc_insn=%d',
    name: 'a callback keeps its own',
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx); static int cb(u64 i, void *ctx);',
    text: `
      r1 = 1
      r2 = func cb
      r3 = 0
      r4 = 0
      call bpf_loop
      r0 = 0
      exit
      cb: r1 = map_fd 0
      r2 = 8
      r3 = 0
      call bpf_ringbuf_reserve
      r0 = 0
      exit`,
    maps: [{ type: MAP.RINGBUF, key: 0, value: 0, max: 4096 }],
    ...both(einval('Unreleased reference id=2 alloc_insn=12')),
  },
  {
    rule: 'Unreleased reference id=%d alloc_insn=%d',
    name: 'a function keeps it for its caller',
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx); static int f(void);',
    text: `
      call f
      if r0 == 0x0 goto out
      r1 = r0
      r2 = 0
      call bpf_ringbuf_discard${OUT}
      f: r1 = map_fd 0
      r2 = 8
      r3 = 0
      call bpf_ringbuf_reserve
      exit`,
    maps: [{ type: MAP.RINGBUF, key: 0, value: 0, max: 4096 }],
    ...both('ok'),
  },
];

const tail = (before: string, after: string): Partial<VerifierCase> => ({
  type: 'SCHED_CLS',
  text: `r6 = r1\n${before}\nr1 = r6\nr2 = map_fd 0\nr3 = 0\ncall bpf_tail_call\n${after}${OUT}`,
  maps: [{ type: MAP.PROG_ARRAY, value: 4 }],
});
const RCU_LOCK = 'call kfunc bpf_rcu_read_lock';
const PREEMPT_OFF = 'call kfunc bpf_preempt_disable';

const tails: readonly VerifierCase[] = [
  {
    rule: 'tail_call would lead to reference leak',
    ...{ ...tail(`${TUPLE}\nr1 = r0\ncall bpf_sk_release`, ''), ...both('ok') },
  },
  {
    rule: 'tail_call would lead to reference leak',
    name: 'before sections',
    ...tail(`${PREEMPT_OFF}\n${RCU_LOCK}\nr1 = r6${TUPLE}`, ''),
    want: einval('Unreleased reference id=2 alloc_insn=11\ntail_call would lead to reference leak'),
  },
  {
    rule: 'tail_call cannot be used inside bpf_preempt_disable-ed region',
    ...{ ...tail(`${PREEMPT_OFF}\ncall kfunc bpf_preempt_enable`, ''), want: 'ok' },
  },
  {
    rule: 'tail_call cannot be used inside bpf_preempt_disable-ed region',
    name: 'after the RCU section',
    ...tail(`${PREEMPT_OFF}\n${RCU_LOCK}`, ''),
    want: einval('tail_call cannot be used inside bpf_rcu_read_lock-ed region'),
  },
  {
    rule: 'tail_call cannot be used inside bpf_spin_lock-ed region',
    name: 'no helper can',
    type: 'SCHED_CLS',
    c: 'struct value { struct bpf_spin_lock lock; u32 n; };',
    text: `
      r6 = r1
      r1 = map_value 1
      call bpf_spin_lock
      r1 = r6
      r2 = map_fd 0
      r3 = 0
      call bpf_tail_call${OUT}`,
    maps: [
      { type: MAP.PROG_ARRAY, value: 4 },
      { type: MAP.ARRAY, value: 'struct value' },
    ],
    ...both(einval('function calls are not allowed while holding a lock')),
  },
  {
    rule: 'tail_call cannot be used inside bpf_spin_lock-ed region',
    ...{ ...tail('', ''), ...both('ok') },
  },
  {
    rule: 'sleepable helper %s#%d in non-preemptible region',
    type: 'SYSCALL',
    sleepable: true,
    text: `${PREEMPT_OFF}\ncall kfunc bpf_preempt_enable\nr1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall bpf_copy_from_user${OUT}`,
    want: 'ok',
  },
  {
    rule: 'sleepable helper %s#%d in non-preemptible region',
    name: 'RCU section first',
    type: 'SYSCALL',
    sleepable: true,
    text: `${PREEMPT_OFF}\n${RCU_LOCK}\ncall bpf_copy_from_user${OUT}`,
    want: einval('sleepable helper bpf_copy_from_user#148 in rcu_read_lock region'),
  },
];

const MEM_DYNPTR = (setup: string): string =>
  `${setup}\nr2 = 8\nr3 = 0\nr4 = r10\nr4 += -16\ncall bpf_dynptr_from_mem${OUT}`;
const CGROUP = { type: 'LSM', attachType: 43 } as const;
const SET_RETVAL = 'r1 = 0\ncall bpf_set_retval\nr0 = 1\nexit';

const others: readonly VerifierCase[] = [
  {
    rule: 'Unsupported reg type %s for bpf_dynptr_from_mem data',
    ...{ type: 'SCHED_CLS', maps: [{ type: MAP.ARRAY, value: 8 }] },
    ...{ text: MEM_DYNPTR('r1 = map_value 0'), ...both('ok') },
  },
  {
    rule: "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
    ...{ ...CGROUP, ...on('lsm', 'inet_csk_clone'), text: SET_RETVAL },
    ...both(einval("BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!")),
  },
  {
    rule: "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
    ...{ ...CGROUP, ...on('lsm', 'socket_bind'), text: SET_RETVAL, ...both('ok') },
  },
  {
    rule: "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
    name: 'after its arguments',
    ...{ ...CGROUP, ...on('lsm', 'inet_csk_clone'), text: 'r1 = r2\ncall bpf_set_retval\nr0 = 1\nexit' },
    ...both(['EACCES', 'R2 !read_ok']),
  },
  {
    rule: "unable to resolve the size of type '%s': %ld",
    ...{ type: 'SCHED_CLS', text: `r1 = btf_id unsized\ncall bpf_this_cpu_ptr${OUT}` },
    kernel: { btf: perCpu() },
    ...both(einval("unable to resolve the size of type 'later': -22")),
  },
  {
    rule: "unable to resolve the size of type '%s': %ld",
    ...{ type: 'SCHED_CLS', text: `r1 = btf_id counter\ncall bpf_this_cpu_ptr\nr0 = *(u64 *)(r0 +0)${OUT}` },
    kernel: { btf: perCpu() },
    ...both('ok'),
  },
  {
    rule: 'invalid return type %u of func %s#%d',
    ...{ type: 'SCHED_CLS', text: `${TUPLE}\nr1 = r0\ncall bpf_skc_to_tcp_sock${OUT}` },
    kernel: { btf: perCpu() },
    ...both(einval('invalid return type 0 of func bpf_skc_to_tcp_sock#137')),
  },
  {
    rule: 'invalid return type %u of func %s#%d',
    ...{
      type: 'SCHED_CLS',
      text: `${TUPLE}\nr6 = r0\nr1 = r0\ncall bpf_skc_to_tcp_sock\nr1 = r6\ncall bpf_sk_release${OUT}`,
    },
    ...both('ok'),
  },
  {
    rule: 'frame%d bpf_loop iteration limit reached',
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx); static int cb(u64 i, void *ctx);',
    text: 'r1 = 2\nr2 = func cb\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\ncb: r0 = 0\nexit',
    ...both('ok'),
  },
];

const snprintf = (size: string): string => `
  r1 = r10
  r1 += -16
  r2 = 16
  r3 = map_value 0
  r4 = r10
  r4 += -24
  *(u64 *)(r10 -24) = 1
  *(u64 *)(r10 -16) = 1
  r5 = ${size}
  call bpf_snprintf${OUT}`;
const format = (text: string, size = '8', want: Verdict = 'ok'): VerifierCase => ({
  rule: 'Invalid format string',
  name: JSON.stringify(text),
  type: 'SCHED_CLS',
  text: snprintf(size),
  maps: [{ type: MAP.ARRAY, value: 16, flags: 128, constant: text }],
  ...both(want),
});
const INVALID = einval('Invalid format string');

const formats: readonly VerifierCase[] = [
  format('plain', '0'),
  format('%%', '0'),
  ...[
    '%d',
    '%i',
    '%u',
    '%x',
    '%X',
    '%ld',
    '%llu',
    '%lX',
    '%p',
    '%px',
    '%pK',
    '%s',
    '%c',
    '%08x',
    '%pi4',
    '%pI6',
  ].map((text) => format(text)),
  format('%d %d', '16'),
  format('%d', '16'),
  format('%d', '0', INVALID),
  format('%d %d', '8', INVALID),
  ...['%', '%a', '%12345', '%--------', '%pi5', '%p6', '%lc', '%llc', '%f', '\u0080', '\u0001'].map((text) =>
    format(text, '8', INVALID),
  ),
];

/** A kernel whose per-CPU variables are a number and something of a type that is only announced. */
function perCpu() {
  return madeUpKernel(({ b, u64 }) => {
    const counter = b.variable('counter', u64);
    const unsized = b.variable('unsized', b.forward('later'));
    b.datasec('.data..percpu', 16, [
      [counter, 0, 8],
      [unsized, 8, 8],
    ]);
  });
}

function kfunc(name: string): number {
  return kernelBtf('6.12').find(name, 12);
}

verifierCases('references and calls', references);
verifierCases('tail calls and sections', tails);
verifierCases('what helpers ask', others);
verifierCases('format strings', formats);

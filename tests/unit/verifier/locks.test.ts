import { MAP, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const C = `
  struct value { struct bpf_spin_lock lock; u32 n; u64 data; };
  int main(struct __sk_buff *ctx);
  static int helper(u64 *p);
  int global(int a);
`;
const LOCKED = { type: MAP.ARRAY, value: 'struct value' };
/** r6 = value of element 0, not NULL. */
const LOOKUP = `
  r9 = r1
  *(u32 *)(r10 -4) = 0
  r2 = r10
  r2 += -4
  r1 = map_fd 0
  call bpf_map_lookup_elem
  if r0 == 0x0 goto out
  r6 = r0`;
const LOCK = `
  r1 = r6
  call bpf_spin_lock`;
const UNLOCK = `
  r1 = r6
  call bpf_spin_unlock`;
const OUT = `
  out: r0 = 0
  exit`;
const cls = { type: 'SCHED_CLS', c: C, maps: [LOCKED] } as const;
const held = 'function calls are not allowed while holding a lock';

const locks: readonly VerifierCase[] = [
  {
    rule: 'bpf_spin_unlock without taking a lock',
    ...cls,
    text: `${LOOKUP}${LOCK}
      *(u64 *)(r6 +8) = 1${UNLOCK}${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'bpf_spin_unlock without taking a lock',
    ...cls,
    text: `${LOOKUP}${UNLOCK}${OUT}`,
    want: ['EINVAL', 'bpf_spin_unlock without taking a lock'],
    want61: ['EINVAL', 'bpf_spin_unlock without taking a lock'],
  },
  {
    rule: 'bpf_spin_unlock of different lock',
    ...cls,
    text: `${LOOKUP}${LOCK}
      r1 = map_value 0
      call bpf_spin_unlock${OUT}`,
    want: ['EINVAL', 'bpf_spin_unlock of different lock'],
    want61: ['EINVAL', 'bpf_spin_unlock of different lock'],
  },
  {
    rule: held,
    name: 'second lock',
    ...cls,
    text: `${LOOKUP}${LOCK}${LOCK}${OUT}`,
    want: ['EINVAL', held],
    want61: ['EINVAL', held],
  },
  {
    rule: held,
    name: 'helper',
    ...cls,
    text: `${LOOKUP}${LOCK}
      call bpf_ktime_get_ns${UNLOCK}${OUT}`,
    want: ['EINVAL', held],
    want61: ['EINVAL', held],
  },
  {
    rule: held,
    name: 'static function',
    ...cls,
    text: `${LOOKUP}${LOCK}
      r1 = r6
      call helper${UNLOCK}${OUT}
      helper: *(u64 *)(r1 +8) = 1
      r0 = 0
      exit`,
    want: 'ok',
    want61: ['EINVAL', held],
  },
  {
    rule: 'global function calls are not allowed while holding a lock, \\n use static function instead',
    name: 'before the lock',
    ...cls,
    text: `${LOOKUP}
      r1 = 1
      call global${LOCK}${UNLOCK}${OUT}
      global: r0 = r1
      exit`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'global function calls are not allowed while holding a lock, \\n use static function instead',
    ...cls,
    text: `${LOOKUP}${LOCK}
      r1 = 1
      call global${UNLOCK}${OUT}
      global: r0 = r1
      exit`,
    want: [
      'EINVAL',
      'global function calls are not allowed while holding a lock,\nuse static function instead',
    ],
    want61: ['EINVAL', held],
  },
  {
    rule: held,
    name: 'kfunc',
    ...cls,
    text: `${LOOKUP}${LOCK}
      call kfunc bpf_rcu_read_lock${UNLOCK}${OUT}`,
    want: ['EINVAL', held],
  },
  {
    rule: 'bpf_spin_unlock is missing',
    ...cls,
    text: `${LOOKUP}${LOCK}${OUT}`,
    want: ['EINVAL', 'bpf_spin_unlock is missing'],
    want61: ['EINVAL', 'bpf_spin_unlock is missing'],
  },
  {
    rule: "R%d doesn't have constant offset. bpf_spin_lock has to be at the constant offset",
    ...cls,
    text: `${LOOKUP}
      r8 = *(u32 *)(r9 +0)
      r8 &= 4
      r1 = r6
      r1 += r8
      call bpf_spin_lock${OUT}`,
    want: ['EINVAL', "R1 doesn't have constant offset. bpf_spin_lock has to be at the constant offset"],
    want61: ['EINVAL', "R1 doesn't have constant offset. bpf_spin_lock has to be at the constant offset"],
  },
  {
    rule: "off %lld doesn't point to 'struct bpf_spin_lock' that is at %d",
    ...cls,
    text: `${LOOKUP}
      r1 = r6
      r1 += 4
      call bpf_spin_lock${OUT}`,
    want: ['EINVAL', "off 4 doesn't point to 'struct bpf_spin_lock' that is at 0"],
    want61: ['EINVAL', "off 4 doesn't point to 'struct bpf_spin_lock'"],
  },
  {
    rule: "map '%s' has to have BTF in order to use bpf_spin_lock",
    type: 'SCHED_CLS',
    maps: [{ type: MAP.ARRAY }],
    text: `${LOOKUP}${LOCK}${OUT}`,
    want: ['EINVAL', "map 'm' has to have BTF in order to use bpf_spin_lock"],
    want61: ['EINVAL', "map 'm' has to have BTF in order to use bpf_spin_lock"],
  },
  {
    rule: "%s '%s' has no valid bpf_spin_lock",
    type: 'SCHED_CLS',
    c: 'struct value { u64 a; }; int main(struct __sk_buff *ctx);',
    maps: [LOCKED],
    text: `${LOOKUP}${LOCK}${OUT}`,
    want: ['EINVAL', "map 'm' has no valid bpf_spin_lock"],
    want61: ['EINVAL', "map 'm' doesn't have 'struct bpf_spin_lock'"],
  },
  {
    rule: 'BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region',
    ...cls,
    text: `${LOOKUP}${LOCK}
      r6 = r9
      r0 = *(u8 *)skb[0]${OUT}`,
    want: ['EINVAL', 'BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region'],
    want61: ['EINVAL', 'BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region'],
  },
  {
    rule: 'state of locks is compared when paths join',
    ...cls,
    text: `${LOOKUP}
      r7 = *(u32 *)(r9 +0)
      if r7 == 0x0 goto skip${LOCK}
      skip: r8 = 1
      if r7 == 0x0 goto out${UNLOCK}${OUT}`,
    want: 'ok',
    // Linux 6.1 does not learn that r7 is not 0 on the path with the lock.
    want61: ['EINVAL', 'bpf_spin_unlock is missing'],
  },
];

verifierCases('spin locks', locks);

const tc = { type: 'SCHED_CLS' } as const;
const tracepoint = {
  type: 'TRACING',
  attachType: 23,
  attach: { kind: 'raw_tp', target: 'sched_switch' },
} as const;
const sleepable = {
  type: 'LSM',
  attachType: 27,
  attach: { kind: 'lsm', target: 'file_open' },
  sleepable: true,
} as const;
const RCU = `
  call kfunc bpf_rcu_read_lock`;
const UNRCU = `
  call kfunc bpf_rcu_read_unlock`;
const OFF = `
  call kfunc bpf_preempt_disable`;
const ON = `
  call kfunc bpf_preempt_enable`;
const COPY = `
  r1 = r10
  r1 += -8
  r2 = 8
  r3 = 0
  call bpf_copy_from_user`;
const TAIL = `
  r1 = r6
  r2 = map_fd 0
  r3 = 0
  call bpf_tail_call`;
const progs = [{ type: MAP.PROG_ARRAY, value: 4 }];

const sections: readonly VerifierCase[] = [
  { rule: 'bpf_rcu_read_unlock is missing', ...tracepoint, text: `${RCU}${UNRCU}${OUT}`, want: 'ok' },
  {
    rule: 'bpf_rcu_read_unlock is missing',
    ...tracepoint,
    text: `${RCU}${OUT}`,
    want: ['EINVAL', 'bpf_rcu_read_unlock is missing'],
  },
  {
    rule: 'nested rcu read lock (kernel function %s)',
    ...tracepoint,
    text: `${RCU}${RCU}${UNRCU}${OUT}`,
    want: ['EINVAL', 'nested rcu read lock (kernel function bpf_rcu_read_lock)'],
  },
  {
    rule: 'unmatched rcu read unlock (kernel function %s)',
    ...tracepoint,
    text: `${UNRCU}${OUT}`,
    want: ['EINVAL', 'unmatched rcu read unlock (kernel function bpf_rcu_read_unlock)'],
  },
  {
    rule: 'sleepable helper %s#%d in rcu_read_lock region',
    name: 'outside',
    ...sleepable,
    text: `${COPY}${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'sleepable helper %s#%d in rcu_read_lock region',
    ...sleepable,
    text: `${RCU}${COPY}${UNRCU}${OUT}`,
    want: ['EINVAL', 'sleepable helper bpf_copy_from_user#148 in rcu_read_lock region'],
  },
  {
    rule: 'helper call might sleep in a non-sleepable prog',
    ...tracepoint,
    text: `${COPY}${OUT}`,
    want: ['EINVAL', 'helper call might sleep in a non-sleepable prog'],
  },
  {
    rule: 'sleepable helper %s#%d in non-preemptible region',
    ...sleepable,
    text: `${OFF}${COPY}${ON}${OUT}`,
    want: ['EINVAL', 'sleepable helper bpf_copy_from_user#148 in non-preemptible region'],
  },
  {
    rule: 'kernel func %s is sleepable within rcu_read_lock region',
    ...sleepable,
    text: `${RCU}
      r1 = 1
      r2 = 0
      call kfunc bpf_lookup_user_key${OUT}`,
    want: ['EACCES', 'kernel func bpf_lookup_user_key is sleepable within rcu_read_lock region'],
  },
  {
    rule: 'kernel func %s is sleepable within non-preemptible region',
    ...sleepable,
    text: `${OFF}
      r1 = 1
      r2 = 0
      call kfunc bpf_lookup_user_key${OUT}`,
    want: ['EACCES', 'kernel func bpf_lookup_user_key is sleepable within non-preemptible region'],
  },
  { rule: '%d bpf_preempt_enable%s missing', ...tc, text: `${OFF}${OFF}${ON}${ON}${OUT}`, want: 'ok' },
  {
    rule: '%d bpf_preempt_enable%s missing',
    name: 'one',
    ...tc,
    text: `${OFF}${OUT}`,
    want: ['EINVAL', '1 bpf_preempt_enable is missing'],
  },
  {
    rule: '%d bpf_preempt_enable%s missing',
    name: 'two',
    ...tc,
    text: `${OFF}${OFF}${OUT}`,
    want: ['EINVAL', '2 bpf_preempt_enable(s) are missing'],
  },
  {
    rule: 'unmatched attempt to enable preemption (kernel function %s)',
    ...tc,
    text: `${ON}${OUT}`,
    want: ['EINVAL', 'unmatched attempt to enable preemption (kernel function bpf_preempt_enable)'],
  },
  {
    rule: 'global function calls are not allowed with preemption disabled, \\n use static function instead',
    ...tc,
    c: 'int main(struct __sk_buff *ctx); int global(int a);',
    text: `${OFF}
      r1 = 1
      call global${ON}${OUT}
      global: r0 = r1
      exit`,
    want: [
      'EINVAL',
      'global function calls are not allowed with preemption disabled,\nuse static function instead',
    ],
  },
  {
    rule: 'tail_call cannot be used inside bpf_rcu_read_lock-ed region',
    name: 'outside',
    ...tc,
    maps: progs,
    text: `r6 = r1${RCU}${UNRCU}${TAIL}${OUT}`,
    want: 'ok',
  },
  {
    rule: 'tail_call cannot be used inside bpf_rcu_read_lock-ed region',
    ...tc,
    maps: progs,
    text: `r6 = r1${RCU}${TAIL}${OUT}`,
    want: ['EINVAL', 'tail_call cannot be used inside bpf_rcu_read_lock-ed region'],
  },
  {
    rule: 'tail_call cannot be used inside bpf_preempt_disable-ed region',
    ...tc,
    maps: progs,
    text: `r6 = r1${OFF}${TAIL}${OUT}`,
    want: ['EINVAL', 'tail_call cannot be used inside bpf_preempt_disable-ed region'],
  },
  {
    rule: 'BPF_LD_[ABS|IND] cannot be used inside bpf_rcu_read_lock-ed region',
    ...tc,
    text: `r6 = r1${RCU}
      r0 = *(u8 *)skb[0]${OUT}`,
    want: ['EINVAL', 'BPF_LD_[ABS|IND] cannot be used inside bpf_rcu_read_lock-ed region'],
  },
  {
    rule: 'BPF_LD_[ABS|IND] cannot be used inside bpf_preempt_disable-ed region',
    ...tc,
    text: `r6 = r1${OFF}
      r0 = *(u8 *)skb[0]${OUT}`,
    want: ['EINVAL', 'BPF_LD_[ABS|IND] cannot be used inside bpf_preempt_disable-ed region'],
  },
  {
    rule: 'RCU pointers end with the section',
    name: 'inside',
    ...sleepable,
    text: `${RCU}
      call bpf_get_current_task_btf
      r1 = *(u64 *)(r0 +OFFSETOF(task_struct.real_parent))
      call kfunc bpf_task_acquire
      r6 = r0${UNRCU}
      if r6 == 0x0 goto out
      r1 = r6
      call kfunc bpf_task_release${OUT}`,
    want: 'ok',
  },
  {
    rule: 'RCU pointers end with the section',
    ...sleepable,
    text: `${RCU}
      call bpf_get_current_task_btf
      r6 = *(u64 *)(r0 +OFFSETOF(task_struct.real_parent))${UNRCU}
      r1 = r6
      call kfunc bpf_task_acquire${OUT}`,
    want: ['EINVAL', 'R1 must be a rcu pointer'],
  },
  {
    rule: 'bpf_throw cannot be used inside bpf_rcu_read_lock-ed region',
    name: 'outside',
    ...tc,
    text: `r1 = 0
      call kfunc bpf_throw${OUT}`,
    want: 'ok',
  },
  {
    rule: 'bpf_throw cannot be used inside bpf_rcu_read_lock-ed region',
    ...tc,
    text: `${RCU}
      r1 = 0
      call kfunc bpf_throw${OUT}`,
    want: ['EINVAL', 'bpf_throw cannot be used inside bpf_rcu_read_lock-ed region'],
  },
  {
    rule: 'bpf_throw cannot be used inside bpf_preempt_disable-ed region',
    ...tc,
    text: `${OFF}
      r1 = 0
      call kfunc bpf_throw${OUT}`,
    want: ['EINVAL', 'bpf_throw cannot be used inside bpf_preempt_disable-ed region'],
  },
  {
    rule: 'Unreleased reference id=%d alloc_insn=%d',
    name: 'bpf_throw',
    ...tc,
    text: `r1 = 1
      call kfunc bpf_task_from_pid
      if r0 == 0x0 goto out
      r1 = 0
      call kfunc bpf_throw${OUT}`,
    want: ['EINVAL', 'Unreleased reference id=2 alloc_insn=1'],
  },
  {
    rule: 'the cookie is the result when nothing catches it',
    name: 'in range',
    type: 'TRACING',
    attachType: 24,
    attach: { kind: 'fentry', target: 'wake_up_new_task' },
    text: `r1 = 0
      call kfunc bpf_throw${OUT}`,
    want: 'ok',
  },
  {
    rule: 'the cookie is the result when nothing catches it',
    type: 'TRACING',
    attachType: 24,
    attach: { kind: 'fentry', target: 'wake_up_new_task' },
    text: `r1 = 64
      call kfunc bpf_throw${OUT}`,
    want: ['EINVAL', 'At program exit the register R1 has smin=64 smax=64 should have been in [0, 0]'],
  },
];

verifierCases('sections', sections);

import { MAP, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const OUT = `
  out: r0 = 0
  exit`;
/** r0 = socket or NULL. */
const LOOKUP = `
  r6 = r1
  r2 = r10
  r2 += -16
  *(u64 *)(r10 -16) = 0
  *(u64 *)(r10 -8) = 0
  r3 = 12
  r4 = 0
  r5 = 0
  call bpf_sk_lookup_tcp`;
const RESERVE = `
  r1 = map_fd 0
  r2 = 8
  r3 = 0
  call bpf_ringbuf_reserve`;
const tc = { type: 'SCHED_CLS' } as const;
const ringbuf = { type: 'SCHED_CLS', maps: [{ type: MAP.RINGBUF, key: 0, value: 0, max: 4096 }] } as const;

const cases: readonly VerifierCase[] = [
  {
    rule: 'Unreleased reference id=%d alloc_insn=%d',
    name: 'released',
    ...tc,
    text: `${LOOKUP}
      if r0 == 0x0 goto out
      r1 = r0
      call bpf_sk_release${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'Unreleased reference id=%d alloc_insn=%d',
    name: 'not released',
    ...tc,
    text: `${LOOKUP}${OUT}`,
    want: ['EINVAL', 'Unreleased reference id=2 alloc_insn=8'],
    want61: ['EINVAL', 'Unreleased reference id=2 alloc_insn=8'],
  },
  {
    rule: 'Unreleased reference id=%d alloc_insn=%d',
    name: 'ring buffer record',
    ...ringbuf,
    text: `${RESERVE}
      if r0 == 0x0 goto out${OUT}`,
    want: ['EINVAL', 'Unreleased reference id=2 alloc_insn=4'],
  },
  {
    rule: 'R%d type=%s expected=',
    name: 'release of what may be NULL',
    ...tc,
    text: `${LOOKUP}
      r1 = r0
      call bpf_sk_release${OUT}`,
    want: [
      'EACCES',
      'R1 type=sock_or_null expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_',
    ],
  },
  {
    rule: 'R%d must be referenced when passed to release function',
    name: 'socket of the context',
    ...tc,
    text: `r1 = *(u64 *)(r1 +168)
      if r1 == 0x0 goto out
      call bpf_sk_release${OUT}`,
    want: ['EINVAL', 'R1 must be referenced when passed to release function'],
    want61: ['EINVAL', 'R1 must be referenced when passed to release function'],
  },
  {
    rule: 'use after release',
    ...tc,
    text: `${LOOKUP}
      if r0 == 0x0 goto out
      r7 = r0
      r1 = r0
      call bpf_sk_release
      r1 = r7
      call bpf_sk_release${OUT}`,
    want: ['EACCES', 'R1 type=scalar expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_'],
  },
  {
    rule: 'pointers that share a reference',
    name: 'tcp_sock dies with its socket',
    ...tc,
    text: `${LOOKUP}
      if r0 == 0x0 goto out
      r7 = r0
      r1 = r0
      call bpf_tcp_sock
      r8 = r0
      r1 = r7
      call bpf_sk_release
      if r8 == 0x0 goto out
      r1 = *(u32 *)(r8 +0)${OUT}`,
    want: ['EACCES', "R8 invalid mem access 'scalar'"],
    want61: ['EACCES', "R8 invalid mem access 'scalar'"],
  },
  {
    rule: 'pointers that share a reference',
    name: 'used before release',
    ...tc,
    text: `${LOOKUP}
      if r0 == 0x0 goto out
      r7 = r0
      r1 = r0
      call bpf_tcp_sock
      if r0 == 0x0 goto release
      r1 = *(u32 *)(r0 +0)
      release: r1 = r7
      call bpf_sk_release${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'R%d must have zero offset when passed to release func or trusted arg to kfunc',
    ...ringbuf,
    text: `${RESERVE}
      if r0 == 0x0 goto out
      r1 = r0
      r1 += 4
      r2 = 0
      call bpf_ringbuf_submit${OUT}`,
    want: ['EINVAL', 'R1 must have zero offset when passed to release func or trusted arg to kfunc'],
    want61: ['EINVAL', 'R1 must have zero offset when passed to release func'],
  },
  {
    rule: "R%d is not a known constant'",
    name: 'ring buffer record',
    ...ringbuf,
    text: `${RESERVE}
      if r0 == 0x0 goto out
      *(u64 *)(r0 +0) = 1
      r1 = r0
      r2 = 0
      call bpf_ringbuf_submit${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: "R%d is not a known constant'",
    ...ringbuf,
    text: `r2 = *(u32 *)(r1 +0)
      r1 = map_fd 0
      r3 = 0
      call bpf_ringbuf_reserve${OUT}`,
    want: ['EACCES', "R2 is not a known constant'"],
    want61: ['EACCES', "R2 is not a known constant'"],
  },
  {
    rule: 'invalid access to memory, mem_size=%u off=%d size=%d',
    name: 'ring buffer record',
    ...ringbuf,
    text: `${RESERVE}
      if r0 == 0x0 goto out
      *(u64 *)(r0 +8) = 1
      r1 = r0
      r2 = 0
      call bpf_ringbuf_submit${OUT}`,
    want: [
      'EACCES',
      'invalid access to memory, mem_size=8 off=8 size=8\nR0 min value is outside of the allowed memory range',
    ],
    want61: [
      'EACCES',
      'invalid access to memory, mem_size=8 off=8 size=8\nR0 min value is outside of the allowed memory range',
    ],
  },
  {
    rule: 'BPF_LD_[ABS|IND] cannot be mixed with socket references',
    ...tc,
    text: `${LOOKUP}
      r0 = *(u8 *)skb[0]${OUT}`,
    want: ['EINVAL', 'BPF_LD_[ABS|IND] cannot be mixed with socket references'],
    want61: ['EINVAL', 'BPF_LD_[ABS|IND] cannot be mixed with socket references'],
  },
  {
    rule: 'tail_call would lead to reference leak',
    ...tc,
    maps: [{ type: MAP.PROG_ARRAY, value: 4 }],
    text: `${LOOKUP}
      r1 = r6
      r2 = map_fd 0
      r3 = 0
      call bpf_tail_call${OUT}`,
    want: ['EINVAL', 'tail_call would lead to reference leak'],
    want61: ['EINVAL', 'tail_call would lead to reference leak'],
  },
  {
    rule: 'Unreleased reference id=%d alloc_insn=%d',
    name: 'a static function may return a reference',
    ...tc,
    text: `call get
      if r0 == 0x0 goto out
      r1 = r0
      call bpf_sk_release${OUT}
      get: ${LOOKUP.trim()}
      exit`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'Unreleased reference id=%d alloc_insn=%d',
    name: 'only one of two branches releases',
    ...tc,
    text: `${LOOKUP}
      if r0 == 0x0 goto out
      r1 = *(u32 *)(r6 +0)
      if r1 == 0x0 goto out
      r1 = r0
      call bpf_sk_release${OUT}`,
    want: ['EINVAL', 'Unreleased reference id=2 alloc_insn=8'],
  },
  {
    rule: 'sleepable and trusted kfuncs',
    name: 'task reference',
    ...tc,
    text: `r1 = 1
      call kfunc bpf_task_from_pid
      if r0 == 0x0 goto out
      r1 = r0
      call kfunc bpf_task_release${OUT}`,
    want: 'ok',
  },
  {
    rule: 'Possibly NULL pointer passed to trusted arg%d',
    ...tc,
    text: `r1 = 1
      call kfunc bpf_task_from_pid
      r1 = r0
      call kfunc bpf_task_release${OUT}`,
    want: ['EACCES', 'Possibly NULL pointer passed to trusted arg0'],
  },
  {
    rule: 'release kernel function %s expects refcounted PTR_TO_BTF_ID',
    type: 'TRACING',
    attachType: 23,
    attach: { kind: 'raw_tp', target: 'sched_switch' },
    text: `r1 = *(u64 *)(r1 +8)
      call kfunc bpf_task_release${OUT}`,
    want: ['EINVAL', 'release kernel function bpf_task_release expects refcounted PTR_TO_BTF_ID'],
  },
  {
    rule: 'R%d must be referenced or trusted',
    name: 'fentry argument',
    type: 'TRACING',
    attachType: 24,
    attach: { kind: 'fentry', target: 'wake_up_new_task' },
    text: `r1 = *(u64 *)(r1 +0)
      call kfunc bpf_task_release${OUT}`,
    want: ['EINVAL', 'R1 must be referenced or trusted'],
  },
  {
    rule: 'R%d must be a rcu pointer',
    name: 'trusted',
    type: 'TRACING',
    attachType: 23,
    attach: { kind: 'raw_tp', target: 'sched_switch' },
    text: `r1 = *(u64 *)(r1 +8)
      call kfunc bpf_task_acquire
      if r0 == 0x0 goto out
      r1 = r0
      call kfunc bpf_task_release${OUT}`,
    want: 'ok',
  },
  {
    rule: 'R%d must be a rcu pointer',
    name: 'RCU',
    type: 'TRACING',
    attachType: 23,
    attach: { kind: 'raw_tp', target: 'sched_switch' },
    text: `r1 = *(u64 *)(r1 +8)
      r1 = *(u64 *)(r1 +OFF)
      call kfunc bpf_task_acquire
      if r0 == 0x0 goto out
      r1 = r0
      call kfunc bpf_task_release${OUT}`.replace('OFF', 'OFFSETOF(task_struct.real_parent)'),
    want: 'ok',
  },
  {
    rule: 'R%d must be a rcu pointer',
    type: 'TRACING',
    attachType: 24,
    attach: { kind: 'fentry', target: 'wake_up_new_task' },
    text: `r1 = *(u64 *)(r1 +0)
      call kfunc bpf_task_acquire${OUT}`,
    want: ['EINVAL', 'R1 must be a rcu pointer'],
  },
  {
    rule: 'kernel function %s args#%d expected pointer to %s %s but R%d has a pointer to %s %s',
    ...tc,
    text: `r1 = 1
      call kfunc bpf_task_from_pid
      if r0 == 0x0 goto out
      r1 = r0
      call kfunc bpf_cgroup_release${OUT}`,
    want: [
      'EINVAL',
      'kernel function bpf_cgroup_release args#0 expected pointer to STRUCT cgroup but R1 has a pointer to STRUCT task_struct',
    ],
  },
  {
    rule: 'arg#%d pointer type %s %s must point to %sscalar, or struct with scalar',
    ...tc,
    text: `r1 = r10
      call kfunc bpf_task_acquire${OUT}`,
    want: ['EINVAL', 'arg#0 pointer type STRUCT task_struct must point to scalar, or struct with scalar'],
  },
  {
    rule: 'R%d is not a scalar',
    name: 'kfunc argument',
    ...tc,
    text: `call kfunc bpf_task_from_pid${OUT}`,
    want: ['EINVAL', 'R1 is not a scalar'],
  },
  {
    rule: 'cannot call kernel function from non-GPL compatible program',
    ...tc,
    license: 'Proprietary',
    text: `r1 = 1
      call kfunc bpf_task_from_pid${OUT}`,
    want: ['EINVAL', 'cannot call kernel function from non-GPL compatible program'],
  },
  {
    rule: 'calling kernel function %s is not allowed',
    type: 'KPROBE',
    text: `r1 = 1
      call kfunc bpf_task_from_pid${OUT}`,
    want: ['EACCES', 'calling kernel function bpf_task_from_pid is not allowed'],
  },
  {
    rule: 'calling kernel function %s is not allowed',
    name: 'not a kfunc',
    ...tc,
    text: `r1 = 1
      call kfunc vfs_read${OUT}`,
    want: ['EACCES', 'calling kernel function vfs_read is not allowed'],
    want61: ['EACCES', 'calling kernel function vfs_read is not allowed'],
  },
  {
    rule: 'program must be sleepable to call sleepable kfunc %s',
    type: 'TRACING',
    attachType: 24,
    attach: { kind: 'fentry', target: 'wake_up_new_task' },
    text: `r1 = 1
      r2 = 0
      call kfunc bpf_lookup_user_key${OUT}`,
    want: ['EACCES', 'program must be sleepable to call sleepable kfunc bpf_lookup_user_key'],
  },
  {
    rule: 'program must be sleepable to call sleepable kfunc %s',
    name: 'sleepable',
    type: 'LSM',
    attachType: 27,
    attach: { kind: 'lsm', target: 'file_open' },
    sleepable: true,
    text: `r1 = 1
      r2 = 0
      call kfunc bpf_lookup_user_key
      if r0 == 0x0 goto out
      r1 = r0
      call kfunc bpf_key_put${OUT}`,
    want: 'ok',
  },
];

verifierCases('references', cases);

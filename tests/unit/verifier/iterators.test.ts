import { MAP, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const OUT = `
  out: r0 = 0
  exit`;
const tc = { type: 'SCHED_CLS' } as const;
const NEW = `
  r1 = r10
  r1 += -8
  r2 = 0
  r3 = 10
  call kfunc bpf_iter_num_new`;
const NEXT = `
  r1 = r10
  r1 += -8
  call kfunc bpf_iter_num_next`;
const DESTROY = `
  r1 = r10
  r1 += -8
  call kfunc bpf_iter_num_destroy`;
const sleepable = {
  type: 'LSM',
  attachType: 27,
  attach: { kind: 'lsm', target: 'file_open' },
  sleepable: true,
} as const;
const tracepoint = {
  type: 'TRACING',
  attachType: 23,
  attach: { kind: 'raw_tp', target: 'sched_switch' },
} as const;
/** bpf_iter_task takes 24 bytes. */
const TASKS = (call: string): string => `
  r1 = r10
  r1 += -24
  call kfunc bpf_iter_task_${call}`;
const TASK_NEW = `
  r2 = 0
  r3 = 0${TASKS('new')}`;

const iterators: readonly VerifierCase[] = [
  {
    rule: 'expected an initialized iter_%s as arg #%d',
    name: 'a loop',
    ...tc,
    text: `${NEW}
      loop: ${NEXT.trim()}
      if r0 == 0x0 goto done
      r1 = *(u32 *)(r0 +0)
      goto loop
      done: ${DESTROY.trim()}${OUT}`,
    want: 'ok',
  },
  {
    rule: 'expected an initialized iter_%s as arg #%d',
    name: 'a sum',
    ...tc,
    text: `r6 = 0${NEW}
      loop: ${NEXT.trim()}
      if r0 == 0x0 goto done
      r1 = *(u32 *)(r0 +0)
      r6 += r1
      goto loop
      done: ${DESTROY.trim()}
      r0 = r6
      exit`,
    want: 'ok',
  },
  {
    rule: 'expected an initialized iter_%s as arg #%d',
    name: 'next',
    ...tc,
    text: `${NEXT}${OUT}`,
    want: ['EINVAL', 'expected an initialized iter_num as arg #0'],
  },
  {
    rule: 'expected an initialized iter_%s as arg #%d',
    name: 'destroy twice',
    ...tc,
    text: `${NEW}${DESTROY}${DESTROY}${OUT}`,
    want: ['EINVAL', 'expected an initialized iter_num as arg #0'],
  },
  {
    rule: 'expected an initialized iter_%s as arg #%d',
    name: 'overwritten',
    ...tc,
    text: `${NEW}
      *(u64 *)(r10 -8) = 0${NEXT}${OUT}`,
    want: ['EINVAL', 'expected an initialized iter_num as arg #0'],
  },
  {
    rule: 'expected uninitialized iter_%s as arg #%d',
    ...tc,
    text: `${NEW}${NEW}${OUT}`,
    want: ['EINVAL', 'expected uninitialized iter_num as arg #0'],
  },
  {
    rule: 'Unreleased reference id=%d alloc_insn=%d',
    name: 'an iterator',
    ...tc,
    text: `${NEW}${OUT}`,
    want: ['EINVAL', 'Unreleased reference id=1 alloc_insn=4'],
  },
  {
    rule: 'arg#%d expected pointer to an iterator on stack',
    ...tc,
    maps: [{ type: MAP.ARRAY }],
    text: `r1 = map_value 0
      r2 = 0
      r3 = 10
      call kfunc bpf_iter_num_new${OUT}`,
    want: ['EINVAL', 'arg#0 expected pointer to an iterator on stack'],
  },
  {
    rule: '%s has to be at a constant offset',
    name: 'an iterator',
    ...tc,
    text: `r8 = *(u32 *)(r1 +0)
      r8 &= 8
      r1 = r10
      r1 += -16
      r1 += r8
      r2 = 0
      r3 = 10
      call kfunc bpf_iter_num_new${OUT}`,
    want: ['EINVAL', 'iter has to be at a constant offset\nexpected uninitialized iter_num as arg #0'],
  },
  {
    rule: 'cannot pass in %s at an offset=%d',
    name: 'an iterator',
    ...tc,
    text: `r1 = r10
      r1 += -12
      r2 = 0
      r3 = 10
      call kfunc bpf_iter_num_new${OUT}`,
    want: ['EINVAL', 'cannot pass in iter at an offset=-12\nexpected uninitialized iter_num as arg #0'],
  },
  {
    rule: "R%d invalid mem access '%s'",
    name: 'element without a NULL check',
    ...tc,
    text: `${NEW}${NEXT}
      r1 = *(u32 *)(r0 +0)${DESTROY}${OUT}`,
    want: ['EACCES', "R0 invalid mem access 'scalar'"],
  },
  {
    rule: 'elements are read only',
    ...tc,
    text: `${NEW}${NEXT}
      if r0 == 0x0 goto done
      *(u32 *)(r0 +0) = 1
      done: ${DESTROY.trim()}${OUT}`,
    want: ['EACCES', 'R0 cannot write into rdonly_mem'],
  },
  {
    rule: 'expected an RCU CS when using %s',
    ...sleepable,
    text: `call kfunc bpf_rcu_read_lock${TASK_NEW}
      loop: ${TASKS('next').trim()}
      if r0 == 0x0 goto done
      r1 = *(u32 *)(r0 +OFFSETOF(task_struct.pid))
      goto loop
      done: ${TASKS('destroy').trim()}
      call kfunc bpf_rcu_read_unlock${OUT}`,
    want: 'ok',
  },
  {
    rule: 'expected an RCU CS when using %s',
    ...sleepable,
    text: `${TASK_NEW}${TASKS('next')}${OUT}`,
    want: ['EPROTO', 'expected an RCU CS when using bpf_iter_task_next'],
  },
  {
    rule: 'expected an RCU CS when using %s',
    name: 'section left on the way',
    ...sleepable,
    text: `call kfunc bpf_rcu_read_lock${TASK_NEW}
      call kfunc bpf_rcu_read_unlock
      call kfunc bpf_rcu_read_lock${TASKS('next')}${OUT}`,
    want: ['EPROTO', 'expected an RCU CS when using bpf_iter_task_next'],
  },
  {
    rule: 'css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs',
    ...tracepoint,
    text: `r1 = 1
      call kfunc bpf_cgroup_from_id
      if r0 == 0x0 goto out
      r1 = r10
      r1 += -8
      r2 = r0
      r3 = 0
      call kfunc bpf_iter_css_task_new${OUT}`,
    want: ['EINVAL', 'css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs'],
  },
];

verifierCases('iterators', iterators);

const C = `int main(struct __sk_buff *ctx);
  static int cb(u64 index, void *ctx);
  int global(int a);`;
const withCallback = { type: 'SCHED_CLS', c: C } as const;
const LOOP = `
  r1 = 10
  r2 = func cb
  r3 = r10
  r3 += -8
  r4 = 0
  call bpf_loop`;
const EACH = `
  r1 = map_fd 0
  r2 = func cb
  r3 = r10
  r3 += -8
  r4 = 0
  call bpf_for_each_map_elem`;
const CB = `
  cb: r0 = 0
  exit`;
const ZERO = '*(u64 *)(r10 -8) = 0';
const timers = {
  type: 'SCHED_CLS',
  c: `struct value { u64 a; struct bpf_timer t; struct bpf_wq w; };
    int main(struct __sk_buff *ctx); static int cb(void *map, u32 *key, u64 *value);`,
} as const;
const TIMED = { type: MAP.ARRAY, value: 'struct value' };
const TIMER = (call: string, off = 8): string => `
  r1 = r6
  r1 += ${off}
  call bpf_timer_${call}`;
const VALUE = 'r6 = map_value 0';
const INIT = (map = 0): string => `
  r2 = map_fd ${map}
  r3 = 1${TIMER('init')}`;
const SET = `
  r2 = func cb${TIMER('set_callback')}`;

const callbacks: readonly VerifierCase[] = [
  { rule: 'bpf_loop', ...withCallback, text: `${ZERO}${LOOP}${OUT}${CB}`, want: 'ok', want61: 'ok' },
  {
    rule: '%s the register R%d has',
    name: 'At callback return',
    ...withCallback,
    text: `${ZERO}${LOOP}${OUT}
      cb: r0 = 2
      exit`,
    want: ['EINVAL', 'At callback return the register R0 has smin=2 smax=2 should have been in [0, 1]'],
    want61: [
      'EINVAL',
      'At callback return the register R0 has value (0x2; 0x0) should have been in (0x0; 0x1)',
    ],
  },
  {
    rule: 'R0 not a scalar value',
    ...withCallback,
    text: `${ZERO}${LOOP}${OUT}
      cb: r0 = r2
      exit`,
    want: ['EINVAL', 'cannot return stack pointer to the caller'],
    want61: ['EINVAL', 'cannot return stack pointer to the caller'],
  },
  {
    rule: 'R0 not a scalar value',
    ...withCallback,
    maps: [{ type: MAP.HASH }],
    text: `${ZERO}${EACH}${OUT}
      cb: r0 = r1
      exit`,
    want: ['EACCES', 'R0 not a scalar value'],
    want61: ['EACCES', 'R0 not a scalar value'],
  },
  {
    rule: 'callback changes what the caller sees',
    ...withCallback,
    text: `${ZERO}${LOOP}
      r1 = *(u64 *)(r10 -8)
      r2 = r10
      r2 += r1
      *(u8 *)(r2 -9) = 0${OUT}
      cb: *(u64 *)(r2 +0) = 1000
      r0 = 0
      exit`,
    want: ['EACCES', 'invalid write to stack R2 off=991 size=1'],
  },
  {
    rule: 'callback function not static',
    ...withCallback,
    text: `${ZERO}
      r1 = 10
      r2 = func global
      r3 = 0
      r4 = 0
      call bpf_loop${OUT}
      global: r0 = 0
      exit`,
    want: ['EINVAL', 'callback function not static'],
    want61: ['EINVAL', 'callback function not static'],
  },
  {
    rule: 'missing btf func_info',
    ...tc,
    text: `${ZERO}${LOOP}${OUT}${CB}`,
    want: ['EINVAL', 'missing btf func_info'],
    want61: ['EINVAL', 'missing btf func_info'],
  },
  {
    rule: 'R%d type=%s expected=',
    name: 'no function',
    ...withCallback,
    text: `r1 = 10
      r2 = 0
      r3 = 0
      r4 = 0
      call bpf_loop${OUT}`,
    want: ['EACCES', 'R2 type=scalar expected=func'],
    want61: ['EACCES', 'R2 type=scalar expected=func'],
  },
  {
    rule: 'callback function not allowed for map',
    ...withCallback,
    maps: [{ type: MAP.HASH }],
    text: `${ZERO}${EACH}${OUT}${CB}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'callback function not allowed for map',
    ...withCallback,
    maps: [{ type: MAP.QUEUE, key: 0 }],
    text: `${ZERO}${EACH}${OUT}${CB}`,
    want: ['ENOTSUPP', 'callback function not allowed for map'],
    want61: ['ENOTSUPP', 'callback function not allowed for map'],
  },
  {
    rule: 'cannot use BPF_LD_[ABS|IND] within callback',
    ...withCallback,
    text: `*(u64 *)(r10 -8) = r1${LOOP}${OUT}
      cb: r6 = *(u64 *)(r2 +0)
      r0 = *(u8 *)skb[0]
      r0 = 0
      exit`,
    want: ['EINVAL', 'cannot use BPF_LD_[ABS|IND] within callback'],
  },
  {
    rule: 'write to change key R%d not allowed',
    ...withCallback,
    maps: [{ type: MAP.HASH }],
    text: `${ZERO}${EACH}${OUT}
      cb: *(u32 *)(r2 +0) = 1
      r0 = 0
      exit`,
    want: ['EACCES', 'write to change key R2 not allowed'],
    want61: ['EACCES', 'write to change key R2 not allowed'],
  },
  {
    rule: 'invalid access to map key, key_size=%d off=%d size=%d',
    ...withCallback,
    maps: [{ type: MAP.HASH }],
    text: `${ZERO}${EACH}${OUT}
      cb: r1 = *(u64 *)(r2 +0)
      r0 = 0
      exit`,
    want: [
      'EACCES',
      'invalid access to map key, key_size=4 off=0 size=8\nR2 min value is outside of the allowed memory range',
    ],
  },
  {
    rule: 'Unreleased reference id=%d alloc_insn=%d',
    name: 'acquired in a callback',
    ...withCallback,
    text: `${ZERO}${LOOP}${OUT}
      cb: r1 = 1
      call kfunc bpf_task_from_pid
      r0 = 0
      exit`,
    want: ['EINVAL', 'Unreleased reference id=2 alloc_insn=11'],
  },
  {
    rule: "map '%s' has no valid bpf_timer",
    name: 'a timer',
    ...timers,
    maps: [TIMED],
    text: `${VALUE}${INIT()}${SET}
      r2 = 0
      r3 = 0${TIMER('start')}${TIMER('cancel')}${OUT}
      cb: r0 = 0
      exit`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: "map '%s' has no valid bpf_timer",
    type: 'SCHED_CLS',
    c: 'struct value { u64 a; u64 b; }; int main(struct __sk_buff *ctx);',
    maps: [TIMED],
    text: `${VALUE}${INIT()}${OUT}`,
    want: ['EINVAL', "map 'm' has no valid bpf_timer"],
    want61: ['EINVAL', "map 'm' doesn't have 'struct bpf_timer'"],
  },
  {
    rule: "off %lld doesn't point to 'struct bpf_timer' that is at %d",
    ...timers,
    maps: [TIMED],
    text: `${VALUE}
      r2 = map_fd 0
      r3 = 1${TIMER('init', 0)}${OUT}`,
    want: ['EINVAL', "off 0 doesn't point to 'struct bpf_timer' that is at 8"],
    want61: ['EINVAL', "off 0 doesn't point to 'struct bpf_timer' that is at 8"],
  },
  {
    rule: "R%d doesn't have constant offset. bpf_timer has to be at the constant offset",
    ...timers,
    maps: [TIMED],
    text: `r8 = *(u32 *)(r1 +0)
      r8 &= 8
      ${VALUE}
      r1 = r6
      r1 += r8
      r2 = map_fd 0
      r3 = 1
      call bpf_timer_init${OUT}`,
    want: ['EINVAL', "R1 doesn't have constant offset. bpf_timer has to be at the constant offset"],
  },
  {
    rule: "map '%s' has to have BTF in order to use bpf_timer",
    ...tc,
    maps: [{ type: MAP.ARRAY, value: 32 }],
    text: `${VALUE}${INIT()}${OUT}`,
    want: ['EINVAL', "map 'm' has to have BTF in order to use bpf_timer"],
    want61: ['EINVAL', "map 'm' has to have BTF in order to use bpf_timer"],
  },
  {
    rule: "timer pointer in R1 map_uid=%d doesn't match map pointer in R2 map_uid=%d",
    ...timers,
    maps: [TIMED, TIMED],
    text: `${VALUE}${INIT(1)}${OUT}`,
    want: ['EINVAL', "timer pointer in R1 map_uid=0 doesn't match map pointer in R2 map_uid=0"],
    want61: ['EINVAL', "timer pointer in R1 map_uid=0 doesn't match map pointer in R2 map_uid=0"],
  },
  {
    rule: 'At async callback return',
    ...timers,
    maps: [TIMED],
    text: `${VALUE}${INIT()}${SET}${OUT}
      cb: r0 = 1
      exit`,
    want: ['EINVAL', 'At async callback return the register R0 has smin=1 smax=1 should have been in [0, 0]'],
  },
  {
    rule: "off %lld doesn't point to 'struct bpf_wq' that is at %d",
    name: 'a workqueue',
    ...timers,
    maps: [TIMED],
    text: `${VALUE}
      r1 = r6
      r1 += 24
      r2 = map_fd 0
      r3 = 0
      call kfunc bpf_wq_init
      r1 = r6
      r1 += 24
      r2 = func cb
      r3 = 0
      r4 = 0
      call kfunc bpf_wq_set_callback_impl
      r1 = r6
      r1 += 24
      r2 = 0
      call kfunc bpf_wq_start${OUT}
      cb: r0 = 0
      exit`,
    want: 'ok',
  },
  {
    rule: "off %lld doesn't point to 'struct bpf_wq' that is at %d",
    ...timers,
    maps: [TIMED],
    text: `${VALUE}
      r1 = r6
      r1 += 8
      r2 = map_fd 0
      r3 = 0
      call kfunc bpf_wq_init${OUT}`,
    want: ['EINVAL', "off 8 doesn't point to 'struct bpf_wq' that is at 24"],
  },
  {
    rule: "arg#%d doesn't point to a map value",
    ...timers,
    maps: [TIMED],
    text: `r1 = r10
      r1 += -16
      r2 = map_fd 0
      r3 = 0
      call kfunc bpf_wq_init${OUT}`,
    want: ['EINVAL', "arg#0 doesn't point to a map value"],
  },
  {
    rule: "workqueue pointer in R1 map_uid=%d doesn't match map pointer in R2 map_uid=%d",
    ...timers,
    maps: [TIMED, TIMED],
    text: `r1 = map_value 0
      r1 += 24
      r2 = map_fd 1
      r3 = 0
      call kfunc bpf_wq_init${OUT}`,
    want: ['EINVAL', "workqueue pointer in R1 map_uid=0 doesn't match map pointer in R2 map_uid=0"],
  },
  {
    rule: "pointer in R%d isn't map pointer",
    ...timers,
    maps: [TIMED],
    text: `r1 = map_value 0
      r1 += 24
      r2 = r10
      r3 = 0
      call kfunc bpf_wq_init${OUT}`,
    want: ['EINVAL', "pointer in R2 isn't map pointer"],
  },
  {
    rule: 'arg%d expected pointer to func',
    ...timers,
    maps: [TIMED],
    text: `r1 = map_value 0
      r1 += 24
      r2 = r10
      r3 = 0
      r4 = 0
      call kfunc bpf_wq_set_callback_impl${OUT}`,
    want: ['EINVAL', 'arg1 expected pointer to func'],
  },
  {
    rule: 'bpf_throw kfunc (insn %d) cannot be called from callback subprog %d',
    ...withCallback,
    text: `${ZERO}${LOOP}${OUT}
      cb: r1 = 0
      call kfunc bpf_throw
      r0 = 0
      exit`,
    want: ['EINVAL', 'bpf_throw kfunc (insn 11) cannot be called from callback subprog 1'],
  },
];

verifierCases('callbacks', callbacks);

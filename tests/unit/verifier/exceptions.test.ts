import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const catching = {
  type: 'SCHED_CLS',
  c: `int main(struct __sk_buff *ctx) __tag(exception_callback:handler);
    int handler(u64 cookie); static int two(int a, int b);`,
} as const;
const THROW = `
  r1 = 5
  call kfunc bpf_throw
  r0 = 0
  exit`;
const HANDLER = `
  handler: r0 = 0
  exit`;

const cases: readonly VerifierCase[] = [
  {
    rule: "exception callback '%s' could not be found in BTF",
    ...catching,
    text: `${THROW}${HANDLER}`,
    want: 'ok',
  },
  {
    rule: "exception callback '%s' could not be found in BTF",
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx) __tag(exception_callback:nobody);',
    text: THROW,
    want: ['ENOENT', "exception callback 'nobody' could not be found in BTF"],
  },
  {
    rule: "exception callback '%s' must have global linkage",
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx) __tag(exception_callback:handler); static int handler(u64 cookie);',
    text: `${THROW}${HANDLER}`,
    want: ['EINVAL', "exception callback 'handler' must have global linkage"],
  },
  {
    rule: 'multiple exception callback tags for main subprog',
    type: 'SCHED_CLS',
    c: `int main(struct __sk_buff *ctx) __tag(exception_callback:handler) __tag(exception_callback:other);
      int handler(u64 cookie);`,
    text: `${THROW}${HANDLER}`,
    want: ['EEXIST', 'multiple exception callback tags for main subprog'],
  },
  {
    rule: 'insn %d cannot call exception cb directly',
    ...catching,
    text: `r1 = 0
      call handler
      r0 = 0
      exit${HANDLER}`,
    want: ['EINVAL', 'insn 1 cannot call exception cb directly'],
  },
  {
    rule: 'cannot tail call within exception cb',
    ...catching,
    maps: [{ type: MAP.PROG_ARRAY, value: 4 }],
    text: `*(u64 *)(r10 -8) = r1${THROW}
      handler: r0 = 0
      if r0 == 0x0 goto end
      r2 = map_fd 0
      r3 = 0
      call bpf_tail_call
      end: r0 = 0
      exit`,
    want: ['EINVAL', 'cannot tail call within exception cb'],
  },
  {
    rule: 'exception cb only supports single integer argument',
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx) __tag(exception_callback:handler); int handler(u64 a, u64 b);',
    text: `${THROW}${HANDLER}`,
    want: ['EINVAL', 'exception cb only supports single integer argument'],
  },
  {
    rule: 'calling kernel function %s is not allowed',
    name: 'bpf_throw',
    type: 'SOCKET_FILTER',
    text: THROW,
    want: ['EACCES', 'calling kernel function bpf_throw is not allowed'],
  },
];

const plain = {
  type: 'SCHED_CLS',
  c: `int main(struct __sk_buff *ctx); static int f(u64 a); static int cb(u64 i, void *c); int global(u64 a);
    struct locked { struct bpf_spin_lock l; u64 a; };`,
} as const;
const fentry = {
  type: 'TRACING',
  attachType: 24,
  attach: { kind: 'fentry', target: 'wake_up_new_task' },
  c: 'int main(void *ctx) __tag(exception_callback:handler); int handler(u64 cookie);',
} as const;
/** r6 = a task that is held. */
const TASK = `
  r7 = r1
  r1 = 1
  call kfunc bpf_task_from_pid
  if r0 == 0x0 goto out
  r6 = r0`;
const RELEASE = `
  r1 = r6
  call kfunc bpf_task_release
  out: r0 = 0
  exit`;
const CALL = `
  r1 = 1
  call f`;
const THROWS = `
  f: r1 = 0
  call kfunc bpf_throw
  r0 = 0
  exit`;
const NUM = `
  r1 = r10
  r1 += -8
  r2 = 0
  r3 = 4
  call kfunc bpf_iter_num_new`;
const DONE = `
  r1 = r10
  r1 += -8
  call kfunc bpf_iter_num_destroy
  r0 = 0
  exit`;
const LOOP = (callback: string): string => `
  r1 = 4
  r2 = func ${callback}
  r3 = 0
  r4 = 0
  call bpf_loop
  r0 = 0
  exit`;
const THROWN = 'bpf_throw kfunc (insn %d) cannot be called from callback subprog %d';
const REFERENCE = 'Unreleased reference id=%d alloc_insn=%d';
const einval = (message: string): Verdict => ['EINVAL', message];

const frames: readonly VerifierCase[] = [
  {
    rule: REFERENCE,
    name: 'held by a caller of what throws',
    ...plain,
    text: `${TASK}${CALL}${RELEASE}${THROWS}`,
    want: einval('Unreleased reference id=2 alloc_insn=2'),
  },
  {
    rule: REFERENCE,
    name: 'given back before',
    ...plain,
    text: `${TASK}\nr1 = r6\ncall kfunc bpf_task_release${CALL}\nout: r0 = 0\nexit${THROWS}`,
    want: 'ok',
  },
  {
    rule: REFERENCE,
    name: 'held on one of the paths that throw',
    ...plain,
    text: `${TASK}\nr1 = *(u32 *)(r7 +0)\ncall f${RELEASE}
      f: if r1 != 0x7 goto back
      r1 = 0
      call kfunc bpf_throw
      back: r0 = 0
      exit`,
    want: einval('Unreleased reference id=2 alloc_insn=2'),
  },
  {
    rule: REFERENCE,
    name: 'an iterator',
    ...plain,
    text: `${NUM}\nr1 = 0\ncall kfunc bpf_throw${DONE}`,
    want: einval('Unreleased reference id=1 alloc_insn=4'),
  },
  {
    rule: REFERENCE,
    name: 'an iterator of a caller',
    ...plain,
    text: `${NUM}${CALL}${DONE}${THROWS}`,
    want: einval('Unreleased reference id=1 alloc_insn=4'),
  },
  {
    rule: 'bpf_throw cannot be used inside bpf_rcu_read_lock-ed region',
    name: 'section of a caller',
    ...plain,
    text: `call kfunc bpf_rcu_read_lock${CALL}\ncall kfunc bpf_rcu_read_unlock\nr0 = 0\nexit${THROWS}`,
    want: einval('bpf_throw cannot be used inside bpf_rcu_read_lock-ed region'),
  },
  {
    rule: 'function calls are not allowed while holding a lock',
    name: 'bpf_throw',
    ...plain,
    maps: [{ type: MAP.ARRAY, value: 'struct locked' }],
    text: `r1 = map_value 0\ncall bpf_spin_lock${CALL}\nr1 = map_value 0\ncall bpf_spin_unlock\nr0 = 0\nexit${THROWS}`,
    want: einval('function calls are not allowed while holding a lock'),
  },
  {
    rule: THROWN,
    name: 'the callback',
    ...plain,
    text: `${LOOP('cb')}\ncb: r1 = 0\ncall kfunc bpf_throw\nr0 = 0\nexit`,
    want: einval('bpf_throw kfunc (insn 9) cannot be called from callback subprog 1'),
  },
  {
    rule: THROWN,
    name: 'a function of the callback',
    ...plain,
    text: `${LOOP('cb')}\ncb: call f\nr0 = 0\nexit${THROWS}`,
    want: einval('bpf_throw kfunc (insn 12) cannot be called from callback subprog 2'),
  },
  {
    rule: THROWN,
    name: 'beside the callback',
    ...plain,
    text: `${LOOP('cb').replace(/\n {2}r0 = 0\n {2}exit$/, '')}${CALL}\nexit\ncb: r0 = 0\nexit${THROWS}`,
    want: 'ok',
  },
  {
    rule: THROWN,
    name: 'a global function',
    ...plain,
    text: `r1 = 4\ncall global\nr0 = 0\nexit\nglobal: r1 = 0\ncall kfunc bpf_throw\nr0 = 0\nexit`,
    want: 'ok',
  },
];

const HANDLED = (body: string): string => `${THROW}\nhandler: ${body}`;
const handlers: readonly VerifierCase[] = [
  { rule: 'the callback returns for the program', ...fentry, text: HANDLED('r0 = 0\nexit'), want: 'ok' },
  {
    rule: 'the callback returns for the program',
    name: 'out of range',
    ...fentry,
    text: HANDLED('r0 = 64\nexit'),
    want: einval('At program exit the register R0 has smin=64 smax=64 should have been in [0, 0]'),
  },
  {
    rule: 'the callback returns for the program',
    name: 'the cookie',
    ...fentry,
    text: HANDLED('r0 = r1\nexit'),
    want: einval('At program exit the register R0 has unknown scalar value should have been in [0, 0]'),
  },
  {
    rule: "R%d invalid mem access '%s'",
    name: 'the cookie',
    ...catching,
    text: HANDLED('r2 = *(u64 *)(r1 +0)\nr0 = 0\nexit'),
    want: ['EACCES', "R1 invalid mem access 'scalar'"],
  },
  {
    rule: 'R%d is not a scalar',
    name: 'cookie',
    ...plain,
    text: THROW.replace('r1 = 5', ''),
    want: einval('R1 is not a scalar'),
  },
  {
    rule: 'last insn is not an exit or jmp',
    name: 'bpf_throw',
    ...plain,
    text: 'r1 = 0\ncall kfunc bpf_throw',
    want: einval('last insn is not an exit or jmp'),
  },
  {
    rule: 'last insn is not an exit or jmp',
    name: 'bpf_throw and an exit',
    ...plain,
    text: THROW,
    want: 'ok',
  },
  {
    rule: 'insn %d cannot call exception cb directly',
    name: 'calls what the callback calls',
    ...catching,
    text: `r1 = 1\nr2 = 2\ncall two${THROW}\nhandler: r1 = 1\nr2 = 2\ncall two\nr0 = 0\nexit\ntwo: r0 = 0\nexit`,
    want: 'ok',
  },
  {
    rule: 'cannot tail call within exception cb',
    name: 'by a function that the callback calls',
    ...catching,
    maps: [{ type: MAP.PROG_ARRAY, value: 4 }],
    text: `${THROW}
      handler: r1 = 1
      r2 = 2
      call two
      r0 = 0
      exit
      two: r0 = 0
      if r0 == 0x0 goto end
      r2 = map_fd 0
      r3 = 0
      call bpf_tail_call
      end: r0 = 0
      exit`,
    want: einval('cannot tail call within exception cb'),
  },
  {
    rule: 'cannot tail call within exception cb',
    name: 'by the program',
    ...catching,
    maps: [{ type: MAP.PROG_ARRAY, value: 4 }],
    text: `r2 = map_fd 0\nr3 = 0\ncall bpf_tail_call${THROW}${HANDLER}`,
    want: 'ok',
  },
  {
    rule: 'combined stack size of %d calls is %d. Too large',
    name: 'of the exception callback',
    ...catching,
    text: `${THROW}
      handler: *(u64 *)(r10 -400) = 0
      r1 = 1
      r2 = 2
      call two
      r0 = 0
      exit
      two: *(u64 *)(r10 -400) = 0
      r0 = 0
      exit`,
    want: ['EACCES', 'combined stack size of 2 calls is 800. Too large'],
  },
  {
    rule: 'callback function not static',
    name: 'the exception callback',
    ...catching,
    text: `r1 = 4\nr2 = func handler\nr3 = 0\nr4 = 0\ncall bpf_loop${THROW}${HANDLER}`,
    want: einval('callback function not static'),
  },
];

verifierCases('exceptions', cases);
verifierCases('exceptions across frames', frames);
verifierCases('exception callbacks', handlers);

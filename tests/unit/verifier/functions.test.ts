import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });
const MAIN = 'int main(struct __sk_buff *ctx);';
const INVALID = "Caller passes invalid args into func#1 ('f')";
const INVALID_61 = 'Caller passes invalid args into func#1';
/** A line before the call's own. */
const invalid = (line: string, line61 = line): { want: Verdict; want61: Verdict } => ({
  want: einval(`${line}\n${INVALID}`),
  want61: einval(`${line61}\n${INVALID_61}`),
});
const calls = (setup: string, body = 'r0 = 0'): string => `${setup}\ncall f\nr0 = 0\nexit\nf: ${body}\nexit`;

const globals: readonly VerifierCase[] = [
  {
    rule: 'R%d is not a scalar',
    text: calls('r1 = r1'),
    c: `${MAIN} int f(u64 a);`,
    ...invalid('R1 is not a scalar'),
  },
  {
    rule: 'R%d is not a scalar',
    name: 'a number',
    text: calls('r1 = 5'),
    c: `${MAIN} int f(u64 a);`,
    ...both('ok'),
  },
  {
    rule: 'R%d is not a scalar',
    name: 'static',
    text: calls('r1 = r1'),
    c: `${MAIN} static int f(u64 a);`,
    ...both('ok'),
  },
  {
    rule: 'arg#%d expects pointer to ctx',
    text: calls('r1 = 5'),
    c: `${MAIN} int f(struct __sk_buff *ctx);`,
    ...invalid('arg#0 expects pointer to ctx', 'arg#0 expected pointer to ctx, but got PTR'),
  },
  {
    rule: 'arg#%d expects pointer to ctx',
    name: 'the context',
    text: calls('', 'r0 = *(u32 *)(r1 +0)'),
    c: `${MAIN} int f(struct __sk_buff *ctx);`,
    ...both('ok'),
  },
  {
    rule: 'arg#%d is expected to be non-NULL',
    text: calls('*(u32 *)(r10 -4) = 0\nr2 = r10\nr2 += -4\nr1 = map_fd 0\ncall bpf_map_lookup_elem\nr1 = r0'),
    maps: [{ type: MAP.ARRAY, value: 8 }],
    c: `${MAIN} int f(u64 *p __arg(nonnull));`,
    want: einval(`arg#0 is expected to be non-NULL\n${INVALID}`),
  },
  {
    rule: 'arg#%d is expected to be non-NULL',
    name: 'tested',
    text: calls(
      '*(u32 *)(r10 -4) = 0\nr2 = r10\nr2 += -4\nr1 = map_fd 0\ncall bpf_map_lookup_elem\nif r0 == 0x0 goto +2\nr1 = r0',
    ),
    maps: [{ type: MAP.ARRAY, value: 8 }],
    c: `${MAIN} int f(u64 *p __arg(nonnull));`,
    want: 'ok',
  },
  {
    rule: "Caller passes invalid args into func#%d ('%s')",
    name: 'memory too small',
    text: calls('*(u32 *)(r10 -4) = 0\nr1 = r10\nr1 += -4'),
    c: `${MAIN} int f(u64 *p);`,
    ...invalid('invalid indirect access to stack R1 off=-4 size=8'),
  },
  {
    rule: "Caller passes invalid args into func#%d ('%s')",
    name: 'memory',
    text: calls(
      '*(u64 *)(r10 -8) = 0\nr1 = r10\nr1 += -8',
      'r0 = 0\nif r1 == 0x0 goto +1\nr0 = *(u64 *)(r1 +0)',
    ),
    c: `${MAIN} int f(u64 *p);`,
    ...both('ok'),
  },
  {
    rule: "Caller passes invalid args into func#%d ('%s')",
    name: 'memory, NULL',
    text: calls('r1 = 0'),
    c: `${MAIN} int f(u64 *p);`,
    ...both('ok'),
  },
  {
    rule: "R%d invalid mem access '%s'",
    name: 'memory of a global function may be NULL',
    text: calls('*(u64 *)(r10 -8) = 0\nr1 = r10\nr1 += -8', 'r0 = *(u64 *)(r1 +0)'),
    c: `${MAIN} int f(u64 *p);`,
    ...both(['EACCES', "R1 invalid mem access 'mem_or_null'"]),
  },
  {
    rule: 'invalid access to memory, mem_size=%u off=%d size=%d',
    name: 'argument of a global function',
    text: calls(
      '*(u64 *)(r10 -8) = 0\nr1 = r10\nr1 += -8',
      'r0 = 0\nif r1 == 0x0 goto +1\nr0 = *(u64 *)(r1 +8)',
    ),
    c: `${MAIN} int f(u64 *p);`,
    ...both([
      'EACCES',
      'invalid access to memory, mem_size=8 off=8 size=8\nR1 min value is outside of the allowed memory range',
    ]),
  },
  {
    rule: "Global function %s() doesn't return scalar. Only those are supported.",
    text: calls('r1 = 1'),
    c: `${MAIN} void f(u64 a);`,
    want: einval(`Global function f() doesn't return scalar. Only those are supported.\n${INVALID}`),
    want61: einval("Global function f() doesn't return scalar. Only those are supported."),
  },
  {
    rule: 'Global function %s() with %d > %d args. Buggy compiler.',
    text: calls('r1 = 1'),
    c: `${MAIN} int f(u64 a, u64 b, u64 c, u64 d, u64 e, u64 g);`,
    want: einval(`Global function f() with 6 > 5 args. Buggy compiler.\n${INVALID}`),
    want61: einval('Global function f() with 6 > 5 args. Buggy compiler.'),
  },
  {
    rule: 'Arg#%d type %s in %s() is not supported yet.',
    text: calls('r1 = 1'),
    c: `struct s { u64 a; }; ${MAIN} int f(struct s a);`,
    want: einval(`Arg#0 type STRUCT in f() is not supported yet.\n${INVALID}`),
    want61: einval('Arg#0 type STRUCT in f() is not supported yet.'),
  },
  {
    rule: "arg#%d reference type('%s %s') size cannot be determined: %ld",
    text: calls('r1 = 0'),
    c: `${MAIN} int f(struct unknown *a);`,
    want: einval(`arg#0 reference type('FWD unknown') size cannot be determined: -22\n${INVALID}`),
    want61: einval("arg#0 reference type('FWD unknown') size cannot be determined: -22"),
  },
  {
    rule: 'arg#%d has pointer tag, but is not a pointer type',
    text: calls('r1 = 0'),
    c: `${MAIN} int f(u64 a __arg(nonnull));`,
    want: einval(`arg#0 has pointer tag, but is not a pointer type\n${INVALID}`),
  },
  {
    rule: 'arg#%d has invalid combination of tags',
    text: calls(''),
    c: `${MAIN} int f(struct __sk_buff *a __arg(ctx) __arg(nonnull));`,
    want: einval(`arg#0 has invalid combination of tags\n${INVALID}`),
  },
  {
    rule: 'arg#%d arena cannot be combined with any other tags',
    text: calls('r1 = 0'),
    c: `${MAIN} int f(u64 *a __arg(arena) __arg(nonnull));`,
    want: einval(`arg#0 arena cannot be combined with any other tags\n${INVALID}`),
  },
  {
    rule: 'arg#%d has unsupported set of tags',
    text: calls('r1 = 0'),
    c: `${MAIN} int f(u64 *a __arg(strange));`,
    want: ['EOPNOTSUPP', `arg#0 has unsupported set of tags\n${INVALID}`],
  },
  {
    rule: 'arg#%d has pointer tag, but is not a pointer type',
    name: 'the context',
    text: calls('r1 = 0'),
    c: `${MAIN} int f(u64 a __arg(ctx));`,
    want: einval(`arg#0 has pointer tag, but is not a pointer type\n${INVALID}`),
  },
  {
    rule: 'arg#%d should be `struct %s *`',
    text: calls(''),
    c: `${MAIN} int f(u64 *a __arg(ctx));`,
    want: einval(`arg#0 should be \`struct __sk_buff *\`\n${INVALID}`),
  },
  {
    rule: 'arg#%d should be void pointer',
    type: 'LSM',
    attachType: 27,
    attach: { kind: 'lsm', target: 'file_open' },
    text: calls(''),
    c: 'struct thing { u64 a; }; int main(u64 *ctx); int f(struct thing *a __arg(ctx));',
    want: einval(`arg#0 should be void pointer\n${INVALID}`),
  },
  {
    rule: 'arg#%d should be void pointer',
    type: 'SYSCALL',
    sleepable: true,
    text: calls(''),
    c: 'int main(void *ctx); int f(void *a __arg(ctx));',
    want: 'ok',
  },
  {
    rule: 'R%d is not a pointer to arena or scalar.',
    text: calls(''),
    c: `${MAIN} int f(u64 *a __arg(arena));`,
    want: einval(`R1 is not a pointer to arena or scalar.\n${INVALID}`),
  },
  {
    rule: 'R%d is not a pointer to arena or scalar.',
    name: 'a number',
    text: calls('r1 = 0'),
    c: `${MAIN} int f(u64 *a __arg(arena));`,
    want: 'ok',
  },
  {
    rule: 'At subprogram exit the register R%d is not a scalar value (%s)',
    text: calls('', 'r0 = r1'),
    c: `${MAIN} int f(struct __sk_buff *ctx);`,
    want: einval('At subprogram exit the register R0 is not a scalar value (ctx)'),
    want61: einval('At subprogram exit the register R0 is not a scalar value (ctx)'),
  },
  {
    rule: 'At subprogram exit the register R%d is not a scalar value (%s)',
    name: 'a number',
    text: calls('', 'r0 = 7'),
    c: `${MAIN} int f(struct __sk_buff *ctx);`,
    ...both('ok'),
  },
  {
    rule: 'global function: its result is unknown',
    text: 'r6 = 0\nr1 = 1\ncall f\nif r0 == 0x7 goto +1\nr0 = *(u64 *)(r10 +8)\nr0 = 0\nexit\nf: r0 = 7\nexit',
    c: `${MAIN} int f(u64 a);`,
    ...both(['EACCES', 'invalid read from stack R10 off=8 size=8']),
  },
  {
    rule: 'static function: its result is known',
    text: 'r6 = 0\nr1 = 1\ncall f\nif r0 == 0x7 goto +1\nr0 = *(u64 *)(r10 +8)\nr0 = 0\nexit\nf: r0 = 7\nexit',
    c: `${MAIN} static int f(u64 a);`,
    ...both('ok'),
  },
  {
    rule: 'global function: not called, not verified',
    text: 'r0 = 0\nexit\nf: r0 = *(u64 *)(r10 +8)\nexit',
    c: MAIN,
    ...both(einval('unreachable insn 2')),
  },
  {
    rule: 'missing btf func_info',
    text: 'r1 = func f\nr0 = 0\nexit\nf: r0 = 0\nexit',
    ...both(einval('missing btf func_info')),
  },
  {
    rule: 'callback function not static',
    text: 'r1 = func f\nr0 = 0\nexit\nf: r0 = 0\nexit',
    c: `${MAIN} int f(u64 a);`,
    ...both(einval('callback function not static')),
  },
  {
    rule: 'callback function not static',
    name: 'static',
    text: 'r1 = func f\nr0 = 0\nexit\nf: r0 = 0\nexit',
    c: `${MAIN} static int f(u64 a);`,
    ...both('ok'),
  },
  {
    rule: 'loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN',
    unprivileged: true,
    text: 'call f\nexit\nf: r0 = 0\nexit',
    ...both([
      'EPERM',
      'loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN',
    ]),
  },
];

const statics: readonly VerifierCase[] = [
  {
    rule: 'static function: what the caller saved',
    text: 'r6 = 5\ncall f\nr0 = r6\nexit\nf: r0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: 'static function: r6 is not passed',
    text: 'r6 = 5\ncall f\nexit\nf: r0 = r6\nexit',
    ...both(['EACCES', 'R6 !read_ok']),
  },
  {
    rule: 'static function: r1 to r5 are gone',
    text: 'call f\nr0 = r1\nexit\nf: r0 = 0\nexit',
    ...both(['EACCES', 'R1 !read_ok']),
  },
  {
    rule: 'static function: arguments',
    text: 'r1 = 1\nr2 = 2\ncall f\nexit\nf: r0 = r1\nr0 += r2\nexit',
    ...both('ok'),
  },
  {
    rule: 'static function: writes the stack of its caller',
    text: '*(u64 *)(r10 -8) = 0\nr1 = r10\nr1 += -8\ncall f\nr0 = *(u64 *)(r10 -8)\nif r0 == 0x7 goto +1\nr0 = *(u64 *)(r10 +8)\nexit\nf: *(u64 *)(r1 +0) = 7\nr0 = 0\nexit',
    ...both('ok'),
  },
  { rule: 'static function: result not set', text: 'call f\nr0 = 0\nexit\nf: exit', ...both('ok') },
  {
    rule: 'static function: result not set but used',
    text: 'call f\nexit\nf: exit',
    ...both(['EACCES', 'R0 !read_ok']),
  },
];

const LOCK = 'struct v { struct bpf_spin_lock l; u64 n; };';
const HELD = `
  *(u32 *)(r10 -4) = 0
  r2 = r10
  r2 += -4
  r1 = map_fd 0
  call bpf_map_lookup_elem
  if r0 == 0x0 goto out
  r6 = r0
  r1 = r6
  call bpf_spin_lock
  r1 = 1
  call f
  r1 = r6
  call bpf_spin_unlock
  out: r0 = 0
  exit
  f: r0 = 0
  exit`;
const LOCKED_CALL =
  'global function calls are not allowed while holding a lock,\nuse static function instead';
const PREEMPT_CALL =
  'global function calls are not allowed with preemption disabled,\nuse static function instead';
const TAIL = 'r2 = map_fd 0\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit';
const TAIL_DEPTH = 'tail_calls are not allowed when call stack of previous frames is %d bytes. Too large';
const programs = [{ type: MAP.PROG_ARRAY, value: 4 }];
const deep = (count: number): string =>
  Array.from({ length: count }, (_, i) =>
    i === count - 1 ? `f${i}: r0 = 0\nexit` : `f${i}: call f${i + 1}\nexit`,
  ).join('\n');

const chains: readonly VerifierCase[] = [
  {
    rule: 'global function calls are not allowed while holding a lock',
    type: 'SCHED_CLS',
    maps: [{ type: MAP.ARRAY, value: 'struct v' }],
    text: HELD,
    c: `${LOCK} ${MAIN} int f(u64 a);`,
    want: einval(LOCKED_CALL),
  },
  {
    rule: 'global function calls are not allowed with preemption disabled',
    type: 'SCHED_CLS',
    text: 'call kfunc bpf_preempt_disable\nr1 = 1\ncall f\ncall kfunc bpf_preempt_enable\nr0 = 0\nexit\nf: r0 = 0\nexit',
    c: `${MAIN} int f(u64 a);`,
    want: einval(PREEMPT_CALL),
  },
  {
    rule: 'global function calls are not allowed with preemption disabled',
    name: 'static',
    type: 'SCHED_CLS',
    text: 'call kfunc bpf_preempt_disable\nr1 = 1\ncall f\ncall kfunc bpf_preempt_enable\nr0 = 0\nexit\nf: r0 = 0\nexit',
    c: `${MAIN} static int f(u64 a);`,
    want: 'ok',
  },
  {
    rule: TAIL_DEPTH,
    type: 'SCHED_CLS',
    maps: programs,
    text: `*(u64 *)(r10 -256) = 0\ncall f\nexit\nf: ${TAIL}`,
    c: `${MAIN} static int f(struct __sk_buff *ctx);`,
    ...both(['EACCES', TAIL_DEPTH.replace('%d', '256')]),
  },
  {
    rule: TAIL_DEPTH,
    name: 'less',
    type: 'SCHED_CLS',
    maps: programs,
    text: `*(u64 *)(r10 -224) = 0\ncall f\nexit\nf: ${TAIL}`,
    c: `${MAIN} static int f(struct __sk_buff *ctx);`,
    ...both('ok'),
  },
  {
    rule: 'the call stack of %d frames is too deep !',
    text: `r0 = 0\nif r0 == 0x0 goto out\ncall f0\nout: exit\n${deep(8)}`,
    ...both(['E2BIG', 'the call stack of 9 frames is too deep !']),
  },
  {
    rule: 'the call stack of %d frames is too deep !',
    name: '8 frames',
    text: `r0 = 0\nif r0 == 0x0 goto out\ncall f0\nout: exit\n${deep(7)}`,
    ...both('ok'),
  },
];

verifierCases('global functions', globals);
verifierCases('call chains', chains);
verifierCases('static functions', statics);

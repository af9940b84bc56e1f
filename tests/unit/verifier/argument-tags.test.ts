import { type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const INVALID = "Caller passes invalid args into func#1 ('f')";
const MAIN = 'struct __sk_buff { u32 len; }; struct thing { u64 a; }; int main(struct __sk_buff *ctx);';
const on = (kind: string, target: string) => ({ attach: { kind, target } });
const RAW_TP = { type: 'RAW_TRACEPOINT' } as const;
const FENTRY = { type: 'TRACING', attachType: 24, ...on('fentry', 'wake_up_new_task') } as const;
const TP_BTF = { type: 'TRACING', attachType: 23, ...on('raw_tp', 'sched_switch') } as const;
const ITER = { type: 'TRACING', attachType: 28, ...on('iter', 'task') } as const;
const LSM = { type: 'LSM', attachType: 27, ...on('lsm', 'file_open') } as const;

/** A call of f(ARGUMENT) with what is in r1. */
const call = (argument: string, setup = '', main = MAIN): Partial<VerifierCase> => ({
  text: `${setup}\ncall f\nr0 = 0\nexit\nf: r0 = 0\nexit`,
  c: `${main} int f(${argument});`,
});
const refused = (rule: string, argument: string, message: string, more: Partial<VerifierCase> = {}) => ({
  ...{ rule, name: argument, ...call(argument), ...more },
  want: einval(`${message}\n${INVALID}`),
});
const taken = (rule: string, argument: string, more: Partial<VerifierCase> = {}): VerifierCase => ({
  ...{ rule, name: argument, ...call(argument), ...more, want: 'ok' },
});
const BAD_MIX = 'arg#%d has invalid combination of tags';
const POINTER_TAG = 'arg#%d has pointer tag, but is not a pointer type';
const ARENA = 'arg#%d arena cannot be combined with any other tags';
const UNKNOWN = 'arg#%d has unsupported set of tags';
const STATIC = 'arg#%d type tag is not supported in static functions';

const tags: readonly VerifierCase[] = [
  refused(BAD_MIX, 'struct __sk_buff *a __arg(ctx) __arg(trusted)', 'arg#0 has invalid combination of tags'),
  refused(BAD_MIX, 'struct __sk_buff *a __arg(nonnull)', 'arg#0 has invalid combination of tags'),
  refused(BAD_MIX, 'struct bpf_dynptr *a __arg(nonnull)', 'arg#0 has invalid combination of tags'),
  refused(
    BAD_MIX,
    'struct task_struct *a __arg(trusted) __arg(nonnull)',
    'arg#0 has invalid combination of tags',
  ),
  refused(BAD_MIX, 'u64 *a __arg(nullable)', 'arg#0 has invalid combination of tags'),
  taken(BAD_MIX, 'struct __sk_buff *a __arg(ctx)'),
  taken(BAD_MIX, 'struct task_struct *a __arg(trusted) __arg(nullable)', {
    ...call('struct task_struct *a __arg(trusted) __arg(nullable)', 'r1 = 0'),
  }),
  taken(
    BAD_MIX,
    'u64 *a __arg(nonnull)',
    call('u64 *a __arg(nonnull)', '*(u64 *)(r10 -8) = 0\nr1 = r10\nr1 += -8'),
  ),
  taken(BAD_MIX, 'u64 *a __arg(nonnull), NULL as a number', call('u64 *a __arg(nonnull)', 'r1 = 0')),
  refused(POINTER_TAG, 'u64 a __arg(nonnull)', 'arg#0 has pointer tag, but is not a pointer type'),
  taken(POINTER_TAG, 'u64 a', call('u64 a', 'r1 = 0')),
  refused(ARENA, 'u64 *a __arg(arena) __arg(nullable)', 'arg#0 arena cannot be combined with any other tags'),
  taken(ARENA, 'u64 *a __arg(arena)', call('u64 *a __arg(arena)', 'r1 = 0')),
  {
    rule: UNKNOWN,
    name: 'before what known tags mean',
    ...call('u64 a __arg(nonnull) __arg(strange)'),
    want: ['EOPNOTSUPP', `arg#0 has unsupported set of tags\n${INVALID}`],
  },
  taken(UNKNOWN, 'u64 *a __arg(arena)', call('u64 *a __arg(arena)', 'r1 = 0')),
  {
    rule: STATIC,
    ...{ ...call('u64 *a __arg(nonnull)'), c: `${MAIN} static int f(u64 *a __arg(nonnull));`, want: 'ok' },
  },
  {
    rule: "arg#%d reference type('%s %s') size cannot be determined: %ld",
    name: 'nothing',
    ...call('void *a'),
    want: einval(`arg#0 reference type('UNKNOWN ') size cannot be determined: -22\n${INVALID}`),
  },
  taken(
    "arg#%d reference type('%s %s') size cannot be determined: %ld",
    'struct thing *a',
    call('struct thing *a', 'r1 = 0'),
  ),
  taken('Arg#%d type %s in %s() is not supported yet.', 'u64 a', call('u64 a', 'r1 = 0')),
  taken('Global function %s() with %d > %d args. Buggy compiler.', 'u64 a', call('u64 a', 'r1 = 0')),
  taken(
    "Global function %s() doesn't return scalar. Only those are supported.",
    'u64 a',
    call('u64 a', 'r1 = 0'),
  ),
];

const WORD = 'u64 *a __arg(ctx)';
const NOTHING = 'void *a __arg(ctx)';
const THING = 'struct thing *a __arg(ctx)';
const CTX =
  'struct __sk_buff { u32 len; }; struct pt_regs { u64 r; }; struct thing { u64 a; }; int main(u64 *ctx);';
const VOID_POINTER = 'arg#%d should be void pointer';
const STRUCT_POINTER = 'arg#%d should be `struct %s *`';
const context = (where: Partial<VerifierCase>, argument: string): Partial<VerifierCase> => ({
  ...{ ...where, ...call(argument, '', CTX) },
});

/** What stands for the context in each program type, beside nothing, which always does. */
const contexts: readonly VerifierCase[] = [
  taken(STRUCT_POINTER, NOTHING, context({ type: 'SCHED_CLS' }, NOTHING)),
  taken(STRUCT_POINTER, 'struct __sk_buff', context({ type: 'SCHED_CLS' }, 'struct __sk_buff *a __arg(ctx)')),
  refused(STRUCT_POINTER, 'another', 'arg#0 should be `struct xdp_md *`', context({ type: 'XDP' }, THING)),
  refused(
    STRUCT_POINTER,
    'words',
    'arg#0 should be `struct bpf_sock *`',
    context({ type: 'CGROUP_SOCK' }, WORD),
  ),
  taken(STRUCT_POINTER, 'raw tracepoint: words', context(RAW_TP, WORD)),
  refused(
    STRUCT_POINTER,
    'raw tracepoint',
    'arg#0 should be `struct bpf_raw_tracepoint_args *`',
    context(RAW_TP, THING),
  ),
  taken(STRUCT_POINTER, 'kprobe: registers', context({ type: 'KPROBE' }, 'struct pt_regs *a __arg(ctx)')),
  ...([FENTRY, TP_BTF, LSM] as const).map((where) => taken(VOID_POINTER, 'words', context(where, WORD))),
  ...([FENTRY, TP_BTF, LSM, ITER] as const).map((where) =>
    refused(VOID_POINTER, 'struct', 'arg#0 should be void pointer', context(where, THING)),
  ),
  refused(VOID_POINTER, 'iterator: words', 'arg#0 should be void pointer', context(ITER, WORD)),
  taken(VOID_POINTER, 'iterator', {
    ...ITER,
    ...call(
      'struct bpf_iter__task *a __arg(ctx)',
      '',
      'struct bpf_iter__task { u64 a; }; int main(u64 *ctx);',
    ),
  }),
  taken(VOID_POINTER, 'tp_btf', {
    ...TP_BTF,
    ...call(
      'struct bpf_raw_tracepoint_args *a __arg(ctx)',
      '',
      'struct bpf_raw_tracepoint_args { u64 a; }; int main(u64 *ctx);',
    ),
  }),
  ...([{ type: 'TRACEPOINT' }, { type: 'SYSCALL', sleepable: true }] as const).map((where) =>
    taken(VOID_POINTER, `${where.type}: anything`, context(where, THING)),
  ),
];

verifierCases('tags of arguments', tags);
verifierCases('tagged contexts', contexts);

import { kernelBtf } from '../../support/golden-kernel.js';
import { type Basics, madeUpKernel } from '../../support/kernel-types.js';
import { type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });
const on = (kind: string, target: string) => ({ attach: { kind, target } });
const NOTHING = 'r0 = 0\nexit';
const TARGET = 'security_made_up';

interface Prototype {
  readonly returns: number;
  readonly params: readonly [string, number][];
}

/** A program at a kernel function with a prototype of the case's own. */
function at(kind: 'fentry' | 'fexit' | 'fmod_ret', prototype: (basics: Basics) => Prototype) {
  const btf = madeUpKernel((basics) => {
    const { returns, params } = prototype(basics);
    basics.b.func(TARGET, basics.b.proto(returns, params));
  });
  const attachType = { fentry: 24, fexit: 25, fmod_ret: 26 }[kind];
  return { type: 'TRACING', attachType, ...on(kind, TARGET), kernel: { btf } } as const;
}

const args =
  (count: number) =>
  (basics: Basics): Prototype => ({
    returns: basics.int,
    params: Array.from({ length: count }, (_, i): [string, number] => [`a${i}`, basics.u64]),
  });
const one =
  (type: (basics: Basics) => number) =>
  (basics: Basics): Prototype => ({
    returns: basics.int,
    params: [['a', type(basics)]],
  });
const giving =
  (type: (basics: Basics) => number) =>
  (basics: Basics): Prototype => ({
    returns: type(basics),
    params: [],
  });
const says = (what: string): Verdict => einval(`The function ${TARGET} ${what}`);
const TOO_MANY = 'The function %s has %d arguments. Too many.';
const RETURN = 'The function %s return type %s is unsupported.';
const VARIABLE = 'The function %s with variable args is unsupported.';
const ARGUMENT = 'The function %s arg%d type %s is unsupported.';
const MALFORMED = 'The function %s has malformed void argument.';

const prototypes: readonly VerifierCase[] = [
  { rule: TOO_MANY, ...at('fentry', args(13)), text: NOTHING, ...both(says('has 13 arguments. Too many.')) },
  { rule: TOO_MANY, ...at('fentry', args(12)), text: NOTHING, ...both('ok') },
  {
    rule: RETURN,
    ...{
      ...at(
        'fentry',
        giving(({ b }) => b.struct('s', 8, [])),
      ),
      text: NOTHING,
    },
    ...both(says('return type STRUCT is unsupported.')),
  },
  {
    rule: RETURN,
    name: 'before the arguments',
    ...at('fentry', ({ b }) => ({ returns: b.float('double', 8), params: [['a', 0]] })),
    ...{ text: NOTHING, ...both(says('return type FLOAT is unsupported.')) },
  },
  {
    rule: RETURN,
    ...at(
      'fentry',
      giving(() => 0),
    ),
    text: NOTHING,
    ...both('ok'),
  },
  {
    rule: VARIABLE,
    ...at('fentry', (basics) => ({
      returns: basics.int,
      params: [
        ['f', basics.u64],
        ['', 0],
      ],
    })),
    ...{ text: NOTHING, ...both(says('with variable args is unsupported.')) },
  },
  { rule: VARIABLE, ...at('fentry', args(1)), text: NOTHING, ...both('ok') },
  {
    rule: MALFORMED,
    ...at('fentry', (basics) => ({
      returns: basics.int,
      params: [
        ['v', 0],
        ['a', basics.u64],
      ],
    })),
    ...{ text: NOTHING, ...both(says('has malformed void argument.')) },
  },
  {
    rule: MALFORMED,
    name: 'a struct of nothing',
    ...{
      ...at(
        'fentry',
        one(({ b }) => b.struct('s', 0, [])),
      ),
      text: NOTHING,
    },
    ...both(says('has malformed void argument.')),
  },
  { rule: MALFORMED, ...at('fentry', args(2)), text: NOTHING, ...both('ok') },
  {
    rule: ARGUMENT,
    ...{
      ...at(
        'fentry',
        one(({ b }) => b.float('double', 8)),
      ),
      text: NOTHING,
    },
    ...both(says('arg0 type FLOAT is unsupported.')),
  },
  {
    rule: ARGUMENT,
    name: 'of 24 bytes',
    ...{
      ...at(
        'fentry',
        one(({ b }) => b.struct('s', 24, [])),
      ),
      text: NOTHING,
    },
    ...both(says('arg0 type STRUCT is unsupported.')),
  },
  {
    rule: ARGUMENT,
    name: 'announced only',
    ...{
      ...at(
        'fentry',
        one(({ b }) => b.forward('s')),
      ),
      text: NOTHING,
    },
    ...both(says('arg0 type FWD is unsupported.')),
  },
  {
    rule: ARGUMENT,
    name: 'of 16 bytes',
    ...{
      ...at(
        'fentry',
        one(({ b }) => b.struct('s', 16, [])),
      ),
      text: NOTHING,
      ...both('ok'),
    },
  },
  {
    rule: 'Attach to function %s with a >8 byte return value is not supported for this attach type',
    ...{
      ...at(
        'fexit',
        giving(({ b }) => b.int('__int128', 16)),
      ),
      text: NOTHING,
    },
    want: [
      'EOPNOTSUPP',
      `Attach to function ${TARGET} with a >8 byte return value is not supported for this attach type`,
    ],
  },
  {
    rule: 'Attach to function %s with a >8 byte return value is not supported for this attach type',
    name: 'before it',
    ...{
      ...at(
        'fentry',
        giving(({ b }) => b.int('__int128', 16)),
      ),
      text: NOTHING,
      want: 'ok',
    },
  },
];

const loads = (offset: number, size = 'u64'): string => `r0 = *(${size} *)(r1 +${offset})\nr0 = 0\nexit`;
const refusedLoad = (line: string, offset: number, size = 8): Verdict => [
  'EACCES',
  `${line}\ninvalid bpf_context access off=${offset} size=${size}`,
];
const POINTER_ONLY = "func '%s' arg%d '%s' has type %s. Only pointer access is allowed";
const NOT_STRUCT = "func '%s' arg%d type %s is not a struct";

const contexts: readonly VerifierCase[] = [
  {
    rule: POINTER_ONLY,
    ...{
      ...at(
        'fentry',
        one(({ b }) => b.union('both', 8, [])),
      ),
      text: loads(0),
    },
    ...both(refusedLoad(`func '${TARGET}' arg0 'both' has type UNION. Only pointer access is allowed`, 0)),
  },
  {
    rule: POINTER_ONLY,
    name: 'a struct is read as words',
    ...{
      ...at(
        'fentry',
        one(({ b }) => b.struct('pair', 16, [])),
      ),
      text: loads(8),
      ...both('ok'),
    },
  },
  {
    rule: NOT_STRUCT,
    ...at(
      'fentry',
      one(({ b, pointer }) => pointer(b.forward('later'))),
    ),
    ...{ text: loads(0), ...both(refusedLoad(`func '${TARGET}' arg0 type FWD is not a struct`, 0)) },
  },
  {
    rule: NOT_STRUCT,
    ...at(
      'fentry',
      one(({ b, u64, pointer }) => pointer(b.struct('s', 8, [['n', u64, 0]]))),
    ),
    ...{ text: 'r1 = *(u64 *)(r1 +0)\nr0 = *(u64 *)(r1 +0)\nr0 = 0\nexit', ...both('ok') },
  },
  {
    rule: "func '%s' size %d must be 8",
    ...at(
      'fentry',
      one(({ b, pointer }) => pointer(b.struct('s', 8, []))),
    ),
    ...{ text: loads(0, 'u32'), ...both(refusedLoad(`func '${TARGET}' size 4 must be 8`, 0, 4)) },
  },
  { rule: "func '%s' size %d must be 8", ...at('fentry', args(1)), text: loads(0, 'u32'), ...both('ok') },
  {
    rule: "func '%s' offset %d is not multiple of 8",
    ...{ ...at('fentry', args(1)), text: loads(4, 'u32') },
    ...both(refusedLoad(`func '${TARGET}' offset 4 is not multiple of 8`, 4, 4)),
  },
  {
    rule: "func '%s' offset %d is not multiple of 8",
    ...at('fentry', args(1)),
    text: loads(0),
    ...both('ok'),
  },
  {
    rule: "func '%s' doesn't have %d-th argument",
    ...{ ...at('fentry', args(1)), text: loads(8) },
    ...both(refusedLoad(`func '${TARGET}' doesn't have 2-th argument`, 8)),
  },
  { rule: "func '%s' doesn't have %d-th argument", ...at('fexit', args(1)), text: loads(8), ...both('ok') },
  {
    rule: 'ret type %s not allowed for fmod_ret',
    ...{
      ...at(
        'fmod_ret',
        giving(({ u64, pointer }) => pointer(u64)),
      ),
      text: loads(0),
    },
    ...both(refusedLoad('ret type PTR not allowed for fmod_ret', 0)),
  },
  {
    rule: 'ret type %s not allowed for fmod_ret',
    name: 'enumeration',
    ...{
      ...at(
        'fmod_ret',
        giving(({ b }) => b.enum('e', [['A', 0]])),
      ),
      text: loads(0),
    },
    ...both(refusedLoad('ret type ENUM not allowed for fmod_ret', 0)),
  },
  { rule: 'ret type %s not allowed for fmod_ret', ...at('fmod_ret', args(0)), text: loads(0), ...both('ok') },
];

const UNKNOWN_SYMBOL = { kernel: { symbolAddress: () => 0n } };
const named = (name: string) => ({
  spec: { attach: { kind: '', target: '', btfId: kernelBtf('6.12').find(name) } },
});
const tcp = (target: string) => ({ type: 'STRUCT_OPS', ...on('struct_ops', target) }) as const;
const FENTRY = { type: 'TRACING', attachType: 24 } as const;
const TP_BTF = { type: 'TRACING', attachType: 23 } as const;
const LSM = { type: 'LSM', attachType: 27 } as const;

const targets: readonly VerifierCase[] = [
  {
    rule: 'The address of function %s cannot be found',
    ...{ ...FENTRY, ...on('fentry', 'wake_up_new_task'), ...UNKNOWN_SYMBOL, text: NOTHING },
    ...both(['ENOENT', 'The address of function wake_up_new_task cannot be found']),
  },
  {
    rule: 'The address of function %s cannot be found',
    name: 'a tracepoint has none',
    ...{ ...TP_BTF, ...on('raw_tp', 'sched_switch'), ...UNKNOWN_SYMBOL, text: NOTHING, ...both('ok') },
  },
  ...(['attach_btf_id %u is invalid', "attach_btf_id %u doesn't have a name"] as const).map(
    (rule): VerifierCase => ({ rule, ...FENTRY, ...named('wake_up_new_task'), text: NOTHING, want: 'ok' }),
  ),
  {
    rule: 'attach_btf_id %u points to wrong type name %s',
    name: 'no hook',
    ...{ ...LSM, ...named('wake_up_new_task'), text: NOTHING },
    want: einval(
      `attach_btf_id ${kernelBtf('6.12').find('wake_up_new_task')} points to wrong type name wake_up_new_task`,
    ),
  },
  {
    rule: 'attach_btf_id %u points to wrong type name %s',
    name: 'a hook',
    ...{ ...LSM, ...named('bpf_lsm_file_open'), text: NOTHING, want: 'ok' },
  },
  {
    rule: 'LSM programs must have a GPL compatible license',
    name: 'after whether it may sleep',
    ...{ ...LSM, ...on('lsm', 'task_free'), sleepable: true, license: 'MIT', text: NOTHING },
    ...both(einval('bpf_lsm_task_free is not sleepable')),
  },
  {
    rule: 'attach_btf_id %u is not a supported struct',
    ...{ ...tcp('tcp_congestion_ops.ssthresh'), text: 'r0 = 2\nexit', ...both('ok') },
  },
  {
    rule: 'attach to invalid member idx %u of struct %s',
    ...{ ...tcp('tcp_congestion_ops'), attachType: 0, text: 'r0 = 2\nexit', ...both('ok') },
  },
  {
    rule: 'attach to invalid member %s(@idx %u) of struct %s',
    ...{ ...tcp('tcp_congestion_ops.undo_cwnd'), text: 'r0 = 2\nexit', ...both('ok') },
  },
  {
    rule: 'attach to unsupported member %s of struct %s',
    ...{ ...tcp('tcp_congestion_ops.get_info'), text: 'r0 = 2\nexit' },
    ...both(['ENOTSUPP', 'attach to unsupported member get_info of struct tcp_congestion_ops']),
  },
  {
    rule: 'attach to unsupported member %s of struct %s',
    ...{ ...tcp('tcp_congestion_ops.undo_cwnd'), text: 'r0 = 2\nexit', ...both('ok') },
  },
];

const WALKED = 'walked';
/** A raw pointer to a struct with members of every kind. */
const walk = (load: string): Partial<VerifierCase> => ({
  ...at('fentry', ({ b, u32, u64, int, pointer }) => {
    const inner = b.struct('inner', 8, [['n', u64, 0]]);
    const id = b.struct(WALKED, 64, [
      ['a', u32, 0],
      ['p', pointer(inner), 64],
      ['list', b.array(u32, 2), 128],
      ['broken', b.forward('later'), 256],
      ['in', inner, 320],
    ]);
    return { returns: int, params: [['w', pointer(id)]] };
  }),
  text: `r1 = *(u64 *)(r1 +0)\n${load}\nr0 = 0\nexit`,
});

const walks: readonly VerifierCase[] = [
  {
    rule: "field %s doesn't have size",
    ...{ ...walk('r0 = *(u32 *)(r1 +32)'), ...both(['EFAULT', "field broken doesn't have size"]) },
  },
  { rule: "field %s doesn't have size", ...walk('r0 = *(u32 *)(r1 +16)'), ...both('ok') },
  {
    rule: "struct %s doesn't have field at offset %d",
    ...{
      ...walk('r0 = *(u32 *)(r1 +4)'),
      ...both(einval(`struct ${WALKED} doesn't have field at offset 4`)),
    },
  },
  { rule: "struct %s doesn't have field at offset %d", ...walk('r0 = *(u32 *)(r1 +0)'), ...both('ok') },
  {
    rule: 'cannot access ptr member %s with moff %u in struct %s with off %u size %u',
    ...walk('r0 = *(u32 *)(r1 +8)'),
    ...both(['EACCES', `cannot access ptr member p with moff 8 in struct ${WALKED} with off 8 size 4`]),
  },
  {
    rule: 'cannot access ptr member %s with moff %u in struct %s with off %u size %u',
    ...{ ...walk('r1 = *(u64 *)(r1 +8)\nr0 = *(u64 *)(r1 +0)'), ...both('ok') },
  },
  {
    rule: 'access beyond the end of member %s (mend:%u) in struct %s with off %u size %u',
    ...walk('r0 = *(u64 *)(r1 +20)'),
    ...both([
      'EACCES',
      `access beyond the end of member list (mend:24) in struct ${WALKED} with off 20 size 8`,
    ]),
  },
  {
    rule: 'access beyond the end of member %s (mend:%u) in struct %s with off %u size %u',
    name: 'of one element only',
    ...{ ...walk('r0 = *(u64 *)(r1 +16)'), ...both('ok') },
  },
  {
    rule: 'access beyond struct %s at off %u size %u',
    ...{
      ...walk('r0 = *(u64 *)(r1 +64)'),
      ...both(['EACCES', `access beyond struct ${WALKED} at off 64 size 8`]),
    },
  },
  { rule: 'access beyond struct %s at off %u size %u', ...walk('r0 = *(u64 *)(r1 +8)'), ...both('ok') },
];

verifierCases('prototypes of attach targets', prototypes);
verifierCases('context arguments', contexts);
verifierCases('names of attach targets', targets);
verifierCases('walks of structs', walks);

import { kernelBtf } from '../../support/golden-kernel.js';
import { type KernelName, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const FENTRY = { type: 'TRACING', attachType: 24 } as const;
const FEXIT = { type: 'TRACING', attachType: 25 } as const;
const FMOD_RET = { type: 'TRACING', attachType: 26 } as const;
const TP_BTF = { type: 'TRACING', attachType: 23 } as const;
const ITER = { type: 'TRACING', attachType: 28 } as const;
const LSM = { type: 'LSM', attachType: 27 } as const;
const on = (kind: string, target: string) => ({ attach: { kind, target } });
const NOTHING = 'r0 = 0\nexit';

const idOf = (version: KernelName, name: string): number => kernelBtf(version).find(name);
const attachId = (btfId: number) => ({ spec: { attach: { kind: '', target: '', btfId } } });
const TASK = idOf('6.12', 'task_struct');
const COUNT = kernelBtf('6.12').count;
const TCP_CC = { type: 'STRUCT_OPS', ...on('struct_ops', 'tcp_congestion_ops') } as const;
const member = (name: string) =>
  ({ type: 'STRUCT_OPS', ...on('struct_ops', `tcp_congestion_ops.${name}`) }) as const;

const attached: readonly VerifierCase[] = [
  {
    rule: 'Tracing programs must provide btf_id',
    ...{ ...FENTRY, text: NOTHING },
    ...{
      want: ['EINVAL', 'Tracing programs must provide btf_id'],
      want61: ['EINVAL', 'Tracing programs must provide btf_id'],
    },
  },
  {
    rule: 'Tracing programs must provide btf_id',
    ...{ ...FENTRY, ...on('fentry', 'wake_up_new_task'), text: NOTHING, want: 'ok', want61: 'ok' },
  },
  {
    rule: 'attach_btf_id %u is invalid',
    ...{
      ...FENTRY,
      ...attachId(COUNT + 5),
      text: NOTHING,
      want: ['EINVAL', `attach_btf_id ${COUNT + 5} is invalid`],
    },
  },
  {
    rule: "attach_btf_id %u doesn't have a name",
    ...{ ...FENTRY, ...attachId(1 + firstUnnamed()), text: NOTHING },
    want: ['EINVAL', `attach_btf_id ${1 + firstUnnamed()} doesn't have a name`],
  },
  {
    rule: 'attach_btf_id %u is not a function',
    ...{
      ...FENTRY,
      ...attachId(TASK),
      text: NOTHING,
      want: ['EINVAL', `attach_btf_id ${TASK} is not a function`],
    },
  },
  {
    rule: 'attach_btf_id %u is not a function',
    name: 'iterator',
    ...{
      ...ITER,
      ...attachId(TASK),
      text: NOTHING,
      want: ['EINVAL', `attach_btf_id ${TASK} is not a function`],
    },
  },
  {
    rule: 'attach_btf_id %u is not a function',
    name: 'iterator',
    ...{ ...ITER, ...on('iter', 'task'), text: NOTHING, want: 'ok', want61: 'ok' },
  },
  {
    rule: 'attach_btf_id %u is not a typedef',
    ...{
      ...TP_BTF,
      ...attachId(TASK),
      text: NOTHING,
      want: ['EINVAL', `attach_btf_id ${TASK} is not a typedef`],
    },
  },
  {
    rule: 'attach_btf_id %u is not a typedef',
    ...{ ...TP_BTF, ...on('raw_tp', 'sched_switch'), text: NOTHING, want: 'ok', want61: 'ok' },
  },
  {
    rule: 'attach_btf_id %u points to wrong type name %s',
    ...{ ...TP_BTF, ...attachId(idOf('6.12', 'u32')), text: NOTHING },
    want: ['EINVAL', `attach_btf_id ${idOf('6.12', 'u32')} points to wrong type name u32`],
  },
  {
    rule: '%s() is not modifiable',
    ...{ ...FMOD_RET, ...on('fmod_ret', 'wake_up_new_task'), text: NOTHING },
    want: ['EINVAL', 'wake_up_new_task() is not modifiable'],
    want61: ['EINVAL', 'wake_up_new_task() is not modifiable'],
  },
  {
    rule: '%s() is not modifiable',
    name: 'security hook',
    ...{ ...FMOD_RET, ...on('fmod_ret', 'security_file_open'), text: NOTHING, want: 'ok', want61: 'ok' },
  },
  {
    rule: '%s() is not modifiable',
    name: 'made for it',
    ...{ ...FMOD_RET, ...on('fmod_ret', 'bpf_modify_return_test'), text: NOTHING, want: 'ok', want61: 'ok' },
  },
  {
    rule: '%s is not sleepable',
    ...{ ...FENTRY, ...on('fentry', 'wake_up_new_task'), sleepable: true, text: NOTHING },
    want: ['EINVAL', 'wake_up_new_task is not sleepable'],
    want61: ['EINVAL', 'wake_up_new_task is not sleepable'],
  },
  {
    rule: '%s is not sleepable',
    name: 'system call',
    ...{
      ...FENTRY,
      ...on('fentry', '__x64_sys_getpgid'),
      sleepable: true,
      text: NOTHING,
      want: 'ok',
      want61: 'ok',
    },
  },
  {
    rule: '%s is not sleepable',
    name: 'LSM hook',
    ...{ ...LSM, ...on('lsm', 'file_open'), sleepable: true, text: NOTHING, want: 'ok', want61: 'ok' },
  },
  {
    rule: '%s is not sleepable',
    name: 'LSM hook under a lock',
    ...{ ...LSM, ...on('lsm', 'task_free'), sleepable: true, text: NOTHING },
    want: ['EINVAL', 'bpf_lsm_task_free is not sleepable'],
    want61: ['EINVAL', 'bpf_lsm_task_free is not sleepable'],
  },
  {
    rule: '%s is not sleepable',
    name: 'iterator',
    ...{ ...ITER, ...on('iter', 'task'), sleepable: true, text: NOTHING, want: 'ok' },
  },
  {
    rule: 'Syscall programs can only be sleepable',
    ...{ type: 'SYSCALL', text: NOTHING },
    want: ['EINVAL', 'Syscall programs can only be sleepable'],
    want61: ['EINVAL', 'Syscall programs can only be sleepable'],
  },
  {
    rule: 'Syscall programs can only be sleepable',
    ...{ type: 'SYSCALL', sleepable: true, text: NOTHING, want: 'ok', want61: 'ok' },
  },
  ...(
    [
      'XDP',
      'SCHED_CLS',
      'SOCKET_FILTER',
      'TRACEPOINT',
      'PERF_EVENT',
      'RAW_TRACEPOINT',
      'CGROUP_SKB',
      'SK_LOOKUP',
    ] as const
  ).map((type): VerifierCase => ({
    rule: 'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable',
    name: type,
    type,
    ...{ sleepable: true, text: NOTHING },
    want: [
      'EINVAL',
      'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable',
    ],
    want61: ['EINVAL', 'Only fentry/fexit/fmod_ret, lsm, and kprobe/uprobe programs can be sleepable'],
  })),
  {
    rule: 'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable',
    name: 'tp_btf',
    ...{ ...TP_BTF, ...on('raw_tp', 'sched_switch'), sleepable: true, text: NOTHING },
    want: [
      'EINVAL',
      'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable',
    ],
    want61: ['EINVAL', 'Only fentry/fexit/fmod_ret, lsm, and kprobe/uprobe programs can be sleepable'],
  },
  {
    rule: 'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable',
    name: 'uprobe',
    ...{ type: 'KPROBE', sleepable: true, text: NOTHING, want: 'ok', want61: 'ok' },
  },
  {
    rule: 'BPF_LSM_CGROUP programs cannot be sleepable',
    ...{ type: 'LSM', attachType: 43, ...on('lsm', 'socket_bind'), sleepable: true, text: 'r0 = 1\nexit' },
    want61: ['EINVAL', 'BPF_LSM_CGROUP programs cannot be sleepable'],
  },
  {
    rule: 'Attaching fexit/fmod_ret to __noreturn functions is rejected.',
    ...{ ...FEXIT, ...on('fexit', 'do_exit'), text: NOTHING },
    want: ['EINVAL', 'Attaching fexit/fmod_ret to __noreturn functions is rejected.'],
    want61: 'ok',
  },
  {
    rule: 'Attaching fexit/fmod_ret to __noreturn functions is rejected.',
    ...{ ...FENTRY, ...on('fentry', 'do_exit'), text: NOTHING, want: 'ok', want61: 'ok' },
  },
  {
    rule: 'Cannot replace kernel functions',
    ...{ type: 'EXT', ...attachId(idOf('6.12', 'wake_up_new_task')), text: NOTHING },
    want: ['EINVAL', 'Cannot replace kernel functions'],
  },
  {
    rule: 'LSM programs must have a GPL compatible license',
    ...{ ...LSM, ...on('lsm', 'file_open'), license: 'MIT', text: NOTHING },
    want: ['EINVAL', 'LSM programs must have a GPL compatible license'],
    want61: ['EINVAL', 'LSM programs must have a GPL compatible license'],
  },
  {
    rule: 'The function %s with variable args is unsupported.',
    ...{ ...FENTRY, ...on('fentry', '_printk'), text: NOTHING },
    want: ['EINVAL', 'The function _printk with variable args is unsupported.'],
    want61: ['EINVAL', 'The function _printk with variable args is unsupported.'],
  },
  ...(
    [
      [
        'The function %s has %d arguments. Too many.',
        '__bpf_trace_balance_dirty_pages',
        'has 13 arguments. Too many.',
      ],
      ['The function %s return type %s is unsupported.', '__pte', 'return type STRUCT is unsupported.'],
      [
        'The function %s arg%d type %s is unsupported.',
        'do_pages_move',
        unsupportedArgument('do_pages_move'),
      ],
    ] as const
  ).map(([rule, target, text]): VerifierCase => ({
    ...{ rule, ...FENTRY, ...on('fentry', target), text: NOTHING },
    want: ['EINVAL', `The function ${target} ${text}`],
  })),
  ...(
    [
      ['fentry', FENTRY, 'r0 = *(u64 *)(r1 +8)'],
      ['tp_btf', TP_BTF, 'r0 = *(u64 *)(r1 +64)'],
    ] as const
  ).map(([kind, where, load]): VerifierCase => ({
    rule: "func '%s' doesn't have %d-th argument",
    name: kind,
    ...where,
    ...on(kind, kind === 'fentry' ? 'wake_up_new_task' : 'sched_switch'),
    text: `${load}\nr0 = 0\nexit`,
    want: [
      'EACCES',
      kind === 'fentry'
        ? "func 'wake_up_new_task' doesn't have 3-th argument\ninvalid bpf_context access off=8 size=8"
        : 'invalid bpf_context access off=64 size=8',
    ],
  })),
  {
    rule: 'context: result in fexit',
    ...FEXIT,
    ...on('fexit', 'do_filp_open'),
    text: 'r1 = *(u64 *)(r1 +24)\nr0 = 0\nexit',
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'context: no result in fentry',
    ...FENTRY,
    ...on('fentry', 'do_filp_open'),
    text: 'r1 = *(u64 *)(r1 +24)\nr0 = 0\nexit',
    want: [
      'EACCES',
      "func 'do_filp_open' doesn't have 4-th argument\ninvalid bpf_context access off=24 size=8",
    ],
  },
  {
    rule: 'context: result in fmod_ret',
    ...FMOD_RET,
    ...on('fmod_ret', 'bpf_modify_return_test'),
    text: 'r0 = *(u64 *)(r1 +16)\nexit',
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'context: stores',
    ...FENTRY,
    ...on('fentry', 'wake_up_new_task'),
    text: '*(u64 *)(r1 +0) = 0\nr0 = 0\nexit',
    want: ['EACCES', 'invalid bpf_context access off=0 size=8'],
    want61: ['EACCES', 'BPF_ST stores into R1 ctx is not allowed'],
  },
  {
    rule: 'context: stores',
    name: 'of a register',
    ...FENTRY,
    ...on('fentry', 'wake_up_new_task'),
    text: 'r2 = 0\n*(u64 *)(r1 +0) = r2\nr0 = 0\nexit',
    want: ['EACCES', 'invalid bpf_context access off=0 size=8'],
    want61: ['EACCES', 'invalid bpf_context access off=0 size=8'],
  },
  {
    rule: "func '%s' offset %d is not multiple of 8",
    ...FENTRY,
    ...on('fentry', 'wake_up_new_task'),
    text: 'r0 = *(u32 *)(r1 +4)\nr0 = 0\nexit',
    want: [
      'EACCES',
      "func 'wake_up_new_task' offset 4 is not multiple of 8\ninvalid bpf_context access off=4 size=4",
    ],
    want61: [
      'EACCES',
      "func 'wake_up_new_task' offset 4 is not multiple of 8\ninvalid bpf_context access off=4 size=4",
    ],
  },
  {
    rule: "func '%s' size %d must be 8",
    ...FENTRY,
    ...on('fentry', 'wake_up_new_task'),
    text: 'r0 = *(u32 *)(r1 +0)\nr0 = 0\nexit',
    want: ['EACCES', "func 'wake_up_new_task' size 4 must be 8\ninvalid bpf_context access off=0 size=4"],
  },
  {
    rule: 'context of an iterator: its object may be NULL',
    ...ITER,
    ...on('iter', 'task'),
    text: 'r1 = *(u64 *)(r1 +8)\nr0 = *(u32 *)(r1 +0)\nr0 = 0\nexit',
    want: ['EACCES', "R1 invalid mem access 'trusted_ptr_or_null_'"],
    want61: ['EACCES', "R1 invalid mem access 'ptr_or_null_'"],
  },
  {
    rule: 'context of an iterator: its object may be NULL',
    name: 'tested',
    ...ITER,
    ...on('iter', 'task'),
    text: 'r1 = *(u64 *)(r1 +8)\nif r1 == 0x0 goto +1\nr0 = *(u32 *)(r1 +0)\nr0 = 0\nexit',
    want: 'ok',
    want61: 'ok',
  },
];

const structOps: readonly VerifierCase[] = [
  {
    rule: 'struct ops programs must have a GPL compatible license',
    ...{ ...member('ssthresh'), license: 'MIT', text: 'r0 = 2\nexit' },
    want: ['EINVAL', 'struct ops programs must have a GPL compatible license'],
    want61: ['EINVAL', 'struct ops programs must have a GPL compatible license'],
  },
  {
    rule: 'struct ops programs must have a GPL compatible license',
    ...{ ...member('ssthresh'), text: 'r0 = 2\nexit', want: 'ok', want61: 'ok' },
  },
  {
    rule: 'attach_btf_id %u is not a supported struct',
    ...{ type: 'STRUCT_OPS', ...attachId(TASK), text: NOTHING },
    want: ['ENOTSUPP', `attach_btf_id ${TASK} is not a supported struct`],
  },
  {
    rule: 'attach to invalid member idx %u of struct %s',
    ...{ ...TCP_CC, attachType: 100, text: NOTHING },
    want: ['EINVAL', 'attach to invalid member idx 100 of struct tcp_congestion_ops'],
    want61: ['EINVAL', 'attach to invalid member idx 100 of struct tcp_congestion_ops'],
  },
  {
    rule: 'attach to invalid member %s(@idx %u) of struct %s',
    ...{ ...member('flags'), text: NOTHING },
    want: ['EINVAL', `attach to invalid member flags(@idx ${indexOf('flags')}) of struct tcp_congestion_ops`],
  },
  {
    rule: 'struct_ops: R0 of a void function',
    ...{ ...member('cong_avoid'), text: 'exit', want: 'ok', want61: 'ok' },
  },
  {
    rule: 'struct_ops: R0 of a function with a result',
    ...{
      ...member('ssthresh'),
      text: 'exit',
      want: ['EACCES', 'R0 !read_ok'],
      want61: ['EACCES', 'R0 !read_ok'],
    },
  },
  {
    rule: 'struct_ops: sockets of congestion control are tcp_sock',
    ...{
      ...member('ssthresh'),
      text: `
        r1 = *(u64 *)(r1 +0)
        r0 = *(u32 *)(r1 +${offsetOf('tcp_sock', 'snd_cwnd')})
        exit`,
    },
    want: 'ok',
  },
  {
    rule: 'struct_ops: no such argument',
    ...{ ...member('ssthresh'), text: 'r0 = *(u64 *)(r1 +16)\nexit' },
    want: ['EACCES', "func 'ssthresh' doesn't have 3-th argument\ninvalid bpf_context access off=16 size=8"],
  },
  {
    rule: 'only read is supported',
    name: 'struct_ops: a field it may set',
    ...{
      ...member('cong_avoid'),
      text: `
        r1 = *(u64 *)(r1 +0)
        *(u32 *)(r1 +${offsetOf('tcp_sock', 'snd_cwnd')}) = 10
        exit`,
    },
    want: 'ok',
    xlated: `
      r1 = *(u64 *)(r1 +0)
      *(u32 *)(r1 +${offsetOf('tcp_sock', 'snd_cwnd')}) = 10
      exit`,
  },
  {
    rule: 'no write support to tcp_sock at off %d',
    ...{
      ...member('cong_avoid'),
      text: `r1 = *(u64 *)(r1 +0)\n*(u32 *)(r1 +${offsetOf('tcp_sock', 'snd_una')}) = 10\nexit`,
    },
    want: ['EACCES', `no write support to tcp_sock at off ${offsetOf('tcp_sock', 'snd_una')}`],
  },
  {
    rule: 'write access at off %d with size %d beyond the member of tcp_sock ended at %zu',
    ...{
      ...member('cong_avoid'),
      text: `r1 = *(u64 *)(r1 +0)\n*(u64 *)(r1 +${offsetOf('tcp_sock', 'snd_ssthresh')}) = 10\nexit`,
    },
    want: [
      'EACCES',
      `write access at off ${offsetOf('tcp_sock', 'snd_ssthresh')} with size 8 beyond the member of tcp_sock ended at ${offsetOf('tcp_sock', 'snd_ssthresh') + 4}`,
    ],
  },
];

/** What is said of the first argument that registers cannot hold. */
function unsupportedArgument(name: string): string {
  const btf = kernelBtf('6.12');
  const func = btf.type(btf.find(name, 12));
  const proto = 'type' in func ? btf.type(func.type) : func;
  if (!('params' in proto)) throw new Error(name);
  const at = proto.params.findIndex(
    ({ type }) => btf.kind(btf.skipModifiers(type)) === 4 && btf.sizeOf(type) > 16,
  );
  return `arg${at} type STRUCT is unsupported.`;
}

function firstUnnamed(): number {
  const btf = kernelBtf('6.12');
  for (let id = 2; ; id++) if (btf.type(id).name === '') return id - 1;
}

function indexOf(name: string): number {
  const btf = kernelBtf('6.12');
  const type = btf.type(btf.find('tcp_congestion_ops'));
  if (!('members' in type)) throw new Error(name);
  return type.members.findIndex((one) => one.name === name);
}

function offsetOf(struct: string, field: string): number {
  const btf = kernelBtf('6.12');
  return btf.member(btf.find(struct), field).bitOffset / 8;
}

verifierCases('attach targets', attached);
verifierCases('struct_ops', structOps);

import { type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const RULE = '%s the register R%d is not a known value (%s)';
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });
type Kind = Partial<VerifierCase> & { readonly label: string };

const hook = (target: string, attachType = 27): Partial<VerifierCase> => ({
  ...{ type: 'LSM', attachType, attach: { kind: 'lsm', target } },
});
const tracing = (attachType: number, kind: string, target: string): Partial<VerifierCase> => ({
  ...{ type: 'TRACING', attachType, attach: { kind, target } },
});

/** What each type may return: [min, max]; null = anything. */
const RANGES: readonly (readonly [
  Kind,
  readonly [number, number] | null,
  (readonly [number, number] | null)?,
])[] = [
  [{ label: 'fentry', ...tracing(24, 'fentry', 'wake_up_new_task') }, [0, 0]],
  [{ label: 'fexit', ...tracing(25, 'fexit', 'do_filp_open') }, [0, 0]],
  [{ label: 'fmod_ret', ...tracing(26, 'fmod_ret', 'bpf_modify_return_test') }, null],
  [{ label: 'tp_btf', ...tracing(23, 'raw_tp', 'sched_switch') }, null],
  [{ label: 'iter', ...tracing(28, 'iter', 'task') }, [0, 1]],
  [{ label: 'socket_filter', type: 'SOCKET_FILTER' }, null],
  [{ label: 'sched_cls', type: 'SCHED_CLS' }, null],
  [{ label: 'xdp', type: 'XDP' }, null],
  [{ label: 'kprobe', type: 'KPROBE' }, null],
  [{ label: 'tracepoint', type: 'TRACEPOINT' }, null],
  [{ label: 'perf_event', type: 'PERF_EVENT' }, null],
  [{ label: 'raw_tracepoint', type: 'RAW_TRACEPOINT' }, null],
  [{ label: 'syscall', type: 'SYSCALL', sleepable: true }, null],
  [{ label: 'sk_skb', type: 'SK_SKB' }, null],
  [{ label: 'sk_msg', type: 'SK_MSG' }, null],
  [{ label: 'lwt_xmit', type: 'LWT_XMIT' }, null],
  [{ label: 'flow_dissector', type: 'FLOW_DISSECTOR' }, null],
  [{ label: 'sk_reuseport', type: 'SK_REUSEPORT' }, null],
  [{ label: 'cgroup_sock', type: 'CGROUP_SOCK', attachType: 2 }, [0, 1]],
  [{ label: 'sock_ops', type: 'SOCK_OPS' }, [0, 1]],
  [{ label: 'cgroup_device', type: 'CGROUP_DEVICE' }, [0, 1]],
  [{ label: 'cgroup_sysctl', type: 'CGROUP_SYSCTL' }, [0, 1]],
  [{ label: 'cgroup_sockopt', type: 'CGROUP_SOCKOPT', attachType: 21 }, [0, 1]],
  [{ label: 'sk_lookup', type: 'SK_LOOKUP' }, [0, 1]],
  [{ label: 'cgroup_skb ingress', type: 'CGROUP_SKB', attachType: 0 }, [0, 1]],
  [{ label: 'cgroup_skb egress', type: 'CGROUP_SKB', attachType: 1 }, [0, 3]],
  ...[8, 9].map(
    (attachType) =>
      [{ label: `sock_addr bind ${attachType}`, type: 'CGROUP_SOCK_ADDR', attachType }, [0, 3]] as const,
  ),
  ...[10, 11, 14, 15].map(
    (attachType) =>
      [{ label: `sock_addr ${attachType}`, type: 'CGROUP_SOCK_ADDR', attachType }, [0, 1]] as const,
  ),
  ...[19, 20, 29, 30, 31, 32].map(
    (attachType) =>
      [{ label: `sock_addr ${attachType}`, type: 'CGROUP_SOCK_ADDR', attachType }, [1, 1]] as const,
  ),
  [{ label: 'lsm, cgroup', ...hook('socket_bind', 43) }, [0, 1]],
  [{ label: 'lsm, cgroup, void hook', ...hook('sk_free_security', 43) }, [1, 1]],
  [{ label: 'lsm, int hook', ...hook('file_open') }, [-4095, 0], null],
  [{ label: 'lsm, boolean hook', ...hook('audit_rule_known') }, [0, 1], null],
];

const RANGES_612: typeof RANGES = [
  ...[49, 50].map(
    (attachType) =>
      [{ label: `sock_addr UNIX ${attachType}`, type: 'CGROUP_SOCK_ADDR', attachType }, [0, 1]] as const,
  ),
  ...[51, 52, 53].map(
    (attachType) =>
      [{ label: `sock_addr UNIX ${attachType}`, type: 'CGROUP_SOCK_ADDR', attachType }, [1, 1]] as const,
  ),
  [{ label: 'netfilter', type: 'NETFILTER' }, [0, 1]],
  [{ label: 'kprobe session', type: 'KPROBE', attachType: 56 }, [0, 1]],
];

function tnum(min: number, max: number): string {
  const mask = min === max ? 0 : max === 3 ? 3 : 1;
  return `(0x${(min & ~mask).toString(16)}; 0x${mask.toString(16)})`;
}

function outside(value: number, min: number, max: number): { want: Verdict; want61: Verdict } {
  const is = `At program exit the register R0 has`;
  return {
    want: einval(`${is} smin=${value} smax=${value} should have been in [${min}, ${max}]`),
    want61: einval(`${is} value (0x${value.toString(16)}; 0x0) should have been in ${tnum(min, max)}`),
  };
}

function rows(
  [{ label, ...kind }, range, range61 = range]: (typeof RANGES)[number],
  old: boolean,
): VerifierCase[] {
  const value = (name: string, result: number, want: { want: Verdict; want61: Verdict }): VerifierCase => ({
    ...{ rule: 'At program exit the register R0 has', name: `${label}: ${name}`, ...kind },
    text: `r0 = ${result}\nexit`,
    want: want.want,
    ...(old ? { want61: want.want61 } : {}),
  });
  if (range === null) return [value('any', 12345, both('ok')), value('negative', -1, both('ok'))];
  const [min, max] = range;
  const above = outside(max + 1, min, max);
  return [
    value('least', min, both('ok')),
    value('most', max, both('ok')),
    value('too large', max + 1, range61 === null ? { ...above, want61: 'ok' } : above),
    ...(min === 1 ? [value('too small', 0, outside(0, 1, 1))] : []),
  ];
}

const unknown: readonly VerifierCase[] = [
  {
    rule: 'At program exit the register R0 has unknown scalar value',
    type: 'CGROUP_SYSCTL',
    text: 'r0 = *(u64 *)(r10 -8)\nexit',
    want: einval('At program exit the register R0 has unknown scalar value should have been in [0, 1]'),
    want61: einval('At program exit the register R0 has unknown scalar value should have been in (0x0; 0x1)'),
  },
  {
    rule: 'At program exit the register R0 has',
    name: 'some bound known',
    type: 'CGROUP_SYSCTL',
    text: 'r0 = *(u32 *)(r1 +0)\nexit',
    want: einval('At program exit the register R0 has smin=0 smax=4294967295 should have been in [0, 1]'),
    want61: einval(
      'At program exit the register R0 has value (0x0; 0xffffffff) should have been in (0x0; 0x1)',
    ),
  },
  {
    rule: 'At program exit the register R0 has',
    name: 'masked',
    type: 'CGROUP_SYSCTL',
    text: 'r0 = *(u32 *)(r1 +0)\nr0 &= 1\nexit',
    ...both('ok'),
  },
  {
    rule: RULE,
    type: 'CGROUP_SYSCTL',
    text: 'r0 = r1\nexit',
    ...both(einval('At program exit the register R0 is not a known value (ctx)')),
  },
  { rule: RULE, name: 'nobody looks', type: 'XDP', text: 'r0 = r1\nexit', ...both('ok') },
  {
    rule: 'R%d leaks addr as return value',
    unprivileged: true,
    text: 'r0 = r1\nexit',
    want: ['EACCES', 'R0 leaks addr as return value'],
  },
  { rule: 'LSM on void hooks: R0 need not be set', ...hook('task_free'), text: 'exit', ...both('ok') },
  {
    rule: 'LSM on int hooks: R0 must be set',
    ...hook('file_open'),
    text: 'exit',
    ...both(['EACCES', 'R0 !read_ok']),
  },
  { rule: 'LSM: the low half counts', ...hook('file_open'), text: 'w0 = -1\nexit', ...both('ok') },
  {
    rule: 'LSM: the low half counts',
    name: 'boolean hook',
    ...hook('audit_rule_known'),
    text: 'r0 = 0x100000001 ll\nexit',
    ...both('ok'),
  },
  {
    rule: "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
    ...hook('sk_free_security', 43),
    text: 'r0 = 0\nexit',
    want: einval("Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!"),
    want61: einval("Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!"),
  },
];

const all = [...RANGES.flatMap((one) => rows(one, true)), ...RANGES_612.flatMap((one) => rows(one, false))];
verifierCases(
  'results by program type',
  all.filter(
    (one) =>
      one.name !== 'lsm, cgroup, void hook: too large' && one.name !== 'lsm, cgroup, void hook: too small',
  ),
);
verifierCases('results', unknown);

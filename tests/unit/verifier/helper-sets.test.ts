import { type HelperFact, HELPERS, type Home, MIGHT_SLEEP, symbolOf } from '../../support/helper-facts.js';
import { type Verdict, type VerifierCase, verifierGroups } from '../../support/verifier-cases.js';

const tracing = (attachType: number, kind: string, target: string): Home => ({
  ...{ type: 'TRACING', attachType, attach: { kind, target } },
});
const lsm = (target: string, attachType = 27): Home => ({
  ...{ type: 'LSM', attachType, attach: { kind: 'lsm', target } },
});

/** Each program type, with the attach types that decide what it may call. */
const HOMES: readonly Home[] = [
  ...(
    [
      ...['SOCKET_FILTER', 'KPROBE', 'SCHED_CLS', 'SCHED_ACT', 'TRACEPOINT', 'XDP', 'PERF_EVENT', 'LWT_IN'],
      ...['LWT_OUT', 'LWT_XMIT', 'LWT_SEG6LOCAL', 'SK_SKB', 'SK_MSG', 'RAW_TRACEPOINT', 'LIRC_MODE2'],
      ...['FLOW_DISSECTOR', 'RAW_TRACEPOINT_WRITABLE'],
    ] as Home['type'][]
  ).map((type) => ({ type })),
  { type: 'CGROUP_SKB', attachType: 0 },
  { type: 'CGROUP_SKB', attachType: 1 },
  { type: 'CGROUP_SOCK', attachType: 2 },
  { type: 'SOCK_OPS', attachType: 3 },
  { type: 'CGROUP_DEVICE', attachType: 6 },
  ...[8, 9, 10, 11, 14, 15, 19, 20, 29, 30, 31, 32].map((attachType): Home => ({
    type: 'CGROUP_SOCK_ADDR',
    attachType,
  })),
  { type: 'SK_REUSEPORT', attachType: 39 },
  { type: 'CGROUP_SYSCTL', attachType: 18 },
  { type: 'CGROUP_SOCKOPT', attachType: 21 },
  { type: 'CGROUP_SOCKOPT', attachType: 22 },
  tracing(23, 'raw_tp', 'sched_switch'),
  tracing(24, 'fentry', 'wake_up_new_task'),
  tracing(25, 'fexit', 'wake_up_new_task'),
  tracing(26, 'fmod_ret', 'bpf_modify_return_test'),
  tracing(28, 'iter', 'task'),
  lsm('file_open'),
  lsm('socket_bind', 43),
  { type: 'SK_LOOKUP', attachType: 36 },
  { type: 'SYSCALL', sleepable: true },
  { type: 'NETFILTER', attachType: 45 },
  { type: 'STRUCT_OPS', attach: { kind: 'struct_ops', target: 'tcp_congestion_ops.init' } },
  { type: 'STRUCT_OPS', attach: { kind: 'struct_ops', target: 'tcp_congestion_ops.release' } },
];

/** Results that end the program well: of types that may not return 0. */
function resultOf({ type, attachType = 0 }: Home): number {
  return type === 'CGROUP_SOCK_ADDR' && attachType > 15 ? 1 : 0;
}

/** The answer to a call before which nothing but r0 and r6 to r10 is known. */
function verdict(home: Home, fact: HelperFact, is61: boolean): Verdict {
  const name = `bpf_${fact.name}#${fact.id}`;
  if (is61 && fact.id > 209) return ['EINVAL', `invalid func unknown#${fact.id}`];
  if (symbolOf(home, fact.name, is61) === null) {
    return ['EINVAL', is61 ? `unknown func ${name}` : `program of this type cannot use helper ${name}`];
  }
  if (MIGHT_SLEEP.has(fact.name) && home.sleepable !== true) {
    return ['EINVAL', 'helper call might sleep in a non-sleepable prog'];
  }
  if (fact.name === 'd_path' && home.type !== 'LSM' && home.attachType !== 28) {
    return ['EINVAL', 'helper call is not allowed in probe'];
  }
  return fact.args.length === 0 ? 'ok' : ['EACCES', 'R1 !read_ok'];
}

function cases(home: Home): VerifierCase[] {
  return HELPERS.filter((fact) => fact.name !== 'ktime_get_ns').map((fact) => {
    const want61 = home.type === 'NETFILTER' ? {} : { want61: verdict(home, fact, true) };
    return {
      rule: 'program of this type cannot use helper %s#%d',
      name: `${home.type} ${home.attach?.target ?? ''} ${home.attachType ?? 0}: bpf_${fact.name}`,
      ...home,
      logLevel: 1,
      text: `call bpf_ktime_get_ns
        call ${fact.id}
        r0 = ${resultOf(home)}
        exit`,
      want: verdict(home, fact, false),
      ...want61,
    };
  });
}

verifierGroups('helpers of program types', HOMES.flatMap(cases), (test) => test.name!.replace(/:.*/, ''));

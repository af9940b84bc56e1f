import { type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

/**
 * What a load from a context yields, as a load of one byte through it says; `ok` = it may be read. Loads of 4 bytes
 * are of struct __sk_buff and xdp_md.
 */
const packet = 'R3 offset is outside of the packet';
const not = (type: string): string => `R3 invalid mem access '${type}'`;
type Row = readonly [
  type: NonNullable<VerifierCase['type']>,
  attachType: number | undefined,
  offset: number,
  size: 4 | 8,
  want: string,
  only612?: boolean,
];

const POINTERS: readonly Row[] = [
  ...(
    ['SCHED_CLS', 'SCHED_ACT', 'CGROUP_SKB', 'LWT_IN', 'LWT_OUT', 'LWT_XMIT', 'LWT_SEG6LOCAL'] as const
  ).flatMap((type): Row[] => [
    [type, undefined, 76, 4, packet],
    [type, undefined, 80, 4, not('pkt_end')],
    [type, undefined, 0, 4, not('scalar')],
    [type, undefined, 168, 8, not('sock_common_or_null')],
  ]),
  ['SK_SKB', undefined, 76, 4, packet],
  ['SK_SKB', undefined, 80, 4, not('pkt_end')],
  ['SK_SKB', undefined, 168, 8, not('sock_common_or_null')],
  ['SCHED_CLS', undefined, 140, 4, packet],
  ['SOCKET_FILTER', undefined, 168, 8, not('sock_common_or_null')],
  ['XDP', undefined, 0, 4, packet],
  ['XDP', undefined, 4, 4, not('pkt_end')],
  ['XDP', undefined, 8, 4, packet],
  ['XDP', undefined, 12, 4, not('scalar')],
  ['FLOW_DISSECTOR', undefined, 76, 4, packet],
  ['FLOW_DISSECTOR', undefined, 80, 4, not('pkt_end')],
  ['FLOW_DISSECTOR', undefined, 144, 8, 'ok'],
  ['SOCK_OPS', undefined, 184, 8, not('sock_or_null')],
  ['SOCK_OPS', undefined, 192, 8, packet],
  ['SOCK_OPS', undefined, 200, 8, not('pkt_end')],
  ['SOCK_OPS', undefined, 168, 8, not('scalar')],
  ['SK_MSG', undefined, 0, 8, packet],
  ['SK_MSG', undefined, 8, 8, not('pkt_end')],
  ['SK_MSG', undefined, 72, 8, 'sock'],
  ['CGROUP_SOCK_ADDR', 10, 64, 8, 'sock'],
  ['SK_REUSEPORT', undefined, 0, 8, packet],
  ['SK_REUSEPORT', undefined, 8, 8, not('pkt_end')],
  ['SK_REUSEPORT', undefined, 40, 8, 'sock'],
  ['SK_REUSEPORT', undefined, 48, 8, not('sock_common_or_null')],
  ['CGROUP_SOCKOPT', 22, 0, 8, 'sock'],
  ['CGROUP_SOCKOPT', 22, 8, 8, packet],
  ['CGROUP_SOCKOPT', 22, 16, 8, not('pkt_end')],
  ['SK_LOOKUP', undefined, 0, 8, not('sock_or_null')],
  ['RAW_TRACEPOINT', undefined, 0, 8, not('scalar')],
  ['RAW_TRACEPOINT_WRITABLE', undefined, 0, 8, 'ok'],
  ['RAW_TRACEPOINT_WRITABLE', undefined, 8, 8, not('scalar')],
  ['PERF_EVENT', undefined, 168, 8, not('scalar')],
  ['NETFILTER', undefined, 0, 8, 'ok', true],
  ['NETFILTER', undefined, 8, 8, 'skb', true],
];

const result = (type: Row[0]): number => (type === 'CGROUP_SOCK_ADDR' ? 1 : 0);

function pointerCase([type, attachType, offset, size, want, only612]: Row): VerifierCase {
  // The byte at 4 of a full socket is part of its family, the one at 112 of struct sk_buff of its length.
  const places: Record<string, number> = { sock: 4, skb: 112 };
  const at = places[want] ?? 0;
  const expected: Verdict = want === 'ok' || at !== 0 ? 'ok' : ['EACCES', want];
  return {
    rule: 'context: what a field is',
    name: `${type} ${attachType ?? ''} ${offset}`,
    type,
    ...(attachType === undefined ? {} : { attachType }),
    text: `r3 = *(u${size * 8} *)(r1 +${offset})
      r3 = *(u8 *)(r3 +${at})
      r0 = ${result(type)}
      exit`,
    want: expected,
    ...(only612 === true ? {} : { want61: expected }),
  };
}

/** Sign-extending loads of packet pointers; Linux 6.1 has no such loads. */
const signExtending = (
  [
    ['SCHED_CLS', 76],
    ['SCHED_CLS', 80],
    ['SCHED_CLS', 140],
    ['XDP', 0],
    ['XDP', 4],
    ['XDP', 8],
    ['FLOW_DISSECTOR', 76],
    ['FLOW_DISSECTOR', 80],
  ] as const
).map(([type, offset]): VerifierCase => ({
  rule: 'context: sign-extending loads of packet pointers',
  name: `${type} ${offset}`,
  type,
  text: `r3 = *(s32 *)(r1 +${offset})
      r0 = 0
      exit`,
  want: ['EACCES', `invalid bpf_context access off=${offset} size=4`],
  want61: ['EINVAL', 'BPF_LDX uses reserved fields'],
}));

/** Fields that only privileged programs see or set. */
const unprivileged: readonly VerifierCase[] = (
  [
    ['data', 'r3 = *(u32 *)(r1 +76)', 'off=76 size=4', false],
    ['data_end', 'r3 = *(u32 *)(r1 +80)', 'off=80 size=4', false],
    ['store of tstamp', '*(u64 *)(r1 +152) = r2', 'off=152 size=8', false],
    ['load of tstamp', 'r3 = *(u64 *)(r1 +152)', '', true],
    ['store of mark', '*(u32 *)(r1 +8) = r2', '', true],
    ['store of cb', '*(u32 *)(r1 +48) = r2', '', true],
  ] as const
).map(([name, access, where, isAllowed]): VerifierCase => {
  const want: Verdict = isAllowed ? 'ok' : ['EACCES', `invalid bpf_context access ${where}`];
  return {
    rule: 'context: fields for CAP_BPF',
    name,
    type: 'CGROUP_SKB',
    attachType: 1,
    unprivileged: true,
    text: `r2 = 1\n${access}\nr0 = 0\nexit`,
    want,
    want61: want,
  };
});

/** Stores into the packet, by program type. */
const WRITES: readonly (readonly [NonNullable<VerifierCase['type']>, number, number, 4 | 8, boolean])[] = [
  ['SCHED_CLS', 76, 80, 4, true],
  ['SCHED_ACT', 76, 80, 4, true],
  ['XDP', 0, 4, 4, true],
  ['LWT_XMIT', 76, 80, 4, true],
  ['SK_SKB', 76, 80, 4, true],
  ['SK_MSG', 0, 8, 8, true],
  ['CGROUP_SOCKOPT', 8, 16, 8, true],
  ['CGROUP_SKB', 76, 80, 4, false],
  ['LWT_IN', 76, 80, 4, false],
  ['LWT_OUT', 76, 80, 4, false],
  ['LWT_SEG6LOCAL', 76, 80, 4, false],
  ['SK_REUSEPORT', 0, 8, 8, false],
  ['FLOW_DISSECTOR', 76, 80, 4, false],
  ['SOCK_OPS', 192, 200, 8, false],
];
const packetCase = (
  [type, data, end, size]: (typeof WRITES)[number],
  access: string,
  want: Verdict,
): VerifierCase => ({
  rule: 'cannot write into packet',
  name: `${type}: ${access}`,
  type,
  text: `r2 = *(u${size * 8} *)(r1 +${data})
    r3 = *(u${size * 8} *)(r1 +${end})
    r4 = r2
    r4 += 4
    if r4 > r3 goto out
    ${access}
    out: r0 = 0
    exit`,
  want,
  want61: want,
});

const packets = WRITES.flatMap((row) => [
  packetCase(row, 'r5 = *(u32 *)(r2 +0)', 'ok'),
  packetCase(row, '*(u32 *)(r2 +0) = r5', ['EACCES', 'R5 !read_ok']),
  packetCase(row, '*(u32 *)(r2 +0) = r4', row[4] ? 'ok' : ['EACCES', 'cannot write into packet']),
  packetCase(row, 'r5 = *(u32 *)(r2 +1)', ['EACCES', 'R2 offset is outside of the packet']),
]);

/** What iterators hand on: key and value as buffers, the map walked through as it is, objects that may be missing. */
const ITERATED: readonly (readonly [target: string, offset: number, use: string, want: string, want61?: string])[] = [
  ['bpf_map_elem', 16, 'r4 = *(u8 *)(r3 +0)', `R3 invalid mem access 'rdonly_buf_or_null'`],
  ['bpf_map_elem', 24, 'r4 = *(u8 *)(r3 +0)', `R3 invalid mem access 'buf_or_null'`],
  ['bpf_map_elem', 16, 'if r3 == 0x0 goto out\nr4 = *(u32 *)(r3 +4)', ''],
  ['bpf_map_elem', 16, 'if r3 == 0x0 goto out\n*(u32 *)(r3 +0) = r2', 'R3 cannot write into rdonly_buf'],
  ['bpf_map_elem', 24, 'if r3 == 0x0 goto out\n*(u32 *)(r3 +8) = r2', ''],
  ['bpf_map_elem', 24, 'if r3 == 0x0 goto out\nr4 = *(u8 *)(r3 -1)', 'R3 invalid rdwr buffer access: off=-1, size=1'],
  ['bpf_map_elem', 8, 'r4 = *(u64 *)(r3 +0)', ''],
  ['bpf_sk_storage_map', 24, 'if r3 == 0x0 goto out\n*(u64 *)(r3 +0) = r2', ''],
  ['bpf_sk_storage_map', 16, 'r4 = *(u16 *)(r3 +0)', `R3 invalid mem access 'ptr_or_null_'`],
  ['bpf_map', 8, 'r4 = *(u64 *)(r3 +0)', `R3 invalid mem access 'trusted_ptr_or_null_'`, `R3 invalid mem access 'ptr_or_null_'`],
]; // prettier-ignore
const iterated = ITERATED.map(([target, offset, use, want, want61]): VerifierCase => {
  const verdict = (message: string): Verdict => (message === '' ? 'ok' : ['EACCES', message]);
  return {
    rule: 'context: what a field is',
    name: `iter/${target} ${offset}: ${use}`,
    type: 'TRACING',
    attachType: 28,
    attach: { kind: 'iter', target },
    text: `r2 = 1\nr3 = *(u64 *)(r1 +${offset})\n${use}\nout: r0 = 0\nexit`,
    want: verdict(want),
    want61: verdict(want61 ?? want),
  };
});

verifierCases('context types', [
  ...iterated,
  ...POINTERS.map(pointerCase),
  ...signExtending,
  ...unprivileged,
  ...packets,
]);

import {
  MAP,
  type Verdict,
  type VerifierCase,
  lastRefused,
  verifierCases,
} from '../../support/verifier-cases.js';

const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });
const eacces = (message: string): Verdict => ['EACCES', message];
const OUT = '\nout: r0 = 0\nexit';
const PACKET =
  'r6 = r1\nr2 = *(u32 *)(r1 +76)\nr3 = *(u32 *)(r1 +80)\nr4 = r2\nr4 += 8\nif r4 > r3 goto out\n';
const row = (
  rule: string,
  name: string,
  text: string,
  wants: { want?: Verdict; want61?: Verdict },
  more: Partial<VerifierCase> = {},
): VerifierCase => ({
  rule,
  name,
  type: 'SCHED_CLS',
  perfmon: false,
  text: `${lastRefused(text, wants)}${OUT}`,
  ...wants,
  ...more,
});
const PACKET_LEAK = 'R%d leaks addr into packet';
const KEYS_LEAK = 'R%d leaks addr into flow keys';
const ROUNDS = Array.from({ length: 24 }, (_, i) => i);
/** r7 is another number on each path. */
const paths = (end: string): string =>
  `r7 = 0\n${ROUNDS.map((i) => `call bpf_get_prandom_u32\nif r0 == 0x0 goto +1\nr7 += ${2 ** i}`).join('\n')}\n${end}`;
const STRUCT = "'struct %s' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN";
const LOAD = (offset: string): string => `call kfunc bpf_cast_to_kern_ctx\nr1 = *(u32 *)(r0 +${offset})`;

/** Programs of who may load them (CAP_BPF), but not look at the kernel (CAP_PERFMON). */
const cases: readonly VerifierCase[] = [
  row(PACKET_LEAK, 'the context', `${PACKET}*(u64 *)(r2 +0) = r6`, both(eacces('R6 leaks addr into packet'))),
  row(PACKET_LEAK, 'a number', `${PACKET}r6 = 7\n*(u64 *)(r2 +0) = r6`, both('ok')),
  row(PACKET_LEAK, 'with CAP_PERFMON', `${PACKET}*(u64 *)(r2 +0) = r6`, both('ok'), { perfmon: true }),
  row(
    PACKET_LEAK,
    'where packets are only read',
    `${PACKET}*(u64 *)(r2 +0) = r6`,
    both(eacces('cannot write into packet')),
    { type: 'CGROUP_SKB' },
  ),
  row(
    KEYS_LEAK,
    'the context',
    'r2 = *(u64 *)(r1 +144)\n*(u64 *)(r2 +0) = r1',
    both(eacces('R1 leaks addr into flow keys')),
    { type: 'FLOW_DISSECTOR' },
  ),
  row(KEYS_LEAK, 'a number', 'r2 = *(u64 *)(r1 +144)\nr1 = 7\n*(u64 *)(r2 +0) = r1', both('ok'), {
    type: 'FLOW_DISSECTOR',
  }),
  row(STRUCT, 'sk_buff', LOAD('OFFSETOF(sk_buff.len)'), { want: ['EPERM', STRUCT.replace('%s', 'sk_buff')] }),
  row(STRUCT, 'sk_buff, with CAP_PERFMON', LOAD('OFFSETOF(sk_buff.len)'), { want: 'ok' }, { perfmon: true }),
  row(
    STRUCT,
    'a map',
    'r1 = map_fd 0\nr2 = *(u32 *)(r1 +24)',
    {
      want: ['EPERM', STRUCT.replace('%s', 'bpf_array')],
      want61: ['EPERM', 'bpf_array access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN'],
    },
    { maps: [{ type: MAP.ARRAY }] },
  ),
  row('R%d leaks addr as return value', 'the context', '', both(eacces('R0 leaks addr as return value')), {
    text: 'r0 = r1\nexit',
  }),
  row(
    'invalid read from stack off %d+%d size %d',
    'never written',
    'r1 = *(u64 *)(r10 -8)',
    both(eacces('invalid read from stack off -8+0 size 8')),
  ),
  row(
    'loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN',
    'CAP_BPF is enough',
    'r1 = 0\ncall f\nr0 = 0\nexit\nf: r0 = 0',
    both('ok'),
  ),
  row('program of this type cannot use helper %s#%d', 'one for CAP_PERFMON', 'call bpf_get_current_task', {
    want: ['EINVAL', 'program of this type cannot use helper bpf_get_current_task#35'],
    want61: ['EINVAL', 'unknown func bpf_get_current_task#35'],
  }),
  row(
    'program of this type cannot use helper %s#%d',
    'bpf_trace_printk of a remote control',
    'call bpf_trace_printk',
    {
      want: ['EINVAL', 'program of this type cannot use helper bpf_trace_printk#6'],
      want61: ['EINVAL', 'unknown func bpf_trace_printk#6'],
    },
    { type: 'LIRC_MODE2' },
  ),
  row('program of this type cannot use helper %s#%d', 'one for CAP_BPF', 'call bpf_jiffies64', both('ok')),
  row(
    'CAP_BPF and CAP_PERFMON are required to use arena',
    'one of them',
    'r1 = map_fd 0',
    { want: ['EPERM', 'CAP_BPF and CAP_PERFMON are required to use arena'] },
    { maps: [{ type: MAP.ARENA, key: 0, value: 0, max: 4, extra: 1n << 32n }] },
  ),
  row('precision', 'numbers that nothing needs are not told apart', paths('r0 = r7'), both('ok')),
];

verifierCases('CAP_BPF without CAP_PERFMON', cases);

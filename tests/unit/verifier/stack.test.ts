import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const eacces = (message: string): Verdict => ['EACCES', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });
const row = (
  rule: string,
  name: string,
  text: string,
  want: Verdict,
  want61: Verdict | null = want,
): VerifierCase => ({
  ...{ rule, name, text: `${text}\nr0 = 0\nexit`, want },
  ...(want61 === null ? {} : { want61 }),
});
/** r0 = an unknown number of 0 to `mask`; r2 = frame pointer + r0 - `down`. */
const variable = (mask: number, down: number): string =>
  `call bpf_get_prandom_u32\nr0 &= ${mask}\nr2 = r10\nr2 += -${down}\nr2 += r0`;
const prepared = (slots: number): string =>
  Array.from({ length: slots }, (_, i) => `*(u64 *)(r10 -${(i + 1) * 8}) = 0`).join('\n');

const bounds: readonly VerifierCase[] = [
  row(
    'invalid%s stack R%d off=%d size=%d',
    'above the frame',
    'r1 = *(u64 *)(r10 +0)',
    eacces('invalid read from stack R10 off=0 size=8'),
  ),
  row(
    'invalid%s stack R%d off=%d size=%d',
    'store above the frame',
    '*(u64 *)(r10 +8) = 0',
    eacces('invalid write to stack R10 off=8 size=8'),
  ),
  row(
    'invalid%s stack R%d off=%d size=%d',
    'below the frame',
    'r1 = *(u64 *)(r10 -520)',
    eacces('invalid read from stack R10 off=-520 size=8'),
  ),
  row('invalid%s stack R%d off=%d size=%d', 'the lowest slot', '*(u64 *)(r10 -512) = 0', 'ok'),
  row(
    'invalid%s stack R%d off=%d size=%d',
    'through another register',
    'r1 = r10\nr1 += -8\n*(u64 *)(r1 +8) = 0',
    eacces('invalid write to stack R1 off=0 size=8'),
  ),
  row(
    'invalid unbounded variable-offset%s stack R%d',
    'load',
    'r3 = *(u64 *)(r10 -8)\nif r3 s< 0x0 goto +4\nif r3 s> 0x20000000 goto +3\nr2 = r10\nr2 += r3\nr0 = *(u8 *)(r2 +0)',
    eacces('invalid unbounded variable-offset read from stack R2'),
    null,
  ),
  row(
    'invalid variable-offset%s stack R%d var_off=%s off=%d size=%d',
    'past the top',
    `${prepared(2)}\n${variable(15, 8)}\nr1 = *(u8 *)(r2 +0)`,
    einval('invalid variable-offset read from stack R2 var_off=(0x0; 0xf) off=-8 size=1'),
    null,
  ),
  row(
    'invalid variable-offset%s stack R%d var_off=%s off=%d size=%d',
    'inside',
    `${prepared(2)}\n${variable(7, 16)}\nr1 = *(u8 *)(r2 +0)`,
    'ok',
  ),
  row(
    'invalid variable-offset%s stack R%d var_off=%s off=%d size=%d',
    'store inside',
    `${prepared(2)}\n${variable(7, 16)}\n*(u8 *)(r2 +0) = 5`,
    'ok',
  ),
  row(
    'misaligned %saccess off %s+%d+%d size %d',
    'stack',
    '*(u64 *)(r10 -12) = 0',
    eacces('misaligned stack access off (0x0; 0x0)+0+-12 size 8'),
  ),
  row(
    'misaligned %saccess off %s+%d+%d size %d',
    'word at a byte',
    'r1 = *(u32 *)(r10 -7)',
    eacces('misaligned stack access off (0x0; 0x0)+0+-7 size 4'),
  ),
  row(
    'misaligned %saccess off %s+%d+%d size %d',
    'through a moved pointer',
    'r1 = r10\nr1 += -5\n*(u16 *)(r1 +0) = 0',
    eacces('misaligned stack access off (0x0; 0x0)+-5+0 size 2'),
  ),
  row(
    'misaligned %saccess off %s+%d+%d size %d',
    'variable',
    `${prepared(2)}\n${variable(7, 16)}\nr1 = *(u16 *)(r2 +0)`,
    eacces('misaligned stack access off (0x0; 0x7)+-16+0 size 2'),
  ),
  row(
    'misaligned %saccess off %s+%d+%d size %d',
    'variable, by words',
    `${prepared(2)}\n${variable(8, 16)}\nr1 = *(u64 *)(r2 +0)`,
    'ok',
  ),
];

const strict = (
  rule: string,
  name: string,
  text: string,
  want: Verdict,
  more: Partial<VerifierCase> = {},
): VerifierCase => ({
  ...row(rule, name, text, want),
  flags: 1,
  ...more,
});
const VALUE =
  'r2 = r10\nr2 += -4\n*(u32 *)(r10 -4) = 0\nr1 = map_fd 0\ncall bpf_map_lookup_elem\nif r0 == 0x0 goto +1';
const alignment: readonly VerifierCase[] = [
  strict(
    'misaligned %saccess off %s+%d+%d size %d',
    'map value, strict',
    `${VALUE}\nr1 = *(u32 *)(r0 +2)`,
    eacces('misaligned value access off (0x0; 0x0)+0+2 size 4'),
    { maps: [{ type: MAP.ARRAY, value: 16 }] },
  ),
  {
    ...row('misaligned %saccess off %s+%d+%d size %d', 'map value', `${VALUE}\nr1 = *(u32 *)(r0 +2)`, 'ok'),
    maps: [{ type: MAP.ARRAY, value: 16 }],
  },
  strict(
    'misaligned %saccess off %s+%d+%d size %d',
    'context, strict',
    'r1 = *(u16 *)(r1 +1)',
    eacces('misaligned context access off (0x0; 0x0)+0+1 size 2'),
  ),
  strict(
    'misaligned %saccess off %s+%d+%d size %d',
    'socket, strict',
    'r1 = *(u64 *)(r1 +72)\nr1 = *(u16 *)(r1 +5)',
    eacces('misaligned sock access off (0x0; 0x0)+0+5 size 2'),
    { type: 'SK_MSG' },
  ),
  strict(
    'misaligned %saccess off %s+%d+%d size %d',
    'flow keys, strict',
    'r1 = *(u64 *)(r1 +144)\nr1 = *(u16 *)(r1 +1)',
    eacces('misaligned flow keys access off (0x0; 0x0)+0+1 size 2'),
    { type: 'FLOW_DISSECTOR' },
  ),
  strict(
    'misaligned packet access off %d+%s+%d+%d size %d',
    'strict',
    'r2 = *(u32 *)(r1 +0)\nr3 = *(u32 *)(r1 +4)\nr4 = r2\nr4 += 8\nif r4 > r3 goto +1\nr1 = *(u32 *)(r2 +0)',
    eacces('misaligned packet access off 2+(0x0; 0x0)+0+0 size 4'),
    { type: 'XDP' },
  ),
  strict(
    'misaligned packet access off %d+%s+%d+%d size %d',
    'strict, aligned behind the Ethernet header',
    'r2 = *(u32 *)(r1 +0)\nr3 = *(u32 *)(r1 +4)\nr4 = r2\nr4 += 18\nif r4 > r3 goto +1\nr1 = *(u32 *)(r2 +14)',
    'ok',
    { type: 'XDP' },
  ),
];

const spills: readonly VerifierCase[] = [
  row(
    'invalid size of register spill',
    'half a pointer',
    '*(u32 *)(r10 -8) = r1',
    eacces('invalid size of register spill'),
  ),
  row(
    'invalid size of register spill',
    'whole',
    '*(u64 *)(r10 -8) = r1\nr2 = *(u64 *)(r10 -8)\nr3 = *(u32 *)(r2 +0)',
    'ok',
  ),
  row(
    'invalid size of register fill',
    'half a pointer',
    '*(u64 *)(r10 -8) = r1\nr2 = *(u32 *)(r10 -8)',
    eacces('invalid size of register fill'),
  ),
  row(
    'spill',
    'a number keeps its bounds',
    'r2 = *(u32 *)(r1 +0)\nr2 &= 7\n*(u64 *)(r10 -16) = 0\n*(u64 *)(r10 -8) = r2\nr3 = *(u64 *)(r10 -8)\nif r3 < 0x8 goto +1\nr0 = *(u64 *)(r10 +8)',
    'ok',
  ),
  row(
    'spill',
    'a narrow one too',
    'r2 = *(u32 *)(r1 +0)\nr2 &= 7\n*(u32 *)(r10 -8) = r2\nr3 = *(u32 *)(r10 -8)\nif r3 < 0x8 goto +1\nr0 = *(u64 *)(r10 +8)',
    'ok',
  ),
  row(
    'spill',
    'its low half, if it fits',
    'r2 = *(u32 *)(r1 +0)\nr2 &= 7\n*(u64 *)(r10 -8) = r2\nr3 = *(u32 *)(r10 -8)\nif r3 < 0x8 goto +1\nr0 = *(u64 *)(r10 +8)',
    'ok',
    eacces('invalid read from stack R10 off=8 size=8'),
  ),
  row(
    'spill',
    'a byte of it in the middle is unknown',
    'r2 = *(u32 *)(r1 +0)\nr2 &= 7\n*(u64 *)(r10 -8) = r2\nr3 = *(u8 *)(r10 -7)\nif r3 < 0x8 goto +1\nr0 = *(u64 *)(r10 +8)',
    eacces('invalid read from stack R10 off=8 size=8'),
  ),
  row(
    'spill',
    'overwritten in part',
    '*(u64 *)(r10 -8) = r1\n*(u8 *)(r10 -8) = 0\nr2 = *(u64 *)(r10 -8)\nr3 = *(u32 *)(r2 +0)',
    eacces("R2 invalid mem access 'scalar'"),
  ),
  row(
    'spill',
    'constant of a store',
    '*(u64 *)(r10 -8) = 5\nr3 = *(u64 *)(r10 -8)\nif r3 == 0x5 goto +1\nr0 = *(u64 *)(r10 +8)',
    'ok',
  ),
  row(
    'spill',
    'zero bytes',
    '*(u64 *)(r10 -8) = 0\nr3 = *(u16 *)(r10 -6)\nif r3 == 0x0 goto +1\nr0 = *(u64 *)(r10 +8)',
    'ok',
  ),
  {
    ...row(
      'spill',
      'of NULL or a pointer, tested later',
      `${VALUE.replace(/if.*$/, '')}*(u64 *)(r10 -16) = r0\nif r0 == 0x0 goto +2\nr1 = *(u64 *)(r10 -16)\nr2 = *(u64 *)(r1 +0)`,
      'ok',
    ),
    maps: [{ type: MAP.ARRAY, value: 16 }],
  },
  {
    ...row(
      'invalid read from stack off %d+%d size %d',
      'unprivileged',
      'r1 = *(u64 *)(r10 -8)',
      eacces('invalid read from stack off -8+0 size 8'),
    ),
    unprivileged: true,
  },
  {
    ...row(
      'invalid read from stack off %d+%d size %d',
      'second half, unprivileged',
      '*(u32 *)(r10 -8) = 0\nr1 = *(u64 *)(r10 -8)',
      eacces('invalid read from stack off -8+4 size 8'),
    ),
    unprivileged: true,
  },
  row('invalid read from stack off %d+%d size %d', 'privileged', 'r1 = *(u64 *)(r10 -8)', 'ok'),
  {
    ...row(
      'attempt to corrupt spilled pointer on stack',
      'unprivileged',
      '*(u64 *)(r10 -8) = r1\n*(u32 *)(r10 -8) = 0',
      eacces('attempt to corrupt spilled pointer on stack'),
    ),
    unprivileged: true,
  },
  {
    ...row(
      'attempt to corrupt spilled pointer on stack',
      'whole, unprivileged',
      '*(u64 *)(r10 -8) = r1\n*(u64 *)(r10 -8) = 0',
      'ok',
    ),
    unprivileged: true,
  },
  row(
    'attempt to corrupt spilled pointer on stack',
    'privileged',
    '*(u64 *)(r10 -8) = r1\n*(u32 *)(r10 -8) = 0',
    'ok',
  ),
  row(
    'variable offset stack pointer cannot be passed into helper function; var_off=%s off=%d size=%d',
    'atomic',
    `${prepared(2)}\n${variable(8, 16)}\nr1 = 1\nlock *(u64 *)(r2 +0) += r1`,
    eacces(
      'variable offset stack pointer cannot be passed into helper function; var_off=(0x0; 0x8) off=-16 size=8',
    ),
  ),
  row(
    'cannot spill pointers to stack into stack frame of the caller',
    'frame pointer',
    '*(u64 *)(r10 -8) = 0\nr1 = r10\nr1 += -8\ncall f\nr0 = 0\nexit\nf: *(u64 *)(r1 +0) = r10',
    einval('cannot spill pointers to stack into stack frame of the caller'),
  ),
  row(
    'cannot spill pointers to stack into stack frame of the caller',
    'context',
    'r2 = r1\nr1 = r10\nr1 += -8\ncall f\nr0 = 0\nexit\nf: *(u64 *)(r1 +0) = r2',
    'ok',
  ),
  {
    rule: 'cannot return stack pointer to the caller',
    text: 'call f\nr0 = 0\nexit\nf: r0 = r10\nexit',
    ...both(einval('cannot return stack pointer to the caller')),
  },
  {
    rule: 'cannot return stack pointer to the caller',
    name: 'context',
    text: 'call f\nr0 = 0\nexit\nf: r0 = r1\nexit',
    ...both('ok'),
  },
];

/** Global functions, each of which calls the next one `width` times. */
const levels = (count: number, width: number): string =>
  Array.from({ length: count }, (_, i) => {
    const calls = i === count - 1 ? '' : `r1 = 1\ncall g${i + 1}\n`.repeat(width);
    return `g${i}: ${calls}*(u64 *)(r10 -64) = 0\nr0 = 0\nexit`;
  }).join('\n');
const manyChains = (last: string): Partial<VerifierCase> => ({
  type: 'SCHED_CLS',
  logLevel: 1,
  c: `int main(struct __sk_buff *ctx); ${Array.from({ length: 6 }, (_, i) => `int g${i}(u64 a);`).join(' ')}`,
  text: `r1 = 1\ncall g0\nr0 = 0\nexit\n${levels(6, 50).replace(/r10 -64\) = 0(?![\s\S]*r10 -64)/, last)}`,
});
const depth: readonly VerifierCase[] = [
  {
    rule: 'combined stack size of %d calls is %d. Too large',
    name: '50^5 chains that fit',
    ...manyChains('r10 -64) = 0'),
    ...both('ok'),
  },
  {
    rule: 'combined stack size of %d calls is %d. Too large',
    name: '50^5 chains that do not',
    ...manyChains('r10 -200) = 0'),
    want: eacces('combined stack size of 7 calls is 528. Too large'),
    want61: eacces('combined stack size of 7 calls is 576. Too large'),
  },
  {
    rule: 'combined stack size of %d calls is %d. Too large',
    text: '*(u64 *)(r10 -272) = 0\ncall f\nr0 = 0\nexit\nf: *(u64 *)(r10 -256) = 0\nr0 = 0\nexit',
    ...both(eacces('combined stack size of 2 calls is 528. Too large')),
    want61: eacces('combined stack size of 2 calls is 544. Too large'),
  },
  {
    rule: 'combined stack size of %d calls is %d. Too large',
    name: 'just fits',
    text: '*(u64 *)(r10 -256) = 0\ncall f\nr0 = 0\nexit\nf: *(u64 *)(r10 -256) = 0\nr0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: 'combined stack size of %d calls is %d. Too large',
    name: 'one after the other',
    text: '*(u64 *)(r10 -8) = 0\ncall f\ncall g\nr0 = 0\nexit\nf: *(u64 *)(r10 -480) = 0\nr0 = 0\nexit\ng: *(u64 *)(r10 -480) = 0\nr0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: 'combined stack size of %d calls is %d. Too large',
    name: 'three frames',
    text: '*(u64 *)(r10 -200) = 0\ncall f\nr0 = 0\nexit\nf: *(u64 *)(r10 -200) = 0\ncall g\nr0 = 0\nexit\ng: *(u64 *)(r10 -200) = 0\nr0 = 0\nexit',
    want: eacces('combined stack size of 3 calls is 624. Too large'),
    want61: eacces('combined stack size of 3 calls is 672. Too large'),
  },
];

const atomics: readonly VerifierCase[] = [
  row(
    'BPF_ATOMIC uses invalid atomic opcode %02x',
    'no such operation',
    '*(u64 *)(r10 -8) = 0\nr1 = 1\n(db) lock *(u64 *)(r10 -8) += r1',
    'ok',
  ),
  row(
    'BPF_ATOMIC stores into R%d %s is not allowed',
    'context',
    'r2 = 1\nlock *(u32 *)(r1 +48) += r2',
    eacces('BPF_ATOMIC stores into R1 ctx is not allowed'),
  ),
  {
    ...row(
      'BPF_ATOMIC stores into R%d %s is not allowed',
      'packet',
      'r2 = *(u32 *)(r1 +0)\nr3 = *(u32 *)(r1 +4)\nr4 = r2\nr4 += 8\nif r4 > r3 goto +2\nr1 = 1\nlock *(u64 *)(r2 +0) += r1',
      eacces('BPF_ATOMIC stores into R2 pkt is not allowed'),
    ),
    type: 'XDP',
  },
  {
    ...row(
      'BPF_ATOMIC stores into R%d %s is not allowed',
      'flow keys',
      'r2 = *(u64 *)(r1 +144)\nr1 = 1\nlock *(u32 *)(r2 +0) += r1',
      eacces('BPF_ATOMIC stores into R2 flow_keys is not allowed'),
    ),
    type: 'FLOW_DISSECTOR',
  },
  {
    ...row(
      'BPF_ATOMIC stores into R%d %s is not allowed',
      'socket',
      'r2 = *(u64 *)(r1 +72)\nr1 = 1\nlock *(u32 *)(r2 +16) += r1',
      eacces('BPF_ATOMIC stores into R2 sock is not allowed'),
    ),
    type: 'SK_MSG',
  },
  row('atomic', 'stack', '*(u64 *)(r10 -8) = 0\nr1 = 1\nlock *(u64 *)(r10 -8) += r1', 'ok'),
  row(
    'atomic',
    'fetch',
    '*(u64 *)(r10 -8) = 0\nr1 = 1\nr1 = atomic64_fetch_add((u64 *)(r10 -8), r1)\nr2 = r1',
    'ok',
  ),
  row(
    'atomic',
    'exchange of a pointer spilled',
    '*(u64 *)(r10 -8) = r1\nr2 = 1\nr2 = atomic64_xchg((u64 *)(r10 -8), r2)',
    'ok',
  ),
  row(
    'atomic',
    'compare, r0 not set',
    '*(u64 *)(r10 -8) = 0\nr1 = 1\nr0 = atomic64_cmpxchg((u64 *)(r10 -8), r0, r1)',
    eacces('R0 !read_ok'),
  ),
  row(
    'atomic',
    'compare',
    '*(u64 *)(r10 -8) = 0\nr1 = 1\nr0 = 0\nr0 = atomic64_cmpxchg((u64 *)(r10 -8), r0, r1)',
    'ok',
  ),
  row(
    'atomic',
    'misaligned',
    '*(u64 *)(r10 -8) = 0\nr1 = 1\nlock *(u32 *)(r10 -7) += r1',
    eacces('misaligned stack access off (0x0; 0x0)+0+-7 size 4'),
  ),
  {
    ...row(
      'misaligned %saccess off %s+%d+%d size %d',
      'atomics are always strict',
      `${VALUE}\ngoto +0\nr1 = 1\nlock *(u32 *)(r0 +2) += r1`.replace('goto +1', 'goto +3'),
      eacces('misaligned value access off (0x0; 0x0)+0+2 size 4'),
    ),
    maps: [{ type: MAP.ARRAY, value: 16 }],
  },
  row('atomic', 'stack never written', 'r1 = 1\nlock *(u64 *)(r10 -8) += r1', 'ok'),
  row(
    'atomic',
    'not a number',
    'r2 = 8\nr1 = 1\nlock *(u64 *)(r2 +0) += r1',
    eacces("R2 invalid mem access 'scalar'"),
  ),
];

const loads: readonly VerifierCase[] = [
  ...(['SOCKET_FILTER', 'SCHED_CLS', 'SCHED_ACT'] as const).map((type): VerifierCase => ({
    rule: 'BPF_LD_[ABS|IND] instructions not allowed for this program type',
    name: type,
    type,
    text: 'r6 = r1\nr0 = *(u8 *)skb[0]\nr0 = 0\nexit',
    ...both('ok'),
  })),
  ...(['CGROUP_SKB', 'XDP', 'KPROBE', 'LWT_IN', 'SK_SKB'] as const).map((type): VerifierCase => ({
    rule: 'BPF_LD_[ABS|IND] instructions not allowed for this program type',
    name: type,
    type,
    text: 'r6 = r1\nr0 = *(u8 *)skb[0]\nr0 = 0\nexit',
    ...both(einval('BPF_LD_[ABS|IND] instructions not allowed for this program type')),
  })),
  row(
    'at the time of BPF_LD_ABS|IND R6 != pointer to skb',
    'a number',
    'r6 = 1\nr0 = *(u8 *)skb[0]',
    einval('at the time of BPF_LD_ABS|IND R6 != pointer to skb'),
  ),
  row(
    'at the time of BPF_LD_ABS|IND R6 != pointer to skb',
    'the context',
    'r6 = r1\nr0 = *(u32 *)skb[4]',
    'ok',
  ),
  row('R%d !read_ok', 'LD_ABS without r6', 'r0 = *(u8 *)skb[0]', eacces('R6 !read_ok')),
  row('R%d !read_ok', 'LD_IND without an index', 'r6 = r1\nr0 = *(u8 *)skb[r7 + 0]', eacces('R7 !read_ok')),
  row(
    'R%d !read_ok',
    'registers after a packet load',
    'r6 = r1\nr0 = *(u8 *)skb[0]\nr2 = r1',
    eacces('R1 !read_ok'),
  ),
  row('BPF_LD_[ABS|IND] uses reserved fields', 'indirect', 'r6 = r1\nr7 = 4\nr0 = *(u16 *)skb[r7 + 2]', 'ok'),
];

verifierCases('stack bounds', bounds);
verifierCases('strict alignment', alignment);
verifierCases('spills', spills);
verifierCases('stack depth', depth);
verifierCases('atomics', atomics);
verifierCases('packet loads', loads);

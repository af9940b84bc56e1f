import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const eacces = (message: string): Verdict => ['EACCES', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });
const ok = (rule: string, text: string, more: Partial<VerifierCase> = {}): VerifierCase => ({
  ...{ rule, text, ...more, ...both('ok') },
});
const OUT = '\nout: r0 = 0\nexit';
const tc = { type: 'SCHED_CLS' } as const;
const user = { unprivileged: true, maps: [{ type: MAP.ARRAY, value: 64 }] } as const;
const LOOKUP =
  '*(u32 *)(r10 -4) = 0\nr2 = r10\nr2 += -4\nr1 = map_fd 0\ncall bpf_map_lookup_elem\nif r0 == 0x0 goto out';
const PROHIBITED = 'pointer arithmetic with it prohibited for !root';
const LIMIT = (1 << 29) - 1;

const pointers: readonly VerifierCase[] = [
  ok('%s pointer offset %d is not allowed', `r1 = map_value 0\nr1 += ${LIMIT}${OUT}`, { maps: user.maps }),
  {
    rule: '%s pointer offset %d is not allowed',
    name: 'in two steps',
    ...{ text: `r1 = map_value 0\nr1 += ${LIMIT}\nr1 += 1${OUT}`, maps: user.maps },
    ...both(einval('map_value pointer offset 536870912 is not allowed')),
  },
  ok(
    'math between %s pointer and register with unbounded min value is not allowed',
    `r2 = *(u32 *)(r1 +0)\nr1 = map_value 0\nr1 += r2${OUT}`,
    { maps: user.maps },
  ),
  ok(
    'value %lld makes %s pointer be out of bounds',
    `r2 = *(u32 *)(r1 +0)\nr2 += -${LIMIT}\nr1 = map_value 0\nr1 += r2${OUT}`,
    {
      maps: user.maps,
    },
  ),
  {
    rule: 'value %lld makes %s pointer be out of bounds',
    name: 'one less',
    ...{
      text: `r2 = *(u32 *)(r1 +0)\nr2 += -${LIMIT + 1}\nr1 = map_value 0\nr1 += r2${OUT}`,
      maps: user.maps,
    },
    ...both(einval(`value -${LIMIT + 1} makes map_value pointer be out of bounds`)),
  },
  ok('R%d pointer arithmetic on %s prohibited, null-check it first', `${LOOKUP}\nr0 += 8${OUT}`, {
    maps: user.maps,
  }),
  {
    rule: 'R%d tried to subtract pointer from scalar',
    name: 'before it, what a processor may guess',
    ...{ unprivileged: true, text: `r2 = *(u32 *)(r1 +0)\nr2 &= 31\nr2 -= 16\nr2 -= r10${OUT}` },
    ...both(eacces(`R2 has unknown scalar with mixed signed bounds, ${PROHIBITED}`)),
  },
  ok('R%d tried to subtract pointer from scalar', `r2 = 8\nr3 = r10\nr3 += -8\nr2 += r3${OUT}`),
  ok('R%d subtraction from stack pointer prohibited', `r2 = r10\nr2 += -8${OUT}`),
  ok('R%d bitwise operator %s on pointer prohibited', `r2 = 8\nr2 &= 3\nr2 |= 4\nr2 ^= 1${OUT}`),
  ok('R%d pointer arithmetic with %s operator prohibited', `r2 = 8\nr2 *= 3\nr2 /= 4\nr2 <<= 1${OUT}`),
  {
    rule: 'addr_space_cast insn can only convert between address space 1 and 0',
    text: `r1 = map_fd 0\nr1 = 0\nr1 = addr_space_cast(r1, 0, 1)${OUT}`,
    maps: [{ type: MAP.ARENA, key: 0, value: 0, max: 1, flags: 1024, extra: 0x7f0000000000n }],
    want: 'ok',
  },
];

/** Sums of a pointer and a number, on each of which a processor may guess; the test for NULL left a path, too. */
const guesses = (count: number): string =>
  Array.from({ length: count }, () => 'r0 = r7\nr0 += r6').join('\n');

const speculation: readonly VerifierCase[] = [
  ...(
    [
      [9, 'ok'],
      [8193, eacces(`R0 could not be pushed for speculative verification, ${PROHIBITED}`)],
    ] as const
  ).map(([count, want]): VerifierCase => ({
    rule: 'R%d could not be pushed for speculative verification, %s',
    ...{ type: 'SCHED_CLS', perfmon: false, maps: user.maps, logLevel: 1, want },
    text: `r6 = *(u32 *)(r1 +0)\nr6 &= 7\n${LOOKUP}\nr7 = r0\n${guesses(count - 1)}${OUT}`,
  })),
  {
    rule: 'R%d tried to %s beyond pointer bounds, %s',
    unprivileged: true,
    text: `r3 = *(u32 *)(r1 +0)\nr3 &= 7\nr2 = r10\nr2 += -512\nr2 += r3${OUT}`,
    ...both(eacces(`R2 tried to add beyond pointer bounds, ${PROHIBITED}`)),
  },
  ok(
    'R%d has unknown scalar with mixed signed bounds, %s',
    `r6 = *(u32 *)(r1 +0)\nr6 &= 31\n${LOOKUP}\nr0 += r6${OUT}`,
    user,
  ),
  ok(
    'R%d has pointer with unsupported alu operation, %s',
    `r6 = *(u32 *)(r1 +0)\nr6 &= 7\n${LOOKUP}\nr0 += r6${OUT}`,
    user,
  ),
  ok(
    'R%d tried to %s from different maps, paths or scalars, %s',
    `r6 = *(u32 *)(r1 +0)\nr7 = r6\nr7 &= 15\n${LOOKUP}\nif r6 == 0x0 goto +1\nr1 = 1\nr0 += r7${OUT}`,
    user,
  ),
  ok(
    'R%d variable stack access prohibited for !root, var_off=%s off=%d',
    `r3 = r10\nr4 = -8\nr3 += r4${OUT}`,
    {
      unprivileged: true,
    },
  ),
  ok(
    'R%d pointer arithmetic of map value goes out of range, prohibited for !root',
    `${LOOKUP}\nr0 += 63${OUT}`,
    user,
  ),
  ok('R%d leaks addr as return value', 'r0 = r1\nr0 = 0\nexit', { unprivileged: true }),
];

const TUPLE = `
  *(u64 *)(r10 -16) = 0
  *(u64 *)(r10 -8) = 0
  r6 = r1
  r2 = r10
  r2 += -16
  r3 = 12
  r4 = 0
  r5 = 0
  call bpf_sk_lookup_tcp
  if r0 == 0x0 goto out`;
const BYTE = 'r0 = *(u8 *)skb[0]';
const LOCK_C = 'struct value { struct bpf_spin_lock lock; u32 n; };';
const inSection = (before: string, after: string): string => `r6 = r1\n${before}\n${after}\n${BYTE}${OUT}`;
const CB = 'int main(struct __sk_buff *ctx); static int cb(u64 i, void *ctx);';
const LOOP = `r1 = 1\nr2 = func cb\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\ncb: r0 = 0\nexit`;

const loads: readonly VerifierCase[] = [
  ok('missing btf func_info', LOOP, { c: CB }),
  ok('callback function cannot be the main program', LOOP, { c: CB }),
  ok(
    'BPF_LD_[ABS|IND] cannot be mixed with socket references',
    `${TUPLE}\nr1 = r0\ncall bpf_sk_release\n${BYTE}${OUT}`,
    tc,
  ),
  ok(
    'BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region',
    `r6 = r1\nr7 = map_value 0\nr1 = r7\ncall bpf_spin_lock\nr1 = r7\ncall bpf_spin_unlock\n${BYTE}${OUT}`,
    { ...tc, c: LOCK_C, maps: [{ type: MAP.ARRAY, value: 'struct value' }] },
  ),
  {
    rule: 'BPF_LD_[ABS|IND] cannot be used inside bpf_rcu_read_lock-ed region',
    ...tc,
    text: inSection('call kfunc bpf_rcu_read_lock', 'call kfunc bpf_rcu_read_unlock'),
    want: 'ok',
  },
  {
    rule: 'BPF_LD_[ABS|IND] cannot be used inside bpf_preempt_disable-ed region',
    ...tc,
    text: inSection('call kfunc bpf_preempt_disable', 'call kfunc bpf_preempt_enable'),
    want: 'ok',
  },
  {
    rule: 'BPF_LD_[ABS|IND] cannot be used inside bpf_preempt_disable-ed region',
    name: 'after references and RCU',
    ...tc,
    text: inSection('call kfunc bpf_preempt_disable', 'call kfunc bpf_rcu_read_lock'),
    want: einval('BPF_LD_[ABS|IND] cannot be used inside bpf_rcu_read_lock-ed region'),
  },
  {
    rule: 'BPF_LD_[ABS|IND] cannot be mixed with socket references',
    name: 'before what r6 is',
    ...{ ...tc, text: `${TUPLE}\nr6 = 0\n${BYTE}${OUT}` },
    want: einval(
      'Unreleased reference id=2 alloc_insn=8\nBPF_LD_[ABS|IND] cannot be mixed with socket references',
    ),
  },
  ok('jump into the middle of ldimm64 insn %d', `if r1 == 0x0 goto +2\nr2 = 5 ll${OUT}`),
  {
    rule: "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
    ...{
      type: 'LSM',
      attachType: 43,
      attach: { kind: 'lsm', target: 'inet_csk_clone' },
      text: 'r0 = 1\nexit',
    },
    ...both('ok'),
  },
  ok(
    'tail_call is not allowed in subprogs without BTF',
    'r2 = map_fd 0\nr3 = 0\ncall bpf_tail_call\ncall f\nr0 = 0\nexit\nf: r0 = 0\nexit',
    { maps: [{ type: MAP.PROG_ARRAY, value: 4 }] },
  ),
];

/** Opcodes that no kernel knows are refused for that, whatever else would be said of them. */
const unknown = (rule: string, opcode: number): VerifierCase => ({
  rule,
  name: `opcode 0x${opcode.toString(16)}`,
  bytes: Uint8Array.from([opcode, 0, 0, 0, 0, 0, 0, 0, 0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]),
  ...both(einval(`unknown opcode ${opcode.toString(16).padStart(2, '0')}`)),
});

const opcodes: readonly VerifierCase[] = [
  ...[0xe4, 0xec, 0xe7, 0xf7, 0xff].map((opcode) => unknown('invalid BPF_ALU opcode %x', opcode)),
  ...[0x00, 0x08, 0x10].map((opcode) => unknown('invalid BPF_LD_IMM insn', opcode)),
  ...[0x60, 0x80, 0xe0].map((opcode) => unknown('invalid BPF_LD mode', opcode)),
];

verifierCases('limits of pointers', pointers);
verifierCases('unprivileged pointers', speculation);
verifierCases('packet loads, callbacks, exits', loads);
verifierCases('opcodes nobody knows', opcodes);

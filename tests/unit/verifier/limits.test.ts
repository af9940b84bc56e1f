import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });
const repeat = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join('\n');

/** A counter on the stack that comes back to no earlier state. */
const COUNT = 'r1 = 0\nagain: r1 += 1\nif r1 != 0x7fffffff goto again\nr0 = 0\nexit';
/** Every condition leaves a path to look at. */
const conditions = (count: number): string =>
  `call bpf_get_prandom_u32\n${repeat(count, () => 'if r0 == 0x5 goto out')}\nout: r0 = 0\nexit`;
const conditionsOf = (count: number): string =>
  `r6 = r1\n${repeat(count, (i) => `r0 = *(u32 *)(r6 +${(i % 2) * 8})\nif r0 == 0x${(i + 1).toString(16)} goto out`)}\nout: r0 = 0\nexit`;

const exploration: readonly VerifierCase[] = [
  {
    rule: 'BPF program is too large. Processed %d insn',
    text: COUNT,
    ...both(['E2BIG', 'BPF program is too large. Processed 1000001 insn']),
  },
  {
    rule: 'BPF program is too large. Processed %d insn',
    name: 'a bounded loop',
    text: COUNT.replace('0x7fffffff', '0x3e8'),
    ...both('ok'),
  },
  {
    rule: 'The sequence of %d jumps is too complex.',
    text: conditionsOf(8193),
    want: ['E2BIG', 'The sequence of 8193 jumps is too complex.'],
    want61: ['EFAULT', 'The sequence of 8193 jumps is too complex.'],
  },
  {
    rule: 'The sequence of %d jumps is too complex.',
    name: '8192 of them',
    text: conditionsOf(8192),
    ...both('ok'),
  },
  {
    rule: 'The sequence of %d jumps is too complex.',
    name: 'decided by earlier ones',
    text: conditions(100),
    ...both('ok'),
  },
];

/** A step of a counter at `place`; where it leads when there is none left. */
const COUNTDOWN = (place: string, out: string): string => `r11 = *(u64 *)(r10 ${place})
  if r11 == 0x0 goto ${out}
  r11 -= 1
  *(u64 *)(r10 ${place}) = r11`;
const loops: readonly VerifierCase[] = [
  {
    rule: 'bounded loop',
    text: 'r0 = 0\nr6 = 10\nagain: r0 += 1\nr6 += -1\nif r6 != 0x0 goto again\nexit',
    ...both('ok'),
  },
  {
    rule: 'bounded loop',
    name: 'index into a value',
    maps: [{ type: MAP.ARRAY, value: 16 }],
    text: 'r1 = map_value 0 +0\nr6 = 0\nagain: r2 = r1\nr2 += r6\n*(u8 *)(r2 +0) = 1\nr6 += 1\nif r6 < 0x10 goto again\nr0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: 'bounded loop',
    name: 'one too far',
    maps: [{ type: MAP.ARRAY, value: 16 }],
    text: 'r1 = map_value 0 +0\nr6 = 0\nagain: r2 = r1\nr2 += r6\n*(u8 *)(r2 +0) = 1\nr6 += 1\nif r6 < 0x11 goto again\nr0 = 0\nexit',
    ...both([
      'EACCES',
      'invalid access to map value, value_size=16 off=16 size=1\nR2 min value is outside of the allowed memory range',
    ]),
  },
  {
    rule: 'bounded loop',
    name: 'until a number that is not known',
    text: 'r6 = *(u32 *)(r1 +0)\nr6 &= 15\nr7 = 0\nagain: r7 += 1\nif r7 < r6 goto again\nr0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: 'bounded loop',
    name: 'nested',
    text: 'r0 = 0\nr6 = 0\nouter: r7 = 0\ninner: r0 += 1\nr7 += 1\nif r7 < 0x4 goto inner\nr6 += 1\nif r6 < 0x4 goto outer\nexit',
    ...both('ok'),
  },
  { rule: 'may_goto', text: 'r0 = 0\nagain: may_goto out\nr0 += 1\ngoto again\nout: exit', want: 'ok' },
  {
    rule: 'may_goto',
    name: 'what the body does is checked',
    text: 'r0 = 0\nagain: may_goto out\nr1 = *(u64 *)(r10 +8)\ngoto again\nout: r0 = 0\nexit',
    want: ['EACCES', 'invalid read from stack R10 off=8 size=8'],
  },
  {
    rule: 'may_goto',
    name: 'its rewrite',
    text: 'r0 = 0\nmay_goto +1\nr0 = 1\nexit',
    want: 'ok',
    xlated:
      '*(u64 *)(r10 -8) = 8388608\nr0 = 0\nr11 = *(u64 *)(r10 -8)\nif r11 == 0x0 goto pc+3\nr11 -= 1\n*(u64 *)(r10 -8) = r11\nr0 = 1\nexit',
  },
  {
    rule: 'may_goto',
    name: 'its rewrite in a function: the counter lies below its stack, and starts anew with each call',
    text: 'call f\nexit\nf: *(u64 *)(r10 -16) = 0\nr0 = 0\nmay_goto +1\nr0 = 1\nexit',
    want: 'ok',
    xlated: `
      call pc+1
      exit
      *(u64 *)(r10 -24) = 8388608
      *(u64 *)(r10 -16) = 0
      r0 = 0
      ${COUNTDOWN('-24', 'pc+3')}
      r0 = 1
      exit`,
  },
  {
    rule: 'may_goto',
    name: 'its rewrite at the start: the loop does not start the counter anew',
    text: 'again: may_goto +1\ngoto again\nr0 = 0\nexit',
    want: 'ok',
    xlated: `*(u64 *)(r10 -8) = 8388608\n${COUNTDOWN('-8', 'pc+3')}\ngoto pc-5\nr0 = 0\nexit`,
  },
  {
    rule: 'may_goto',
    name: 'its rewrite where it leads back',
    text: 'r0 = 0\ngoto in\nout: exit\nin: may_goto out\nr0 = 1\ngoto in',
    want: 'ok',
    xlated: `
      *(u64 *)(r10 -8) = 8388608
      r0 = 0
      goto pc+1
      exit
      ${COUNTDOWN('-8', 'pc-3')}
      r0 = 1
      goto pc-6`,
  },
  {
    rule: 'may_goto',
    name: 'its rewrite: two of one function share the counter',
    text: 'r0 = 0\na: may_goto b\ngoto a\nb: may_goto out\ngoto b\nout: exit',
    want: 'ok',
    xlated: `
      *(u64 *)(r10 -8) = 8388608
      r0 = 0
      ${COUNTDOWN('-8', 'pc+3')}
      goto pc-5
      ${COUNTDOWN('-8', 'pc+3')}
      goto pc-5
      exit`,
  },
];

const ARENA = [{ type: MAP.ARENA, key: 0, value: 0, max: 10, flags: 1024, extra: 0x1_0000_0000_0000n }];
const ARENA_POINTER = 'r1 = map_fd 0\nr2 = *(u64 *)(r10 -8)\nr2 = addr_space_cast(r2, 0, 1)';
const arenas: readonly VerifierCase[] = [
  {
    rule: 'addr_space_cast insn can only be used in a program that has an associated arena',
    text: 'r2 = *(u64 *)(r10 -8)\nr2 = addr_space_cast(r2, 0, 1)\nr0 = 0\nexit',
    want: einval('addr_space_cast insn can only be used in a program that has an associated arena'),
    want61: einval('BPF_MOV uses reserved fields'),
  },
  {
    rule: 'addr_space_cast insn can only be used in a program that has an associated arena',
    maps: ARENA,
    text: `${ARENA_POINTER}\nr0 = *(u32 *)(r2 +0)\nexit`,
    want: 'ok',
  },
  {
    rule: 'addr_space_cast insn can only convert between address space 1 and 0',
    maps: ARENA,
    text: 'r1 = map_fd 0\nr2 = *(u64 *)(r10 -8)\nr2 = addr_space_cast(r2, 2, 1)\nr0 = 0\nexit',
    want: einval('addr_space_cast insn can only convert between address space 1 and 0'),
    want61: einval('BPF_MOV uses reserved fields'),
  },
  {
    rule: 'sign extending loads from arena are not supported yet',
    maps: ARENA,
    text: `${ARENA_POINTER}\nr0 = *(s32 *)(r2 +0)\nexit`,
    want: ['EOPNOTSUPP', 'sign extending loads from arena are not supported yet'],
  },
  {
    rule: 'sign extending loads from arena are not supported yet',
    name: 'plain',
    maps: ARENA,
    text: `${ARENA_POINTER}\nr0 = *(u32 *)(r2 +0)\n*(u32 *)(r2 +4) = r0\nr3 = 1\nlock *(u32 *)(r2 +8) += r3\nr0 = 0\nexit`,
    want: 'ok',
    exentries: 3,
  },
  {
    rule: 'BPF_ATOMIC stores into R%d %s is not allowed',
    name: 'arena, fetching',
    maps: ARENA,
    text: `${ARENA_POINTER}\nr3 = 1\nr3 = atomic64_fetch_or((u64 *)(r2 +0), r3)\nr0 = 0\nexit`,
    want: ['EACCES', 'BPF_ATOMIC stores into R2 arena is not allowed'],
  },
  {
    rule: 'Only one arena per program',
    maps: [...ARENA, ...ARENA],
    text: 'r1 = map_fd 0\nr1 = map_fd 1\nr0 = 0\nexit',
    want: ['EBUSY', 'Only one arena per program'],
  },
  { rule: 'Only one arena per program', maps: ARENA, text: 'r1 = map_fd 0\nr0 = 0\nexit', want: 'ok' },
  {
    rule: "arena's user address must be set via map_extra or mmap()",
    maps: [{ ...ARENA[0]!, extra: 0n }],
    text: 'r1 = map_fd 0\nr0 = 0\nexit',
    want: einval("arena's user address must be set via map_extra or mmap()"),
  },
  {
    rule: 'CAP_BPF and CAP_PERFMON are required to use arena',
    unprivileged: true,
    maps: ARENA,
    text: 'r1 = map_fd 0\nr0 = 0\nexit',
    want: ['EPERM', 'CAP_BPF and CAP_PERFMON are required to use arena'],
  },
];

/** One instruction as bytes. */
function insn(opcode: number, dst = 0, src = 0, off = 0, imm = 0): number[] {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  bytes[0] = opcode;
  bytes[1] = dst | (src << 4);
  view.setInt16(2, off, true);
  view.setInt32(4, imm, true);
  return [...bytes];
}
const program = (...parts: number[][]): Uint8Array =>
  Uint8Array.from([...parts, insn(0xb7), insn(0x95)].flat());
const SKB = insn(0xbf, 6, 1);
const RESERVED = 'BPF_LD_[ABS|IND] uses reserved fields';
const BIG_CALL = 'kernel btf_id %u is not a function';

const bytes: readonly VerifierCase[] = [
  { rule: RESERVED, name: 'destination', bytes: program(SKB, insn(0x20, 1)), ...both(einval(RESERVED)) },
  { rule: RESERVED, name: 'offset', bytes: program(SKB, insn(0x20, 0, 0, 4)), ...both(einval(RESERVED)) },
  {
    rule: RESERVED,
    name: 'source of an absolute one',
    bytes: program(SKB, insn(0x20, 0, 6)),
    ...both(einval(RESERVED)),
  },
  {
    rule: 'BPF_ATOMIC uses invalid atomic opcode %02x',
    bytes: program(insn(0x7a, 10, 0, -8), insn(0xb7, 1), insn(0xdb, 10, 1, -8, 0x10)),
    ...both(einval('BPF_ATOMIC uses invalid atomic opcode 10')),
  },
  {
    rule: 'BPF_ATOMIC uses invalid atomic opcode %02x',
    name: 'exchange without fetch',
    bytes: program(insn(0x7a, 10, 0, -8), insn(0xb7, 1), insn(0xdb, 10, 1, -8, 0xe0)),
    ...both(einval('BPF_ATOMIC uses invalid atomic opcode e0')),
  },
  {
    rule: BIG_CALL,
    bytes: program(insn(0x85, 0, 2, 0, 1)),
    ...both(einval('kernel btf_id 1 is not a function')),
  },
  {
    rule: BIG_CALL,
    name: 'a function',
    type: 'SCHED_CLS',
    text: 'call kfunc bpf_rcu_read_lock\ncall kfunc bpf_rcu_read_unlock\nr0 = 0\nexit',
    want: 'ok',
  },
  {
    rule: 'cannot call kernel function from non-GPL compatible program',
    license: 'MIT',
    type: 'SCHED_CLS',
    text: 'call kfunc bpf_rcu_read_lock\ncall kfunc bpf_rcu_read_unlock\nr0 = 0\nexit',
    want: einval('cannot call kernel function from non-GPL compatible program'),
  },
  {
    rule: 'callback function cannot be the main program',
    text: 'main: r1 = func main\nr0 = 0\nexit',
    c: 'static int main(u64 a);',
    want: einval('callback function cannot be the main program'),
    want61: einval('back-edge from insn 0 to 0'),
  },
  {
    rule: 'insn %d cannot be patched due to 16-bit range',
    text: `call bpf_get_prandom_u32\nr1 = r0\nif r0 == 0x0 goto out\n${repeat(9000, () => 'r0 /= r1')}\nout: exit`,
    ...both(['ENOMEM', 'insn 7925 cannot be patched due to 16-bit range']),
  },
  {
    rule: 'insn %d cannot be patched due to 16-bit range',
    name: 'just within',
    text: `call bpf_get_prandom_u32\nr1 = r0\nif r0 == 0x0 goto out\n${repeat(7900, () => 'r0 /= r1')}\nout: exit`,
    ...both('ok'),
  },
];

const EXCEPTION = 'int main(struct __sk_buff *ctx) __tag(exception_callback:cb);';
const THROWS = 'r1 = 1\ncall kfunc bpf_throw\nr0 = 0\nexit\ncb: r0 = 0\nexit';
const exceptions: readonly VerifierCase[] = [
  {
    rule: 'exception cb only supports single integer argument',
    type: 'SCHED_CLS',
    text: THROWS,
    c: `${EXCEPTION} int cb(u64 cookie, u64 more);`,
    want: einval('exception cb only supports single integer argument'),
  },
  {
    rule: 'exception cb only supports single integer argument',
    type: 'SCHED_CLS',
    text: THROWS,
    c: `${EXCEPTION} int cb(u64 cookie);`,
    want: 'ok',
  },
  {
    rule: "exception callback '%s' could not be found in BTF",
    type: 'SCHED_CLS',
    text: THROWS,
    c: `${EXCEPTION} int other(u64 cookie);`,
    want: ['ENOENT', "exception callback 'cb' could not be found in BTF"],
  },
  {
    rule: "exception callback '%s' must have global linkage",
    type: 'SCHED_CLS',
    text: THROWS,
    c: `${EXCEPTION} static int cb(u64 cookie);`,
    want: einval("exception callback 'cb' must have global linkage"),
  },
  {
    rule: 'multiple exception callback tags for main subprog',
    type: 'SCHED_CLS',
    text: THROWS,
    c: `int main(struct __sk_buff *ctx) __tag(exception_callback:cb) __tag(exception_callback:cd); int cb(u64 cookie);`,
    want: ['EEXIST', 'multiple exception callback tags for main subprog'],
  },
];

verifierCases(
  'exploration limits',
  exploration.map((one): VerifierCase => ({ ...one, logLevel: 1 })),
);
verifierCases('loops', loops);
verifierCases('arenas', arenas);
verifierCases('calls and loads as bytes', bytes);
verifierCases('exception callbacks', exceptions);

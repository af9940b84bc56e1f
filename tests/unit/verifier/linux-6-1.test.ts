import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const OUT = `
  r0 = 0
  exit`;
const einval = (text: string): Verdict => ['EINVAL', text];
const eacces = (text: string): Verdict => ['EACCES', text];
const tc = { type: 'SCHED_CLS' } as const;
const skb = 'int main(struct __sk_buff *ctx);';

/** One instruction in raw form: opcode, destination, source, off, imm. */
function raw(code: number, dst: number, src: number, off: number, imm: number, before = 1): Uint8Array {
  const bytes = new Uint8Array(8 * (before + 3));
  const view = new DataView(bytes.buffer);
  const put = (at: number, op: number, regs: number, o: number, i: number): void => {
    bytes[at * 8] = op;
    bytes[at * 8 + 1] = regs;
    view.setInt16(at * 8 + 2, o, true);
    view.setInt32(at * 8 + 4, i, true);
  };
  for (let at = 0; at < before; at++) put(at, 0xb7, at, 0, 1);
  put(before, code, dst | (src << 4), off, imm);
  put(before + 1, 0xb7, 0, 0, 0);
  put(before + 2, 0x95, 0, 0, 0);
  return bytes;
}

const instructions: readonly VerifierCase[] = [
  {
    rule: '6.1: instructions',
    name: 'signed division',
    bytes: raw(0x37, 0, 0, 1, 3),
    want: 'ok',
    want61: einval('BPF_ALU uses reserved fields'),
  },
  {
    rule: '6.1: instructions',
    name: 'signed remainder, 32 bits, by a register',
    bytes: raw(0x9c, 0, 1, 1, 0, 2),
    want: 'ok',
    want61: einval('BPF_ALU uses reserved fields'),
  },
  {
    rule: '6.1: instructions',
    name: 'an offset where there is none',
    bytes: raw(0x07, 0, 0, 1, 3),
    want: einval('BPF_ALU uses reserved fields'),
    want61: einval('BPF_ALU uses reserved fields'),
  },
  ...[8, 16, 32].map((bits): VerifierCase => ({
    rule: '6.1: instructions',
    name: `sign extension from ${bits} bits`,
    bytes: raw(0xbf, 1, 0, bits, 0),
    want: 'ok',
    want61: einval('BPF_MOV uses reserved fields'),
  })),
  {
    rule: '6.1: instructions',
    name: 'arena cast',
    bytes: raw(0xbf, 1, 0, 1, 1),
    want: einval('addr_space_cast insn can only be used in a program that has an associated arena'),
    want61: einval('BPF_MOV uses reserved fields'),
  },
  {
    rule: '6.1: instructions',
    name: 'byte swap',
    bytes: raw(0xd7, 0, 0, 0, 32),
    want: 'ok',
    want61: einval('unknown opcode d7'),
  },
  {
    rule: '6.1: instructions',
    name: 'sign-extending load',
    text: `*(u64 *)(r10 -8) = 1
      r1 = *(s32 *)(r10 -8)${OUT}`,
    want: 'ok',
    want61: einval('BPF_LDX uses reserved fields'),
  },
  {
    rule: '6.1: instructions',
    name: 'long jump',
    bytes: raw(0x06, 0, 0, 0, 0),
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: '6.1: instructions',
    name: 'may_goto',
    bytes: raw(0xe5, 0, 0, 1, 0),
    want: 'ok',
    want61: einval('unknown opcode e5'),
  },
  {
    rule: '6.1: instructions',
    name: 'call through a register',
    bytes: raw(0x8d, 0, 0, 0, 0),
    want: einval('unknown opcode 8d'),
    want61: einval('unknown opcode 8d'),
  },
  {
    rule: '6.1: instructions',
    name: 'constant to the context',
    ...tc,
    text: `*(u32 *)(r1 +8) = 7${OUT}`,
    want: 'ok',
    want61: eacces('BPF_ST stores into R1 ctx is not allowed'),
  },
  {
    rule: '6.1: instructions',
    name: 'register to the context',
    ...tc,
    text: `r2 = 7
      *(u32 *)(r1 +8) = r2${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: '6.1: instructions',
    name: 'helper 0',
    bytes: raw(0x85, 0, 0, 0, 0),
    want: einval('program of this type cannot use helper bpf_unspec#0'),
    want61: einval('unknown func bpf_unspec#0'),
  },
  {
    rule: '6.1: instructions',
    name: 'helper of other types',
    bytes: raw(0x85, 0, 0, 0, 44),
    want: einval('program of this type cannot use helper bpf_xdp_adjust_head#44'),
    want61: einval('unknown func bpf_xdp_adjust_head#44'),
  },
  {
    rule: '6.1: instructions',
    name: 'helper that does not exist',
    bytes: raw(0x85, 0, 0, 0, 1000),
    want: einval('invalid func unknown#1000'),
    want61: einval('invalid func unknown#1000'),
  },
];

const COUNTS = `
  *(u64 *)(r10 -8) = 0
  r1 = 10
  r2 = func cb
  r3 = r10
  r3 += -8
  r4 = 0
  call bpf_loop
  r1 = *(u64 *)(r10 -8)
  if r1 > 0x1 goto many
  r0 = 0
  exit
  many: r0 = *(u64 *)(r10 +8)
  exit
  cb: r1 = *(u64 *)(r2 +0)
  r1 += 1
  *(u64 *)(r2 +0) = r1
  r0 = 0
  exit`;

const flow: readonly VerifierCase[] = [
  {
    rule: '6.1: control flow',
    name: 'a function that calls itself',
    ...tc,
    c: `${skb} static int f(void);`,
    text: `call f
      exit
      f: call f
      exit`,
    want: ['E2BIG', 'the call stack of 9 frames is too deep'],
    want61: einval('back-edge from insn 2 to 2'),
  },
  {
    rule: '6.1: control flow',
    name: 'a callback runs once',
    ...tc,
    c: `${skb} static int cb(u32 index, void *data);`,
    text: COUNTS,
    want: eacces('invalid read from stack R10 off=8 size=8'),
    want61: 'ok',
  },
  {
    rule: '6.1: control flow',
    name: 'a function for any arguments that nothing calls',
    ...tc,
    c: `${skb} int g(int a);`,
    text: `r0 = 0
      if r0 == 0x0 goto out
      r1 = 1
      call g
      out: exit
      g: r0 = *(u64 *)(r10 +8)
      exit`,
    want: 'ok',
    want61: eacces('invalid read from stack R10 off=8 size=8'),
  },
  {
    rule: '6.1: control flow',
    name: 'a bounded loop',
    text: `r0 = 0
      again: r0 += 1
      if r0 < 0xa goto again
      exit`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: '6.1: control flow',
    name: 'a loop without an end',
    text: `r0 = 0
      again: if r0 == 0x1 goto out
      goto again
      out: exit`,
    want: einval('infinite loop detected at insn 1'),
    want61: einval('infinite loop detected at insn 1'),
  },
  {
    rule: '6.1: control flow',
    name: 'too many branches',
    logLevel: 0,
    text: `r6 = *(u32 *)(r1 +0)
      r7 = *(u32 *)(r1 +8)
      ${'if r6 == r7 goto out\n'.repeat(8200)}
      out: r0 = 0
      exit`,
    want: ['E2BIG', 'The sequence of 8193 jumps is too complex.'],
    want61: ['EFAULT', 'The sequence of 8193 jumps is too complex.'],
  },
];

const SPILL = `
  r6 = *(u32 *)(r1 +0)
  r6 &= 7
  *(u64 *)(r10 -8) = r6`;
const USE = `
  r1 = r10
  r1 += -16
  r1 += r2
  r0 = *(u8 *)(r1 +0)${OUT}`;

const stack: readonly VerifierCase[] = [
  {
    rule: '6.1: stack',
    name: 'a bounded number',
    text: `${SPILL}\nr2 = *(u64 *)(r10 -8)${USE}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: '6.1: stack',
    name: 'part of a bounded number',
    text: `${SPILL}\nr2 = *(u32 *)(r10 -8)${USE}`,
    want: 'ok',
    want61: eacces('invalid unbounded variable-offset read from stack R1'),
  },
  {
    rule: '6.1: stack',
    name: 'a number of 4 bytes at the start of a slot',
    text: `r6 = *(u32 *)(r1 +0)
      r6 &= 7
      *(u32 *)(r10 -8) = r6
      r2 = *(u32 *)(r10 -8)${USE}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: '6.1: stack',
    name: 'a variable offset past the frame',
    text: `r2 = *(u32 *)(r1 +0)
      r2 &= 31${USE}`,
    want: einval('invalid variable-offset read from stack R1 var_off=(0x0; 0x1f) off=-16 size=1'),
    want61: einval('invalid variable-offset read from stack R1 var_off=(0x0; 0x1f) size=1'),
  },
  {
    rule: '6.1: stack',
    name: 'frames are rounded to 32 bytes',
    ...tc,
    c: `${skb} static int f(void);`,
    text: `*(u64 *)(r10 -8) = 0
      call f
      exit
      f: *(u64 *)(r10 -488) = 0
      r0 = 0
      exit`,
    want: 'ok',
    want61: eacces('combined stack size of 2 calls is 544. Too large'),
  },
  {
    rule: '6.1: stack',
    name: 'bytes that nothing wrote',
    text: `r0 = *(u64 *)(r10 -8)${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
];

const results: readonly VerifierCase[] = [
  {
    rule: '6.1: results',
    name: 'known',
    type: 'SOCK_OPS',
    text: 'r0 = 5\nexit',
    want: einval('At program exit the register R0 has smin=5 smax=5 should have been in [0, 1]'),
    want61: einval('At program exit the register R0 has value (0x5; 0x0) should have been in (0x0; 0x1)'),
  },
  {
    rule: '6.1: results',
    name: 'unknown',
    type: 'SOCK_OPS',
    text: 'r0 = *(u64 *)(r10 -8)\nexit',
    want: einval('At program exit the register R0 has unknown scalar value should have been in [0, 1]'),
    want61: einval('At program exit the register R0 has unknown scalar value should have been in (0x0; 0x1)'),
  },
  {
    rule: '6.1: results',
    name: 'a bit',
    type: 'SOCK_OPS',
    text: 'r0 = *(u64 *)(r10 -8)\nr0 &= 1\nexit',
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: '6.1: results',
    name: 'a range that is no mask',
    type: 'SOCK_OPS',
    text: 'r0 = *(u64 *)(r10 -8)\nif r0 > 0x1 goto out\nexit\nout: r0 = 0\nexit',
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: '6.1: results',
    name: 'a pointer',
    type: 'SOCK_OPS',
    text: 'r0 = r1\nexit',
    want: einval('At program exit the register R0 is not a known value (ctx)'),
    want61: einval('At program exit the register R0 is not a known value (ctx)'),
  },
  {
    rule: '6.1: results',
    name: 'a hook that returns an error',
    type: 'LSM',
    attachType: 27,
    attach: { kind: 'lsm', target: 'file_open' },
    text: 'r0 = 5\nexit',
    want: einval('At program exit the register R0 has smin=5 smax=5 should have been in [-4095, 0]'),
    want61: 'ok',
  },
];

const maps: readonly VerifierCase[] = [
  {
    rule: '6.1: rewrites',
    name: 'the number of the processor',
    text: 'call bpf_get_smp_processor_id\nexit',
    want: 'ok',
    want61: 'ok',
    xlated61: 'call &bpf_get_raw_cpu_id\nexit',
  },
  {
    rule: '6.1: rewrites',
    name: 'the number of the processor, tracing',
    type: 'KPROBE',
    text: 'call bpf_get_smp_processor_id\nexit',
    want61: 'ok',
    xlated61: 'call &bpf_get_smp_processor_id\nexit',
  },
  {
    rule: '6.1: rewrites',
    name: 'vlan_present',
    ...tc,
    text: `r2 = *(u32 *)(r1 +20)${OUT}`,
    want: 'ok',
    want61: 'ok',
    xlated61: `
      r2 = *(u8 *)(r1 +130)
      w2 &= 1
      r0 = 0
      exit`,
  },
  {
    rule: '6.1: rewrites',
    name: 'tstamp',
    ...tc,
    text: `r2 = *(u64 *)(r1 +152)${OUT}`,
    want: 'ok',
    want61: 'ok',
    xlated61: `
      r11 = *(u8 *)(r1 +130)
      w11 &= 160
      if w11 != 0xa0 goto pc+2
      r2 = 0
      goto pc+1
      r2 = *(u64 *)(r1 +32)
      r0 = 0
      exit`,
  },
  {
    rule: '6.1: rewrites',
    name: 'store to tstamp',
    ...tc,
    text: `r2 = 5
      *(u64 *)(r1 +152) = r2${OUT}`,
    want: 'ok',
    want61: 'ok',
    xlated61: `
      r2 = 5
      r11 = *(u8 *)(r1 +130)
      if w11 & 0x80 goto pc+1
      goto pc+2
      w11 &= -33
      *(u8 *)(r1 +130) = r11
      *(u64 *)(r1 +32) = r2
      r0 = 0
      exit`,
  },
  {
    rule: '6.1: rewrites',
    name: 'tstamp_type',
    ...tc,
    text: `r2 = *(u8 *)(r1 +180)${OUT}`,
    want: 'ok',
    want61: 'ok',
    xlated61: `
      r11 = *(u8 *)(r1 +130)
      if w11 & 0x20 goto pc+2
      w2 = 0
      goto pc+1
      w2 = 1
      r0 = 0
      exit`,
  },
  {
    rule: '6.1: rewrites',
    name: 'a spill around a call',
    text: `*(u64 *)(r10 -8) = r1
      call bpf_get_smp_processor_id
      r1 = *(u64 *)(r10 -8)${OUT}`,
    want: 'ok',
    want61: 'ok',
    xlated61: `
      *(u64 *)(r10 -8) = r1
      call &bpf_get_raw_cpu_id
      r1 = *(u64 *)(r10 -8)
      r0 = 0
      exit`,
  },
  {
    rule: '6.1: rewrites',
    name: 'jiffies',
    ...tc,
    maps: [{ type: MAP.ARRAY }],
    text: 'call bpf_jiffies64\nexit',
    want: 'ok',
    want61: 'ok',
    xlated61: `
      r0 = ADDRESS
      r0 = *(u64 *)(r0 +0)
      exit`,
  },
];

verifierCases('6.1: instructions', instructions);
verifierCases('6.1: control flow', flow);
verifierCases('6.1: stack', stack);
verifierCases('6.1: results', results);
verifierCases('6.1: rewrites', maps);

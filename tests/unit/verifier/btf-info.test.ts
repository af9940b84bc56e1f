import type { LineInfo } from '../../../host/program/program-spec.js';
import { CTypes } from '../../support/c-types.js';
import { type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });
const lines = (...insns: number[]): LineInfo[] =>
  insns.map((insn) => ({ insn, file: 'a.c', line: 1, column: 1, source: '' }));
const MAIN = 'int main(struct __sk_buff *ctx);';
const TWO = `${MAIN} static int f(u64 a);`;
const CALLS = 'r1 = 1\ncall f\nexit\nf: r0 = 0\nexit';
const NOTHING = 'r0 = 0\nexit';

const lineInfo: readonly VerifierCase[] = [
  {
    rule: 'Invalid line_info[%u].insn_off:%u (prev_offset:%u prog->len:%u)',
    text: NOTHING,
    c: MAIN,
    spec: { lineInfo: lines(0, 1, 1) },
    ...both(einval('Invalid line_info[2].insn_off:1 (prev_offset:1 prog->len:2)')),
  },
  {
    rule: 'Invalid line_info[%u].insn_off:%u (prev_offset:%u prog->len:%u)',
    name: 'past the end',
    text: NOTHING,
    c: MAIN,
    spec: { lineInfo: lines(0, 2) },
    ...both(einval('Invalid line_info[1].insn_off:2 (prev_offset:0 prog->len:2)')),
  },
  {
    rule: 'Invalid line_info[%u].insn_off:%u (prev_offset:%u prog->len:%u)',
    name: 'rising',
    text: NOTHING,
    c: MAIN,
    spec: { lineInfo: lines(0, 1) },
    ...both('ok'),
  },
  {
    rule: 'Invalid insn code at line_info[%u].insn_off',
    text: 'r0 = 5 ll\nexit',
    c: MAIN,
    spec: { lineInfo: lines(0, 1) },
    ...both(einval('Invalid insn code at line_info[1].insn_off')),
  },
  {
    rule: 'Invalid insn code at line_info[%u].insn_off',
    name: 'behind it',
    text: 'r0 = 5 ll\nexit',
    c: MAIN,
    spec: { lineInfo: lines(0, 2) },
    ...both('ok'),
  },
  {
    rule: 'missing bpf_line_info for func#%u',
    text: NOTHING,
    c: MAIN,
    spec: { lineInfo: lines(1) },
    ...both(einval('missing bpf_line_info for func#0')),
  },
  {
    rule: 'missing bpf_line_info for func#%u',
    name: 'second function',
    text: CALLS,
    c: TWO,
    spec: { lineInfo: lines(0, 4) },
    ...both(einval('missing bpf_line_info for func#1')),
  },
  {
    rule: 'missing bpf_line_info for func#%u',
    name: 'all there',
    text: CALLS,
    c: TWO,
    spec: { lineInfo: lines(0, 3) },
    ...both('ok'),
  },
  {
    rule: 'missing bpf_line_info for %u funcs starting from func#%u',
    text: CALLS,
    c: TWO,
    spec: { lineInfo: lines(0, 1) },
    ...both(einval('missing bpf_line_info for 1 funcs starting from func#1')),
  },
];

const funcInfo: readonly VerifierCase[] = [
  {
    rule: 'nonzero insn_off %u for the first func info record',
    text: NOTHING,
    c: MAIN,
    spec: { funcInfo: [{ insn: 1, type: 3 }] },
    ...both(einval('nonzero insn_off 1 for the first func info record')),
  },
  {
    rule: 'same or smaller insn offset (%u) than previous func info record (%u)',
    text: CALLS,
    c: TWO,
    spec: {
      funcInfo: [
        { insn: 0, type: typeOf(0) },
        { insn: 0, type: typeOf(1) },
      ],
    },
    ...both(einval('same or smaller insn offset (0) than previous func info record (0)')),
  },
  {
    rule: 'invalid type id %d in func info',
    text: NOTHING,
    c: MAIN,
    spec: { funcInfo: [{ insn: 0, type: 1 }] },
    ...both(einval('invalid type id 1 in func info')),
  },
  { rule: 'invalid type id %d in func info', name: 'a function', text: NOTHING, c: MAIN, ...both('ok') },
  {
    rule: "number of funcs in func_info doesn't match number of subprogs",
    text: CALLS,
    c: MAIN,
    ...both(einval("number of funcs in func_info doesn't match number of subprogs")),
  },
  {
    rule: "number of funcs in func_info doesn't match number of subprogs",
    name: 'it does',
    text: CALLS,
    c: TWO,
    ...both('ok'),
  },
  {
    rule: "func_info BTF section doesn't match subprog layout in BPF program",
    text: CALLS,
    c: TWO,
    spec: {
      funcInfo: [
        { insn: 0, type: typeOf(0) },
        { insn: 4, type: typeOf(1) },
      ],
    },
    ...both(einval("func_info BTF section doesn't match subprog layout in BPF program")),
  },
  {
    rule: 'LD_ABS is not allowed in subprogs without BTF',
    text: 'call f\nexit\nf: r6 = r1\nr0 = *(u8 *)skb[0]\nexit',
    ...both(einval('LD_ABS is not allowed in subprogs without BTF')),
  },
  {
    rule: 'LD_ABS is not allowed in subprogs without BTF',
    name: 'with BTF',
    text: 'call f\nexit\nf: r6 = r1\nr0 = *(u8 *)skb[0]\nexit',
    c: `${MAIN} static int f(struct __sk_buff *ctx);`,
    ...both('ok'),
  },
  {
    rule: "LD_ABS is only allowed in functions that return 'int'.",
    text: 'call f\nr0 = 0\nexit\nf: r6 = r1\nr0 = *(u8 *)skb[0]\nexit',
    c: `${MAIN} static void f(struct __sk_buff *ctx);`,
    ...both(einval("LD_ABS is only allowed in functions that return 'int'.")),
  },
  {
    rule: 'tail_call is not allowed in subprogs without BTF',
    text: 'call f\nexit\nf: r2 = map_fd 0\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit',
    maps: [{ type: 3, value: 4 }],
    ...both(einval('tail_call is not allowed in subprogs without BTF')),
  },
  {
    rule: "tail_call is only allowed in functions that return 'int'.",
    text: 'call f\nr0 = 0\nexit\nf: r2 = map_fd 0\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit',
    c: `${MAIN} static void f(struct __sk_buff *ctx);`,
    maps: [{ type: 3, value: 4 }],
    ...both(einval("tail_call is only allowed in functions that return 'int'.")),
  },
  {
    rule: "tail_call is only allowed in functions that return 'int'.",
    name: 'int',
    text: 'call f\nr0 = 0\nexit\nf: r2 = map_fd 0\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit',
    c: `${MAIN} static int f(struct __sk_buff *ctx);`,
    maps: [{ type: 3, value: 4 }],
    ...both('ok'),
  },
];

/** Id of a declared function in the BTF of TWO. */
function typeOf(index: number): number {
  return new CTypes(TWO).functions[index]!.id;
}

verifierCases('line_info', lineInfo);
verifierCases('func_info', funcInfo);

import type { RawBtfInfo, RawRecords } from '../../../host/program/program-spec.js';
import { CTypes } from '../../support/c-types.js';
import { type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const e2big = (message: string): Verdict => ['E2BIG', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });
const C = 'int main(struct __sk_buff *ctx); static int f(u64 a);';
const TEXT = 'r1 = 1\ncall f\nexit\nf: r0 = 0\nexit';
const [MAIN, F] = new CTypes(C).functions.map(({ id }) => id) as [number, number];

/** Records of `size` bytes with these words. */
function records(size: number, ...rows: readonly number[][]): RawRecords {
  const bytes = new Uint8Array(size * rows.length);
  const view = new DataView(bytes.buffer);
  rows.forEach((row, i) => row.forEach((word, k) => view.setUint32(i * size + k * 4, word, true)));
  return { recordSize: size, bytes };
}
const info = (rawBtfInfo: RawBtfInfo): Partial<VerifierCase> => ({ text: TEXT, c: C, spec: { rawBtfInfo } });
const func = (size: number, ...rows: number[][]) => info({ funcInfo: records(size, ...rows) });
const line = (size: number, ...rows: number[][]) => info({ lineInfo: records(size, ...rows) });
const relo = (size: number, ...rows: number[][]) => info({ coreRelos: records(size, ...rows) });
const TAIL = 7;
const TYPE_ID_LOCAL = 6;

const SIZE = 'invalid func info rec size %u';
const FUNC_TAIL = 'nonzero tailing record in func info';
const COUNT = "number of funcs in func_info doesn't match number of subprogs";
const LAYOUT = "func_info BTF section doesn't match subprog layout in BPF program";

const funcs: readonly VerifierCase[] = [
  ...[4, 10, 256].map((size): VerifierCase => ({
    ...{ rule: SIZE, name: String(size), ...func(size, [], []) },
    ...both(einval(`invalid func info rec size ${size}`)),
  })),
  ...[8, 12, 252].map((size): VerifierCase => ({
    ...{ rule: SIZE, name: String(size), ...func(size, [0, MAIN], [3, F]), ...both('ok') },
  })),
  { rule: FUNC_TAIL, ...func(12, [0, MAIN], [3, F, TAIL]), ...both(e2big(FUNC_TAIL)) },
  { rule: FUNC_TAIL, ...func(12, [0, MAIN, 0], [3, F, 0]), ...both('ok') },
  {
    rule: FUNC_TAIL,
    name: 'after what is wrong with the record before',
    ...func(12, [1, MAIN], [3, F, TAIL]),
    ...both(einval('nonzero insn_off 1 for the first func info record')),
  },
  {
    rule: COUNT,
    name: 'Linux 6.1 counts first',
    ...func(12, [1, MAIN, TAIL]),
    ...{ want: e2big(FUNC_TAIL), want61: einval(COUNT) },
  },
  {
    rule: LAYOUT,
    name: 'Linux 6.1 looks at the type later',
    ...func(8, [0, MAIN], [4, 1]),
    ...{ want: einval('invalid type id 1 in func info'), want61: einval(LAYOUT) },
  },
  { rule: LAYOUT, ...func(8, [0, MAIN], [3, F]), ...both('ok') },
  {
    rule: 'nonzero insn_off %u for the first func info record',
    ...{ ...func(8, [0, MAIN], [3, F]), ...both('ok') },
  },
  {
    rule: 'same or smaller insn offset (%u) than previous func info record (%u)',
    ...{ ...func(8, [0, MAIN], [3, F]), ...both('ok') },
  },
  {
    rule: 'invalid type id %d in func info',
    name: 'void',
    ...{ ...func(8, [0, MAIN], [3, 0]), ...both(einval('invalid type id 0 in func info')) },
  },
  {
    rule: 'program BTF that is not there',

    ...{ ...func(8, [0, MAIN], [3, F]), c: '', text: 'r0 = 0\nexit' },
    spec: { btf: null, funcInfo: [{ insn: 0, type: 1 }] },
    want: ['EBADF', ''],
    want61: ['EBADF', 'func#0 @0'],
  },
];

const LINE_TAIL = 'nonzero tailing record in line_info';
const TEXTS = 'Invalid line_info[%u].line_off or .file_name_off';
const MISSING = 'missing bpf_line_info for %u funcs starting from func#%u';

const lines: readonly VerifierCase[] = [
  { rule: 'line_info records of odd size', ...line(14, [], []), ...both(einval('func#1 @3')) },
  { rule: LINE_TAIL, ...line(20, [0, 1, 1, 0], [3, 1, 1, 0, TAIL]), ...both(e2big(LINE_TAIL)) },
  { rule: LINE_TAIL, ...line(20, [0, 1, 1, 0], [3, 1, 1, 0, 0]), ...both('ok') },
  {
    rule: TEXTS,
    ...line(16, [0, 1, 9999, 0], [3, 1, 1, 0]),
    ...both(einval('Invalid line_info[0].line_off or .file_name_off')),
  },
  {
    rule: TEXTS,
    name: 'file',
    ...line(16, [0, 1, 1, 0], [3, 9999, 1, 0]),
    ...both(einval('Invalid line_info[1].line_off or .file_name_off')),
  },
  {
    rule: TEXTS,
    name: 'after its offset',
    ...line(16, [0, 1, 1, 0], [9, 9999, 1, 0]),
    ...both(einval('Invalid line_info[1].insn_off:9 (prev_offset:0 prog->len:5)')),
  },
  { rule: TEXTS, ...line(16, [0, 1, 1, 0], [3, 1, 1, 0]), ...both('ok') },
  { rule: MISSING, ...line(16, [0, 1, 1, 0], [3, 1, 1, 0]), ...both('ok') },
];

const CORE_TAIL = 'nonzero tailing record in core_relo';
const PLACE = 'Invalid core_relo[%u].insn_off:%u prog->len:%u';

/** A record of the id of a local type, at an instruction that holds it. */
const local = (size: number): Partial<VerifierCase> => ({
  ...relo(size, [0, F, 1, TYPE_ID_LOCAL]),
  text: `r1 = ${F}\ncall f\nexit\nf: r0 = 0\nexit`,
});

const relos: readonly VerifierCase[] = [
  { rule: CORE_TAIL, ...local(20), ...both('ok') },
  { rule: PLACE, ...local(16), ...both('ok') },
  { rule: 'core_relo records of odd size', ...relo(12, []), ...both(einval('func#1 @3')) },
  { rule: CORE_TAIL, ...relo(20, [0, MAIN, 1, 0, TAIL]), ...both(e2big(CORE_TAIL)) },
  {
    rule: PLACE,
    ...{ ...relo(16, [4, MAIN, 1, 0]), ...both(einval('Invalid core_relo[0].insn_off:4 prog->len:5')) },
  },
  {
    rule: PLACE,
    name: 'past the end',
    ...{ ...relo(16, [40, MAIN, 1, 0]), ...both(einval('Invalid core_relo[0].insn_off:40 prog->len:5')) },
  },
  {
    rule: PLACE,
    name: 'after line_info',
    ...info({ lineInfo: records(16, [1, 1, 1, 0]), coreRelos: records(16, [4, MAIN, 1, 0]) }),
    ...both(einval('missing bpf_line_info for func#0')),
  },
];

/** Functions with packet loads return a number. */
const ints: readonly VerifierCase[] = [
  {
    rule: "LD_ABS is only allowed in functions that return 'int'.",
    text: 'call f\nr0 = 0\nexit\nf: r6 = r1\nr0 = *(u8 *)skb[0]\nexit',
    c: 'int main(struct __sk_buff *ctx); static int f(struct __sk_buff *ctx);',
    ...both('ok'),
  },
];

verifierCases('func_info records', funcs);
verifierCases('line_info records', lines);
verifierCases('core_relo records', relos);
verifierCases('results of functions with packet loads', ints);

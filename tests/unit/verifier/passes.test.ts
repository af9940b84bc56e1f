import { CTypes } from '../../support/c-types.js';
import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const C = 'int main(void *ctx); int other(int a);';
const types = new CTypes(C);
const [main, other] = types.functions.map((one) => one.id);
const PAIR = [
  { insn: 0, type: main! },
  { insn: 1, type: other! },
];

function insn(opcode: number, registers = 0, off = 0, imm = 0): number[] {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint8(0, opcode);
  view.setUint8(1, registers);
  view.setInt16(2, off, true);
  view.setInt32(4, imm, true);
  return [...new Uint8Array(view.buffer)];
}
const EXIT = insn(0x95);
const RESULT = insn(0xb7);

/** Something wrong with a program, found by one pass. */
interface Fault {
  readonly name: string;
  /** In front of the program's last two instructions. */
  readonly part?: number[];
  /** Behind them. */
  readonly behind?: number[];
  readonly lacksResult?: boolean;
  readonly more?: Partial<VerifierCase>;
  readonly want: Verdict;
  /** Linux 6.1 finds it in the same place. */
  readonly isOld: boolean;
}

/** In the order of the passes. */
const FAULTS: readonly Fault[] = [
  {
    name: 'a record of no function',
    more: { spec: { funcInfo: [{ insn: 0, type: 1 }] } },
    ...{ want: einval('invalid type id 1 in func info'), isOld: false },
  },
  {
    name: 'a call of nothing',
    part: insn(0x85, 0x10, 0, 90),
    ...{ want: einval('call to invalid destination'), isOld: true },
  },
  {
    name: 'a jump out of the program',
    part: insn(0x05, 0, 100),
    ...{ want: einval('jump out of range from insn PLACE to TARGET'), isOld: true },
  },
  {
    name: 'records of more functions than there are',
    more: { spec: { funcInfo: PAIR } },
    ...{ want: einval("number of funcs in func_info doesn't match number of subprogs"), isOld: true },
  },
  { name: 'an opcode without meaning', part: insn(0x8d), want: einval('unknown opcode 8d'), isOld: true },
  { name: 'no way to the end', behind: EXIT, want: einval('unreachable insn PLACE'), isOld: true },
  {
    name: 'nothing to attach to',
    more: { sleepable: false },
    ...{ want: einval('Syscall programs can only be sleepable'), isOld: false },
  },
  { name: 'no result', lacksResult: true, want: ['EACCES', 'R0 !read_ok'], isOld: true },
];

/** The first fault is found, whichever comes after. */
function both(first: Fault, second: Fault): VerifierCase {
  const parts = [second.part, first.part].filter((part) => part !== undefined);
  const tail = [first.behind, second.behind].filter((part) => part !== undefined);
  const result = first.lacksResult === true || second.lacksResult === true ? [] : [RESULT];
  const bytes = Uint8Array.from([...parts, ...result, EXIT, ...tail].flat());
  const at = first.behind === undefined ? parts.length - 1 : parts.length + result.length + 1;
  const text = first.want[1]!.replace('PLACE', String(at)).replace('TARGET', String(at + 101));
  const want: Verdict = [first.want[0] as 'EINVAL', text];
  return {
    rule: 'the passes in order',
    name: `${first.name}, then ${second.name}`,
    ...{ type: 'SYSCALL', sleepable: true, c: C, bytes },
    ...second.more,
    ...first.more,
    want,
    ...(first.isOld && second.isOld ? { want61: want } : {}),
  };
}

const pairs = FAULTS.flatMap((first, i) =>
  FAULTS.slice(i + 1)
    // One set of records at a time.
    .filter((second) => first.more?.spec === undefined || second.more?.spec === undefined)
    .map((second) => both(first, second)),
);

const DEEP = (size: number): string => `*(u64 *)(r10 -${size}) = 0`;
const ARENA = { type: MAP.ARENA, key: 0, value: 0, max: 4, flags: 1024, extra: 1n << 32n } as const;
const ARENA_LOAD = 'r1 = map_fd 0\nr2 = 0\nr2 = addr_space_cast(r2, 0, 1)\nr2 = *(s32 *)(r2 +0)';
const COMBINED = 'combined stack size of 2 calls is 800. Too large';
const later: readonly VerifierCase[] = [
  {
    name: 'the simulation, then the stack of chains of calls',
    text: `${DEEP(400)}\ncall f\nr0 = r9\nexit\nf: ${DEEP(400)}\nr0 = 0\nexit`,
    ...{ want: ['EACCES', 'R9 !read_ok'], want61: ['EACCES', 'R9 !read_ok'] },
  },
  {
    name: 'global functions, then the stack of chains of calls',
    c: 'int main(void *ctx); int f(void);',
    text: `${DEEP(400)}\ncall f\nr0 = 0\nexit\nf: ${DEEP(400)}\nexit`,
    ...{ want: ['EACCES', 'R0 !read_ok'], want61: ['EACCES', 'R0 !read_ok'] },
  },
  {
    name: 'the stack of chains of calls, then accesses that are rewritten',
    maps: [ARENA],
    text: `${DEEP(400)}\ncall f\nr0 = 0\nexit\nf: ${DEEP(400)}\n${ARENA_LOAD}\nr0 = 0\nexit`,
    want: ['EACCES', COMBINED],
  },
  {
    name: 'code without a way to it is gone before accesses are rewritten',
    maps: [ARENA],
    text: `r0 = 0\nif r0 == 0x0 goto out\n${ARENA_LOAD}\nout: exit`,
    want: 'ok',
  },
  {
    name: 'code without a way to it is gone before kernel functions are called',
    bytes: Uint8Array.from([RESULT, insn(0x15, 0, 1), insn(0x85, 0x20), EXIT].flat()),
    want: 'ok',
  },
  {
    name: 'accesses that are rewritten, then kernel functions that are called',
    maps: [ARENA],
    text: `${ARENA_LOAD}\ncall kfunc 0\nr0 = 0\nexit`,
    want: ['EOPNOTSUPP', 'sign extending loads from arena are not supported yet'],
  },
].map((row): VerifierCase => ({ rule: 'the passes in order', type: 'SCHED_CLS', ...(row as object) }));

verifierCases('two faults: the first pass that finds one', pairs);
verifierCases('passes after the simulation', later);

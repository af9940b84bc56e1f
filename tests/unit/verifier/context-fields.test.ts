import type { ProgType } from '../../../host/verifier/prog-type.js';
import { type Field, parse, type Structure, structures } from '../../support/context-facts.js';
import { type Verdict, type VerifierCase, verifierGroups } from '../../support/verifier-cases.js';

const refused = (offset: number, size: number): Verdict => [
  'EACCES',
  `invalid bpf_context access off=${offset} size=${size}`,
];

function row(structure: Structure, what: string, access: string, want: Verdict, want61 = want): VerifierCase {
  const { type, name, attachType, attach, result = 0, sleepable } = structure;
  return {
    rule: 'invalid bpf_context access off=%d size=%d',
    name: `${type}${name === undefined ? '' : ` ${name}`}: ${what}`,
    type,
    text: `r2 = 1\n${access}\nr0 = ${result}\nexit`,
    ...(attachType === undefined ? {} : { attachType }),
    ...(attach === undefined ? {} : { attach }),
    ...(sleepable === undefined ? {} : { sleepable }),
    want,
    ...(structure.fields61 === null ? {} : { want61 }),
  };
}

const load = (offset: number, size: number): string =>
  `r3 = *(u${size * 8} *)(r1 ${offset < 0 ? '' : '+'}${offset})`;
const store = (offset: number, size: number): string => `*(u${size * 8} *)(r1 +${offset}) = r2`;

function fieldRows(structure: Structure, field: Field): VerifierCase[] {
  const { offset, size, narrow, half, any, write } = field;
  const isOld = parse(structure.fields61 ?? structure.fields).some((one) => one.offset === offset);
  const rows = [
    row(structure, `load ${offset}`, load(offset, size), 'ok', isOld ? 'ok' : refused(offset, size)),
  ];
  const part = size === 1 ? 0 : size / 2;
  if (part > 0) {
    rows.push(
      row(
        structure,
        `half of ${offset}`,
        load(offset + part, part),
        narrow || any || half ? 'ok' : refused(offset + part, part),
      ),
    );
    rows.push(
      row(
        structure,
        `misaligned in ${offset}`,
        load(offset + 1, part),
        part === 1 && (narrow || any) ? 'ok' : refused(offset + 1, part),
      ),
    );
  }
  rows.push(row(structure, `store ${offset}`, store(offset, size), write ? 'ok' : refused(offset, size)));
  if (write && !any && size > 1) {
    const isAnywhere = structure.type === 'SYSCALL';
    rows.push(
      row(
        structure,
        `store to a byte of ${offset}`,
        store(offset, 1),
        isAnywhere ? 'ok' : refused(offset, 1),
      ),
    );
  }
  return rows;
}

/** Words that no field covers. */
function holes(structure: Structure, fields: readonly Field[]): VerifierCase[] {
  if (structure.size > 1000) return [];
  const rows: VerifierCase[] = [];
  for (let offset = 0; offset + 4 <= structure.size; offset += 4) {
    if (fields.some((one) => offset < one.offset + one.size && one.offset < offset + 4)) continue;
    rows.push(row(structure, `nothing at ${offset}`, load(offset, 4), refused(offset, 4)));
  }
  return rows;
}

/** Accesses that the notation does not cover. */
const more: readonly [
  type: keyof typeof ProgType,
  attachType: number | undefined,
  access: 'load' | 'store',
  offset: number,
  size: number,
  isAllowed: boolean,
][] = [
  ['SCHED_CLS', undefined, 'load', 48, 8, true],
  ['SCHED_CLS', undefined, 'load', 56, 8, true],
  ['SCHED_CLS', undefined, 'load', 64, 8, false],
  ['SCHED_CLS', undefined, 'store', 56, 8, true],
  ['SCHED_CLS', undefined, 'store', 50, 2, true],
  ['SCHED_CLS', undefined, 'store', 67, 1, true],
  ['SCHED_CLS', undefined, 'store', 64, 8, false],
  ['SCHED_CLS', undefined, 'store', 180, 1, false],
  ['SCHED_CLS', undefined, 'load', 0, 8, false],
  ['SCHED_CLS', undefined, 'load', 76, 8, false],
  ['SCHED_CLS', undefined, 'load', 152, 4, false],
  ['SCHED_CLS', undefined, 'load', 184, 4, false],
  ['SCHED_CLS', undefined, 'load', 172, 4, false],
  ['SOCKET_FILTER', undefined, 'store', 48, 8, true],
  ['SK_SKB', undefined, 'store', 48, 4, false],
  ['CGROUP_SOCK', 0, 'load', 0, 4, true],
  ['CGROUP_SOCK', 0, 'store', 16, 4, true],
  ['CGROUP_SOCK', 0, 'load', 24, 4, false],
  ['CGROUP_SOCK', 2, 'load', 48, 4, true],
  ['CGROUP_SOCK', 2, 'load', 50, 2, false],
  ['CGROUP_SOCK_ADDR', 11, 'load', 8, 8, true],
  ['CGROUP_SOCK_ADDR', 11, 'load', 16, 8, true],
  ['CGROUP_SOCK_ADDR', 11, 'store', 8, 8, true],
  ['CGROUP_SOCK_ADDR', 11, 'store', 16, 8, true],
  ['CGROUP_SOCK_ADDR', 15, 'load', 48, 8, true],
  ['CGROUP_SOCK_ADDR', 15, 'store', 48, 8, true],
  ['CGROUP_SOCK_ADDR', 15, 'load', 56, 8, false],
  ['CGROUP_SOCK_ADDR', 15, 'store', 56, 8, false],
  ['CGROUP_SOCK_ADDR', 10, 'load', 8, 8, false],
  ['SK_LOOKUP', undefined, 'load', 36, 4, true],
  ['SK_LOOKUP', undefined, 'load', 38, 1, true],
  ['SK_REUSEPORT', undefined, 'load', 20, 2, true],
  ['SK_REUSEPORT', undefined, 'load', 20, 1, false],
  ['SK_REUSEPORT', undefined, 'load', 48, 4, false],
  ['TRACEPOINT', undefined, 'load', 0, 8, false],
  ['TRACEPOINT', undefined, 'load', 4, 4, false],
  ['TRACEPOINT', undefined, 'load', 8, 8, true],
  ['TRACEPOINT', undefined, 'load', 8184, 8, true],
  ['TRACEPOINT', undefined, 'load', 8192, 8, false],
  ['TRACEPOINT', undefined, 'load', 12, 8, false],
  ['TRACEPOINT', undefined, 'store', 8, 8, false],
  ['RAW_TRACEPOINT_WRITABLE', undefined, 'load', 0, 8, true],
  ['RAW_TRACEPOINT_WRITABLE', undefined, 'load', 0, 4, false],
  ['RAW_TRACEPOINT_WRITABLE', undefined, 'load', 88, 8, true],
  ['RAW_TRACEPOINT_WRITABLE', undefined, 'load', 96, 8, false],
  ['RAW_TRACEPOINT_WRITABLE', undefined, 'store', 8, 8, false],
];

const otherRows = more.map(([type, attachType, access, offset, size, isAllowed]) => {
  const structure: Structure = {
    type,
    attachType,
    size: 0,
    fields: '',
    result: type === 'CGROUP_SOCK_ADDR' ? 1 : 0,
  };
  const text = access === 'load' ? load(offset, size) : store(offset, size);
  return row(structure, `${access} ${size} at ${offset}`, text, isAllowed ? 'ok' : refused(offset, size));
});

const cases = structures.flatMap((structure) => {
  const fields = parse(structure.fields);
  const { size } = structure;
  return [
    ...fields.flatMap((field) => fieldRows(structure, field)),
    ...holes(structure, fields),
    ...(size > 1000
      ? []
      : [row(structure, 'past the end', load((size + 7) & ~7, 8), refused((size + 7) & ~7, 8))]),
  ];
});

verifierGroups('context fields', [...cases, ...otherRows], (test) => test.name!.replace(/:.*/, ''));

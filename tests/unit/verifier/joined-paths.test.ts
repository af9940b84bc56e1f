import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const eacces = (message: string): Verdict => ['EACCES', message];
interface Wants {
  readonly want?: Verdict;
  readonly want61?: Verdict;
}
const both = (want: Verdict): Wants => ({ want, want61: want });
/** States are kept wherever paths may join. */
const TEST_STATE_FREQ = 8;
const OUT = `
  out: r0 = 0
  exit`;
const at = (reg: string, off: number): string => `
  ${reg} = r10
  ${reg} += ${off}`;
const LOCAL = (off: number): string => `
  r1 = map_value 0
  r2 = 16
  r3 = 0${at('r4', off)}
  call bpf_dynptr_from_mem`;
const RESERVE = (off: number): string => `
  r1 = map_fd 1
  r2 = 16
  r3 = 0${at('r4', off)}
  call bpf_ringbuf_reserve_dynptr`;
const SUBMIT = (off: number): string => `${at('r1', off)}
  r2 = 0
  call bpf_ringbuf_submit_dynptr`;
const READ = (off: number): string => `${at('r1', -48)}
  r2 = 8${at('r3', off)}
  r4 = 0
  r5 = 0
  call bpf_dynptr_read`;
const DATA = (off: number): string => `${at('r1', off)}
  r2 = 0
  r3 = 8
  call bpf_dynptr_data`;
/** One of two ways, by a number that is not known; then `after`. */
const either = (one: string, other: string, after: string, before = ''): string => `
  r6 = *(u32 *)(r1 +0)${before}
  if r6 == 0x0 goto other
  r9 = 0${one}
  goto join
  other: r9 = 0${other}
  join: r9 = 0${after}${OUT}`;
const row = (rule: string, name: string, text: string, wants: Wants): VerifierCase => ({
  ...{ rule, name, type: 'SCHED_CLS', text },
  maps: [
    { type: MAP.ARRAY, value: 16 },
    { type: MAP.RINGBUF, key: 0, value: 0, max: 4096 },
  ],
  ...wants,
});
const MISSING: Wants = {
  want: einval('Expected an initialized dynptr as arg #2'),
  want61: einval('Expected an initialized dynptr as arg #3'),
};
const INITIALIZED = 'Expected an initialized dynptr as arg #%d';
const USED = '\n  r1 = *(u8 *)(r7 +0)';
const KEEP = '\n  r7 = r0\n  if r7 == 0x0 goto out';

/** What holds after paths joined holds on each of them, whichever was looked at first. */
const cases: readonly VerifierCase[] = [
  row(INITIALIZED, 'made on the first path', either(LOCAL(-16), '', READ(-16)), MISSING),
  row(INITIALIZED, 'made on the second path', either('', LOCAL(-16), READ(-16)), MISSING),
  row(
    INITIALIZED,
    'made on one path, bytes on the other',
    either(LOCAL(-16), '', READ(-16), '\n*(u64 *)(r10 -16) = 1\n*(u64 *)(r10 -8) = 1'),
    MISSING,
  ),
  row(INITIALIZED, 'made on both', either(LOCAL(-16), LOCAL(-16), READ(-16)), both('ok')),
  row(
    'arg %d is an unacquired reference',
    'a record on one path',
    either(RESERVE(-16), LOCAL(-16), SUBMIT(-16)),
    both(einval('arg 1 is an unacquired reference')),
  ),
  row(
    'arg %d is an unacquired reference',
    'records on both',
    either(RESERVE(-16), RESERVE(-16), SUBMIT(-16)),
    both('ok'),
  ),
  row(
    "R%d invalid mem access '%s'",
    'a slice whose dynptr ended on one path',
    either('\n*(u64 *)(r10 -8) = 0', '', USED, `\nr8 = 0${LOCAL(-16)}${DATA(-16)}${KEEP}`),
    both(eacces("R7 invalid mem access 'scalar'")),
  ),
  row(
    "R%d invalid mem access '%s'",
    'a slice of one of two dynptrs',
    either(DATA(-16), DATA(-32), `${KEEP}\n*(u64 *)(r10 -8) = 0${USED}`, `${LOCAL(-16)}${LOCAL(-32)}`),
    both(eacces("R7 invalid mem access 'scalar'")),
  ),
  row(
    "R%d invalid mem access '%s'",
    'a slice of one of two dynptrs that stay',
    either(DATA(-16), DATA(-32), `${KEEP}${USED}`, `${LOCAL(-16)}${LOCAL(-32)}`),
    both('ok'),
  ),
  row(
    "R%d invalid mem access '%s'",
    'a pointer spilled on one path',
    either(
      '\n*(u64 *)(r10 -8) = 5',
      '',
      '\nr1 = *(u64 *)(r10 -8)\nr0 = *(u32 *)(r1 +0)',
      '\n*(u64 *)(r10 -8) = r1',
    ),
    both(eacces("R1 invalid mem access 'scalar'")),
  ),
  row(
    'Unreleased reference id=%d alloc_insn=%d',
    'held on one path, given back when it is',
    either(
      '\nr1 = map_fd 1\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\nr7 = r0',
      '',
      '\nif r7 == 0x0 goto out\nr1 = r7\nr2 = 0\ncall bpf_ringbuf_submit',
      '\nr7 = 0',
    ),
    both('ok'),
  ),
];

const UNBOUNDED = eacces('R0 unbounded memory access, make sure to bounds check any such access');

/** r7 is r6 and a distance on one path; on the other it is what `other` makes it. Both are read after r6 is small. */
const linked = (name: string, other: string, want: Verdict, before = ''): VerifierCase =>
  row(
    'linked scalars: paths that join',
    name,
    `
    r6 = *(u32 *)(r1 +0)
    r8 = *(u32 *)(r1 +8)
    r9 = *(u32 *)(r1 +16)${before}
    if r9 == 0x0 goto other
    r7 = r6
    r7 += 1
    goto join
    other: r9 = 0${other}
    join: if r6 > 0xe goto out
    r0 = map_value 0
    r0 += r7
    r0 = *(u8 *)(r0 +0)${OUT}`,
    { want, want61: UNBOUNDED },
  );

/** Where scalars are compared by their ids, the distances count, and what they are distances from. */
const links: readonly VerifierCase[] = [
  linked('the same on both', '\nr7 = r6\nr7 += 1', 'ok'),
  linked('a distance from another', '\nr7 = r8\nr7 += 1', UNBOUNDED),
  linked('no distance', '\nr7 = r6', 'ok'),
  linked('tied to nothing', '\nr7 = r8\nr7 |= 1', UNBOUNDED),
  {
    ...linked(
      'another distance',
      '\nif r6 < 0x5 goto out\nif r6 > 0x64 goto out\nr7 = r6\nr7 += 2',
      eacces('R0 max value is outside of the allowed memory range'),
      '\nif r6 > 0xff goto out',
    ),
    want61: eacces('R0 max value is outside of the allowed memory range'),
  },
].map((one): VerifierCase => ({ ...one, flags: TEST_STATE_FREQ }));

verifierCases('what holds on joined paths', cases);
verifierCases('links on joined paths', links);

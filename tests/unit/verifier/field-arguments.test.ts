import {
  MAP,
  type Verdict,
  type VerifierCase,
  lastRefused,
  verifierCases,
} from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const eacces = (message: string): Verdict => ['EACCES', message];
interface Wants {
  readonly want?: Verdict;
  readonly want61?: Verdict;
}
const both = (want: Verdict): Wants => ({ want, want61: want });
const OUT = `
  out: r0 = 0
  exit`;
const C = `
  struct plain { u64 a; u64 b; };
  struct locked { u64 a; struct bpf_spin_lock lock; u64 b; };
  struct timed { u64 a; struct bpf_timer t; };
  struct locks { struct bpf_spin_lock a; struct bpf_spin_lock b; };
  struct timers { u64 a; struct bpf_timer t; struct bpf_timer u; };
  struct queued { u64 a; struct bpf_wq w; };
  struct task { u64 a; struct task_struct __kptr *task; struct task_struct __kptr_untrusted *loose; };
  int main(struct __sk_buff *ctx);
  static int cb(void *map, u32 *key, u64 *value);
`;
const map = (value: string | number): VerifierCase['maps'] => [{ type: MAP.ARRAY, value }];
const world = (value: string | number): Partial<VerifierCase> => ({
  type: 'SCHED_CLS',
  c: C,
  maps: map(value),
});
/** r9 = the context, r6 = a value of map 0, not NULL, r7 = 0 or 8, not known. */
const VALUE = `
  r9 = r1
  r7 = *(u32 *)(r1 +0)
  r7 &= 8
  *(u32 *)(r10 -4) = 0
  r2 = r10
  r2 += -4
  r1 = map_fd 0
  call bpf_map_lookup_elem
  if r0 == 0x0 goto out
  r6 = r0`;
const at = (off: number | 'r7'): string => `
  r1 = r6
  r1 += ${off}`;
const LOCK = (off: number | 'r7'): string => `${at(off)}
  call bpf_spin_lock`;
const UNLOCK = (off: number | 'r7'): string => `${at(off)}
  call bpf_spin_unlock`;
const TIMER_INIT = (off: number | 'r7', of = 0): string => `${at(off)}
  r2 = map_fd ${of}
  r3 = 1
  call bpf_timer_init`;
const WQ_INIT = (off: number | 'r7'): string => `${at(off)}
  r2 = map_fd 0
  r3 = 0
  call kfunc bpf_wq_init`;
const XCHG = (off: number | 'r7'): string => `${at(off)}
  r2 = 0
  refused: call bpf_kptr_xchg
  if r0 == 0x0 goto out
  r1 = r0
  call kfunc bpf_task_release`;
const row = (
  rule: string,
  name: string,
  value: string | number,
  text: string,
  wants: Wants,
  more: Partial<VerifierCase> = {},
): VerifierCase => ({
  rule,
  name,
  ...world(value),
  text: `${VALUE}${lastRefused(text, wants)}${OUT}`,
  ...wants,
  ...more,
});

const CONSTANT = (what: string): string =>
  `R%d doesn't have constant offset. ${what} has to be at the constant offset`;
const BTF = (what: string): string => `map '%s' has to have BTF in order to use ${what}`;
const OFF = (what: string): string => `off %lld doesn't point to 'struct ${what}' that is at %d`;
const NO_LOCK = "%s '%s' has no valid bpf_spin_lock";
const NO_TIMER = "map '%s' has no valid bpf_timer";
const say = (rule: string, ...values: readonly (string | number)[]): string => {
  let at = 0;
  return rule.replaceAll(/%(lld|[sd])/g, () => String(values[at++]));
};

const locks: readonly VerifierCase[] = [
  row(CONSTANT('bpf_spin_lock'), 'known', 'struct locked', `${LOCK(8)}${UNLOCK(8)}`, both('ok')),
  row(
    CONSTANT('bpf_spin_lock'),
    'unlock',
    'struct locked',
    `${LOCK(8)}${UNLOCK('r7')}`,
    both(einval(say(CONSTANT('bpf_spin_lock'), 1))),
  ),
  row(
    CONSTANT('bpf_spin_lock'),
    'before the map is looked at',
    'struct plain',
    LOCK('r7'),
    both(einval(say(CONSTANT('bpf_spin_lock'), 1))),
  ),
  row(BTF('bpf_spin_lock'), 'with BTF', 'struct locked', `${LOCK(8)}${UNLOCK(8)}`, both('ok')),
  row(BTF('bpf_spin_lock'), 'a number of bytes', 16, LOCK(8), both(einval(say(BTF('bpf_spin_lock'), 'm')))),
  row(NO_LOCK, 'another type of value', 'struct plain', LOCK(8), {
    want: einval("map 'm' has no valid bpf_spin_lock"),
    want61: einval("map 'm' doesn't have 'struct bpf_spin_lock'"),
  }),
  row(OFF('bpf_spin_lock'), 'at it', 'struct locked', `${LOCK(8)}${UNLOCK(8)}`, both('ok')),
  row(OFF('bpf_spin_lock'), 'before it', 'struct locked', LOCK(0), {
    want: einval(say(OFF('bpf_spin_lock'), 0, 8)),
    want61: einval("off 0 doesn't point to 'struct bpf_spin_lock'"),
  }),
  row(OFF('bpf_spin_lock'), 'outside the value', 'struct locked', LOCK(-8), {
    want: einval(say(OFF('bpf_spin_lock'), -8, 8)),
    want61: einval("off -8 doesn't point to 'struct bpf_spin_lock'"),
  }),
  row(
    'bpf_spin_unlock of different lock',
    'the same',
    'struct locked',
    `\nr8 = r6${LOCK(8)}\nr6 = r8${UNLOCK(8)}`,
    both('ok'),
  ),
  row(
    'bpf_spin_unlock of different lock',
    'looked up again',
    'struct locked',
    `
    r8 = r6
    r2 = r10
    r2 += -4
    r1 = map_fd 0
    call bpf_map_lookup_elem
    if r0 == 0x0 goto out
    r1 = r0
    r1 += 8
    call bpf_spin_lock
    r1 = r8
    r1 += 8
    call bpf_spin_unlock`,
    both(einval('bpf_spin_unlock of different lock')),
  ),
  row(
    'bpf_spin_unlock of different lock',
    'of another map',
    'struct locked',
    `
    r1 = map_value 0 +8
    call bpf_spin_lock
    r1 = map_value 1 +8
    call bpf_spin_unlock`,
    both(einval('bpf_spin_unlock of different lock')),
    {
      maps: [
        { type: MAP.ARRAY, value: 'struct locked' },
        { type: MAP.ARRAY, value: 'struct locked' },
      ],
    },
  ),
  row(
    'bpf_spin_unlock of different lock',
    'addressed twice',
    'struct locked',
    `
    r1 = map_value 0 +8
    call bpf_spin_lock
    r1 = map_value 0
    r1 += 8
    call bpf_spin_unlock`,
    {
      want: 'ok',
      // Linux 6.1 takes each load of the address for another element.
      want61: einval('bpf_spin_unlock of different lock'),
    },
  ),
  row(
    'bpf_spin_unlock without taking a lock',
    'given back twice',
    'struct locked',
    `${LOCK(8)}${UNLOCK(8)}${UNLOCK(8)}`,
    both(einval('bpf_spin_unlock without taking a lock')),
  ),
  row(
    'function calls are not allowed while holding a lock',
    'the same lock again',
    'struct locked',
    `${LOCK(8)}${LOCK(8)}`,
    both(einval('function calls are not allowed while holding a lock')),
  ),
  row(
    '%s cannot be accessed directly by load/store',
    'while it is held',
    'struct locked',
    `${LOCK(8)}\nrefused: *(u32 *)(r6 +8) = 0${UNLOCK(8)}`,
    both(eacces('bpf_spin_lock cannot be accessed directly by load/store')),
  ),
  row(
    '%s cannot be accessed directly by load/store',
    'beside it',
    'struct locked',
    `${LOCK(8)}\n*(u64 *)(r6 +0) = 0\n*(u64 *)(r6 +16) = 0\n*(u32 *)(r6 +12) = 0${UNLOCK(8)}`,
    both('ok'),
  ),
];

const several: readonly VerifierCase[] = [
  row(NO_LOCK, 'a number', 'u64', LOCK(0), {
    want: einval("map 'm' has no valid bpf_spin_lock"),
    want61: einval("map 'm' is not a struct type or bpf_spin_lock is mangled"),
  }),
  row(NO_LOCK, 'two of them', 'struct locks', LOCK(0), {
    want61: einval("map 'm' has more than one 'struct bpf_spin_lock'"),
  }),
  row(NO_TIMER, 'a number', 'u64', TIMER_INIT(0), {
    want: einval("map 'm' has no valid bpf_timer"),
    want61: einval("map 'm' is not a struct type or bpf_timer is mangled"),
  }),
  row(NO_TIMER, 'two of them', 'struct timers', TIMER_INIT(8), {
    want61: einval("map 'm' has more than one 'struct bpf_timer'"),
  }),
];

const timers: readonly VerifierCase[] = [
  row(CONSTANT('bpf_timer'), 'known', 'struct timed', TIMER_INIT(8), both('ok')),
  row(
    CONSTANT('bpf_timer'),
    'before the map is looked at',
    'struct plain',
    TIMER_INIT('r7'),
    both(einval(say(CONSTANT('bpf_timer'), 1))),
  ),
  row(BTF('bpf_timer'), 'a number of bytes', 24, TIMER_INIT(8), both(einval(say(BTF('bpf_timer'), 'm')))),
  row(BTF('bpf_timer'), 'with BTF', 'struct timed', TIMER_INIT(8), both('ok')),
  row(NO_TIMER, 'another type of value', 'struct plain', TIMER_INIT(8), {
    want: einval("map 'm' has no valid bpf_timer"),
    want61: einval("map 'm' doesn't have 'struct bpf_timer'"),
  }),
  row(OFF('bpf_timer'), 'at it', 'struct timed', TIMER_INIT(8), both('ok')),
  row(OFF('bpf_timer'), 'past it', 'struct timed', TIMER_INIT(16), {
    want: einval(say(OFF('bpf_timer'), 16, 8)),
    want61: einval("off 16 doesn't point to 'struct bpf_timer' that is at 8"),
  }),
  row(
    'bpf_timer cannot be used for PREEMPT_RT.',
    'init',
    'struct timed',
    TIMER_INIT(8),
    both(['EOPNOTSUPP', 'bpf_timer cannot be used for PREEMPT_RT.']),
    { preemptRt: true },
  ),
  row(
    'bpf_timer cannot be used for PREEMPT_RT.',
    'beside the timer',
    'struct timed',
    TIMER_INIT(16),
    { want: einval(say(OFF('bpf_timer'), 16, 8)) },
    { preemptRt: true },
  ),
  row(
    'bpf_timer cannot be used for PREEMPT_RT.',
    'another kernel',
    'struct timed',
    TIMER_INIT(8),
    both('ok'),
  ),
  row(
    "timer pointer in R1 map_uid=%d doesn't match map pointer in R2 map_uid=%d",
    'its own map',
    'struct timed',
    TIMER_INIT(8),
    both('ok'),
  ),
  row(
    "timer pointer in R1 map_uid=%d doesn't match map pointer in R2 map_uid=%d",
    'another map',
    'struct timed',
    TIMER_INIT(8, 1),
    both(einval("timer pointer in R1 map_uid=0 doesn't match map pointer in R2 map_uid=0")),
    {
      maps: [
        { type: MAP.ARRAY, value: 'struct timed' },
        { type: MAP.ARRAY, value: 'struct timed' },
      ],
    },
  ),
  row(
    '%s cannot be accessed directly by load/store',
    'timer',
    'struct timed',
    '\nr1 = *(u8 *)(r6 +15)',
    both(eacces('bpf_timer cannot be accessed directly by load/store')),
  ),
];

const workqueues: readonly VerifierCase[] = [
  row(OFF('bpf_wq'), 'at it', 'struct queued', WQ_INIT(8), { want: 'ok' }),
  row(OFF('bpf_wq'), 'past it', 'struct queued', WQ_INIT(16), { want: einval(say(OFF('bpf_wq'), 16, 8)) }),
  row(OFF('bpf_wq'), 'none there', 'struct timed', WQ_INIT(8), { want: einval(say(OFF('bpf_wq'), 8, -22)) }),
];

const kptrs: readonly VerifierCase[] = [
  row(CONSTANT('kptr'), 'known', 'struct task', XCHG(8), { want: 'ok' }),
  row(CONSTANT('kptr'), 'not known', 'struct task', XCHG('r7'), { want: einval(say(CONSTANT('kptr'), 1)) }),
  row(BTF('bpf_kptr_xchg'), 'a number of bytes', 16, XCHG(8), both(einval(say(BTF('bpf_kptr_xchg'), 'm')))),
  row(BTF('bpf_kptr_xchg'), 'before the offset is looked at', 16, XCHG('r7'), {
    want: einval(say(BTF('bpf_kptr_xchg'), 'm')),
  }),
  row(BTF('bpf_kptr_xchg'), 'with BTF', 'struct task', XCHG(8), { want: 'ok' }),
  row('R%d has no valid kptr', 'another type of value', 'struct plain', XCHG(8), {
    want: einval('R1 has no valid kptr'),
    want61: einval("map 'm' has no valid kptr"),
  }),
  row('R%d has no valid kptr', 'a value with one', 'struct task', XCHG(8), { want: 'ok' }),
  row(
    "off=%d doesn't point to kptr",
    'beside it',
    'struct task',
    XCHG(0),
    both(eacces("off=0 doesn't point to kptr")),
  ),
  row("off=%d doesn't point to kptr", 'at it', 'struct task', XCHG(8), { want: 'ok' }),
  row("off=%d kptr isn't referenced kptr", 'one that is', 'struct task', XCHG(8), { want: 'ok' }),
  row(
    "off=%d kptr isn't referenced kptr",
    'one that is not',
    'struct task',
    XCHG(16),
    both(eacces("off=16 kptr isn't referenced kptr")),
  ),
].map((test) => {
  // The functions that give tasks back are not in Linux 6.1.
  return test.want61 === undefined
    ? test
    : {
        ...test,
        text: test.text!.replace(
          /\n {2}if r0 == 0x0 goto out\n {2}r1 = r0\n {2}call kfunc bpf_task_release/,
          '',
        ),
      };
});

const MATCH = "timer pointer in R1 map_uid=%d doesn't match map pointer in R2 map_uid=%d";
/** Arrays of timed values in an array. */
const nested: Partial<VerifierCase> = {
  ...world('struct timed'),
  maps: [{ type: MAP.ARRAY_OF_MAPS, value: 4, max: 4, inner: { type: MAP.ARRAY, value: 'struct timed' } }],
};
const FIND = (from: string, to: string): string => `
  *(u32 *)(r10 -4) = 0
  r2 = r10
  r2 += -4
  r1 = ${from}
  call bpf_map_lookup_elem
  if r0 == 0x0 goto out
  ${to} = r0`;
const INIT_WITH = (map: string): string => `
  r1 = r7
  r1 += 8
  r2 = ${map}
  r3 = 1
  call bpf_timer_init`;
const inner: readonly VerifierCase[] = [
  {
    rule: MATCH,
    name: 'the inner map it is in',
    ...nested,
    text: `${FIND('map_fd 0', 'r6')}${FIND('r6', 'r7')}${INIT_WITH('r6')}${OUT}`,
    ...both('ok'),
  },
  {
    rule: MATCH,
    name: 'an inner map looked up again',
    ...nested,
    text: `${FIND('map_fd 0', 'r6')}${FIND('map_fd 0', 'r8')}${FIND('r6', 'r7')}${INIT_WITH('r8')}${OUT}`,
    ...both(einval("timer pointer in R1 map_uid=1 doesn't match map pointer in R2 map_uid=2")),
  },
  {
    rule: MATCH,
    name: 'the outer map',
    ...nested,
    text: `${FIND('map_fd 0', 'r6')}${FIND('r6', 'r7')}${INIT_WITH('map_fd 0')}${OUT}`,
    ...both(einval("timer pointer in R1 map_uid=1 doesn't match map pointer in R2 map_uid=0")),
  },
];

verifierCases('timers of inner maps', inner);
verifierCases('locks as arguments', locks);
verifierCases('values with several locks or timers, or none', several);
verifierCases('timers as arguments', timers);
verifierCases('workqueues as arguments', workqueues);
verifierCases('kptrs as arguments', kptrs);

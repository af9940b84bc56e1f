import {
  MAP,
  type Verdict,
  type VerifierCase,
  lastRefused,
  verifierCases,
} from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const eacces = (message: string): Verdict => ['EACCES', message];
const OUT = `
  out: r0 = 0
  exit`;
const RING = { type: MAP.RINGBUF, key: 0, value: 0, max: 4096 };
const ringbuf = { type: 'SCHED_CLS', maps: [RING] } as const;
const array = { type: 'SCHED_CLS', maps: [{ type: MAP.ARRAY, value: 16 }] } as const;
const at = (reg: string, off: number): string => `
  ${reg} = r10
  ${reg} += ${off}`;
/** r6 = 0 to `mask`, not known; r1 is the context before. */
const UNKNOWN = (mask: number): string => `
  r6 = *(u32 *)(r1 +0)
  r6 &= ${mask}`;
const MOVED = (reg: string, off: number): string => `${at(reg, off)}
  ${reg} += r6`;
const LOCAL = (off: number): string => `
  r1 = map_value 0
  r2 = 16
  r3 = 0${at('r4', off)}
  call bpf_dynptr_from_mem`;
const RESERVE = (off: number): string => `
  r1 = map_fd 0
  r2 = 16
  r3 = 0${at('r4', off)}
  call bpf_ringbuf_reserve_dynptr`;
const SUBMIT = (off: number): string => `${at('r1', off)}
  r2 = 0
  call bpf_ringbuf_submit_dynptr`;
const DISCARD = (off: number): string => `${at('r1', off)}
  r2 = 0
  call bpf_ringbuf_discard_dynptr`;
const READ = (off: number, from = ''): string => `${at('r1', -40)}
  r2 = 8${from === '' ? at('r3', off) : from}
  r4 = 0
  r5 = 0
  call bpf_dynptr_read`;
const DATA = (off: number): string => `${at('r1', off)}
  r2 = 0
  r3 = 8
  call bpf_dynptr_data`;
const CLONE = (from: number, to: number): string => `${at('r1', from)}${at('r2', to)}
  call kfunc bpf_dynptr_clone`;
const NEW = (off: number): string => `${at('r1', off)}
  r2 = 0
  r3 = 3
  call kfunc bpf_iter_num_new`;
const NEXT = (off: number): string => `${at('r1', off)}
  call kfunc bpf_iter_num_next`;
const DESTROY = (off: number): string => `${at('r1', off)}
  call kfunc bpf_iter_num_destroy`;

interface Wants {
  readonly want?: Verdict;
  readonly want61?: Verdict;
}
const both = (want: Verdict): Wants => ({ want, want61: want });
type World = typeof ringbuf | typeof array;
const row = (rule: string, name: string, world: World, text: string, wants: Wants): VerifierCase => ({
  ...{ rule, name, ...world, text: `${lastRefused(text, wants)}${OUT}` },
  ...wants,
});

const CONSTANT = '%s has to be at a constant offset';
const OFFSET = 'cannot pass in %s at an offset=%d';
const OVERWRITE = 'cannot overwrite referenced dynptr';
const NOT_NEW = 'Dynptr has to be an uninitialized dynptr';
const INITIALIZED = 'Expected an initialized dynptr as arg #%d';

const places: readonly VerifierCase[] = [
  row(CONSTANT, 'dynptr used', array, `${UNKNOWN(8)}${LOCAL(-24)}${READ(0, MOVED('r3', -32))}`, {
    want: einval('dynptr has to be at a constant offset\nExpected an initialized dynptr as arg #2'),
  }),
  row(CONSTANT, 'dynptr made', array, `${UNKNOWN(8)}${LOCAL(-16).replace(at('r4', -16), MOVED('r4', -32))}`, {
    want: einval('dynptr has to be at a constant offset\nDynptr has to be an uninitialized dynptr'),
  }),
  row(CONSTANT, 'one of two constants', array, `${UNKNOWN(0)}${LOCAL(-24)}${READ(0, MOVED('r3', -24))}`, {
    want: 'ok',
  }),
  row(CONSTANT, 'iterator made', array, `${UNKNOWN(8)}${NEW(-16).replace(at('r1', -16), MOVED('r1', -16))}`, {
    want: einval('iter has to be at a constant offset\nexpected uninitialized iter_num as arg #0'),
  }),
  row(
    CONSTANT,
    'iterator advanced',
    array,
    `${UNKNOWN(8)}${NEW(-8)}${MOVED('r1', -16)}\n  call kfunc bpf_iter_num_next`,
    {
      want: einval('iter has to be at a constant offset\nexpected an initialized iter_num as arg #0'),
    },
  ),
  row(OFFSET, 'dynptr made', array, LOCAL(-20), {
    want: einval('cannot pass in dynptr at an offset=-20\nDynptr has to be an uninitialized dynptr'),
    want61: einval('cannot pass in dynptr at an offset'),
  }),
  row(OFFSET, 'dynptr used', array, `${LOCAL(-16)}${READ(-12)}`, {
    want: einval('cannot pass in dynptr at an offset=-12\nExpected an initialized dynptr as arg #2'),
    want61: einval('cannot pass in dynptr at an offset'),
  }),
  row(OFFSET, 'dynptr released', ringbuf, `${RESERVE(-16)}${SUBMIT(-15)}`, {
    want: einval('cannot pass in dynptr at an offset=-15\narg 1 is an unacquired reference'),
    want61: einval('cannot pass in dynptr at an offset'),
  }),
  row(OFFSET, 'iterator made', array, NEW(-12), {
    want: einval('cannot pass in iter at an offset=-12\nexpected uninitialized iter_num as arg #0'),
  }),
  row(OFFSET, 'iterator destroyed', array, `${NEW(-8)}${DESTROY(-7)}`, {
    want: einval('cannot pass in iter at an offset=-7\nexpected an initialized iter_num as arg #0'),
  }),
  row(OFFSET, 'the deepest slots', array, `${LOCAL(-512)}${READ(-512)}`, both('ok')),
  row(INITIALIZED, 'above the frame', array, READ(8), {
    want: einval('Expected an initialized dynptr as arg #2'),
    want61: einval('Expected an initialized dynptr as arg #3'),
  }),
  row(INITIALIZED, 'far below what is in use', array, READ(-600), {
    want: einval('Expected an initialized dynptr as arg #2'),
    want61: einval('Expected an initialized dynptr as arg #3'),
  }),
  row('invalid%s stack R%d off=%d size=%d', 'dynptr that ends above the frame', array, LOCAL(-8), {
    want: eacces('invalid write to stack R4 off=0 size=8'),
  }),
  row('invalid%s stack R%d off=%d size=%d', 'dynptr below the frame', array, LOCAL(-520), {
    want: eacces('invalid write to stack R4 off=-520 size=8'),
  }),
  row('invalid%s stack R%d off=%d size=%d', 'iterator above the frame', array, NEW(0), {
    want: eacces('invalid write to stack R1 off=0 size=8'),
  }),
  row('expected an initialized iter_%s as arg #%d', 'above the frame', array, NEXT(0), {
    want: einval('expected an initialized iter_num as arg #0'),
  }),
  row('expected an initialized iter_%s as arg #%d', 'far below what is in use', array, NEXT(-600), {
    want: einval('expected an initialized iter_num as arg #0'),
  }),
];

const stores: readonly VerifierCase[] = [
  row(OVERWRITE, 'a byte of it', ringbuf, `${RESERVE(-16)}\n*(u8 *)(r10 -16) = 0`, {
    want: einval('cannot overwrite referenced dynptr'),
    want61: einval('Unreleased reference id=2 alloc_insn=6'),
  }),
  row(
    OVERWRITE,
    'at a variable offset',
    ringbuf,
    `${UNKNOWN(3)}${RESERVE(-16)}${MOVED('r2', -8)}\n*(u8 *)(r2 +0) = 1${SUBMIT(-16)}`,
    {
      want: einval('cannot overwrite referenced dynptr'),
      want61: einval('arg 1 is an unacquired reference'),
    },
  ),
  row(
    OVERWRITE,
    'beside it',
    ringbuf,
    `${UNKNOWN(3)}${RESERVE(-16)}${MOVED('r2', -24)}\n*(u8 *)(r2 +0) = 1\n*(u8 *)(r10 -17) = 1${SUBMIT(-16)}`,
    both('ok'),
  ),
  row(OVERWRITE, 'by an overlapping one', ringbuf, `${RESERVE(-16)}${RESERVE(-24)}`, {
    want: einval('cannot overwrite referenced dynptr'),
    want61: einval('Dynptr has to be an uninitialized dynptr'),
  }),
  row(
    OVERWRITE,
    'after it was given back',
    ringbuf,
    `${RESERVE(-16)}${DISCARD(-16)}${RESERVE(-24)}${SUBMIT(-24)}`,
    both('ok'),
  ),
  row(
    OVERWRITE,
    'one of two copies',
    ringbuf,
    `${RESERVE(-16)}${CLONE(-16, -32)}\n*(u64 *)(r10 -16) = 0${SUBMIT(-32)}`,
    {
      want: 'ok',
    },
  ),
  row(
    OVERWRITE,
    'both copies',
    ringbuf,
    `${RESERVE(-16)}${CLONE(-16, -32)}\n*(u64 *)(r10 -16) = 0\nrefused: *(u64 *)(r10 -24) = 0${SUBMIT(-32)}`,
    {
      want: einval('cannot overwrite referenced dynptr'),
    },
  ),
  row(NOT_NEW, 'one that owns nothing', array, `${LOCAL(-16)}${LOCAL(-16)}${READ(-16)}`, {
    want: 'ok',
    want61: einval('Dynptr has to be an uninitialized dynptr'),
  }),
  row(NOT_NEW, 'overlapping half of another', array, `${LOCAL(-16)}${LOCAL(-24)}${READ(-16)}`, {
    want: einval('Expected an initialized dynptr as arg #2'),
    want61: einval('Dynptr has to be an uninitialized dynptr'),
  }),
  row(
    NOT_NEW,
    'over other stack content',
    array,
    `\n*(u64 *)(r10 -8) = r1\n*(u32 *)(r10 -16) = 7${LOCAL(-16)}${READ(-16)}`,
    both('ok'),
  ),
  row(
    INITIALIZED,
    'a byte stored at a variable offset',
    array,
    `${UNKNOWN(3)}${LOCAL(-16)}${MOVED('r2', -8)}\n*(u8 *)(r2 +0) = 1${READ(-16)}`,
    {
      want: einval('Expected an initialized dynptr as arg #2'),
      want61: einval('Expected an initialized dynptr as arg #3'),
    },
  ),
  row(INITIALIZED, 'an iterator over it', array, `${LOCAL(-16)}${NEW(-8)}`, {
    want: einval('expected uninitialized iter_num as arg #0'),
  }),
  row(
    'expected an initialized iter_%s as arg #%d',
    'a dynptr over it',
    array,
    `${NEW(-8)}${LOCAL(-16)}${DESTROY(-8)}`,
    {
      want: einval('expected an initialized iter_num as arg #0'),
    },
  ),
  row(
    'expected an initialized iter_%s as arg #%d',
    'a byte of it stored',
    array,
    `${NEW(-8)}\n*(u8 *)(r10 -3) = 1${NEXT(-8)}`,
    {
      want: einval('expected an initialized iter_num as arg #0'),
    },
  ),
  row(
    'expected an initialized iter_%s as arg #%d',
    'a byte stored at a variable offset',
    array,
    `${UNKNOWN(3)}${NEW(-8)}${MOVED('r2', -8)}\n*(u8 *)(r2 +0) = 1${NEXT(-8)}`,
    {
      want: einval('expected an initialized iter_num as arg #0'),
    },
  ),
];

const releases: readonly VerifierCase[] = [
  row(
    'arg %d is an unacquired reference',
    'given back twice',
    ringbuf,
    `${RESERVE(-16)}${SUBMIT(-16)}${SUBMIT(-16)}`,
    both(einval('arg 1 is an unacquired reference')),
  ),
  row(
    'arg %d is an unacquired reference',
    'given back once',
    ringbuf,
    `${RESERVE(-16)}${DISCARD(-16)}`,
    both('ok'),
  ),
  row(
    'arg %d is an unacquired reference',
    'its copy was given back',
    ringbuf,
    `${RESERVE(-16)}${CLONE(-16, -32)}${SUBMIT(-32)}${SUBMIT(-16)}`,
    {
      want: einval('arg 1 is an unacquired reference'),
    },
  ),
  row(
    'arg %d is an unacquired reference',
    'never made',
    ringbuf,
    DISCARD(-16),
    both(einval('arg 1 is an unacquired reference')),
  ),
  row(INITIALIZED, 'after it was given back', ringbuf, `${RESERVE(-16)}${SUBMIT(-16)}${READ(-16)}`, {
    want: einval('Expected an initialized dynptr as arg #2'),
    want61: einval('Expected an initialized dynptr as arg #3'),
  }),
  row(
    'slices',
    'of a copy, after the other was given back',
    ringbuf,
    `${RESERVE(-16)}${CLONE(-16, -32)}${DATA(-32)}
    if r0 == 0x0 goto end
    r7 = r0${SUBMIT(-16)}
    refused: *(u8 *)(r7 +0) = 1
    goto out
    end: ${SUBMIT(-16).trim()}`,
    {
      want: eacces("R7 invalid mem access 'scalar'"),
    },
  ),
  row(
    'slices',
    'of one overwritten',
    array,
    `${LOCAL(-16)}${DATA(-16)}
    if r0 == 0x0 goto out
    *(u64 *)(r10 -8) = 0
    *(u8 *)(r0 +0) = 1`,
    {
      want: eacces("R0 invalid mem access 'scalar'"),
      want61: eacces("R0 invalid mem access 'scalar'"),
    },
  ),
  row(
    'slices',
    'of the other of two',
    array,
    `${LOCAL(-16)}${LOCAL(-32)}${DATA(-16)}
    if r0 == 0x0 goto out
    *(u64 *)(r10 -24) = 0
    *(u8 *)(r0 +0) = 1`,
    both('ok'),
  ),
  row(
    'slices',
    'spilled, of one overwritten',
    array,
    `${LOCAL(-16)}${DATA(-16)}
    if r0 == 0x0 goto out
    *(u64 *)(r10 -48) = r0
    *(u64 *)(r10 -16) = 0
    r1 = *(u64 *)(r10 -48)
    *(u8 *)(r1 +0) = 1`,
    both(eacces("R1 invalid mem access 'scalar'")),
  ),
  row(
    'slices',
    'bpf_dynptr_slice of a record given back',
    ringbuf,
    `${RESERVE(-16)}${at('r1', -16)}
    r2 = 0
    r3 = 0
    r4 = 8
    call kfunc bpf_dynptr_slice
    if r0 == 0x0 goto end
    r7 = r0${SUBMIT(-16)}
    refused: r1 = *(u8 *)(r7 +0)
    goto out
    end: ${SUBMIT(-16).trim()}`,
    {
      want: eacces("R7 invalid mem access 'scalar'"),
    },
  ),
];

const arguments_: readonly VerifierCase[] = [
  row(
    'arg#%d expected pointer to stack or const struct bpf_dynptr',
    'a map value',
    array,
    `
    r1 = map_value 0
    call kfunc bpf_dynptr_size`,
    {
      want: einval('arg#0 expected pointer to stack or const struct bpf_dynptr'),
    },
  ),
  row(
    'arg#%d expected pointer to stack or const struct bpf_dynptr',
    'the context',
    array,
    `
    call kfunc bpf_dynptr_is_null`,
    {
      want: einval('arg#0 expected pointer to stack or const struct bpf_dynptr'),
    },
  ),
  row(
    'arg#%d expected pointer to stack or const struct bpf_dynptr',
    'a dynptr',
    array,
    `${LOCAL(-16)}${at('r1', -16)}
    call kfunc bpf_dynptr_is_null`,
    { want: 'ok' },
  ),
  row(
    'potential write to dynptr at off=%d disallowed',
    'read into itself',
    array,
    `${LOCAL(-40)}${READ(-40)}`,
    {
      want: eacces('potential write to dynptr at off=-40 disallowed'),
      want61: 'ok',
    },
  ),
  row(
    'potential write to dynptr at off=%d disallowed',
    'read beside itself',
    array,
    `${LOCAL(-56)}${READ(-56)}`,
    both('ok'),
  ),
  row(
    'potential write to dynptr at off=%d disallowed',
    'its last byte',
    array,
    `${LOCAL(-16)}${at('r1', -64)}
    r2 = 49
    r3 = 0
    call bpf_probe_read_kernel`,
    {
      want: eacces('potential write to dynptr at off=-16 disallowed'),
    },
  ),
];

const callback = (name: string, body: string, want: Verdict): VerifierCase => ({
  rule: NOT_NEW,
  name,
  type: 'SCHED_CLS',
  c: 'int main(struct __sk_buff *ctx); static int cb(struct bpf_dynptr *d, void *ctx);',
  maps: [{ type: MAP.USER_RINGBUF, key: 0, value: 0, max: 4096 }],
  text: `r1 = map_fd 0
    r2 = func cb
    r3 = 0
    r4 = 0
    call bpf_user_ringbuf_drain${OUT}
    cb: ${body}
    r0 = 0
    exit`,
  want,
});
const constants: readonly VerifierCase[] = [
  callback(
    'the dynptr of a callback',
    'r2 = r1\ncall kfunc bpf_dynptr_clone',
    einval('Dynptr has to be an uninitialized dynptr'),
  ),
  callback(
    'a copy of the dynptr of a callback',
    `${at('r2', -16).trim()}\ncall kfunc bpf_dynptr_clone`,
    'ok',
  ),
  {
    ...callback(
      'moved',
      'r1 += 8\ncall kfunc bpf_dynptr_size',
      eacces('dereference of modified dynptr_ptr ptr R1 off=8 disallowed'),
    ),
    rule: 'dereference of modified %s ptr R%d off=%d disallowed',
  },
];

const MUTATES = 'cannot pass pointer to const bpf_dynptr, the helper mutates it';
const ON_STACK = 'arg#%d expected pointer to an iterator on stack';
const LD_ABS = 'cannot use BPF_LD_[ABS|IND] within callback';
const looping = {
  type: 'SCHED_CLS',
  c: 'int main(struct __sk_buff *ctx); static int cb(u64 i, void *ctx);',
} as const;
const LOOP = `
  r6 = r1
  r1 = 4
  r2 = func cb
  r3 = 0
  r4 = 0
  call bpf_loop`;
const others: readonly VerifierCase[] = [
  row(
    MUTATES,
    'of its own',
    array,
    `${LOCAL(-16)}${at('r1', -16)}
    r2 = 0
    r3 = 8
    call kfunc bpf_dynptr_adjust`,
    { want: 'ok' },
  ),
  { ...callback('read', 'call kfunc bpf_dynptr_size', 'ok'), rule: MUTATES },
  row(ON_STACK, 'a map value', array, '\nr1 = map_value 0\ncall kfunc bpf_iter_num_next', {
    want: einval('arg#0 expected pointer to an iterator on stack'),
  }),
  row(ON_STACK, 'the stack', array, `${NEW(-8)}${DESTROY(-8)}`, { want: 'ok' }),
  {
    rule: LD_ABS,
    name: 'beside the callback',
    ...looping,
    text: `${LOOP}\nr0 = *(u8 *)skb[0]${OUT}\ncb: r0 = 0\nexit`,
    want: 'ok',
  },
  {
    rule: LD_ABS,
    name: 'in the callback',
    ...looping,
    text: `${LOOP}${OUT}\ncb: r6 = r2\nr0 = 0\nif r0 == 0x0 goto end\nr0 = *(u8 *)skb[0]\nend: r0 = 0\nexit`,
    want: einval(LD_ABS),
  },
];

verifierCases('objects in stack slots', [
  ...others,
  ...places,
  ...stores,
  ...releases,
  ...arguments_,
  ...constants,
]);

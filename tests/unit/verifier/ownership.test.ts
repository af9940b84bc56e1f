import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

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
const world: Partial<VerifierCase> = {
  type: 'SCHED_CLS',
  c: `int main(struct __sk_buff *ctx); static int f(u64 *a); static int cb(u64 i, void *ctx); int global(u64 a);
    struct locked { struct bpf_spin_lock lock; u64 n; };`,
  maps: [
    { type: MAP.RINGBUF, key: 0, value: 0, max: 4096 },
    { type: MAP.ARRAY, value: 'struct locked' },
    { type: MAP.PROG_ARRAY, value: 4 },
  ],
};
const row = (rule: string, name: string, text: string, wants: Wants): VerifierCase => ({
  ...{ rule, name, ...world, text },
  ...wants,
});
const at = (reg: string, off: number): string => `
  ${reg} = r10
  ${reg} += ${off}`;
/** r7 = a record, not NULL; `none` = where to go without. */
const RESERVE = (none = 'out'): string => `
  r1 = map_fd 0
  r2 = 16
  r3 = 0
  call bpf_ringbuf_reserve
  if r0 == 0x0 goto ${none}
  r7 = r0`;
const SUBMIT = (record = 'r7'): string => `
  r1 = ${record}
  r2 = 0
  call bpf_ringbuf_submit`;
const DYNPTR = (off: number): string => `
  r1 = map_fd 0
  r2 = 16
  r3 = 0${at('r4', off)}
  call bpf_ringbuf_reserve_dynptr`;
const SUBMIT_DYNPTR = (off: number): string => `${at('r1', off)}
  r2 = 0
  call bpf_ringbuf_submit_dynptr`;
/** bpf_loop over cb, whose context is the frame pointer + `off`. */
const LOOP = (off = -8): string => `
  r1 = 4
  r2 = func cb${at('r3', off)}
  r4 = 0
  call bpf_loop`;
const CB = (body: string): string => `
  cb: ${body}
  r0 = 0
  exit`;
const LOCK = `
  r1 = map_value 1
  call bpf_spin_lock`;
const UNLOCK = `
  r1 = map_value 1
  call bpf_spin_unlock`;
const NEW = (off: number): string => `${at('r1', off)}
  r2 = 0
  r3 = 3
  call kfunc bpf_iter_num_new`;
const NEXT = (off: number): string => `${at('r1', off)}
  call kfunc bpf_iter_num_next`;
const DESTROY = (off: number): string => `${at('r1', off)}
  call kfunc bpf_iter_num_destroy`;
const F = (body: string): string => `
  f: ${body}
  r0 = 0
  exit`;
const leaked = (id: number, insn: number): Verdict =>
  einval(`Unreleased reference id=${id} alloc_insn=${insn}`);

const REFERENCE = 'Unreleased reference id=%d alloc_insn=%d';
const NOT_HELD = 'func %s#%d reference has not been acquired before';
const callbacks: readonly VerifierCase[] = [
  row(
    REFERENCE,
    'in a callback',
    `*(u64 *)(r10 -8) = 0${LOOP()}${OUT}${CB(`r6 = 0${RESERVE('end')}\nend: r6 = 1`)}`,
    {
      want: leaked(2, 15),
      want61: leaked(2, 15),
    },
  ),
  row(
    REFERENCE,
    'in a callback, given back',
    `*(u64 *)(r10 -8) = 0${LOOP()}${OUT}${CB(`r6 = 0${RESERVE('end')}${SUBMIT()}\nend: r6 = 1`)}`,
    both('ok'),
  ),
  row(
    REFERENCE,
    'held over a callback',
    `${RESERVE()}\n*(u64 *)(r10 -8) = 0${LOOP()}${SUBMIT()}${OUT}${CB('r6 = 1')}`,
    both('ok'),
  ),
  row(
    REFERENCE,
    'used in a callback',
    `${RESERVE()}\n*(u64 *)(r10 -8) = r7${LOOP()}${SUBMIT()}${OUT}${CB('r1 = *(u64 *)(r2 +0)\n*(u64 *)(r1 +0) = 1')}`,
    both('ok'),
  ),
  row(
    NOT_HELD,
    'given back by a callback',
    `${RESERVE()}\n*(u64 *)(r10 -8) = r7${LOOP()}${SUBMIT()}${OUT}${CB(`r1 = *(u64 *)(r2 +0)\nr2 = 0\ncall bpf_ringbuf_submit`)}`,
    both(einval('func bpf_ringbuf_submit#132 reference has not been acquired before')),
  ),
  row(
    NOT_HELD,
    'a dynptr given back by a callback',
    `${DYNPTR(-16)}${LOOP(-16)}${SUBMIT_DYNPTR(-16)}${OUT}${CB('r1 = r2\nr2 = 0\ncall bpf_ringbuf_submit_dynptr')}`,
    both(einval('func bpf_ringbuf_submit_dynptr#199 reference has not been acquired before')),
  ),
  row(
    'function calls are not allowed while holding a lock',
    'a lock over a callback',
    `${LOCK}${LOOP()}${UNLOCK}${OUT}${CB('r6 = 1')}`,
    both(einval('function calls are not allowed while holding a lock')),
  ),
  row('bpf_spin_unlock is missing', 'in a callback', `*(u64 *)(r10 -8) = 0${LOOP()}${OUT}${CB(LOCK)}`, {
    // Linux 6.12 comes back to the call.
    want: einval('function calls are not allowed while holding a lock'),
    want61: einval('bpf_spin_unlock is missing'),
  }),
  row(
    'bpf_spin_unlock is missing',
    'in a callback, given back',
    `*(u64 *)(r10 -8) = 0${LOOP()}${OUT}${CB(`${LOCK}${UNLOCK}`)}`,
    { want: 'ok' },
  ),
  row(
    'bpf_rcu_read_unlock is missing',
    'in a callback',
    `*(u64 *)(r10 -8) = 0${LOOP()}${OUT}${CB('call kfunc bpf_rcu_read_lock')}`,
    { want: einval('bpf_rcu_read_unlock is missing') },
  ),
  row(
    'bpf_rcu_read_unlock is missing',
    'around a callback',
    `*(u64 *)(r10 -8) = 0\ncall kfunc bpf_rcu_read_lock${LOOP()}\ncall kfunc bpf_rcu_read_unlock${OUT}${CB('r6 = 1')}`,
    { want: 'ok' },
  ),
  row(
    '%d bpf_preempt_enable%s missing',
    'in a callback',
    `*(u64 *)(r10 -8) = 0${LOOP()}${OUT}${CB('call kfunc bpf_preempt_disable')}`,
    { want: einval('1 bpf_preempt_enable is missing') },
  ),
  row(
    'tail_call would lead to reference leak',
    'from a callback',
    `${RESERVE()}\n*(u64 *)(r10 -8) = 0${LOOP()}${SUBMIT()}${OUT}${CB('r1 = 0\nr2 = map_fd 2\nr3 = 0')}`,
    both('ok'),
  ),
];

const calls: readonly VerifierCase[] = [
  row(
    REFERENCE,
    'in a function',
    `r1 = 0\ncall f${OUT}${F(`r6 = 0${RESERVE('end')}\nend: r6 = 1`)}`,
    both(leaked(2, 9)),
  ),
  row(
    REFERENCE,
    'returned by a function',
    `r1 = 0\ncall f\nif r0 == 0x0 goto out${SUBMIT('r0')}${OUT}\nf: r1 = map_fd 0\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nexit`,
    both('ok'),
  ),
  row(
    REFERENCE,
    'left in the frame of the caller',
    `*(u64 *)(r10 -8) = 0${at('r1', -8)}\ncall f\nr1 = *(u64 *)(r10 -8)\nif r1 == 0x0 goto out\nr2 = 0\ncall bpf_ringbuf_submit${OUT}${F(`r6 = r1\nr1 = map_fd 0\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\n*(u64 *)(r6 +0) = r0`)}`,
    both('ok'),
  ),
  row(
    REFERENCE,
    'given back by a function',
    `${RESERVE()}\n*(u64 *)(r10 -8) = r7${at('r1', -8)}\ncall f${OUT}${F('r1 = *(u64 *)(r1 +0)\nr2 = 0\ncall bpf_ringbuf_submit')}`,
    both('ok'),
  ),
  row(
    "R%d invalid mem access '%s'",
    'given back by a function',
    `${RESERVE()}\n*(u64 *)(r10 -8) = r7${at('r1', -8)}\ncall f\n*(u64 *)(r7 +0) = 1${OUT}${F('r1 = *(u64 *)(r1 +0)\nr2 = 0\ncall bpf_ringbuf_submit')}`,
    both(eacces("R7 invalid mem access 'scalar'")),
  ),
  row(
    REFERENCE,
    'in a global function',
    `r1 = 1\ncall global${OUT}\nglobal: r6 = 0${RESERVE('end')}\nend: r0 = 0\nexit`,
    { want: leaked(2, 9) },
  ),
  row(
    REFERENCE,
    'a dynptr made in a function',
    `${at('r1', -16)}\ncall f${SUBMIT_DYNPTR(-16)}${OUT}${F('r4 = r1\nr1 = map_fd 0\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve_dynptr')}`,
    both('ok'),
  ),
  row(REFERENCE, 'a dynptr of a function', `r1 = 0\ncall f${OUT}${F(DYNPTR(-16))}`, both(leaked(2, 10))),
  row(
    'bpf_spin_unlock is missing',
    'taken by a function',
    `r1 = 0\ncall f${OUT}${F(LOCK)}`,
    both(einval('bpf_spin_unlock is missing')),
  ),
  row(
    'bpf_spin_unlock is missing',
    'taken by a function, given back',
    `r1 = 0\ncall f${UNLOCK}${OUT}${F(LOCK)}`,
    { want: 'ok', want61: einval('bpf_spin_unlock is missing') },
  ),
  row(
    'function calls are not allowed while holding a lock',
    'a static function',
    `${LOCK}\nr1 = 0\ncall f${UNLOCK}${OUT}${F('r6 = 1')}`,
    { want: 'ok', want61: einval('function calls are not allowed while holding a lock') },
  ),
  row(
    'function calls are not allowed while holding a lock',
    'a helper of a static function',
    `${LOCK}\nr1 = 0\ncall f${UNLOCK}${OUT}${F('call bpf_ktime_get_ns')}`,
    both(einval('function calls are not allowed while holding a lock')),
  ),
  row(
    'bpf_rcu_read_unlock is missing',
    'begun by a function',
    `r1 = 0\ncall f\ncall kfunc bpf_rcu_read_unlock${OUT}${F('call kfunc bpf_rcu_read_lock')}`,
    { want: 'ok' },
  ),
  row(
    'expected an initialized iter_%s as arg #%d',
    'advanced by a function',
    `${NEW(-8)}${at('r1', -8)}\ncall f${DESTROY(-8)}${OUT}${F('call kfunc bpf_iter_num_next\nif r0 == 0x0 goto end\nr0 = *(u32 *)(r0 +0)\nend: r6 = 1')}`,
    { want: 'ok' },
  ),
  row(
    'expected an initialized iter_%s as arg #%d',
    'made by a function',
    `${at('r1', -8)}\ncall f${DESTROY(-8)}${OUT}${F('r2 = 0\nr3 = 3\ncall kfunc bpf_iter_num_new')}`,
    { want: 'ok' },
  ),
  row(REFERENCE, 'an iterator of a function', `r1 = 0\ncall f${OUT}${F(NEW(-8))}`, { want: leaked(1, 8) }),
];

const branches: readonly VerifierCase[] = [
  row(
    REFERENCE,
    'given back on one of two paths',
    `r6 = *(u32 *)(r1 +0)${RESERVE()}\nif r6 == 0x0 goto out${SUBMIT()}${OUT}`,
    both(leaked(2, 5)),
  ),
  row(
    REFERENCE,
    'given back on both',
    `r6 = *(u32 *)(r1 +0)${RESERVE()}\nif r6 == 0x0 goto other${SUBMIT()}\ngoto out\nother: r1 = r7\nr2 = 0\ncall bpf_ringbuf_discard${OUT}`,
    both('ok'),
  ),
  row(
    REFERENCE,
    'the last copy overwritten',
    `${RESERVE()}\n*(u64 *)(r10 -8) = r7\nr7 = 0\n*(u64 *)(r10 -8) = 0${OUT}`,
    both(leaked(2, 4)),
  ),
  row(
    REFERENCE,
    'an iterator destroyed on one path',
    `r6 = *(u32 *)(r1 +0)${NEW(-8)}\nif r6 == 0x0 goto out${DESTROY(-8)}${OUT}`,
    { want: leaked(1, 5) },
  ),
  row(
    'expected an initialized iter_%s as arg #%d',
    'made on one path',
    `r6 = *(u32 *)(r1 +0)\nif r6 == 0x0 goto join${NEW(-8)}\njoin: r6 = 0${DESTROY(-8)}${OUT}`,
    { want: einval('expected an initialized iter_num as arg #0') },
  ),
  row('expected uninitialized iter_%s as arg #%d', 'twice', `${NEW(-8)}${NEW(-8)}${OUT}`, {
    want: einval('expected uninitialized iter_num as arg #0'),
  }),
  row(
    'expected uninitialized iter_%s as arg #%d',
    'again after it was destroyed',
    `${NEW(-8)}${DESTROY(-8)}${NEW(-8)}${DESTROY(-8)}${OUT}`,
    { want: 'ok' },
  ),
  row(
    'expected an initialized iter_%s as arg #%d',
    'advanced when it is drained',
    `${NEW(-8)}\nagain: r6 = 0${NEXT(-8)}\nif r0 != 0x0 goto again${NEXT(-8)}${DESTROY(-8)}${OUT}`,
    { want: 'ok' },
  ),
  row(
    "R%d invalid mem access '%s'",
    'an element after its iterator',
    `${NEW(-8)}${NEXT(-8)}\nr6 = r0${DESTROY(-8)}\nif r6 == 0x0 goto out\nr0 = *(u32 *)(r6 +0)${OUT}`,
    { want: eacces("R6 invalid mem access 'scalar'") },
  ),
  row(
    "R%d invalid mem access '%s'",
    'an element after the next',
    `${NEW(-8)}${NEXT(-8)}\nr6 = r0${NEXT(-8)}\nif r6 == 0x0 goto end\nr0 = *(u32 *)(r6 +0)\nend: r6 = 0${DESTROY(-8)}${OUT}`,
    { want: 'ok' },
  ),
  row('R%d type=%s expected=', 'given back twice', `${RESERVE()}\nr8 = r7${SUBMIT()}${SUBMIT('r8')}${OUT}`, {
    want: eacces('R1 type=scalar expected=ringbuf_mem'),
    want61: eacces('R1 type=scalar expected=alloc_mem'),
  }),
  row('R%d type=%s expected=', 'not tested for NULL', `${RESERVE().replace(/if .*/, '')}${SUBMIT()}${OUT}`, {
    want: eacces('R1 type=ringbuf_mem_or_null expected=ringbuf_mem'),
    want61: eacces('R1 type=alloc_mem_or_null expected=alloc_mem'),
  }),
  row(
    'R%d type=%s expected=',
    'tested in the copy',
    `${RESERVE().replace(/if .*/, '')}\n*(u64 *)(r10 -8) = r7\nif r7 == 0x0 goto out\nr6 = *(u64 *)(r10 -8)${SUBMIT('r6')}${OUT}`,
    both('ok'),
  ),
];

verifierCases('what callbacks own', callbacks);
verifierCases('what functions own', calls);
verifierCases('what paths own', branches);

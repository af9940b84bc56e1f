import { type Verdict, type VerifierCase, lastRefused, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const eacces = (message: string): Verdict => ['EACCES', message];
const OUT = `
  out: r0 = 0
  exit`;
const tracing: Partial<VerifierCase> = {
  type: 'TRACING',
  attachType: 23,
  attach: { kind: 'raw_tp', target: 'sched_switch' },
};
const sleepable: Partial<VerifierCase> = {
  type: 'LSM',
  attachType: 27,
  attach: { kind: 'lsm', target: 'file_open' },
  sleepable: true,
};
const at = (reg: string, off: number): string => `
  ${reg} = r10
  ${reg} += ${off}`;
const CURRENT = `
  call bpf_get_current_task_btf
  r2 = r0`;
const NEW = (kind: string, third: string, off = -64): string => `${at('r1', off)}
  r3 = ${third}
  call kfunc bpf_iter_${kind}_new`;
const NEXT = (kind: string, off = -64): string => `${at('r1', off)}
  call kfunc bpf_iter_${kind}_next`;
const DESTROY = (kind: string, off = -64): string => `${at('r1', off)}
  call kfunc bpf_iter_${kind}_destroy`;
/** All elements of an iterator at fp-64; `use` has one in r0, not NULL. */
const WALK = (kind: string, use = ''): string => `
  again: r8 = 0${NEXT(kind)}
  if r0 == 0x0 goto done
  ${use}
  goto again
  done: r8 = 0${DESTROY(kind)}`;
const PID = 'r1 = *(u32 *)(r0 +OFFSETOF(task_struct.pid))';
const row = (
  rule: string,
  name: string,
  text: string,
  want: Verdict,
  where: Partial<VerifierCase> = tracing,
): VerifierCase => ({ rule, name, text: `${lastRefused(text, { want })}${OUT}`, want, ...where });

const WALKED = 'every element of an iterator';
const INITIALIZED = 'expected an initialized iter_%s as arg #%d';
const FRESH = 'expected uninitialized iter_%s as arg #%d';
const RCU = 'expected an RCU CS when using %s';
const BITS = `*(u64 *)(r10 -72) = 0${at('r2', -72)}${NEW('bits', '1')}`;
const UNPROTECTED = einval('expected an initialized iter_task as arg #0');

const kinds: readonly VerifierCase[] = [
  row(WALKED, 'bits', `${BITS}${WALK('bits', 'r1 = *(u32 *)(r0 +0)')}`, 'ok'),
  row(
    WALKED,
    'past a bit',
    `${BITS}${WALK('bits', 'refused: r1 = *(u32 *)(r0 +4)')}`,
    eacces(
      'invalid access to memory, mem_size=4 off=4 size=4\nR0 min value is outside of the allowed memory range',
    ),
  ),
  row(
    WALKED,
    'mappings',
    `${CURRENT}${NEW('task_vma', '0')}${WALK('task_vma', 'r1 = *(u64 *)(r0 +OFFSETOF(vm_area_struct.vm_mm))')}`,
    'ok',
  ),
  row(WALKED, 'tasks', `${CURRENT}${NEW('task', '0')}${WALK('task', PID)}`, 'ok'),
  row(WALKED, 'tasks from the first on', `r2 = 0${NEW('task', '0')}${WALK('task', PID)}`, 'ok'),
  row(
    WALKED,
    'a task kept',
    `${CURRENT}${NEW('task', '0')}${WALK('task', 'r1 = r0\ncall kfunc bpf_task_acquire\nif r0 == 0x0 goto again\nr1 = r0\ncall kfunc bpf_task_release')}`,
    'ok',
  ),
  row(
    RCU,
    'a sleepable program',
    `${CURRENT}${NEW('task', '0')}${NEXT('task')}`,
    ['EPROTO', 'expected an RCU CS when using bpf_iter_task_next'],
    sleepable,
  ),
  row(
    RCU,
    'a section around it',
    `call kfunc bpf_rcu_read_lock${CURRENT}${NEW('task', '0')}${WALK('task', PID)}\ncall kfunc bpf_rcu_read_unlock`,
    'ok',
    sleepable,
  ),
  row(
    RCU,
    'another section than the one it was made in',
    `call kfunc bpf_rcu_read_lock${CURRENT}${NEW('task', '0')}\ncall kfunc bpf_rcu_read_unlock\ncall kfunc bpf_rcu_read_lock${NEXT('task')}`,
    ['EPROTO', 'expected an RCU CS when using bpf_iter_task_next'],
    sleepable,
  ),
  row(
    RCU,
    'sections inside the walk of numbers',
    `r2 = 0${NEW('num', '3')}${WALK('num', 'call kfunc bpf_rcu_read_lock\ncall kfunc bpf_rcu_read_unlock')}`,
    'ok',
    sleepable,
  ),
  row(
    INITIALIZED,
    'of another kind',
    `r2 = 0${NEW('num', '3')}${NEXT('bits')}`,
    einval('expected an initialized iter_bits as arg #0'),
  ),
  row(INITIALIZED, 'its second slot', `${CURRENT}${NEW('task', '0')}${NEXT('task', -56)}`, UNPROTECTED),
  row(
    INITIALIZED,
    'a later slot stored',
    `${CURRENT}${NEW('task', '0')}\n*(u64 *)(r10 -48) = 0${NEXT('task')}`,
    UNPROTECTED,
  ),
  row(
    FRESH,
    'over the slots of another',
    `r2 = 0${NEW('num', '3', -56)}${CURRENT}${NEW('task', '0')}`,
    einval('expected uninitialized iter_task as arg #0'),
  ),
  row(
    FRESH,
    'beside another',
    `r2 = 0${NEW('num', '3', -72)}${CURRENT}${NEW('task', '0')}${DESTROY('task')}${DESTROY('num', -72)}`,
    'ok',
  ),
  row(
    'invalid%s stack R%d off=%d size=%d',
    'an iterator that ends above the frame',
    `${CURRENT}${NEW('task', '0', -16)}`,
    eacces('invalid write to stack R1 off=0 size=8'),
  ),
  row(
    'invalid read from stack off %d+%d size %d',
    'an iterator loaded',
    `${CURRENT}${NEW('task', '0')}\nr1 = *(u64 *)(r10 -56)`,
    eacces('invalid read from stack off -56+0 size 8'),
  ),
  row(
    'Possibly NULL pointer passed to trusted arg%d',
    'no cgroup',
    `call kfunc bpf_rcu_read_lock\nr2 = 0${NEW('css', '1')}`,
    eacces('Possibly NULL pointer passed to trusted arg1'),
    sleepable,
  ),
];

const open: VerifierCase = {
  rule: 'bpf_rcu_read_unlock is missing',
  name: 'a section begun for each number',
  ...sleepable,
  text: `r2 = 0${NEW('num', '3')}${WALK('num', 'call kfunc bpf_rcu_read_lock')}
    out: r0 = 0
    refused: exit`,
  want: einval('bpf_rcu_read_unlock is missing'),
};

verifierCases('kinds of iterators', [...kinds, open]);

import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const eacces = (message: string): Verdict => ['EACCES', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });
const MAIN = 'int main(struct __sk_buff *ctx);';
const RDONLY_PROG = 128;
const on = (kind: string, target: string) => ({ attach: { kind, target } });
const FENTRY = { type: 'TRACING', attachType: 24 } as const;
const FEXIT = { type: 'TRACING', attachType: 25 } as const;
const TP_BTF = { type: 'TRACING', attachType: 23 } as const;
const LSM = { type: 'LSM', attachType: 27 } as const;
const ITER = { type: 'TRACING', attachType: 28 } as const;

/** r6 = value of the array that is map 0, its lock held. */
const LOCKED = `
  r6 = map_value 0
  r1 = r6
  call bpf_spin_lock`;
const UNLOCK = `
  r1 = r6
  call bpf_spin_unlock`;
const LOCK_VALUE = 'struct value { u32 n; struct bpf_spin_lock lock; };';
const lockMap = { type: MAP.ARRAY, value: 'struct value' } as const;
const LOCK_AT_4 = LOCKED.replace('r1 = r6', 'r1 = r6\n  r1 += 4');
const UNLOCK_AT_4 = UNLOCK.replace('r1 = r6', 'r1 = r6\n  r1 += 4');

const functions: readonly VerifierCase[] = [
  {
    rule: 'global function calls are not allowed while holding a lock, \\nuse static function instead',
    type: 'SCHED_CLS',
    text: `${LOCK_AT_4}\ncall f${UNLOCK_AT_4}\nr0 = 0\nexit\nf: r0 = 1\nexit`,
    c: `${LOCK_VALUE} ${MAIN} static int f(void);`,
    maps: [lockMap],
    want: 'ok',
  },
  {
    rule: 'global function calls are not allowed while holding a lock, \\nuse static function instead',
    name: 'before what is wrong with its arguments, which is printed first',
    type: 'SCHED_CLS',
    text: `${LOCK_AT_4}\nr1 = r10\ncall f${UNLOCK_AT_4}\nr0 = 0\nexit\nf: r0 = 1\nexit`,
    c: `${LOCK_VALUE} ${MAIN} int f(u64 a);`,
    maps: [lockMap],
    want: einval(
      'R1 is not a scalar\nglobal function calls are not allowed while holding a lock,\nuse static function instead',
    ),
  },
  {
    rule: 'global function calls are not allowed with preemption disabled, \\nuse static function instead',
    type: 'SCHED_CLS',
    text: 'call kfunc bpf_preempt_disable\ncall f\ncall kfunc bpf_preempt_enable\nr0 = 0\nexit\nf: r0 = 1\nexit',
    c: `${MAIN} static int f(void);`,
    want: 'ok',
  },
  {
    rule: 'R0 not a scalar value',
    text: 'r1 = 4\nr2 = func cb\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\ncb: r0 = r2\nr0 = 0\nexit',
    c: `${MAIN} static int cb(u64 i, void *ctx);`,
    ...both('ok'),
  },
  {
    rule: 'R0 not a scalar value',
    name: 'a map value',
    text: `
      r1 = map_fd 0
      r2 = func cb
      r3 = 0
      r4 = 0
      call bpf_for_each_map_elem
      r0 = 0
      exit
    cb: r0 = r3
      exit`,
    c: `${MAIN} static int cb(void *map, void *key, void *value, void *ctx);`,
    maps: [{ type: MAP.ARRAY, value: 8 }],
    ...both(eacces('R0 not a scalar value')),
  },
  {
    rule: 'cannot return stack pointer to the caller',
    name: 'a callback',
    text: 'r1 = 4\nr2 = func cb\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\ncb: r0 = r10\nexit',
    c: `${MAIN} static int cb(u64 i, void *ctx);`,
    ...both(einval('cannot return stack pointer to the caller')),
  },
];

/** `depth` static functions call each other, the last calls a global one. */
const globalBelow = (depth: number): Partial<VerifierCase> => ({
  c: `${MAIN} ${Array.from({ length: depth }, (_, i) => `static int f${i}(void);`).join(' ')} int g(void);`,
  text: `
    call f0
    r0 = 0
    exit
    ${Array.from({ length: depth }, (_, i) => `f${i}: call ${i + 1 < depth ? `f${i + 1}` : 'g'}\nexit`).join('\n')}
    g: r0 = 0
    exit`,
});

const deep: readonly VerifierCase[] = [
  {
    rule: 'the call stack of %d frames is too deep',
    name: 'a global function',
    ...globalBelow(6),
    ...both('ok'),
  },
  {
    rule: 'the call stack of %d frames is too deep',
    name: 'a global function is not entered',
    ...globalBelow(7),
    want: ['E2BIG', 'the call stack of 9 frames is too deep !'],
    want61: ['E2BIG', 'the call stack of 9 frames is too deep'],
  },
  {
    rule: 'the call stack of %d frames is too deep',
    name: 'Linux 6.1 counts before it looks at arguments',
    ...{ ...globalBelow(7), c: globalBelow(7).c!.replace('g(void)', 'g(u64 a)') },
    want: einval("Caller passes invalid args into func#8 ('g')"),
    want61: ['E2BIG', 'the call stack of 9 frames is too deep'],
  },
];

const KEY = `
  *(u32 *)(r10 -4) = 0
  r2 = r10
  r2 += -4
  r1 = map_fd 0`;
const update = (flags: number, call: string): Partial<VerifierCase> => ({
  text: `${KEY}\nr3 = r2\nr4 = 0\ncall ${call}\nr0 = 0\nexit`,
  maps: [{ type: MAP.HASH, value: 4, flags }],
});

const maps: readonly VerifierCase[] = [
  ...['bpf_map_update_elem', 'bpf_map_delete_elem'].flatMap((call): VerifierCase[] => [
    { rule: 'write into map forbidden', name: call, ...update(0, call), ...both('ok') },
    {
      rule: 'write into map forbidden',
      name: call,
      ...update(RDONLY_PROG, call),
      ...both(eacces('write into map forbidden')),
    },
  ]),
  {
    rule: 'write into map forbidden',
    name: 'a lookup does not write',
    ...update(RDONLY_PROG, 'bpf_map_lookup_elem'),
    ...both('ok'),
  },
  {
    rule: 'cannot pass map_type %d into func %s#%d',
    name: 'said after the call',
    text: `${KEY}\ncall bpf_map_lookup_elem\nr0 = 0\nexit`,
    maps: [{ type: MAP.PROG_ARRAY, value: 4 }],
    ...both(einval('cannot pass map_type 3 into func bpf_map_lookup_elem#1')),
  },
];

const AVAILABLE: readonly VerifierCase[] = [
  {
    rule: 'invalid func %s#%d',
    text: 'call 212\nr0 = 0\nexit',
    ...both(einval('invalid func unknown#212')),
  },
  {
    rule: 'invalid func %s#%d',
    name: 'the last helper',
    text: 'r1 = map_fd 0\nr2 = 0\ncall bpf_cgrp_storage_delete\nr0 = 0\nexit',
    maps: [{ type: MAP.CGRP_STORAGE }],
    type: 'SCHED_CLS',
    want: 'ok',
    want61: einval('invalid func unknown#211'),
  },
  {
    rule: 'helper call might sleep in a non-sleepable prog',
    type: 'SYSCALL',
    sleepable: true,
    text: 'r1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall bpf_copy_from_user\nr0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: 'helper call might sleep in a non-sleepable prog',
    name: 'before its arguments',
    ...{ ...FENTRY, ...on('fentry', 'wake_up_new_task') },
    text: 'call bpf_copy_from_user\nr0 = 0\nexit',
    ...both(einval('helper call might sleep in a non-sleepable prog')),
  },
  {
    rule: 'cannot call GPL-restricted function from non-GPL compatible program',
    name: 'before its arguments',
    type: 'KPROBE',
    license: 'MIT',
    text: 'call bpf_probe_read_kernel\nr0 = 0\nexit',
    ...both(einval('cannot call GPL-restricted function from non-GPL compatible program')),
  },
];

const D_PATH = `
  r1 = *(u64 *)(r1 +0)
  r2 = r10
  r2 += -64
  r3 = 64
  call bpf_d_path
  r0 = 0
  exit`;
const GET_FUNC_IP = 'call bpf_get_func_ip\nr0 = 0\nexit';

const permission: readonly VerifierCase[] = [
  {
    rule: 'helper call is not allowed in probe',
    ...{ ...FENTRY, ...on('fentry', 'vfs_truncate') },
    text: D_PATH,
    ...both('ok'),
  },
  {
    rule: 'helper call is not allowed in probe',
    ...{ ...FENTRY, ...on('fentry', 'path_get') },
    text: D_PATH,
    ...both(einval('helper call is not allowed in probe')),
  },
  {
    rule: 'helper call is not allowed in probe',
    name: 'a hook that may sleep',
    ...{ ...LSM, ...on('lsm', 'path_truncate'), text: D_PATH, ...both('ok') },
  },
  {
    rule: 'helper call is not allowed in probe',
    name: 'before its arguments',
    ...{ ...FENTRY, ...on('fentry', 'path_get') },
    text: 'call bpf_d_path\nr0 = 0\nexit',
    ...both(einval('helper call is not allowed in probe')),
  },
  {
    rule: 'func %s#%d supported only for fentry/fexit/fmod_ret programs',
    ...{ ...FENTRY, ...on('fentry', 'wake_up_new_task'), text: GET_FUNC_IP, ...both('ok') },
  },
  {
    rule: 'func %s#%d supported only for fentry/fexit/fmod_ret programs',
    ...{ ...FEXIT, ...on('fexit', 'wake_up_new_task'), text: GET_FUNC_IP, ...both('ok') },
  },
  {
    rule: 'func %s#%d supported only for fentry/fexit/fmod_ret programs',
    ...{ ...TP_BTF, ...on('raw_tp', 'sched_switch'), text: GET_FUNC_IP },
    ...both(['ENOTSUPP', 'func bpf_get_func_ip#173 supported only for fentry/fexit/fmod_ret programs']),
  },
  {
    rule: 'func %s#%d supported only for fentry/fexit/fmod_ret programs',
    name: 'iterator',
    ...{ ...ITER, ...on('iter', 'task'), text: GET_FUNC_IP },
    ...both(['ENOTSUPP', 'func bpf_get_func_ip#173 supported only for fentry/fexit/fmod_ret programs']),
  },
  {
    rule: 'func %s#%d not supported for program type %d',
    ...{ type: 'KPROBE', text: GET_FUNC_IP, ...both('ok') },
  },
  ...(
    [
      ['RAW_TRACEPOINT', 17],
      ['TRACEPOINT', 5],
      ['PERF_EVENT', 7],
    ] as const
  ).map(([type, number]): VerifierCase => ({
    rule: 'func %s#%d not supported for program type %d',
    ...{ name: type, type, text: GET_FUNC_IP },
    ...both(['ENOTSUPP', `func bpf_get_func_ip#173 not supported for program type ${number}`]),
  })),
];

verifierCases('calls of functions', functions);
verifierCases('deep calls', deep);
verifierCases('calls with maps', maps);
verifierCases('helpers that exist', AVAILABLE);
verifierCases('helpers that ask where they are', permission);

import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const eacces = (message: string): Verdict => ['EACCES', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });

const array = (value: number, flags = 0) => [{ type: MAP.ARRAY, value, flags, max: 4 }];
const hash = (value: number, flags = 0) => [{ type: MAP.HASH, value, flags, max: 4 }];
/** r0 = a value of map 0, not NULL; r6 = the context; r7 = an unknown number. */
const lookup = (rest: string): string => `
  r6 = r1
  r7 = *(u32 *)(r1 +0)
  *(u32 *)(r10 -4) = 0
  r2 = r10
  r2 += -4
  r1 = map_fd 0
  call bpf_map_lookup_elem
  if r0 == 0x0 goto out
  ${rest}
  r0 = 0
  out: exit`;
const NEGATIVE = 'min value is negative, either use unsigned index or do a if (index >=0) check.';
const UNBOUNDED = 'unbounded memory access, make sure to bounds check any such access';
const OUTSIDE_MIN = 'min value is outside of the allowed memory range';
const OUTSIDE_MAX = 'max value is outside of the allowed memory range';

const values: readonly VerifierCase[] = [
  {
    rule: 'invalid access to map value, value_size=%d off=%d size=%d',
    text: lookup('r1 = *(u64 *)(r0 +8)'),
    maps: hash(8),
    ...both(eacces(`invalid access to map value, value_size=8 off=8 size=8\nR0 ${OUTSIDE_MIN}`)),
  },
  {
    rule: 'invalid access to map value, value_size=%d off=%d size=%d',
    name: 'last byte',
    text: lookup('r1 = *(u8 *)(r0 +7)'),
    maps: hash(8),
    ...both('ok'),
  },
  {
    rule: `R%d ${OUTSIDE_MIN}`,
    name: 'straddles the end',
    text: lookup('r1 = *(u64 *)(r0 +4)'),
    maps: hash(8),
    ...both(eacces(`invalid access to map value, value_size=8 off=4 size=8\nR0 ${OUTSIDE_MIN}`)),
  },
  {
    rule: `R%d ${OUTSIDE_MIN}`,
    name: 'before the value',
    text: lookup('r1 = *(u8 *)(r0 -1)'),
    maps: hash(8),
    ...both(eacces(`invalid access to map value, value_size=8 off=-1 size=1\nR0 ${OUTSIDE_MIN}`)),
  },
  {
    rule: `R%d ${NEGATIVE}`,
    text: lookup(
      'r7 = *(u64 *)(r10 -16)\nif r7 s> 0x4 goto out\nif r7 s< 0xfffffffc goto out\nr0 += r7\nr1 = *(u8 *)(r0 +0)',
    ),
    maps: hash(8),
    ...both(eacces(`R0 ${NEGATIVE}`)),
  },
  {
    rule: `R%d ${NEGATIVE}`,
    name: 'checked',
    text: lookup(
      'r7 = *(u64 *)(r10 -16)\nif r7 s> 0x4 goto out\nif r7 s< 0x0 goto out\nr0 += r7\nr1 = *(u8 *)(r0 +0)',
    ),
    maps: hash(8),
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: `R%d ${UNBOUNDED}`,
    text: lookup('r0 += r7\nr1 = *(u8 *)(r0 +0)'),
    maps: hash(8),
    ...both(eacces(`R0 ${UNBOUNDED}`)),
  },
  {
    rule: `R%d ${OUTSIDE_MAX}`,
    text: lookup('r7 &= 15\nr0 += r7\nr1 = *(u8 *)(r0 +0)'),
    maps: hash(8),
    ...both(eacces(`invalid access to map value, value_size=8 off=15 size=1\nR0 ${OUTSIDE_MAX}`)),
  },
  {
    rule: `R%d ${OUTSIDE_MAX}`,
    name: 'masked',
    text: lookup('r7 &= 7\nr0 += r7\nr1 = *(u8 *)(r0 +0)'),
    maps: hash(8),
    ...both('ok'),
  },
  {
    rule: `R%d ${OUTSIDE_MAX}`,
    name: 'compared',
    text: lookup('if r7 > 0x7 goto out\nr0 += r7\nr1 = *(u8 *)(r0 +0)'),
    maps: hash(8),
    ...both('ok'),
  },
  {
    rule: `R%d ${OUTSIDE_MAX}`,
    name: 'shifted',
    text: lookup('r7 &= 1\nr7 <<= 3\nr0 += r7\n*(u64 *)(r0 +0) = 5'),
    maps: hash(16),
    ...both('ok'),
  },
  {
    rule: 'write into map forbidden, value_size=%d off=%d size=%d',
    text: lookup('*(u64 *)(r0 +0) = 1'),
    maps: hash(8, 128),
    ...both(eacces('write into map forbidden, value_size=8 off=0 size=8')),
  },
  {
    rule: 'write into map forbidden, value_size=%d off=%d size=%d',
    name: 'read',
    text: lookup('r1 = *(u64 *)(r0 +0)'),
    maps: hash(8, 128),
    ...both('ok'),
  },
  {
    rule: 'read from map forbidden, value_size=%d off=%d size=%d',
    text: lookup('r1 = *(u64 *)(r0 +0)'),
    maps: hash(8, 256),
    ...both(eacces('read from map forbidden, value_size=8 off=0 size=8')),
  },
  {
    rule: 'read from map forbidden, value_size=%d off=%d size=%d',
    name: 'write',
    text: lookup('*(u64 *)(r0 +0) = 1'),
    maps: hash(8, 256),
    ...both('ok'),
  },
  {
    rule: "R%d invalid mem access '%s'",
    name: 'not tested for NULL',
    text: 'r2 = r10\nr2 += -4\n*(u32 *)(r10 -4) = 0\nr1 = map_fd 0\ncall bpf_map_lookup_elem\nr1 = *(u64 *)(r0 +0)\nr0 = 0\nexit',
    maps: hash(8),
    ...both(eacces("R0 invalid mem access 'map_value_or_null'")),
  },
  {
    rule: "R%d invalid mem access '%s'",
    name: 'number',
    text: 'r1 = 5\nr0 = *(u64 *)(r1 +0)\nexit',
    ...both(eacces("R1 invalid mem access 'scalar'")),
  },
  {
    rule: "R%d invalid mem access '%s'",
    name: 'what is known to be NULL',
    text: 'r2 = r10\nr2 += -4\n*(u32 *)(r10 -4) = 0\nr1 = map_fd 0\ncall bpf_map_lookup_elem\nif r0 != 0x0 goto +2\nr1 = *(u64 *)(r0 +0)\nexit\nr0 = 0\nexit',
    maps: hash(8),
    ...both(eacces("R0 invalid mem access 'scalar'")),
  },
  {
    rule: "R%d invalid mem access '%s'",
    name: 'end of the packet',
    type: 'XDP',
    text: 'r2 = *(u32 *)(r1 +4)\nr0 = *(u8 *)(r2 +0)\nexit',
    ...both(eacces("R2 invalid mem access 'pkt_end'")),
  },
  {
    rule: 'null test by another copy',
    text: lookup('r1 = r0\nr2 = *(u64 *)(r1 +0)'),
    maps: hash(8),
    ...both('ok'),
  },
  {
    rule: 'null test of one copy settles the other',
    text: 'r2 = r10\nr2 += -4\n*(u32 *)(r10 -4) = 0\nr1 = map_fd 0\ncall bpf_map_lookup_elem\nr6 = r0\nif r0 == 0x0 goto out\nr1 = *(u64 *)(r6 +0)\nout: r0 = 0\nexit',
    maps: hash(8),
    ...both('ok'),
  },
  {
    rule: 'direct value offset of %u is not allowed',
    text: 'r1 = map_value 0 +536870912\nr0 = 0\nexit',
    maps: [{ type: MAP.ARRAY, value: 8 }],
    ...both(einval('direct value offset of 536870912 is not allowed')),
  },
  {
    rule: 'invalid access to map value pointer, value_size=%u off=%u',
    text: 'r1 = map_value 0 +8\nr0 = 0\nexit',
    maps: [{ type: MAP.ARRAY, value: 8 }],
    ...both(einval('invalid access to map value pointer, value_size=8 off=8')),
  },
  {
    rule: 'invalid access to map value pointer, value_size=%u off=%u',
    name: 'of several elements',
    text: 'r1 = map_value 0 +0\nr0 = 0\nexit',
    maps: array(8),
    ...both(['ENOTSUPP', 'invalid access to map value pointer, value_size=8 off=0']),
  },
  {
    rule: 'invalid access to map value pointer, value_size=%u off=%u',
    name: 'inside',
    text: 'r1 = map_value 0 +4\nr0 = *(u32 *)(r1 +0)\nexit',
    maps: [{ type: MAP.ARRAY, value: 8 }],
    ...both('ok'),
  },
  {
    rule: 'no direct value access support for this map type',
    text: 'r1 = map_value 0 +0\nr0 = 0\nexit',
    maps: hash(8),
    want: einval('no direct value access support for this map type'),
  },
  {
    rule: 'value of a data section, past its end',
    text: 'r1 = map_value 0 +4\nr0 = *(u64 *)(r1 +0)\nexit',
    maps: [{ type: MAP.ARRAY, value: 8 }],
    ...both(eacces(`invalid access to map value, value_size=8 off=4 size=8\nR1 ${OUTSIDE_MIN}`)),
  },
  {
    rule: 'constant data decide branches',
    text: 'r1 = map_value 0 +0\nr0 = *(u8 *)(r1 +0)\nif r0 == 0x61 goto out\nr0 = *(u64 *)(r10 +8)\nout: exit',
    maps: [{ type: MAP.ARRAY, value: 8, flags: 128, constant: 'abc' }],
    ...both('ok'),
  },
  {
    rule: 'map_ptr access not supported for map type %d',
    text: 'r1 = map_fd 0\nr0 = *(u32 *)(r1 +24)\nexit',
    maps: hash(8),
    ...both('ok'),
  },
  {
    rule: 'R%d is %s invalid negative access: off=%d',
    text: 'r1 = map_fd 0\nr0 = *(u32 *)(r1 -4)\nexit',
    maps: hash(8),
    ...both(eacces('R1 is bpf_htab invalid negative access: off=-4')),
  },
  {
    rule: 'only read from %s is supported',
    text: 'r1 = map_fd 0\n*(u32 *)(r1 +0) = 0\nr0 = 0\nexit',
    maps: array(8),
    ...both(eacces('only read from bpf_array is supported')),
  },
  {
    rule: 'bpf_struct_ops map cannot be used in prog',
    text: 'r1 = map_fd 0\nr0 = 0\nexit',
    maps: [{ type: MAP.STRUCT_OPS }],
    ...both(einval('bpf_struct_ops map cannot be used in prog')),
  },
  {
    rule: 'Sleepable programs can only use array, hash, ringbuf and local storage maps',
    type: 'SYSCALL',
    sleepable: true,
    text: 'r1 = map_fd 0\nr0 = 0\nexit',
    maps: [{ type: MAP.LPM_TRIE, key: 8 }],
    want: einval('Sleepable programs can only use array, hash, ringbuf and local storage maps'),
    want61: einval('Sleepable programs can only use array, hash, and ringbuf maps'),
  },
  {
    rule: 'Sleepable programs can only use array, hash, ringbuf and local storage maps',
    type: 'SYSCALL',
    sleepable: true,
    text: 'r1 = map_fd 0\nr0 = 0\nexit',
    maps: hash(8),
    ...both('ok'),
  },
  {
    rule: 'The total number of maps per program has reached the limit of %u',
    text: `${manyMaps(65)}r0 = 0\nexit`,
    maps: Array.from({ length: 65 }, () => ({ type: MAP.ARRAY })),
    want: ['E2BIG', 'The total number of maps per program has reached the limit of 64'],
  },
  {
    rule: 'The total number of maps per program has reached the limit of %u',
    text: `${manyMaps(64)}r0 = 0\nexit`,
    maps: Array.from({ length: 64 }, () => ({ type: MAP.ARRAY })),
    ...both('ok'),
  },
  {
    rule: 'only one cgroup storage of each type is allowed',
    type: 'CGROUP_SKB',
    text: 'r1 = map_fd 0\nr1 = map_fd 1\nr0 = 0\nexit',
    maps: [
      { type: MAP.CGROUP_STORAGE, max: 0 },
      { type: MAP.CGROUP_STORAGE, max: 0 },
    ],
    ...both(['EBUSY', 'only one cgroup storage of each type is allowed']),
  },
  {
    rule: 'only one cgroup storage of each type is allowed',
    type: 'CGROUP_SKB',
    text: 'r1 = map_fd 0\nr1 = map_fd 1\nr0 = 0\nexit',
    maps: [
      { type: MAP.CGROUP_STORAGE, max: 0 },
      { type: MAP.PERCPU_CGROUP_STORAGE, max: 0 },
    ],
    ...both('ok'),
  },
];

function manyMaps(count: number): string {
  return Array.from({ length: count }, (_, i) => `r1 = map_fd ${i}\n`).join('');
}

const LOCKED = 'struct v { struct bpf_spin_lock l; u64 n; };';
const TIMED = 'struct v { struct bpf_timer t; u64 n; };';
const QUEUED = 'struct v { struct bpf_wq w; u64 n; };';
const KPTR =
  'struct task_struct { int x; }; struct v { u64 n; struct task_struct __kptr *p; struct task_struct __kptr_untrusted *u; };';
const typed = [{ type: MAP.ARRAY, value: 'struct v' }];
const USES = 'r1 = map_fd 0\nr0 = 0\nexit';

const fields: readonly VerifierCase[] = [
  ...(['KPROBE', 'TRACEPOINT', 'PERF_EVENT', 'RAW_TRACEPOINT', 'RAW_TRACEPOINT_WRITABLE'] as const).flatMap(
    (type): VerifierCase[] => [
      {
        rule: 'tracing progs cannot use bpf_spin_lock yet',
        name: type,
        type,
        text: USES,
        maps: typed,
        c: LOCKED,
        ...both(einval('tracing progs cannot use bpf_spin_lock yet')),
      },
      {
        rule: 'tracing progs cannot use bpf_timer yet',
        name: type,
        type,
        text: USES,
        maps: typed,
        c: TIMED,
        ...both(einval('tracing progs cannot use bpf_timer yet')),
      },
      {
        rule: 'tracing progs cannot use bpf_wq yet',
        name: type,
        type,
        text: USES,
        maps: typed,
        c: QUEUED,
        want: einval('tracing progs cannot use bpf_wq yet'),
      },
    ],
  ),
  {
    rule: 'socket filter progs cannot use bpf_spin_lock yet',
    text: USES,
    maps: typed,
    c: LOCKED,
    ...both(einval('socket filter progs cannot use bpf_spin_lock yet')),
  },
  {
    rule: 'socket filter progs cannot use bpf_spin_lock yet',
    name: 'a timer',
    text: USES,
    maps: typed,
    c: TIMED,
    ...both('ok'),
  },
  {
    rule: 'tracing progs cannot use bpf_spin_lock yet',
    name: 'tc',
    type: 'SCHED_CLS',
    text: USES,
    maps: typed,
    c: LOCKED,
    ...both('ok'),
  },
  {
    rule: 'tracing progs cannot use bpf_timer yet',
    name: 'tc',
    type: 'SCHED_CLS',
    text: USES,
    maps: typed,
    c: TIMED,
    ...both('ok'),
  },
  {
    rule: 'tracing progs cannot use bpf_wq yet',
    name: 'tc',
    type: 'SCHED_CLS',
    text: USES,
    maps: typed,
    c: QUEUED,
    want: 'ok',
  },
  {
    rule: 'tracing progs cannot use bpf_{list_head,rb_root} yet',
    type: 'KPROBE',
    text: USES,
    maps: typed,
    c: 'struct n { struct bpf_list_node l; u64 d; }; struct v { struct bpf_spin_lock k; struct bpf_list_head h __contains(n, l); };',
    want: einval('tracing progs cannot use bpf_{list_head,rb_root} yet'),
  },
  {
    rule: 'tracing progs cannot use bpf_{list_head,rb_root} yet',
    name: 'tc',
    type: 'SCHED_CLS',
    text: USES,
    maps: typed,
    c: 'struct n { struct bpf_list_node l; u64 d; }; struct v { struct bpf_spin_lock k; struct bpf_list_head h __contains(n, l); };',
    want: 'ok',
  },
  {
    rule: 'sleepable progs cannot use bpf_spin_lock yet',
    type: 'SYSCALL',
    sleepable: true,
    text: USES,
    maps: typed,
    c: LOCKED,
    want: 'ok',
    want61: einval('sleepable progs cannot use bpf_spin_lock yet'),
  },
  {
    rule: '%s cannot be accessed directly by load/store',
    type: 'SCHED_CLS',
    text: lookup('r1 = *(u32 *)(r0 +0)'),
    maps: typed,
    c: LOCKED,
    ...both(eacces('bpf_spin_lock cannot be accessed directly by load/store')),
  },
  {
    rule: '%s cannot be accessed directly by load/store',
    name: 'timer, store',
    type: 'SCHED_CLS',
    text: lookup('*(u64 *)(r0 +8) = 0'),
    maps: typed,
    c: TIMED,
    ...both(eacces('bpf_timer cannot be accessed directly by load/store')),
  },
  {
    rule: '%s cannot be accessed directly by load/store',
    name: 'workqueue',
    type: 'SCHED_CLS',
    text: lookup('r1 = *(u64 *)(r0 +0)'),
    maps: typed,
    c: QUEUED,
    want: eacces('bpf_wq cannot be accessed directly by load/store'),
    want61: 'ok',
  },
  {
    rule: '%s cannot be accessed directly by load/store',
    name: 'list head',
    type: 'SCHED_CLS',
    text: lookup('r1 = *(u64 *)(r0 +8)'),
    maps: typed,
    c: 'struct n { struct bpf_list_node l; u64 d; }; struct v { struct bpf_spin_lock k; struct bpf_list_head h __contains(n, l); };',
    want: eacces('bpf_list_head cannot be accessed directly by load/store'),
    want61: 'ok',
  },
  {
    rule: '%s cannot be accessed directly by load/store',
    name: 'root',
    type: 'SCHED_CLS',
    text: lookup('r1 = *(u64 *)(r0 +8)'),
    maps: typed,
    c: 'struct n { struct bpf_rb_node l; u64 d; }; struct v { struct bpf_spin_lock k; struct bpf_rb_root h __contains(n, l); };',
    want: eacces('bpf_rb_root cannot be accessed directly by load/store'),
    want61: 'ok',
  },
  {
    rule: '%s cannot be accessed directly by load/store',
    name: 'beside it',
    type: 'SCHED_CLS',
    text: lookup('r1 = *(u64 *)(r0 +8)'),
    maps: typed,
    c: LOCKED,
    ...both('ok'),
  },
  {
    rule: '%s cannot be accessed directly by load/store',
    name: 'variable offset over it',
    type: 'SCHED_CLS',
    text: lookup('r7 &= 8\nr0 += r7\nr1 = *(u32 *)(r0 +0)'),
    maps: typed,
    c: LOCKED,
    ...both(eacces('bpf_spin_lock cannot be accessed directly by load/store')),
  },
  {
    rule: 'kptr access size must be BPF_DW',
    type: 'SCHED_CLS',
    text: lookup('r1 = *(u32 *)(r0 +8)'),
    maps: typed,
    c: KPTR,
    ...both(eacces('kptr access size must be BPF_DW')),
  },
  {
    rule: 'kptr access misaligned expected=%u off=%llu',
    type: 'SCHED_CLS',
    text: lookup('r1 = *(u32 *)(r0 +12)'),
    maps: typed,
    c: KPTR,
    ...both(eacces('kptr access misaligned expected=8 off=12')),
  },
  {
    rule: 'kptr access cannot have variable offset',
    type: 'SCHED_CLS',
    text: lookup('r7 &= 8\nr0 += r7\nr1 = *(u64 *)(r0 +0)'),
    maps: typed,
    c: KPTR,
    ...both(eacces('kptr access cannot have variable offset')),
  },
  {
    rule: 'store to referenced kptr disallowed',
    type: 'SCHED_CLS',
    text: lookup('*(u64 *)(r0 +8) = 0'),
    maps: typed,
    c: KPTR,
    ...both(eacces('store to referenced kptr disallowed')),
  },
  {
    rule: 'BPF_ST imm must be 0 when storing to kptr at off=%u',
    type: 'SCHED_CLS',
    text: lookup('*(u64 *)(r0 +16) = 1'),
    maps: typed,
    c: KPTR,
    want: eacces('BPF_ST imm must be 0 when storing to kptr at off=16'),
  },
  {
    rule: 'BPF_ST imm must be 0 when storing to kptr at off=%u',
    type: 'SCHED_CLS',
    text: lookup('*(u64 *)(r0 +16) = 0'),
    maps: typed,
    c: KPTR,
    want: 'ok',
  },
  {
    rule: 'kptr access size must be BPF_DW',
    type: 'SCHED_CLS',
    name: 'whole, tested, followed',
    text: lookup('r1 = *(u64 *)(r0 +8)\nif r1 == 0x0 goto out\nr2 = *(u32 *)(r1 +44)'),
    maps: typed,
    c: KPTR,
    want: 'ok',
  },
  {
    rule: 'kptr access size must be BPF_DW',
    type: 'SCHED_CLS',
    name: 'not tested for NULL',
    text: lookup('r1 = *(u64 *)(r0 +16)\nr2 = *(u32 *)(r1 +44)'),
    maps: typed,
    c: KPTR,
    want: eacces("R1 invalid mem access 'untrusted_ptr_or_null_'"),
  },
  {
    rule: 'kptr in map can only be accessed using BPF_MEM instruction mode',
    type: 'SCHED_CLS',
    text: lookup('r1 = 1\nlock *(u64 *)(r0 +8) += r1'),
    maps: typed,
    c: KPTR,
    ...both(eacces('kptr in map can only be accessed using BPF_MEM instruction mode')),
  },
  {
    rule: 'invalid kptr access, R%d type=%s%s',
    type: 'SCHED_CLS',
    text: lookup('r1 = 5\n*(u64 *)(r0 +16) = r1'),
    maps: typed,
    c: KPTR,
    want: einval('invalid kptr access, R1 type=scalar expected=ptr_task_struct or untrusted_ptr_task_struct'),
  },
];

const xdp = (rest: string): string => `
  r2 = *(u32 *)(r1 +0)
  r3 = *(u32 *)(r1 +4)
  ${rest}
  out: r0 = 0
  exit`;
const checked = (bytes: number, rest: string): string =>
  xdp(`r4 = r2\nr4 += ${bytes}\nif r4 > r3 goto out\n${rest}`);

const packets: readonly VerifierCase[] = [
  {
    rule: 'R%d offset is outside of the packet',
    type: 'XDP',
    text: xdp('r4 = *(u8 *)(r2 +0)'),
    ...both(
      eacces(
        'invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)\nR2 offset is outside of the packet',
      ),
    ),
  },
  {
    rule: 'R%d offset is outside of the packet',
    name: 'checked',
    type: 'XDP',
    text: checked(14, 'r4 = *(u16 *)(r2 +12)'),
    ...both('ok'),
  },
  {
    rule: 'invalid access to packet, off=%d size=%d, R%d(id=%d,off=%d,r=%d)',
    type: 'XDP',
    text: checked(14, 'r4 = *(u32 *)(r2 +12)'),
    ...both(
      eacces(
        'invalid access to packet, off=12 size=4, R2(id=0,off=12,r=14)\nR2 offset is outside of the packet',
      ),
    ),
  },
  {
    rule: 'invalid access to packet, off=%d size=%d, R%d(id=%d,off=%d,r=%d)',
    name: 'the other way',
    type: 'XDP',
    text: xdp('r4 = r2\nr4 += 8\nif r3 < r4 goto out\nr4 = *(u64 *)(r2 +0)'),
    ...both('ok'),
  },
  {
    rule: 'packet: end compared with >=',
    type: 'XDP',
    text: xdp('r4 = r2\nr4 += 8\nif r3 >= r4 goto +1\ngoto out\nr4 = *(u64 *)(r2 +0)'),
    ...both('ok'),
  },
  {
    rule: 'packet: >= proves one byte more',
    type: 'XDP',
    text: xdp('r4 = r2\nr4 += 7\nif r4 >= r3 goto out\nr4 = *(u64 *)(r2 +0)'),
    ...both('ok'),
  },
  {
    rule: 'packet: > does not',
    type: 'XDP',
    text: xdp('r4 = r2\nr4 += 7\nif r4 > r3 goto out\nr4 = *(u64 *)(r2 +0)'),
    ...both(
      eacces(
        'invalid access to packet, off=0 size=8, R2(id=0,off=0,r=7)\nR2 offset is outside of the packet',
      ),
    ),
  },
  {
    rule: 'packet: in the branch that is too short',
    type: 'XDP',
    text: xdp('r4 = r2\nr4 += 8\nif r4 <= r3 goto out\nr5 = *(u64 *)(r2 +0)'),
    ...both(
      eacces(
        'invalid access to packet, off=0 size=8, R2(id=0,off=0,r=0)\nR2 offset is outside of the packet',
      ),
    ),
  },
  {
    rule: 'packet: variable offset',
    type: 'XDP',
    text: checked(
      1,
      'r4 = *(u8 *)(r2 +0)\nr2 += r4\nr5 = r2\nr5 += 4\nif r5 > r3 goto out\nr4 = *(u32 *)(r2 +0)',
    ),
    ...both('ok'),
  },
  {
    rule: 'packet: variable offset, not checked',
    type: 'XDP',
    text: checked(1, 'r4 = *(u8 *)(r2 +0)\nr2 += r4\nr4 = *(u32 *)(r2 +0)'),
    want: eacces(
      'invalid access to packet, off=0 size=4, R2(id=1,off=0,r=0)\nR2 offset is outside of the packet',
    ),
  },
  {
    rule: 'packet: too large an offset for a range',
    type: 'XDP',
    text: xdp('r4 = r2\nr4 += 70000\nif r4 > r3 goto out\nr4 = *(u8 *)(r2 +0)'),
    ...both(
      eacces(
        'invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)\nR2 offset is outside of the packet',
      ),
    ),
  },
  {
    rule: 'packet metadata',
    type: 'XDP',
    text: 'r2 = *(u32 *)(r1 +8)\nr3 = *(u32 *)(r1 +0)\nr4 = r2\nr4 += 4\nif r4 > r3 goto out\nr5 = *(u32 *)(r2 +0)\nout: r0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: 'packet metadata',
    name: 'against the end',
    type: 'XDP',
    text: 'r2 = *(u32 *)(r1 +8)\nr3 = *(u32 *)(r1 +4)\nr4 = r2\nr4 += 4\nif r4 > r3 goto out\nr5 = *(u32 *)(r2 +0)\nout: r0 = 0\nexit',
    ...both(
      eacces(
        'invalid access to packet, off=0 size=4, R2(id=0,off=0,r=0)\nR2 offset is outside of the packet',
      ),
    ),
  },
  {
    rule: 'R%d pointer arithmetic on %s prohibited',
    name: 'end of the packet',
    type: 'XDP',
    text: xdp('r3 += 1'),
    ...both(eacces('R3 pointer arithmetic on pkt_end prohibited')),
  },
  ...(['XDP', 'SCHED_CLS', 'SCHED_ACT', 'LWT_XMIT', 'SK_SKB', 'SK_MSG', 'CGROUP_SOCKOPT'] as const).map(
    (type): VerifierCase => packetWrite(type, 'ok'),
  ),
  ...(
    [
      'CGROUP_SKB',
      'LWT_IN',
      'LWT_OUT',
      'LWT_SEG6LOCAL',
      'SK_REUSEPORT',
      'FLOW_DISSECTOR',
      'SOCK_OPS',
    ] as const
  ).map((type): VerifierCase => packetWrite(type, eacces('cannot write into packet'))),
  {
    rule: 'helper calls forget packet ranges',
    type: 'SCHED_CLS',
    text: 'r6 = r1\nr2 = *(u32 *)(r1 +76)\nr3 = *(u32 *)(r1 +80)\nr7 = r2\nr2 += 8\nif r2 > r3 goto out\nr2 = 0\nr1 = r6\ncall bpf_skb_pull_data\nr4 = *(u8 *)(r7 +0)\nout: r0 = 0\nexit',
    ...both(eacces("R7 invalid mem access 'scalar'")),
  },
];

function packetWrite(type: NonNullable<VerifierCase['type']>, want: Verdict): VerifierCase {
  const skb = [
    'SCHED_CLS',
    'SCHED_ACT',
    'LWT_XMIT',
    'SK_SKB',
    'CGROUP_SKB',
    'LWT_IN',
    'LWT_OUT',
    'LWT_SEG6LOCAL',
    'FLOW_DISSECTOR',
  ];
  const [start, end, bits] = skb.includes(type)
    ? [76, 80, 32]
    : type === 'XDP'
      ? [0, 4, 32]
      : type === 'CGROUP_SOCKOPT'
        ? [8, 16, 64]
        : type === 'SOCK_OPS'
          ? [192, 200, 64]
          : [0, 8, 64];
  return {
    rule: 'cannot write into packet',
    name: type,
    type,
    text: `r2 = *(u${bits} *)(r1 +${start})\nr3 = *(u${bits} *)(r1 +${end})\nr4 = r2\nr4 += 4\nif r4 > r3 goto out\n*(u32 *)(r2 +0) = 7\nout: r0 = 0\nexit`,
    ...(type === 'CGROUP_SOCKOPT' ? { attachType: 22 } : {}),
    ...both(want),
  };
}

const arithmetic: readonly VerifierCase[] = [
  {
    rule: 'R%d 32-bit pointer arithmetic prohibited',
    text: 'w1 += 4\nr0 = 0\nexit',
    ...both(eacces('R1 32-bit pointer arithmetic prohibited')),
  },
  {
    rule: 'R%d 32-bit pointer arithmetic prohibited',
    name: 'difference gives a number',
    text: 'w1 -= 4\nr0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: 'R%d pointer arithmetic on %s prohibited, null-check it first',
    text: 'r2 = r10\nr2 += -4\n*(u32 *)(r10 -4) = 0\nr1 = map_fd 0\ncall bpf_map_lookup_elem\nr0 += 4\nr0 = 0\nexit',
    maps: hash(8),
    ...both(eacces('R0 pointer arithmetic on map_value_or_null prohibited, null-check it first')),
  },
  {
    rule: 'R%d pointer arithmetic on %s prohibited',
    name: 'map',
    text: 'r1 = map_fd 0\nr1 += 8\nr0 = 0\nexit',
    maps: hash(8),
    ...both(eacces('R1 pointer arithmetic on map_ptr prohibited')),
  },
  {
    rule: 'R%d pointer arithmetic on %s prohibited',
    name: 'map plus 0',
    text: 'r1 = map_fd 0\nr1 += 0\nr0 = 0\nexit',
    maps: hash(8),
    ...both('ok'),
  },
  {
    rule: 'R%d pointer arithmetic on %s prohibited',
    name: 'socket',
    type: 'SK_MSG',
    text: 'r1 = *(u64 *)(r1 +72)\nr1 += 4\nr0 = 0\nexit',
    ...both(eacces('R1 pointer arithmetic on sock prohibited')),
  },
  {
    rule: 'R%d pointer arithmetic on %s prohibited',
    name: 'flow keys, variable',
    type: 'FLOW_DISSECTOR',
    text: 'r6 = r1\ncall bpf_get_prandom_u32\nr1 = *(u64 *)(r6 +144)\nr0 &= 3\nr1 += r0\nr0 = 0\nexit',
    ...both(eacces('R1 pointer arithmetic on flow_keys prohibited')),
  },
  {
    rule: 'R%d tried to subtract pointer from scalar',
    text: 'r2 = 5\nr2 -= r1\nr0 = 0\nexit',
    ...both(eacces('R2 tried to subtract pointer from scalar')),
  },
  {
    rule: 'R%d subtraction from stack pointer prohibited',
    text: 'r1 = r10\nr1 -= 8\nr0 = 0\nexit',
    ...both(eacces('R1 subtraction from stack pointer prohibited')),
  },
  ...(['&=', '|=', '^='] as const).map((op): VerifierCase => ({
    rule: 'R%d bitwise operator %s on pointer prohibited',
    name: op,
    text: `r1 ${op} 8\nr0 = 0\nexit`,
    ...both(eacces(`R1 bitwise operator ${op} on pointer prohibited`)),
  })),
  ...(['*=', '/=', '%=', '<<=', '>>=', 's>>='] as const).map((op): VerifierCase => ({
    rule: 'R%d pointer arithmetic with %s operator prohibited',
    name: op,
    text: `r1 ${op} 8\nr0 = 0\nexit`,
    ...both(eacces(`R1 pointer arithmetic with ${op} operator prohibited`)),
  })),
  {
    rule: 'R%d pointer %s pointer prohibited',
    text: 'r1 += r10\nr0 = 0\nexit',
    ...both(eacces('R1 pointer += pointer prohibited')),
  },
  {
    rule: 'R%d pointer %s pointer prohibited',
    name: 'difference',
    text: 'r1 -= r10\nr0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: 'math between %s pointer and %lld is not allowed',
    text: 'r1 += 0x20000000\nr0 = 0\nexit',
    ...both(einval('math between ctx pointer and 536870912 is not allowed')),
  },
  {
    rule: 'math between %s pointer and %lld is not allowed',
    name: 'negative',
    text: 'r1 += -536870912\nr0 = 0\nexit',
    ...both(einval('math between ctx pointer and -536870912 is not allowed')),
  },
  {
    rule: 'math between %s pointer and %lld is not allowed',
    name: 'small',
    text: 'r1 += 0x1fffffff\nr0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: '%s pointer offset %d is not allowed',
    text: 'r1 += 0x1fffffff\nr1 += 0x1fffffff\nr0 = 0\nexit',
    ...both(einval('ctx pointer offset 1073741822 is not allowed')),
  },
  {
    rule: 'math between %s pointer and register with unbounded min value is not allowed',
    text: 'r2 = *(u64 *)(r10 -8)\nr1 += r2\nr0 = 0\nexit',
    ...both(einval('math between ctx pointer and register with unbounded min value is not allowed')),
  },
  {
    rule: 'value %lld makes %s pointer be out of bounds',
    text: 'r2 = *(u64 *)(r10 -8)\nif r2 s< 0xc0000000 goto out\nr1 += r2\nout: r0 = 0\nexit',
    ...both(einval('value -1073741824 makes ctx pointer be out of bounds')),
  },
  {
    rule: 'dereference of modified %s ptr R%d off=%d disallowed',
    text: 'r1 += 4\nr0 = *(u32 *)(r1 +0)\nexit',
    ...both(eacces('dereference of modified ctx ptr R1 off=4 disallowed')),
  },
  {
    rule: 'negative offset %s ptr R%d off=%d disallowed',
    text: 'r1 += -4\nr0 = *(u32 *)(r1 +4)\nexit',
    ...both(eacces('negative offset ctx ptr R1 off=-4 disallowed')),
  },
  {
    rule: 'variable %s access var_off=%s disallowed',
    text: 'r6 = r1\ncall bpf_get_prandom_u32\nr0 &= 4\nr6 += r0\nr0 = *(u32 *)(r6 +0)\nexit',
    ...both(eacces('variable ctx access var_off=(0x0; 0x4) disallowed')),
  },
  {
    rule: 'variable %s access var_off=%s disallowed',
    name: 'moved there and back',
    text: 'r1 += 4\nr1 += -4\nr0 = *(u32 *)(r1 +0)\nexit',
    ...both('ok'),
  },
  { rule: 'R%d partial copy of pointer', name: 'privileged', text: 'w2 = w1\nr0 = r2\nexit', ...both('ok') },
  {
    rule: 'R%d partial copy of pointer',
    unprivileged: true,
    text: 'w2 = w1\nr0 = 0\nexit',
    ...both(eacces('R1 partial copy of pointer')),
  },
  {
    rule: 'R%d sign-extension part of pointer',
    unprivileged: true,
    text: 'r2 = (s32)r1\nr0 = 0\nexit',
    want: eacces('R1 sign-extension part of pointer'),
  },
  {
    rule: 'R%d sign-extension part of pointer',
    name: 'privileged',
    text: 'r2 = (s32)r1\nr0 = 0\nexit',
    want: 'ok',
  },
  {
    rule: 'R%d pointer arithmetic prohibited',
    unprivileged: true,
    text: 'r1 = -r1\nr0 = 0\nexit',
    ...both(eacces('R1 pointer arithmetic prohibited')),
  },
  {
    rule: 'R%d pointer arithmetic prohibited',
    name: 'privileged',
    text: 'r1 = -r1\nr0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: 'R%d pointer arithmetic prohibited',
    name: 'byte swap',
    unprivileged: true,
    text: 'r1 = be32 r1\nr0 = 0\nexit',
    ...both(eacces('R1 pointer arithmetic prohibited')),
  },
];

verifierCases('map values', values);
verifierCases('special fields', fields);
verifierCases('packets', packets);
verifierCases('pointer arithmetic', arithmetic);

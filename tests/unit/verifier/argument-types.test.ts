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
const tc = { type: 'SCHED_CLS' } as const;
const switched = {
  type: 'TRACING',
  attachType: 23,
  attach: { kind: 'raw_tp', target: 'sched_switch' },
} as const;
/** r6 = the context, r7 = the packet's socket, not NULL. */
const SOCKET = `
  r6 = r1
  r7 = *(u64 *)(r6 +168)
  if r7 == 0x0 goto out`;
const KEY = `
  *(u64 *)(r10 -8) = 0
  r2 = r10
  r2 += -8`;
const sockmap = (type: number): Pick<VerifierCase, 'maps'> => ({ maps: [{ type, value: 8, max: 4 }] });
const UPDATE = (value: string): string => `${KEY}
  r1 = map_fd 0
  r3 = ${value}
  r4 = 0
  call bpf_map_update_elem`;
const CONTEXT = 'cannot update sockmap in this context';
const SOCKS = 'sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_';
const SOCKS_61 = 'sock_common, sock, tcp_sock, xdp_sock, ptr_';

const sockmaps: readonly VerifierCase[] = [
  ...[MAP.SOCKMAP, MAP.SOCKHASH].flatMap((type): VerifierCase[] => [
    {
      rule: 'R%d type=%s expected=',
      name: `a socket into map type ${type}`,
      ...tc,
      ...sockmap(type),
      text: `${SOCKET}${UPDATE('r7')}${OUT}`,
      ...both('ok'),
    },
    {
      rule: 'R%d type=%s expected=',
      name: `bytes into map type ${type}`,
      ...tc,
      ...sockmap(type),
      text: `${UPDATE('r2')}${OUT}`,
      want: eacces(`R3 type=fp expected=${SOCKS}`),
      want61: eacces(`R3 type=fp expected=${SOCKS_61}`),
    },
    {
      rule: 'R%d type=%s expected=',
      name: `what may be NULL into map type ${type}`,
      ...tc,
      ...sockmap(type),
      text: `r7 = *(u64 *)(r1 +168)${UPDATE('r7')}${OUT}`,
      want: eacces(`R3 type=sock_common_or_null expected=${SOCKS}`),
      want61: eacces(`R3 type=sock_common_or_null expected=${SOCKS_61}`),
    },
    {
      rule: 'invalid arg_type for sockmap/sockhash',
      name: `map type ${type}`,
      ...tc,
      ...sockmap(type),
      text: `${KEY}
        r1 = map_fd 0
        call bpf_map_peek_elem${OUT}`,
      ...both(einval('invalid arg_type for sockmap/sockhash')),
    },
    {
      rule: CONTEXT,
      name: `map type ${type}`,
      type: 'CGROUP_SKB',
      ...sockmap(type),
      text: `${SOCKET}${UPDATE('r7')}${OUT}`,
      ...both(einval(`${CONTEXT}\ncannot pass map_type ${type} into func bpf_map_update_elem#2`)),
    },
    {
      rule: CONTEXT,
      name: `out of map type ${type}`,
      type: 'CGROUP_SKB',
      ...sockmap(type),
      text: `${KEY}
        r1 = map_fd 0
        call bpf_map_delete_elem${OUT}`,
      ...both(einval(`${CONTEXT}\ncannot pass map_type ${type} into func bpf_map_delete_elem#3`)),
    },
    {
      rule: CONTEXT,
      name: `out of map type ${type}, from tc`,
      ...tc,
      ...sockmap(type),
      text: `${KEY}
        r1 = map_fd 0
        call bpf_map_delete_elem${OUT}`,
      ...both('ok'),
    },
    {
      rule: CONTEXT,
      name: `out of map type ${type}, from sock_ops`,
      type: 'SOCK_OPS',
      ...sockmap(type),
      text: `${KEY}
        r1 = map_fd 0
        call bpf_map_delete_elem${OUT}`,
      ...both('ok'),
    },
  ]),
  {
    rule: 'invalid arg_type for sockmap/sockhash',
    name: 'a queue',
    ...tc,
    maps: [{ type: MAP.QUEUE, key: 0, value: 8, max: 4 }],
    text: `${KEY}
      r1 = map_fd 0
      call bpf_map_peek_elem${OUT}`,
    ...both('ok'),
  },
];

const TASK = '\nr6 = *(u64 *)(r1 +8)';
const RING = [{ type: MAP.RINGBUF, key: 0, value: 0, max: 4096 }];
const MEMORY = 'fp, pkt, pkt_meta, map_key, map_value, mem, alloc_mem, buf';
const WRITES = '%s() may write into memory pointed by R%d type=%s';
const NULLABLE = 'Possibly NULL pointer passed to helper arg%d';
const OTHER = 'R%d is of type %s but %s is expected';
const kernelPointers: readonly VerifierCase[] = [
  {
    rule: WRITES,
    ...switched,
    text: `${TASK}
      r1 = r6
      r2 = 8
      r3 = 0
      call bpf_probe_read_kernel${OUT}`,
    want: eacces('bpf_probe_read_kernel() may write into memory pointed by R1 type=trusted_ptr_'),
    want61: eacces(`R1 type=ptr_ expected=${MEMORY}`),
  },
  {
    rule: WRITES,
    name: 'reads',
    ...switched,
    maps: RING,
    text: `${TASK}
      r1 = map_fd 0
      r2 = r6
      r3 = 8
      r4 = 0
      call bpf_ringbuf_output${OUT}`,
    want: 'ok',
    want61: eacces(`R2 type=ptr_ expected=${MEMORY}`),
  },
  {
    rule: WRITES,
    name: 'reads past the end',
    ...switched,
    maps: RING,
    text: `${TASK}
      r1 = map_fd 0
      r2 = r6
      r3 = 65536
      r4 = 0
      call bpf_ringbuf_output${OUT}`,
    want: eacces('access beyond struct task_struct at off 0 size 65536'),
  },
  {
    rule: NULLABLE,
    type: 'SCHED_CLS',
    c: 'struct value { struct task_struct __kptr *task; }; int main(struct __sk_buff *ctx);',
    maps: [{ type: MAP.ARRAY, value: 'struct value' }],
    text: `r1 = 1
      call kfunc bpf_task_from_pid
      r2 = r0
      r1 = map_value 0
      call bpf_kptr_xchg${OUT}`,
    want: eacces('Possibly NULL pointer passed to helper arg2'),
  },
  {
    rule: NULLABLE,
    name: 'tested',
    type: 'SCHED_CLS',
    c: 'struct value { struct task_struct __kptr *task; }; int main(struct __sk_buff *ctx);',
    maps: [{ type: MAP.ARRAY, value: 'struct value' }],
    text: `r1 = 1
      call kfunc bpf_task_from_pid
      if r0 == 0x0 goto out
      r2 = r0
      r1 = map_value 0
      call bpf_kptr_xchg
      if r0 == 0x0 goto out
      r1 = r0
      call kfunc bpf_task_release${OUT}`,
    want: 'ok',
  },
  {
    rule: 'R%d type=%s expected=',
    name: 'a task that may be NULL',
    ...switched,
    text: `r1 = 1
      call kfunc bpf_task_from_pid
      r6 = r0
      r1 = r6
      call bpf_task_pt_regs${OUT}`,
    want: eacces('R1 type=trusted_ptr_or_null_ expected=ptr_, trusted_ptr_, rcu_ptr_'),
  },
  {
    rule: OTHER,
    ...switched,
    text: `${TASK}
      r1 = *(u64 *)(r6 +OFFSETOF(task_struct.mm))
      call bpf_task_pt_regs${OUT}`,
    ...both(eacces('R1 is of type mm_struct but task_struct is expected')),
  },
  {
    rule: OTHER,
    name: 'a task',
    ...switched,
    text: `${TASK}
      r1 = r6
      call bpf_task_pt_regs${OUT}`,
    ...both('ok'),
  },
  {
    rule: OTHER,
    name: 'inside a task',
    ...switched,
    text: `${TASK}
      r1 = r6
      r1 += 64
      call bpf_task_pt_regs${OUT}`,
    ...both(eacces('R1 is of type task_struct but task_struct is expected')),
  },
];

const RDONLY = 128;
const string = (text: string, more: Record<string, unknown> = {}): VerifierCase['maps'] => [
  { type: MAP.ARRAY, value: 8, flags: RDONLY, constant: text, ...more },
];
/** r6 = the context, r0 = a value of map 0, not NULL. */
const LOOKUP = `
  r6 = r1${KEY}
  r1 = map_fd 0
  call bpf_map_lookup_elem
  if r0 == 0x0 goto out`;
const STRNCMP = (value: string): string => `
  *(u64 *)(r10 -16) = 0
  r1 = r10
  r1 += -16
  r2 = 8
  r3 = ${value}
  call bpf_strncmp`;
const NOT_RDONLY = "R%d does not point to a readonly map'";
const NOT_FIXED = "R%d is not a constant address'";
const NO_DIRECT = 'no direct value access support for this map type';
const strings: readonly VerifierCase[] = [
  {
    rule: NOT_RDONLY,
    name: 'array',
    ...tc,
    maps: string('abc'),
    text: `${STRNCMP('map_value 0')}${OUT}`,
    ...both('ok'),
  },
  {
    rule: NOT_RDONLY,
    name: 'programs write it',
    ...tc,
    maps: string('abc', { flags: 0 }),
    text: `${STRNCMP('map_value 0')}${OUT}`,
    ...both(eacces("R3 does not point to a readonly map'")),
  },
  {
    rule: NOT_RDONLY,
    name: 'not frozen',
    ...tc,
    maps: [{ type: MAP.ARRAY, value: 8, flags: RDONLY }],
    text: `${STRNCMP('map_value 0')}${OUT}`,
    ...both(eacces("R3 does not point to a readonly map'")),
  },
  {
    rule: NOT_FIXED,
    ...tc,
    maps: string('abc'),
    text: `r7 = *(u32 *)(r1 +0)\nr7 &= 3\nr8 = map_value 0\nr8 += r7${STRNCMP('r8')}${OUT}`,
    ...both(eacces("R3 is not a constant address'")),
  },
  {
    rule: NOT_FIXED,
    name: 'moved by a constant',
    ...tc,
    maps: string('abc'),
    text: `r8 = map_value 0\nr8 += 3${STRNCMP('r8')}${OUT}`,
    ...both('ok'),
  },
  {
    rule: NO_DIRECT,
    name: 'string in a hash',
    ...tc,
    maps: string('abc', { type: MAP.HASH }),
    text: `${LOOKUP}\nr8 = r0${STRNCMP('r8')}${OUT}`,
    ...both(eacces(NO_DIRECT)),
  },
  {
    rule: NO_DIRECT,
    name: 'string in an array',
    ...tc,
    maps: string('abc'),
    text: `${LOOKUP}\nr8 = r0${STRNCMP('r8')}${OUT}`,
    ...both('ok'),
  },
  {
    rule: 'direct value access on string failed',
    ...tc,
    maps: string('abc', { max: 2 }),
    text: `${LOOKUP}\nr8 = r0${STRNCMP('r8')}${OUT}`,
    ...both(['ENOTSUPP', 'direct value access on string failed']),
  },
  {
    rule: 'direct value access on string failed',
    name: 'one element',
    ...tc,
    maps: string('abc', { max: 1 }),
    text: `${LOOKUP}\nr8 = r0${STRNCMP('r8')}${OUT}`,
    ...both('ok'),
  },
  {
    rule: 'string is not zero-terminated',
    name: 'full',
    ...tc,
    maps: string('abcdefgh'),
    text: `${STRNCMP('map_value 0')}${OUT}`,
    ...both(einval('string is not zero-terminated')),
  },
  {
    rule: 'string is not zero-terminated',
    name: 'its last byte is',
    ...tc,
    maps: string('abcdefg'),
    text: `${STRNCMP('map_value 0')}${OUT}`,
    ...both('ok'),
  },
];

const RESERVE = `
  r1 = map_fd 0
  r2 = 16
  r3 = 0
  call bpf_ringbuf_reserve
  if r0 == 0x0 goto out
  r7 = r0`;
const SUBMIT = (record: string): string => `
  r1 = ${record}
  r2 = 0
  call bpf_ringbuf_submit`;
const RELEASED = 'R%d must be referenced when passed to release function';
const MOVED = 'R%d must have zero offset when passed to release func or trusted arg to kfunc';
const LEAK = 'R%d leaks addr into helper function';
const PACKET = 'helper access to the packet is not allowed';
const others: readonly VerifierCase[] = [
  {
    rule: MOVED,
    name: 'record',
    ...tc,
    maps: RING,
    text: `${RESERVE}\nr7 += 8${SUBMIT('r7')}${OUT}`,
    want: einval(MOVED.replace('%d', '1')),
    want61: einval('R1 must have zero offset when passed to release func'),
  },
  {
    rule: MOVED,
    name: 'moved there and back',
    ...tc,
    maps: RING,
    text: `${RESERVE}\nr7 += 8\nr7 += -8${SUBMIT('r7')}${OUT}`,
    ...both('ok'),
  },
  {
    rule: RELEASED,
    name: 'a socket of the packet',
    ...tc,
    text: `${SOCKET}\nr1 = r7\ncall bpf_sk_release${OUT}`,
    ...both(einval(RELEASED.replace('%d', '1'))),
  },
  {
    rule: RELEASED,
    name: 'a record',
    ...tc,
    maps: RING,
    text: `${RESERVE}${SUBMIT('r7')}${OUT}`,
    ...both('ok'),
  },
  {
    rule: LEAK,
    name: 'frame pointer',
    unprivileged: true,
    maps: RING,
    text: `*(u64 *)(r10 -8) = 0\nr1 = map_fd 0\nr2 = r10\nr2 += -8\nr3 = 8\nr4 = r10\ncall bpf_ringbuf_output${OUT}`,
    ...both(eacces(LEAK.replace('%d', '4'))),
  },
  {
    rule: LEAK,
    name: 'a number',
    unprivileged: true,
    maps: RING,
    text: `*(u64 *)(r10 -8) = 0\nr1 = map_fd 0\nr2 = r10\nr2 += -8\nr3 = 8\nr4 = 0\ncall bpf_ringbuf_output${OUT}`,
    ...both('ok'),
  },
  {
    rule: LEAK,
    name: 'a pointer, privileged',
    maps: RING,
    text: `*(u64 *)(r10 -8) = 0\nr1 = map_fd 0\nr2 = r10\nr2 += -8\nr3 = 8\nr4 = r10\ncall bpf_ringbuf_output${OUT}`,
    ...both('ok'),
  },
  {
    rule: PACKET,
    name: 'ring buffer',
    ...tc,
    maps: RING,
    text: `r2 = *(u32 *)(r1 +76)\nr3 = *(u32 *)(r1 +80)\nr4 = r2\nr4 += 8\nif r4 > r3 goto out\nr1 = map_fd 0\nr3 = 8\nr4 = 0\ncall bpf_ringbuf_output${OUT}`,
    ...both(eacces(PACKET)),
  },
  {
    rule: PACKET,
    name: 'a key',
    ...tc,
    maps: [{ type: MAP.HASH, key: 8, value: 8 }],
    text: `r2 = *(u32 *)(r1 +76)\nr3 = *(u32 *)(r1 +80)\nr4 = r2\nr4 += 8\nif r4 > r3 goto out\nr1 = map_fd 0\ncall bpf_map_lookup_elem${OUT}`,
    ...both('ok'),
  },
];

verifierCases('sockets in sockmaps', sockmaps);
verifierCases('kernel pointers as arguments', kernelPointers);
verifierCases('constant strings', strings);
verifierCases('other argument types', others);

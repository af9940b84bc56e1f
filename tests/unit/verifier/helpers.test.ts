import { MAP, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const OUT = `
  out: r0 = 0
  exit`;
const tc = { type: 'SCHED_CLS' } as const;
const kprobe = { type: 'KPROBE' } as const;
const KEY = `
  *(u64 *)(r10 -8) = 0
  r2 = r10
  r2 += -8`;
const READ = (size: string): string => `
  r1 = r10
  r1 += -16
  r2 = ${size}
  r3 = 0
  call bpf_probe_read_kernel`;

const arguments_: readonly VerifierCase[] = [
  {
    rule: 'invalid func %s#%d',
    ...tc,
    text: `call 212
      exit`,
    want: ['EINVAL', 'invalid func unknown#212'],
    want61: ['EINVAL', 'invalid func unknown#212'],
  },
  {
    rule: 'invalid func %s#%d',
    name: 'not in Linux 6.1',
    ...tc,
    text: `call 210
      exit`,
    want61: ['EINVAL', 'invalid func unknown#210'],
  },
  {
    rule: 'program of this type cannot use helper %s#%d',
    name: 'may',
    ...kprobe,
    text: `call bpf_get_current_uid_gid${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'program of this type cannot use helper %s#%d',
    ...tc,
    text: `call bpf_get_current_uid_gid${OUT}`,
    want: ['EINVAL', 'program of this type cannot use helper bpf_get_current_uid_gid#15'],
    want61: ['EINVAL', 'unknown func bpf_get_current_uid_gid#15'],
  },
  {
    rule: 'program of this type cannot use helper %s#%d',
    name: 'moved to all types by 6.12',
    ...tc,
    text: `call bpf_get_current_pid_tgid${OUT}`,
    want: 'ok',
    want61: ['EINVAL', 'unknown func bpf_get_current_pid_tgid#14'],
  },
  {
    rule: 'cannot call GPL-restricted function from non-GPL compatible program',
    name: 'GPL',
    ...kprobe,
    text: `call bpf_get_current_task${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'cannot call GPL-restricted function from non-GPL compatible program',
    ...kprobe,
    license: 'MIT',
    text: `call bpf_get_current_task${OUT}`,
    want: ['EINVAL', 'cannot call GPL-restricted function from non-GPL compatible program'],
    want61: ['EINVAL', 'cannot call GPL-restricted function from non-GPL compatible program'],
  },
  {
    rule: 'R%d !read_ok',
    name: 'argument',
    ...tc,
    text: `call bpf_skb_vlan_pop
      call bpf_skb_vlan_pop${OUT}`,
    want: ['EACCES', 'R1 !read_ok'],
    want61: ['EACCES', 'R1 !read_ok'],
  },
  {
    rule: 'R%d type=%s expected=',
    name: 'context',
    ...tc,
    text: `r1 = r10
      call bpf_skb_vlan_pop${OUT}`,
    want: ['EACCES', 'R1 type=fp expected=ctx'],
    want61: ['EACCES', 'R1 type=fp expected=ctx'],
  },
  {
    rule: 'R%d type=%s expected=',
    name: 'map',
    ...tc,
    text: `${KEY}
      r1 = 0
      call bpf_map_lookup_elem${OUT}`,
    want: ['EACCES', 'R1 type=scalar expected=map_ptr'],
    want61: ['EACCES', 'R1 type=scalar expected=map_ptr'],
  },
  {
    rule: 'R%d type=%s expected=',
    name: 'key',
    ...tc,
    maps: [{ type: MAP.HASH }],
    text: `r2 = r1
      r1 = map_fd 0
      call bpf_map_lookup_elem${OUT}`,
    want: ['EACCES', 'R2 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value'],
    want61: ['EACCES', 'R2 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value'],
  },
  {
    rule: 'invalid zero-sized read',
    name: 'zero allowed',
    ...kprobe,
    text: `${READ('0')}${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'R%d invalid zero-sized read: u64=[%lld,%lld]',
    ...kprobe,
    text: `r1 = r10
      r1 += -16
      r2 = 0
      call bpf_get_current_comm${OUT}`,
    want: ['EACCES', 'R2 invalid zero-sized read: u64=[0,0]'],
    want61: ['EACCES', 'invalid zero-sized read'],
  },
  {
    rule: "R%d min value is negative, either use unsigned or 'var &= const'",
    ...kprobe,
    text: `${READ('-1')}${OUT}`,
    want: ['EACCES', "R2 min value is negative, either use unsigned or 'var &= const'"],
    want61: ['EACCES', "R2 min value is negative, either use unsigned or 'var &= const'"],
  },
  {
    rule: "R%d unbounded memory access, use 'var &= const' or 'if (var < const)'",
    name: 'bounded',
    ...kprobe,
    text: `r4 = *(u32 *)(r1 +0)
      r4 &= 15
      ${READ('r4')}${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: "R%d unbounded memory access, use 'var &= const' or 'if (var < const)'",
    ...tc,
    text: `r4 = *(u32 *)(r1 +0)
      ${READ('r4')}${OUT}`,
    want: ['EACCES', "R2 unbounded memory access, use 'var &= const' or 'if (var < const)'"],
    want61: ['EACCES', "R2 unbounded memory access, use 'var &= const' or 'if (var < const)'"],
  },
  {
    rule: 'invalid%s stack R%d off=%d size=%d',
    name: 'helper memory above the frame',
    ...kprobe,
    text: `${READ('17')}${OUT}`,
    want: ['EINVAL', 'invalid indirect access to stack R1 off=-16 size=17'],
  },
  {
    rule: 'helper access to the packet is not allowed',
    name: 'allowed',
    ...tc,
    maps: [{ type: MAP.HASH }],
    text: `r2 = *(u32 *)(r1 +76)
      r3 = *(u32 *)(r1 +80)
      r4 = r2
      r4 += 8
      if r4 > r3 goto out
      r1 = map_fd 0
      call bpf_map_lookup_elem${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'helper access to the packet is not allowed',
    ...tc,
    text: `r6 = *(u32 *)(r1 +76)
      r3 = *(u32 *)(r1 +80)
      r4 = r6
      r4 += 8
      if r4 > r3 goto out
      r1 = r6
      r2 = 8
      r3 = 0
      call bpf_probe_read_kernel${OUT}`,
    want: ['EACCES', 'helper access to the packet is not allowed'],
    want61: ['EACCES', 'helper access to the packet is not allowed'],
  },
  {
    rule: "R%d does not point to a readonly map'",
    name: 'constant string',
    ...tc,
    maps: [{ type: MAP.ARRAY, value: 8, constant: 'abc', flags: 128 }],
    text: `*(u64 *)(r10 -8) = 0
      r1 = r10
      r1 += -8
      r2 = 8
      r3 = map_value 0
      call bpf_strncmp${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: "R%d does not point to a readonly map'",
    ...tc,
    maps: [{ type: MAP.ARRAY }],
    text: `*(u64 *)(r10 -8) = 0
      r1 = r10
      r1 += -8
      r2 = 8
      r3 = map_value 0
      call bpf_strncmp${OUT}`,
    want: ['EACCES', "R3 does not point to a readonly map'"],
    want61: ['EACCES', "R3 does not point to a readonly map'"],
  },
  {
    rule: 'string is not zero-terminated',
    ...tc,
    maps: [{ type: MAP.ARRAY, value: 4, constant: 'abcd', flags: 128 }],
    text: `*(u64 *)(r10 -8) = 0
      r1 = r10
      r1 += -8
      r2 = 8
      r3 = map_value 0
      call bpf_strncmp${OUT}`,
    want: ['EINVAL', 'string is not zero-terminated'],
    want61: ['EINVAL', 'string is not zero-terminated'],
  },
  {
    rule: "get_local_storage() doesn't support non-zero flags",
    name: 'zero',
    type: 'CGROUP_SKB',
    maps: [{ type: MAP.CGROUP_STORAGE, key: 8, max: 0 }],
    text: `r1 = map_fd 0
      r2 = 0
      call bpf_get_local_storage${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: "get_local_storage() doesn't support non-zero flags",
    type: 'CGROUP_SKB',
    maps: [{ type: MAP.CGROUP_STORAGE, key: 8, max: 0 }],
    text: `r1 = map_fd 0
      r2 = 1
      call bpf_get_local_storage${OUT}`,
    want: ['EINVAL', "get_local_storage() doesn't support non-zero flags"],
    want61: ['EINVAL', "get_local_storage() doesn't support non-zero flags"],
  },
  {
    rule: 'write into map forbidden',
    ...tc,
    maps: [{ type: MAP.HASH, flags: 128 }],
    text: `${KEY}
      r1 = map_fd 0
      call bpf_map_delete_elem${OUT}`,
    want: ['EACCES', 'write into map forbidden'],
    want61: ['EACCES', 'write into map forbidden'],
  },
  {
    rule: 'func %s#%d reference has not been acquired before',
    name: 'packets change',
    ...tc,
    text: `r6 = r1
      r7 = *(u32 *)(r1 +76)
      r8 = *(u32 *)(r1 +80)
      r4 = r7
      r4 += 8
      if r4 > r8 goto out
      r2 = 0
      r3 = 0
      call bpf_skb_vlan_push
      r1 = *(u8 *)(r7 +0)${OUT}`,
    want: ['EACCES', "R7 invalid mem access 'scalar'"],
    want61: ['EACCES', "R7 invalid mem access 'scalar'"],
  },
];

verifierCases('helper arguments', arguments_);

/** Map types and one helper each: `no` = the helper refuses it. */
const PAIRS: readonly (readonly [string, number, string, 'ok' | 'no'])[] = [
  ['PERF_EVENT_ARRAY', 1, 'bpf_map_lookup_elem', 'no'],
  ['PROG_ARRAY', 1, 'bpf_map_lookup_elem', 'no'],
  ['STACK_TRACE', 1, 'bpf_map_lookup_elem', 'no'],
  ['CGROUP_ARRAY', 1, 'bpf_map_lookup_elem', 'no'],
  ['RINGBUF', 1, 'bpf_map_lookup_elem', 'no'],
  ['HASH', 1, 'bpf_map_lookup_elem', 'ok'],
  ['LPM_TRIE', 1, 'bpf_map_lookup_elem', 'ok'],
  ['SOCKMAP', 3, 'bpf_map_delete_elem', 'ok'],
  ['DEVMAP', 3, 'bpf_map_delete_elem', 'no'],
  ['QUEUE', 88, 'bpf_map_pop_elem', 'ok'],
  ['STACK', 89, 'bpf_map_peek_elem', 'ok'],
  ['HASH', 88, 'bpf_map_pop_elem', 'no'],
  ['BLOOM_FILTER', 88, 'bpf_map_pop_elem', 'no'],
  ['BLOOM_FILTER', 89, 'bpf_map_peek_elem', 'ok'],
  ['PERCPU_ARRAY', 195, 'bpf_map_lookup_percpu_elem', 'ok'],
  ['HASH', 195, 'bpf_map_lookup_percpu_elem', 'no'],
];

verifierCases(
  'maps of helpers',
  PAIRS.map(([name, id, helper, fits]): VerifierCase => {
    const type = MAP[name as keyof typeof MAP];
    const refused = ['EINVAL', `cannot pass map_type ${type} into func ${helper}#${id}`] as const;
    return {
      rule: 'cannot pass map_type %d into func %s#%d',
      name: `${name} ${helper}`,
      ...tc,
      maps: [{ type, key: name === 'QUEUE' || name === 'STACK' || name === 'BLOOM_FILTER' ? 0 : 8 }],
      text: `*(u64 *)(r10 -16) = 0${KEY}
        r1 = map_fd 0
        r3 = 0
        call ${helper}
        r0 = 0
        exit`,
      want: fits === 'ok' ? 'ok' : refused,
      want61: fits === 'ok' ? 'ok' : refused,
    };
  }),
);

/** Program type, attach type, helper without arguments: may it be called (6.12)? */
const SETS: readonly (readonly [NonNullable<VerifierCase['type']>, number, string, number, boolean])[] = [
  ['CGROUP_SKB', 0, 'bpf_get_retval', 186, false],
  ['CGROUP_SOCK_ADDR', 10, 'bpf_get_retval', 186, true],
  ['CGROUP_SOCK_ADDR', 19, 'bpf_get_retval', 186, false],
  ['CGROUP_DEVICE', 6, 'bpf_get_retval', 186, true],
  ['SOCKET_FILTER', 0, 'bpf_get_retval', 186, false],
  ['LIRC_MODE2', 16, 'bpf_ktime_get_ns', 5, true],
  ['LIRC_MODE2', 16, 'bpf_ktime_get_coarse_ns', 160, false],
  ['XDP', 0, 'bpf_ktime_get_coarse_ns', 160, true],
  ['SK_MSG', 7, 'bpf_get_current_uid_gid', 15, true],
  ['XDP', 0, 'bpf_get_current_uid_gid', 15, false],
  ['NETFILTER', 45, 'bpf_jiffies64', 118, true],
  ['TRACEPOINT', 0, 'bpf_ktime_get_tai_ns', 208, true],
];

const DUMMY = {
  type: 'STRUCT_OPS',
  attachType: 0,
  attach: { kind: 'struct_ops', target: 'bpf_dummy_ops.test_1' },
} as const;
verifierCases('helpers of other structs of functions', [
  {
    rule: 'program of this type cannot use helper %s#%d',
    name: 'what congestion control has',
    ...{ ...DUMMY, text: 'call bpf_ktime_get_coarse_ns\nr0 = 0\nexit' },
    want: ['EINVAL', 'program of this type cannot use helper bpf_ktime_get_coarse_ns#160'],
    want61: ['EINVAL', 'unknown func bpf_ktime_get_coarse_ns#160'],
  },
  {
    rule: 'program of this type cannot use helper %s#%d',
    name: 'what all have',
    ...{ ...DUMMY, text: 'call bpf_jiffies64\nr0 = 0\nexit' },
    ...{ want: 'ok', want61: 'ok' },
  },
]);
verifierCases(
  'helpers of program types',
  SETS.map(([type, attachType, helper, id, may]): VerifierCase => {
    return {
      rule: 'program of this type cannot use helper %s#%d',
      name: `${type} ${attachType} ${helper}`,
      type,
      attachType,
      text: `call ${helper}
        r0 = 1
        exit`,
      want: may ? 'ok' : ['EINVAL', `program of this type cannot use helper ${helper}#${id}`],
    };
  }),
);

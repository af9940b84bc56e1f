import { kernelBtf } from '../../support/golden-kernel.js';
import {
  MAP,
  type KernelName,
  type Verdict,
  type VerifierCase,
  verifierCases,
} from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const eacces = (message: string): Verdict => ['EACCES', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });

function at(struct: string, field: string, version: KernelName = '6.12'): number {
  const btf = kernelBtf(version);
  return btf.member(btf.find(struct, 4), field).bitOffset / 8;
}
const sizeOf = (struct: string, version: KernelName = '6.12'): number =>
  kernelBtf(version).sizeOf(kernelBtf(version).find(struct, 4));

const SWITCH = {
  type: 'TRACING',
  attachType: 23,
  attach: { kind: 'raw_tp', target: 'sched_switch' },
} as const;
const WAKE = {
  type: 'TRACING',
  attachType: 24,
  attach: { kind: 'fentry', target: 'wake_up_new_task' },
} as const;
const FILE = { type: 'LSM', attachType: 27, attach: { kind: 'lsm', target: 'file_open' } } as const;
const BPRM = { type: 'LSM', attachType: 27, attach: { kind: 'lsm', target: 'bprm_check_security' } } as const;
/** r1 = the task that is switched to. */
const next = (rest: string): string => `r1 = *(u64 *)(r1 +16)\n${rest}\nr0 = 0\nexit`;
const first = (rest: string): string => `r1 = *(u64 *)(r1 +0)\n${rest}\nr0 = 0\nexit`;
const PID = at('task_struct', 'pid');
const COMM = at('task_struct', 'comm');
const PARENT = at('task_struct', 'real_parent');
const PGD = at('mm_struct', 'pgd');
const MM = at('task_struct', 'mm');
const CGROUPS = at('task_struct', 'cgroups');

const walks: readonly VerifierCase[] = [
  {
    exentries: 0,
    rule: 'walk: a number',
    ...SWITCH,
    text: next(`r2 = *(u32 *)(r1 +${PID})`),
    want: 'ok',
    xlated: `(79) r1 = *(u64 *)(r1 +16)\n(61) r2 = *(u32 *)(r1 +${PID})\nr0 = 0\nexit`,
  },
  {
    exentries: 1,
    rule: 'walk: a number, plain pointer',
    ...WAKE,
    text: first(`r2 = *(u32 *)(r1 +${PID})`),
    want: 'ok',
    xlated: `(79) r1 = *(u64 *)(r1 +0)\nr2 = *(u32 *)(r1 +${PID})\nr0 = 0\nexit`,
  },
  {
    rule: 'walk: second level, field under RCU',
    ...SWITCH,
    text: next(`r2 = *(u64 *)(r1 +${PARENT})\nr3 = *(u32 *)(r2 +${PID})`),
    want: 'ok',
  },
  {
    rule: 'walk: second level, other field',
    ...SWITCH,
    text: next(`r2 = *(u64 *)(r1 +${MM})\nr3 = *(u64 *)(r2 +${PGD})`),
    want: 'ok',
  },
  { rule: 'walk: part of an array', ...SWITCH, text: next(`r2 = *(u8 *)(r1 +${COMM + 3})`), want: 'ok' },
  {
    rule: 'access beyond struct %s at off %u size %u',
    ...SWITCH,
    text: next(`r2 = *(u64 *)(r1 +${sizeOf('task_struct')})`),
    want: eacces(`access beyond struct task_struct at off ${sizeOf('task_struct')} size 8`),
  },
  {
    rule: 'access beyond struct %s at off %u size %u',
    name: 'without a name',
    ...SWITCH,
    text: next(`r2 = *(u64 *)(r1 +${MM})\nr3 = *(u64 *)(r2 +0)`),
    want: eacces('access beyond struct (anon) at off 0 size 8'),
  },
  {
    rule: 'access beyond the end of member %s (mend:%u) in struct %s with off %u size %u',
    ...SWITCH,
    text: next(`r2 = *(u64 *)(r1 +${COMM + 12})`),
    want: eacces(
      `access beyond the end of member comm (mend:${COMM + 16}) in struct task_struct with off ${COMM + 12} size 8`,
    ),
  },
  {
    rule: 'cannot access ptr member %s with moff %u in struct %s with off %u size %u',
    ...SWITCH,
    text: next(`r2 = *(u32 *)(r1 +${PARENT})`),
    want: eacces(
      `cannot access ptr member real_parent with moff ${PARENT} in struct task_struct with off ${PARENT} size 4`,
    ),
  },
  {
    rule: "struct %s doesn't have field at offset %d",
    ...SWITCH,
    text: next(`r2 = *(u8 *)(r1 +${hole('task_struct')})`),
    want: einval(`struct task_struct doesn't have field at offset ${hole('task_struct')}`),
  },
  {
    rule: 'only read is supported',
    ...SWITCH,
    text: next(`*(u32 *)(r1 +${PID}) = 0`),
    ...both(eacces('only read is supported')),
    want61: eacces('only read is supported'),
  },
  {
    rule: 'R%d is ptr_%s invalid negative access: off=%d',
    name: 'before the variable offset',
    ...SWITCH,
    text: next('r3 = *(u64 *)(r10 -8)\nr3 &= 7\nr1 += r3\nr2 = *(u32 *)(r1 -8)'),
    ...both(eacces('R1 is ptr_task_struct invalid negative access: off=-8')),
  },
  {
    rule: 'R%d is ptr_%s invalid negative access: off=%d',
    ...SWITCH,
    text: next('r2 = *(u32 *)(r1 -4)'),
    ...both(eacces('R1 is ptr_task_struct invalid negative access: off=-4')),
  },
  {
    rule: 'R%d is ptr_%s invalid variable offset: off=%d, var_off=%s',
    ...SWITCH,
    text: `r6 = r1\ncall bpf_get_prandom_u32\nr0 &= 8\nr1 = *(u64 *)(r6 +16)\nr1 += r0\nr2 = *(u32 *)(r1 +0)\nr0 = 0\nexit`,
    ...both(eacces('R1 is ptr_task_struct invalid variable offset: off=0, var_off=(0x0; 0x8)')),
  },
  {
    rule: 'R%d is ptr_%s invalid variable offset: off=%d, var_off=%s',
    name: 'constant',
    ...SWITCH,
    text: next(`r1 += ${PID}\nr2 = *(u32 *)(r1 +0)`),
    want: 'ok',
  },
  {
    rule: "Cannot access kernel 'struct %s' from non-GPL compatible program",
    ...SWITCH,
    license: 'Proprietary',
    text: next(`r2 = *(u32 *)(r1 +${PID})`),
    want: einval("Cannot access kernel 'struct task_struct' from non-GPL compatible program"),
  },
  {
    rule: "Cannot access kernel 'struct %s' from non-GPL compatible program",
    name: 'not followed',
    ...SWITCH,
    license: 'Proprietary',
    text: next('r2 = r1'),
    ...both('ok'),
  },
  {
    rule: 'R%d is ptr_%s access percpu memory: off=%d',
    type: 'SCHED_CLS',
    text: 'r1 = btf_id runqueues\nr2 = *(u32 *)(r1 +0)\nr0 = 0\nexit',
    ...both(eacces('R1 is ptr_rq access percpu memory: off=0')),
  },
  {
    rule: 'union: what is in it is not trusted',
    ...SWITCH,
    text: next(`r2 = *(u64 *)(r1 +${MM})`),
    want: 'ok',
  },
  {
    rule: 'walk: flexible array',
    ...SWITCH,
    text: next(`r2 = *(u64 *)(r1 +${CGROUPS})\nr3 = *(u64 *)(r2 +${at('css_set', 'dfl_cgrp')})`),
    want: 'ok',
  },
];

/** An offset of the struct that no member covers. */
function hole(struct: string): number {
  const btf = kernelBtf('6.12');
  const type = btf.type(btf.find(struct, 4));
  if (!('members' in type)) throw new Error(struct);
  let end = 0;
  for (const member of type.members) {
    const start = Math.floor(member.bitOffset / 8);
    if (start > end && end > 8) return end;
    const size =
      member.bitSize > 0
        ? Math.ceil(((member.bitOffset % 8) + member.bitSize) / 8)
        : btf.type(btf.skipModifiers(member.type)).kind === 2
          ? 8
          : btf.sizeOf(member.type);
    end = Math.max(end, start + size);
  }
  throw new Error(`no hole in ${struct}`);
}

const trust: readonly VerifierCase[] = [
  {
    exentries: 0,
    rule: 'trust: listed fields under RCU are plain loads',
    ...SWITCH,
    text: next(
      `r2 = *(u64 *)(r1 +${PARENT})\nr3 = *(u64 *)(r2 +${CGROUPS})\nr4 = *(u64 *)(r3 +${at('css_set', 'dfl_cgrp')})\nr5 = *(u64 *)(r4 +0)`,
    ),
    want: 'ok',
    xlated: `
      (79) r1 = *(u64 *)(r1 +16)
      (79) r2 = *(u64 *)(r1 +${PARENT})
      (79) r3 = *(u64 *)(r2 +${CGROUPS})
      (79) r4 = *(u64 *)(r3 +${at('css_set', 'dfl_cgrp')})
      (79) r5 = *(u64 *)(r4 +0)
      r0 = 0
      exit`,
  },
  {
    exentries: 1,
    rule: 'trust: other fields may fault',
    ...SWITCH,
    text: next(`r2 = *(u64 *)(r1 +${MM})\nr3 = *(u64 *)(r2 +${PGD})`),
    want: 'ok',
    xlated: `
      (79) r1 = *(u64 *)(r1 +16)
      (79) r2 = *(u64 *)(r1 +${MM})
      r3 = *(u64 *)(r2 +${PGD})
      r0 = 0
      exit`,
  },
  {
    exentries61: 1,
    rule: 'trust: 6.1 knows none',
    ...SWITCH,
    text: `r1 = *(u64 *)(r1 +16)\nr2 = *(u32 *)(r1 +${at('task_struct', 'pid', '6.1')})\nr0 = 0\nexit`,
    want61: 'ok',
    xlated61: `(79) r1 = *(u64 *)(r1 +16)\nr2 = *(u32 *)(r1 +${at('task_struct', 'pid', '6.1')})\nr0 = 0\nexit`,
  },
  {
    exentries: 0,
    rule: 'trust: trusted fields',
    ...BPRM,
    text: first(
      `r2 = *(u64 *)(r1 +${at('linux_binprm', 'file')})\nr3 = *(u64 *)(r2 +${at('file', 'f_inode')})\nr4 = *(u64 *)(r3 +${at('inode', 'i_ino')})`,
    ),
    want: 'ok',
    xlated: `(79) r1 = *(u64 *)(r1 +0)\n(79) r2 = *(u64 *)(r1 +${at('linux_binprm', 'file')})\n(79) r3 = *(u64 *)(r2 +${at('file', 'f_inode')})\n(79) r4 = *(u64 *)(r3 +${at('inode', 'i_ino')})\nr0 = 0\nexit`,
  },
  {
    rule: 'trust: fields under RCU that may be NULL',
    ...SWITCH,
    text: next(
      `r2 = *(u64 *)(r1 +${MM})\nr3 = *(u64 *)(r2 +${at('mm_struct', 'exe_file')})\nr4 = *(u64 *)(r3 +0)`,
    ),
    want: 'ok',
  },
  {
    rule: "R%d invalid mem access '%s'",
    name: 'under RCU, may be NULL',
    type: 'TRACING',
    attachType: 23,
    attach: { kind: 'raw_tp', target: 'netif_receive_skb' },
    text: first(`r2 = *(u64 *)(r1 +${at('sk_buff', 'sk')})\nr3 = *(u16 *)(r2 +16)`),
    want: eacces("R2 invalid mem access 'rcu_ptr_or_null_'"),
  },
  {
    rule: "R%d invalid mem access '%s'",
    name: 'under RCU, tested',
    type: 'TRACING',
    attachType: 23,
    attach: { kind: 'raw_tp', target: 'netif_receive_skb' },
    text: `r1 = *(u64 *)(r1 +0)\nr2 = *(u64 *)(r1 +${at('sk_buff', 'sk')})\nif r2 == 0x0 goto out\nr3 = *(u16 *)(r2 +16)\nout: r0 = 0\nexit`,
    want: 'ok',
  },
  {
    exentries: 1,
    rule: 'trust: hooks that free',
    type: 'LSM',
    attachType: 27,
    attach: { kind: 'lsm', target: 'task_free' },
    text: first(`r2 = *(u32 *)(r1 +${PID})`),
    want: 'ok',
    xlated: `(79) r1 = *(u64 *)(r1 +0)\nr2 = *(u32 *)(r1 +${PID})\nr0 = 0\nexit`,
  },
  {
    exentries: 1,
    rule: 'trust: sleepable programs are in no RCU section',
    ...FILE,
    sleepable: true,
    text: first(`r2 = *(u64 *)(r1 +${at('file', 'f_cred')})\nr3 = *(u32 *)(r2 +8)`),
    want: 'ok',
    xlated: `(79) r1 = *(u64 *)(r1 +0)\n(79) r2 = *(u64 *)(r1 +${at('file', 'f_cred')})\nr3 = *(u32 *)(r2 +8)\nr0 = 0\nexit`,
  },
  {
    rule: 'same insn cannot be used with different pointers',
    type: 'SCHED_CLS',
    text: 'r6 = r1\ncall bpf_get_prandom_u32\nr1 = r10\nr1 += -8\n*(u64 *)(r10 -8) = 0\nif r0 == 0x0 goto +1\nr1 = r6\nr0 = *(u32 *)(r1 +0)\nexit',
    ...both(einval('same insn cannot be used with different pointers')),
  },
  {
    rule: 'same insn cannot be used with different pointers',
    name: 'two of the stack',
    type: 'SCHED_CLS',
    text: 'call bpf_get_prandom_u32\nr1 = r10\nr1 += -8\n*(u64 *)(r10 -8) = 0\n*(u64 *)(r10 -16) = 0\nif r0 == 0x0 goto +1\nr1 += -8\nr0 = *(u32 *)(r1 +0)\nexit',
    ...both('ok'),
  },
  {
    rule: 'same insn cannot be used with different pointers',
    exentries: 1,
    name: 'BTF pointers of different trust become untrusted',
    ...SWITCH,
    text: `r6 = r1\ncall bpf_get_prandom_u32\nr1 = *(u64 *)(r6 +16)\nif r0 == 0x0 goto +1\nr1 = *(u64 *)(r1 +${at('task_struct', 'last_wakee')})\nr2 = *(u32 *)(r1 +${PID})\nr0 = 0\nexit`,
    want: 'ok',
  },
];

const SOCK = { type: 'SK_MSG' } as const;
const sock = (rest: string): string => `r1 = *(u64 *)(r1 +72)\n${rest}\nr0 = 0\nexit`;
const common = (rest: string): string =>
  `r1 = *(u64 *)(r1 +168)\nif r1 == 0x0 goto out\n${rest}\nout: r0 = 0\nexit`;
const field = (off: number, size: number): string => `r2 = *(u${size * 8} *)(r1 +${off})`;
const SOCK_OK: [number, number][] = [
  [0, 4],
  [4, 4],
  [5, 1],
  [8, 2],
  [12, 4],
  [16, 4],
  [20, 4],
  [24, 4],
  [26, 2],
  [28, 4],
  [40, 4],
  [44, 4],
  [48, 2],
  [48, 4],
  [49, 1],
  [52, 4],
  [68, 4],
  [72, 4],
  [73, 1],
  [76, 4],
];
const SOCK_BAD: [number, number][] = [
  [0, 2],
  [0, 1],
  [16, 2],
  [22, 2],
  [50, 2],
  [50, 1],
  [0, 8],
  [80, 4],
  [24, 8],
  [6, 4],
];
const TCP_OK: [number, number][] = [
  [0, 4],
  [4, 4],
  [76, 4],
  [80, 8],
  [88, 8],
  [96, 4],
  [108, 4],
];
const TCP_BAD: [number, number][] = [
  [0, 2],
  [2, 2],
  [80, 4],
  [84, 4],
  [0, 8],
  [112, 4],
  [96, 8],
];
const tcp = (rest: string): string =>
  `r1 = *(u64 *)(r1 +168)\nif r1 == 0x0 goto out\ncall bpf_sk_fullsock\nif r0 == 0x0 goto out\nr1 = r0\ncall bpf_tcp_sock\nif r0 == 0x0 goto out\nr1 = r0\n${rest}\nout: r0 = 0\nexit`;
const invalid = (name: string, [off, size]: [number, number]): Verdict =>
  eacces(`R1 invalid ${name} access off=${off} size=${size}`);

const sockets: readonly VerifierCase[] = [
  ...SOCK_OK.map(([off, size]): VerifierCase => ({
    rule: 'R%d invalid %s access off=%d size=%d',
    name: `sock ${off}:${size}`,
    ...SOCK,
    text: sock(field(off, size)),
    ...both('ok'),
  })),
  ...SOCK_BAD.map((one): VerifierCase => ({
    rule: 'R%d invalid %s access off=%d size=%d',
    name: `sock ${one.join(':')}`,
    ...SOCK,
    text: sock(field(...one)),
    ...both(invalid('sock', one)),
  })),
  ...SOCK_OK.filter(([off]) => off < 8 || off >= 24).map(([off, size]): VerifierCase => ({
    rule: 'R%d invalid %s access off=%d size=%d',
    name: `sock_common ${off}:${size}`,
    type: 'SCHED_CLS',
    text: common(field(off, size)),
    ...both('ok'),
  })),
  ...(
    [[8, 4], [12, 4], [16, 4], [20, 4], [9, 1], ...SOCK_BAD.filter(([off]) => off < 8 || off >= 24)] as [
      number,
      number,
    ][]
  ).map((one): VerifierCase => ({
    rule: 'R%d invalid %s access off=%d size=%d',
    name: `sock_common ${one.join(':')}`,
    type: 'SCHED_CLS',
    text: common(field(...one)),
    ...both(invalid('sock_common', one)),
  })),
  ...TCP_OK.map(([off, size]): VerifierCase => ({
    rule: 'R%d invalid %s access off=%d size=%d',
    name: `tcp_sock ${off}:${size}`,
    type: 'SCHED_CLS',
    text: tcp(field(off, size)),
    ...both('ok'),
  })),
  ...TCP_BAD.map((one): VerifierCase => ({
    rule: 'R%d invalid %s access off=%d size=%d',
    name: `tcp_sock ${one.join(':')}`,
    type: 'SCHED_CLS',
    text: tcp(field(...one)),
    ...both(invalid('tcp_sock', one)),
  })),
  {
    rule: 'R%d invalid %s access off=%d size=%d',
    name: 'xdp_sock',
    type: 'XDP',
    text: xsk('r2 = *(u32 *)(r0 +0)'),
    maps: [{ type: MAP.XSKMAP, value: 4 }],
    ...both('ok'),
  },
  {
    rule: 'R%d invalid %s access off=%d size=%d',
    name: 'xdp_sock',
    type: 'XDP',
    text: xsk('r2 = *(u32 *)(r0 +4)'),
    maps: [{ type: MAP.XSKMAP, value: 4 }],
    ...both(eacces('R0 invalid xdp_sock access off=4 size=4')),
  },
  {
    rule: 'R%d cannot write into %s',
    name: 'sock',
    ...SOCK,
    text: sock('*(u32 *)(r1 +16) = 0'),
    ...both(eacces('R1 cannot write into sock')),
  },
  {
    rule: "R%d invalid mem access '%s'",
    name: 'socket not tested for NULL',
    type: 'SCHED_CLS',
    text: 'r1 = *(u64 *)(r1 +168)\nr2 = *(u32 *)(r1 +4)\nr0 = 0\nexit',
    ...both(eacces("R1 invalid mem access 'sock_common_or_null'")),
  },
  {
    rule: 'invalid access to flow keys off=%d size=%d',
    type: 'FLOW_DISSECTOR',
    text: 'r1 = *(u64 *)(r1 +144)\nr2 = *(u32 *)(r1 +56)\nr0 = 0\nexit',
    ...both(eacces('invalid access to flow keys off=56 size=4')),
  },
  {
    rule: 'invalid access to flow keys off=%d size=%d',
    name: 'straddles the end',
    type: 'FLOW_DISSECTOR',
    text: 'r1 = *(u64 *)(r1 +144)\nr2 = *(u64 *)(r1 +52)\nr0 = 0\nexit',
    ...both(eacces('invalid access to flow keys off=52 size=8')),
  },
  {
    rule: 'invalid access to flow keys off=%d size=%d',
    name: 'last word, stored',
    type: 'FLOW_DISSECTOR',
    text: 'r1 = *(u64 *)(r1 +144)\n*(u32 *)(r1 +52) = 7\nr0 = 0\nexit',
    ...both('ok'),
  },
];

function xsk(rest: string): string {
  return `*(u32 *)(r10 -4) = 0\nr2 = r10\nr2 += -4\nr1 = map_fd 0\ncall bpf_map_lookup_elem\nif r0 == 0x0 goto out\n${rest}\nout: r0 = 0\nexit`;
}

const RESERVE = 'r1 = map_fd 0\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0x0 goto out';
const SUBMIT = 'r1 = r0\nr2 = 0\ncall bpf_ringbuf_submit';
const RING = [{ type: MAP.RINGBUF, key: 0, value: 0, max: 4096 }];
const memoryRegions: readonly VerifierCase[] = [
  {
    rule: 'invalid access to memory, mem_size=%u off=%d size=%d',
    type: 'SCHED_CLS',
    maps: RING,
    text: `${RESERVE}\n*(u64 *)(r0 +16) = 0\n${SUBMIT}\nout: r0 = 0\nexit`,
    ...both(
      eacces(
        'invalid access to memory, mem_size=16 off=16 size=8\nR0 min value is outside of the allowed memory range',
      ),
    ),
  },
  {
    rule: 'invalid access to memory, mem_size=%u off=%d size=%d',
    type: 'SCHED_CLS',
    name: 'last word',
    maps: RING,
    text: `${RESERVE}\n*(u64 *)(r0 +8) = 0\n${SUBMIT}\nout: r0 = 0\nexit`,
    ...both('ok'),
  },
  {
    rule: 'R%d cannot write into %s',
    name: 'kernel variable',
    type: 'SCHED_CLS',
    text: 'r1 = btf_id jiffies\n*(u64 *)(r1 +0) = 0\nr0 = 0\nexit',
    ...(hasVariable('jiffies') ? both(eacces('R1 cannot write into rdonly_mem')) : {}),
  },
  {
    rule: 'R%d invalid %s buffer access: off=%d, size=%d',
    type: 'RAW_TRACEPOINT_WRITABLE',
    text: 'r1 = *(u64 *)(r1 +0)\nr2 = *(u32 *)(r1 -4)\nr0 = 0\nexit',
    ...both(eacces('R1 invalid tracepoint buffer access: off=-4, size=4')),
  },
  {
    rule: 'R%d invalid %s buffer access: off=%d, size=%d',
    type: 'RAW_TRACEPOINT_WRITABLE',
    text: 'r1 = *(u64 *)(r1 +0)\n*(u32 *)(r1 +4) = 1\nr0 = 0\nexit',
    ...both('ok'),
  },
  {
    rule: 'R%d invalid variable buffer offset: off=%d, var_off=%s',
    type: 'RAW_TRACEPOINT_WRITABLE',
    text: 'r6 = r1\ncall bpf_get_prandom_u32\nr0 &= 4\nr1 = *(u64 *)(r6 +0)\nr1 += r0\nr2 = *(u32 *)(r1 +0)\nr0 = 0\nexit',
    ...both(eacces('R1 invalid variable buffer offset: off=0, var_off=(0x0; 0x4)')),
  },
];

function hasVariable(name: string): boolean {
  return kernelBtf('6.12').find(name, 14) !== 0 && kernelBtf('6.1').find(name, 14) !== 0;
}

verifierCases('BTF walks', walks);
verifierCases('trust', trust);
verifierCases('sockets', sockets);
verifierCases(
  'memory regions',
  memoryRegions.filter((one) => one.want !== undefined || one.want61 !== undefined),
);

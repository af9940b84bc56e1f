import { type HelperFact, type Home, PACKET_ACCESS, symbolOf } from './helper-facts.js';
import { type CaseMap, MAP } from './verifier-cases.js';

/**
 * Programs that call one helper with arguments as its prototype wants them. Before the call r6 is the context, r7
 * the object that the prototype asks for, r8 a pointer to map value or packet, r9 a number; below the frame:
 *
 *   fp-8 key   fp-16 value   fp-64 memory of 32 bytes   fp-72 nothing written   fp-112 memory of 40 bytes
 *   fp-128 dynptr   fp-144 place of a new dynptr
 */
export interface Setting {
  readonly home: Home;
  /** Leaves the object in r7; `goto out` where there is none. */
  readonly object?: string;
  /** Right before the arguments. */
  readonly before?: string;
  /** After the call, what was acquired is given back. */
  readonly after?: string;
  readonly maps?: readonly CaseMap[];
  readonly c?: string;
  /** In place of what the kind of argument says, by position. */
  readonly args?: Readonly<Record<number, string>>;
  /** Linux 6.1 has nothing of the kind. */
  readonly only612?: boolean;
}

const tracing = (attachType: number, kind: string, target: string): Home => ({
  ...{ type: 'TRACING', attachType, attach: { kind, target } },
});
const lsm = (target: string): Home => ({ type: 'LSM', attachType: 27, attach: { kind: 'lsm', target } });
const sleepable = (home: Home): Home => ({ ...home, sleepable: true });

/** Program types in the order in which they are tried. */
const HOMES: readonly Home[] = [
  { type: 'SCHED_CLS' },
  { type: 'XDP' },
  { type: 'KPROBE' },
  { type: 'CGROUP_SKB', attachType: 1 },
  { type: 'SK_SKB' },
  { type: 'SOCK_OPS', attachType: 3 },
  { type: 'SK_MSG' },
  { type: 'LWT_XMIT' },
  { type: 'LWT_SEG6LOCAL' },
  { type: 'CGROUP_SOCK_ADDR', attachType: 10 },
  { type: 'SK_REUSEPORT', attachType: 39 },
  { type: 'CGROUP_SYSCTL', attachType: 18 },
  { type: 'CGROUP_SOCKOPT', attachType: 22 },
  { type: 'LIRC_MODE2' },
  { type: 'PERF_EVENT' },
  tracing(24, 'fentry', 'wake_up_new_task'),
  lsm('file_open'),
  { type: 'SYSCALL', sleepable: true },
];
const ARGUMENT = (at: number): string => `r7 = *(u64 *)(r6 +${at * 8})`;
const SKB_SOCK = 'r7 = *(u64 *)(r6 +168)\nif r7 == 0 goto out';
const FULL_SOCK = `${SKB_SOCK}
  r1 = r7
  call bpf_sk_fullsock
  if r0 == 0 goto out
  r7 = r0`;
const FOUND_SOCK = `r1 = r6
  r2 = r10
  r2 += -64
  r3 = 12
  r4 = -1
  r5 = 0
  call bpf_sk_lookup_tcp
  if r0 == 0 goto out
  r7 = r0`;
const RESERVED = `r1 = map_fd 0
  r2 = 8
  r3 = 0
  call bpf_ringbuf_reserve
  if r0 == 0 goto out
  r7 = r0`;
const RESERVED_DYNPTR = `r1 = map_fd 0
  r2 = 8
  r3 = 0
  r4 = r10
  r4 += -128
  call bpf_ringbuf_reserve_dynptr`;
const SUBMIT_DYNPTR = (place: number): string => `r1 = r10
  r1 += ${place}
  r2 = 0
  call bpf_ringbuf_submit_dynptr`;
const LOCAL_DYNPTR = `r1 = r8
  r2 = 8
  r3 = 0
  r4 = r10
  r4 += -128
  call bpf_dynptr_from_mem`;
const RELEASE_SOCK = `if r0 == 0 goto out
  r1 = r0
  call bpf_sk_release`;

const ringbuf: CaseMap = { type: MAP.RINGBUF, key: 0, value: 0, max: 4096 };
const SPIN = 'struct value { struct bpf_spin_lock lock; u32 n; };';
const TIMER = 'struct value { struct bpf_timer timer; };';
const KPTR = 'struct value { struct task_struct __kptr *task; };';
const FUNCTIONS = 'int main(struct __sk_buff *ctx); static int callback(u64 a);';
/** A map with a typed value, which r7 points to. */
const tagged = (c: string): Setting => ({
  ...{ home: { type: 'SCHED_CLS' }, c: `${c} ${FUNCTIONS}` },
  ...{ maps: [{ type: MAP.ARRAY, value: 'struct value' }], object: 'r7 = map_value 0' },
});
const local = (type: number, home: Home, at = 0): Setting => ({
  ...{ home, object: ARGUMENT(at), maps: [{ type, max: 0, flags: 1 }] },
});
const socks: Setting = { home: { type: 'SCHED_CLS' }, object: SKB_SOCK };

const iterator: Setting = {
  home: tracing(28, 'iter', 'task'),
  object: 'r7 = *(u64 *)(r6 +0)\nr7 = *(u64 *)(r7 +0)',
};

/** Helpers that need more than their prototype's usual home. */
const SETTINGS: Readonly<Record<string, Setting>> = {
  get_local_storage: {
    home: { type: 'CGROUP_SKB', attachType: 1 },
    maps: [{ type: MAP.CGROUP_STORAGE, key: 8, max: 0 }],
  },
  sk_release: { home: { type: 'SCHED_CLS' }, object: FOUND_SOCK },
  sk_lookup_tcp: { home: { type: 'SCHED_CLS' }, after: RELEASE_SOCK },
  sk_lookup_udp: { home: { type: 'SCHED_CLS' }, after: RELEASE_SOCK },
  skc_lookup_tcp: { home: { type: 'SCHED_CLS' }, after: RELEASE_SOCK },
  sk_cgroup_id: { home: { type: 'CGROUP_SKB', attachType: 1 }, object: SKB_SOCK },
  sk_ancestor_cgroup_id: { home: { type: 'CGROUP_SKB', attachType: 1 }, object: SKB_SOCK },
  spin_lock: { ...tagged(SPIN), after: 'r1 = r7\ncall bpf_spin_unlock' },
  spin_unlock: { ...tagged(SPIN), before: 'r1 = r7\ncall bpf_spin_lock' },
  skb_output: { home: tracing(24, 'fentry', 'ip_rcv'), object: ARGUMENT(0) },
  xdp_output: { home: tracing(24, 'fentry', 'bpf_prog_run_generic_xdp'), object: ARGUMENT(1) },
  tcp_send_ack: {
    home: { type: 'STRUCT_OPS', attach: { kind: 'struct_ops', target: 'tcp_congestion_ops.init' } },
    object: ARGUMENT(0),
  },
  ringbuf_submit: { home: { type: 'SCHED_CLS' }, object: RESERVED },
  ringbuf_discard: { home: { type: 'SCHED_CLS' }, object: RESERVED },
  ringbuf_reserve: {
    home: { type: 'SCHED_CLS' },
    after: 'if r0 == 0 goto out\nr1 = r0\nr2 = 0\ncall bpf_ringbuf_discard',
  },
  ringbuf_reserve_dynptr: { home: { type: 'SCHED_CLS' }, after: SUBMIT_DYNPTR(-144) },
  ringbuf_submit_dynptr: { home: { type: 'SCHED_CLS' }, object: RESERVED_DYNPTR },
  ringbuf_discard_dynptr: { home: { type: 'SCHED_CLS' }, object: RESERVED_DYNPTR },
  dynptr_from_mem: { home: { type: 'SCHED_CLS' }, args: { 0: 'r1 = r8' } },
  dynptr_read: { home: { type: 'SCHED_CLS' }, object: LOCAL_DYNPTR },
  dynptr_write: { home: { type: 'SCHED_CLS' }, object: LOCAL_DYNPTR },
  dynptr_data: { home: { type: 'SCHED_CLS' }, object: LOCAL_DYNPTR },
  seq_printf: iterator,
  seq_write: iterator,
  seq_printf_btf: iterator,
  get_task_stack: { home: tracing(24, 'fentry', 'wake_up_new_task'), object: ARGUMENT(0) },
  task_pt_regs: { home: tracing(24, 'fentry', 'wake_up_new_task'), object: ARGUMENT(0) },
  copy_from_user: { home: sleepable(lsm('file_open')) },
  copy_from_user_task: {
    home: sleepable(lsm('task_setnice')),
    object: ARGUMENT(0),
  },
  inode_storage_get: local(MAP.INODE_STORAGE, lsm('inode_unlink')),
  inode_storage_delete: local(MAP.INODE_STORAGE, lsm('inode_unlink')),
  task_storage_get: local(MAP.TASK_STORAGE, tracing(24, 'fentry', 'wake_up_new_task')),
  task_storage_delete: local(MAP.TASK_STORAGE, tracing(24, 'fentry', 'wake_up_new_task')),
  cgrp_storage_get: local(MAP.CGRP_STORAGE, tracing(23, 'raw_tp', 'cgroup_mkdir')),
  cgrp_storage_delete: local(MAP.CGRP_STORAGE, tracing(23, 'raw_tp', 'cgroup_mkdir')),
  sk_storage_get: { ...socks, maps: [{ type: MAP.SK_STORAGE, max: 0, flags: 1 }], object: FULL_SOCK },
  sk_storage_delete: { ...socks, maps: [{ type: MAP.SK_STORAGE, max: 0, flags: 1 }], object: FULL_SOCK },
  d_path: { home: tracing(24, 'fentry', 'vfs_truncate'), object: ARGUMENT(0) },
  bprm_opts_set: { home: lsm('bprm_creds_for_exec'), object: ARGUMENT(0) },
  ima_inode_hash: { home: sleepable(lsm('inode_unlink')), object: ARGUMENT(0) },
  ima_file_hash: { home: sleepable(lsm('file_open')), object: ARGUMENT(0) },
  sock_from_file: { home: lsm('file_open'), object: ARGUMENT(0) },
  find_vma: {
    ...{ home: tracing(24, 'fentry', 'wake_up_new_task'), object: ARGUMENT(0) },
    c: FUNCTIONS,
  },
  loop: { home: { type: 'SCHED_CLS' }, c: FUNCTIONS },
  for_each_map_elem: { home: { type: 'SCHED_CLS' }, c: FUNCTIONS },
  user_ringbuf_drain: { home: { type: 'SCHED_CLS' }, c: FUNCTIONS },
  timer_init: tagged(TIMER),
  timer_set_callback: tagged(TIMER),
  timer_start: tagged(TIMER),
  timer_cancel: tagged(TIMER),
  kptr_xchg: {
    ...{ ...tagged(KPTR), only612: true },
    after: 'if r0 == 0 goto out\nr1 = r0\ncall kfunc bpf_task_release',
  },
  get_func_arg: { home: tracing(24, 'fentry', 'wake_up_new_task') },
  get_func_ret: { home: tracing(25, 'fexit', 'wake_up_new_task') },
  get_func_arg_cnt: { home: tracing(24, 'fentry', 'wake_up_new_task') },
};

/** Map types that a helper works on; any other map is a hash. */
const MAP_TYPES: Readonly<Record<string, CaseMap>> = {
  tail_call: { type: MAP.PROG_ARRAY, value: 4 },
  perf_event_read: { type: MAP.PERF_EVENT_ARRAY, value: 4 },
  perf_event_output: { type: MAP.PERF_EVENT_ARRAY, value: 4 },
  perf_event_read_value: { type: MAP.PERF_EVENT_ARRAY, value: 4 },
  skb_output: { type: MAP.PERF_EVENT_ARRAY, value: 4 },
  xdp_output: { type: MAP.PERF_EVENT_ARRAY, value: 4 },
  get_stackid: { type: MAP.STACK_TRACE, value: 80 },
  current_task_under_cgroup: { type: MAP.CGROUP_ARRAY, value: 4 },
  skb_under_cgroup: { type: MAP.CGROUP_ARRAY, value: 4 },
  redirect_map: { type: MAP.DEVMAP, value: 4 },
  sk_redirect_map: { type: MAP.SOCKMAP, value: 4 },
  sock_map_update: { type: MAP.SOCKMAP, value: 4 },
  msg_redirect_map: { type: MAP.SOCKMAP, value: 4 },
  sock_hash_update: { type: MAP.SOCKHASH, value: 4 },
  msg_redirect_hash: { type: MAP.SOCKHASH, value: 4 },
  sk_redirect_hash: { type: MAP.SOCKHASH, value: 4 },
  sk_select_reuseport: { type: MAP.REUSEPORT_SOCKARRAY, value: 8 },
  map_push_elem: { type: MAP.QUEUE, key: 0 },
  map_pop_elem: { type: MAP.QUEUE, key: 0 },
  map_peek_elem: { type: MAP.STACK, key: 0 },
  map_lookup_percpu_elem: { type: MAP.PERCPU_ARRAY },
  user_ringbuf_drain: { type: MAP.USER_RINGBUF, key: 0, value: 0, max: 4096 },
};

export function settingOf(fact: HelperFact): Setting {
  const own = SETTINGS[fact.name];
  if (own !== undefined) return own;
  const home = HOMES.find((one) => symbolOf(one, fact.name, false) !== null);
  if (home === undefined) throw new Error(`no program may call ${fact.name}`);
  return fact.args.some((arg) => arg.startsWith('SOCK_COMMON')) ? { ...socks } : { home };
}

/** Maps of a call: the helper's own, a constant string, a read-only one, one with plain values. */
export function mapsOf(fact: HelperFact, setting: Setting): readonly CaseMap[] {
  const named = fact.name.startsWith('ringbuf') ? ringbuf : (MAP_TYPES[fact.name] ?? { type: MAP.HASH });
  return [
    ...(setting.maps ?? [named]),
    { type: MAP.ARRAY, constant: 'text', flags: 128 },
    { type: MAP.ARRAY, flags: 128 },
    { type: MAP.ARRAY, value: 64 },
  ];
}

export const below = (regno: number, off: number): string => `r${regno} = r10\nr${regno} += ${off}`;

/** An argument as the prototype wants it. */
function argument(fact: HelperFact, index: number): string {
  const regno = index + 1;
  const r = `r${regno}`;
  const [, kind, of] = /^([A-Z_0-9]+(?:\/BTF)?)(?:\((.*?)\))?/.exec(fact.args[index]!)!;
  switch (kind) {
    case 'CTX':
      return `${r} = r6`;
    case 'MAP':
      return `${r} = map_fd 0`;
    case 'KEY':
      return below(regno, -8);
    case 'VALUE':
      return below(regno, -16);
    case 'UNINIT_VALUE':
    case 'UNINIT_MEM':
    case 'UNINIT_FIXED_MEM':
      return below(regno, -72);
    case 'MEM':
      return below(regno, -64);
    case 'FIXED_MEM':
      return below(regno, -112);
    case 'SIZE':
    case 'SIZE0':
    case 'ALLOC_SIZE':
      return `${r} = 8`;
    case 'SCALAR':
    case 'ANY':
    case 'STACK0':
      return `${r} = 0`;
    case 'FUNC':
      return `${r} = func callback`;
    case 'CONST_STR':
      return `${r} = map_value 1`;
    case 'PERCPU_BTF':
      return `${r} = btf_id runqueues`;
    case 'DYNPTR':
      return below(regno, -128);
    case 'UNINIT_DYNPTR':
      return below(regno, -144);
    case 'BTF':
      return of === '*' ? `${r} = 0` : `${r} = r7`;
    default:
      return `${r} = r7`;
  }
}

const HAS_PACKET: Readonly<Record<string, readonly [number, number]>> = { SCHED_CLS: [76, 80], XDP: [0, 4] };

/** Whether packet pointers exist where the helper is called. */
export const hasPacket = ({ home }: Setting): boolean => HAS_PACKET[home.type] !== undefined;
export const takesPacket = (fact: HelperFact): boolean => PACKET_ACCESS.has(fact.id);

/** The program: `changed` arguments replace those of the prototype ('' = none at all). */
export function callText(
  fact: HelperFact,
  setting: Setting,
  changed: Readonly<Record<number, string>> = {},
  withPacket = false,
  result = '',
): string {
  const packet = withPacket ? HAS_PACKET[setting.home.type] : undefined;
  const args = fact.args.map((_, i) => changed[i] ?? setting.args?.[i] ?? argument(fact, i));
  const words = [-8, -16, -64, -56, -48, -40, -112, -104, -96, -88, -80];
  const text = [
    'r6 = r1',
    ...words.map((off) => `*(u64 *)(r10 ${off}) = 0`),
    `r8 = map_value 3`,
    ...(setting.object === undefined ? [] : [setting.object]),
    ...(packet === undefined
      ? []
      : [
          `r8 = *(u32 *)(r6 +${packet[0]})`,
          `r3 = *(u32 *)(r6 +${packet[1]})`,
          'r4 = r8',
          'r4 += 64',
          'if r4 > r3 goto out',
        ]),
    'call bpf_ktime_get_ns',
    'r9 = r0',
    ...(setting.before === undefined ? [] : [setting.before]),
    ...args.filter((text) => text !== ''),
    `call bpf_${fact.name}`,
    ...(result === '' ? [] : [result]),
    ...(setting.after === undefined ? [] : [setting.after]),
    `out: r0 = ${setting.home.type === 'CGROUP_SOCK_ADDR' ? 1 : 0}`,
    'exit',
  ].join('\n');
  return text.includes('func callback') ? `${text}\ncallback: r0 = 0\nexit` : text;
}

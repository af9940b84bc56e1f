import { helperName } from '../../asm/helper-names.js';
import type { KernelVersion } from '../../profiles/profile.js';
import type { ProgramSpec } from '../../program/program-spec.js';
import { ProgType } from '../prog-type.js';

type Symbols = Readonly<Record<string, string>>;

/** Symbols of helpers that are not called bpf_NAME, whatever the program. */
const COMMON: Symbols = {
  get_prandom_u32: 'bpf_user_rnd_u32',
  probe_read: 'bpf_probe_read_compat',
  probe_read_str: 'bpf_probe_read_compat_str',
  skb_output: 'bpf_skb_event_output',
  xdp_output: 'bpf_xdp_event_output',
};

const SKB_EVENTS: Symbols = { perf_event_output: 'bpf_skb_event_output' };
const DATA_EVENTS: Symbols = { perf_event_output: 'bpf_event_output_data' };
const CGROUP_CURRENT: Symbols = { get_cgroup_classid: 'bpf_get_cgroup_classid_curr' };

const socketLookups = (flavour: string): Symbols => ({
  sk_lookup_tcp: `bpf_${flavour}_sk_lookup_tcp`,
  sk_lookup_udp: `bpf_${flavour}_sk_lookup_udp`,
  skc_lookup_tcp: `bpf_${flavour}_skc_lookup_tcp`,
});

const traceOutput = (flavour: string): Symbols => ({
  perf_event_output: `bpf_perf_event_output_${flavour}`,
  get_stackid: `bpf_get_stackid_${flavour}`,
  get_stack: `bpf_get_stack_${flavour}`,
});

const socketOptions = (flavour: string): Symbols => ({
  setsockopt: `bpf_${flavour}_setsockopt`,
  getsockopt: `bpf_${flavour}_getsockopt`,
});

const TC: Symbols = {
  ...SKB_EVENTS,
  ...socketLookups('tc'),
  fib_lookup: 'bpf_skb_fib_lookup',
  check_mtu: 'bpf_skb_check_mtu',
};

const TRACING: Symbols = {
  ...traceOutput('raw_tp'),
  get_attach_cookie: 'bpf_get_attach_cookie_tracing',
  get_func_ip: 'bpf_get_func_ip_tracing',
  sk_storage_get: 'bpf_sk_storage_get_tracing',
  sk_storage_delete: 'bpf_sk_storage_delete_tracing',
  get_socket_cookie: 'bpf_get_socket_ptr_cookie',
};

const BY_TYPE: Readonly<Record<number, Symbols>> = {
  [ProgType.SOCKET_FILTER]: SKB_EVENTS,
  [ProgType.KPROBE]: {
    get_attach_cookie: 'bpf_get_attach_cookie_trace',
    get_func_ip: 'bpf_get_func_ip_kprobe',
  },
  [ProgType.SCHED_CLS]: TC,
  [ProgType.SCHED_ACT]: TC,
  [ProgType.TRACEPOINT]: { ...traceOutput('tp'), get_attach_cookie: 'bpf_get_attach_cookie_trace' },
  [ProgType.XDP]: {
    ...socketLookups('xdp'),
    perf_event_output: 'bpf_xdp_event_output',
    redirect: 'bpf_xdp_redirect',
    redirect_map: 'bpf_xdp_redirect_map',
    fib_lookup: 'bpf_xdp_fib_lookup',
    check_mtu: 'bpf_xdp_check_mtu',
  },
  [ProgType.PERF_EVENT]: {
    perf_event_output: 'bpf_perf_event_output_tp',
    get_stackid: 'bpf_get_stackid_pe',
    get_stack: 'bpf_get_stack_pe',
    get_attach_cookie: 'bpf_get_attach_cookie_pe',
  },
  [ProgType.CGROUP_SKB]: SKB_EVENTS,
  [ProgType.CGROUP_SOCK]: {
    ...DATA_EVENTS,
    ...CGROUP_CURRENT,
    get_socket_cookie: 'bpf_get_socket_cookie_sock',
    get_netns_cookie: 'bpf_get_netns_cookie_sock',
  },
  [ProgType.LWT_IN]: { ...SKB_EVENTS, lwt_push_encap: 'bpf_lwt_in_push_encap' },
  [ProgType.LWT_OUT]: SKB_EVENTS,
  [ProgType.LWT_XMIT]: { ...SKB_EVENTS, lwt_push_encap: 'bpf_lwt_xmit_push_encap' },
  [ProgType.SOCK_OPS]: {
    ...DATA_EVENTS,
    ...socketOptions('sock_ops'),
    get_socket_cookie: 'bpf_get_socket_cookie_sock_ops',
    get_netns_cookie: 'bpf_get_netns_cookie_sock_ops',
    load_hdr_opt: 'bpf_sock_ops_load_hdr_opt',
    store_hdr_opt: 'bpf_sock_ops_store_hdr_opt',
    reserve_hdr_opt: 'bpf_sock_ops_reserve_hdr_opt',
  },
  [ProgType.SK_SKB]: {
    ...SKB_EVENTS,
    skb_pull_data: 'sk_skb_pull_data',
    skb_change_tail: 'sk_skb_change_tail',
    skb_change_head: 'sk_skb_change_head',
    skb_adjust_room: 'sk_skb_adjust_room',
  },
  [ProgType.CGROUP_DEVICE]: { ...DATA_EVENTS, ...CGROUP_CURRENT },
  [ProgType.SK_MSG]: {
    ...DATA_EVENTS,
    ...CGROUP_CURRENT,
    get_netns_cookie: 'bpf_get_netns_cookie_sk_msg',
  },
  [ProgType.RAW_TRACEPOINT]: { ...TRACING, sk_storage_get: 'bpf_sk_storage_get' },
  [ProgType.CGROUP_SOCK_ADDR]: {
    ...DATA_EVENTS,
    ...CGROUP_CURRENT,
    ...socketLookups('sock_addr'),
    ...socketOptions('sock_addr'),
    get_socket_cookie: 'bpf_get_socket_cookie_sock_addr',
    get_netns_cookie: 'bpf_get_netns_cookie_sock_addr',
  },
  [ProgType.LWT_SEG6LOCAL]: SKB_EVENTS,
  [ProgType.SK_REUSEPORT]: {
    sk_select_reuseport: 'sk_select_reuseport',
    skb_load_bytes: 'sk_reuseport_load_bytes',
    skb_load_bytes_relative: 'sk_reuseport_load_bytes_relative',
    get_socket_cookie: 'bpf_get_socket_ptr_cookie',
  },
  [ProgType.FLOW_DISSECTOR]: { skb_load_bytes: 'bpf_flow_dissector_load_bytes' },
  [ProgType.CGROUP_SYSCTL]: { ...DATA_EVENTS, ...CGROUP_CURRENT },
  [ProgType.RAW_TRACEPOINT_WRITABLE]: { ...TRACING, sk_storage_get: 'bpf_sk_storage_get' },
  [ProgType.CGROUP_SOCKOPT]: {
    ...DATA_EVENTS,
    ...CGROUP_CURRENT,
    ...socketOptions('sk'),
    get_netns_cookie: 'bpf_get_netns_cookie_sockopt',
  },
  [ProgType.TRACING]: TRACING,
  [ProgType.LSM]: {
    ...TRACING,
    ...socketOptions('unlocked_sk'),
    sk_storage_get: 'bpf_sk_storage_get',
    sk_storage_delete: 'bpf_sk_storage_delete',
  },
  [ProgType.SK_LOOKUP]: { ...DATA_EVENTS, sk_assign: 'bpf_sk_lookup_assign' },
  [ProgType.SYSCALL]: TRACING,
};

/** Types whose own list names get_smp_processor_id; the others get the raw form. */
const OWN_CPU_ID = new Set<number>([
  ProgType.KPROBE,
  ProgType.SCHED_CLS,
  ProgType.SCHED_ACT,
  ProgType.TRACEPOINT,
  ProgType.XDP,
  ProgType.PERF_EVENT,
  ProgType.LWT_IN,
  ProgType.LWT_OUT,
  ProgType.LWT_XMIT,
  ProgType.LWT_SEG6LOCAL,
  ProgType.RAW_TRACEPOINT,
  ProgType.RAW_TRACEPOINT_WRITABLE,
  ProgType.TRACING,
  ProgType.LSM,
  ProgType.SYSCALL,
]);

const BPF_TRACE_ITER = 28;

/** Symbol that a helper call of this program goes to. */
export function helperSymbol(id: number, spec: ProgramSpec, version: KernelVersion): string {
  const name = (helperName(id) ?? `bpf_helper_${id}`).slice('bpf_'.length);
  const own = BY_TYPE[spec.type]?.[name] ?? COMMON[name];
  if (own !== undefined) return own;
  if (name === 'get_smp_processor_id' && !OWN_CPU_ID.has(spec.type)) return 'bpf_get_raw_cpu_id';
  if (name.startsWith('task_storage_') && version === '6.12' && checksRecursion(spec))
    return `bpf_${name}_recur`;
  return `bpf_${name}`;
}

function checksRecursion(spec: ProgramSpec): boolean {
  if (spec.type === ProgType.TRACING) return spec.expectedAttachType !== BPF_TRACE_ITER;
  return spec.type !== ProgType.LSM && spec.type !== ProgType.STRUCT_OPS;
}

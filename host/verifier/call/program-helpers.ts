import type { ProgramSpec } from '../../program/program-spec.js';

/** BPF_PROG_TYPE_* numbers with rules of their own. */
const TRACING = 26;
const STRUCT_OPS = 27;
const LSM = 29;
const SYSCALL = 31;
const CGROUP_SOCKOPT = 25;
const ATTACH_RAW_TP = 23;
const ATTACH_ITER = 28;
const ATTACH_LSM_CGROUP = 43;
const ATTACH_SETSOCKOPT = 22;
const ATTACH_INET4_CONNECT = 10;
const ATTACH_INET6_CONNECT = 11;

// Name; `>symbol` = what the call resolves to instead of bpf_NAME. The first list that names a helper counts.
const LISTS: Record<string, string> = {
  BASE1: `map_lookup_elem map_update_elem map_delete_elem map_push_elem map_pop_elem map_peek_elem
    map_lookup_percpu_elem get_prandom_u32>bpf_user_rnd_u32 get_smp_processor_id>bpf_get_raw_cpu_id
    get_numa_node_id tail_call ktime_get_ns ktime_get_boot_ns ktime_get_tai_ns ringbuf_output
    ringbuf_reserve ringbuf_submit ringbuf_discard ringbuf_query strncmp strtol strtoul
    get_current_pid_tgid get_ns_current_pid_tgid`,
  BASE2: `spin_lock spin_unlock jiffies64 per_cpu_ptr this_cpu_ptr timer_init timer_set_callback timer_start
    timer_cancel kptr_xchg for_each_map_elem loop user_ringbuf_drain ringbuf_reserve_dynptr
    ringbuf_submit_dynptr ringbuf_discard_dynptr dynptr_from_mem dynptr_read dynptr_write dynptr_data
    cgrp_storage_get cgrp_storage_delete get_current_cgroup_id get_current_ancestor_cgroup_id`,
  BASE3: `trace_printk get_current_task get_current_task_btf probe_read_user probe_read_kernel
    probe_read_user_str probe_read_kernel_str snprintf_btf snprintf task_pt_regs trace_vprintk`,
  SKBASE: `skc_to_tcp6_sock skc_to_tcp_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock skc_to_udp6_sock
    skc_to_unix_sock skc_to_mptcp_sock ktime_get_coarse_ns`,
  CGCOMMON: `get_local_storage get_retval set_retval`,
  CGCURRENT: `get_current_uid_gid get_current_comm get_cgroup_classid>bpf_get_cgroup_classid_curr
    current_task_under_cgroup`,
  SOCKET: `skb_load_bytes skb_load_bytes_relative get_socket_cookie get_socket_uid
    perf_event_output>bpf_skb_event_output`,
  SCHED: `skb_store_bytes skb_load_bytes skb_load_bytes_relative skb_pull_data csum_diff csum_update
    csum_level l3_csum_replace l4_csum_replace clone_redirect get_cgroup_classid skb_vlan_push
    skb_vlan_pop skb_change_proto skb_change_type skb_adjust_room skb_change_tail skb_change_head
    skb_get_tunnel_key skb_set_tunnel_key skb_get_tunnel_opt skb_set_tunnel_opt redirect redirect_neigh
    redirect_peer get_route_realm get_hash_recalc set_hash_invalid set_hash
    perf_event_output>bpf_skb_event_output get_smp_processor_id skb_under_cgroup get_socket_cookie
    get_socket_uid fib_lookup>bpf_skb_fib_lookup check_mtu>bpf_skb_check_mtu sk_fullsock sk_storage_get
    sk_storage_delete skb_get_xfrm_state skb_cgroup_classid skb_cgroup_id skb_ancestor_cgroup_id
    sk_lookup_tcp>bpf_tc_sk_lookup_tcp sk_lookup_udp>bpf_tc_sk_lookup_udp sk_release tcp_sock
    get_listener_sock skc_lookup_tcp>bpf_tc_skc_lookup_tcp tcp_check_syncookie skb_ecn_set_ce
    tcp_gen_syncookie sk_assign skb_set_tstamp tcp_raw_gen_syncookie_ipv4 tcp_raw_gen_syncookie_ipv6
    tcp_raw_check_syncookie_ipv4 tcp_raw_check_syncookie_ipv6`,
  XDP: `perf_event_output>bpf_xdp_event_output get_smp_processor_id csum_diff xdp_adjust_head
    xdp_adjust_meta redirect>bpf_xdp_redirect redirect_map>bpf_xdp_redirect_map xdp_adjust_tail
    xdp_get_buff_len xdp_load_bytes xdp_store_bytes fib_lookup>bpf_xdp_fib_lookup
    check_mtu>bpf_xdp_check_mtu sk_lookup_udp>bpf_xdp_sk_lookup_udp sk_lookup_tcp>bpf_xdp_sk_lookup_tcp
    sk_release skc_lookup_tcp>bpf_xdp_skc_lookup_tcp tcp_check_syncookie tcp_gen_syncookie
    tcp_raw_gen_syncookie_ipv4 tcp_raw_gen_syncookie_ipv6 tcp_raw_check_syncookie_ipv4
    tcp_raw_check_syncookie_ipv6`,
  CGSKB: `sk_fullsock sk_storage_get sk_storage_delete perf_event_output>bpf_skb_event_output skb_cgroup_id
    skb_ancestor_cgroup_id sk_cgroup_id sk_ancestor_cgroup_id sk_lookup_tcp sk_lookup_udp sk_release
    skc_lookup_tcp tcp_sock get_listener_sock skb_ecn_set_ce`,
  CGSOCK: `get_socket_cookie>bpf_get_socket_cookie_sock get_netns_cookie>bpf_get_netns_cookie_sock
    perf_event_output>bpf_event_output_data sk_storage_get ktime_get_coarse_ns`,
  LWT_OUT: `skb_load_bytes skb_pull_data csum_diff get_cgroup_classid get_route_realm get_hash_recalc
    perf_event_output>bpf_skb_event_output get_smp_processor_id skb_under_cgroup`,
  LWT_IN: `lwt_push_encap>bpf_lwt_in_push_encap`,
  LWT_XMIT: `skb_get_tunnel_key skb_set_tunnel_key skb_get_tunnel_opt skb_set_tunnel_opt redirect clone_redirect
    skb_change_tail skb_change_head skb_store_bytes csum_update csum_level l3_csum_replace
    l4_csum_replace set_hash_invalid lwt_push_encap>bpf_lwt_xmit_push_encap`,
  LWT_SEG6: `!skb_pull_data lwt_seg6_store_bytes lwt_seg6_action lwt_seg6_adjust_srh`,
  SOCK_OPS: `setsockopt>bpf_sock_ops_setsockopt getsockopt>bpf_sock_ops_getsockopt sock_ops_cb_flags_set
    sock_map_update sock_hash_update get_socket_cookie>bpf_get_socket_cookie_sock_ops
    perf_event_output>bpf_event_output_data sk_storage_get sk_storage_delete
    get_netns_cookie>bpf_get_netns_cookie_sock_ops load_hdr_opt>bpf_sock_ops_load_hdr_opt
    store_hdr_opt>bpf_sock_ops_store_hdr_opt reserve_hdr_opt>bpf_sock_ops_reserve_hdr_opt tcp_sock`,
  SK_SKB: `skb_store_bytes skb_load_bytes skb_pull_data>sk_skb_pull_data skb_change_tail>sk_skb_change_tail
    skb_change_head>sk_skb_change_head skb_adjust_room>sk_skb_adjust_room get_socket_cookie
    get_socket_uid sk_redirect_map sk_redirect_hash perf_event_output>bpf_skb_event_output sk_lookup_tcp
    sk_lookup_udp sk_release skc_lookup_tcp`,
  CGDEVICE: `perf_event_output>bpf_event_output_data`,
  SK_MSG: `msg_redirect_map msg_redirect_hash msg_apply_bytes msg_cork_bytes msg_pull_data msg_push_data
    msg_pop_data perf_event_output>bpf_event_output_data get_current_uid_gid sk_storage_get
    sk_storage_delete get_netns_cookie>bpf_get_netns_cookie_sk_msg
    get_cgroup_classid>bpf_get_cgroup_classid_curr`,
  CGADDR: `bind get_socket_cookie>bpf_get_socket_cookie_sock_addr
    get_netns_cookie>bpf_get_netns_cookie_sock_addr perf_event_output>bpf_event_output_data
    sk_lookup_tcp>bpf_sock_addr_sk_lookup_tcp sk_lookup_udp>bpf_sock_addr_sk_lookup_udp sk_release
    skc_lookup_tcp>bpf_sock_addr_skc_lookup_tcp sk_storage_get sk_storage_delete setsockopt>bpf_sock_addr_setsockopt
    getsockopt>bpf_sock_addr_getsockopt`,
  REUSEPORT: `sk_select_reuseport>sk_select_reuseport skb_load_bytes>sk_reuseport_load_bytes
    skb_load_bytes_relative>sk_reuseport_load_bytes_relative get_socket_cookie>bpf_get_socket_ptr_cookie
    ktime_get_coarse_ns`,
  FLOW: `skb_load_bytes>bpf_flow_dissector_load_bytes`,
  SYSCTL: `sysctl_get_name sysctl_get_current_value sysctl_get_new_value sysctl_set_new_value
    ktime_get_coarse_ns perf_event_output>bpf_event_output_data`,
  SOCKOPT: `get_netns_cookie>bpf_get_netns_cookie_sockopt sk_storage_get sk_storage_delete setsockopt>bpf_sk_setsockopt
    getsockopt>bpf_sk_getsockopt
    tcp_sock perf_event_output>bpf_event_output_data`,
  SK_LOOKUP: `perf_event_output>bpf_event_output_data sk_assign>bpf_sk_lookup_assign sk_release`,
  TRACING: `map_lookup_elem map_update_elem map_delete_elem map_push_elem map_pop_elem map_peek_elem
    map_lookup_percpu_elem ktime_get_ns ktime_get_boot_ns tail_call get_current_task
    get_current_task_btf task_pt_regs get_current_uid_gid get_current_comm trace_printk
    get_smp_processor_id get_numa_node_id perf_event_read get_prandom_u32>bpf_user_rnd_u32
    probe_write_user probe_read_user probe_read_kernel probe_read_user_str probe_read_kernel_str
    probe_read probe_read_str cgrp_storage_get cgrp_storage_delete current_task_under_cgroup send_signal
    send_signal_thread perf_event_read_value ringbuf_output ringbuf_reserve ringbuf_submit
    ringbuf_discard ringbuf_query jiffies64 get_task_stack copy_from_user copy_from_user_task
    snprintf_btf per_cpu_ptr this_cpu_ptr task_storage_get task_storage_delete for_each_map_elem
    snprintf get_func_ip>bpf_get_func_ip_tracing get_branch_snapshot find_vma trace_vprintk`,
  KPROBE: `perf_event_output get_stackid get_stack override_return get_func_ip>bpf_get_func_ip_kprobe
    get_attach_cookie>bpf_get_attach_cookie_trace`,
  TRACEPOINT: `perf_event_output>bpf_perf_event_output_tp get_stackid>bpf_get_stackid_tp get_stack>bpf_get_stack_tp
    get_attach_cookie>bpf_get_attach_cookie_trace`,
  PERF: `perf_event_output>bpf_perf_event_output_tp get_stackid>bpf_get_stackid_pe get_stack>bpf_get_stack_pe
    perf_prog_read_value read_branch_records get_attach_cookie>bpf_get_attach_cookie_pe`,
  RAW_TP: `perf_event_output>bpf_perf_event_output_raw_tp get_stackid>bpf_get_stackid_raw_tp
    get_stack>bpf_get_stack_raw_tp get_attach_cookie>bpf_get_attach_cookie_tracing`,
  TRACE26: `skb_output>bpf_skb_event_output xdp_output>bpf_xdp_event_output skc_to_tcp6_sock skc_to_tcp_sock
    skc_to_tcp_timewait_sock skc_to_tcp_request_sock skc_to_udp6_sock skc_to_unix_sock skc_to_mptcp_sock
    sk_storage_get>bpf_sk_storage_get_tracing sk_storage_delete>bpf_sk_storage_delete_tracing
    sock_from_file get_socket_cookie>bpf_get_socket_ptr_cookie xdp_get_buff_len seq_printf seq_write
    seq_printf_btf d_path get_func_arg>get_func_arg get_func_ret>get_func_ret get_func_arg_cnt>get_func_arg_cnt
    get_attach_cookie>bpf_get_attach_cookie_tracing`,
  LSM: `inode_storage_get inode_storage_delete sk_storage_get sk_storage_delete spin_lock spin_unlock
    bprm_opts_set ima_inode_hash ima_file_hash get_attach_cookie>bpf_get_attach_cookie_tracing setsockopt>bpf_sk_setsockopt
    getsockopt>bpf_sk_getsockopt`,
  LIRC: `rc_repeat rc_keydown rc_pointer_rel map_lookup_elem map_update_elem map_delete_elem map_push_elem
    map_pop_elem map_peek_elem ktime_get_ns ktime_get_boot_ns tail_call
    get_prandom_u32>bpf_user_rnd_u32`,
  LIRC_PERFMON: `trace_printk`,
  TCP_CC: `tcp_send_ack sk_storage_get sk_storage_delete setsockopt>bpf_sk_setsockopt
    getsockopt>bpf_sk_getsockopt ktime_get_coarse_ns`,
  SYSCALL: `sys_bpf btf_find_by_name_kind sys_close kallsyms_lookup_name`,
};

/** Lists searched for a program type, in order. */
const ORDER: Record<number, string> = {
  1: 'SOCKET SKBASE BASE',
  2: 'KPROBE TRACING BASE',
  3: 'SCHED SKBASE BASE',
  4: 'SCHED SKBASE BASE',
  5: 'TRACEPOINT TRACING BASE',
  6: 'XDP SKBASE BASE',
  7: 'PERF TRACING BASE',
  8: 'CGCOMMON CGSKB SOCKET SKBASE BASE',
  9: 'CGCOMMON CGCURRENT CGSOCK BASE',
  10: 'LWT_IN LWT_OUT SKBASE BASE',
  11: 'LWT_OUT SKBASE BASE',
  12: 'LWT_XMIT LWT_OUT SKBASE BASE',
  13: 'CGCOMMON SOCK_OPS SKBASE BASE',
  14: 'SK_SKB SKBASE BASE',
  15: 'CGCOMMON CGCURRENT CGDEVICE BASE',
  16: 'SK_MSG SKBASE BASE',
  17: 'RAW_TP TRACING BASE',
  18: 'CGCOMMON CGCURRENT CGADDR SKBASE BASE',
  19: 'LWT_SEG6 LWT_OUT SKBASE BASE',
  20: 'LIRC LIRC_PERFMON',
  21: 'REUSEPORT BASE',
  22: 'FLOW SKBASE BASE',
  23: 'CGCOMMON CGCURRENT SYSCTL BASE',
  24: 'RAW_TP TRACING BASE',
  25: 'CGCOMMON CGCURRENT SOCKOPT BASE',
  26: 'TRACE26 RAW_TP TRACING BASE',
  27: 'TCP_CC BASE',
  28: 'BASE',
  29: 'CGCOMMON LSM TRACE26 RAW_TP TRACING BASE',
  30: 'SK_LOOKUP SKBASE BASE',
  31: 'SYSCALL TRACE26 RAW_TP TRACING BASE',
  32: 'BASE',
};

/** 6.1: not for every type, only where TRACING, CGCURRENT or sk_msg bring them. */
const NOT_BASE_61 = new Set([
  'get_current_pid_tgid',
  'get_ns_current_pid_tgid',
  'get_current_cgroup_id',
  'get_current_ancestor_cgroup_id',
]);
const NOT_61 = new Set(['cgrp_storage_get', 'cgrp_storage_delete']);
/** 6.1: in the lists of raw tracepoints and cgroup hooks since 6.12 only. */
const NOT_LIST_61: Record<string, string> = {
  RAW_TP: 'get_attach_cookie',
  CGCURRENT: 'current_task_under_cgroup',
};
const ITER_ONLY = new Set(['seq_printf', 'seq_write', 'seq_printf_btf']);
const TRAMPOLINE_ONLY = new Set(['get_func_arg', 'get_func_ret', 'get_func_arg_cnt']);
const PRIVILEGED_SKBASE = /^skc_to_/;

const parsed = new Map<string, Map<string, string>>();

function list(name: string): Map<string, string> {
  let known = parsed.get(name);
  if (known === undefined) {
    known = new Map();
    for (const word of LISTS[name].split(/\s+/)) {
      const [helper, symbol] = word.split('>');
      known.set(helper, symbol ?? `bpf_${helper}`);
    }
    parsed.set(name, known);
  }
  return known;
}

function hasTrampoline(spec: ProgramSpec): boolean {
  if (spec.type === LSM) return true;
  return (
    spec.type === TRACING &&
    spec.expectedAttachType !== ATTACH_RAW_TP &&
    spec.expectedAttachType !== ATTACH_ITER
  );
}

/** Hooks whose result is not an error number. */
const NO_RETVAL = new Set([0, 1, 3, 19, 20, 29, 30, 31, 32, 51, 52, 53]);

/** Implements another struct of functions than congestion control. */
function isOtherStruct({ type, attach }: ProgramSpec): boolean {
  const target = attach?.target ?? '';
  return type === STRUCT_OPS && target !== '' && !target.startsWith('tcp_congestion_ops');
}

function refusesSockopt(spec: ProgramSpec): boolean {
  switch (spec.type) {
    case CGROUP_SOCKOPT:
      return spec.expectedAttachType !== ATTACH_SETSOCKOPT;
    case LSM:
      return spec.expectedAttachType !== ATTACH_LSM_CGROUP;
    case STRUCT_OPS:
      return spec.attach?.target.endsWith('.release') === true;
    default:
      return false;
  }
}

function refused(spec: ProgramSpec, name: string, legacy: boolean): boolean {
  const { type, expectedAttachType: attach } = spec;
  if (ITER_ONLY.has(name)) return attach !== ATTACH_ITER;
  if (TRAMPOLINE_ONLY.has(name)) return !hasTrampoline(spec);
  switch (name) {
    case 'get_attach_cookie':
      if (type !== TRACING && type !== SYSCALL) return false;
      return !hasTrampoline(spec) && (legacy || attach !== ATTACH_RAW_TP);
    case 'get_retval':
    case 'set_retval':
      return type === LSM ? attach !== ATTACH_LSM_CGROUP : NO_RETVAL.has(attach);
    case 'get_local_storage':
      return type === LSM && attach !== ATTACH_LSM_CGROUP;
    case 'bind':
      return attach !== ATTACH_INET4_CONNECT && attach !== ATTACH_INET6_CONNECT;
    case 'setsockopt':
    case 'getsockopt':
      return refusesSockopt(spec);
    default:
      return false;
  }
}

/**
 * The kernel function a helper call of this program resolves to, or null when programs of its type may not call it.
 * `name` is the helper's name without `bpf_`.
 */
export function helperSymbol(
  spec: ProgramSpec,
  name: string,
  legacy: boolean,
  privileged = true,
  perfmon = privileged,
): string | null {
  if (refused(spec, name, legacy) || (legacy && NOT_61.has(name))) return null;
  const order = ORDER[spec.type];
  if (order === undefined) return null;
  for (const part of order.split(' ')) {
    if (part === 'BASE') return baseSymbol(spec, name, legacy, baseTiers(privileged, perfmon));
    if (part === 'SKBASE' && !perfmon && PRIVILEGED_SKBASE.test(name)) return null;
    if (part === 'LIRC_PERFMON' && !perfmon) return null;
    if (part === 'TCP_CC' && isOtherStruct(spec)) continue;
    if (legacy && NOT_LIST_61[part] === name) continue;
    const names = list(part);
    if (names.has(`!${name}`)) return null;
    const symbol = names.get(name);
    if (symbol !== undefined) return symbol;
  }
  return null;
}

/** Parts of the list for all types that CAP_BPF, and CAP_PERFMON beside it, open. */
function baseTiers(privileged: boolean, perfmon: boolean): readonly string[] {
  if (!privileged) return ['BASE1'];
  return perfmon ? ['BASE1', 'BASE2', 'BASE3'] : ['BASE1', 'BASE2'];
}

function baseSymbol(
  spec: ProgramSpec,
  name: string,
  legacy: boolean,
  tiers: readonly string[],
): string | null {
  if (legacy && NOT_BASE_61.has(name)) {
    const order = ORDER[spec.type];
    return /TRACING|CGCURRENT|SK_MSG/.test(order) ? `bpf_${name}` : null;
  }
  for (const tier of tiers) {
    const symbol = list(tier).get(name);
    if (symbol !== undefined) return symbol;
  }
  return null;
}

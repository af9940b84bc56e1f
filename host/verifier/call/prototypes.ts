import { HELPER_COUNT, helperName as nameOf } from '../../asm/helper-names.js';

/** Kinds of arguments: how a helper uses a register (text after the kind: struct, flags). */
export interface Argument {
  readonly kind: string;
  /** Struct of BTF(x), kind of DYNPTR(x), C type of FIXED_MEM(x). */
  readonly of: string;
  /** NULL may be passed. */
  readonly nullable: boolean;
  /** The call gives the reference back. */
  readonly release: boolean;
}

/** How one helper is called (bpf.h numbers). */
export interface Prototype {
  readonly id: number;
  readonly name: string;
  readonly gplOnly: boolean;
  readonly args: readonly Argument[];
  readonly result: string;
  /** Struct of a BTF result. */
  readonly resultOf: string;
  readonly resultNullable: boolean;
  /** Packet pointers may be given as memory. */
  readonly packetAccess: boolean;
  readonly mightSleep: boolean;
}

/** Number, name, licence, arguments, result; one helper a line. */
const TABLE = `
1|map_lookup_elem||MAP,KEY|map_value?
2|map_update_elem||MAP,KEY,VALUE,ANY|int
3|map_delete_elem||MAP,KEY|int
4|probe_read|gpl|UNINIT_MEM,SIZE0,ANY|int
5|ktime_get_ns|||int
6|trace_printk|gpl|MEM,SIZE|int
7|get_prandom_u32|||int
8|get_smp_processor_id|||int
9|skb_store_bytes||CTX,ANY,MEM,SIZE,ANY|int
10|l3_csum_replace||CTX,ANY,ANY,ANY,ANY|int
11|l4_csum_replace||CTX,ANY,ANY,ANY,ANY|int
12|tail_call||CTX,MAP,ANY|void
13|clone_redirect||CTX,ANY,ANY|int
14|get_current_pid_tgid|||int
15|get_current_uid_gid|||int
16|get_current_comm||UNINIT_MEM,SIZE|int
17|get_cgroup_classid||CTX|int
18|skb_vlan_push||CTX,ANY,ANY|int
19|skb_vlan_pop||CTX|int
20|skb_get_tunnel_key||CTX,UNINIT_MEM,SIZE,ANY|int
21|skb_set_tunnel_key||CTX,MEM,SIZE,ANY|int
22|perf_event_read|gpl|MAP,ANY|int
23|redirect||ANY,ANY|int
24|get_route_realm||CTX|int
25|perf_event_output|gpl|CTX,MAP,ANY,MEM,SIZE0|int
26|skb_load_bytes||CTX,ANY,UNINIT_MEM,SIZE|int
27|get_stackid|gpl|CTX,MAP,ANY|int
28|csum_diff||MEM?,SIZE0,MEM?,SIZE0,ANY|int
29|skb_get_tunnel_opt||CTX,UNINIT_MEM,SIZE|int
30|skb_set_tunnel_opt||CTX,MEM,SIZE|int
31|skb_change_proto||CTX,ANY,ANY|int
32|skb_change_type||CTX,ANY|int
33|skb_under_cgroup||CTX,MAP,ANY|int
34|get_hash_recalc||CTX|int
35|get_current_task|gpl||int
36|probe_write_user|gpl|ANY,MEM,SIZE|int
37|current_task_under_cgroup||MAP,ANY|int
38|skb_change_tail||CTX,ANY,ANY|int
39|skb_pull_data||CTX,ANY|int
40|csum_update||CTX,ANY|int
41|set_hash_invalid||CTX|int
42|get_numa_node_id|||int
43|skb_change_head||CTX,ANY,ANY|int
44|xdp_adjust_head||CTX,ANY|int
45|probe_read_str|gpl|UNINIT_MEM,SIZE0,ANY|int
46|get_socket_cookie||CTX|int
47|get_socket_uid||CTX|int
48|set_hash||CTX,ANY|int
49|setsockopt||CTX,ANY,ANY,MEM,SIZE|int
50|skb_adjust_room||CTX,ANY,ANY,ANY|int
51|redirect_map||MAP,ANY,ANY|int
52|sk_redirect_map||CTX,MAP,ANY,ANY|int
53|sock_map_update||CTX,MAP,KEY,ANY|int
54|xdp_adjust_meta||CTX,ANY|int
55|perf_event_read_value|gpl|MAP,ANY,UNINIT_MEM,SIZE|int
56|perf_prog_read_value|gpl|CTX,UNINIT_MEM,SIZE|int
57|getsockopt||CTX,ANY,ANY,UNINIT_MEM,SIZE|int
58|override_return|gpl|CTX,ANY|int
59|sock_ops_cb_flags_set||CTX,ANY|int
60|msg_redirect_map||CTX,MAP,ANY,ANY|int
61|msg_apply_bytes||CTX,ANY|int
62|msg_cork_bytes||CTX,ANY|int
63|msg_pull_data||CTX,ANY,ANY,ANY|int
64|bind||CTX,MEM,SIZE|int
65|xdp_adjust_tail||CTX,ANY|int
66|skb_get_xfrm_state||CTX,ANY,UNINIT_MEM,SIZE,ANY|int
67|get_stack|gpl|CTX,UNINIT_MEM,SIZE0,ANY|int
68|skb_load_bytes_relative||CTX,ANY,UNINIT_MEM,SIZE,ANY|int
69|fib_lookup|gpl|CTX,MEM,SIZE,ANY|int
70|sock_hash_update||CTX,MAP,KEY,ANY|int
71|msg_redirect_hash||CTX,MAP,KEY,ANY|int
72|sk_redirect_hash||CTX,MAP,KEY,ANY|int
73|lwt_push_encap||CTX,ANY,MEM,SIZE|int
74|lwt_seg6_store_bytes||CTX,ANY,MEM,SIZE|int
75|lwt_seg6_adjust_srh||CTX,ANY,ANY|int
76|lwt_seg6_action||CTX,ANY,MEM,SIZE|int
77|rc_repeat|gpl|CTX|int
78|rc_keydown|gpl|CTX,ANY,ANY,ANY|int
79|skb_cgroup_id||CTX|int
80|get_current_cgroup_id|||int
81|get_local_storage||MAP,ANY|map_value
82|sk_select_reuseport||CTX,MAP,KEY,ANY|int
83|skb_ancestor_cgroup_id||CTX,ANY|int
84|sk_lookup_tcp||CTX,MEM,SIZE0,ANY,ANY|sock?
85|sk_lookup_udp||CTX,MEM,SIZE0,ANY,ANY|sock?
86|sk_release||SOCK_COMMON/BTF!rel|int
87|map_push_elem||MAP,VALUE,ANY|int
88|map_pop_elem||MAP,UNINIT_VALUE|int
89|map_peek_elem||MAP,UNINIT_VALUE|int
90|msg_push_data||CTX,ANY,ANY,ANY|int
91|msg_pop_data||CTX,ANY,ANY,ANY|int
92|rc_pointer_rel|gpl|CTX,ANY,ANY|int
93|spin_lock||SPIN_LOCK|void
94|spin_unlock||SPIN_LOCK|void
95|sk_fullsock||SOCK_COMMON|sock?
96|tcp_sock||SOCK_COMMON|tcp_sock?
97|skb_ecn_set_ce||CTX|int
98|get_listener_sock||SOCK_COMMON|sock?
99|skc_lookup_tcp||CTX,MEM,SIZE0,ANY,ANY|sock_common?
100|tcp_check_syncookie|gpl|SOCK_COMMON/BTF,MEM,SIZE,MEM,SIZE|int
101|sysctl_get_name||CTX,MEM,SIZE,ANY|int
102|sysctl_get_current_value||CTX,UNINIT_MEM,SIZE|int
103|sysctl_get_new_value||CTX,UNINIT_MEM,SIZE|int
104|sysctl_set_new_value||CTX,MEM,SIZE|int
105|strtol||MEM,SIZE,ANY,UNINIT_FIXED_MEM(s64)|int
106|strtoul||MEM,SIZE,ANY,UNINIT_FIXED_MEM(u64)|int
107|sk_storage_get||MAP,SOCK_COMMON/BTF,VALUE?,ANY|map_value?
108|sk_storage_delete||MAP,SOCK_COMMON/BTF|int
109|send_signal||ANY|int
110|tcp_gen_syncookie||SOCK_COMMON/BTF,MEM,SIZE,MEM,SIZE|int
111|skb_output|gpl|BTF(sk_buff),MAP,ANY,MEM,SIZE0|int
112|probe_read_user|gpl|UNINIT_MEM,SIZE0,ANY|int
113|probe_read_kernel|gpl|UNINIT_MEM,SIZE0,ANY|int
114|probe_read_user_str|gpl|UNINIT_MEM,SIZE0,ANY|int
115|probe_read_kernel_str|gpl|UNINIT_MEM,SIZE0,ANY|int
116|tcp_send_ack||BTF(tcp_sock),ANY|int
117|send_signal_thread||ANY|int
118|jiffies64|||int
119|read_branch_records|gpl|CTX,MEM?,SIZE0,ANY|int
120|get_ns_current_pid_tgid||ANY,ANY,UNINIT_MEM,SIZE|int
121|xdp_output|gpl|BTF(xdp_buff),MAP,ANY,MEM,SIZE0|int
122|get_netns_cookie||CTX?|int
123|get_current_ancestor_cgroup_id||ANY|int
124|sk_assign||CTX,SOCK_COMMON/BTF,ANY|int
125|ktime_get_boot_ns|||int
126|seq_printf|gpl|BTF(seq_file),MEM,SIZE,MEM?,SIZE0|int
127|seq_write|gpl|BTF(seq_file),MEM,SIZE0|int
128|sk_cgroup_id||SOCK_COMMON/BTF|int
129|sk_ancestor_cgroup_id||SOCK_COMMON/BTF,ANY|int
130|ringbuf_output||MAP,MEM,SIZE0,ANY|int
131|ringbuf_reserve||MAP,ALLOC_SIZE,ANY|RINGBUF_MEM?
132|ringbuf_submit||RINGBUF_MEM!rel,ANY|void
133|ringbuf_discard||RINGBUF_MEM!rel,ANY|void
134|ringbuf_query||MAP,ANY|int
135|csum_level||CTX,ANY|int
136|skc_to_tcp6_sock||SOCK_COMMON/BTF|BTF(tcp6_sock)?
137|skc_to_tcp_sock||SOCK_COMMON/BTF|BTF(tcp_sock)?
138|skc_to_tcp_timewait_sock||SOCK_COMMON/BTF|BTF(tcp_timewait_sock)?
139|skc_to_tcp_request_sock||SOCK_COMMON/BTF|BTF(tcp_request_sock)?
140|skc_to_udp6_sock||SOCK_COMMON/BTF|BTF(udp6_sock)?
141|get_task_stack||BTF(task_struct),UNINIT_MEM,SIZE0,ANY|int
142|load_hdr_opt||CTX,MEM(w),SIZE,ANY|int
143|store_hdr_opt||CTX,MEM,SIZE,ANY|int
144|reserve_hdr_opt||CTX,ANY,ANY|int
145|inode_storage_get||MAP,BTF(inode)?,VALUE?,ANY|map_value?
146|inode_storage_delete||MAP,BTF(inode)?|int
147|d_path||BTF(path),MEM,SIZE0|int
148|copy_from_user||UNINIT_MEM,SIZE0,ANY|int
149|snprintf_btf||MEM,SIZE,MEM,SIZE,ANY|int
150|seq_printf_btf|gpl|BTF(seq_file),MEM,SIZE0,ANY|int
151|skb_cgroup_classid||CTX|int
152|redirect_neigh||ANY,MEM?,SIZE0,ANY|int
153|per_cpu_ptr||PERCPU_BTF,ANY|PERCPU?
154|this_cpu_ptr||PERCPU_BTF|PERCPU
155|redirect_peer||ANY,ANY|int
156|task_storage_get||MAP,BTF(task_struct)?,VALUE?,ANY|map_value?
157|task_storage_delete||MAP,BTF(task_struct)?|int
158|get_current_task_btf|gpl||TRUSTED_BTF(task_struct)
159|bprm_opts_set||BTF(linux_binprm),ANY|int
160|ktime_get_coarse_ns|||int
161|ima_inode_hash||BTF(inode),UNINIT_MEM,SIZE|int
162|sock_from_file||BTF(file)|BTF(socket)?
163|check_mtu|gpl|CTX,ANY,FIXED_MEM(u32),ANY,ANY|int
164|for_each_map_elem||MAP,FUNC,STACK0,ANY|int
165|snprintf|gpl|MEM?,SIZE0,CONST_STR,MEM?,SIZE0|int
166|sys_bpf||ANY,MEM,SIZE|int
167|btf_find_by_name_kind||MEM,SIZE,ANY,ANY|int
168|sys_close||ANY|int
169|timer_init|gpl|TIMER,MAP,ANY|int
170|timer_set_callback|gpl|TIMER,FUNC|int
171|timer_start|gpl|TIMER,ANY,ANY|int
172|timer_cancel|gpl|TIMER|int
173|get_func_ip|gpl|CTX|int
174|get_attach_cookie||CTX|int
175|task_pt_regs|gpl|BTF(task_struct)|BTF(pt_regs)
176|get_branch_snapshot|gpl|UNINIT_MEM,SIZE0|int
177|trace_vprintk|gpl|MEM,SIZE,MEM?,SIZE0|int
178|skc_to_unix_sock||SOCK_COMMON/BTF|BTF(unix_sock)?
179|kallsyms_lookup_name||MEM,SIZE0,ANY,UNINIT_FIXED_MEM(w)(u64)|int
180|find_vma||BTF(task_struct),ANY,FUNC,STACK0,ANY|int
181|loop||SCALAR,FUNC,STACK0,ANY|int
182|strncmp||MEM,SIZE,CONST_STR|int
183|get_func_arg||CTX,ANY,UNINIT_FIXED_MEM(u64)|int
184|get_func_ret||CTX,UNINIT_FIXED_MEM(u64)|int
185|get_func_arg_cnt||CTX|int
186|get_retval|||int
187|set_retval||ANY|int
188|xdp_get_buff_len||CTX|int
189|xdp_load_bytes||CTX,ANY,UNINIT_MEM,SIZE|int
190|xdp_store_bytes||CTX,ANY,MEM,SIZE|int
191|copy_from_user_task|gpl|UNINIT_MEM,SIZE0,ANY,BTF(task_struct),ANY|int
192|skb_set_tstamp||CTX,ANY,ANY|int
193|ima_file_hash||BTF(file),UNINIT_MEM,SIZE|int
194|kptr_xchg||KPTR_DEST,BTF(*)?!rel|BTF(*)?
195|map_lookup_percpu_elem||MAP,KEY,ANY|map_value?
196|skc_to_mptcp_sock||SOCK_COMMON|BTF(mptcp_sock)?
197|dynptr_from_mem||UNINIT_MEM,SIZE0,ANY,UNINIT_DYNPTR(local)|int
198|ringbuf_reserve_dynptr||MAP,ANY,ANY,UNINIT_DYNPTR(ringbuf)|int
199|ringbuf_submit_dynptr||DYNPTR(ringbuf)!rel,ANY|void
200|ringbuf_discard_dynptr||DYNPTR(ringbuf)!rel,ANY|void
201|dynptr_read||UNINIT_MEM,SIZE0,DYNPTR,ANY,ANY|int
202|dynptr_write||DYNPTR,ANY,MEM,SIZE0,ANY|int
203|dynptr_data||DYNPTR,ANY,ALLOC_SIZE|mem?
204|tcp_raw_gen_syncookie_ipv4|gpl|FIXED_MEM(iphdr),MEM,SIZE0|int
205|tcp_raw_gen_syncookie_ipv6|gpl|FIXED_MEM(ipv6hdr),MEM,SIZE0|int
206|tcp_raw_check_syncookie_ipv4|gpl|FIXED_MEM(iphdr),FIXED_MEM(tcphdr)|int
207|tcp_raw_check_syncookie_ipv6|gpl|FIXED_MEM(ipv6hdr),FIXED_MEM(tcphdr)|int
208|ktime_get_tai_ns|||int
209|user_ringbuf_drain||MAP,FUNC,STACK0,ANY|int
210|cgrp_storage_get||MAP,BTF(cgroup)?,VALUE?,ANY|map_value?
211|cgrp_storage_delete||MAP,BTF(cgroup)?|int
`;

const PACKET_ACCESS = new Set([1, 2, 3, 28, 53, 70, 84, 85, 87, 99, 100, 110, 195, 204, 205, 206, 207]);
const MIGHT_SLEEP = new Set([
  'btf_find_by_name_kind',
  'copy_from_user',
  'copy_from_user_task',
  'ima_file_hash',
  'ima_inode_hash',
  'sys_bpf',
  'sys_close',
]);
/** Helpers that Linux 6.1 does not have yet. */
const FIRST_AFTER_61 = 210;

function argument(text: string): Argument {
  const match = /^(\w+(?:\/BTF)?)(?:\(w\))?(?:\(([^)]*)\))?(\?)?(!rel)?$/.exec(text);
  if (match === null) throw new Error(`prototype table: ${text}`);
  return { kind: match[1], of: match[2] ?? '', nullable: match[3] === '?', release: match[4] !== undefined };
}

function parse(line: string): Prototype {
  const [id, name, licence, args, ret] = line.split('|');
  const result = argument(ret);
  return {
    id: Number(id),
    name,
    gplOnly: licence === 'gpl',
    args: args === '' ? [] : args.split(',').map(argument),
    result: result.kind,
    resultOf: result.of,
    resultNullable: result.nullable,
    packetAccess: PACKET_ACCESS.has(Number(id)),
    mightSleep: MIGHT_SLEEP.has(name),
  };
}

let prototypes: Map<number, Prototype> | null = null;

/** The prototype of a helper; undefined when there is no such number. */
export function prototypeOf(id: number): Prototype | undefined {
  prototypes ??= new Map(
    TABLE.trim()
      .split('\n')
      .map((line) => [Number(line.split('|')[0]), parse(line)]),
  );
  return prototypes.get(id);
}

/** Whether the number names a helper of the kernel. */
export function isHelperId(id: number, legacy: boolean): boolean {
  return id >= 0 && id < (legacy ? FIRST_AFTER_61 : HELPER_COUNT);
}

/** `bpf_` and the name, or `unknown`. */
export function helperName(id: number, legacy = false): string {
  return (isHelperId(id, legacy) ? nameOf(id) : undefined) ?? 'unknown';
}

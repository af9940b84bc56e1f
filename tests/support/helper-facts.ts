import type { ProgType } from '../../host/verifier/prog-type.js';

/**
 * What programs may call: facts of Linux 6.12 and 6.1 stated for the tests, apart from the verifier's own tables.
 * A row: number, name, GPL when only GPL programs may call it, arguments, result. `?` may be NULL, `!rel` gives a
 * reference back.
 */
const PROTOTYPES = `
1 map_lookup_elem(MAP,KEY): map_value?
2 map_update_elem(MAP,KEY,VALUE,ANY): int
3 map_delete_elem(MAP,KEY): int
4 probe_read GPL(UNINIT_MEM,SIZE0,ANY): int
5 ktime_get_ns(): int
6 trace_printk GPL(MEM,SIZE): int
7 get_prandom_u32(): int
8 get_smp_processor_id(): int
9 skb_store_bytes(CTX,ANY,MEM,SIZE,ANY): int
10 l3_csum_replace(CTX,ANY,ANY,ANY,ANY): int
11 l4_csum_replace(CTX,ANY,ANY,ANY,ANY): int
12 tail_call(CTX,MAP,ANY): void
13 clone_redirect(CTX,ANY,ANY): int
14 get_current_pid_tgid(): int
15 get_current_uid_gid(): int
16 get_current_comm(UNINIT_MEM,SIZE): int
17 get_cgroup_classid(CTX): int
18 skb_vlan_push(CTX,ANY,ANY): int
19 skb_vlan_pop(CTX): int
20 skb_get_tunnel_key(CTX,UNINIT_MEM,SIZE,ANY): int
21 skb_set_tunnel_key(CTX,MEM,SIZE,ANY): int
22 perf_event_read GPL(MAP,ANY): int
23 redirect(ANY,ANY): int
24 get_route_realm(CTX): int
25 perf_event_output GPL(CTX,MAP,ANY,MEM,SIZE0): int
26 skb_load_bytes(CTX,ANY,UNINIT_MEM,SIZE): int
27 get_stackid GPL(CTX,MAP,ANY): int
28 csum_diff(MEM?,SIZE0,MEM?,SIZE0,ANY): int
29 skb_get_tunnel_opt(CTX,UNINIT_MEM,SIZE): int
30 skb_set_tunnel_opt(CTX,MEM,SIZE): int
31 skb_change_proto(CTX,ANY,ANY): int
32 skb_change_type(CTX,ANY): int
33 skb_under_cgroup(CTX,MAP,ANY): int
34 get_hash_recalc(CTX): int
35 get_current_task GPL(): int
36 probe_write_user GPL(ANY,MEM,SIZE): int
37 current_task_under_cgroup(MAP,ANY): int
38 skb_change_tail(CTX,ANY,ANY): int
39 skb_pull_data(CTX,ANY): int
40 csum_update(CTX,ANY): int
41 set_hash_invalid(CTX): int
42 get_numa_node_id(): int
43 skb_change_head(CTX,ANY,ANY): int
44 xdp_adjust_head(CTX,ANY): int
45 probe_read_str GPL(UNINIT_MEM,SIZE0,ANY): int
46 get_socket_cookie(CTX): int
47 get_socket_uid(CTX): int
48 set_hash(CTX,ANY): int
49 setsockopt(CTX,ANY,ANY,MEM,SIZE): int
50 skb_adjust_room(CTX,ANY,ANY,ANY): int
51 redirect_map(MAP,ANY,ANY): int
52 sk_redirect_map(CTX,MAP,ANY,ANY): int
53 sock_map_update(CTX,MAP,KEY,ANY): int
54 xdp_adjust_meta(CTX,ANY): int
55 perf_event_read_value GPL(MAP,ANY,UNINIT_MEM,SIZE): int
56 perf_prog_read_value GPL(CTX,UNINIT_MEM,SIZE): int
57 getsockopt(CTX,ANY,ANY,UNINIT_MEM,SIZE): int
58 override_return GPL(CTX,ANY): int
59 sock_ops_cb_flags_set(CTX,ANY): int
60 msg_redirect_map(CTX,MAP,ANY,ANY): int
61 msg_apply_bytes(CTX,ANY): int
62 msg_cork_bytes(CTX,ANY): int
63 msg_pull_data(CTX,ANY,ANY,ANY): int
64 bind(CTX,MEM,SIZE): int
65 xdp_adjust_tail(CTX,ANY): int
66 skb_get_xfrm_state(CTX,ANY,UNINIT_MEM,SIZE,ANY): int
67 get_stack GPL(CTX,UNINIT_MEM,SIZE0,ANY): int
68 skb_load_bytes_relative(CTX,ANY,UNINIT_MEM,SIZE,ANY): int
69 fib_lookup GPL(CTX,MEM,SIZE,ANY): int
70 sock_hash_update(CTX,MAP,KEY,ANY): int
71 msg_redirect_hash(CTX,MAP,KEY,ANY): int
72 sk_redirect_hash(CTX,MAP,KEY,ANY): int
73 lwt_push_encap(CTX,ANY,MEM,SIZE): int
74 lwt_seg6_store_bytes(CTX,ANY,MEM,SIZE): int
75 lwt_seg6_adjust_srh(CTX,ANY,ANY): int
76 lwt_seg6_action(CTX,ANY,MEM,SIZE): int
77 rc_repeat GPL(CTX): int
78 rc_keydown GPL(CTX,ANY,ANY,ANY): int
79 skb_cgroup_id(CTX): int
80 get_current_cgroup_id(): int
81 get_local_storage(MAP,ANY): map_value
82 sk_select_reuseport(CTX,MAP,KEY,ANY): int
83 skb_ancestor_cgroup_id(CTX,ANY): int
84 sk_lookup_tcp(CTX,MEM,SIZE0,ANY,ANY): sock?
85 sk_lookup_udp(CTX,MEM,SIZE0,ANY,ANY): sock?
86 sk_release(SOCK_COMMON/BTF!rel): int
87 map_push_elem(MAP,VALUE,ANY): int
88 map_pop_elem(MAP,UNINIT_VALUE): int
89 map_peek_elem(MAP,UNINIT_VALUE): int
90 msg_push_data(CTX,ANY,ANY,ANY): int
91 msg_pop_data(CTX,ANY,ANY,ANY): int
92 rc_pointer_rel GPL(CTX,ANY,ANY): int
93 spin_lock(SPIN_LOCK): void
94 spin_unlock(SPIN_LOCK): void
95 sk_fullsock(SOCK_COMMON): sock?
96 tcp_sock(SOCK_COMMON): tcp_sock?
97 skb_ecn_set_ce(CTX): int
98 get_listener_sock(SOCK_COMMON): sock?
99 skc_lookup_tcp(CTX,MEM,SIZE0,ANY,ANY): sock_common?
100 tcp_check_syncookie GPL(SOCK_COMMON/BTF,MEM,SIZE,MEM,SIZE): int
101 sysctl_get_name(CTX,MEM,SIZE,ANY): int
102 sysctl_get_current_value(CTX,UNINIT_MEM,SIZE): int
103 sysctl_get_new_value(CTX,UNINIT_MEM,SIZE): int
104 sysctl_set_new_value(CTX,MEM,SIZE): int
105 strtol(MEM,SIZE,ANY,UNINIT_FIXED_MEM(s64)): int
106 strtoul(MEM,SIZE,ANY,UNINIT_FIXED_MEM(u64)): int
107 sk_storage_get(MAP,SOCK_COMMON/BTF,VALUE?,ANY): map_value?
108 sk_storage_delete(MAP,SOCK_COMMON/BTF): int
109 send_signal(ANY): int
110 tcp_gen_syncookie(SOCK_COMMON/BTF,MEM,SIZE,MEM,SIZE): int
111 skb_output GPL(BTF(sk_buff),MAP,ANY,MEM,SIZE0): int
112 probe_read_user GPL(UNINIT_MEM,SIZE0,ANY): int
113 probe_read_kernel GPL(UNINIT_MEM,SIZE0,ANY): int
114 probe_read_user_str GPL(UNINIT_MEM,SIZE0,ANY): int
115 probe_read_kernel_str GPL(UNINIT_MEM,SIZE0,ANY): int
116 tcp_send_ack(BTF(tcp_sock),ANY): int
117 send_signal_thread(ANY): int
118 jiffies64(): int
119 read_branch_records GPL(CTX,MEM?,SIZE0,ANY): int
120 get_ns_current_pid_tgid(ANY,ANY,UNINIT_MEM,SIZE): int
121 xdp_output GPL(BTF(xdp_buff),MAP,ANY,MEM,SIZE0): int
122 get_netns_cookie(CTX?): int
123 get_current_ancestor_cgroup_id(ANY): int
124 sk_assign(CTX,SOCK_COMMON/BTF,ANY): int
125 ktime_get_boot_ns(): int
126 seq_printf GPL(BTF(seq_file),MEM,SIZE,MEM?,SIZE0): int
127 seq_write GPL(BTF(seq_file),MEM,SIZE0): int
128 sk_cgroup_id(SOCK_COMMON/BTF): int
129 sk_ancestor_cgroup_id(SOCK_COMMON/BTF,ANY): int
130 ringbuf_output(MAP,MEM,SIZE0,ANY): int
131 ringbuf_reserve(MAP,ALLOC_SIZE,ANY): ringbuf mem?
132 ringbuf_submit(RINGBUF_MEM!rel,ANY): void
133 ringbuf_discard(RINGBUF_MEM!rel,ANY): void
134 ringbuf_query(MAP,ANY): int
135 csum_level(CTX,ANY): int
136 skc_to_tcp6_sock(SOCK_COMMON/BTF): BTF(tcp6_sock)?
137 skc_to_tcp_sock(SOCK_COMMON/BTF): BTF(tcp_sock)?
138 skc_to_tcp_timewait_sock(SOCK_COMMON/BTF): BTF(tcp_timewait_sock)?
139 skc_to_tcp_request_sock(SOCK_COMMON/BTF): BTF(tcp_request_sock)?
140 skc_to_udp6_sock(SOCK_COMMON/BTF): BTF(udp6_sock)?
141 get_task_stack(BTF(task_struct),UNINIT_MEM,SIZE0,ANY): int
142 load_hdr_opt(CTX,MEM,SIZE,ANY): int
143 store_hdr_opt(CTX,MEM,SIZE,ANY): int
144 reserve_hdr_opt(CTX,ANY,ANY): int
145 inode_storage_get(MAP,BTF(inode)?,VALUE?,ANY): map_value?
146 inode_storage_delete(MAP,BTF(inode)?): int
147 d_path(BTF(path),MEM,SIZE0): int
148 copy_from_user(UNINIT_MEM,SIZE0,ANY): int
149 snprintf_btf(MEM,SIZE,MEM,SIZE,ANY): int
150 seq_printf_btf GPL(BTF(seq_file),MEM,SIZE0,ANY): int
151 skb_cgroup_classid(CTX): int
152 redirect_neigh(ANY,MEM?,SIZE0,ANY): int
153 per_cpu_ptr(PERCPU_BTF,ANY): rdonly mem or BTF?
154 this_cpu_ptr(PERCPU_BTF): rdonly mem or BTF
155 redirect_peer(ANY,ANY): int
156 task_storage_get(MAP,BTF(task_struct)?,VALUE?,ANY): map_value?
157 task_storage_delete(MAP,BTF(task_struct)?): int
158 get_current_task_btf GPL(): trusted BTF(task_struct)
159 bprm_opts_set(BTF(linux_binprm),ANY): int
160 ktime_get_coarse_ns(): int
161 ima_inode_hash(BTF(inode),UNINIT_MEM,SIZE): int
162 sock_from_file(BTF(file)): BTF(socket)?
163 check_mtu GPL(CTX,ANY,FIXED_MEM(u32),ANY,ANY): int
164 for_each_map_elem(MAP,FUNC,STACK0,ANY): int
165 snprintf GPL(MEM?,SIZE0,CONST_STR,MEM?,SIZE0): int
166 sys_bpf(ANY,MEM,SIZE): int
167 btf_find_by_name_kind(MEM,SIZE,ANY,ANY): int
168 sys_close(ANY): int
169 timer_init GPL(TIMER,MAP,ANY): int
170 timer_set_callback GPL(TIMER,FUNC): int
171 timer_start GPL(TIMER,ANY,ANY): int
172 timer_cancel GPL(TIMER): int
173 get_func_ip GPL(CTX): int
174 get_attach_cookie(CTX): int
175 task_pt_regs GPL(BTF(task_struct)): BTF(pt_regs)
176 get_branch_snapshot GPL(UNINIT_MEM,SIZE0): int
177 trace_vprintk GPL(MEM,SIZE,MEM?,SIZE0): int
178 skc_to_unix_sock(SOCK_COMMON/BTF): BTF(unix_sock)?
179 kallsyms_lookup_name(MEM,SIZE0,ANY,UNINIT_FIXED_MEM(u64)): int
180 find_vma(BTF(task_struct),ANY,FUNC,STACK0,ANY): int
181 loop(SCALAR,FUNC,STACK0,ANY): int
182 strncmp(MEM,SIZE,CONST_STR): int
183 get_func_arg(CTX,ANY,UNINIT_FIXED_MEM(u64)): int
184 get_func_ret(CTX,UNINIT_FIXED_MEM(u64)): int
185 get_func_arg_cnt(CTX): int
186 get_retval(): int
187 set_retval(ANY): int
188 xdp_get_buff_len(CTX): int
189 xdp_load_bytes(CTX,ANY,UNINIT_MEM,SIZE): int
190 xdp_store_bytes(CTX,ANY,MEM,SIZE): int
191 copy_from_user_task GPL(UNINIT_MEM,SIZE0,ANY,BTF(task_struct),ANY): int
192 skb_set_tstamp(CTX,ANY,ANY): int
193 ima_file_hash(BTF(file),UNINIT_MEM,SIZE): int
194 kptr_xchg(KPTR_DEST,BTF(*)?!rel): BTF(*)?
195 map_lookup_percpu_elem(MAP,KEY,ANY): map_value?
196 skc_to_mptcp_sock(SOCK_COMMON): BTF(mptcp_sock)?
197 dynptr_from_mem(UNINIT_MEM,SIZE0,ANY,UNINIT_DYNPTR(local)): int
198 ringbuf_reserve_dynptr(MAP,ANY,ANY,UNINIT_DYNPTR(ringbuf)): int
199 ringbuf_submit_dynptr(DYNPTR(ringbuf)!rel,ANY): void
200 ringbuf_discard_dynptr(DYNPTR(ringbuf)!rel,ANY): void
201 dynptr_read(UNINIT_MEM,SIZE0,DYNPTR,ANY,ANY): int
202 dynptr_write(DYNPTR,ANY,MEM,SIZE0,ANY): int
203 dynptr_data(DYNPTR,ANY,ALLOC_SIZE): mem?
204 tcp_raw_gen_syncookie_ipv4 GPL(FIXED_MEM(iphdr),MEM,SIZE0): int
205 tcp_raw_gen_syncookie_ipv6 GPL(FIXED_MEM(ipv6hdr),MEM,SIZE0): int
206 tcp_raw_check_syncookie_ipv4 GPL(FIXED_MEM(iphdr),FIXED_MEM(tcphdr)): int
207 tcp_raw_check_syncookie_ipv6 GPL(FIXED_MEM(ipv6hdr),FIXED_MEM(tcphdr)): int
208 ktime_get_tai_ns(): int
209 user_ringbuf_drain(MAP,FUNC,STACK0,ANY): int
210 cgrp_storage_get(MAP,BTF(cgroup)?,VALUE?,ANY): map_value?
211 cgrp_storage_delete(MAP,BTF(cgroup)?): int
`;

/** Helpers by list; `>symbol` = the kernel function called in place of bpf_NAME, `!` = taken out again. */
const LISTS: Record<string, string> = {
  base: `map_lookup_elem map_update_elem map_delete_elem map_push_elem map_pop_elem map_peek_elem
    map_lookup_percpu_elem get_prandom_u32>bpf_user_rnd_u32 get_smp_processor_id>bpf_get_raw_cpu_id
    get_numa_node_id tail_call ktime_get_ns ktime_get_boot_ns ktime_get_tai_ns ringbuf_output
    ringbuf_reserve ringbuf_submit ringbuf_discard ringbuf_query strncmp strtol strtoul
    get_current_pid_tgid get_ns_current_pid_tgid`,
  bpf: `spin_lock spin_unlock jiffies64 per_cpu_ptr this_cpu_ptr timer_init timer_set_callback timer_start
    timer_cancel kptr_xchg for_each_map_elem loop user_ringbuf_drain ringbuf_reserve_dynptr
    ringbuf_submit_dynptr ringbuf_discard_dynptr dynptr_from_mem dynptr_read dynptr_write dynptr_data
    cgrp_storage_get cgrp_storage_delete get_current_cgroup_id get_current_ancestor_cgroup_id`,
  perfmon: `trace_printk get_current_task get_current_task_btf probe_read_user probe_read_kernel
    probe_read_user_str probe_read_kernel_str snprintf_btf snprintf task_pt_regs trace_vprintk`,
  skbase: `skc_to_tcp6_sock skc_to_tcp_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock skc_to_udp6_sock
    skc_to_unix_sock skc_to_mptcp_sock ktime_get_coarse_ns`,
  cgcommon: `get_local_storage get_retval set_retval`,
  cgcurrent: `get_current_uid_gid get_current_comm get_cgroup_classid>bpf_get_cgroup_classid_curr
    current_task_under_cgroup`,
  socket_filter: `skb_load_bytes skb_load_bytes_relative get_socket_cookie get_socket_uid
    perf_event_output>bpf_skb_event_output`,
  sched: `skb_store_bytes skb_load_bytes skb_load_bytes_relative skb_pull_data csum_diff csum_update
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
  xdp: `perf_event_output>bpf_xdp_event_output get_smp_processor_id csum_diff xdp_adjust_head
    xdp_adjust_meta redirect>bpf_xdp_redirect redirect_map>bpf_xdp_redirect_map xdp_adjust_tail
    xdp_get_buff_len xdp_load_bytes xdp_store_bytes fib_lookup>bpf_xdp_fib_lookup
    check_mtu>bpf_xdp_check_mtu sk_lookup_udp>bpf_xdp_sk_lookup_udp sk_lookup_tcp>bpf_xdp_sk_lookup_tcp
    sk_release skc_lookup_tcp>bpf_xdp_skc_lookup_tcp tcp_check_syncookie tcp_gen_syncookie
    tcp_raw_gen_syncookie_ipv4 tcp_raw_gen_syncookie_ipv6 tcp_raw_check_syncookie_ipv4
    tcp_raw_check_syncookie_ipv6`,
  cgroup_skb: `sk_fullsock sk_storage_get sk_storage_delete perf_event_output>bpf_skb_event_output skb_cgroup_id
    skb_ancestor_cgroup_id sk_cgroup_id sk_ancestor_cgroup_id sk_lookup_tcp sk_lookup_udp sk_release
    skc_lookup_tcp tcp_sock get_listener_sock skb_ecn_set_ce`,
  cgroup_sock: `get_socket_cookie>bpf_get_socket_cookie_sock get_netns_cookie>bpf_get_netns_cookie_sock
    perf_event_output>bpf_event_output_data sk_storage_get ktime_get_coarse_ns`,
  lwt_out: `skb_load_bytes skb_pull_data csum_diff get_cgroup_classid get_route_realm get_hash_recalc
    perf_event_output>bpf_skb_event_output get_smp_processor_id skb_under_cgroup`,
  lwt_in: `lwt_push_encap>bpf_lwt_in_push_encap`,
  lwt_xmit: `skb_get_tunnel_key skb_set_tunnel_key skb_get_tunnel_opt skb_set_tunnel_opt redirect clone_redirect
    skb_change_tail skb_change_head skb_store_bytes csum_update csum_level l3_csum_replace
    l4_csum_replace set_hash_invalid lwt_push_encap>bpf_lwt_xmit_push_encap`,
  lwt_seg6local: `!skb_pull_data lwt_seg6_store_bytes lwt_seg6_action lwt_seg6_adjust_srh`,
  sock_ops: `setsockopt>bpf_sock_ops_setsockopt getsockopt>bpf_sock_ops_getsockopt sock_ops_cb_flags_set
    sock_map_update sock_hash_update get_socket_cookie>bpf_get_socket_cookie_sock_ops
    perf_event_output>bpf_event_output_data sk_storage_get sk_storage_delete
    get_netns_cookie>bpf_get_netns_cookie_sock_ops load_hdr_opt>bpf_sock_ops_load_hdr_opt
    store_hdr_opt>bpf_sock_ops_store_hdr_opt reserve_hdr_opt>bpf_sock_ops_reserve_hdr_opt tcp_sock`,
  sk_skb: `skb_store_bytes skb_load_bytes skb_pull_data>sk_skb_pull_data skb_change_tail>sk_skb_change_tail
    skb_change_head>sk_skb_change_head skb_adjust_room>sk_skb_adjust_room get_socket_cookie
    get_socket_uid sk_redirect_map sk_redirect_hash perf_event_output>bpf_skb_event_output sk_lookup_tcp
    sk_lookup_udp sk_release skc_lookup_tcp`,
  cgroup_device: `perf_event_output>bpf_event_output_data`,
  sk_msg: `msg_redirect_map msg_redirect_hash msg_apply_bytes msg_cork_bytes msg_pull_data msg_push_data
    msg_pop_data perf_event_output>bpf_event_output_data get_current_uid_gid sk_storage_get
    sk_storage_delete get_netns_cookie>bpf_get_netns_cookie_sk_msg
    get_cgroup_classid>bpf_get_cgroup_classid_curr`,
  cgroup_sock_addr: `bind get_socket_cookie>bpf_get_socket_cookie_sock_addr
    get_netns_cookie>bpf_get_netns_cookie_sock_addr perf_event_output>bpf_event_output_data
    sk_lookup_tcp>bpf_sock_addr_sk_lookup_tcp sk_lookup_udp>bpf_sock_addr_sk_lookup_udp sk_release
    skc_lookup_tcp>bpf_sock_addr_skc_lookup_tcp sk_storage_get sk_storage_delete setsockopt>bpf_sock_addr_setsockopt getsockopt>bpf_sock_addr_getsockopt`,
  sk_reuseport: `sk_select_reuseport>sk_select_reuseport skb_load_bytes>sk_reuseport_load_bytes
    skb_load_bytes_relative>sk_reuseport_load_bytes_relative get_socket_cookie>bpf_get_socket_ptr_cookie
    ktime_get_coarse_ns`,
  flow_dissector: `skb_load_bytes>bpf_flow_dissector_load_bytes`,
  cgroup_sysctl: `sysctl_get_name sysctl_get_current_value sysctl_get_new_value sysctl_set_new_value
    ktime_get_coarse_ns perf_event_output>bpf_event_output_data`,
  cgroup_sockopt: `get_netns_cookie>bpf_get_netns_cookie_sockopt sk_storage_get sk_storage_delete setsockopt>bpf_sk_setsockopt getsockopt>bpf_sk_getsockopt
    tcp_sock perf_event_output>bpf_event_output_data`,
  sk_lookup: `perf_event_output>bpf_event_output_data sk_assign>bpf_sk_lookup_assign sk_release`,
  tracing: `map_lookup_elem map_update_elem map_delete_elem map_push_elem map_pop_elem map_peek_elem
    map_lookup_percpu_elem ktime_get_ns ktime_get_boot_ns tail_call get_current_task
    get_current_task_btf task_pt_regs get_current_uid_gid get_current_comm trace_printk
    get_smp_processor_id get_numa_node_id perf_event_read get_prandom_u32>bpf_user_rnd_u32
    probe_write_user probe_read_user probe_read_kernel probe_read_user_str probe_read_kernel_str
    probe_read probe_read_str cgrp_storage_get cgrp_storage_delete current_task_under_cgroup send_signal
    send_signal_thread perf_event_read_value ringbuf_output ringbuf_reserve ringbuf_submit
    ringbuf_discard ringbuf_query jiffies64 get_task_stack copy_from_user copy_from_user_task
    snprintf_btf per_cpu_ptr this_cpu_ptr task_storage_get task_storage_delete for_each_map_elem
    snprintf get_func_ip>bpf_get_func_ip_tracing get_branch_snapshot find_vma trace_vprintk`,
  kprobe: `perf_event_output get_stackid get_stack override_return get_func_ip>bpf_get_func_ip_kprobe get_attach_cookie>bpf_get_attach_cookie_trace`,
  tracepoint: `perf_event_output>bpf_perf_event_output_tp get_stackid>bpf_get_stackid_tp get_stack>bpf_get_stack_tp
    get_attach_cookie>bpf_get_attach_cookie_trace`,
  perf_event: `perf_event_output>bpf_perf_event_output_tp get_stackid>bpf_get_stackid_pe get_stack>bpf_get_stack_pe
    perf_prog_read_value read_branch_records get_attach_cookie>bpf_get_attach_cookie_pe`,
  raw_tp: `perf_event_output>bpf_perf_event_output_raw_tp get_stackid>bpf_get_stackid_raw_tp
    get_stack>bpf_get_stack_raw_tp get_attach_cookie>bpf_get_attach_cookie_tracing`,
  tracing26: `skb_output>bpf_skb_event_output xdp_output>bpf_xdp_event_output skc_to_tcp6_sock skc_to_tcp_sock
    skc_to_tcp_timewait_sock skc_to_tcp_request_sock skc_to_udp6_sock skc_to_unix_sock skc_to_mptcp_sock
    sk_storage_get>bpf_sk_storage_get_tracing sk_storage_delete>bpf_sk_storage_delete_tracing
    sock_from_file get_socket_cookie>bpf_get_socket_ptr_cookie xdp_get_buff_len seq_printf seq_write
    seq_printf_btf d_path get_func_arg>get_func_arg get_func_ret>get_func_ret
    get_func_arg_cnt>get_func_arg_cnt get_attach_cookie>bpf_get_attach_cookie_tracing`,
  lsm: `inode_storage_get inode_storage_delete sk_storage_get sk_storage_delete spin_lock spin_unlock
    bprm_opts_set ima_inode_hash ima_file_hash get_attach_cookie>bpf_get_attach_cookie_tracing setsockopt>bpf_sk_setsockopt getsockopt>bpf_sk_getsockopt`,
  syscall: `sys_bpf btf_find_by_name_kind sys_close kallsyms_lookup_name`,
  lirc: `rc_repeat rc_keydown rc_pointer_rel map_lookup_elem map_update_elem map_delete_elem map_push_elem
    map_pop_elem map_peek_elem ktime_get_ns ktime_get_boot_ns tail_call get_prandom_u32>bpf_user_rnd_u32
    trace_printk`,
  tcp_cc: `tcp_send_ack sk_storage_get sk_storage_delete setsockopt>bpf_sk_setsockopt
    getsockopt>bpf_sk_getsockopt ktime_get_coarse_ns`,
};
const BASE = ['base', 'bpf', 'perfmon'];
const SKBASE = ['skbase', ...BASE];
const TRACE = ['tracing', ...BASE];
const RAW = ['raw_tp', ...TRACE];
const CGROUP = ['cgcommon', 'cgcurrent'];

/** Lists of each program type: the first that names a helper decides. */
const ORDER: Partial<Record<keyof typeof ProgType, readonly string[]>> = {
  SOCKET_FILTER: ['socket_filter', ...SKBASE],
  KPROBE: ['kprobe', ...TRACE],
  SCHED_CLS: ['sched', ...SKBASE],
  SCHED_ACT: ['sched', ...SKBASE],
  TRACEPOINT: ['tracepoint', ...TRACE],
  XDP: ['xdp', ...SKBASE],
  PERF_EVENT: ['perf_event', ...TRACE],
  CGROUP_SKB: ['cgcommon', 'cgroup_skb', 'socket_filter', ...SKBASE],
  CGROUP_SOCK: [...CGROUP, 'cgroup_sock', ...BASE],
  LWT_IN: ['lwt_in', 'lwt_out', ...SKBASE],
  LWT_OUT: ['lwt_out', ...SKBASE],
  LWT_XMIT: ['lwt_xmit', 'lwt_out', ...SKBASE],
  SOCK_OPS: ['cgcommon', 'sock_ops', ...SKBASE],
  SK_SKB: ['sk_skb', ...SKBASE],
  CGROUP_DEVICE: [...CGROUP, 'cgroup_device', ...BASE],
  SK_MSG: ['sk_msg', ...SKBASE],
  RAW_TRACEPOINT: RAW,
  CGROUP_SOCK_ADDR: [...CGROUP, 'cgroup_sock_addr', ...SKBASE],
  LWT_SEG6LOCAL: ['lwt_seg6local', 'lwt_out', ...SKBASE],
  LIRC_MODE2: ['lirc'],
  SK_REUSEPORT: ['sk_reuseport', ...BASE],
  FLOW_DISSECTOR: ['flow_dissector', ...SKBASE],
  CGROUP_SYSCTL: [...CGROUP, 'cgroup_sysctl', ...BASE],
  RAW_TRACEPOINT_WRITABLE: RAW,
  CGROUP_SOCKOPT: [...CGROUP, 'cgroup_sockopt', ...BASE],
  TRACING: ['tracing26', ...RAW],
  STRUCT_OPS: ['tcp_cc', ...BASE],
  LSM: ['lsm', 'tracing26', ...RAW],
  SK_LOOKUP: ['sk_lookup', ...SKBASE],
  SYSCALL: ['syscall', 'tracing26', ...RAW],
  NETFILTER: BASE,
};

export interface HelperFact {
  readonly id: number;
  readonly name: string;
  readonly gpl: boolean;
  /** Kind, and what it is of, in brackets; `?` and `!rel` behind. */
  readonly args: readonly string[];
  readonly result: string;
}

/** A program that calls: its type, and what it is attached to. */
export interface Home {
  readonly type: keyof typeof ProgType;
  readonly attachType?: number;
  readonly attach?: { readonly kind: string; readonly target: string };
  readonly sleepable?: boolean;
}

const ROW = /^(\d+) (\w+)( GPL)?\((.*)\): (.*)$/;

export const HELPERS: readonly HelperFact[] = PROTOTYPES.trim()
  .split('\n')
  .map((line) => {
    const [, id, name, gpl, args, result] = ROW.exec(line)!;
    return {
      ...{ id: Number(id), name: name!, gpl: gpl !== undefined, result: result! },
      args: args === '' ? [] : args!.split(','),
    };
  });

export const PACKET_ACCESS: ReadonlySet<number> = new Set([
  1, 2, 3, 28, 53, 70, 84, 85, 87, 99, 100, 110, 195, 204, 205, 206, 207,
]);
export const MIGHT_SLEEP: ReadonlySet<string> = new Set([
  'btf_find_by_name_kind',
  'copy_from_user',
  'copy_from_user_task',
  'ima_file_hash',
  'ima_inode_hash',
  'sys_bpf',
  'sys_close',
]);

const BEFORE_612 = new Set(['cgrp_storage_get', 'cgrp_storage_delete']);
/** In 6.1 not for every type, but with TRACING, CGCURRENT and sk_msg. */
const MOVED = /^get_(current_pid_tgid|ns_current_pid_tgid|current_cgroup_id|current_ancestor_cgroup_id)$/;
const FENTRY = new Set([24, 25, 26]);
const RAW_TP = 23;
const ITER = 28;
const LSM_CGROUP = 43;
/** INET_INGRESS, INET_EGRESS, SOCK_OPS, *_RECVMSG, *_GETPEERNAME, *_GETSOCKNAME. */
const NO_RETVAL = new Set([0, 1, 3, 19, 20, 29, 30, 31, 32, 51, 52, 53]);

/** Conditions besides the lists. */
function isRefused({ type, attachType = 0, attach }: Home, name: string, is61: boolean): boolean {
  const hasTrampoline = type === 'LSM' || (type === 'TRACING' && FENTRY.has(attachType));
  const isTracing = type === 'TRACING' || type === 'LSM' || type === 'SYSCALL';
  switch (name) {
    case 'get_retval':
    case 'set_retval':
      return type === 'LSM' ? attachType !== LSM_CGROUP : NO_RETVAL.has(attachType);
    case 'get_local_storage':
      return type === 'LSM' && attachType !== LSM_CGROUP;
    case 'bind':
      return attachType !== 10 && attachType !== 11;
    case 'setsockopt':
    case 'getsockopt':
      if (type === 'CGROUP_SOCKOPT') return attachType !== 22;
      if (type === 'LSM') return attachType !== LSM_CGROUP;
      return attach?.target.endsWith('.release') === true;
    case 'seq_printf':
    case 'seq_write':
    case 'seq_printf_btf':
      return attachType !== ITER;
    case 'get_func_arg':
    case 'get_func_ret':
    case 'get_func_arg_cnt':
      return !hasTrampoline;
    case 'get_attach_cookie':
      if (is61 && type.startsWith('RAW_TRACEPOINT')) return true;
      return isTracing && !hasTrampoline && (is61 || attachType !== RAW_TP);
    default:
      return false;
  }
}

/** Calls that become other instructions: 6.12, then 6.1. */
const INLINED = /^(map_lookup_elem|jiffies64|get_smp_processor_id|kptr_xchg|loop|tail_call)$/;
const INLINED_61 = /^(map_lookup_elem|jiffies64|loop|tail_call)$/;
const TRAMPOLINE = /^get_func_(arg|ret|arg_cnt|ip)$/;
/** Calls that go to a function of the map's type. */
const OF_MAP = /^(map_\w+_elem|redirect_map|for_each_map_elem)$/;

/** Programs on several functions at once: TRACE_KPROBE_MULTI, TRACE_UPROBE_MULTI, TRACE_KPROBE_SESSION. */
const MULTI: Readonly<Record<number, string>> = {
  42: 'kprobe_multi',
  48: 'uprobe_multi',
  56: 'kprobe_multi',
};

function multiSymbol({ type, attachType = 0 }: Home, symbol: string | null): string | null {
  const suffix = type === 'KPROBE' ? MULTI[attachType] : undefined;
  if (suffix === undefined) return symbol;
  if (symbol === 'bpf_get_func_ip_kprobe') return `bpf_get_func_ip_${suffix}`;
  return symbol === 'bpf_get_attach_cookie_trace' ? `bpf_get_attach_cookie_${suffix}` : symbol;
}

/** What an accepted call goes to: a kernel function, or null for something other than a call of one. */
export function targetOf(home: Home, name: string, is61: boolean): string | null {
  if ((is61 ? INLINED_61 : INLINED).test(name) || OF_MAP.test(name)) return null;
  if (home.type === 'TRACING' && TRAMPOLINE.test(name)) return null;
  if (name === 'probe_read' || name === 'probe_read_str') return `bpf_${name.replace('read', 'read_compat')}`;
  const symbol = multiSymbol(home, symbolOf(home, name, is61));
  if (is61 || symbol === null) return symbol;
  if (/^task_storage_(get|delete)$/.test(name)) {
    return home.type === 'LSM' || home.attachType === ITER ? symbol : `${symbol}_recur`;
  }
  const sleeps = home.sleepable === true && /^bpf_get_(task_)?stack$/.test(symbol);
  return sleeps ? `${symbol}_sleepable` : symbol;
}

/** Whether programs without privileges may call the helper, where programs of the type may at all. */
export function isOpen(home: Home, name: string): boolean {
  const closed = new Set(['bpf', 'perfmon'].flatMap((list) => LISTS[list]!.split(/\s+/)));
  const own = (ORDER[home.type] ?? []).filter((list) => !['bpf', 'perfmon', 'skbase'].includes(list));
  const isOwn = own.some((list) => LISTS[list]!.split(/\s+/).some((word) => word.split('>')[0] === name));
  return isOwn || (!closed.has(name) && !name.startsWith('skc_to_'));
}

/** The kernel function that a helper call goes to; null = programs of this kind may not call it. */
export function symbolOf(home: Home, name: string, is61: boolean): string | null {
  if (isRefused(home, name, is61) || (is61 && BEFORE_612.has(name))) return null;
  const order = ORDER[home.type] ?? [];
  const lists = home.type === 'LSM' && home.attachType === LSM_CGROUP ? ['cgcommon', ...order] : order;
  for (const list of lists) {
    if (is61 && list === 'cgcurrent' && name === 'current_task_under_cgroup') continue;
    if (is61 && MOVED.test(name)) {
      const has = lists.includes('tracing') || lists.includes('cgcurrent') || lists.includes('sk_msg');
      return has ? `bpf_${name}` : null;
    }
    for (const word of LISTS[list]!.split(/\s+/)) {
      const [helper, symbol] = word.split('>');
      if (helper === `!${name}`) return null;
      if (helper === name) return symbol ?? `bpf_${name}`;
    }
  }
  return null;
}

const tracing = (attachType: number, kind: string, target: string): Home => ({
  ...{ type: 'TRACING', attachType, attach: { kind, target } },
});
const lsm = (target: string, attachType = 27): Home => ({
  ...{ type: 'LSM', attachType, attach: { kind: 'lsm', target } },
});

/** Each program type, with the attach types that decide what it may call. */
export const HOMES: readonly Home[] = [
  ...(
    [
      ...['SOCKET_FILTER', 'KPROBE', 'SCHED_CLS', 'SCHED_ACT', 'TRACEPOINT', 'XDP', 'PERF_EVENT', 'LWT_IN'],
      ...['LWT_OUT', 'LWT_XMIT', 'LWT_SEG6LOCAL', 'SK_SKB', 'SK_MSG', 'RAW_TRACEPOINT', 'LIRC_MODE2'],
      ...['FLOW_DISSECTOR', 'RAW_TRACEPOINT_WRITABLE'],
    ] as Home['type'][]
  ).map((type) => ({ type })),
  { type: 'CGROUP_SKB', attachType: 0 },
  { type: 'CGROUP_SKB', attachType: 1 },
  { type: 'CGROUP_SOCK', attachType: 2 },
  { type: 'SOCK_OPS', attachType: 3 },
  { type: 'CGROUP_DEVICE', attachType: 6 },
  ...[8, 9, 10, 11, 14, 15, 19, 20, 29, 30, 31, 32].map((attachType): Home => ({
    type: 'CGROUP_SOCK_ADDR',
    attachType,
  })),
  { type: 'SK_REUSEPORT', attachType: 39 },
  { type: 'CGROUP_SYSCTL', attachType: 18 },
  { type: 'CGROUP_SOCKOPT', attachType: 21 },
  { type: 'CGROUP_SOCKOPT', attachType: 22 },
  tracing(23, 'raw_tp', 'sched_switch'),
  tracing(24, 'fentry', 'wake_up_new_task'),
  tracing(25, 'fexit', 'wake_up_new_task'),
  tracing(26, 'fmod_ret', 'bpf_modify_return_test'),
  tracing(28, 'iter', 'task'),
  lsm('file_open'),
  lsm('socket_bind', 43),
  { type: 'SK_LOOKUP', attachType: 36 },
  { type: 'SYSCALL', sleepable: true },
  { type: 'NETFILTER', attachType: 45 },
  { type: 'STRUCT_OPS', attach: { kind: 'struct_ops', target: 'tcp_congestion_ops.init' } },
  { type: 'STRUCT_OPS', attach: { kind: 'struct_ops', target: 'tcp_congestion_ops.release' } },
];

import { ProgType } from '../prog-type.js';

/** What a kfunc asks of its callers (flag bits of the kernel's id sets). */
export const KfuncFlag = {
  ACQUIRE: 1 << 0,
  RELEASE: 1 << 1,
  RET_NULL: 1 << 2,
  TRUSTED_ARGS: 1 << 4,
  SLEEPABLE: 1 << 5,
  DESTRUCTIVE: 1 << 6,
  RCU: 1 << 7,
  ITER_NEW: 1 << 8,
  ITER_NEXT: 1 << 9,
  ITER_DESTROY: 1 << 10,
  RCU_PROTECTED: 1 << 11,
  FASTCALL: 1 << 12,
} as const;

/** Functions by the program types they are registered for: `name` or `name:FLAGS`. */
const SETS: readonly (readonly [Hook, string])[] = [
  [
    'generic',
    `crash_kexec:DESTRUCTIVE bpf_obj_new_impl:ACQUIRE|RET_NULL bpf_percpu_obj_new_impl:ACQUIRE|RET_NULL
    bpf_obj_drop_impl:RELEASE bpf_percpu_obj_drop_impl:RELEASE
    bpf_refcount_acquire_impl:ACQUIRE|RET_NULL|RCU bpf_list_push_front_impl bpf_list_push_back_impl
    bpf_list_pop_front:ACQUIRE|RET_NULL bpf_list_pop_back:ACQUIRE|RET_NULL
    bpf_task_acquire:ACQUIRE|RCU|RET_NULL bpf_task_release:RELEASE bpf_rbtree_remove:ACQUIRE|RET_NULL
    bpf_rbtree_add_impl bpf_rbtree_first:RET_NULL bpf_cgroup_acquire:ACQUIRE|RCU|RET_NULL
    bpf_cgroup_release:RELEASE bpf_cgroup_ancestor:ACQUIRE|RCU|RET_NULL bpf_cgroup_from_id:ACQUIRE|RET_NULL
    bpf_task_under_cgroup:RCU bpf_task_get_cgroup1:ACQUIRE|RCU|RET_NULL bpf_task_from_pid:ACQUIRE|RET_NULL
    bpf_throw`,
  ],
  [
    'common',
    `bpf_cast_to_kern_ctx:FASTCALL bpf_rdonly_cast:FASTCALL bpf_rcu_read_lock bpf_rcu_read_unlock
    bpf_dynptr_slice:RET_NULL bpf_dynptr_slice_rdwr:RET_NULL bpf_iter_num_new:ITER_NEW
    bpf_iter_num_next:ITER_NEXT|RET_NULL bpf_iter_num_destroy:ITER_DESTROY
    bpf_iter_task_vma_new:ITER_NEW|RCU bpf_iter_task_vma_next:ITER_NEXT|RET_NULL
    bpf_iter_task_vma_destroy:ITER_DESTROY bpf_iter_css_task_new:ITER_NEW|TRUSTED_ARGS
    bpf_iter_css_task_next:ITER_NEXT|RET_NULL bpf_iter_css_task_destroy:ITER_DESTROY
    bpf_iter_css_new:ITER_NEW|TRUSTED_ARGS|RCU_PROTECTED bpf_iter_css_next:ITER_NEXT|RET_NULL
    bpf_iter_css_destroy:ITER_DESTROY bpf_iter_task_new:ITER_NEW|TRUSTED_ARGS|RCU_PROTECTED
    bpf_iter_task_next:ITER_NEXT|RET_NULL bpf_iter_task_destroy:ITER_DESTROY bpf_iter_bits_new:ITER_NEW
    bpf_iter_bits_next:ITER_NEXT|RET_NULL bpf_iter_bits_destroy:ITER_DESTROY bpf_dynptr_adjust
    bpf_dynptr_is_null bpf_dynptr_is_rdonly bpf_dynptr_size bpf_dynptr_clone bpf_modify_return_test_tp
    bpf_wq_init bpf_wq_set_callback_impl bpf_wq_start bpf_preempt_disable bpf_preempt_enable
    bpf_copy_from_user_str:SLEEPABLE bpf_arena_alloc_pages:TRUSTED_ARGS|SLEEPABLE
    bpf_arena_free_pages:TRUSTED_ARGS|SLEEPABLE bpf_map_sum_elem_count:TRUSTED_ARGS`,
  ],
  [
    'cpumask',
    `bpf_cpumask_create:ACQUIRE|RET_NULL bpf_cpumask_release:RELEASE bpf_cpumask_acquire:ACQUIRE|TRUSTED_ARGS
    bpf_cpumask_first:RCU bpf_cpumask_first_zero:RCU bpf_cpumask_first_and:RCU bpf_cpumask_set_cpu:RCU
    bpf_cpumask_clear_cpu:RCU bpf_cpumask_test_cpu:RCU bpf_cpumask_test_and_set_cpu:RCU
    bpf_cpumask_test_and_clear_cpu:RCU bpf_cpumask_setall:RCU bpf_cpumask_clear:RCU bpf_cpumask_and:RCU
    bpf_cpumask_or:RCU bpf_cpumask_xor:RCU bpf_cpumask_equal:RCU bpf_cpumask_intersects:RCU
    bpf_cpumask_subset:RCU bpf_cpumask_empty:RCU bpf_cpumask_full:RCU bpf_cpumask_copy:RCU
    bpf_cpumask_any_distribute:RCU bpf_cpumask_any_and_distribute:RCU bpf_cpumask_weight:RCU`,
  ],
  [
    'tracing',
    `bpf_lookup_user_key:ACQUIRE|RET_NULL|SLEEPABLE bpf_lookup_system_key:ACQUIRE|RET_NULL
    bpf_key_put:RELEASE bpf_verify_pkcs7_signature:SLEEPABLE bpf_get_fsverity_digest:TRUSTED_ARGS
    cgroup_rstat_updated cgroup_rstat_flush:SLEEPABLE bpf_sock_destroy:TRUSTED_ARGS`,
  ],
  [
    'lsm',
    `bpf_get_task_exe_file:ACQUIRE|TRUSTED_ARGS|RET_NULL bpf_put_file:RELEASE bpf_path_d_path:TRUSTED_ARGS
    bpf_get_dentry_xattr:SLEEPABLE|TRUSTED_ARGS bpf_get_file_xattr:SLEEPABLE|TRUSTED_ARGS`,
  ],
  ['kprobe', 'bpf_session_is_return bpf_session_cookie'],
  ['packet', 'bpf_dynptr_from_skb:TRUSTED_ARGS'],
  [
    'xdp',
    `bpf_dynptr_from_xdp bpf_xdp_metadata_rx_timestamp:TRUSTED_ARGS bpf_xdp_metadata_rx_hash:TRUSTED_ARGS
    bpf_xdp_metadata_rx_vlan_tag:TRUSTED_ARGS bpf_xdp_ct_lookup:ACQUIRE|RET_NULL
    bpf_xdp_ct_alloc:ACQUIRE|RET_NULL`,
  ],
  [
    'tc',
    `bpf_sk_assign_tcp_reqsk:TRUSTED_ARGS bpf_skb_ct_lookup:ACQUIRE|RET_NULL bpf_skb_ct_alloc:ACQUIRE|RET_NULL
    bpf_skb_get_fou_encap:TRUSTED_ARGS bpf_skb_set_fou_encap:TRUSTED_ARGS`,
  ],
  [
    'conntrack',
    `bpf_ct_insert_entry:ACQUIRE|RET_NULL|RELEASE bpf_ct_release:RELEASE bpf_ct_set_timeout:TRUSTED_ARGS
    bpf_ct_change_timeout:TRUSTED_ARGS bpf_ct_set_status:TRUSTED_ARGS bpf_ct_change_status:TRUSTED_ARGS`,
  ],
  ['crypto', 'bpf_crypto_decrypt:RCU bpf_crypto_encrypt:RCU'],
  [
    'syscall',
    `bpf_crypto_ctx_create:ACQUIRE|RET_NULL|SLEEPABLE bpf_crypto_ctx_release:RELEASE
    bpf_crypto_ctx_acquire:ACQUIRE|RCU|RET_NULL`,
  ],
  ['sockaddr', 'bpf_sock_addr_set_sun_path'],
  [
    'test',
    `bpf_kfunc_call_test1 bpf_kfunc_call_test2 bpf_kfunc_call_test3 bpf_kfunc_call_test_acquire:ACQUIRE|RET_NULL
    bpf_kfunc_call_memb_acquire:ACQUIRE|RET_NULL bpf_kfunc_call_test_release:RELEASE
    bpf_kfunc_call_memb_release:RELEASE bpf_kfunc_call_memb1_release:RELEASE
    bpf_kfunc_call_test_get_rdwr_mem:RET_NULL bpf_kfunc_call_test_get_rdonly_mem:RET_NULL
    bpf_kfunc_call_test_acq_rdonly_mem:ACQUIRE|RET_NULL bpf_kfunc_call_int_mem_release:RELEASE
    bpf_kfunc_call_test_kptr_get:ACQUIRE|RET_NULL bpf_kfunc_call_test_pass_ctx bpf_kfunc_call_test_pass1
    bpf_kfunc_call_test_pass2 bpf_kfunc_call_test_fail1 bpf_kfunc_call_test_fail2 bpf_kfunc_call_test_fail3
    bpf_kfunc_call_test_mem_len_pass1 bpf_kfunc_call_test_mem_len_fail1 bpf_kfunc_call_test_mem_len_fail2
    bpf_kfunc_call_test_ref:TRUSTED_ARGS bpf_kfunc_call_test_destructive:DESTRUCTIVE`,
  ],
  ['structOps', 'tcp_reno_ssthresh tcp_reno_cong_avoid tcp_reno_undo_cwnd tcp_slow_start tcp_cong_avoid_ai'],
];

type Hook =
  | 'generic'
  | 'common'
  | 'cpumask'
  | 'tracing'
  | 'lsm'
  | 'kprobe'
  | 'packet'
  | 'xdp'
  | 'tc'
  | 'conntrack'
  | 'crypto'
  | 'syscall'
  | 'sockaddr'
  | 'test'
  | 'structOps';

const P = ProgType;
const TRACING = [P.TRACING, P.TRACEPOINT, P.PERF_EVENT, P.LSM];
const CGROUP = [
  P.CGROUP_SKB,
  P.CGROUP_SOCK,
  P.CGROUP_DEVICE,
  P.CGROUP_SOCK_ADDR,
  P.CGROUP_SOCKOPT,
  P.CGROUP_SYSCTL,
];
const LWT = [P.LWT_IN, P.LWT_OUT, P.LWT_XMIT, P.LWT_SEG6LOCAL];
/** Program types of each hook; null = all. */
const HOOKS: Record<Hook, readonly number[] | null> = {
  common: null,
  generic: [...TRACING, P.SCHED_CLS, P.XDP, P.STRUCT_OPS, P.SYSCALL, ...CGROUP],
  cpumask: [...TRACING, P.STRUCT_OPS, P.SYSCALL],
  tracing: TRACING,
  lsm: [P.LSM],
  kprobe: [P.KPROBE],
  packet: [
    ...[P.SCHED_CLS, P.SCHED_ACT, P.SK_SKB, P.SOCKET_FILTER, P.NETFILTER],
    ...CGROUP,
    ...LWT,
    ...TRACING,
  ],
  xdp: [P.XDP],
  tc: [P.SCHED_CLS],
  conntrack: [P.SCHED_CLS, P.XDP],
  crypto: [P.SCHED_CLS, P.SCHED_ACT, P.XDP],
  syscall: [P.SYSCALL],
  sockaddr: CGROUP,
  test: [P.SCHED_CLS, P.TRACING, P.SYSCALL],
  structOps: [P.STRUCT_OPS],
};

interface Row {
  readonly flags: number;
  /** Program types that may call it; null = all. */
  readonly types: readonly number[] | null;
}

function flagsOf(text: string | undefined): number {
  if (text === undefined) return 0;
  return text.split('|').reduce((sum, name) => sum | KfuncFlag[name as keyof typeof KfuncFlag], 0);
}

const ROWS = new Map<string, Row>(
  SETS.flatMap(([hook, words]) =>
    words.split(/\s+/).map((word): [string, Row] => {
      const [name, flags] = word.split(':');
      return [name, { flags: flagsOf(flags), types: HOOKS[hook] }];
    }),
  ),
);

/** Functions that Linux 6.1 offers already. */
const KNOWN_61 = new Set([
  'bpf_skb_ct_lookup',
  'bpf_xdp_ct_lookup',
  'bpf_skb_ct_alloc',
  'bpf_xdp_ct_alloc',
  'bpf_ct_insert_entry',
  'bpf_ct_release',
  'bpf_lookup_user_key',
  'bpf_lookup_system_key',
  'bpf_key_put',
  'bpf_verify_pkcs7_signature',
  'cgroup_rstat_updated',
  'cgroup_rstat_flush',
  'crash_kexec',
]);

/** Functions for the kernel's own tests: in the kernel itself in Linux 6.1, in a module since. */
const OF_TESTS = /^bpf_kfunc_call_/;

/** Names of the kernel functions that some program may call. */
export const kfuncNames = (): string[] => [...ROWS.keys()];

export function kfuncFlags(name: string): number {
  return ROWS.get(name)?.flags ?? 0;
}

/** Whether programs of a type may call the function. */
export function kfuncAllowed(name: string, programType: number, legacy: boolean): boolean {
  const known = ROWS.get(name);
  if (known === undefined || (legacy && !KNOWN_61.has(name) && !OF_TESTS.test(name))) return false;
  return known.types === null || known.types.includes(programType);
}

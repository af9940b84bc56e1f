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

const { ACQUIRE, RELEASE, RET_NULL, TRUSTED_ARGS, SLEEPABLE, RCU, FASTCALL } = KfuncFlag;
const { ITER_NEW, ITER_NEXT, ITER_DESTROY, RCU_PROTECTED } = KfuncFlag;

interface Row {
  readonly flags: number;
  /** Program types that may call it; null = all. */
  readonly types: ReadonlySet<number> | null;
}

const SCHED = new Set([3, 4]);
const XDP = new Set([6]);
const TRACING = new Set([26, 27, 29, 31]);
const SKB = new Set([3, 4, 8, 9, 12, 13, 14, 18, 22, 25]);
const LSM_ONLY = new Set([29]);

const ROWS: Record<string, Row> = {
  bpf_obj_new_impl: row(ACQUIRE | RET_NULL),
  bpf_percpu_obj_new_impl: row(ACQUIRE | RET_NULL),
  bpf_obj_drop_impl: row(RELEASE),
  bpf_percpu_obj_drop_impl: row(RELEASE),
  bpf_refcount_acquire_impl: row(ACQUIRE | RET_NULL | RCU),
  bpf_list_push_front_impl: row(0),
  bpf_list_push_back_impl: row(0),
  bpf_list_pop_front: row(ACQUIRE | RET_NULL),
  bpf_list_pop_back: row(ACQUIRE | RET_NULL),
  bpf_task_acquire: row(ACQUIRE | RCU | RET_NULL),
  bpf_task_release: row(RELEASE),
  bpf_rbtree_remove: row(ACQUIRE | RET_NULL),
  bpf_rbtree_add_impl: row(0),
  bpf_rbtree_first: row(RET_NULL),
  bpf_cgroup_acquire: row(ACQUIRE | RCU | RET_NULL),
  bpf_cgroup_release: row(RELEASE),
  bpf_cgroup_ancestor: row(ACQUIRE | RCU | RET_NULL),
  bpf_cgroup_from_id: row(ACQUIRE | RET_NULL),
  bpf_task_under_cgroup: row(RCU),
  bpf_task_get_cgroup1: row(ACQUIRE | RCU | RET_NULL),
  bpf_task_from_pid: row(ACQUIRE | RET_NULL),
  bpf_task_from_vpid: row(ACQUIRE | RET_NULL),
  bpf_throw: row(0),
  bpf_send_signal_task: row(TRUSTED_ARGS),
  bpf_cast_to_kern_ctx: row(FASTCALL),
  bpf_rdonly_cast: row(FASTCALL),
  bpf_rcu_read_lock: row(0),
  bpf_rcu_read_unlock: row(0),
  bpf_dynptr_slice: row(RET_NULL),
  bpf_dynptr_slice_rdwr: row(RET_NULL),
  bpf_iter_num_new: row(ITER_NEW),
  bpf_iter_num_next: row(ITER_NEXT | RET_NULL),
  bpf_iter_num_destroy: row(ITER_DESTROY),
  bpf_iter_task_vma_new: row(ITER_NEW | RCU),
  bpf_iter_task_vma_next: row(ITER_NEXT | RET_NULL),
  bpf_iter_task_vma_destroy: row(ITER_DESTROY),
  bpf_iter_css_task_new: row(ITER_NEW | TRUSTED_ARGS),
  bpf_iter_css_task_next: row(ITER_NEXT | RET_NULL),
  bpf_iter_css_task_destroy: row(ITER_DESTROY),
  bpf_iter_css_new: row(ITER_NEW | TRUSTED_ARGS | RCU_PROTECTED),
  bpf_iter_css_next: row(ITER_NEXT | RET_NULL),
  bpf_iter_css_destroy: row(ITER_DESTROY),
  bpf_iter_task_new: row(ITER_NEW | TRUSTED_ARGS | RCU_PROTECTED),
  bpf_iter_task_next: row(ITER_NEXT | RET_NULL),
  bpf_iter_task_destroy: row(ITER_DESTROY),
  bpf_iter_bits_new: row(ITER_NEW),
  bpf_iter_bits_next: row(ITER_NEXT | RET_NULL),
  bpf_iter_bits_destroy: row(ITER_DESTROY),
  bpf_iter_kmem_cache_new: row(ITER_NEW | SLEEPABLE),
  bpf_iter_kmem_cache_next: row(ITER_NEXT | RET_NULL | SLEEPABLE),
  bpf_iter_kmem_cache_destroy: row(ITER_DESTROY | SLEEPABLE),
  bpf_dynptr_adjust: row(0),
  bpf_dynptr_is_null: row(0),
  bpf_dynptr_is_rdonly: row(0),
  bpf_dynptr_size: row(0),
  bpf_dynptr_clone: row(0),
  bpf_modify_return_test_tp: row(0),
  bpf_wq_init: row(0),
  bpf_wq_set_callback_impl: row(0),
  bpf_wq_start: row(0),
  bpf_preempt_disable: row(0),
  bpf_preempt_enable: row(0),
  bpf_copy_from_user_str: row(SLEEPABLE),
  bpf_arena_alloc_pages: row(TRUSTED_ARGS | SLEEPABLE),
  bpf_arena_free_pages: row(TRUSTED_ARGS | SLEEPABLE),
  bpf_map_sum_elem_count: row(TRUSTED_ARGS),
  bpf_get_kmem_cache: row(0),
  bpf_get_fsverity_digest: row(TRUSTED_ARGS, TRACING),
  bpf_lookup_user_key: row(ACQUIRE | RET_NULL | SLEEPABLE, TRACING),
  bpf_lookup_system_key: row(ACQUIRE | RET_NULL, TRACING),
  bpf_key_put: row(RELEASE, TRACING),
  bpf_verify_pkcs7_signature: row(SLEEPABLE, TRACING),
  bpf_get_task_exe_file: row(ACQUIRE | TRUSTED_ARGS | RET_NULL, LSM_ONLY),
  bpf_put_file: row(RELEASE, LSM_ONLY),
  bpf_path_d_path: row(TRUSTED_ARGS, LSM_ONLY),
  bpf_get_dentry_xattr: row(SLEEPABLE | TRUSTED_ARGS, LSM_ONLY),
  bpf_get_file_xattr: row(SLEEPABLE | TRUSTED_ARGS, LSM_ONLY),
  bpf_dynptr_from_skb: row(TRUSTED_ARGS, new Set([...SKB, 1, 10, 11, 19, 32])),
  bpf_dynptr_from_xdp: row(0, XDP),
  bpf_skb_ct_lookup: row(ACQUIRE | RET_NULL, SCHED),
  bpf_xdp_ct_lookup: row(ACQUIRE | RET_NULL, XDP),
  bpf_skb_ct_alloc: row(ACQUIRE | RET_NULL, SCHED),
  bpf_xdp_ct_alloc: row(ACQUIRE | RET_NULL, XDP),
  bpf_ct_insert_entry: row(ACQUIRE | RET_NULL | RELEASE, new Set([3, 4, 6])),
  bpf_ct_release: row(RELEASE, new Set([3, 4, 6])),
  bpf_xdp_metadata_rx_timestamp: row(TRUSTED_ARGS, XDP),
  bpf_xdp_metadata_rx_hash: row(TRUSTED_ARGS, XDP),
  bpf_xdp_metadata_rx_vlan_tag: row(TRUSTED_ARGS, XDP),
  bpf_skb_get_fou_encap: row(TRUSTED_ARGS, SCHED),
  bpf_skb_set_fou_encap: row(TRUSTED_ARGS, SCHED),
  cgroup_rstat_updated: row(0),
  cgroup_rstat_flush: row(SLEEPABLE),
  crash_kexec: row(KfuncFlag.DESTRUCTIVE),
};

function row(flags: number, types: ReadonlySet<number> | null = null): Row {
  return { flags, types };
}

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

export function kfuncFlags(name: string): number {
  return ROWS[name]?.flags ?? 0;
}

/** Whether programs of a type may call the function. */
export function kfuncAllowed(name: string, programType: number, legacy: boolean): boolean {
  const known = ROWS[name];
  if (known === undefined || (legacy && !KNOWN_61.has(name))) return false;
  return known.types === null || known.types.has(programType);
}

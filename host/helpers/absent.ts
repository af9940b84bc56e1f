import { Errno } from '../maps/errno.js';
import { type Helper, type HelperTable, fail, u32 } from './helper.js';

const ENOMSG = 42;
const EBADF = 9;

const no =
  (errno: number): Helper =>
  () =>
    fail(errno);
const none: Helper = () => 0n;

/** Fills what a helper would have filled with zeros, and answers -errno. */
const noBytes =
  (errno: number, at: number): Helper =>
  (env, args) => {
    env.memory.write(args[at], new Uint8Array(u32(args[at + 1])));
    return fail(errno);
  };

const COUNTER_VALUE = 24;

/** The counter of the program's own event: it has not counted yet. */
const ownCounter: Helper = (env, [, to, size]) => {
  env.memory.write(to, new Uint8Array(u32(size)));
  return u32(size) === COUNTER_VALUE ? 0n : fail(Errno.EINVAL);
};

/**
 * Helpers of facilities that a guest machine has not: the answer is what Linux gives where the facility is there but
 * has nothing to say (no hardware counter, no tunnel, no conntrack entry, no key). `kernel.defineHelper` gives one of
 * them another behaviour.
 */
export const absentHelpers: HelperTable = {
  bpf_perf_event_read: no(Errno.ENOENT),
  bpf_perf_event_read_value: noBytes(Errno.ENOENT, 2),
  bpf_perf_prog_read_value: ownCounter,
  bpf_get_route_realm: none,
  bpf_skb_get_xfrm_state: noBytes(Errno.EINVAL, 2),
  bpf_lwt_in_push_encap: no(Errno.EINVAL),
  bpf_lwt_xmit_push_encap: no(Errno.EINVAL),
  bpf_lwt_seg6_store_bytes: no(Errno.EINVAL),
  bpf_lwt_seg6_adjust_srh: no(Errno.EINVAL),
  bpf_lwt_seg6_action: no(Errno.EINVAL),
  bpf_msg_push_data: no(Errno.EINVAL),
  bpf_msg_pop_data: no(Errno.EINVAL),
  bpf_sock_ops_load_hdr_opt: no(ENOMSG),
  bpf_sock_ops_store_hdr_opt: no(Errno.EPERM),
  bpf_sock_ops_reserve_hdr_opt: no(Errno.EPERM),
  bpf_rc_repeat: none,
  bpf_rc_keydown: none,
  bpf_rc_pointer_rel: none,
  bpf_ima_inode_hash: no(Errno.EOPNOTSUPP),
  bpf_ima_file_hash: no(Errno.EOPNOTSUPP),
  crash_kexec: none,
  bpf_sys_bpf: no(Errno.EINVAL),
  bpf_sys_close: no(EBADF),
  bpf_tcp_send_ack: none,
  bpf_sock_destroy: no(Errno.EOPNOTSUPP),
  bpf_sk_assign_tcp_reqsk: no(Errno.EINVAL),
  bpf_xdp_metadata_rx_timestamp: no(Errno.EOPNOTSUPP),
  bpf_xdp_metadata_rx_hash: no(Errno.EOPNOTSUPP),
  bpf_xdp_metadata_rx_vlan_tag: no(Errno.EOPNOTSUPP),
  bpf_xdp_ct_lookup: none,
  bpf_xdp_ct_alloc: none,
  bpf_skb_ct_lookup: none,
  bpf_skb_ct_alloc: none,
  bpf_ct_insert_entry: none,
  bpf_ct_release: none,
  bpf_ct_set_timeout: none,
  bpf_ct_change_timeout: no(Errno.ENOENT),
  bpf_ct_set_status: no(Errno.ENOENT),
  bpf_ct_change_status: no(Errno.ENOENT),
  bpf_skb_get_fou_encap: no(Errno.EINVAL),
  bpf_skb_set_fou_encap: no(Errno.EINVAL),
  bpf_kfunc_call_test_acquire: none,
  bpf_kfunc_call_memb_acquire: none,
  bpf_kfunc_call_test_release: none,
  bpf_kfunc_call_memb_release: none,
  bpf_kfunc_call_memb1_release: none,
  bpf_kfunc_call_int_mem_release: none,
  bpf_kfunc_call_test_get_rdwr_mem: none,
  bpf_kfunc_call_test_get_rdonly_mem: none,
  bpf_kfunc_call_test_acq_rdonly_mem: none,
  bpf_kfunc_call_test_pass_ctx: none,
  bpf_kfunc_call_test_pass1: none,
  bpf_kfunc_call_test_pass2: none,
  bpf_kfunc_call_test_mem_len_pass1: none,
  bpf_kfunc_call_test_ref: none,
  bpf_kfunc_call_test_destructive: none,
  bpf_crypto_ctx_create: none,
  bpf_crypto_ctx_acquire: (_, [context]) => context,
  bpf_crypto_ctx_release: none,
  bpf_crypto_encrypt: no(Errno.EINVAL),
  bpf_crypto_decrypt: no(Errno.EINVAL),
};

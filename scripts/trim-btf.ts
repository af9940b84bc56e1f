// Makes the BTF that the package ships: node --import tsx scripts/trim-btf.ts [VMLINUX_BTF] [OUT.ts | OUT.btf]
// VMLINUX_BTF is the full BTF of Linux 6.12, plain or gzip. A .btf output is the plain section, for bpftool.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { Btf } from '../host/btf/btf.js';
import { parseBtfExt } from '../host/btf/btf-ext.js';
import { BtfKind } from '../host/btf/types.js';
import { trimBtf } from '../host/btf/trim.js';
import { ObjectFile } from '../host/elf/object-file.js';
import { programBtf } from '../host/program/program-btf.js';

const root = new URL('..', import.meta.url);
const input = process.argv[2] ?? fileURLToPath(new URL('tests/fixtures/goldens/vmlinux-6.12.btf.gz', root));
const output = process.argv[3] ?? fileURLToPath(new URL('host/profiles/data/vmlinux-linux-6.12.ts', root));
const GZIP_MAGIC = 0x1f8b;
const LINE = 100;

/** What programs walk through, and what the machine itself lays out: maps, packets, the running task. */
const STRUCTS = `
  task_struct mm_struct cred signal_struct files_struct fs_struct nsproxy
  file path dentry inode super_block qstr vfsmount
  sk_buff net_device sock sock_common socket net skb_shared_info skb_ext qdisc_skb_cb bpf_skb_data_end
  xdp_buff xdp_rxq_info xdp_txq_info xdp_frame
  bpf_map bpf_array bpf_htab htab_elem bpf_prog bpf_prog_aux pcpu_hot nf_hook_state msghdr user_msghdr iov_iter
  bpf_iter_meta bpf_iter__task bpf_iter__bpf_map bpf_iter__task_file bpf_iter__bpf_prog seq_file
  pt_regs
  __sk_buff xdp_md bpf_sock bpf_tcp_sock bpf_sock_tuple bpf_sock_addr bpf_sock_ops sk_msg_md sk_reuseport_md
  bpf_sk_lookup bpf_sockopt bpf_sysctl bpf_cgroup_dev_ctx bpf_perf_event_data bpf_raw_tracepoint_args bpf_nf_ctx
  bpf_dynptr bpf_timer bpf_spin_lock bpf_list_head bpf_list_node bpf_rb_root bpf_rb_node bpf_refcount bpf_wq
  bpf_iter_num bpf_iter_task bpf_redir_neigh bpf_fib_lookup bpf_pidns_info
  ethhdr iphdr ipv6hdr tcphdr udphdr icmphdr vlan_hdr
`;
const TRACEPOINTS = `
  sched_switch sched_wakeup sched_wakeup_new sched_process_fork sched_process_exec sched_process_exit
  task_newtask task_rename sys_enter sys_exit netif_receive_skb net_dev_queue net_dev_xmit consume_skb kfree_skb
  sock_exceed_buf_limit tcp_retransmit_skb tcp_probe signal_generate signal_deliver page_fault_user page_fault_kernel
`;
const FUNCTIONS = `
  wake_up_new_task do_exit __sys_sendmsg __sys_bind __sys_connect do_filp_open do_sys_openat2 vfs_open vfs_read
  vfs_write vfs_unlink do_unlinkat filp_close udp_sendmsg tcp_sendmsg tcp_connect tcp_v4_connect ip_rcv __dev_queue_xmit
  bpf_fentry_test1 bpf_fentry_test2 bpf_fentry_test3 bpf_fentry_test4 bpf_fentry_test5 bpf_fentry_test6
  bpf_modify_return_test bpf_iter_task bpf_iter_bpf_map bpf_iter_task_file bpf_iter_bpf_prog
  bpf_rdonly_cast bpf_cast_to_kern_ctx bpf_rcu_read_lock bpf_rcu_read_unlock bpf_throw
  bpf_arena_alloc_pages bpf_arena_free_pages bpf_iter_num_new bpf_iter_num_next bpf_iter_num_destroy
  bpf_task_from_pid bpf_task_acquire bpf_task_release bpf_obj_new_impl bpf_obj_drop_impl
  bpf_dynptr_from_skb bpf_dynptr_from_xdp bpf_dynptr_slice bpf_dynptr_slice_rdwr bpf_dynptr_size
  bpf_preempt_disable bpf_preempt_enable
`;
const VARIABLES = { '.data..percpu': ['pcpu_hot', 'this_cpu_off'] };

const words = (text: string): string[] => text.trim().split(/\s+/);
const file = readFileSync(input);
const btf = Btf.parse(new Uint8Array(file.readUInt16BE(0) === GZIP_MAGIC ? gunzipSync(file) : file));

/** Kernel types that the CO-RE relocations of the examples start from. */
function exampleTypes(): number[] {
  const folder = new URL('examples/', root);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.bpf.o'))
    .flatMap((name) => {
      const object = ObjectFile.parse(new Uint8Array(readFileSync(new URL(name, folder))));
      const types = programBtf(object);
      const section = object.section('.BTF.ext');
      if (types === null || section === undefined) return [];
      const records = [...parseBtfExt(section.data, types).coreRelo.values()].flat();
      return records.flatMap(({ type }) => btf.findEssential(types.type(type).name));
    });
}

function named(names: string[], kinds: readonly BtfKind[], prefix = ''): number[] {
  return names.flatMap((name) => {
    const id = btf.find(prefix + name, ...kinds);
    if (id === 0) console.error(`this kernel has no ${prefix}${name}`);
    return id === 0 ? [] : [id];
  });
}

const hooks: number[] = [];
for (let id = 1; id < btf.count; id++) {
  if (btf.kind(id) === BtfKind.FUNC && btf.type(id).name.startsWith('bpf_lsm_')) hooks.push(id);
}
const trimmed = trimBtf(btf, {
  types: [
    ...named(words(STRUCTS), [BtfKind.STRUCT, BtfKind.UNION]),
    ...named(words(TRACEPOINTS), [BtfKind.TYPEDEF], 'btf_trace_'),
    ...named(words(FUNCTIONS), [BtfKind.FUNC]),
    ...hooks,
    ...exampleTypes(),
  ],
  variables: VARIABLES,
});

if (output.endsWith('.btf')) writeFileSync(output, trimmed);
else {
  const lines = Buffer.from(trimmed)
    .toString('base64')
    .match(new RegExp(`.{1,${LINE}}`, 'g'))!;
  writeFileSync(
    output,
    `// Made by scripts/trim-btf.ts from the BTF of a Debian 6.12.117 kernel.
/** Types of Linux 6.12 that programs and this machine meet most; .BTF bytes in base64, with line ends. */
export const VMLINUX_6_12 = \`
${lines.join('\n')}
\`;
`,
  );
}
console.log(`${output}: ${trimmed.length} bytes, ${Btf.parse(trimmed).count} types`);

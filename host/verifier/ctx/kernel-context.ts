import type { Btf } from '../../btf/btf.js';
import { BtfKind } from '../../btf/types.js';
import type { TypeId } from '../../quantities.js';

/** Kernel structs behind program contexts, by program type. */
const KERNEL_CONTEXT: Record<number, string> = {
  1: 'sk_buff',
  3: 'sk_buff',
  4: 'sk_buff',
  6: 'xdp_buff',
  7: 'bpf_perf_event_data_kern',
  8: 'sk_buff',
  9: 'sock',
  10: 'sk_buff',
  11: 'sk_buff',
  12: 'sk_buff',
  13: 'bpf_sock_ops_kern',
  14: 'sk_buff',
  16: 'sk_msg',
  18: 'bpf_sock_addr_kern',
  19: 'sk_buff',
  21: 'sk_reuseport_kern',
  22: 'bpf_flow_dissector',
  23: 'bpf_sysctl_kern',
  25: 'bpf_sockopt_kern',
  30: 'bpf_sk_lookup_kern',
};

/** Id of the struct that the kernel keeps behind the context of programs of a type; 0 = none. */
export function kernelContext(btf: Btf, programType: number): TypeId {
  const name = KERNEL_CONTEXT[programType];
  return name === undefined ? 0 : btf.find(name, BtfKind.STRUCT);
}

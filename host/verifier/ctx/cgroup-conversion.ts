import { BPF_DW, BPF_MEM, BPF_ST, BPF_STX } from '../../../assembly/isa.js';
import {
  type Conversion,
  loadField,
  loadThrough,
  plainField,
  sizeCode,
  spareRegister,
} from './conversion.js';

/**
 * A store to what a pointer in the context points to: a register that the store does not use holds the pointer, and is
 * kept in the context's `keep` meanwhile.
 */
function storeThrough(access: Conversion, bytes: number, keep: number, ...path: readonly number[]): number {
  const { sink, dst, src, isImmediate } = access;
  const spare = spareRegister(access);
  sink.store(BPF_DW, dst, spare, keep);
  let base = dst;
  for (const offset of path.slice(0, -1)) {
    sink.load(BPF_DW, spare, base, offset);
    base = spare;
  }
  const form = (isImmediate ? BPF_ST : BPF_STX) | BPF_MEM | sizeCode(bytes);
  sink.insn(form, spare, isImmediate ? 0 : src, path[path.length - 1], isImmediate ? access.imm : 0);
  sink.load(BPF_DW, spare, dst, keep);
  return bytes;
}

/** struct bpf_sock_addr is a struct bpf_sock_addr_kern. */
export function convertSockAddr(access: Conversion): number {
  const { offsets, offset, size } = access;
  const kern = (name: string): number => offsets.of('bpf_sock_addr_kern', name);
  const through = (bytes: number, ...path: readonly number[]): number =>
    access.isWrite
      ? storeThrough(access, bytes, kern('tmp_reg'), ...path)
      : loadThrough(access, bytes, ...path);
  const sock = (name: string): number =>
    loadThrough(access, offsets.sizeAt('sock', name, 2), kern('sk'), offsets.of('sock', name));
  switch (offset) {
    case 0:
      return through(2, kern('uaddr'), offsets.of('sockaddr', 'sa_family'));
    case 4:
      return through(4, kern('uaddr'), offsets.of('sockaddr_in', 'sin_addr'));
    case 24:
      return through(2, kern('uaddr'), offsets.of('sockaddr_in6', 'sin6_port'));
    case 28:
      return loadThrough(access, 2, kern('sk'), offsets.of('sock_common', 'skc_family'));
    case 32:
      return sock('sk_type');
    case 36:
      return sock('sk_protocol');
    case 40:
      return through(4, kern('t_ctx'), 0);
    case 64:
      return loadField(access, 8, access.src, kern('sk'));
  }
  const isSource = offset >= 44;
  if (isSource) return through(size, kern('t_ctx'), offset - 44);
  return through(size, kern('uaddr'), offsets.of('sockaddr_in6', 'sin6_addr') + offset - 8);
}

const SOCKOPT_FIELDS = ['sk', 'optval', 'optval_end', 'level', 'optname', 'optlen'] as const;

/** struct bpf_sockopt is a struct bpf_sockopt_kern; retval lives with the running task. */
export function convertSockopt(access: Conversion): number {
  const { offsets, offset } = access;
  const kern = (name: string): number => offsets.of('bpf_sockopt_kern', name);
  if (offset === 36) {
    const path = [
      kern('current_task'),
      offsets.of('task_struct', 'bpf_ctx'),
      offsets.of('bpf_cg_run_ctx', 'retval'),
    ];
    if (access.isWrite) return storeThrough(access, 4, kern('tmp_reg'), ...path);
    return loadThrough(access, 4, ...path);
  }
  const index = offset < 24 ? offset / 8 : 3 + (offset - 24) / 4;
  return plainField(access, index < 3 ? 8 : 4, kern(SOCKOPT_FIELDS[index]));
}

/** struct bpf_sysctl is a struct bpf_sysctl_kern. */
export function convertSysctl(access: Conversion): number {
  const { offsets } = access;
  const kern = (name: string): number => offsets.of('bpf_sysctl_kern', name);
  if (access.offset === 0) {
    return loadField(access, offsets.sizeAt('bpf_sysctl_kern', 'write', 4), access.src, kern('write'));
  }
  if (access.isWrite) return storeThrough(access, 4, kern('tmp_reg'), kern('ppos'), 0);
  return loadThrough(access, 4, kern('ppos'), 0);
}

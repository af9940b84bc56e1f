import { type Access } from './memory-region.js';
import { setBtfPointer, withoutTrust } from './btf-access.js';
import { walkStruct } from './btf-walk.js';
import { BtfKind } from '../btf/types.js';
import type { Env } from './env.js';
import { typeName } from './log-text.js';
import { W_A } from './registers.js';
import { RegType } from './reg-type.js';
import { Errno } from './verifier-error.js';

/** Load through a socket. */
export function accessSocket(env: Env, regno: number, access: Access): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  const name = typeName(type, env.legacy);
  if (access.isWrite) env.fail(Errno.EACCES, `R${regno} cannot write into ${name}`);
  const off = access.off + regs.off(reg);
  if (regs.smin(reg) < 0n) {
    env.fail(
      Errno.EACCES,
      `R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`,
    );
  }
  if (!socketField(type, off, access.size)) {
    env.fail(Errno.EACCES, `R${regno} invalid ${name} access off=${off} size=${access.size}`);
  }
  env.aux.ctxFieldSize[env.insn] = type === RegType.TCP_SOCK && off >= 80 && off < 96 ? 8 : 4;
  if (access.value >= 0) regs.setUnknown(env.reg(access.value));
}

/** Fields of struct bpf_sock, bpf_tcp_sock and bpf_xdp_sock. */
function socketField(type: number, off: number, size: number): boolean {
  if (off < 0 || off % size !== 0) return false;
  if (type === RegType.XDP_SOCK) return off === 0 && size === 4;
  if (type === RegType.TCP_SOCK) {
    if (off === 80 || off === 88) return size === 8;
    return size === 4 && off + 4 <= 112 && (off < 80 || off >= 96);
  }
  if (off + size > 80) return false;
  if (type === RegType.SOCK_COMMON && off >= 8 && off < 24) return false;
  if (off < 4 || (off >= 16 && off < 24)) return size === 4;
  if (off >= 48 && off < 52) return off < 50 ? size <= 2 || (off === 48 && size === 4) : false;
  return size <= 4;
}

/** Load from the struct of a map. */
export function accessMapPointer(env: Env, regno: number, access: Access): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const off = access.off + regs.off(reg);
  const struct = mapStruct(env.maps[regs.get(reg, W_A)].spec.type);
  const btf = env.kernel.btf;
  const id = struct === '' ? 0 : btf.find(struct, BtfKind.STRUCT);
  if (id === 0) {
    const { type } = env.maps[regs.get(reg, W_A)].spec;
    env.fail(Errno.ENOTSUPP, `map_ptr access not supported for map type ${type}`);
  }
  if (!env.privileged) {
    const what = env.legacy ? struct : `'struct ${struct}'`;
    env.fail(Errno.EPERM, `${what} access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`);
  }
  if (off < 0) env.fail(Errno.EACCES, `R${regno} is ${struct} invalid negative access: off=${off}`);
  if (access.isWrite) env.fail(Errno.EACCES, `only read from ${struct} is supported`);
  const found = walkStruct(btf, id, off, access.size, { legacy: env.legacy, untrusted: false });
  if ('message' in found) env.fail(found.errno, found.message);
  if (access.value < 0) return;
  const target = env.reg(access.value);
  if (found.kind === 'pointer') setBtfPointer(env, target, 0, found.id, withoutTrust(found.flags));
  else regs.setUnknown(target);
}

/** Kernel struct of a map type; '' = none. */
function mapStruct(type: number): string {
  const structs: Record<number, string> = {
    1: 'bpf_htab',
    2: 'bpf_array',
    3: 'bpf_array',
    4: 'bpf_array',
    5: 'bpf_htab',
    6: 'bpf_array',
    7: 'bpf_stack_map',
    8: 'bpf_array',
    9: 'bpf_htab',
    10: 'bpf_htab',
    11: 'lpm_trie',
    12: 'bpf_array',
    13: 'bpf_htab',
    14: 'bpf_dtab',
    15: 'bpf_stab',
    16: 'bpf_cpu_map',
    17: 'xsk_map',
    18: 'bpf_shtab',
    19: 'bpf_cgroup_storage_map',
    20: 'reuseport_array',
    21: 'bpf_cgroup_storage_map',
    22: 'bpf_queue_stack',
    23: 'bpf_queue_stack',
    24: 'bpf_local_storage_map',
    25: 'bpf_dtab',
    27: 'bpf_ringbuf_map',
    28: 'bpf_local_storage_map',
    29: 'bpf_local_storage_map',
    30: 'bpf_bloom_filter',
    31: 'bpf_ringbuf_map',
    32: 'bpf_local_storage_map',
    33: 'bpf_arena',
  };
  return structs[type] ?? '';
}

import type { Btf } from '../../btf/btf.js';
import { BtfKind, type BtfType } from '../../btf/types.js';
import type { ProgramSpec } from '../../program/program-spec.js';
import type { TypeId } from '../../quantities.js';
import { AttachType, ProgType } from '../prog-type.js';

/** Program contexts as programs name them, by program type. */
const CONTEXT_STRUCTS: Record<number, readonly string[]> = {
  1: ['__sk_buff'],
  2: ['pt_regs', 'bpf_user_pt_regs_t', 'user_pt_regs'],
  3: ['__sk_buff'],
  4: ['__sk_buff'],
  5: [],
  6: ['xdp_md'],
  7: ['bpf_perf_event_data'],
  8: ['__sk_buff'],
  9: ['bpf_sock'],
  10: ['__sk_buff'],
  11: ['__sk_buff'],
  12: ['__sk_buff'],
  13: ['bpf_sock_ops'],
  14: ['__sk_buff'],
  15: ['bpf_cgroup_dev_ctx'],
  16: ['sk_msg_md'],
  17: ['bpf_raw_tracepoint_args'],
  18: ['bpf_sock_addr'],
  19: ['__sk_buff'],
  21: ['sk_reuseport_md'],
  22: ['__sk_buff'],
  23: ['bpf_sysctl'],
  24: ['bpf_raw_tracepoint_args'],
  25: ['bpf_sockopt'],
  30: ['bpf_sk_lookup'],
  32: ['bpf_nf_ctx'],
};

/** Names of a program type's context in C. */
export const contextStructs = (type: number): readonly string[] => CONTEXT_STRUCTS[type] ?? [];

const ITERATOR = 'bpf_iter__';
const USER_REGISTERS = 'bpf_user_pt_regs_t';

/** Whether a pointer to this type stands for the context without being tagged so. */
export function isContextPointer(spec: ProgramSpec, btf: Btf, target: TypeId): boolean {
  const names = contextStructs(spec.type);
  const alias = btf.type(btf.skipQualifiers(target)).name;
  return names.includes(btf.type(btf.skipModifiers(target)).name) || names.includes(alias);
}

/** What is wrong with the C type of an argument that is tagged as the context; '' = nothing. */
export function contextTypeError(spec: ProgramSpec, btf: Btf, target: TypeId, index: number): string {
  const { type: program } = spec;
  const alias = btf.type(btf.skipQualifiers(target));
  const isTraced = program === ProgType.KPROBE || program === ProgType.PERF_EVENT;
  if (isTraced && alias.kind === BtfKind.TYPEDEF && alias.name === USER_REGISTERS) return '';
  const pointee = btf.type(btf.skipModifiers(target));
  if (pointee.kind === BtfKind.VOID) return '';
  if (pointee.name === '') return `arg#${index} type doesn't have a name`;
  if (isOtherForm(spec, pointee)) return '';
  const [wanted] = contextStructs(program);
  if (wanted === undefined) return `arg#${index} should be void pointer`;
  const fits = pointee.kind === BtfKind.STRUCT && pointee.name === wanted;
  return fits ? '' : `arg#${index} should be \`struct ${wanted} *\``;
}

/** Other types than its own struct that a program type's context may be declared with. */
function isOtherForm({ type, expectedAttachType: attach }: ProgramSpec, pointee: BtfType): boolean {
  const isWord = pointee.kind === BtfKind.INT && pointee.size === 8;
  const isStruct = pointee.kind === BtfKind.STRUCT;
  switch (type) {
    case ProgType.TRACEPOINT:
    case ProgType.SYSCALL:
    case ProgType.EXT:
      return true;
    case ProgType.KPROBE:
    case ProgType.PERF_EVENT:
      return isStruct && pointee.name === 'pt_regs';
    case ProgType.RAW_TRACEPOINT:
    case ProgType.RAW_TRACEPOINT_WRITABLE:
    case ProgType.LSM:
    case ProgType.STRUCT_OPS:
      return isWord;
    case ProgType.TRACING:
      if (attach === AttachType.TRACE_ITER) return isStruct && pointee.name.startsWith(ITERATOR);
      if (attach !== AttachType.TRACE_RAW_TP) return isWord;
      return isWord || (isStruct && pointee.name === 'bpf_raw_tracepoint_args');
    default:
      return false;
  }
}

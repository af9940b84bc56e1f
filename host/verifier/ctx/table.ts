import { BtfKind } from '../../btf/types.js';
import type { ProgramSpec } from '../../program/program-spec.js';
import type { ContextAccess, ContextField, ContextTable } from '../context.js';
import type { KernelView } from '../kernel-view.js';
import { AttachType, ProgType } from '../prog-type.js';
import { RegType, TypeFlag } from '../reg-type.js';
import { btfArgumentTable } from './btf-arguments.js';
import { accessField, type FieldTable, isNarrowAccess, scalar } from './field-table.js';
import { Perf } from './perf-conversion.js';
import { accessFlowDissector, accessSkb } from './skb-table.js';
import {
  CGROUP_DEVICE,
  CGROUP_SOCK,
  SK_LOOKUP,
  SK_MSG,
  SK_REUSEPORT,
  SOCK_ADDR,
  SOCK_OPS,
  SOCK_OPS_61,
  SOCKOPT,
  SYSCTL,
} from './socket-tables.js';
import { Xdp } from './xdp-conversion.js';

const PT_REGS_SIZE = 168;
const RAW_ARGUMENTS_SIZE = 96;
const MAX_TRACE_RECORD = 8192;
const TRACE_ENTRY_SIZE = 8;
const MAX_SYSCALL_CONTEXT = 65535;

const STRUCTURES: Readonly<Record<number, FieldTable>> = {
  [ProgType.CGROUP_SOCK]: CGROUP_SOCK,
  [ProgType.SOCK_OPS]: SOCK_OPS,
  [ProgType.CGROUP_DEVICE]: CGROUP_DEVICE,
  [ProgType.SK_MSG]: SK_MSG,
  [ProgType.CGROUP_SOCK_ADDR]: SOCK_ADDR,
  [ProgType.SK_REUSEPORT]: SK_REUSEPORT,
  [ProgType.CGROUP_SYSCTL]: SYSCTL,
  [ProgType.CGROUP_SOCKOPT]: SOCKOPT,
  [ProgType.SK_LOOKUP]: SK_LOOKUP,
  [ProgType.LIRC_MODE2]: { size: 4, fields: [{ offset: 0, size: 4 }] },
};

/** Structures that had fewer fields in Linux 6.1. */
const STRUCTURES_61: Readonly<Record<number, FieldTable>> = { [ProgType.SOCK_OPS]: SOCK_OPS_61 };

/** Makes the judge of context accesses for a program's type; `privileged` = loaded with CAP_BPF. */
export function contextTable(spec: ProgramSpec, kernel: KernelView, privileged = true): ContextTable {
  switch (spec.type) {
    case ProgType.SOCKET_FILTER:
    case ProgType.SCHED_CLS:
    case ProgType.SCHED_ACT:
    case ProgType.CGROUP_SKB:
    case ProgType.LWT_IN:
    case ProgType.LWT_OUT:
    case ProgType.LWT_XMIT:
    case ProgType.LWT_SEG6LOCAL:
    case ProgType.SK_SKB:
      return (access) => accessSkb(spec.type, access, privileged);
    case ProgType.FLOW_DISSECTOR:
      return accessFlowDissector;
    case ProgType.XDP:
      return (access) => accessXdp(access, spec.expectedAttachType);
    case ProgType.KPROBE:
      return (access) => readOnly(access, 0, PT_REGS_SIZE);
    case ProgType.TRACEPOINT:
      return (access) => readOnly(access, TRACE_ENTRY_SIZE, MAX_TRACE_RECORD);
    case ProgType.PERF_EVENT:
      return accessPerfEvent;
    case ProgType.RAW_TRACEPOINT:
      return (access) => readOnly(access, 0, RAW_ARGUMENTS_SIZE);
    case ProgType.RAW_TRACEPOINT_WRITABLE:
      return accessWritableTracepoint;
    case ProgType.TRACING:
    case ProgType.LSM:
    case ProgType.STRUCT_OPS:
      return btfArgumentTable(spec, kernel);
    case ProgType.SYSCALL:
      return accessSyscall;
    case ProgType.NETFILTER:
      return (access) => accessNetfilter(access, kernel);
    default: {
      const isModern = kernel.profile.version === '6.12';
      const table = isModern ? STRUCTURES[spec.type] : (STRUCTURES_61[spec.type] ?? STRUCTURES[spec.type]);
      return (access) => (table === undefined ? null : accessField(table, access, spec.expectedAttachType));
    }
  }
}

function readOnly({ offset, size, isWrite }: ContextAccess, start: number, end: number): ContextField | null {
  const isInside = offset >= start && offset + size <= end && offset % size === 0;
  return isInside && !isWrite ? scalar(0) : null;
}

function accessXdp({ offset, size, isWrite }: ContextAccess, attachType: number): ContextField | null {
  if (offset === Xdp.EGRESS_IFINDEX && attachType !== AttachType.XDP_DEVMAP) return null;
  if (isWrite || offset < 0 || offset >= Xdp.SIZE || offset % size !== 0 || size !== 4) return null;
  switch (offset) {
    case Xdp.DATA:
      return { regType: RegType.PACKET, fieldSize: 4, noSignExtend: true };
    case Xdp.DATA_END:
      return { regType: RegType.PACKET_END, fieldSize: 4, noSignExtend: true };
    case Xdp.DATA_META:
      return { regType: RegType.PACKET_META, fieldSize: 4, noSignExtend: true };
    default:
      return scalar(4);
  }
}

function accessPerfEvent({ offset, size, isWrite }: ContextAccess): ContextField | null {
  if (isWrite || offset < 0 || offset >= Perf.SIZE || offset % size !== 0) return null;
  if (offset >= Perf.SAMPLE_PERIOD) return isNarrowAccess(offset, size, 8) ? scalar(8) : null;
  return size === 8 ? scalar(8) : null;
}

function accessWritableTracepoint(access: ContextAccess): ContextField | null {
  if (access.offset === 0) {
    if (access.size !== 8 || access.isWrite) return null;
    return { regType: RegType.TP_BUFFER, fieldSize: 0 };
  }
  return readOnly(access, 0, RAW_ARGUMENTS_SIZE);
}

function accessSyscall({ offset, size }: ContextAccess): ContextField | null {
  return offset >= 0 && offset < MAX_SYSCALL_CONTEXT && offset % size === 0 ? scalar(0) : null;
}

function accessNetfilter({ offset, size, isWrite }: ContextAccess, kernel: KernelView): ContextField | null {
  if (isWrite || size !== 8 || (offset !== 0 && offset !== 8)) return null;
  const btfId = kernel.btf.find(offset === 0 ? 'nf_hook_state' : 'sk_buff', BtfKind.STRUCT);
  return { regType: RegType.BTF_ID | TypeFlag.PTR_TRUSTED, btfId, fieldSize: 0 };
}

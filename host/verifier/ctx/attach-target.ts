import type { Btf } from '../../btf/btf.js';
import { type BtfFuncProto, BtfKind } from '../../btf/types.js';
import type { ProgramSpec } from '../../program/program-spec.js';
import type { TypeId } from '../../quantities.js';
import type { KernelView } from '../kernel-view.js';
import { AttachType, ProgType } from '../prog-type.js';
import { memberProto, structOps, structOpsId, structOpsMember } from './struct-ops.js';

export const TRACEPOINT_PREFIX = 'btf_trace_';
export const LSM_PREFIX = 'bpf_lsm_';
export const ITERATOR_PREFIX = 'bpf_iter_';

/** The kernel function, hook, tracepoint or iterator a program attaches to. */
export interface KernelTarget {
  /** Typedef of a tracepoint, FUNC otherwise; 0 = there is none of this name. */
  readonly id: TypeId;
  /** As the log names it. */
  readonly name: string;
  /** null when the type is no function. */
  readonly proto: BtfFuncProto | null;
  /** BTF that the types are of: the kernel's, or that of the program it lies in. */
  readonly btf: Btf;
  /** Parameters of the prototype before the first argument: a tracepoint's `void *`. */
  readonly skipped: number;
}

export const isTracepoint = (spec: ProgramSpec): boolean =>
  spec.type === ProgType.TRACING && spec.expectedAttachType === AttachType.TRACE_RAW_TP;

/** Types whose arguments are typed by BTF. */
export const hasTypedArguments = (spec: ProgramSpec): boolean =>
  spec.type === ProgType.TRACING || spec.type === ProgType.LSM || spec.type === ProgType.STRUCT_OPS;

/** BTF that names what the program attaches to; null = the program it attaches to has none. */
export const targetBtf = ({ btf, target }: KernelView): Btf | null =>
  target === undefined ? btf : target.spec.btf;

/** BTF id of what the program attaches to: as given, or found by its name; 0 = none. */
export function attachId(spec: ProgramSpec, btf: Btf): TypeId {
  if (spec.attach === null) return 0;
  const { btfId, target } = spec.attach;
  if (btfId !== 0) return btfId;
  if (isTracepoint(spec)) return btf.find(withPrefix(TRACEPOINT_PREFIX, target), BtfKind.TYPEDEF);
  if (spec.type === ProgType.LSM) return btf.find(withPrefix(LSM_PREFIX, target), BtfKind.FUNC);
  if (spec.expectedAttachType === AttachType.TRACE_ITER) {
    return btf.find(withPrefix(ITERATOR_PREFIX, target), BtfKind.FUNC);
  }
  return btf.find(target, BtfKind.FUNC);
}

/** What the program attaches to, with its prototype; null when it does not attach by BTF. */
export function kernelTarget(spec: ProgramSpec, kernel: KernelView): KernelTarget | null {
  const btf = targetBtf(kernel);
  if (!hasTypedArguments(spec) || btf === null) return null;
  if (spec.type === ProgType.STRUCT_OPS) return structOpsTarget(spec, btf);
  return functionTarget(btf, attachId(spec, btf));
}

/** The function, hook, tracepoint or iterator that a type of a BTF describes. */
export function functionTarget(btf: Btf, id: TypeId): KernelTarget | null {
  if (id <= 0 || id >= btf.count) return null;
  const type = btf.type(id);
  if (type.kind === BtfKind.TYPEDEF) {
    const pointer = btf.type(type.type);
    const proto = pointer.kind === BtfKind.PTR ? btf.type(pointer.type) : null;
    const name = type.name.startsWith(TRACEPOINT_PREFIX)
      ? type.name.slice(TRACEPOINT_PREFIX.length)
      : type.name;
    return { id, name, btf, proto: proto?.kind === BtfKind.FUNC_PROTO ? proto : null, skipped: 1 };
  }
  if (type.kind !== BtfKind.FUNC) return { id, name: type.name, btf, proto: null, skipped: 0 };
  const proto = btf.type(type.type);
  return { id, name: type.name, btf, proto: proto.kind === BtfKind.FUNC_PROTO ? proto : null, skipped: 0 };
}

/** The member of a struct of functions that the program implements. */
function structOpsTarget(spec: ProgramSpec, btf: Btf): KernelTarget | null {
  const struct = structOps(btf, structOpsId(spec, btf));
  const member = struct === null ? undefined : structOpsMember(spec, struct);
  if (struct === null || member === undefined) return null;
  return { id: struct.id, name: member.name, btf, proto: memberProto(btf, member), skipped: 0 };
}

function withPrefix(prefix: string, name: string): string {
  return name.startsWith(prefix) ? name : prefix + name;
}

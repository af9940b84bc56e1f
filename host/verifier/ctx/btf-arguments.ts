import type { Btf } from '../../btf/btf.js';
import { type BtfFuncProto, BtfKind, type BtfType } from '../../btf/types.js';
import type { ProgramSpec } from '../../program/program-spec.js';
import type { TypeId } from '../../quantities.js';
import type { ContextAccess, ContextField, ContextTable } from '../context.js';
import type { KernelView } from '../kernel-view.js';
import { AttachType, ProgType } from '../prog-type.js';
import { RegType, TypeFlag } from '../reg-type.js';
import { contextStructs } from '../call/context-argument.js';
import { kernelContext } from './kernel-context.js';
import { type KernelTarget, kernelTarget } from './attach-target.js';

const MAX_ARGUMENTS = 12;
const ARGUMENT_SIZE = 8;
const MAX_ERRNO = 4095;
const KERNEL_BTF = 0;
const TARGET_BTF = 2;

/** LSM hooks whose objects are being made or torn down: their arguments are not trusted. */
const UNTRUSTED_HOOKS = new Set(
  [
    'bpf_map_free',
    'bpf_prog_free',
    'file_alloc_security',
    'file_free_security',
    'sk_alloc_security',
    'sk_free_security',
    'task_free',
  ].map((hook) => `bpf_lsm_${hook}`),
);

/** LSM hooks that answer yes or no. */
const BOOLEAN_HOOKS = new Set(
  ['xfrm_state_pol_flow_match', 'audit_rule_known', 'inode_xattr_skipcap'].map((hook) => `bpf_lsm_${hook}`),
);

/** Iterators whose object is trusted; it may be NULL in all of them. */
const TRUSTED_ITERATORS = new Set(
  ['task', 'bpf_map', 'cgroup', 'tcp', 'udp'].map((target) => `bpf_iter_${target}`),
);

/** Arguments of a program that attaches by BTF: an array of u64, each with the type of the parameter. */
export function btfArgumentTable(spec: ProgramSpec, kernel: KernelView): ContextTable {
  const target = kernelTarget(spec, kernel);
  return (access, log) => {
    const { offset, size, isWrite } = access;
    if (isWrite || offset < 0 || offset >= MAX_ARGUMENTS * ARGUMENT_SIZE || offset % size !== 0) return null;
    if (target === null) return null;
    return new ArgumentAccess(spec, kernel, target, access, log).judge();
  };
}

/** Bytes of the context a value takes: whole registers. */
function slotSize(btf: Btf, id: TypeId): number {
  const type = btf.skipModifiers(id);
  const size = btf.kind(type) === BtfKind.PTR ? ARGUMENT_SIZE : btf.sizeOf(type);
  return Math.ceil(size / ARGUMENT_SIZE) * ARGUMENT_SIZE;
}

/** Which parameter lies at an offset of the context; the result comes after the last, then nothing. */
function argumentIndex(btf: Btf, proto: BtfFuncProto | null, offset: number): number {
  if (proto === null) return Math.floor(offset / ARGUMENT_SIZE);
  let end = 0;
  for (const [index, param] of proto.params.entries()) {
    end += slotSize(btf, param.type);
    if (offset < end) return index;
  }
  end += proto.type === 0 ? 0 : slotSize(btf, proto.type);
  return offset < end ? proto.params.length : proto.params.length + 1;
}

class ArgumentAccess {
  private readonly btf: Btf;
  private readonly index: number;

  constructor(
    private readonly spec: ProgramSpec,
    private readonly kernel: KernelView,
    private readonly target: KernelTarget,
    private readonly access: ContextAccess,
    private readonly log: (text: string) => void,
  ) {
    this.btf = target.btf;
    this.index = argumentIndex(this.btf, target.proto, access.offset);
  }

  judge(): ContextField | null {
    const { access, target } = this;
    if (access.offset % ARGUMENT_SIZE !== 0) {
      return this.refuse(`func '${target.name}' offset ${access.offset} is not multiple of 8`);
    }
    const params = target.proto?.params.slice(target.skipped) ?? [];
    if (this.index > params.length) return this.noSuchArgument();
    if (this.index < params.length) {
      return this.argument(params[this.index].type, params[this.index].name);
    }
    return this.returnValue();
  }

  /** The argument after the last one is what the function returned, for programs that run after it. */
  private returnValue(): ContextField | null {
    const { spec, target, btf } = this;
    const type = target.proto?.type ?? 0;
    const isHook = spec.type === ProgType.LSM;
    if (spec.type === ProgType.STRUCT_OPS) return this.noSuchArgument();
    switch (spec.expectedAttachType) {
      case AttachType.LSM_MAC:
      case AttachType.LSM_CGROUP:
      case AttachType.TRACE_FEXIT:
        if (!isHook) return this.argument(type, '');
        return { regType: RegType.SCALAR, fieldSize: 0, range: this.hookRange() };
      case AttachType.MODIFY_RETURN: {
        const returned = btf.type(btf.skipModifiers(type));
        if (returned.kind !== BtfKind.INT || returned.size > ARGUMENT_SIZE) {
          return this.refuse(`ret type ${kindName(returned)} not allowed for fmod_ret`);
        }
        return this.argument(type, '');
      }
      default:
        return this.noSuchArgument();
    }
  }

  private hookRange(): readonly [number, number] {
    return BOOLEAN_HOOKS.has(this.target.name) ? [0, 1] : [-MAX_ERRNO, 0];
  }

  private argument(id: TypeId, name: string): ContextField | null {
    const { btf, target, index, access } = this;
    const type = btf.type(btf.skipModifiers(id));
    const scalar: ContextField = { regType: RegType.SCALAR, fieldSize: 0 };
    if (isScalar(type) || type.kind === BtfKind.STRUCT) return scalar;
    if (type.kind !== BtfKind.PTR) {
      const where = `func '${target.name}' arg${index} '${type.name}'`;
      return this.refuse(`${where} has type ${kindName(type)}. Only pointer access is allowed`);
    }
    if (access.size !== ARGUMENT_SIZE) {
      return this.refuse(`func '${target.name}' size ${access.size} must be 8`);
    }
    const pointee = btf.type(btf.skipModifiers(type.type));
    const element = this.iteratedElement(pointee, name);
    if (element !== null) return element;
    if (type.type === 0 || pointee.kind === BtfKind.VOID || pointee.kind === BtfKind.INT) return scalar;
    const context = this.tracedContext(type.type, pointee);
    if (context !== null) return context;
    const iterated = this.iteratedObject(pointee, name);
    if (iterated !== null) return iterated;
    if (!isStruct(pointee)) {
      return this.refuse(`func '${target.name}' arg${index} type ${kindName(pointee)} is not a struct`);
    }
    this.log(
      `func '${target.name}' arg${index} has btf_id ${pointee.id} type ${kindName(pointee)} '${pointee.name}'`,
    );
    const btfId = this.isCongestionControl && pointee.name === 'sock' ? this.tcpSock : pointee.id;
    const owner = this.kernel.target === undefined ? KERNEL_BTF : TARGET_BTF;
    return { regType: RegType.BTF_ID | this.flags(type.type, name), btfId, btf: owner, fieldSize: 0 };
  }

  /** The context of a program that is traced is what the kernel keeps behind it. */
  private tracedContext(id: TypeId, pointee: BtfType): ContextField | null {
    const target = this.kernel.target?.spec;
    if (target === undefined || this.index !== 0) return null;
    const names = contextStructs(target.type);
    const alias = this.btf.type(this.btf.skipQualifiers(id)).name;
    if (!names.includes(pointee.name) && !names.includes(alias)) return null;
    const btfId = kernelContext(this.kernel.btf, target.type);
    return btfId === 0 ? null : { regType: RegType.BTF_ID, btfId, fieldSize: 0 };
  }

  /** The objects of an iterator come with types of their own; printed nowhere. */
  private iteratedObject(pointee: BtfType, name: string): ContextField | null {
    const { target, index } = this;
    if (!this.isIterator || index === 0 || !isStruct(pointee)) return null;
    // The map whose elements are walked is there; as what is walked itself it is missing at the end.
    if (name === 'map' && target.name !== 'bpf_iter_bpf_map') return null;
    const trust = this.hasTrust && TRUSTED_ITERATORS.has(target.name) ? TypeFlag.PTR_TRUSTED : 0;
    return { regType: RegType.BTF_ID | TypeFlag.MAYBE_NULL | trust, btfId: pointee.id, fieldSize: 0 };
  }

  /** Key and value of an element of a map: as long as the map says, NULL at the end. */
  private iteratedElement(pointee: BtfType, name: string): ContextField | null {
    if (!this.isIterator || pointee.kind !== BtfKind.VOID) return null;
    if (name !== 'key' && name !== 'value') return null;
    const rights = name === 'key' ? TypeFlag.MEM_RDONLY : 0;
    return { regType: RegType.BUF | TypeFlag.MAYBE_NULL | rights, fieldSize: 0 };
  }

  private get isIterator(): boolean {
    const { type, expectedAttachType } = this.spec;
    return type === ProgType.TRACING && expectedAttachType === AttachType.TRACE_ITER;
  }

  /** The sockets of congestion control are TCP's. */
  private get isCongestionControl(): boolean {
    const { spec, btf, target } = this;
    return spec.type === ProgType.STRUCT_OPS && btf.type(target.id).name === 'tcp_congestion_ops';
  }

  private get tcpSock(): TypeId {
    return this.btf.find('tcp_sock', BtfKind.STRUCT);
  }

  private get hasTrust(): boolean {
    return this.kernel.profile.version === '6.12';
  }

  private flags(pointeeId: TypeId, name: string): number {
    let flags = 0;
    if (this.hasTrust) {
      if (this.areArgumentsTrusted()) flags |= TypeFlag.PTR_TRUSTED;
      if (name.endsWith('__nullable')) flags |= TypeFlag.MAYBE_NULL;
    }
    const [tag] = this.btf.typeTags(pointeeId);
    if (tag === 'user') flags |= TypeFlag.MEM_USER;
    if (tag === 'percpu') flags |= TypeFlag.MEM_PERCPU;
    return flags;
  }

  private areArgumentsTrusted(): boolean {
    const { spec, target } = this;
    if (spec.type === ProgType.LSM) return !UNTRUSTED_HOOKS.has(target.name);
    if (spec.type === ProgType.STRUCT_OPS) return true;
    const attach = spec.expectedAttachType;
    return attach === AttachType.TRACE_RAW_TP || attach === AttachType.TRACE_ITER;
  }

  private noSuchArgument(): null {
    return this.refuse(`func '${this.target.name}' doesn't have ${this.index + 1}-th argument`);
  }

  private refuse(text: string): null {
    this.log(text);
    return null;
  }
}

const isScalar = (type: BtfType): boolean =>
  type.kind === BtfKind.INT || type.kind === BtfKind.ENUM || type.kind === BtfKind.ENUM64;

const isStruct = (type: BtfType): boolean => type.kind === BtfKind.STRUCT || type.kind === BtfKind.UNION;

const KIND_NAMES = new Map<number, string>(Object.entries(BtfKind).map(([name, kind]) => [kind, name]));

/** STRUCT, PTR ... as the log says it; UNKNOWN for void. */
export function kindName(type: BtfType): string {
  return type.kind === BtfKind.VOID ? 'UNKNOWN' : (KIND_NAMES.get(type.kind) ?? 'UNKNOWN');
}

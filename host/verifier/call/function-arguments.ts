import { BtfKind, type BtfFunc, type BtfFuncProto, type BtfType } from '../../btf/types.js';
import type { TypeId } from '../../quantities.js';
import { kindName } from '../ctx/btf-arguments.js';
import type { Env } from '../env.js';
import { ProgType } from '../prog-type.js';
import { Errno } from '../verifier-error.js';

const MAX_REGISTER_ARGUMENTS = 5;
const TAG_PREFIX = 'arg:';
const KNOWN_TAGS = new Set(['ctx', 'nonnull', 'trusted', 'nullable', 'arena']);

/** Program contexts as programs name them, by program type. */
const CONTEXT_STRUCTS: Record<number, readonly string[]> = {
  1: ['__sk_buff'],
  2: ['bpf_user_pt_regs_t', 'pt_regs', 'user_pt_regs'],
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

/** Types whose context may also be declared as an array of u64. */
const WORD_CONTEXTS = new Set<number>([
  ProgType.TRACEPOINT,
  ProgType.RAW_TRACEPOINT,
  ProgType.RAW_TRACEPOINT_WRITABLE,
  ProgType.TRACING,
  ProgType.LSM,
  ProgType.STRUCT_OPS,
]);

/** What a function of the program takes as one argument. */
export interface FunctionArgument {
  readonly kind: 'scalar' | 'ctx' | 'mem' | 'arena' | 'btf' | 'dynptr';
  readonly size: number;
  readonly btfId: TypeId;
  readonly nullable: boolean;
  readonly trusted: boolean;
}

/** Why a function's prototype cannot be used; an empty text is not printed. */
export class PrototypeRefusal {
  constructor(
    readonly errno: number,
    readonly text: string,
  ) {}
}

const NOTHING = { size: 0, btfId: 0, nullable: false, trusted: false } as const;

/** Arguments of a function as its BTF gives them, or why they cannot be had; null = it has no BTF. */
export function describeArguments(
  env: Env,
  subprogram: number,
): FunctionArgument[] | PrototypeRefusal | null {
  const { btf } = env.program.spec;
  const { funcType } = env.program.subprograms[subprogram];
  if (btf === null || funcType === 0) return null;
  const func = btf.type(funcType);
  if (func.kind !== BtfKind.FUNC) return null;
  const proto = btf.type(func.type);
  if (proto.kind !== BtfKind.FUNC_PROTO) return null;
  return new PrototypeReader(env, subprogram, func, proto).read();
}

class PrototypeReader {
  private readonly isGlobal: boolean;

  constructor(
    private readonly env: Env,
    private readonly subprogram: number,
    private readonly func: BtfFunc,
    private readonly proto: BtfFuncProto,
  ) {
    this.isGlobal = env.program.subprograms[subprogram].isGlobal;
  }

  read(): FunctionArgument[] | PrototypeRefusal {
    const { env, func, proto } = this;
    const btf = env.program.spec.btf!;
    const count = proto.params.length;
    if (count > MAX_REGISTER_ARGUMENTS) {
      const text = `Global function ${func.name}() with ${count} > ${MAX_REGISTER_ARGUMENTS} args. Buggy compiler.`;
      return this.refuse(Errno.EINVAL, text);
    }
    const returned = btf.type(btf.skipModifiers(proto.type));
    if (this.subprogram !== 0 && !isScalar(returned)) {
      const text = `Global function ${func.name}() doesn't return scalar. Only those are supported.`;
      return this.refuse(Errno.EINVAL, text);
    }
    const read: FunctionArgument[] = [];
    for (let i = 0; i < count; i++) {
      const arg = this.argument(i, btf.type(btf.skipModifiers(proto.params[i].type)));
      if (arg instanceof PrototypeRefusal) return arg;
      read.push(arg);
    }
    return read;
  }

  private refuse(errno: number, text: string): PrototypeRefusal {
    return new PrototypeRefusal(errno, this.isGlobal ? text : '');
  }

  private argument(index: number, type: BtfType): FunctionArgument | PrototypeRefusal {
    const { env, func } = this;
    const tags = env.legacy ? [] : this.tags(index);
    if (tags.length > 0) {
      const refused = this.checkTags(index, type, tags);
      if (refused !== null) return refused;
    }
    if (isScalar(type)) return { ...NOTHING, kind: 'scalar' };
    if (type.kind !== BtfKind.PTR) {
      const text = `Arg#${index} type ${kindName(type)} in ${func.name}() is not supported yet.`;
      return this.refuse(Errno.EINVAL, text);
    }
    return this.pointer(index, type.type, tags);
  }

  private tags(index: number): string[] {
    return this.env.program.spec
      .btf!.declTags(this.func.id)
      .filter((tag) => tag.component === index && tag.name.startsWith(TAG_PREFIX))
      .map((tag) => tag.name.slice(TAG_PREFIX.length));
  }

  private checkTags(index: number, type: BtfType, tags: readonly string[]): PrototypeRefusal | null {
    if (!this.isGlobal) {
      const text = `arg#${index} type tag is not supported in static functions`;
      return new PrototypeRefusal(Errno.EOPNOTSUPP, text);
    }
    if (tags.some((tag) => !KNOWN_TAGS.has(tag))) {
      return new PrototypeRefusal(Errno.EOPNOTSUPP, `arg#${index} has unsupported set of tags`);
    }
    if (type.kind !== BtfKind.PTR) {
      const text = tags.includes('ctx')
        ? `arg#${index} type isn't a pointer`
        : `arg#${index} has pointer tag, but is not a pointer type`;
      return new PrototypeRefusal(Errno.EINVAL, text);
    }
    const with_ = (tag: string): boolean => tags.includes(tag);
    if (with_('arena') && tags.length > 1) {
      return new PrototypeRefusal(Errno.EINVAL, `arg#${index} arena cannot be combined with any other tags`);
    }
    const isMixed = (with_('ctx') && tags.length > 1) || (with_('trusted') && with_('nonnull'));
    return isMixed
      ? new PrototypeRefusal(Errno.EINVAL, `arg#${index} has invalid combination of tags`)
      : null;
  }

  private pointer(
    index: number,
    target: TypeId,
    tags: readonly string[],
  ): FunctionArgument | PrototypeRefusal {
    const { env } = this;
    const btf = env.program.spec.btf!;
    const pointee = btf.type(btf.skipModifiers(target));
    const alias = btf.type(btf.skipQualifiers(target)).name;
    const contexts = CONTEXT_STRUCTS[env.program.spec.type] ?? [];
    const isContext = contexts.includes(pointee.name) || contexts.includes(alias);
    if (tags.includes('ctx') && !isContext) {
      const refused = this.otherContext(index, pointee);
      if (refused !== null) return refused;
    }
    if (tags.includes('ctx') || isContext) return { ...NOTHING, kind: 'ctx' };
    if (tags.includes('arena')) return { ...NOTHING, kind: 'arena' };
    const nullable = tags.includes('nullable');
    if (tags.includes('trusted')) {
      const btfId = env.kernel.btf.find(pointee.name, BtfKind.STRUCT);
      return { ...NOTHING, kind: 'btf', btfId, trusted: true, nullable };
    }
    if (pointee.name === 'bpf_dynptr' || pointee.name === 'bpf_dynptr_kern') {
      if (tags.length > 0) {
        return new PrototypeRefusal(Errno.EINVAL, `arg#${index} has invalid combination of tags`);
      }
      return { ...NOTHING, kind: 'dynptr' };
    }
    const size = btf.sizeOf(pointee.id);
    if (size === 0) {
      const what = `${kindName(pointee)} ${pointee.name}`;
      const text = `arg#${index} reference type('${what}') size cannot be determined: -${Errno.EINVAL}`;
      return this.refuse(Errno.EINVAL, text);
    }
    return { ...NOTHING, kind: 'mem', size, nullable: !tags.includes('nonnull') };
  }

  /** A context tag on something else than the context's struct: other forms that name it, or a refusal. */
  private otherContext(index: number, pointee: BtfType): PrototypeRefusal | null {
    const { type } = this.env.program.spec;
    const isWord = pointee.kind === BtfKind.INT && pointee.size === 8;
    if (WORD_CONTEXTS.has(type) && isWord) return null;
    if (type === ProgType.SYSCALL) {
      if (pointee.kind === BtfKind.VOID) return null;
      return new PrototypeRefusal(Errno.EINVAL, `arg#${index} should be void pointer`);
    }
    const [name] = CONTEXT_STRUCTS[type] ?? [];
    if (name === undefined) return null;
    return new PrototypeRefusal(Errno.EINVAL, `arg#${index} should be \`struct ${name} *\``);
  }
}

const isScalar = (type: BtfType): boolean =>
  type.kind === BtfKind.INT || type.kind === BtfKind.ENUM || type.kind === BtfKind.ENUM64;

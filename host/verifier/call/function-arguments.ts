import { BtfKind, type BtfFunc, type BtfFuncProto, type BtfType } from '../../btf/types.js';
import type { TypeId } from '../../quantities.js';
import { kindName } from '../ctx/btf-arguments.js';
import type { Env } from '../env.js';
import { Errno } from '../verifier-error.js';
import { contextTypeError, isContextPointer } from './context-argument.js';
import { isScalarType } from './plain-data.js';

const MAX_REGISTER_ARGUMENTS = 5;
const TAG_PREFIX = 'arg:';
const KNOWN_TAGS = new Set(['ctx', 'nonnull', 'trusted', 'nullable', 'arena']);

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
    subprogram: number,
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
    if (!isScalarType(returned)) {
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
    const unknown = this.checkTags(index, tags);
    if (unknown !== null) return unknown;
    if (type.kind === BtfKind.PTR) {
      const pointer = this.pointer(index, type.type, new Set(tags));
      if (pointer !== null) return pointer;
    }
    if (tags.length > 0) {
      return this.mistagged(`arg#${index} has pointer tag, but is not a pointer type`);
    }
    if (isScalarType(type)) return { ...NOTHING, kind: 'scalar' };
    const text = `Arg#${index} type ${kindName(type)} in ${func.name}() is not supported yet.`;
    return this.refuse(Errno.EINVAL, text);
  }

  private tags(index: number): string[] {
    return this.env.program.spec
      .btf!.declTags(this.func.id)
      .filter((tag) => tag.component === index && tag.name.startsWith(TAG_PREFIX))
      .map((tag) => tag.name.slice(TAG_PREFIX.length));
  }

  private checkTags(index: number, tags: readonly string[]): PrototypeRefusal | null {
    if (tags.length === 0) return null;
    if (!this.isGlobal) {
      const text = `arg#${index} type tag is not supported in static functions`;
      return new PrototypeRefusal(Errno.EOPNOTSUPP, text);
    }
    if (tags.every((tag) => KNOWN_TAGS.has(tag))) return null;
    return new PrototypeRefusal(Errno.EOPNOTSUPP, `arg#${index} has unsupported set of tags`);
  }

  private mistagged(text: string): PrototypeRefusal {
    return new PrototypeRefusal(Errno.EINVAL, text);
  }

  /** A pointer argument; null = one that only a global function gives a meaning. */
  private pointer(
    index: number,
    target: TypeId,
    tags: ReadonlySet<string>,
  ): FunctionArgument | PrototypeRefusal | null {
    const { env } = this;
    const { spec } = env.program;
    const btf = spec.btf!;
    const badMix = this.mistagged(`arg#${index} has invalid combination of tags`);
    const only = (tag: string): boolean => tags.size === 1 && tags.has(tag);
    if (tags.has('ctx') || isContextPointer(spec, btf, target)) {
      if (tags.size > 0 && !only('ctx')) return badMix;
      const wrong = tags.has('ctx') ? contextTypeError(spec, btf, target, index) : '';
      return wrong === '' ? { ...NOTHING, kind: 'ctx' } : this.mistagged(wrong);
    }
    const pointee = btf.type(btf.skipModifiers(target));
    if (!env.legacy && (pointee.name === 'bpf_dynptr' || pointee.name === 'bpf_dynptr_kern')) {
      return tags.size > 0 ? badMix : { ...NOTHING, kind: 'dynptr' };
    }
    const nullable = tags.has('nullable');
    if (tags.has('trusted')) {
      if (tags.has('nonnull')) return badMix;
      const btfId = env.kernel.btf.find(pointee.name, BtfKind.STRUCT, BtfKind.UNION);
      if (btfId === 0) {
        const what = `arg#${index} reference type('${kindName(pointee)} ${pointee.name}')`;
        return new PrototypeRefusal(Errno.ENOENT, `${what} has no matches`);
      }
      return { ...NOTHING, kind: 'btf', btfId, trusted: true, nullable };
    }
    if (tags.has('arena')) {
      if (!only('arena')) return this.mistagged(`arg#${index} arena cannot be combined with any other tags`);
      return { ...NOTHING, kind: 'arena' };
    }
    if (!this.isGlobal && !env.legacy) return null;
    if (nullable) return badMix;
    const size = btf.sizeOf(pointee.id);
    if (size === 0 && !isEmpty(pointee)) {
      const what = `${kindName(pointee)} ${pointee.name}`;
      const text = `arg#${index} reference type('${what}') size cannot be determined: -${Errno.EINVAL}`;
      return this.refuse(Errno.EINVAL, text);
    }
    return { ...NOTHING, kind: 'mem', size, nullable: !tags.has('nonnull') };
  }
}

/** Of size 0, but with a size. */
const isEmpty = (type: BtfType): boolean => type.kind === BtfKind.STRUCT || type.kind === BtfKind.ARRAY;

import type { Btf } from '../../btf/btf.js';
import { type BtfComposite, BtfKind, type BtfFuncProto, type BtfType } from '../../btf/types.js';
import { UsageError } from '../../errors.js';
import type { TypeId } from '../../quantities.js';
import type { AttachTarget } from '../../program/program-spec.js';
import type { Kernel } from '../kernel.js';
import type { ProgramContext } from './program-context.js';
import type { TracingArgument } from './tracing.js';

/** Prototype of what a program attaches to: a function, or a tracepoint's typedef. Its first argument is void * then. */
function targetProto(btf: Btf, target: AttachTarget): { proto: BtfFuncProto; skipped: number } {
  let type = btf.type(target.btfId);
  let skipped = 0;
  if (type.kind === BtfKind.FUNC) type = btf.type(type.type);
  else if (type.kind === BtfKind.STRUCT) type = implementedProto(btf, type, target);
  else if (type.kind === BtfKind.TYPEDEF) {
    type = btf.type(btf.skipModifiers(type.id));
    if (type.kind === BtfKind.PTR) type = btf.type(btf.skipModifiers(type.type));
    skipped = 1;
  }
  if (type.kind === BtfKind.FUNC_PROTO) return { proto: type, skipped };
  throw new UsageError(
    'USAGE_ATTACH',
    `attach target ${target.target}: expected a function or tracepoint of the BTF, found type ${target.btfId}`,
  );
}

/** Prototype of the member `struct.member` that a program implements. */
function implementedProto(btf: Btf, struct: BtfComposite, { target }: AttachTarget): BtfType {
  const member = struct.members.find(({ name }) => name === target.split('.')[1]);
  const pointer = member === undefined ? struct : btf.type(btf.skipModifiers(member.type));
  return pointer.kind === BtfKind.PTR ? btf.type(btf.skipModifiers(pointer.type)) : pointer;
}

/** Number of arguments a traced function or tracepoint passes on. */
export function argumentCount(kernel: Kernel, target: AttachTarget): number {
  const { proto, skipped } = targetProto(kernel.btf, target);
  return proto.params.length - skipped;
}

/** A believable argument: a structure for a pointer to one (the running task for a task), small numbers otherwise. */
function sampleArgument(kernel: Kernel, type: TypeId): TracingArgument {
  const { btf } = kernel;
  const pointer = btf.type(btf.skipModifiers(type));
  if (pointer.kind !== BtfKind.PTR) return 0;
  const pointee = btf.type(btf.skipModifiers(pointer.type));
  if (pointee.kind !== BtfKind.STRUCT || pointee.name === '') return kernel.sample('page');
  return pointee.name === 'task_struct' ? kernel.current : kernel.sample(pointee.name);
}

/** A context of plausible arguments for a traced function, tracepoint or hook; objects are the kernel's samples. */
export function sampleTracing(
  kernel: Kernel,
  target: AttachTarget,
  returns: TracingArgument = 0,
): ProgramContext {
  const { proto, skipped } = targetProto(kernel.btf, target);
  const args = proto.params.slice(skipped, skipped + 12).map(({ type }) => sampleArgument(kernel, type));
  return kernel.context.tracing(args, { returns });
}

/** The context of an iterator: its members are objects, the first one bpf_iter_meta. */
export function sampleIterator(kernel: Kernel, target: AttachTarget): ProgramContext {
  const { proto } = targetProto(kernel.btf, target);
  const args = proto.params.map(({ type }) => sampleArgument(kernel, type));
  return kernel.context.tracing(args);
}

import { type BtfFuncProto, BtfKind, type BtfType } from '../../btf/types.js';
import {
  attachId,
  isTracepoint,
  type KernelTarget,
  functionTarget,
  targetBtf,
  LSM_PREFIX,
  TRACEPOINT_PREFIX,
} from '../ctx/attach-target.js';
import { isAtomicHook } from '../ctx/lsm-hooks.js';
import { memberProto, structOps, structOpsId, structOpsIndex } from '../ctx/struct-ops.js';
import { kindName } from '../ctx/btf-arguments.js';
import { AttachType, ProgType } from '../prog-type.js';
import { Errno } from '../verifier-error.js';
import { checkExtension } from './extension.js';
import { isGplCompatible } from './license.js';
import type { Prepass } from './prepass.js';
import { checkTargetProgram } from './program-target.js';

const BPF_F_SLEEPABLE = 16;
const MAX_ARGUMENTS = 12;
const MAX_ARGUMENT_SIZE = 16;
const RETURN_REGISTER_SIZE = 8;
/** Kernel functions that do not return: there is nothing to run after them. */
const NO_RETURN = new Set([
  'do_exit',
  'do_group_exit',
  'kthread_complete_and_exit',
  'kthread_exit',
  'make_task_dead',
  '__module_put_and_kthread_exit',
  '__ia32_sys_exit',
  '__ia32_sys_exit_group',
  '__x64_sys_exit',
  '__x64_sys_exit_group',
]);
/** Members that the owner of a struct of functions keeps to itself. */
const UNSUPPORTED_MEMBERS: Record<string, readonly string[]> = { tcp_congestion_ops: ['get_info'] };
/** Functions whose return value programs may replace, by name: error injection lists are not in BTF. */
const MODIFIABLE = /^(security_|bpf_modify_return_test|bpf_fentry_test|__x64_sys_|should_fail)/;
/** Kernel functions that may sleep and that sleepable programs may attach to, by name, for the same reason. */
const SLEEPABLE_TARGET = /^(__x64_sys_|bpf_fentry_test|bpf_modify_return_test|should_fail)/;
/** What the program attaches to must exist and take it. */
export function checkAttachTarget(pass: Prepass): void {
  const { spec } = pass;
  const isSleepable = (spec.flags & BPF_F_SLEEPABLE) !== 0;
  if (spec.type === ProgType.SYSCALL) {
    if (!isSleepable) pass.fail(Errno.EINVAL, 'Syscall programs can only be sleepable');
    return;
  }
  if (isSleepable && !maySleep(pass)) {
    const types = pass.isModern
      ? 'fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops'
      : 'fentry/fexit/fmod_ret, lsm, and kprobe/uprobe';
    pass.fail(Errno.EINVAL, `Only ${types} programs can be sleepable`);
  }
  if (isSleepable && !pass.isModern && spec.expectedAttachType === AttachType.LSM_CGROUP) {
    pass.fail(Errno.EINVAL, 'BPF_LSM_CGROUP programs cannot be sleepable');
  }
  if (spec.type === ProgType.STRUCT_OPS) return checkStructOps(pass);
  const attaches = spec.type === ProgType.TRACING || spec.type === ProgType.LSM || spec.type === ProgType.EXT;
  if (!attaches) return;
  const target = findTarget(pass);
  if (isTracepoint(spec)) return;
  if (target.proto !== null) checkPrototype(pass, target, target.proto);
  const attachType = spec.expectedAttachType;
  const runsAfter = attachType === AttachType.TRACE_FEXIT || attachType === AttachType.MODIFY_RETURN;
  if (pass.isModern && runsAfter) checkReturnValue(pass, target);
  if (spec.expectedAttachType === AttachType.TRACE_ITER) return;
  const inProgram = pass.kernel.target !== undefined;
  if (!inProgram && pass.kernel.symbolAddress(target.name) === 0n) {
    pass.fail(Errno.ENOENT, `The address of function ${target.name} cannot be found`);
  }
  if (isSleepable) {
    if (inProgram || !canSleepIn(pass, target)) pass.fail(Errno.EINVAL, `${target.name} is not sleepable`);
  } else if (spec.expectedAttachType === AttachType.MODIFY_RETURN) {
    if (inProgram) pass.fail(Errno.EINVAL, "can't modify return codes of BPF programs");
    if (!MODIFIABLE.test(target.name)) pass.fail(Errno.EINVAL, `${target.name}() is not modifiable`);
  }
  if (spec.type === ProgType.LSM) checkHook(pass, target);
  if (pass.isModern && runsAfter && NO_RETURN.has(target.name)) {
    pass.fail(Errno.EINVAL, 'Attaching fexit/fmod_ret to __noreturn functions is rejected.');
  }
}

/** The member of a struct of functions that the program implements. */
function checkStructOps(pass: Prepass): void {
  const { spec, kernel } = pass;
  const { btf } = kernel;
  if (!isGplCompatible(spec.license)) {
    pass.fail(Errno.EINVAL, 'struct ops programs must have a GPL compatible license');
  }
  const id = structOpsId(spec, btf);
  const struct = structOps(btf, id);
  if (struct === null) return pass.fail(Errno.ENOTSUPP, `attach_btf_id ${id} is not a supported struct`);
  const index = structOpsIndex(spec, struct);
  const member = struct.members[index];
  if (member === undefined) {
    return pass.fail(Errno.EINVAL, `attach to invalid member idx ${index >>> 0} of struct ${struct.name}`);
  }
  if (memberProto(btf, member) === null) {
    const text = `attach to invalid member ${member.name}(@idx ${index}) of struct ${struct.name}`;
    pass.fail(Errno.EINVAL, text);
  }
  if (UNSUPPORTED_MEMBERS[struct.name]?.includes(member.name) === true) {
    const text = `attach to unsupported member ${member.name} of struct ${struct.name}`;
    pass.fail(Errno.ENOTSUPP, text);
  }
}

/** What runs after a function is handed one register of its result. */
function checkReturnValue(pass: Prepass, { name, btf, proto }: KernelTarget): void {
  if (proto === null || proto.type === 0 || btf.sizeOf(proto.type) <= RETURN_REGISTER_SIZE) return;
  const what = 'with a >8 byte return value is not supported for this attach type';
  pass.fail(Errno.EOPNOTSUPP, `Attach to function ${name} ${what}`);
}

function maySleep({ spec, isModern }: Prepass): boolean {
  switch (spec.type) {
    case ProgType.LSM:
    case ProgType.KPROBE:
      return true;
    case ProgType.STRUCT_OPS:
      return isModern;
    case ProgType.TRACING:
      return spec.expectedAttachType !== AttachType.TRACE_RAW_TP;
    default:
      return false;
  }
}

/** Attach types of functions that a trampoline is put in front of. */
const TRAMPOLINES = new Set<number>([
  AttachType.TRACE_FENTRY,
  AttachType.TRACE_FEXIT,
  AttachType.MODIFY_RETURN,
  AttachType.LSM_MAC,
  AttachType.LSM_CGROUP,
]);

function findTarget(pass: Prepass): KernelTarget {
  const { spec, kernel } = pass;
  const refuse = (text: string): never => pass.fail(Errno.EINVAL, text);
  const btf = targetBtf(kernel);
  const id = attachId(spec, btf ?? kernel.btf);
  if (id === 0) return refuse('Tracing programs must provide btf_id');
  if (btf === null) {
    return refuse('FENTRY/FEXIT program can only be attached to another program annotated with BTF');
  }
  if (id < 0 || id >= btf.count) return refuse(`attach_btf_id ${id} is invalid`);
  const type = btf.type(id);
  if (type.name === '') return refuse(`attach_btf_id ${id} doesn't have a name`);
  const isExtension = spec.type === ProgType.EXT;
  if (kernel.target !== undefined) checkTargetProgram(pass, kernel.target, id, type.name);
  else if (isExtension) refuse('Cannot replace kernel functions');
  if (isTracepoint(spec)) {
    if (kernel.target !== undefined) refuse('Only FENTRY/FEXIT progs are attachable to another BPF prog');
    if (type.kind !== BtfKind.TYPEDEF) return refuse(`attach_btf_id ${id} is not a typedef`);
    if (!type.name.startsWith(TRACEPOINT_PREFIX)) {
      return refuse(`attach_btf_id ${id} points to wrong type name ${type.name}`);
    }
  } else {
    const isIterator = spec.expectedAttachType === AttachType.TRACE_ITER;
    if (!isExtension && !isIterator && !TRAMPOLINES.has(spec.expectedAttachType)) return refuse('');
    if (type.kind !== BtfKind.FUNC) return refuse(`attach_btf_id ${id} is not a function`);
  }
  if (isExtension) checkExtension(pass, kernel.target!, id);
  const target = functionTarget(btf, id);
  return target !== null && target.proto !== null ? target : refuse('');
}

function checkHook(pass: Prepass, target: KernelTarget): void {
  if (!isGplCompatible(pass.spec.license)) {
    pass.fail(Errno.EINVAL, 'LSM programs must have a GPL compatible license');
  }
  if (!target.name.startsWith(LSM_PREFIX)) {
    pass.fail(Errno.EINVAL, `attach_btf_id ${target.id} points to wrong type name ${target.name}`);
  }
}

/** Bytes that an argument or result takes; -1 = none of a kind that registers hold. */
function registerSize(type: BtfType): number {
  switch (type.kind) {
    case BtfKind.VOID:
      return 0;
    case BtfKind.PTR:
      return RETURN_REGISTER_SIZE;
    case BtfKind.INT:
    case BtfKind.ENUM:
    case BtfKind.ENUM64:
    case BtfKind.STRUCT:
    case BtfKind.UNION:
      return type.size;
    default:
      return -1;
  }
}

/** A trampoline must be able to take the arguments and the return value. */
function checkPrototype(pass: Prepass, { name, btf }: KernelTarget, proto: BtfFuncProto): void {
  const refuse = (what: string): never => pass.fail(Errno.EINVAL, `The function ${name} ${what}`);
  const count = proto.params.length;
  if (count > MAX_ARGUMENTS) refuse(`has ${count} arguments. Too many.`);
  const returned = btf.type(btf.skipModifiers(proto.type));
  const isStruct = returned.kind === BtfKind.STRUCT || returned.kind === BtfKind.UNION;
  if (isStruct || registerSize(returned) < 0) refuse(`return type ${kindName(returned)} is unsupported.`);
  proto.params.forEach((param, index) => {
    if (index === count - 1 && param.type === 0) refuse('with variable args is unsupported.');
    const type = btf.type(btf.skipModifiers(param.type));
    const size = registerSize(type);
    if (size < 0 || size > MAX_ARGUMENT_SIZE) refuse(`arg${index} type ${kindName(type)} is unsupported.`);
    if (size === 0) refuse('has malformed void argument.');
  });
}

function canSleepIn({ spec }: Prepass, target: KernelTarget): boolean {
  if (spec.type === ProgType.LSM) return !isAtomicHook(target.name);
  return SLEEPABLE_TARGET.test(target.name);
}

import { type BtfFuncProto, BtfKind } from '../../btf/types.js';
import {
  attachId,
  isTracepoint,
  type KernelTarget,
  kernelTarget,
  LSM_PREFIX,
  TRACEPOINT_PREFIX,
} from '../ctx/attach-target.js';
import { isAtomicHook } from '../ctx/lsm-hooks.js';
import { memberProto, structOps, structOpsId, structOpsIndex } from '../ctx/struct-ops.js';
import { kindName } from '../ctx/btf-arguments.js';
import { AttachType, ProgType } from '../prog-type.js';
import { Errno } from '../verifier-error.js';
import { isGplCompatible } from './license.js';
import type { Prepass } from './prepass.js';

const BPF_F_SLEEPABLE = 16;
const MAX_ARGUMENTS = 12;
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
  if (spec.type === ProgType.LSM) checkHook(pass, target);
  if (isTracepoint(spec)) return;
  if (target.proto !== null) checkPrototype(pass, target, target.proto);
  const attachType = spec.expectedAttachType;
  const runsAfter = attachType === AttachType.TRACE_FEXIT || attachType === AttachType.MODIFY_RETURN;
  if (pass.isModern && runsAfter) checkReturnValue(pass, target);
  if (spec.expectedAttachType === AttachType.TRACE_ITER) return;
  if (isSleepable && !canSleepIn(pass, target)) pass.fail(Errno.EINVAL, `${target.name} is not sleepable`);
  if (spec.expectedAttachType === AttachType.MODIFY_RETURN && !MODIFIABLE.test(target.name)) {
    pass.fail(Errno.EINVAL, `${target.name}() is not modifiable`);
  }
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
}

/** What runs after a function is handed one register of its result. */
function checkReturnValue(pass: Prepass, { name, proto }: KernelTarget): void {
  const { btf } = pass.kernel;
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

function findTarget(pass: Prepass): KernelTarget {
  const { spec, kernel } = pass;
  const id = attachId(spec, kernel.btf);
  if (id === 0) return pass.fail(Errno.EINVAL, 'Tracing programs must provide btf_id');
  if (id < 0 || id >= kernel.btf.count) return pass.fail(Errno.EINVAL, `attach_btf_id ${id} is invalid`);
  const type = kernel.btf.type(id);
  if (type.name === '') return pass.fail(Errno.EINVAL, `attach_btf_id ${id} doesn't have a name`);
  if (isTracepoint(spec)) {
    if (type.kind !== BtfKind.TYPEDEF) {
      return pass.fail(Errno.EINVAL, `attach_btf_id ${id} is not a typedef`);
    }
    if (!type.name.startsWith(TRACEPOINT_PREFIX)) {
      return pass.fail(Errno.EINVAL, `attach_btf_id ${id} points to wrong type name ${type.name}`);
    }
  } else if (type.kind !== BtfKind.FUNC) {
    return pass.fail(Errno.EINVAL, `attach_btf_id ${id} is not a function`);
  }
  if (spec.type === ProgType.EXT) pass.fail(Errno.EINVAL, 'Cannot replace kernel functions');
  const target = kernelTarget(spec, kernel);
  return target !== null && target.proto !== null ? target : pass.fail(Errno.EINVAL, '');
}

function checkHook(pass: Prepass, target: KernelTarget): void {
  if (!isGplCompatible(pass.spec.license)) {
    pass.fail(Errno.EINVAL, 'LSM programs must have a GPL compatible license');
  }
  if (!target.name.startsWith(LSM_PREFIX)) {
    pass.fail(Errno.EINVAL, `attach_btf_id ${target.id} points to wrong type name ${target.name}`);
  }
}

/** A trampoline must be able to take the arguments and the return value. */
function checkPrototype(pass: Prepass, target: KernelTarget, proto: BtfFuncProto): void {
  const { btf } = pass.kernel;
  const { name } = target;
  const count = proto.params.length;
  if (count > MAX_ARGUMENTS) {
    pass.fail(Errno.EINVAL, `The function ${name} has ${count} arguments. Too many.`);
  }
  const returned = btf.type(btf.skipModifiers(proto.type));
  if (returned.kind === BtfKind.STRUCT || returned.kind === BtfKind.UNION) {
    pass.fail(Errno.EINVAL, `The function ${name} return type ${kindName(returned)} is unsupported.`);
  }
  proto.params.forEach((param, index) => {
    const type = btf.type(btf.skipModifiers(param.type));
    if (param.type === 0) {
      const isVariadic = index === count - 1 && param.name === '';
      const what = isVariadic ? `with variable args is unsupported.` : `has malformed void argument.`;
      pass.fail(Errno.EINVAL, `The function ${name} ${what}`);
    }
    if (type.kind === BtfKind.FLOAT || btf.sizeOf(param.type) > 16) {
      pass.fail(Errno.EINVAL, `The function ${name} arg${index} type ${kindName(type)} is unsupported.`);
    }
  });
}

function canSleepIn({ spec }: Prepass, target: KernelTarget): boolean {
  if (spec.type === ProgType.LSM) return !isAtomicHook(target.name);
  return SLEEPABLE_TARGET.test(target.name);
}

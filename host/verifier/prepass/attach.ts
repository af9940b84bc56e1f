import { type BtfFuncProto, BtfKind } from '../../btf/types.js';
import {
  attachId,
  isTracepoint,
  type KernelTarget,
  kernelTarget,
  LSM_PREFIX,
  TRACEPOINT_PREFIX,
} from '../ctx/attach-target.js';
import { kindName } from '../ctx/btf-arguments.js';
import { AttachType, ProgType } from '../prog-type.js';
import { Errno } from '../verifier-error.js';
import { isGplCompatible } from './license.js';
import type { Prepass } from './prepass.js';

const BPF_F_SLEEPABLE = 16;
const MAX_ARGUMENTS = 12;
/** Functions whose return value programs may replace, by name: error injection lists are not in BTF. */
const MODIFIABLE = /^(security_|bpf_modify_return_test|bpf_fentry_test|__x64_sys_|should_fail)/;
/** Kernel functions that may sleep and that sleepable programs may attach to, by name, for the same reason. */
const SLEEPABLE_TARGET = /^(__x64_sys_|bpf_fentry_test|bpf_modify_return_test|should_fail)/;
/** LSM hooks called with locks held. */
const ATOMIC_HOOKS = new Set(
  [
    'task_free',
    'file_free_security',
    'inode_free_security',
    'sk_alloc_security',
    'sk_free_security',
    'sk_clone_security',
    'inet_csk_clone',
    'inet_conn_established',
    'sb_free_security',
    'ipc_permission',
    'msg_queue_associate',
    'file_send_sigiotask',
    'd_instantiate',
    'cred_free',
  ].map((hook) => LSM_PREFIX + hook),
);

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
  if (spec.type !== ProgType.TRACING && spec.type !== ProgType.LSM) return;
  const target = findTarget(pass);
  if (spec.type === ProgType.LSM) checkHook(pass, target);
  if (isTracepoint(spec)) return;
  if (target.proto !== null) checkPrototype(pass, target, target.proto);
  if (spec.expectedAttachType === AttachType.TRACE_ITER) return;
  if (isSleepable && !canSleepIn(pass, target)) pass.fail(Errno.EINVAL, `${target.name} is not sleepable`);
  if (spec.expectedAttachType === AttachType.MODIFY_RETURN && !MODIFIABLE.test(target.name)) {
    pass.fail(Errno.EINVAL, `${target.name}() is not modifiable`);
  }
}

function maySleep({ spec }: Prepass): boolean {
  switch (spec.type) {
    case ProgType.LSM:
    case ProgType.KPROBE:
    case ProgType.STRUCT_OPS:
      return true;
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
  if (spec.type === ProgType.LSM) return !ATOMIC_HOOKS.has(target.name);
  return SLEEPABLE_TARGET.test(target.name);
}

import { isAtomicHook } from '../ctx/lsm-hooks.js';
import { BtfKind } from '../../btf/types.js';
import { type KernelTarget, kernelTarget } from '../ctx/attach-target.js';
import type { Env } from '../env.js';
import { AttachType, ProgType } from '../prog-type.js';
import { Errno } from '../verifier-error.js';

const D_PATH = 147;
const IMA_INODE_HASH = 161;
const IMA_FILE_HASH = 193;
const SK_STORAGE_GET = 107;
const SK_STORAGE_DELETE = 108;
const GET_FUNC_IP = 173;

/** What is known to work on directory entries and paths itself, and so may hold the locks that bpf_d_path takes. */
const WORKS_ON_PATHS = /^_*(d|path|dput|prepend|lookup)_/;
const D_PATH_OWNERS = new Set(['path', 'file']);
/** Attach types behind a trampoline, which keeps the function's address. */
const TRAMPOLINES = new Set<number>([
  AttachType.TRACE_FENTRY,
  AttachType.TRACE_FEXIT,
  AttachType.MODIFY_RETURN,
]);

/** Whether a helper lets programs attached where this one is call it. */
export function isPermitted(env: Env, helper: number): boolean {
  const { spec } = env.program;
  const attached = kernelTarget(spec, env.kernel);
  const target = attached?.name ?? '';
  switch (helper) {
    case D_PATH:
      if (spec.type === ProgType.TRACING && spec.expectedAttachType === AttachType.TRACE_ITER) return true;
      return spec.type === ProgType.LSM ? !isAtomicHook(target) : handlesPath(attached);
    case IMA_INODE_HASH:
    case IMA_FILE_HASH:
      return !isAtomicHook(target);
    case SK_STORAGE_GET:
    case SK_STORAGE_DELETE:
      return spec.type !== ProgType.TRACING || !target.startsWith('bpf_sk_storage');
    default:
      return true;
  }
}

/**
 * Whether bpf_d_path may be called in a kernel function. The kernel has a list of those; taken here are the functions
 * that are handed a path or a file first, and do not work on paths themselves.
 */
function handlesPath(target: KernelTarget | null): boolean {
  const [first] = target?.proto?.params ?? [];
  if (target === null || first === undefined || WORKS_ON_PATHS.test(target.name)) return false;
  const { btf } = target;
  const pointer = btf.type(btf.skipModifiers(first.type));
  if (pointer.kind !== BtfKind.PTR) return false;
  const struct = btf.type(btf.skipModifiers(pointer.type));
  return struct.kind === BtfKind.STRUCT && D_PATH_OWNERS.has(struct.name);
}

/** bpf_get_func_ip needs something that knows the function's address. */
export function checkFuncIp(env: Env, helper: number, text: string): void {
  if (helper !== GET_FUNC_IP) return;
  const { type, expectedAttachType } = env.program.spec;
  if (type === ProgType.KPROBE) return;
  if (type !== ProgType.TRACING) {
    env.fail(Errno.ENOTSUPP, `func ${text} not supported for program type ${type}`);
  }
  if (!TRAMPOLINES.has(expectedAttachType)) {
    env.fail(Errno.ENOTSUPP, `func ${text} supported only for fentry/fexit/fmod_ret programs`);
  }
}

import { isAtomicHook } from '../ctx/lsm-hooks.js';
import { kernelTarget } from '../ctx/attach-target.js';
import type { Env } from '../env.js';
import { AttachType, ProgType } from '../prog-type.js';
import { Errno } from '../verifier-error.js';

const D_PATH = 147;
const IMA_INODE_HASH = 161;
const IMA_FILE_HASH = 193;
const SK_STORAGE_GET = 107;
const SK_STORAGE_DELETE = 108;
const GET_FUNC_IP = 173;

/** Kernel functions in which bpf_d_path takes no lock that is held already. */
const D_PATH_HOOKS = new Set([
  'security_file_permission',
  'security_inode_getattr',
  'security_file_open',
  'security_path_truncate',
  'vfs_truncate',
  'vfs_fallocate',
  'dentry_open',
  'vfs_getattr',
  'filp_close',
]);
/** Attach types behind a trampoline, which keeps the function's address. */
const TRAMPOLINES = new Set<number>([
  AttachType.TRACE_FENTRY,
  AttachType.TRACE_FEXIT,
  AttachType.MODIFY_RETURN,
]);

/** Whether a helper lets programs attached where this one is call it. */
export function isPermitted(env: Env, helper: number): boolean {
  const { spec } = env.program;
  const target = kernelTarget(spec, env.kernel)?.name ?? '';
  switch (helper) {
    case D_PATH:
      if (spec.type === ProgType.TRACING && spec.expectedAttachType === AttachType.TRACE_ITER) return true;
      return spec.type === ProgType.LSM ? !isAtomicHook(target) : D_PATH_HOOKS.has(target);
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

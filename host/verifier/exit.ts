import { BPF_EXIT, BPF_JMP } from '../../assembly/isa.js';
import { FRAME_IN_ASYNC_CALLBACK } from '../../assembly/layout/verifier.js';
import { LSM_PREFIX, kernelTarget } from './ctx/attach-target.js';
import type { Env } from './env.js';
import { readReg } from './liveness.js';
import { typeName } from './log-text.js';
import { markPrecise } from './precision.js';
import { RegType } from './reg-type.js';
import { failRange, withinRange } from './return-range.js';
import { Errno } from './verifier-error.js';

const TRACING = 26;
const STRUCT_OPS = 27;
const LSM = 29;
const RAW_TRACEPOINT = 17;
const CGROUP_SKB = 8;
const CGROUP_SOCK_ADDR = 18;
const ATTACH_RAW_TP = 23;
const ATTACH_FENTRY = 24;
const ATTACH_FEXIT = 25;
const ATTACH_MODIFY_RETURN = 26;
const ATTACH_ITER = 28;
const ATTACH_LSM_CGROUP = 43;
const ATTACH_EGRESS = 1;
const ATTACH_SESSION = 56;
const ZERO = { min: 0, max: 0 };
/** cgroup_sock, sock_ops, cgroup_device, cgroup_sysctl, cgroup_sockopt, sk_lookup, netfilter. */
const BOOLEAN_TYPES = new Set([9, 13, 15, 23, 25, 30, 32]);
const ONLY_ONE = new Set([19, 20, 29, 30, 31, 32, 51, 52, 53]);
const BIND = new Set([8, 9]);
const VOID_HOOK_NOTE = "\nNote, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!";
const BOOLEAN_HOOKS = new Set(
  ['xfrm_state_pol_flow_match', 'audit_rule_known', 'inode_xattr_skipcap'].map((hook) => LSM_PREFIX + hook),
);

/** Prints and refuses references, locks and sections that are still open. */
export function checkResources(env: Env): void {
  const { state } = env;
  // Linux 6.1 calls nothing while a lock is held: a function gives back what it took.
  if (state.lock !== null && (state.frames.length === 1 || env.legacy)) {
    env.fail(Errno.EINVAL, 'bpf_spin_unlock is missing');
  }
  if (state.frames.length === 1) {
    if (state.rcuDepth > 0) env.fail(Errno.EINVAL, 'bpf_rcu_read_unlock is missing');
    if (state.preemptDepth > 0) {
      const n = state.preemptDepth;
      env.fail(Errno.EINVAL, `${n} bpf_preempt_enable${n === 1 ? ' is' : '(s) are'} missing`);
    }
  }
  checkReferences(env, false);
}

/** References of the frame that ends (all of them at the end of the program) must have been released. */
export function checkReferences(env: Env, everywhere: boolean): void {
  const { state } = env;
  const depth = state.frames.length - 1;
  let leak = false;
  let text = '';
  for (const ref of state.references) {
    if (!everywhere && depth > 0 && ref.callback !== depth) continue;
    if (!everywhere && depth > 0 && !isCallback(env)) continue;
    if (text !== '') env.say(text);
    text = `Unreleased reference id=${ref.id} alloc_insn=${ref.insn}`;
    leak = true;
  }
  if (leak) env.fail(Errno.EINVAL, text);
}

function isCallback(env: Env): boolean {
  return (env.frames.flags(env.frame) & 1) !== 0;
}

/** Whether the hook or member that the program stands for gives no result. */
function returnsVoid(env: Env): boolean {
  return kernelTarget(env.program.spec, env.kernel)?.proto?.type === 0;
}

/** A program on a cgroup's list for a hook without a result has none to change. */
export function isVoidCgroupHook(env: Env): boolean {
  const { type, expectedAttachType } = env.program.spec;
  return type === LSM && expectedAttachType === ATTACH_LSM_CGROUP && returnsVoid(env);
}

interface Range {
  readonly min: number;
  readonly max: number;
  /** Only the low 32 bits count. */
  readonly low?: boolean;
}

function cgroupAddressRange(attach: number): Range {
  if (BIND.has(attach)) return { min: 0, max: 3 };
  return ONLY_ONE.has(attach) ? { min: 1, max: 1 } : { min: 0, max: 1 };
}

function lsmRange(env: Env, attach: number): Range | null {
  if (attach === ATTACH_LSM_CGROUP) {
    return returnsVoid(env) ? { min: 1, max: 1 } : { min: 0, max: 1 };
  }
  if (env.legacy) return null;
  const hook = kernelTarget(env.program.spec, env.kernel)?.name ?? '';
  return BOOLEAN_HOOKS.has(hook) ? { min: 0, max: 1, low: true } : { min: -4095, max: 0, low: true };
}

/** What the main program may return; null = anything. */
function returnRange(env: Env): Range | null {
  const { spec, isExtension } = env.program;
  if (isExtension) return null;
  const { type, expectedAttachType: attach } = spec;
  switch (type) {
    case TRACING:
      if (attach === ATTACH_FENTRY || attach === ATTACH_FEXIT) return { min: 0, max: 0 };
      if (attach === ATTACH_RAW_TP || attach === ATTACH_MODIFY_RETURN) return null;
      return attach === ATTACH_ITER ? { min: 0, max: 1 } : null;
    case RAW_TRACEPOINT:
      return spec.attach !== null && spec.attach.btfId !== 0 ? { min: 0, max: 0 } : null;
    case 2:
      return attach === ATTACH_SESSION && !env.legacy ? { min: 0, max: 1 } : null;
    case CGROUP_SOCK_ADDR:
      return cgroupAddressRange(attach);
    case CGROUP_SKB:
      return attach === ATTACH_EGRESS ? { min: 0, max: 3 } : { min: 0, max: 1 };
    case LSM:
      return lsmRange(env, attach);
    default:
      return BOOLEAN_TYPES.has(type) ? { min: 0, max: 1 } : null;
  }
}

/** The main program, a global function or an async callback ends: checks what it returns. */
export function checkReturn(env: Env, regno = 0): void {
  const { regs, frames } = env;
  const { spec } = env.program;
  const isAsync = (frames.flags(env.frame) & FRAME_IN_ASYNC_CALLBACK) !== 0;
  const isSubprogram = env.subprogram !== 0 && !isAsync && !env.isExceptionCallback(env.subprogram);
  if (!isSubprogram && !isAsync) {
    const lsmVoid = spec.type === LSM && spec.expectedAttachType !== ATTACH_LSM_CGROUP && returnsVoid(env);
    if (lsmVoid || (spec.type === STRUCT_OPS && returnsVoid(env))) return;
  }
  const reg = readReg(env, regno);
  if (!env.privileged && regs.type(reg) !== RegType.SCALAR) {
    env.fail(Errno.EACCES, `R${regno} leaks addr as return value`);
  }
  const type = typeName(regs.type(reg), env.legacy);
  if (isSubprogram) {
    if (regs.type(reg) !== RegType.SCALAR) {
      env.fail(Errno.EINVAL, `At subprogram exit the register R${regno} is not a scalar value (${type})`);
    }
    return;
  }
  const range = isAsync ? ZERO : returnRange(env);
  const when = isAsync ? 'At async callback return' : 'At program exit';
  if (range === null) return;
  if (regs.type(reg) !== RegType.SCALAR) {
    const start = env.legacy && isAsync ? 'In async callback' : when;
    env.fail(Errno.EINVAL, `${start} the register R${regno} is not a known value (${type})`);
  }
  if (!env.legacy) markPrecise(env, regno);
  if (withinRange(env, reg, range.min, range.max, 'low' in range && range.low === true)) return;
  const note = !isAsync && isVoidCgroupHook(env) ? VOID_HOOK_NOTE : '';
  failRange(env, reg, range.min, range.max, when, regno, note);
}

/** Form of an exit instruction. */
export function checkExitFields(env: Env, at: number): void {
  const { code } = env;
  const bad =
    code.opcode[at] !== (BPF_JMP | BPF_EXIT) ||
    code.imm[at] !== 0 ||
    code.src[at] !== 0 ||
    code.dst[at] !== 0;
  if (bad) env.fail(Errno.EINVAL, 'BPF_EXIT uses reserved fields');
}

import { helperName } from '../../asm/helper-names.js';
import { helperSymbol } from '../call/program-helpers.js';
import { AttachType, ProgType } from '../prog-type.js';
import type { RewriteEnvironment } from './environment.js';

/** Symbol that a call of helper `id` goes to in this program. */
export function helperTarget(env: RewriteEnvironment, id: number): string {
  let target = env.helperTargets.get(id);
  if (target === undefined) env.helperTargets.set(id, (target = findTarget(env, id)));
  return target;
}

function findTarget(env: RewriteEnvironment, id: number): string {
  const name = (helperName(id) ?? `bpf_helper_${id}`).slice('bpf_'.length);
  if (name === 'probe_read' || name === 'probe_read_str') return `bpf_${name.replace('read', 'read_compat')}`;
  if (name === 'task_storage_get' || name === 'task_storage_delete') {
    return env.isModern && checksRecursion(env) ? `bpf_${name}_recur` : `bpf_${name}`;
  }
  const symbol = helperSymbol(env.spec, name, !env.isModern, env.privileged) ?? `bpf_${name}`;
  if (env.spec.type === ProgType.KPROBE) return multiSymbol(env, symbol);
  return sleepableSymbol(env, symbol);
}

/** Attach types of kprobe programs with several functions. */
const KPROBE_MULTI = 42;
const UPROBE_MULTI = 48;
const KPROBE_SESSION = 56;
const BPF_F_SLEEPABLE = 16;
/** Stack walks that may fault pages in. */
const MAY_FAULT = new Set(['bpf_get_stack', 'bpf_get_task_stack']);

/** The address or cookie comes from the link of the attach point. */
function multiSymbol(env: RewriteEnvironment, symbol: string): string {
  const attach = env.spec.expectedAttachType;
  const isKernel = attach === KPROBE_MULTI || attach === KPROBE_SESSION;
  if (!isKernel && attach !== UPROBE_MULTI) return sleepableSymbol(env, symbol);
  const suffix = isKernel ? 'kprobe_multi' : 'uprobe_multi';
  if (symbol === 'bpf_get_func_ip_kprobe') return `bpf_get_func_ip_${suffix}`;
  if (symbol === 'bpf_get_attach_cookie_trace') return `bpf_get_attach_cookie_${suffix}`;
  return sleepableSymbol(env, symbol);
}

function sleepableSymbol(env: RewriteEnvironment, symbol: string): string {
  const sleeps = env.isModern && (env.spec.flags & BPF_F_SLEEPABLE) !== 0;
  return sleeps && MAY_FAULT.has(symbol) ? `${symbol}_sleepable` : symbol;
}

/** Programs that are not run again while they run on the same CPU. */
function checksRecursion({ spec }: RewriteEnvironment): boolean {
  if (spec.type === ProgType.TRACING) return spec.expectedAttachType !== AttachType.TRACE_ITER;
  return spec.type !== ProgType.LSM && spec.type !== ProgType.STRUCT_OPS;
}

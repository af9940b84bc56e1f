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
  return helperSymbol(env.spec, name, !env.isModern, env.privileged) ?? `bpf_${name}`;
}

/** Programs that are not run again while they run on the same CPU. */
function checksRecursion({ spec }: RewriteEnvironment): boolean {
  if (spec.type === ProgType.TRACING) return spec.expectedAttachType !== AttachType.TRACE_ITER;
  return spec.type !== ProgType.LSM && spec.type !== ProgType.STRUCT_OPS;
}

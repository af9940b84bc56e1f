import { BPF_JMP, BPF_CALL, BPF_PSEUDO_KFUNC_CALL } from '../../../assembly/isa.js';
import type { InsnIndex } from '../../quantities.js';
import type { RewriteEnvironment } from './environment.js';
import { PROGRAM_AUX, structMeta } from './kernel-objects.js';
import { ProgType } from '../prog-type.js';
import { Errno, VerifierError } from '../verifier-error.js';
import type { Pass } from './pass.js';

/** Casts: the result is the argument. */
const CASTS = new Set(['bpf_cast_to_kern_ctx', 'bpf_rdonly_cast']);
/** Allocations: r1 = size (local) and r2 = metadata of the object. */
const ALLOCATIONS = new Set(['bpf_obj_new_impl', 'bpf_percpu_obj_new_impl']);
/** r2 = metadata of the object. */
const WITH_META = new Set(['bpf_obj_drop_impl', 'bpf_percpu_obj_drop_impl', 'bpf_refcount_acquire_impl']);
/** r3 = metadata, r4 = offset of the node. */
const GRAPH_PUSHES = new Set(['bpf_list_push_front_impl', 'bpf_list_push_back_impl']);

const WRITES_PACKETS = new Set<number>([
  ProgType.SCHED_CLS,
  ProgType.SCHED_ACT,
  ProgType.XDP,
  ProgType.LWT_XMIT,
  ProgType.SK_SKB,
  ProgType.SK_MSG,
]);

/** A call of a kernel function: constants it needs, then its address relative to the call base. */
export function rewriteKfuncCall(env: RewriteEnvironment, pass: Pass, at: InsnIndex): void {
  const { input } = pass;
  const name = env.prepared.kfuncs.get(input.imm[at])?.name ?? `kfunc_${input.imm[at]}`;
  const origin = input.origin[at];
  if (input.imm[at] === 0) {
    const text = 'invalid kernel function call not eliminated in verifier pass';
    throw new VerifierError(Errno.EINVAL, text, origin, []);
  }
  if (CASTS.has(name)) return pass.mov(0, 1);
  const argument = env.aux.kfuncArgument.get(origin) ?? 0n;
  const struct = env.aux.kfuncStruct.get(origin);
  const meta = struct === undefined ? 0n : structMeta(struct);
  if (ALLOCATIONS.has(name)) {
    pass.loadImm64(1, argument);
    pass.loadImm64(2, meta);
  } else if (WITH_META.has(name)) {
    pass.loadImm64(2, meta);
  } else if (GRAPH_PUSHES.has(name)) {
    pass.loadImm64(3, meta);
    pass.movImm(4, Number(argument));
  } else if (name === 'bpf_rbtree_add_impl') {
    pass.loadImm64(4, meta);
    pass.movImm(5, Number(argument));
  } else if (name === 'bpf_wq_set_callback_impl') {
    pass.loadImm64(4, PROGRAM_AUX);
  }
  pass.insn(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, input.off[at], env.immediateOf(target(env, name)));
}

function target(env: RewriteEnvironment, name: string): string {
  const readOnly = name === 'bpf_dynptr_from_skb' && !WRITES_PACKETS.has(env.spec.type);
  return readOnly ? 'bpf_dynptr_from_skb_rdonly' : name;
}

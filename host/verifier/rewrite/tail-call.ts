import { BPF_AND, BPF_JGE, BPF_JMP, BPF_TAIL_CALL } from '../../../assembly/isa.js';
import type { InsnIndex } from '../../quantities.js';
import type { RewriteEnvironment } from './environment.js';
import { Errno, VerifierError } from '../verifier-error.js';
import { indexMask } from './map-lookup.js';
import { mapOfCall } from './map-of-call.js';
import type { Pass } from './pass.js';

/** A tail call whose target the JIT writes into the code. */
export interface TailCallPoke {
  readonly map: number;
  readonly key: number;
  /** Slot of the submitted program. */
  readonly origin: InsnIndex;
}

/** Poke descriptors a program may have. */
const MAX_POKES = 1024;

/** The tail call's own opcode; known map and slot: imm = number of its poke descriptor + 1. */
export function patchTailCall(
  env: RewriteEnvironment,
  pass: Pass,
  at: InsnIndex,
  pokes: TailCallPoke[],
): void {
  const origin = pass.input.origin[at];
  const state = env.aux.tailCall.get(origin);
  let imm = 0;
  if (
    state !== undefined &&
    env.privileged &&
    state.map >= 0 &&
    state.key >= 0 &&
    env.kernel.profile.harden !== 2
  ) {
    if (state.key < env.spec.maps[state.map].maxEntries && pokes.length < MAX_POKES) {
      pokes.push({ map: state.map, key: state.key, origin });
      imm = pokes.length;
    }
  }
  if (!env.privileged) {
    const map = mapOfCall(env, origin);
    if (map === null) throw new VerifierError(Errno.EINVAL, 'tail_call abusing map_ptr', origin, []);
    pass.skipIfImm(BPF_JGE, 3, map.maxEntries, 2);
    pass.alu32Imm(BPF_AND, 3, indexMask(map));
  }
  pass.insn(BPF_JMP | BPF_TAIL_CALL, 0, 0, 0, imm);
}

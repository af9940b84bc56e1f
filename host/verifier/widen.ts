import { SLOT_SPILL } from '../../assembly/layout/verifier.js';
import type { HostAddress, InsnIndex } from '../quantities.js';
import type { Env } from './env.js';
import { W_PRECISE } from './registers.js';
import { type State, kindAddress, regAddress, slotAddress } from './state.js';

/**
 * The state the path last had at this instruction with the same frames; null = first time round. What was stored on
 * arriving now is this round's own.
 */
export function previousRound(env: Env, at: InsnIndex): State | null {
  const { state } = env;
  const latest = state.parent;
  const isThisRound = env.insn === at && latest?.insn === at;
  for (let one = isThisRound ? latest.headAbove : state.headAbove; one !== null; one = one.headAbove) {
    if (one.insn === at && !one.marksOnly && one.frames.length === state.frames.length) return one;
  }
  return null;
}

function widen(env: Env, old: HostAddress, cur: HostAddress): void {
  const { regs } = env;
  if (!regs.isScalar(old) || !regs.isScalar(cur)) return;
  if (regs.get(old, W_PRECISE) !== 0 || regs.get(cur, W_PRECISE) !== 0) return;
  if (env.mem.domain.recordEqual(old, cur, 64) === 1) return;
  regs.setUnknown(cur);
}

/** Scalars that differ between rounds of a loop and that nothing needed exactly are forgotten. */
export function widenScalars(env: Env, old: State, cur: State): void {
  cur.frames.forEach((frame, depth) => {
    const before = old.frames[depth];
    for (let i = 0; i < 11; i++) widen(env, regAddress(before, i), regAddress(frame, i));
    const slots = Math.min(env.frames.slots(frame), env.frames.slots(before));
    for (let i = 0; i < slots; i++) {
      const spilled =
        env.mem.bytes[kindAddress(frame, i, 7)] === SLOT_SPILL &&
        env.mem.bytes[kindAddress(before, i, 7)] === SLOT_SPILL;
      if (spilled) widen(env, slotAddress(before, i), slotAddress(frame, i));
    }
  });
}

/** Widens a state that is about to go round a loop headed by instruction `at` again. */
export function widenForLoop(env: Env, at: InsnIndex, cur: State): void {
  const before = previousRound(env, at);
  if (before !== null) widenScalars(env, before, cur);
}

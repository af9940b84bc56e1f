import type { HostAddress } from '../quantities.js';
import type { Env } from './env.js';
import type { State } from './state.js';

/** Dropped states after which they are looked at. */
const MIN_DROPPED = 64;
/** And their growth since then, as a part of them: each look goes over all open paths. */
const GROWTH = 4;
/** Frames of a path at most, for numbers that tell loop heads apart. */
const DEPTHS = 8;
/** States at a loop's head that hide the earlier ones: this round's and the one it is compared with. */
const ROUNDS = 2;
let walks = 0;

/**
 * States taken off the lists serve no comparison any more. Those of no open path are freed; those of one keep the
 * marks that reads and precision leave, unless a loop may still look at their values.
 */
export function dropValues(env: Env): void {
  const { frames } = env;
  const kept: State[] = [];
  for (const state of env.dropped) {
    if (state.branches > 0) kept.push(state);
    else frames.freeState(state);
  }
  env.dropped = kept;
  env.droppedLimit = Math.max(MIN_DROPPED, kept.length + Math.floor(kept.length / GROWTH));
  // A log prints states as they were.
  if (env.log.verbose) return;
  walks++;
  const open: State[] = [];
  const emptied: HostAddress[] = [];
  const heads = new Map<number, number>();
  for (const leaf of env.stack) keepMarksAbove(env, leaf, heads, open, emptied);
  keepMarksAbove(env, env.state, heads, open, emptied);
  if (emptied.length === 0) return;
  for (const { frames: all, marksOnly } of open) {
    for (let depth = 0; depth < all.length; depth++)
      env.mem.domain.frameFollow(all[depth], marksOnly ? 1 : 0);
  }
  for (const frame of emptied) frames.free(frame);
}

/**
 * From the end of a path up to what was met already. `heads` = states met at each loop head since other paths joined: the
 * latest hide those of all rounds before.
 */
function keepMarksAbove(
  env: Env,
  leaf: State,
  heads: Map<number, number>,
  open: State[],
  emptied: HostAddress[],
): void {
  heads.clear();
  open.push(leaf);
  for (let state = leaf.parent; state !== null && state.visit !== walks; state = state.parent) {
    state.visit = walks;
    if (state.branches > 1) heads.clear();
    const isHead = env.program.forceCheckpoint[state.insn] !== 0;
    const head = state.insn * DEPTHS + state.frames.length - 1;
    const rounds = heads.get(head) ?? 0;
    if (state.isDropped && !state.marksOnly && (!isHead || rounds >= ROUNDS)) {
      emptied.push(...env.frames.keepMarks(state));
    }
    if (isHead) heads.set(head, rounds + 1);
    open.push(state);
  }
}

import type { HostAddress } from '../quantities.js';
import type { Env } from './env.js';
import type { State } from './state.js';

/** Dropped states after which they are looked at: this many, or a part of the open ones. */
const MIN_DROPPED = 64;
const PART = 2;
/** Frames of a path at most, for numbers that tell loop heads apart. */
const DEPTHS = 8;
/** States at a loop's head that hide the earlier ones: this round's and the one it is compared with. */
const ROUNDS = 2;
let walks = 0;

/** One walk over the open paths. */
interface Walk {
  /** Goes on above states that have only marks left. */
  readonly whole: boolean;
  /** States met. */
  readonly open: State[];
  /** Frames that became marks. */
  readonly emptied: HostAddress[];
  /** States met at each loop head since other paths joined: the latest hide those of all rounds before. */
  readonly heads: Map<number, number>;
}

/**
 * States taken off the lists serve no comparison any more. Those of no open path are freed; those of one keep the
 * marks that reads and precision leave, unless a loop may still look at their values.
 */
export function dropValues(env: Env): void {
  const { frames } = env;
  const whole = env.marked.length >= env.markedLimit;
  if (whole) {
    env.marked = freeFinished(env, env.marked);
    env.markedLimit = Math.max(MIN_DROPPED, 2 * env.marked.length);
  }
  env.dropped = freeFinished(env, env.dropped);
  // A log prints states as they were.
  if (env.log.verbose) {
    env.droppedLimit = Math.max(MIN_DROPPED, 2 * env.dropped.length);
    return;
  }
  walks++;
  const walk: Walk = { whole, open: [], emptied: [], heads: new Map() };
  for (const leaf of env.stack) keepMarksAbove(env, leaf, walk);
  keepMarksAbove(env, env.state, walk);
  if (walk.emptied.length > 0) {
    for (const { frames: all, marksOnly } of walk.open) {
      for (let depth = 0; depth < all.length; depth++)
        env.mem.domain.frameFollow(all[depth], marksOnly ? 1 : 0);
    }
    for (const frame of walk.emptied) frames.free(frame);
    for (const state of env.dropped) if (state.marksOnly) env.marked.push(state);
    env.dropped = env.dropped.filter(({ marksOnly }) => !marksOnly);
  }
  const withValues = walk.open.reduce((sum, { marksOnly }) => (marksOnly ? sum : sum + 1), 0);
  env.droppedLimit = env.dropped.length + Math.max(MIN_DROPPED, Math.floor(withValues / PART));
}

/** Frees the states of no open path; the others. */
function freeFinished(env: Env, states: readonly State[]): State[] {
  const kept: State[] = [];
  for (const state of states) {
    if (state.branches > 0) kept.push(state);
    else env.frames.freeState(state);
  }
  return kept;
}

/** From the end of a path up to what was met already. */
function keepMarksAbove(env: Env, leaf: State, { whole, open, emptied, heads }: Walk): void {
  heads.clear();
  open.push(leaf);
  for (let state = leaf.parent; state !== null && state.visit !== walks; state = state.parent) {
    if (state.marksOnly && !whole) return;
    state.visit = walks;
    if (state.branches > 1) heads.clear();
    const isHead = env.program.forceCheckpoint[state.insn] !== 0;
    const head = state.insn * DEPTHS + state.frames.length - 1;
    const rounds = heads.get(head) ?? 0;
    // States below marks that only a whole walk passes may hang on its values: it keeps them until then.
    const isHeld = !whole && state.marksBelow !== 0 && state.marksBelow < walks;
    if (state.isDropped && !state.marksOnly && !isHeld && (!isHead || rounds >= ROUNDS)) {
      for (const frame of env.frames.keepMarks(state)) emptied.push(frame);
      for (let above = state.parent; above !== null && above.marksBelow === 0; above = above.parent)
        above.marksBelow = walks;
    }
    if (isHead) heads.set(head, rounds + 1);
    open.push(state);
  }
}

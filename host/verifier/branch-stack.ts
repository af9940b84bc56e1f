import type { InsnIndex } from '../quantities.js';
import type { Env } from './env.js';
import type { State } from './state.js';
import { Errno } from './verifier-error.js';

const MAX_PENDING = 8192;

/** Queues a copy of the current state, to be explored from `insn`. */
export function pushBranch(env: Env, insn: InsnIndex, previous: InsnIndex): State {
  const state = env.frames.copyState(env.state);
  state.nextInsn = insn;
  state.previousInsn = previous;
  env.stack.push(state);
  if (env.stack.length > MAX_PENDING) {
    env.fail(
      env.legacy ? Errno.EFAULT : Errno.E2BIG,
      `The sequence of ${env.stack.length} jumps is too complex.`,
    );
  }
  if (state.parent !== null) state.parent.branches++;
  return state;
}

/** A path has ended: states whose paths are all finished are proved. */
export function finishPath(from: State): void {
  for (let state: State | null = from; state !== null; state = state.parent) {
    state.branches--;
    if (state.branches === 0 && state.parent !== null && state.loopEntry !== null) {
      updateLoopEntry(state.parent, state.loopEntry);
    }
    if (state.branches > 0) break;
  }
}

/** Outermost state of the loop that a state is part of; null = of none. */
export function loopEntryOf(state: State): State | null {
  let top = state.loopEntry;
  while (top !== null && top.loopEntry !== null && top !== top.loopEntry) top = top.loopEntry;
  return top;
}

/** `header` was met again on a path through `state`: whichever loop is further out counts. */
export function updateLoopEntry(state: State, header: State): void {
  const known = state.loopEntry;
  if (known === null || header.depth < known.depth || known.branches === 0) {
    if (header.branches > 0 && header.depth <= state.depth) {
      state.loopEntry = header;
      header.usedAsLoopEntry = true;
    }
  }
}

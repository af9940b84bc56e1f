import { frameText } from './log-text.js';
import type { Env } from './env.js';

/** Prints what the instruction changed so far, beside it. */
export function printChanges(env: Env, next = env.insn): void {
  if (env.log.verbose) {
    env.log.changes(frameText(env, env.state, env.state.frames.length - 1, false), next);
  }
  env.touchNone();
}

/** Prints the whole top frame. */
export function frameLine(env: Env, depth = env.state.frames.length - 1): string {
  return frameText(env, env.state, depth, true);
}

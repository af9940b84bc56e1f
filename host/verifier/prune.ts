import { FRAME_CALLSITE } from '../../assembly/layout/verifier.js';
import type { InsnIndex } from '../quantities.js';
import { loopEntryOf, updateLoopEntry } from './branch-stack.js';
import { callsCallback } from './call/callback-kinds.js';
import { isIterNext, iterIsActive, iterDepthsDiffer } from './call/iterators.js';
import { Exactness, mayLoop, statesEqual } from './compare-states.js';
import { dropValues } from './dropped.js';
import type { Env } from './env.js';
import { NO_SLOT, NO_STEP } from './history.js';
import { frameText } from './log-text.js';
import { propagatePrecision, pushHistory } from './precision.js';
import type { State } from './state.js';
import { Errno, VerifierError } from './verifier-error.js';

const MIN_JUMPS = 2;
const MIN_INSNS = 8;
const LOOP_JUMPS = 20;
const LOOP_INSNS = 100;
const MAX_HISTORY = 40;
const UNPRIVILEGED_STATES = 64;
/** Misses per hit after which a stored state is dropped, and the same for loop checkpoints. */
const MISSES = 3;
const LOOP_MISSES = 64;
const MAY_GOTO = 0xe5;
/** States are stored wherever paths may meet. */
const BPF_F_TEST_STATE_FREQ = 8;

function sameCallsites(env: Env, a: State, b: State): boolean {
  if (a.frames.length !== b.frames.length) return false;
  const w = env.mem.words;
  // No call made the outermost frame.
  for (let depth = 1; depth < a.frames.length; depth++) {
    if (w[(a.frames[depth] + FRAME_CALLSITE) >> 2] !== w[(b.frames[depth] + FRAME_CALLSITE) >> 2])
      return false;
  }
  return true;
}

/** A proved state keeps only what it read: the rest never mattered. */
function clean(env: Env, state: State): void {
  if (state.isClean) return;
  state.isClean = true;
  for (let depth = 0; depth < state.frames.length; depth++) env.mem.domain.frameClean(state.frames[depth]);
}

function inOpenLoop(state: State): boolean {
  const entry = loopEntryOf(state);
  return entry !== null && entry.branches > 0;
}

/** What the proved state read is read from here on as well. */
function propagateLiveness(env: Env, old: State): void {
  const top = old.frames.length - 1;
  for (let depth = top; depth >= 0; depth--) {
    const to = env.state.frames[depth];
    const marked = env.mem.domain.framePropagateRead(old.frames[depth], to, depth === top ? 1 : 0);
    if (marked > env.longestMark) env.longestMark = marked;
  }
}

function failLoop(env: Env, old: State): never {
  const message = `infinite loop detected at insn ${env.insn}`;
  env.say(message);
  if (!env.legacy) {
    const depth = env.state.frames.length - 1;
    env.say(`cur state:${frameText(env, env.state, depth, true)}`);
    env.say(`old state:${frameText(env, old, depth, true)}`);
  }
  throw new VerifierError(Errno.EINVAL, message, env.insn, env.log.lines);
}

/** On a loop's way back: whether the loop's state has been met already. `null` = go on comparing. */
function meetLoop(env: Env, old: State): 'hit' | 'miss' {
  const { state, insn } = env;
  if (env.legacy) {
    if (mayLoop(env, old, state) && statesEqual(env, old, state, Exactness.NOT_EXACT)) failLoop(env, old);
    return 'miss';
  }
  if (isIterNext(env, insn)) {
    if (statesEqual(env, old, state, Exactness.RANGE_WITHIN) && iterIsActive(env)) {
      updateLoopEntry(state, old);
      return 'hit';
    }
    return 'miss';
  }
  if (env.code.opcode[insn] === MAY_GOTO) {
    const deeper = old.mayGotoDepth !== state.mayGotoDepth;
    if (deeper && statesEqual(env, old, state, Exactness.RANGE_WITHIN)) {
      updateLoopEntry(state, old);
      return 'hit';
    }
  }
  if (callsCallback(env, insn)) {
    return statesEqual(env, old, state, Exactness.RANGE_WITHIN) ? 'hit' : 'miss';
  }
  if (
    old.mayGotoDepth === state.mayGotoDepth &&
    old.callbackUnroll === state.callbackUnroll &&
    mayLoop(env, old, state) &&
    statesEqual(env, old, state, Exactness.EXACT) &&
    !iterDepthsDiffer(env, old, state)
  ) {
    failLoop(env, old);
  }
  return 'miss';
}

function remember(env: Env, list: State[]): void {
  const { state, frames } = env;
  env.totalStates++;
  env.liveStates++;
  if (env.liveStates > env.peakStates) env.peakStates = env.liveStates;
  env.previousJumps = env.jumps;
  env.previousProcessed = env.processed;
  if (env.capBpf) {
    for (let i = 0; i < state.frames.length; i++) env.mem.domain.frameForgetPrecision(state.frames[i]);
  }
  const stored = frames.copyState(state);
  stored.insn = env.insn;
  stored.branches = 1;
  state.parent = stored;
  if (env.program.forceCheckpoint[env.insn] !== 0) state.headAbove = stored;
  state.firstInsn = env.insn;
  state.depth = stored.depth + 1;
  state.history = NO_STEP;
  state.historyLength = 0;
  state.loopEntry = null;
  env.historyStep = NO_STEP;
  env.justStored = true;
  list.push(stored);
  connect(env, state, stored);
}

/** Marks of the current path go to the stored state from now on. */
function connect(env: Env, state: State, stored: State): void {
  const top = state.frames.length - 1;
  for (let depth = 0; depth <= top; depth++) {
    env.mem.domain.frameConnect(state.frames[depth], stored.frames[depth], depth === top ? 1 : 0);
  }
}

/**
 * At a point where paths meet: true when what follows was proved before. Otherwise the current state may be stored
 * for later comparison.
 */
export function isStateVisited(env: Env): boolean {
  const { insn, state } = env;
  const list = listAt(env, insn, env.frames.get(state.frame, FRAME_CALLSITE));
  const testing = (env.program.spec.flags & BPF_F_TEST_STATE_FREQ) !== 0;
  const isLong = !env.legacy && state.historyLength > MAX_HISTORY;
  const forced = !env.legacy && (testing || env.program.forceCheckpoint[insn] !== 0 || isLong);
  let add = forced || testing;
  if (env.jumps - env.previousJumps >= MIN_JUMPS && env.processed - env.previousProcessed >= MIN_INSNS) {
    add = true;
  }
  for (let i = 0; i < list.length; i++) {
    const one = list[i];
    if (one.insn !== insn || one.branches > 0 || one.isClean) continue;
    if (!sameCallsites(env, one, state)) continue;
    if (!inOpenLoop(one)) clean(env, one);
  }
  let stored = 0;
  for (let i = 0; i < list.length; i++) {
    const one = list[i];
    // The bucket's length counts, whichever instruction its states are of.
    stored++;
    if (one.insn !== insn) continue;
    if (one.branches > 0) {
      if (meetLoop(env, one) === 'hit') return hit(env, one);
      const early =
        env.jumps - env.previousJumps < LOOP_JUMPS && env.processed - env.previousProcessed < LOOP_INSNS;
      if (!forced && early) add = false;
    } else {
      const open = inOpenLoop(one);
      const how = open ? Exactness.RANGE_WITHIN : Exactness.NOT_EXACT;
      if (statesEqual(env, one, state, how)) {
        const entry = loopEntryOf(one);
        if (open && entry !== null) updateLoopEntry(state, entry);
        return hit(env, one);
      }
    }
    if (!add) continue;
    one.misses++;
    const allowed = env.program.forceCheckpoint[insn] !== 0 && one.branches > 0 ? LOOP_MISSES : MISSES;
    if (one.misses > one.hits * allowed + allowed) {
      list.splice(i--, 1);
      env.liveStates--;
      one.isDropped = true;
      env.dropped.push(one);
    }
  }
  if (stored > env.maxStatesPerInsn) env.maxStatesPerInsn = stored;
  if (!env.capBpf && stored > UNPRIVILEGED_STATES) return false;
  if (!add) return false;
  remember(env, list);
  if (env.dropped.length >= env.droppedLimit) dropValues(env);
  return false;
}

function hit(env: Env, one: State): boolean {
  one.hits++;
  propagateLiveness(env, one);
  if (env.program.jumpPoint[env.insn] !== 0) pushHistory(env, NO_SLOT, 0, null);
  propagatePrecision(env, one);
  return true;
}

/** The bucket of an instruction and a call site. */
function listAt(env: Env, insn: InsnIndex, site: number): State[] {
  const bucket = ((insn ^ site) >>> 0) % env.count;
  return (env.explored[bucket] ??= []);
}

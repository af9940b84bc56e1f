import {
  EXACT,
  FRAME_CALLBACK_DEPTH,
  FRAME_CALLSITE,
  NOT_EXACT,
  RANGE_WITHIN,
} from '../../assembly/layout/verifier.js';
import type { ScalarDomain } from '../core/verifier.js';
import type { Env } from './env.js';
import type { State } from './state.js';

/** Pairs of ids that one comparison remembers (assembly/verifier/id-map.ts). */
const MAX_IDS = 2048;

/** How closely states must agree (assembly/layout/verifier.ts). */
export const Exactness = { NOT_EXACT, EXACT, RANGE_WITHIN } as const;
export type Exactness = (typeof Exactness)[keyof typeof Exactness];

function resourcesMatch(domain: ScalarDomain, old: State, cur: State): boolean {
  if (old.rcuDepth !== cur.rcuDepth || old.preemptDepth !== cur.preemptDepth) return false;
  if (old.inSleepable !== cur.inSleepable) return false;
  // A mispredicted path proves nothing about one that is taken; the other way round all of it was followed.
  if (old.speculative && !cur.speculative) return false;
  if ((old.lock === null) !== (cur.lock === null)) return false;
  if (old.lock !== null && cur.lock !== null) {
    if (old.lock.where !== cur.lock.where || domain.idsSame(old.lock.id, cur.lock.id) === 0) return false;
  }
  if (old.references.length !== cur.references.length) return false;
  if (old.references.length === 0) return true;
  // More than one comparison has room for.
  if (old.references.length > MAX_IDS) return false;
  const held = [...cur.references];
  let i = 0;
  for (const { id } of old.references) if (domain.idsSame(id, held[i++].id) === 0) return false;
  return true;
}

/** Whether everything proved from `old` on holds from `cur` on as well. */
export function statesEqual(env: Env, old: State, cur: State, how: Exactness): boolean {
  if (old.frames.length !== cur.frames.length) return false;
  const { domain, words } = env.mem;
  // What told this state from the last one it was compared with tells it from most.
  const last = old.differedDepth;
  if (
    old.differedAt !== 0 &&
    domain.placeExcludes(old.frames[last], cur.frames[last], old.differedAt, how) === 1
  )
    return false;
  for (let depth = 0; depth < old.frames.length; depth++) {
    const a = old.frames[depth];
    const b = cur.frames[depth];
    if (words[(a + FRAME_CALLSITE) >> 2] !== words[(b + FRAME_CALLSITE) >> 2]) return false;
    if (words[(a + FRAME_CALLBACK_DEPTH) >> 2] > words[(b + FRAME_CALLBACK_DEPTH) >> 2]) return false;
  }
  domain.idsBegin(env.ids);
  if (!resourcesMatch(domain, old, cur)) return false;
  for (let depth = 0; depth < old.frames.length; depth++) {
    const covers = domain.frameCovers(old.frames[depth], cur.frames[depth], how);
    if (covers > 0) continue;
    old.differedDepth = depth;
    old.differedAt = -covers;
    return false;
  }
  return true;
}

/** Cheap test before an exact comparison: the same calls, and registers of the top frame that are the same bytes. */
export function mayLoop(env: Env, old: State, cur: State): boolean {
  if (old.frames.length !== cur.frames.length) return false;
  const { words } = env.mem;
  for (let depth = 0; depth < old.frames.length; depth++) {
    const site = (old.frames[depth] + FRAME_CALLSITE) >> 2;
    if (words[site] !== words[(cur.frames[depth] + FRAME_CALLSITE) >> 2]) return false;
  }
  return env.mem.domain.frameRegistersEqual(old.frame, cur.frame) !== 0;
}

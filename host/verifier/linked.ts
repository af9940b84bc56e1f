import { ID_ADD_CONST } from '../../assembly/layout/verifier.js';
import type { HostAddress } from '../quantities.js';
import type { Env } from './env.js';
import { MAX_LINKED } from './history.js';
import { placeAddress, placeOf } from './place.js';
import { W_ID, W_LIVE, W_OFF, W_PARENT, W_SUBREG } from './registers.js';
import type { State } from './state.js';

/** Adds the places that hold scalars of this id; the ones that do not fit lose their link. */
export function collectLinked(env: Env, state: State, id: number, into: number[]): void {
  const { domain } = env.mem;
  const base = id & ~ID_ADD_CONST;
  for (let depth = state.frames.length - 1; depth >= 0; depth--) {
    const frame = state.frames[depth];
    for (let at = domain.frameLinked(frame, base, 0); at >= 0; at = domain.frameLinked(frame, base, at + 1)) {
      const place = placeOf(depth, at);
      // Linux packs them in 64 bits.
      if (into.length < MAX_LINKED) into.push(place);
      else env.regs.unlink(placeAddress(state, place));
    }
  }
}

/** What was learned about one scalar holds for those linked to it. */
export function syncLinked(env: Env, state: State, known: HostAddress, places: readonly number[]): void {
  const { regs, mem } = env;
  const base = regs.id(known) & ~ID_ADD_CONST;
  for (const entry of places) {
    const place = placeAddress(state, entry);
    if (place === known || !regs.isScalar(place)) continue;
    const id = regs.id(place);
    if ((id & ~ID_ADD_CONST) !== base) continue;
    const knownId = regs.id(known);
    if ((id & ID_ADD_CONST) === (knownId & ID_ADD_CONST) && regs.off(place) === regs.off(known)) {
      copyValue(env, place, known);
      continue;
    }
    const off = regs.off(place);
    const distance = off - regs.off(known);
    const def = regs.get(place, W_SUBREG);
    copyValue(env, place, known);
    regs.set(place, W_SUBREG, def);
    regs.setSmallConst(env.scratch3, distance, false);
    mem.domain.scalarAlu(0, 1, place, env.scratch3);
    regs.set(place, W_ID, id);
    regs.set(place, W_OFF, off);
  }
}

function copyValue(env: Env, to: HostAddress, from: HostAddress): void {
  const { regs } = env;
  const live = regs.get(to, W_LIVE);
  const parent = regs.get(to, W_PARENT);
  const def = regs.get(to, W_SUBREG);
  regs.copy(to, from);
  regs.set(to, W_LIVE, live);
  regs.set(to, W_PARENT, parent);
  regs.set(to, W_SUBREG, def);
}

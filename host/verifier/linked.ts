import { ID_ADD_CONST, SLOT_SPILL } from '../../assembly/layout/verifier.js';
import type { HostAddress } from '../quantities.js';
import type { Env } from './env.js';
import { W_ID, W_LIVE, W_OFF, W_PARENT, W_SUBREG } from './registers.js';
import { type LinkedPlace, type State, kindAddress, regAddress, slotAddress } from './state.js';

/** Places that take part in one conditional jump's refinement (Linux packs them in 64 bits). */
const MAX_LINKED = 6;

function placeAddress(state: State, place: LinkedPlace): HostAddress {
  const frame = state.frames[place.frame];
  return place.slot >= 0 ? slotAddress(frame, place.slot) : regAddress(frame, place.reg);
}

/** Adds the places that hold scalars of this id; the ones that do not fit lose their link. */
export function collectLinked(env: Env, state: State, id: number, into: LinkedPlace[]): void {
  const { mem } = env;
  const base = id & ~ID_ADD_CONST;
  for (let depth = state.frames.length - 1; depth >= 0; depth--) {
    const frame = state.frames[depth];
    for (let i = 0; i < 10; i++) {
      const place = regAddress(frame, i);
      if (isLinked(env, place, base) && hasRoom(env, place, into))
        into.push({ frame: depth, reg: i, slot: -1 });
    }
    const slots = env.frames.slots(frame);
    for (let i = 0; i < slots; i++) {
      if (mem.bytes[kindAddress(frame, i, 7)] !== SLOT_SPILL) continue;
      const place = slotAddress(frame, i);
      if (isLinked(env, place, base) && hasRoom(env, place, into))
        into.push({ frame: depth, reg: -1, slot: i });
    }
  }
}

function isLinked(env: Env, place: HostAddress, base: number): boolean {
  return env.regs.isScalar(place) && (env.regs.id(place) & ~ID_ADD_CONST) === base;
}

function hasRoom(env: Env, place: HostAddress, into: readonly LinkedPlace[]): boolean {
  if (into.length < MAX_LINKED) return true;
  env.regs.set(place, W_ID, 0);
  return false;
}

/** What was learned about one scalar holds for those linked to it. */
export function syncLinked(env: Env, state: State, known: HostAddress, places: readonly LinkedPlace[]): void {
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

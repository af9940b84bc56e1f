import { LIVE_WRITTEN, SLOT_DYNPTR, SLOT_INVALID } from '../../assembly/layout/verifier.js';
import type { HostAddress } from '../quantities.js';
import type { Env } from './env.js';
import { W_C, W_ID, W_LIVE, W_REF } from './registers.js';
import { RegType } from './reg-type.js';
import { kindAddress, slotAddress } from './state.js';
import { forEachPlace } from './stack.js';
import { Errno } from './verifier-error.js';

/**
 * A store over part of a dynptr ends it: both its slots, and slices taken from it. One that owns a reference may not
 * be lost; Linux 6.1 notices at exit.
 */
export function destroyDynptr(env: Env, depth: number, slot: number): void {
  const frame = env.state.frames[depth];
  const { mem, regs } = env;
  if (slot >= env.frames.slots(frame)) return;
  if (mem.bytes[kindAddress(frame, slot, 7)] !== SLOT_DYNPTR) return;
  // The first slot is the one at the lower address: the higher index.
  const first = regs.get(slotAddress(frame, slot), W_C) !== 0 ? slot : slot + 1;
  const place = slotAddress(frame, first);
  if (!env.legacy && regs.get(place, W_REF) !== 0) {
    const ref = regs.get(place, W_REF);
    if (!sharedReference(env, ref, place)) env.fail(Errno.EINVAL, 'cannot overwrite referenced dynptr');
  }
  const id = regs.get(place, W_ID);
  clearSlots(env, frame, first);
  forEachPlace(env, (reg) => {
    if ((regs.type(reg) & 0xff) === RegType.MEM && regs.get(reg, W_C) === id && id !== 0)
      regs.setUnknown(reg);
  });
}

function clearSlots(env: Env, frame: HostAddress, first: number): void {
  for (const slot of [first, first - 1]) {
    for (let i = 0; i < 8; i++) env.mem.bytes[kindAddress(frame, slot, i)] = SLOT_INVALID;
    const place = slotAddress(frame, slot);
    env.regs.setNotInit(place);
    // What the slot held before no longer matters to what follows.
    env.regs.set(place, W_LIVE, env.regs.get(place, W_LIVE) | LIVE_WRITTEN);
  }
}

/** The reference that dynptrs own was given back: they and their copies are no dynptrs any more. */
export function releaseDynptrs(env: Env, ref: number): void {
  for (const frame of env.state.frames) {
    for (let slot = 1; slot < env.frames.slots(frame); slot++) {
      if (env.mem.bytes[kindAddress(frame, slot, 7)] !== SLOT_DYNPTR) continue;
      const place = slotAddress(frame, slot);
      if (env.regs.get(place, W_C) !== 0 && env.regs.get(place, W_REF) === ref) clearSlots(env, frame, slot);
    }
  }
}

function sharedReference(env: Env, ref: number, except: number): boolean {
  for (const frame of env.state.frames) {
    for (let slot = 0; slot < env.frames.slots(frame); slot++) {
      const place = slotAddress(frame, slot);
      if (env.mem.bytes[kindAddress(frame, slot, 7)] !== SLOT_DYNPTR || place === except) continue;
      if (env.regs.get(place, W_C) !== 0 && env.regs.get(place, W_REF) === ref) return true;
    }
  }
  return false;
}

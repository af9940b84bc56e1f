import { FRAME_IN_CALLBACK, SLOT_ITER } from '../../assembly/layout/verifier.js';
import { releaseDynptrs } from './dynptr.js';
import type { Env } from './env.js';
import { W_B, W_ID, W_REF, W_TYPE } from './registers.js';
import { RegType, TypeFlag, baseType } from './reg-type.js';
import { type State, kindAddress, slotAddress } from './state.js';
import { forEachPlace } from './stack.js';

/** Number of the frame in progress when it is a callback; 0 otherwise. */
function callbackDepth(env: Env): number {
  const inCallback = (env.frames.flags(env.frame) & FRAME_IN_CALLBACK) !== 0;
  return inCallback ? env.state.frames.length - 1 : 0;
}

/** Notes a resource that the instruction acquired; its id. */
export function acquireReference(env: Env): number {
  const id = env.newId();
  const { state } = env;
  state.references = state.references.with({ id, insn: env.insn, callback: callbackDepth(env) });
  return id;
}

/** Forgets a resource; false when it is not held. */
export function dropReference(state: State, id: number): boolean {
  const found = state.references.find(id) !== null;
  if (found) state.references = state.references.without(id);
  return found;
}

/** Gives a resource up; false when it is not held, or held by a caller of the callback in progress. */
export function surrenderReference(env: Env, id: number): boolean {
  const depth = callbackDepth(env);
  const held = env.state.references.find(id);
  const isOuter = held !== null && held.callback !== depth;
  return !(depth > 0 && isOuter) && dropReference(env.state, id);
}

/** Gives a resource back: every pointer to it dies. False as {@link surrenderReference} says. */
export function releaseReference(env: Env, id: number): boolean {
  if (!surrenderReference(env, id)) return false;
  releaseDynptrs(env, id);
  const { regs } = env;
  forEachPlace(env, (reg) => {
    if (regs.get(reg, W_REF) !== id) return;
    if (env.legacy && !env.privileged) regs.setNotInit(reg);
    else regs.setUnknown(reg);
  });
  return true;
}

/** Pointers into packet data are stale after the packet changed. */
export function clearPacketPointers(env: Env): void {
  const { regs } = env;
  forEachPlace(env, (reg) => {
    const base = baseType(regs.type(reg));
    const packet = base === RegType.PACKET || base === RegType.PACKET_META || base === RegType.PACKET_END;
    // Slices of packet dynptrs carry a 1 here.
    const slice = base === RegType.MEM && regs.get(reg, W_B) === 1;
    if (packet || slice) regs.setUnknown(reg);
  });
}

/** Pointers that were only valid inside the RCU section that ends. */
export function endRcuPointers(env: Env): void {
  const { regs, mem } = env;
  for (const frame of env.state.frames) {
    for (let slot = 0; slot < env.frames.slots(frame); slot++) {
      if (mem.bytes[kindAddress(frame, slot, 7)] !== SLOT_ITER) continue;
      const place = slotAddress(frame, slot);
      const type = regs.type(place);
      if ((type & TypeFlag.MEM_RCU) === 0) continue;
      regs.set(place, W_TYPE, (type & ~TypeFlag.MEM_RCU) | TypeFlag.PTR_UNTRUSTED);
    }
  }
  forEachPlace(env, (reg) => {
    const type = regs.type(reg);
    if ((type & TypeFlag.MEM_RCU) === 0) return;
    regs.set(reg, W_TYPE, (type & ~(TypeFlag.MEM_RCU | TypeFlag.MAYBE_NULL)) | TypeFlag.PTR_UNTRUSTED);
    if ((type & TypeFlag.MAYBE_NULL) !== 0) regs.set(reg, W_ID, 0);
  });
}

/** Non-owning references die with the lock that guards them. */
export function endNonOwning(env: Env): void {
  const { regs } = env;
  forEachPlace(env, (reg) => {
    if ((regs.type(reg) & TypeFlag.NON_OWN_REF) !== 0) regs.setUnknown(reg);
  });
}

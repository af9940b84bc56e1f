import type { Env } from './env.js';
import { W_FRAME } from './registers.js';
import { StackUse, checkStackBounds } from './stack.js';
import { Errno } from './verifier-error.js';

const SLOT_BYTES = 8;

/** Stack slots that hold a dynptr or an iterator. */
export interface ObjectPlace {
  readonly depth: number;
  /** Slot at the lowest address: the highest index. */
  readonly slot: number;
}

/**
 * Slots that a stack pointer names as the start of an object; null, with the reason printed, when it can be none.
 * The slots need not exist.
 */
export function objectPlace(env: Env, regno: number, kind: 'dynptr' | 'iter'): ObjectPlace | null {
  const { regs } = env;
  const reg = env.reg(regno);
  const off = regs.off(reg) + regs.valueNumber(reg);
  const isFixed = regs.isConst(reg);
  if (env.legacy && (!isFixed || off % SLOT_BYTES !== 0)) {
    env.fail(Errno.EINVAL, `cannot pass in ${kind} at an offset`);
  }
  if (!isFixed) {
    env.say(`${kind} has to be at a constant offset`);
    return null;
  }
  if (off % SLOT_BYTES !== 0) {
    env.say(`cannot pass in ${kind} at an offset=${off}`);
    return null;
  }
  return { depth: regs.get(reg, W_FRAME), slot: (-off - 1) >> 3 };
}

/** A call that makes an object stores it slot by slot: all of them lie in the frame. */
export function checkObjectRoom(env: Env, regno: number, slots: number): void {
  const off = env.regs.off(env.reg(regno));
  for (let i = 0; i < slots; i++) {
    checkStackBounds(env, regno, off + i * SLOT_BYTES, SLOT_BYTES, StackUse.WRITE);
  }
}

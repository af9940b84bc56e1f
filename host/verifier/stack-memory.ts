import { StackUse, checkStackBounds, frameOf, isSpill } from './stack.js';
import { SLOT_DYNPTR, SLOT_INVALID, SLOT_MISC, SLOT_ZERO } from '../../assembly/layout/verifier.js';
import type { Env } from './env.js';
import { markRead } from './liveness.js';
import { tnumText } from './log-text.js';
import { kindAddress, slotAddress } from './state.js';
import { Errno } from './verifier-error.js';

/** What a helper may write without having read it: remembered until its arguments are all checked. */
export interface RawMemory {
  regno: number;
  size: number;
}

/**
 * Checks that stack memory may be read by a helper (or a variable-offset load). With `raw` given and a fixed offset
 * the memory need not be initialised: the helper writes it.
 */
export function checkStackInitialized(
  env: Env,
  regno: number,
  off: number,
  size: number,
  zeroAllowed: boolean,
  use: StackUse,
  raw: RawMemory | null,
): void {
  const { regs, mem } = env;
  const reg = env.reg(regno);
  if (size === 0 && !zeroAllowed) env.fail(Errno.EACCES, 'invalid zero-sized read');
  checkStackBounds(env, regno, off, size, use);
  const depth = frameOf(env, reg);
  const what = use === StackUse.HELPER ? ' indirect' : '';
  const fixed = regs.isConst(reg);
  let min: number;
  let max: number;
  let rawNow = raw;
  if (fixed) {
    min = regs.valueNumber(reg) + off;
    max = min;
  } else {
    if (!env.privileged) {
      const range = tnumText(regs.value(reg), regs.mask(reg));
      env.fail(
        Errno.EACCES,
        `R${regno}${what} variable offset stack access prohibited for !root, var_off=${range}`,
      );
    }
    // The written bytes are not known: they must hold something before.
    if (rawNow !== null) rawNow = null;
    min = Number(regs.smin(reg)) + off;
    max = Number(regs.smax(reg)) + off;
  }
  if (rawNow !== null) {
    for (let at = min; at < max + size; at++) {
      const byte = -at - 1;
      const slot = byte >> 3;
      const frame = env.state.frames[depth];
      if (slot >= env.frames.slots(frame)) continue;
      if (!env.legacy && mem.bytes[kindAddress(frame, slot, byte & 7)] === SLOT_DYNPTR) {
        env.fail(Errno.EACCES, `potential write to dynptr at off=${at} disallowed`);
      }
    }
    rawNow.regno = regno;
    rawNow.size = size;
    return;
  }
  for (let at = min; at < max + size; at++) {
    const byte = -at - 1;
    const slot = byte >> 3;
    const frame = env.state.frames[depth];
    const known = slot < env.frames.slots(frame);
    if (known && byteReadable(env, depth, slot, byte & 7, use === StackUse.HELPER)) continue;
    if (!known && env.privileged) {
      env.growStack(depth, slot + 1);
      continue;
    }
    if (fixed) {
      env.fail(Errno.EACCES, `invalid${what} read from stack R${regno} off ${min}+${at - min} size ${size}`);
    }
    const range = tnumText(regs.value(reg), regs.mask(reg));
    env.fail(
      Errno.EACCES,
      `invalid${what} read from stack R${regno} var_off ${range}+${at - min} size ${size}`,
    );
  }
}

/** Whether a byte may be read; with `clobber` (helpers, which may write) what it held is forgotten. */
function byteReadable(env: Env, depth: number, slot: number, byte: number, clobber: boolean): boolean {
  const { mem, regs } = env;
  const frame = env.state.frames[depth];
  const at = kindAddress(frame, slot, byte);
  const place = slotAddress(frame, slot);
  const kind = mem.bytes[at];
  if (kind === SLOT_ZERO || (kind === SLOT_INVALID && env.privileged)) {
    if (clobber) mem.bytes[at] = SLOT_MISC;
  } else if (isSpill(env, frame, slot) && (regs.isScalar(place) || env.privileged)) {
    if (clobber) {
      regs.setUnknown(place);
      for (let i = 0; i < 8; i++) {
        const other = kindAddress(frame, slot, i);
        if (mem.bytes[other] !== SLOT_INVALID) mem.bytes[other] = SLOT_MISC;
      }
    }
  } else if (kind !== SLOT_MISC) {
    return false;
  }
  markRead(env, place, false);
  return true;
}

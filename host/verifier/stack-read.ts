import {
  LIVE_WRITTEN,
  SLOT_INVALID,
  SLOT_MISC,
  SLOT_SPILL,
  SLOT_ZERO,
} from '../../assembly/layout/verifier.js';
import type { HostAddress } from '../quantities.js';
import type { Env } from './env.js';
import { markRead } from './liveness.js';
import { tnumText } from './log-text.js';
import { noteStackAccess } from './precision.js';
import { RegType } from './reg-type.js';
import { W_LIVE, W_PRECISE, W_SUBREG } from './registers.js';
import { SLOT_BYTES, StackUse, frameOf, isPointer, isSpill, touchSlot, valueFits } from './stack.js';
import { checkStackInitialized } from './stack-memory.js';
import { kindAddress, slotAddress } from './state.js';
import { Errno } from './verifier-error.js';

function failRead(env: Env, off: number, byte: number, size: number): never {
  return env.fail(Errno.EACCES, `invalid read from stack off ${off}+${byte} size ${size}`);
}

/** What bytes [min, max) of a frame that hold no spilled register give when read. */
function readBytes(env: Env, frame: HostAddress, min: number, max: number, dst: number): void {
  let zeros = 0;
  for (let at = min; at < max; at++) {
    const byte = -at - 1;
    const slot = byte >> 3;
    markRead(env, slotAddress(frame, slot), false);
    if (env.mem.bytes[kindAddress(frame, slot, byte & 7)] !== SLOT_ZERO) break;
    zeros++;
  }
  const reg = env.reg(dst);
  if (zeros === max - min) {
    env.regs.setSmallConst(reg, 0, true);
    if (env.legacy) env.regs.set(reg, W_PRECISE, 1);
  } else {
    env.regs.setUnknown(reg);
  }
  env.mem.words[(reg >> 2) + W_LIVE] |= LIVE_WRITTEN;
}

function fillPart(
  env: Env,
  frame: HostAddress,
  depth: number,
  slot: number,
  off: number,
  size: number,
  spilled: number,
  dst: number,
): void {
  const { regs, mem } = env;
  const place = slotAddress(frame, slot);
  const byte = -off - 1;
  if (regs.type(place) !== RegType.SCALAR) env.fail(Errno.EACCES, 'invalid size of register fill');
  markRead(env, place, false);
  if (dst < 0) return;
  const reg = env.reg(dst);
  const whole = env.legacy ? size === spilled : size <= spilled;
  if (off % SLOT_BYTES === 0 && whole) {
    const def = regs.get(reg, W_SUBREG);
    regs.copy(reg, place);
    regs.set(reg, W_SUBREG, def);
    if (!env.legacy && !valueFits(env, place, size)) regs.unlink(reg);
    noteStackAccess(env, depth, slot);
  } else {
    let spills = 0;
    let zeros = 0;
    for (let i = 0; i < size; i++) {
      const kind = mem.bytes[kindAddress(frame, slot, (byte - i) & 7)];
      if (kind === SLOT_SPILL) spills++;
      else if (kind === SLOT_ZERO) zeros++;
      else if (kind !== SLOT_MISC && !(kind === SLOT_INVALID && env.privileged)) failRead(env, off, i, size);
    }
    if (!env.legacy && spills === size && regs.isZero(place)) {
      regs.setSmallConst(reg, 0, true);
      noteStackAccess(env, depth, slot);
    } else if (!env.legacy && zeros === size) {
      regs.setSmallConst(reg, 0, true);
    } else {
      regs.setUnknown(reg);
    }
  }
  mem.words[(reg >> 2) + W_LIVE] |= LIVE_WRITTEN;
}

function readFixed(env: Env, ptr: HostAddress, off: number, size: number, dst: number): void {
  const depth = frameOf(env, ptr);
  const byte = -off - 1;
  const slot = byte >> 3;
  const frame = env.legacy ? env.growStack(depth, slot + 1) : env.state.frames[depth];
  const place = slotAddress(frame, slot);
  const { regs, mem } = env;
  if (!env.legacy) touchSlot(env, depth, slot);
  if (isSpill(env, frame, slot)) {
    let spilled = 1;
    for (let i = 7; i > 0 && mem.bytes[kindAddress(frame, slot, i - 1)] === SLOT_SPILL; i--) spilled++;
    if (size !== SLOT_BYTES || spilled !== SLOT_BYTES) {
      fillPart(env, frame, depth, slot, off, size, spilled, dst);
      return;
    }
    if (dst >= 0) {
      const reg = env.reg(dst);
      regs.copy(reg, place);
      mem.words[(reg >> 2) + W_LIVE] |= LIVE_WRITTEN;
    } else if (!env.privileged && isPointer(regs.type(place))) {
      env.fail(Errno.EACCES, `leaking pointer from stack off ${off}`);
    }
    markRead(env, place, false);
    noteStackAccess(env, depth, slot);
    return;
  }
  for (let i = 0; i < size; i++) {
    const kind = mem.bytes[kindAddress(frame, slot, (byte - i) & 7)];
    if (kind === SLOT_MISC || kind === SLOT_ZERO) continue;
    if (kind === SLOT_INVALID && env.privileged) continue;
    failRead(env, off, i, size);
  }
  markRead(env, place, false);
  if (dst >= 0) readBytes(env, frame, off, off + size, dst);
}

/** Load from the stack into a register (dst < 0: a value that goes nowhere). */
export function readStack(env: Env, ptrReg: number, off: number, size: number, dst: number): void {
  const ptr = env.reg(ptrReg);
  const { regs } = env;
  if (regs.isConst(ptr)) {
    readFixed(env, ptr, off + regs.valueNumber(ptr), size, dst);
    return;
  }
  if (dst < 0) {
    const range = tnumText(regs.value(ptr), regs.mask(ptr));
    env.fail(
      Errno.EACCES,
      `variable offset stack pointer cannot be passed into helper function; var_off=${range} off=${off} size=${size}`,
    );
  }
  checkStackInitialized(env, ptrReg, off, size, false, StackUse.READ, null);
  const frame = env.state.frames[frameOf(env, ptr)];
  readBytes(env, frame, Number(regs.smin(ptr)) + off, Number(regs.smax(ptr)) + off + size, dst);
}

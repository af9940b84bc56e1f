import { FRAME_SUBPROGRAM, ID_ADD_CONST, SLOT_SPILL } from '../../assembly/layout/verifier.js';
import type { HostAddress } from '../quantities.js';
import type { Env } from './env.js';
import { tnumText } from './log-text.js';
import { RegType } from './reg-type.js';
import { W_FRAME, W_ID } from './registers.js';
import { kindAddress, regAddress, slotAddress } from './state.js';
import { Errno } from './verifier-error.js';

export const STACK_BYTES = 512;
export const SLOT_BYTES = 8;
const UNBOUNDED = 1n << 29n;

/** How stack memory is used; the text is part of messages. */
export const StackUse = { READ: ' read from', WRITE: ' write to', HELPER: ' indirect access to' } as const;
export type StackUse = (typeof StackUse)[keyof typeof StackUse];

/** Gives a scalar that is about to be copied an id that ties the copies. */
export function assignScalarId(env: Env, reg: HostAddress): void {
  const { regs } = env;
  if (!regs.isScalar(reg) || regs.isConst(reg)) return;
  const id = regs.id(reg);
  if ((id & ID_ADD_CONST) !== 0) {
    regs.unlink(reg);
  }
  if (regs.id(reg) === 0) regs.set(reg, W_ID, env.newId());
}

/** Depth of the frame a stack pointer points into. */
export function frameOf(env: Env, reg: HostAddress): number {
  return env.regs.get(reg, W_FRAME);
}

/** Checks a stack access against the frame and makes room for it. Offsets include the register's fixed part. */
export function checkStackBounds(env: Env, regno: number, off: number, size: number, use: StackUse): void {
  const { regs } = env;
  const reg = env.reg(regno);
  let min: number;
  let max: number;
  const fixed = regs.isConst(reg);
  if (fixed) {
    min = regs.valueNumber(reg) + off;
    max = min + size;
  } else {
    if (regs.smax(reg) >= UNBOUNDED || regs.smin(reg) <= -UNBOUNDED) {
      env.fail(Errno.EACCES, `invalid unbounded variable-offset${use} stack R${regno}`);
    }
    min = Number(regs.smin(reg)) + off;
    max = Number(regs.smax(reg)) + off + size;
  }
  const starts = min >= -STACK_BYTES && min < 0;
  if (!starts || max > 0) {
    const errno = starts ? Errno.EINVAL : Errno.EACCES;
    if (fixed) env.fail(errno, `invalid${use} stack R${regno} off=${off} size=${size}`);
    const range = tnumText(regs.value(reg), regs.mask(reg));
    const where = env.legacy ? '' : ` off=${off}`;
    env.fail(errno, `invalid variable-offset${use} stack R${regno} var_off=${range}${where} size=${size}`);
  }
  const depth = frameOf(env, reg);
  const slots = Math.ceil(-min / SLOT_BYTES);
  const frame = env.state.frames[depth];
  const subprogram = env.frames.get(frame, FRAME_SUBPROGRAM);
  const used = env.legacy ? -min : slots * SLOT_BYTES;
  if (used > env.stackDepth[subprogram]) env.stackDepth[subprogram] = used;
  if (!env.legacy) env.growStack(depth, slots);
}

/** Whether a slot holds a spilled register. */
export function isSpill(env: Env, frame: HostAddress, slot: number): boolean {
  return env.mem.bytes[kindAddress(frame, slot, 7)] === SLOT_SPILL;
}

/** Whether `size` bytes hold all that a scalar can be. */
export function valueFits(env: Env, reg: HostAddress, size: number): boolean {
  if (size >= 8) return true;
  return env.regs.umax(reg) < 1n << BigInt(size * 8);
}

/** Notes for the log that an instruction touched a slot of the frame in progress. */
export function touchSlot(env: Env, depth: number, slot: number): void {
  if (depth === env.state.frames.length - 1) env.touchSlot(slot);
}

/** Neither a number nor nothing. */
export function isPointer(type: number): boolean {
  return type !== RegType.SCALAR && type !== RegType.NOT_INIT;
}

/** Registers and scalar ids in slots, for parts that walk all places: calls `visit` for each spilled register. */
export function forEachSpill(
  env: Env,
  frame: HostAddress,
  visit: (place: HostAddress, slot: number) => void,
): void {
  const slots = env.frames.slots(frame);
  for (let slot = 0; slot < slots; slot++) {
    if (isSpill(env, frame, slot)) visit(slotAddress(frame, slot), slot);
  }
}

/** Visits every register and spilled register of the current state. */
export function forEachPlace(env: Env, visit: (place: HostAddress) => void): void {
  for (const frame of env.state.frames) {
    for (let i = 0; i < 11; i++) visit(regAddress(frame, i));
    forEachSpill(env, frame, visit);
  }
}

import { checkStackInitialized } from './stack-memory.js';
import {
  FRAME_SUBPROGRAM,
  LIVE_WRITTEN,
  SLOT_DYNPTR,
  SLOT_INVALID,
  SLOT_ITER,
  SLOT_MISC,
  SLOT_SPILL,
  SLOT_ZERO,
} from '../../assembly/layout/verifier.js';
import type { HostAddress } from '../quantities.js';
import { destroyDynptr } from './dynptr.js';
import type { Env } from './env.js';
import { markRead } from './liveness.js';
import { tnumText } from './log-text.js';
import { markPrecise, noteStackAccess } from './precision.js';
import { W_FRAME, W_ID, W_LIVE, W_SUBREG, W_OFF, W_PRECISE, W_TYPE } from './registers.js';
import { RegType } from './reg-type.js';
import { kindAddress, regAddress, slotAddress } from './state.js';
import { Errno } from './verifier-error.js';
import { ID_ADD_CONST } from '../../assembly/layout/verifier.js';

export const STACK_BYTES = 512;
const SLOT_BYTES = 8;
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
    regs.set(reg, W_ID, 0);
    regs.set(reg, W_OFF, 0);
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

/** Width in bits that a scalar's value needs. */
function valueFits(env: Env, reg: HostAddress, size: number): boolean {
  if (size >= 8) return true;
  return env.regs.umax(reg) < 1n << BigInt(size * 8);
}

function touchSlot(env: Env, depth: number, slot: number): void {
  if (depth === env.state.frames.length - 1) env.touchSlot(slot);
}

/** Copies a register into a slot's low `size` bytes. */
function spill(env: Env, frame: HostAddress, slot: number, reg: HostAddress, size: number): void {
  const place = slotAddress(frame, slot);
  const { bytes } = env.mem;
  env.regs.copy(place, reg);
  if (size === SLOT_BYTES) env.mem.words[(place >> 2) + W_LIVE] |= LIVE_WRITTEN;
  const kinds = kindAddress(frame, slot, 0);
  for (let i = 0; i < 8; i++) {
    if (i >= 8 - size) bytes[kinds + i] = SLOT_SPILL;
    else if (env.legacy) bytes[kinds + i] = bytes[kinds + i] === SLOT_INVALID ? SLOT_INVALID : SLOT_MISC;
    else if (bytes[kinds + i] !== SLOT_ZERO && !(env.privileged && bytes[kinds + i] === SLOT_INVALID)) {
      bytes[kinds + i] = SLOT_MISC;
    }
  }
}

function keepsState(env: Env, value: HostAddress): boolean {
  if (!env.capBpf) return false;
  if (!env.regs.isScalar(value)) return false;
  if (!env.legacy) return true;
  return isBounded(env, value) && !env.regs.isZero(value);
}

/** Linux 6.1: some bound is known. */
function isBounded(env: Env, reg: HostAddress): boolean {
  const { regs } = env;
  if (!regs.isUnknown(reg)) return true;
  const w = env.mem.words;
  const at = (reg >> 2) + 4;
  return !(
    w[at] === 0 &&
    w[at + 1] === -2147483648 &&
    w[at + 2] === -1 &&
    w[at + 3] === 2147483647 &&
    w[at + 4] === 0 &&
    w[at + 5] === 0 &&
    w[at + 6] === -1 &&
    w[at + 7] === -1 &&
    w[at + 8] === -2147483648 &&
    w[at + 9] === 2147483647 &&
    w[at + 10] === 0 &&
    w[at + 11] === -1
  );
}

/** A store that a later load may overtake and see what was there before: unprivileged programs need a barrier. */
function noteBarrier(
  env: Env,
  frame: HostAddress,
  slot: number,
  off: number,
  size: number,
  valueReg: number,
): void {
  let needed = valueReg >= 0 && isPointer(env.regs.type(env.reg(valueReg)));
  for (let i = 0; i < size; i++) {
    const kind = env.mem.bytes[kindAddress(frame, slot, (-off - 1 - i) & 7)];
    if (kind !== SLOT_MISC && kind !== SLOT_ZERO) needed = true;
  }
  if (needed) env.aux.nospec[env.insn] = 1;
}

function writeFixed(env: Env, ptr: HostAddress, off: number, size: number, valueReg: number): void {
  const depth = frameOf(env, ptr);
  const byte = -off - 1;
  const slot = byte >> 3;
  const frame = env.growStack(depth, slot + 1);
  const place = slotAddress(frame, slot);
  const { regs, mem } = env;
  touchSlot(env, depth, slot);
  if (!env.privileged && size !== SLOT_BYTES && isSpill(env, frame, slot) && isPointer(regs.type(place))) {
    env.fail(Errno.EACCES, 'attempt to corrupt spilled pointer on stack');
  }
  if (!env.privileged) noteBarrier(env, frame, slot, off, size, valueReg);
  destroyDynptr(env, depth, slot);
  const opcode = env.code.opcode[env.insn];
  const imm = env.code.imm[env.insn];
  const isStore = (opcode & 0x07) === 2;
  const value = valueReg >= 0 ? env.reg(valueReg) : 0;
  const aligned = off % SLOT_BYTES === 0;
  if (value !== 0 && aligned && keepsState(env, value)) {
    if (env.legacy) {
      // Its walk back recognises only stores at the frame pointer.
      if (env.code.dst[env.insn] !== 10) markPrecise(env, valueReg);
      spill(env, frame, slot, value, size);
      if (size < 8 && !valueFits(env, value, size)) regs.set(place, W_ID, 0);
    } else {
      const fits = valueFits(env, value, size);
      if (fits) assignScalarId(env, value);
      spill(env, frame, slot, value, size);
      if (!fits) regs.set(place, W_ID, 0);
    }
    noteStackAccess(env, depth, slot);
    return;
  }
  if (value === 0 && isStore && aligned && env.capBpf && !(env.legacy && imm === 0)) {
    regs.setSmallConst(env.scratch2, imm, false);
    spill(env, frame, slot, env.scratch2, size);
    noteStackAccess(env, depth, slot);
    return;
  }
  if (value !== 0 && isPointer(regs.type(value))) {
    if (size !== SLOT_BYTES) env.fail(Errno.EACCES, 'invalid size of register spill');
    if (depth !== env.state.frames.length - 1 && regs.type(value) === RegType.STACK) {
      env.fail(Errno.EINVAL, 'cannot spill pointers to stack into stack frame of the caller');
    }
    spill(env, frame, slot, value, size);
    noteStackAccess(env, depth, slot);
    return;
  }
  const kinds = kindAddress(frame, slot, 0);
  regs.set(place, W_TYPE, RegType.NOT_INIT);
  const last = mem.bytes[kinds + 7];
  if (last === SLOT_SPILL || last === SLOT_DYNPTR || last === SLOT_ITER) {
    for (let i = 0; i < 8; i++) {
      if (mem.bytes[kinds + i] !== SLOT_INVALID) mem.bytes[kinds + i] = SLOT_MISC;
    }
  }
  if (size === SLOT_BYTES) mem.words[(place >> 2) + W_LIVE] |= LIVE_WRITTEN;
  let kind: number = SLOT_MISC;
  if (value !== 0 ? regs.isZero(value) : isStore && imm === 0 && (!env.legacy || env.legacyZeroStore)) {
    if (value !== 0) markPrecise(env, valueReg);
    kind = SLOT_ZERO;
  }
  // Backtracking may print and so change nothing here, but growth may have moved the frame.
  const at = kindAddress(env.state.frames[depth], slot, 0);
  for (let i = 0; i < size; i++) mem.bytes[at + ((byte - i) & 7)] = kind;
}

function isPointer(type: number): boolean {
  return type !== RegType.SCALAR && type !== RegType.NOT_INIT;
}

function writeVariable(env: Env, ptr: HostAddress, off: number, size: number, valueReg: number): void {
  const { regs, mem } = env;
  const depth = frameOf(env, ptr);
  const min = Number(regs.smin(ptr)) + off;
  const max = Number(regs.smax(ptr)) + off + size;
  const opcode = env.code.opcode[env.insn];
  const zero =
    valueReg >= 0 ? regs.isZero(env.reg(valueReg)) : (opcode & 7) === 2 && env.code.imm[env.insn] === 0;
  const frame = env.growStack(depth, (-min + 7) >> 3);
  for (let at = min; at < max; at++) destroyDynptr(env, depth, (-at - 1) >> 3);
  let usedZero = false;
  for (let at = min; at < max; at++) {
    const byte = -at - 1;
    const slot = byte >> 3;
    const kind = kindAddress(frame, slot, byte & 7);
    const place = slotAddress(frame, slot);
    touchSlot(env, depth, slot);
    if (!env.privileged && mem.bytes[kind] === SLOT_INVALID) {
      env.fail(
        Errno.EINVAL,
        `uninit stack in range of var-offset write prohibited for !root; insn ${env.insn}, off: ${at}`,
      );
    }
    if (!env.privileged && mem.bytes[kind] !== SLOT_MISC && mem.bytes[kind] !== SLOT_ZERO) {
      env.fail(
        Errno.EINVAL,
        `spilled ptr in range of var-offset stack write; insn ${env.insn}, ptr off: ${at}`,
      );
    }
    if (
      !env.legacy &&
      zero &&
      mem.bytes[kind] === SLOT_SPILL &&
      isSpill(env, frame, slot) &&
      regs.isZero(place)
    ) {
      usedZero = true;
      continue;
    }
    regs.set(place, W_TYPE, RegType.NOT_INIT);
    if (isSpill(env, frame, slot)) {
      for (let i = 0; i < 8; i++) {
        const other = kindAddress(frame, slot, i);
        if (mem.bytes[other] === SLOT_SPILL) mem.bytes[other] = SLOT_MISC;
      }
    }
    let kindNow: number = SLOT_MISC;
    if (zero && mem.bytes[kind] === SLOT_ZERO) {
      kindNow = SLOT_ZERO;
      usedZero = true;
    }
    mem.bytes[kind] = kindNow;
  }
  if (usedZero && valueReg >= 0) markPrecise(env, valueReg);
}

/** Store to the stack; `off` includes the pointer's fixed part, the variable part comes from the register. */
export function writeStack(env: Env, ptrReg: number, off: number, size: number, valueReg: number): void {
  const ptr = env.reg(ptrReg);
  if (env.regs.isConst(ptr)) writeFixed(env, ptr, off + env.regs.valueNumber(ptr), size, valueReg);
  else writeVariable(env, ptr, off, size, valueReg);
}

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
    if (!env.legacy && !valueFits(env, place, size)) regs.set(reg, W_ID, 0);
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

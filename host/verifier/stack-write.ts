import {
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
import { markPrecise, noteStackAccess } from './precision.js';
import { RegType } from './reg-type.js';
import { W_LIVE, W_TYPE } from './registers.js';
import { SLOT_BYTES, assignScalarId, frameOf, isPointer, isSpill, touchSlot, valueFits } from './stack.js';
import { kindAddress, slotAddress } from './state.js';
import { Errno } from './verifier-error.js';

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
      if (size < 8 && !valueFits(env, value, size)) regs.unlink(place);
    } else {
      const fits = valueFits(env, value, size);
      if (fits) assignScalarId(env, value);
      spill(env, frame, slot, value, size);
      if (!fits) regs.unlink(place);
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

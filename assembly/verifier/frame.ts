import {
  FRAME_SLOTS,
  FRAME_STACK,
  LIVE_READ,
  REG_LIVE,
  REG_PARENT,
  REG_PRECISE,
  REG_SIZE,
  REG_TYPE,
  FRAME_REGS,
  SLOT_KINDS,
  SLOT_SIZE,
  SLOT_SPILL,
  TYPE_SCALAR,
} from '../layout/verifier';

/** r0 to r9: r10 never changes. */
const REGISTERS: usize = 10;
const CALLEE_SAVED: usize = 6;
/** How framePreciseRead tells slots from registers. */
const FIRST_SLOT: i32 = 16;

/** Bytes of a frame in use. */
function used(frame: usize): usize {
  return <usize>FRAME_STACK + <usize>load<u32>(frame, FRAME_SLOTS) * SLOT_SIZE;
}

/** Copies the used part of a frame. */
export function frameCopy(to: usize, from: usize): void {
  memory.copy(to, from, used(from));
}

/** No scalar of the frame is known to be needed exactly. */
export function frameForgetPrecision(frame: usize): void {
  let place = frame + FRAME_REGS;
  for (let i: usize = 0; i < REGISTERS; i++) {
    if (load<u32>(place, REG_TYPE) === TYPE_SCALAR) store<u32>(place, 0, REG_PRECISE);
    place += REG_SIZE;
  }
  const end = frame + used(frame);
  for (let slot = frame + FRAME_STACK; slot < end; slot += SLOT_SIZE) {
    const isSpilled = load<u8>(slot, SLOT_KINDS + 7) === SLOT_SPILL;
    if (isSpilled && load<u32>(slot, REG_TYPE) === TYPE_SCALAR) store<u32>(slot, 0, REG_PRECISE);
  }
}

/** Marks of a frame's places go to the same places of `parent` from now on; only r6 to r9 unless `isTop`. */
export function frameConnect(frame: usize, parent: usize, isTop: i32): void {
  for (let i: usize = 0; i < REGISTERS; i++) {
    const at = <usize>FRAME_REGS + i * REG_SIZE;
    if (isTop !== 0 || i >= CALLEE_SAVED) store<u32>(frame + at, <u32>(parent + at), REG_PARENT);
    store<u32>(frame + at, 0, REG_LIVE);
  }
  const end = used(frame);
  for (let at: usize = FRAME_STACK; at < end; at += SLOT_SIZE) {
    store<u32>(frame + at, <u32>(parent + at), REG_PARENT);
    store<u32>(frame + at, 0, REG_LIVE);
  }
}

/** Next place of a frame that was read and is precise, from place `at` on: 0 to 9 registers, 16 + slot; -1 = none. */
export function framePreciseRead(frame: usize, at: i32): i32 {
  for (; at < <i32>REGISTERS; at++) {
    const reg = frame + FRAME_REGS + <usize>at * REG_SIZE;
    const isPrecise = load<u32>(reg, REG_TYPE) === TYPE_SCALAR && load<u32>(reg, REG_PRECISE) !== 0;
    if (isPrecise && (load<u32>(reg, REG_LIVE) & LIVE_READ) !== 0) return at;
  }
  const slots = <i32>load<u32>(frame, FRAME_SLOTS);
  for (let i = at < FIRST_SLOT ? 0 : at - FIRST_SLOT; i < slots; i++) {
    const slot = frame + FRAME_STACK + <usize>i * SLOT_SIZE;
    if (load<u8>(slot, SLOT_KINDS + 7) !== SLOT_SPILL) continue;
    const isPrecise = load<u32>(slot, REG_TYPE) === TYPE_SCALAR && load<u32>(slot, REG_PRECISE) !== 0;
    if (isPrecise && (load<u32>(slot, REG_LIVE) & LIVE_READ) !== 0) return i + FIRST_SLOT;
  }
  return -1;
}

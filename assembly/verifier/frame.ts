import {
  FRAME_ROOM,
  FRAME_SLOTS,
  FRAME_STACK,
  ID_ADD_CONST,
  LIVE_DONE,
  LIVE_READ,
  LIVE_READ64,
  MARKED_REGS,
  MARKS_HEADER,
  MARK_SIZE,
  REG_ID,
  REG_LIVE,
  REG_PARENT,
  REG_PRECISE,
  REG_SIZE,
  REG_TYPE,
  REG_VALUE,
  FRAME_REGS,
  SLOT_KINDS,
  SLOT_SIZE,
  SLOT_SPILL,
  TYPE_MOVED,
  TYPE_NOT_INIT,
  TYPE_SCALAR,
} from '../layout/verifier';
import { liveMarkFrom } from './compare';

/** r0 to r9: r10 never changes. */
const REGISTERS: usize = MARKED_REGS;
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

function isLinked(place: usize, base: u32): bool {
  return (
    load<u32>(place, REG_TYPE) === TYPE_SCALAR && (load<u32>(place, REG_ID) & ~(<u32>ID_ADD_CONST)) === base
  );
}

/** Next place of a frame that holds a scalar of id `base`, from place `at` on: numbers as in framePreciseRead. */
export function frameLinked(frame: usize, base: u32, at: i32): i32 {
  for (; at < <i32>REGISTERS; at++) {
    if (isLinked(frame + FRAME_REGS + <usize>at * REG_SIZE, base)) return at;
  }
  const slots = <i32>load<u32>(frame, FRAME_SLOTS);
  for (let i = at < FIRST_SLOT ? 0 : at - FIRST_SLOT; i < slots; i++) {
    const slot = frame + FRAME_STACK + <usize>i * SLOT_SIZE;
    if (load<u8>(slot, SLOT_KINDS + 7) === SLOT_SPILL && isLinked(slot, base)) return i + FIRST_SLOT;
  }
  return -1;
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

/** Notes that no more marks come; 1 = the place was read. */
function finish(place: usize): bool {
  const live = load<u32>(place, REG_LIVE);
  store<u32>(place, live | LIVE_DONE, REG_LIVE);
  if ((live & LIVE_READ) !== 0) return true;
  store<u32>(place, TYPE_NOT_INIT, REG_TYPE);
  store<u32>(place, 0, REG_PRECISE);
  return false;
}

/** A proved frame keeps only what it read: the rest never mattered. */
export function frameClean(frame: usize): void {
  for (let i: usize = 0; i < REGISTERS; i++) finish(frame + FRAME_REGS + i * REG_SIZE);
  const end = frame + used(frame);
  for (let slot = frame + FRAME_STACK; slot < end; slot += SLOT_SIZE) {
    if (!finish(slot)) store<u64>(slot, 0, SLOT_KINDS);
  }
}

function propagate(from: usize, to: usize): i32 {
  const want = load<u32>(from, REG_LIVE) & LIVE_READ;
  if (want === 0) return 0;
  const have = load<u32>(to, REG_LIVE) & LIVE_READ;
  if (have === LIVE_READ64 || have === want) return 0;
  return liveMarkFrom(to, want);
}

/** What the proved frame read is read in `to` as well; only r6 to r9 unless `isTop`. Most parents marked at once. */
export function framePropagateRead(from: usize, to: usize, isTop: i32): i32 {
  let longest = 0;
  for (let i: usize = isTop !== 0 ? 0 : CALLEE_SAVED; i < REGISTERS; i++) {
    const at = <usize>FRAME_REGS + i * REG_SIZE;
    const marked = propagate(from + at, to + at);
    if (marked > longest) longest = marked;
  }
  const a = used(from);
  const b = used(to);
  const end = a < b ? a : b;
  for (let at: usize = FRAME_STACK; at < end; at += SLOT_SIZE) {
    const marked = propagate(from + at, to + at);
    if (marked > longest) longest = marked;
  }
  return longest;
}

/** Keeps a place's marks at `to`, and says so at the place. */
function keepMarks(to: usize, from: usize, isScalar: bool): void {
  memory.copy(to, from + REG_LIVE, MARK_SIZE);
  if (!isScalar) store<u32>(to, 1, REG_PRECISE - REG_LIVE);
  store<u32>(from, TYPE_MOVED, REG_TYPE);
  store<u32>(from, <u32>(to - REG_LIVE), REG_VALUE);
}

/** Keeps of the frame at `from` only its marks, at `to`; the frame is only good to find out where its places are. */
export function frameMarks(to: usize, from: usize): void {
  memory.fill(to, 0, MARKS_HEADER);
  memory.copy(to, from, FRAME_ROOM);
  to += MARKS_HEADER;
  let place = from + FRAME_REGS;
  for (let i: usize = 0; i < REGISTERS; i++) {
    keepMarks(to, place, load<u32>(place, REG_TYPE) === TYPE_SCALAR);
    to += MARK_SIZE;
    place += REG_SIZE;
  }
  const end = from + used(from);
  for (let slot = from + FRAME_STACK; slot < end; slot += SLOT_SIZE) {
    const isSpilled = load<u8>(slot, SLOT_KINDS + 7) === SLOT_SPILL;
    keepMarks(to, slot, isSpilled && load<u32>(slot, REG_TYPE) === TYPE_SCALAR);
    to += MARK_SIZE;
  }
}

function followParents(place: usize, end: usize, step: usize): void {
  for (; place < end; place += step) {
    const parent = <usize>load<u32>(place, REG_PARENT);
    if (parent === 0 || load<u32>(parent, REG_TYPE) !== TYPE_MOVED) continue;
    store<u32>(place, load<u32>(parent, REG_VALUE), REG_PARENT);
  }
}

/** Places of a frame (of marks, with `isMarks`) whose parents have moved find them where they are now. */
export function frameFollow(frame: usize, isMarks: i32): void {
  const slots: usize = load<u32>(frame, FRAME_SLOTS);
  if (isMarks !== 0) {
    const first = frame + MARKS_HEADER - REG_LIVE;
    followParents(first, first + (REGISTERS + slots) * MARK_SIZE, MARK_SIZE);
    return;
  }
  followParents(frame + FRAME_REGS, frame + FRAME_REGS + REGISTERS * REG_SIZE, REG_SIZE);
  followParents(frame + FRAME_STACK, frame + FRAME_STACK + slots * SLOT_SIZE, SLOT_SIZE);
}

import {
  EXACT,
  FRAME_REGS,
  FRAME_SLOTS,
  FRAME_STACK,
  ID_ADD_CONST,
  LIVE_READ,
  NOT_EXACT,
  REG_A,
  REG_B,
  REG_C,
  REG_FRAME,
  REG_ID,
  REG_LIVE,
  REG_OFF,
  REG_PRECISE,
  REG_REF,
  REG_SIZE,
  REG_TYPE,
  REG_VALUE,
  SLOT_DYNPTR,
  SLOT_INVALID,
  SLOT_ITER,
  SLOT_KINDS,
  SLOT_MISC,
  SLOT_SIZE,
  SLOT_SPILL,
  SLOT_ZERO,
  TYPE_ARENA,
  TYPE_BASE,
  TYPE_BUF,
  TYPE_MAP_KEY,
  TYPE_MAP_VALUE,
  TYPE_MEM,
  TYPE_NOT_INIT,
  TYPE_PACKET,
  TYPE_PACKET_META,
  TYPE_SCALAR,
  TYPE_STACK,
  TYPE_TP_BUFFER,
} from '../layout/verifier';
import { isLegacy } from './bounds';
import { recordEqual, scalarWithin } from './compare';
import { idsSame, idsSameScalar } from './id-map';

const REGISTERS: i32 = 11;
/** Kinds of a slot that is spilled as a whole. */
const ALL_SPILL: u64 = 0x0101010101010101;
/** What precedes the frame, REG_C apart, in words of 8 bytes. */
const WHOLE_WORDS: usize = REG_C;
/** Scalars that nothing needed exactly may be any. */
let tracksPrecision: bool = true;
/** What was never written may be read. */
let readsUninitialized: bool = true;
/** Register record of a scalar of which nothing is known. */
let unknown: usize = 0;

/** Sets what comparisons depend on besides the states. */
export function coversSetUp(precision: i32, uninitialized: i32, unknownScalar: usize): void {
  tracksPrecision = precision !== 0;
  readsUninitialized = uninitialized !== 0;
  unknown = unknownScalar;
}

function sameIdentity(old: usize, cur: usize): bool {
  return (
    load<u32>(old, REG_TYPE) === load<u32>(cur, REG_TYPE) &&
    load<u32>(old, REG_OFF) === load<u32>(cur, REG_OFF) &&
    load<u32>(old, REG_A) === load<u32>(cur, REG_A) &&
    load<u32>(old, REG_B) === load<u32>(cur, REG_B) &&
    load<u32>(old, REG_C) === load<u32>(cur, REG_C)
  );
}

function sameIds(old: usize, cur: usize): bool {
  return (
    idsSame(load<u32>(old, REG_ID), load<u32>(cur, REG_ID)) !== 0 &&
    idsSame(load<u32>(old, REG_REF), load<u32>(cur, REG_REF)) !== 0
  );
}

function sameExactly(old: usize, cur: usize): bool {
  return recordEqual(old, cur, REG_ID) !== 0 && sameIdentity(old, cur) && sameIds(old, cur);
}

function scalarCovers(old: usize, cur: usize, how: i32): bool {
  if (load<u32>(old, REG_PRECISE) === 0 && how === NOT_EXACT && tracksPrecision) return true;
  const oldId = load<u32>(old, REG_ID);
  const curId = load<u32>(cur, REG_ID);
  if (isLegacy()) {
    if (scalarWithin(old, cur) === 0) return false;
    return oldId === 0 || idsSame(oldId, curId) !== 0;
  }
  const linked = oldId & (<u32>ID_ADD_CONST);
  if (linked !== (curId & (<u32>ID_ADD_CONST))) return false;
  if (linked !== 0 && load<u32>(old, REG_OFF) !== load<u32>(cur, REG_OFF)) return false;
  // A scalar at a distance is tied to those without one.
  return scalarWithin(old, cur) !== 0 && idsSameScalar(oldId ^ linked, curId ^ linked) !== 0;
}

/** Whether what was proved for the register at `old` holds for the one at `cur`. */
function covers(old: usize, cur: usize, how: i32): bool {
  if (how === EXACT) return sameExactly(old, cur);
  if (how === NOT_EXACT && (load<u32>(old, REG_LIVE) & LIVE_READ) === 0) return true;
  const type = load<u32>(old, REG_TYPE);
  const curType = load<u32>(cur, REG_TYPE);
  if (type === TYPE_NOT_INIT && (how === NOT_EXACT || curType === TYPE_NOT_INIT)) return true;
  if (type !== curType) return false;
  const base = type & TYPE_BASE;
  if (base === TYPE_SCALAR) return scalarCovers(old, cur, how);
  if (base === TYPE_PACKET || base === TYPE_PACKET_META) {
    return (
      load<i32>(old, REG_A) <= load<i32>(cur, REG_A) &&
      load<u32>(old, REG_OFF) === load<u32>(cur, REG_OFF) &&
      idsSame(load<u32>(old, REG_ID), load<u32>(cur, REG_ID)) !== 0 &&
      scalarWithin(old, cur) !== 0
    );
  }
  if (base === TYPE_STACK) {
    return sameExactly(old, cur) && load<u32>(old, REG_FRAME) === load<u32>(cur, REG_FRAME);
  }
  if (base === TYPE_ARENA) return true;
  const isMemory =
    base === TYPE_MAP_KEY ||
    base === TYPE_MAP_VALUE ||
    base === TYPE_MEM ||
    base === TYPE_BUF ||
    base === TYPE_TP_BUFFER;
  if (!isMemory) return sameExactly(old, cur);
  return sameIdentity(old, cur) && scalarWithin(old, cur) !== 0 && sameIds(old, cur);
}

/** The scalar that a whole slot holds: spilled, or unknown when all bytes are plain; 0 = none. */
function scalarOfSlot(slot: usize): usize {
  if (load<u8>(slot, SLOT_KINDS) === SLOT_SPILL && load<u32>(slot, REG_TYPE) === TYPE_SCALAR) return slot;
  for (let i: usize = 0; i < 8; i++) {
    const kind = load<u8>(slot + i, SLOT_KINDS);
    if (kind !== SLOT_MISC && !(kind === SLOT_INVALID && readsUninitialized)) return 0;
  }
  return unknown;
}

function slotCovers(old: usize, cur: usize, how: i32): bool {
  const kind = load<u8>(old, SLOT_KINDS + 7);
  if (kind === SLOT_SPILL) return covers(old, cur, how);
  if (kind !== SLOT_DYNPTR && kind !== SLOT_ITER) return true;
  return (
    load<u32>(old, REG_A) === load<u32>(cur, REG_A) &&
    load<u32>(old, REG_C) === load<u32>(cur, REG_C) &&
    idsSame(load<u32>(old, REG_REF), load<u32>(cur, REG_REF)) !== 0
  );
}

/** The kinds of a slot's bytes, one after the other; `isThere` = the other frame has the slot at all. */
function kindsCover(old: usize, cur: usize, isThere: bool, how: i32): bool {
  const modern = !isLegacy();
  for (let i: usize = 0; i < 8; i++) {
    const kind = load<u8>(old + i, SLOT_KINDS);
    if (kind === SLOT_INVALID) continue;
    if (readsUninitialized && modern && kind === SLOT_MISC) continue;
    if (!isThere) return false;
    if (modern) {
      const a = scalarOfSlot(old);
      const b: usize = a === 0 ? <usize>0 : scalarOfSlot(cur);
      if (a !== 0 && b !== 0) return covers(a, b, how);
    }
    const curKind = load<u8>(cur + i, SLOT_KINDS);
    if (kind === SLOT_MISC && curKind === SLOT_ZERO) continue;
    if (kind !== curKind) return false;
    if (i === 7) return slotCovers(old, cur, how);
  }
  return true;
}

/** 1, or minus the slot that differs. */
function stackCovers(old: usize, cur: usize, how: i32): i32 {
  const slots = load<i32>(old, FRAME_SLOTS);
  const curSlots = load<i32>(cur, FRAME_SLOTS);
  for (let i = 0; i < slots; i++) {
    const at = <usize>FRAME_STACK + <usize>i * SLOT_SIZE;
    const isThere = i < curSlots;
    if (how === NOT_EXACT) {
      if ((load<u32>(old + at, REG_LIVE) & LIVE_READ) === 0) continue;
    } else {
      if (!isThere) return -(<i32>at);
      if (load<u64>(old + at, SLOT_KINDS) !== load<u64>(cur + at, SLOT_KINDS)) return -(<i32>at);
    }
    if (!kindsCover(old + at, cur + at, isThere, how)) return -(<i32>at);
  }
  return 1;
}

/** 1 = what was proved for the frame at `old` holds for the one at `cur`; else 0 or less: minus the place that differs. */
export function frameCovers(old: usize, cur: usize, how: i32): i32 {
  for (let i = 0; i < REGISTERS; i++) {
    const at = <usize>FRAME_REGS + <usize>i * REG_SIZE;
    if (!covers(old + at, cur + at, how)) return -(<i32>at);
  }
  return stackCovers(old, cur, how);
}

/** A place of the frame that holds a whole scalar. */
function isScalarAt(frame: usize, at: usize): bool {
  if (load<u32>(frame + at, REG_TYPE) !== TYPE_SCALAR) return false;
  if (at < <usize>FRAME_STACK) return true;
  const slots: usize = load<u32>(frame, FRAME_SLOTS);
  return at < <usize>FRAME_STACK + slots * SLOT_SIZE && load<u64>(frame + at, SLOT_KINDS) === ALL_SPILL;
}

/** 1 = the scalars at one place of two frames are enough to see that frameCovers says no. */
export function placeExcludes(old: usize, cur: usize, at: usize, how: i32): i32 {
  if (how === EXACT || !isScalarAt(old, at) || !isScalarAt(cur, at)) return 0;
  if (how === NOT_EXACT) {
    if ((load<u32>(old + at, REG_LIVE) & LIVE_READ) === 0) return 0;
    if (tracksPrecision && load<u32>(old + at, REG_PRECISE) === 0) return 0;
  }
  return scalarWithin(old + at, cur + at) ^ 1;
}

/** 1 = the registers of both frames are the same bytes. */
export function frameRegistersEqual(a: usize, b: usize): i32 {
  const end = <usize>FRAME_REGS + <usize>REGISTERS * REG_SIZE;
  // Most states differ in some value: that shows without looking at all the rest.
  for (let at: usize = FRAME_REGS; at < end; at += REG_SIZE) {
    if (load<u64>(a + at, REG_VALUE) !== load<u64>(b + at, REG_VALUE)) return 0;
  }
  for (let at: usize = FRAME_REGS; at < end; at += REG_SIZE) {
    for (let i: usize = 0; i < WHOLE_WORDS; i += 8) {
      if (load<u64>(a + at + i) !== load<u64>(b + at + i)) return 0;
    }
    if (load<u32>(a + at, REG_C) !== load<u32>(b + at, REG_C)) return 0;
  }
  return 1;
}

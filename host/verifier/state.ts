import {
  FRAME_CALLBACK_DEPTH,
  FRAME_CALLSITE,
  FRAME_FLAGS,
  FRAME_HEADER,
  FRAME_NO,
  FRAME_REGS,
  FRAME_ROOM,
  FRAME_SLOTS,
  FRAME_STACK,
  FRAME_SUBPROGRAM,
  MARKED_REGS,
  MARKS_HEADER,
  MARK_SIZE,
  REG_LIVE,
  REG_SIZE,
  SLOT_KINDS,
  SLOT_SIZE,
} from '../../assembly/layout/verifier.js';
import type { VerifierMemory } from '../core/verifier.js';
import type { HostAddress, InsnIndex } from '../quantities.js';
import { NO_STEP } from './history.js';
import { ReferenceList } from './reference-list.js';

/** The spin lock that is held: the object's id and what it lies in. */
export interface HeldLock {
  readonly id: number;
  readonly where: number;
}

export const MAIN_CALLSITE = -1;
const ROOMS = [0, 2, 4, 8, 16, 32, 64, 128];
/** States to use again, of this verification or an earlier one: they live long, and making them anew costs the collector. */
const POOLED = 16_384;
const pool: State[] = [];

/** Everything known at one point of a path: frames in linear memory, the rest here. */
export class State {
  frames: HostAddress[] = [];
  parent: State | null = null;
  /** Paths through this state that are not finished. */
  branches = 0;
  insn: InsnIndex = 0;
  firstInsn: InsnIndex = 0;
  lastInsn: InsnIndex = 0;
  /** Latest step noted since the state's start; copies of a state share what came before. */
  history = NO_STEP;
  historyLength = 0;
  references = ReferenceList.NONE;
  lock: HeldLock | null = null;
  rcuDepth = 0;
  preemptDepth = 0;
  inSleepable = false;
  speculative = false;
  loopEntry: State | null = null;
  depth = 0;
  mayGotoDepth = 0;
  callbackUnroll = 0;
  usedAsLoopEntry = false;
  freed = false;
  /** Frames are marks only (assembly/layout/verifier.ts): values are gone. */
  marksOnly = false;
  /** The walk (dropped.ts) that first left only marks of a state below; 0 = none did. */
  marksBelow = 0;
  /** Taken off the lists of states to compare with. */
  isDropped = false;
  /** Number of the last walk over open paths that met it. */
  visit = 0;
  /** Of a queued state: where it goes on, and the instruction it comes from. */
  nextInsn: InsnIndex = 0;
  previousInsn: InsnIndex = -1;
  /** Of a stored state: how often it proved a path, and how often not. */
  hits = 0;
  misses = 0;
  /** Where the last state it did not cover differed: depth, and offset in the frame; 0 = unknown. */
  differedDepth = 0;
  differedAt = 0;
  /** Every scalar of it and of those above is precise. */
  allPrecise = false;
  /** Nearest state above that was stored at the head of a loop. */
  headAbove: State | null = null;
  /** Only what was read is left. */
  isClean = false;

  get frame(): HostAddress {
    return this.frames[this.frames.length - 1];
  }
}

export const regAddress = (frame: HostAddress, reg: number): HostAddress =>
  frame + FRAME_REGS + reg * REG_SIZE;
export const slotAddress = (frame: HostAddress, slot: number): HostAddress =>
  frame + FRAME_STACK + slot * SLOT_SIZE;
/** The same places of a state that has only marks left. */
export const markedReg = (marks: HostAddress, reg: number): HostAddress =>
  marks + MARKS_HEADER + reg * MARK_SIZE - REG_LIVE;
export const markedSlot = (marks: HostAddress, slot: number): HostAddress =>
  markedReg(marks, MARKED_REGS + slot);
const marksBytes = (slots: number): number => MARKS_HEADER + (MARKED_REGS + slots) * MARK_SIZE;
export const kindAddress = (frame: HostAddress, slot: number, byte: number): HostAddress =>
  frame + FRAME_STACK + slot * SLOT_SIZE + SLOT_KINDS + byte;

/** Frames of states: made, grown, copied and freed in linear memory. */
export class Frames {
  constructor(private readonly mem: VerifierMemory) {}

  get(frame: HostAddress, field: number): number {
    return this.mem.words[(frame + field) >> 2];
  }

  set(frame: HostAddress, field: number, value: number): void {
    this.mem.words[(frame + field) >> 2] = value;
  }

  number(frame: HostAddress): number {
    return this.get(frame, FRAME_NO);
  }

  slots(frame: HostAddress): number {
    return this.get(frame, FRAME_SLOTS);
  }

  create(number: number, subprogram: number, callsite: InsnIndex): HostAddress {
    const frame = this.mem.alloc(FRAME_STACK);
    this.mem.zero(frame, FRAME_STACK);
    this.set(frame, FRAME_NO, number);
    this.set(frame, FRAME_SUBPROGRAM, subprogram);
    this.set(frame, FRAME_CALLSITE, callsite);
    return frame;
  }

  copy(frame: HostAddress): HostAddress {
    const room = this.get(frame, FRAME_ROOM);
    const to = this.mem.alloc(FRAME_STACK + room * SLOT_SIZE);
    this.mem.domain.frameCopy(to, frame);
    return to;
  }

  free(frame: HostAddress): void {
    this.mem.free(frame, FRAME_STACK + this.get(frame, FRAME_ROOM) * SLOT_SIZE);
  }

  /** The frame with at least `slots` slots in use: itself, or a larger copy that replaces it. */
  grow(frame: HostAddress, slots: number): HostAddress {
    const used = this.slots(frame);
    if (slots <= used) return frame;
    let at = frame;
    if (slots > this.get(frame, FRAME_ROOM)) {
      const room = ROOMS.find((size) => size >= slots) ?? slots;
      at = this.mem.alloc(FRAME_STACK + room * SLOT_SIZE);
      this.mem.copy(at, frame, FRAME_STACK + used * SLOT_SIZE);
      this.free(frame);
      this.set(at, FRAME_ROOM, room);
    }
    this.mem.zero(slotAddress(at, used), (slots - used) * SLOT_SIZE);
    this.set(at, FRAME_SLOTS, slots);
    return at;
  }

  flags(frame: HostAddress): number {
    return this.get(frame, FRAME_FLAGS);
  }

  addFlags(frame: HostAddress, flags: number): void {
    this.set(frame, FRAME_FLAGS, this.flags(frame) | flags);
  }

  callbackDepth(frame: HostAddress): number {
    return this.get(frame, FRAME_CALLBACK_DEPTH);
  }

  /** A copy of a state: own frames, all else shared. */
  copyState(from: State): State {
    const to = pool.pop() ?? new State();
    for (let depth = 0; depth < from.frames.length; depth++) to.frames.push(this.copy(from.frames[depth]));
    to.branches = 0;
    to.usedAsLoopEntry = false;
    to.freed = false;
    to.marksOnly = false;
    to.marksBelow = 0;
    to.isDropped = false;
    to.visit = 0;
    to.hits = 0;
    to.misses = 0;
    to.differedAt = 0;
    to.isClean = false;
    to.allPrecise = false;
    to.headAbove = from.headAbove;
    to.parent = from.parent;
    to.insn = from.insn;
    to.firstInsn = from.firstInsn;
    to.lastInsn = from.lastInsn;
    to.history = from.history;
    to.historyLength = from.historyLength;
    to.references = from.references;
    to.lock = from.lock;
    to.rcuDepth = from.rcuDepth;
    to.preemptDepth = from.preemptDepth;
    to.inSleepable = from.inSleepable;
    to.speculative = from.speculative;
    to.loopEntry = from.loopEntry;
    to.depth = from.depth;
    to.mayGotoDepth = from.mayGotoDepth;
    to.callbackUnroll = from.callbackUnroll;
    return to;
  }

  private freeMarks(marks: HostAddress): void {
    this.mem.free(marks, marksBytes(this.slots(marks)));
  }

  /** Replaces the frames of a state by their marks; the frames are still to be freed. */
  keepMarks(state: State): HostAddress[] {
    const old = state.frames;
    state.frames = old.map((frame) => {
      const marks = this.mem.alloc(marksBytes(this.slots(frame)));
      this.mem.domain.frameMarks(marks, frame);
      return marks;
    });
    state.marksOnly = true;
    return old;
  }

  freeState(state: State): void {
    if (state.freed) return;
    for (const frame of state.frames) {
      if (state.marksOnly) this.freeMarks(frame);
      else this.free(frame);
    }
    state.freed = true;
  }

  /** Frees a state that no other refers to. */
  recycle(state: State): void {
    this.freeState(state);
    if (pool.length >= POOLED) return;
    state.frames.length = 0;
    state.parent = null;
    state.headAbove = null;
    state.history = NO_STEP;
    state.loopEntry = null;
    state.lock = null;
    state.references = ReferenceList.NONE;
    pool.push(state);
  }
}

/** Bytes of a frame that describe the call, compared and copied as a whole. */
export const FRAME_HEADER_BYTES = FRAME_HEADER;

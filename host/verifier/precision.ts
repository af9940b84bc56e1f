import { MARKED_REGS, SLOT_SPILL } from '../../assembly/layout/verifier.js';
import type { HostAddress } from '../quantities.js';
import { UNSUPPORTED, isRelevant, slotMask, step } from './backtrack.js';
import type { Env } from './env.js';
import { NO_STEP } from './history.js';
import { LOG_LEVEL2 } from './log.js';
import { frameText } from './log-text.js';
import { FIRST_SLOT } from './place.js';
import { SLOT_BYTES, type Wanted } from './wanted.js';
import { W_PRECISE } from './registers.js';
import { type State, kindAddress, markedReg, markedSlot, regAddress, slotAddress } from './state.js';

const ARGUMENTS = 0x3e;
/** r0 to r9. */
const WALKED_REGS = (1 << MARKED_REGS) - 1;

/** Notes a step of the path: where it came from, and what it touched. Steps of one instruction are joined. */
export function pushHistory(env: Env, slot: number, frame: number, linked: readonly number[] | null): void {
  const { state, history } = env;
  if (env.historyStep === NO_STEP) {
    env.historyStep = history.push(env.insn, env.previous, state.history);
    state.history = env.historyStep;
    state.historyLength++;
  }
  if (slot >= 0) history.touchSlot(env.historyStep, slot, frame);
  if (linked !== null) history.link(env.historyStep, linked);
}

/** The instruction filled a register from a stack slot, or spilled one into it. */
export function noteStackAccess(env: Env, frame: number, slot: number): void {
  if (env.legacy) return;
  pushHistory(env, slot, frame, null);
}

/** A place of a scalar that is marked for the first time. */
function markPlace(env: Env, isScalar: boolean, place: HostAddress): boolean {
  if (!isScalar || env.regs.get(place, W_PRECISE) !== 0) return false;
  env.regs.set(place, W_PRECISE, 1);
  return true;
}

function isScalarSlot(env: Env, frame: HostAddress, slot: number): boolean {
  return (
    slot < env.frames.slots(frame) &&
    env.mem.bytes[kindAddress(frame, slot, 7)] === SLOT_SPILL &&
    env.regs.isScalar(slotAddress(frame, slot))
  );
}

/** Marks what is wanted in one frame; what is marked there already is wanted no more. */
function markFrame(env: Env, state: State, depth: number, wanted: Wanted): boolean {
  const { regs } = env;
  const { marksOnly } = state;
  const frame = state.frames[depth];
  let fresh = false;
  for (let left = wanted.regs[depth] & WALKED_REGS; left !== 0; left &= left - 1) {
    const i = 31 - Math.clz32(left & -left);
    const reg = marksOnly ? markedReg(frame, i) : regAddress(frame, i);
    if (markPlace(env, marksOnly || regs.isScalar(reg), reg)) fresh = true;
    else wanted.regs[depth] &= ~(1 << i);
  }
  for (let i = wanted.nextSlot(depth, 0); i >= 0; i = wanted.nextSlot(depth, i + 1)) {
    const isScalar = marksOnly ? i < env.frames.slots(frame) : isScalarSlot(env, frame, i);
    if (markPlace(env, isScalar, marksOnly ? markedSlot(frame, i) : slotAddress(frame, i))) fresh = true;
    else wanted.dropSlot(depth, i);
  }
  return fresh;
}

/** Marks what is wanted in a stored state; what is marked there already needs no search further back. */
function markState(env: Env, state: State, wanted: Wanted): boolean {
  let fresh = false;
  const lowest = env.legacy ? wanted.frame : 0;
  for (let depth = wanted.frame; depth >= lowest; depth--) {
    const before = wanted.regs[depth];
    const beforeSlots = env.log.verbose ? slotMask(wanted, depth) : '';
    if (markFrame(env, state, depth, wanted)) fresh = true;
    if (env.log.verbose) {
      const text = frameText(env, state, depth, true);
      env.log.line(
        env.legacy
          ? `parent ${fresh ? "didn't have" : 'already had'} regs=${(before >>> 0).toString(16)} stack=${beforeSlots} marks:${text}`
          : `mark_precise: frame${depth}: parent state regs=${wanted.regsText(depth)} stack=${wanted.slotsText(depth)}: ${text}`,
        env.insn,
        LOG_LEVEL2,
      );
    }
  }
  return fresh;
}

/** The walk lost track: every scalar of every state on the path counts as precise. */
function markAll(env: Env): void {
  const { log } = env;
  if (log.verbose && !env.legacy) {
    log.line(
      `mark_precise: frame${env.state.frames.length - 1}: falling back to forcing all scalars precise`,
      env.insn,
      LOG_LEVEL2,
    );
  }
  for (let state = env.state.parent; state !== null && !state.allPrecise; state = state.parent) {
    state.allPrecise = true;
    for (let depth = 0; depth < state.frames.length; depth++) markAllOf(env, state, depth);
  }
}

function markAllOf(env: Env, state: State, depth: number): void {
  const { regs, log } = env;
  const { marksOnly } = state;
  const frame = state.frames[depth];
  for (let i = 0; i < MARKED_REGS; i++) {
    const reg = marksOnly ? markedReg(frame, i) : regAddress(frame, i);
    if (!markPlace(env, marksOnly || regs.isScalar(reg), reg)) continue;
    if (log.verbose && !env.legacy) {
      log.line(`force_precise: frame${depth}: forcing r${i} to be precise`, env.insn, LOG_LEVEL2);
    }
  }
  const slots = env.frames.slots(frame);
  for (let i = 0; i < slots; i++) {
    const isScalar = marksOnly || isScalarSlot(env, frame, i);
    if (!markPlace(env, isScalar, marksOnly ? markedSlot(frame, i) : slotAddress(frame, i))) continue;
    if (log.verbose && !env.legacy) {
      const text = `force_precise: frame${depth}: forcing fp-${(i + 1) * SLOT_BYTES} to be precise`;
      log.line(text, env.insn, LOG_LEVEL2);
    }
  }
}

function walk(env: Env, wanted: Wanted): void {
  const { history } = env;
  let state = env.state;
  let last = env.insn;
  let after = -1;
  let skip = true;
  for (;;) {
    const first = state.firstInsn;
    if (env.log.verbose) {
      env.log.line(
        env.legacy
          ? `last_idx ${last} first_idx ${first}`
          : `mark_precise: frame${wanted.frame}: last_idx ${last} first_idx ${first} subseq_idx ${after} `,
        env.insn,
        LOG_LEVEL2,
      );
    }
    if (last < 0) return markEntry(env, state, wanted);
    let noted = state.history;
    let notedInsn = noted === NO_STEP ? -1 : history.insn(noted);
    for (let at = last; ;) {
      if (skip) {
        skip = false;
      } else {
        const entry = notedInsn === at ? noted : NO_STEP;
        if (entry !== NO_STEP || isRelevant(env, at, wanted)) {
          if (step(env, at, after, entry, wanted) === UNSUPPORTED) return markAll(env);
          if (wanted.empty) return;
        }
      }
      after = at;
      if (at === first && (noted === NO_STEP || (notedInsn === at && history.up(noted) === NO_STEP))) break;
      if (notedInsn === at) {
        at = history.previous(noted);
        noted = history.up(noted);
        notedInsn = noted === NO_STEP ? -1 : history.insn(noted);
      } else {
        at--;
      }
      if (at < 0) return markAll(env);
    }
    const parent = state.parent;
    if (parent === null) break;
    const fresh = markState(env, parent, wanted);
    if (wanted.empty || (env.legacy && !fresh)) return;
    after = first;
    last = parent.lastInsn;
    state = parent;
  }
  if (!wanted.empty) markAll(env);
}

/** The walk reached the entry of a global subprogram: its arguments. */
function markEntry(env: Env, state: State, wanted: Wanted): void {
  if (wanted.frame !== 0 || !wanted.noSlots || (wanted.regs[0] & ~ARGUMENTS) !== 0) return markAll(env);
  for (let i = 1; i <= 5; i++) {
    if (!wanted.has(i)) continue;
    const reg = state.marksOnly ? markedReg(state.frames[0], i) : regAddress(state.frames[0], i);
    markPlace(env, state.marksOnly || env.regs.isScalar(reg), reg);
  }
}

/** The exact value of a scalar register matters: marks where it came from, back through the path. */
export function markPrecise(env: Env, regno: number): void {
  if (!env.capBpf) return;
  if (!env.regs.isScalar(env.reg(regno))) return;
  const { wanted } = env;
  wanted.clear(env.state.frames.length - 1);
  wanted.add(regno);
  walk(env, wanted);
}

function addPlace(wanted: Wanted, depth: number, place: number): void {
  if (place >= FIRST_SLOT) wanted.addSlot(depth, place - FIRST_SLOT);
  else wanted.regs[depth] |= 1 << place;
}

const placeName = (place: number): string =>
  place >= FIRST_SLOT ? `fp-${(place - FIRST_SLOT + 1) * SLOT_BYTES}` : `r${place}`;

/** A path met a state that was proved with precise scalars: those of this path are precise too. */
export function propagatePrecision(env: Env, old: State): void {
  if (!env.capBpf) return;
  const { wanted, log } = env;
  const { domain } = env.mem;
  wanted.clear(env.state.frames.length - 1);
  for (let depth = old.frames.length - 1; depth >= 0; depth--) {
    const frame = old.frames[depth];
    let names = '';
    for (let at = domain.framePreciseRead(frame, 0); at >= 0; at = domain.framePreciseRead(frame, at + 1)) {
      if (env.legacy) wanted.clear(depth);
      addPlace(wanted, depth, at);
      if (log.verbose) names += `${names === '' ? '' : ','}${placeName(at)}`;
      if (!env.legacy) continue;
      // Linux 6.1 walks back for one place at a time.
      if (log.verbose) log.line(`frame ${depth}: propagating ${placeName(at)}`, env.insn, LOG_LEVEL2);
      walk(env, wanted);
    }
    if (!env.legacy && names !== '') {
      log.line(`frame ${depth}: propagating ${names}`, env.insn, LOG_LEVEL2);
    }
  }
  if (!env.legacy && !wanted.empty) walk(env, wanted);
}

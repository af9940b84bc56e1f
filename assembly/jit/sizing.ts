// Sizes of branches. Only they change between passes, so a pass over the program is a pass over its branch sites:
// one template of the code is emitted with SITE_ROOM bytes for each jump, and `saved[k]` tells how much shorter the
// code before site k is than the template.
//
//   addrs[i] = T[i] - saved[S[i]]     T: end of slot i in the template     S: sites in slots up to i
//
// Sizes are computed in place and in order, so a pass sees new values before a site and the last pass's values
// behind it, as Linux does with its array of addresses. Short means -128 to 123 (5.5: 127): a limit of 127 would let
// the sizes of neighbours swing between passes.

import {
  JIT_BAD_TARGET,
  JIT_COND_JUMP_PADDING,
  JIT_FATAL,
  JIT_JUMP_PADDING,
  JIT_NOP_JUMP_PADDING,
  JIT_SITE_DISTANCE,
  JIT_SITE_INSN,
  JIT_SITE_OPCODE,
  JIT_SITE_SIZE,
  JIT_SITE_TARGET,
  JIT_V5_5,
} from '../layout/jit';
import { nop } from '../x86/encode';
import { put1, put2, put4 } from '../x86/sink';
import { countSite, fail, failAt, siteCount, slot, status, template, version } from './state';

/** Bytes of a site in the template: more than its longest form, so that word copies never reach over it. */
export const SITE_ROOM: i32 = 8;

/** Short opcode of an unconditional jump. */
export const JMP: u32 = 0xeb;

/** Kinds of site: the low two bits of a resolved JIT_SITE_TARGET. */
const KIND_COND: u32 = 0;
/** Vanishes when it leads to the next instruction. */
const KIND_JUMP: u32 = 1;
/** Jump to the epilogue, or to itself: never vanishes. */
const KIND_FIXED: u32 = 2;

/** Size of an unknown instruction in pass 0. */
const GUESS: i32 = 64;
/** S of a slot no branch may lead to: the second half of ld_imm64 begins there. */
export const NO_TARGET: u32 = 0xffff_ffff;

/** (T, S) of slot ends, u32 each, from the end of the prologue on. */
let ends: usize = 0;
let sites: usize = 0;
let saved: usize = 0;
let count: u32 = 0;
/** Displacements that fit rel8: from -128, this many. */
let shortRange: u32 = 0;

export function beginSizing(endArray: usize, siteArray: usize, savedArray: usize, insns: u32): void {
  ends = endArray;
  sites = siteArray;
  saved = savedArray;
  count = insns;
  shortRange = version === JIT_V5_5 ? 256 : 252;
  store<u32>(saved, 0);
}

/** S of slot ends and `saved`, for what lies between the sites. */
export function savedBefore(sitesBefore: u32): u32 {
  return load<u32>(saved + (sitesBefore << 2));
}

/** Branch sites in slots before one that no ld_imm64 has as its second half. */
export function sitesBefore(slot: u32): u32 {
  return load<u32>(ends + (slot << 3), 4);
}

/** Size of a site that jumps by `rel`, without padding. */
function siteSize(kind: u32, rel: i32, range: u32): i32 {
  const long = kind === KIND_COND ? 6 : 5;
  const size = <u32>(rel + 128) < range ? 2 : long;
  return kind === KIND_JUMP && rel === 0 ? 0 : size;
}

function appendSite(p: usize, target: u32, distance: i32, opcode: u32, size: i32): usize {
  const site = sites + siteCount * JIT_SITE_SIZE;
  store<u32>(site + JIT_SITE_TARGET, target);
  store<i32>(site + JIT_SITE_DISTANCE, distance);
  store<u32>(site + JIT_SITE_INSN, slot + 1);
  store<u32>(site + JIT_SITE_OPCODE, opcode);
  const at = saved + (siteCount << 2);
  store<i32>(at, load<i32>(at) + SITE_ROOM - size, 4);
  countSite();
  return p + SITE_ROOM;
}

/** Distance of sites whose target resolveSites() has to look up. */
const UNRESOLVED: i32 = -0x8000_0000;

/** Adds the jump of the slot being lowered, with its size in pass 0. `target` counts slots from 1. */
export function addSite(p: usize, target: i64, opcode: u32): usize {
  const i = slot + 1;
  if (<u64>target > <u64>count) return fail(JIT_BAD_TARGET, <u64>target);
  const t = <u32>target;
  const kind = opcode === JMP ? KIND_JUMP : KIND_COND;
  // A jump to itself: its target is taken to be its own end, minus 2.
  if (t === slot && kind === KIND_JUMP)
    return appendSite(p, ((siteCount + 1) << 2) | KIND_FIXED, -2, opcode, 2);
  let rel: i32;
  if (t >= i) rel = GUESS * <i32>(t - i);
  else {
    const before = load<u32>(ends + (t << 3), 4);
    if (before === NO_TARGET) return fail(JIT_BAD_TARGET, <u64>target);
    rel = load<i32>(ends + (t << 3)) - load<i32>(saved + (before << 2)) - GUESS * <i32>(i + 1);
  }
  return appendSite(p, t, UNRESOLVED, opcode, siteSize(kind, rel, shortRange));
}

/** Adds a later exit: a jump to the epilogue that the first exit, before it, emitted at `cleanup`. */
export function addExit(p: usize, cleanup: usize, sitesBefore: u32): usize {
  const at = <i32>(cleanup - template);
  const rel = at - load<i32>(saved + (sitesBefore << 2)) - GUESS * <i32>(slot + 2);
  const distance = at - <i32>(p + SITE_ROOM - template);
  return appendSite(p, (sitesBefore << 2) | KIND_FIXED, distance, JMP, siteSize(KIND_FIXED, rel, shortRange));
}

/** Sites a branch that can be short leads over at most. */
let longestSpan: u32 = 0;
/** The first site whose size the last pass changed: siteCount when none. */
let firstChanged: u32 = 0;
/** Bits of JIT_SITE_OPCODE below the distance of an open site to the next one, in sites. */
const NEXT_SHIFT: u32 = 8;
/** The first open site: one whose size may still change after pass 1. siteCount when there is none. */
let firstOpen: u32 = 0;

/**
 * Whether a branch forwards over `span` sites has one size from pass 1 on, however these change: each is at least
 * SITE_ROOM - 8 bytes long and at most SITE_ROOM - 2. Branches backwards are open: until all before them stands, they
 * look longer than they are, from their old end to a new target.
 */
function isSettled(kind: u32, distance: i32, span: i32): bool {
  const shortest = distance - SITE_ROOM * span;
  const longest = distance - (SITE_ROOM - 6) * span;
  if (kind === KIND_JUMP && shortest <= 0) return span === 0;
  return siteSize(kind, shortest, shortRange) === siteSize(kind, longest, shortRange);
}

/** Turns targets into distances in the template, once all slot ends are known. */
export function resolveSites(): void {
  longestSpan = 0;
  firstChanged = 0;
  firstOpen = siteCount;
  const end = sites + siteCount * JIT_SITE_SIZE;
  let lastOpen: usize = 0;
  for (let site = sites; site < end; site += JIT_SITE_SIZE) {
    if (load<i32>(site + JIT_SITE_DISTANCE) !== UNRESOLVED) {
      lastOpen = openSite(lastOpen, site);
      continue;
    }
    const i = load<u32>(site + JIT_SITE_INSN);
    const t = load<u32>(site + JIT_SITE_TARGET);
    const before = load<u32>(ends + (t << 3), 4);
    if (before === NO_TARGET) {
      failAt(JIT_BAD_TARGET, i - 1, t);
      return;
    }
    const kind = load<u8>(site + JIT_SITE_OPCODE) === JMP ? KIND_JUMP : KIND_COND;
    store<u32>(site + JIT_SITE_TARGET, (before << 2) | kind);
    const distance = load<i32>(ends + (t << 3)) - load<i32>(ends + (i << 3));
    store<i32>(site + JIT_SITE_DISTANCE, distance);
    const span = before - <u32>(site - sites) / JIT_SITE_SIZE - 1;
    // Backwards the span is a huge number.
    if (span > longestSpan && t >= i && distance - SITE_ROOM * <i32>span < 128) longestSpan = span;
    if (t < i || !isSettled(kind, distance, span)) lastOpen = openSite(lastOpen, site);
  }
  if (lastOpen !== 0) openSite(lastOpen, end);
}

/** Puts a site (or the end of all) behind the last open one; 0 = it is the first. */
function openSite(last: usize, site: usize): usize {
  if (last === 0) firstOpen = <u32>(site - sites) / JIT_SITE_SIZE;
  else {
    const opcode = load<u32>(last + JIT_SITE_OPCODE);
    store<u32>(last + JIT_SITE_OPCODE, opcode | ((<u32>(site - last) / JIT_SITE_SIZE) << NEXT_SHIFT));
  }
  return site;
}

/** One sizing pass, from 1 on; the length of the code is that of the template minus the last element of `saved`. */
export function sizingPass(pass: u32, padding: bool): void {
  if (padding) paddedPass();
  else if (pass === 1) firstPass();
  else laterPass();
}

function noteChange(at: usize): void {
  firstChanged = (<u32>(at - saved)) >> 2;
}

function firstPass(): void {
  const range = shortRange;
  const values = saved;
  const end = sites + siteCount * JIT_SITE_SIZE;
  let at = saved;
  let before = load<i32>(at);
  for (let site = sites; site < end; site += JIT_SITE_SIZE) {
    const target = load<u32>(site + JIT_SITE_TARGET);
    const rel = load<i32>(site + JIT_SITE_DISTANCE) - load<i32>(values + (target & ~3)) + load<i32>(at, 4);
    before += SITE_ROOM - siteSize(target & 3, rel, range);
    at += 4;
    store<i32>(at, before);
  }
}

/** Sites to the next open one, or the end; 0 = this one is not open. */
function nextOpen(site: usize): usize {
  return load<u32>(site + JIT_SITE_OPCODE) >> NEXT_SHIFT;
}

/**
 * Looks at open sites only: what lies between two of them moves as one. What lies before the changes of the last
 * pass, and too far for its branches to lead over them, stays as it is. A branch backwards sees new values at its
 * target, but those only differ behind the first site that changes now.
 */
function laterPass(): void {
  const range = shortRange;
  const values = saved;
  const end = sites + siteCount * JIT_SITE_SIZE;
  let first = firstOpen;
  if (firstChanged > longestSpan && firstChanged - longestSpan > first) first = firstChanged - longestSpan;
  let site = sites + first * JIT_SITE_SIZE;
  while (site < end && nextOpen(site) === 0) site += JIT_SITE_SIZE;
  let at = saved + (((site - sites) / JIT_SITE_SIZE) << 2);
  // Up to the first change nothing needs to be stored.
  while (site < end) {
    const target = load<u32>(site + JIT_SITE_TARGET);
    const old = load<i32>(at, 4);
    const rel = load<i32>(site + JIT_SITE_DISTANCE) - load<i32>(values + (target & ~3)) + old;
    if (load<i32>(at) + SITE_ROOM - siteSize(target & 3, rel, range) !== old) break;
    const next = nextOpen(site);
    site += next * JIT_SITE_SIZE;
    at += next << 2;
  }
  noteChange(at);
  while (site < end) {
    const target = load<u32>(site + JIT_SITE_TARGET);
    const old = load<i32>(at, 4);
    const rel = load<i32>(site + JIT_SITE_DISTANCE) - load<i32>(values + (target & ~3)) + old;
    const now = load<i32>(at) + SITE_ROOM - siteSize(target & 3, rel, range);
    const next = nextOpen(site);
    const stop = at + (next << 2);
    site += next * JIT_SITE_SIZE;
    if (now === old) {
      at = stop;
      continue;
    }
    store<i32>(at, now, 4);
    const shift = now - old;
    for (at += 4; at < stop; at += 4) store<i32>(at, load<i32>(at, 4) + shift, 4);
  }
}

function siteRel(site: usize, at: usize): i32 {
  const target = load<i32>(saved + (load<u32>(site + JIT_SITE_TARGET) & ~3));
  return load<i32>(site + JIT_SITE_DISTANCE) - target + load<i32>(at, 4);
}

function paddedPass(): void {
  const first = firstChanged > longestSpan ? firstChanged - longestSpan : 0;
  const end = sites + siteCount * JIT_SITE_SIZE;
  let at = saved + ((<usize>first) << 2);
  let before = load<i32>(at);
  let unchanged = true;
  for (let site = sites + <usize>first * JIT_SITE_SIZE; site < end; site += JIT_SITE_SIZE) {
    const kind = load<u32>(site + JIT_SITE_TARGET) & 3;
    const size = siteSize(kind, siteRel(site, at), shortRange);
    const old = load<i32>(at, 4);
    before += SITE_ROOM - paddedSize(site, size, SITE_ROOM - old + before);
    if (unchanged && before !== old) {
      unchanged = false;
      noteChange(at);
    }
    at += 4;
    store<i32>(at, before);
  }
  if (unchanged) noteChange(at);
}

/** With padding a jump that could shrink keeps the size it had, `previous`; sizes no such form has are an error. */
function paddedSize(site: usize, size: i32, previous: i32): i32 {
  if (size > 2) return size;
  const insn = load<u32>(site + JIT_SITE_INSN) - 1;
  if ((load<u32>(site + JIT_SITE_TARGET) & 3) === KIND_COND) {
    if (previous !== 2 && previous !== 6) failAt(JIT_COND_JUMP_PADDING, insn, <u64>(<i64>(previous - 2)));
  } else if (size === 0) {
    if (previous !== 0 && previous !== 2 && previous !== 5)
      failAt(JIT_NOP_JUMP_PADDING, insn, <u64>(<i64>previous));
  } else if (previous !== 2 && previous !== 5) failAt(JIT_JUMP_PADDING, insn, <u64>(<i64>(previous - 2)));
  return previous;
}

/**
 * The image pass: moves the template's code down to its final place, in order, and writes each jump. A site whose
 * size changes now is fatal; 5.5 only looks at the total. Returns the end of the code, 0 on an error.
 */
export function writeSites(padding: bool, templateEnd: usize): usize {
  const end = sites + siteCount * JIT_SITE_SIZE;
  let from = template;
  let to = template;
  let at = saved;
  let before = 0;
  for (let site = sites; site < end; site += JIT_SITE_SIZE) {
    const insn = load<u32>(site + JIT_SITE_INSN);
    const slotEnd = template + load<u32>(ends + (insn << 3));
    const start = slotEnd - SITE_ROOM;
    moveDown(to, from, start);
    to += start - from;
    from = slotEnd;
    const old = load<i32>(at, 4);
    const rel = siteRel(site, at);
    const shortest = siteSize(load<u32>(site + JIT_SITE_TARGET) & 3, rel, shortRange);
    const size = padding ? paddedSize(site, shortest, SITE_ROOM - old + before) : shortest;
    before += SITE_ROOM - size;
    if (before !== old && version !== JIT_V5_5) failAt(JIT_FATAL, insn - 1, 0);
    if (status !== 0) return 0;
    at += 4;
    store<i32>(at, before);
    to = putSite(to, load<u8>(site + JIT_SITE_OPCODE), rel, shortest, size);
  }
  moveDown(to, from, templateEnd);
  return to + (templateEnd - from);
}

/** A jump of `size` bytes: its shortest form with nops in front. */
function putSite(p: usize, opcode: u32, rel: i32, shortest: i32, size: i32): usize {
  if (size !== shortest) p = nop(p, size - shortest);
  if (shortest === 0) return p;
  if (shortest === 2) return put2(p, opcode | (((<u32>rel) & 0xff) << 8));
  if (opcode === JMP) return put4(put1(p, 0xe9), <u32>rel);
  return put4(put2(p, 0x0f | ((opcode + 0x10) << 8)), <u32>rel);
}

/** Copies [from, end) to `to`, which is not above `from`, in words. It may write up to 7 bytes too many. */
function moveDown(to: usize, from: usize, end: usize): void {
  if (to === from) return;
  while (from < end) {
    store<u64>(to, load<u64>(from));
    to += 8;
    from += 8;
  }
}

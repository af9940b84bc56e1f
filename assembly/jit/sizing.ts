// Sizes of branches. Only they change between passes, so a pass over the program is a pass over its branch sites:
// one template of the code is emitted with SITE_ROOM bytes for each jump, and `saved[k]` tells how much shorter the
// code before site k is than the template.
//
//   addrs[i] = T[i] - saved[S[i]]     T: end of slot i in the template     S: sites in slots up to i
//
// Sizes are computed in place and in order, so a pass sees new values before a site and the last pass's values
// behind it, as Linux does with its array of addresses. Short means -128 to SHORT_MAX: a limit of 127 would let the
// sizes of neighbours swing between passes.

import {
  JIT_BAD_TARGET,
  JIT_COND_JUMP_PADDING,
  JIT_FATAL,
  JIT_JUMP_PADDING,
  JIT_NOP_JUMP_PADDING,
  JIT_SITE_DISTANCE,
  JIT_SITE_FORM,
  JIT_SITE_INSN,
  JIT_SITE_SIZE,
  JIT_SITE_TARGET,
  JIT_V5_5,
} from '../layout/jit';
import { nop } from '../x86/encode';
import { put1, put2, put4 } from '../x86/sink';
import { countSite, fail, failAt, siteCount, slot, status, template, version } from './state';

/** Bytes of a site in the template: more than its longest form, so that word copies never reach over it. */
export const SITE_ROOM: i32 = 8;

/** JIT_SITE_FORM: condition code 0x7x, or one of these. */
export const FORM_JUMP: u32 = 1;
export const FORM_EXIT: u32 = 2;
/** Unconditional jump to itself: always eb fe. */
const FORM_SELF: u32 = 3;

/** Size of an unknown instruction in pass 0. */
const GUESS: i32 = 64;
/** S of a slot no branch may lead to: the second half of ld_imm64 begins there. */
export const NO_TARGET: u32 = 0xffff_ffff;

/** (T, S) of slot ends, u32 each, from the end of the prologue on. */
let ends: usize = 0;
let sites: usize = 0;
let saved: usize = 0;
let count: u32 = 0;
let shortMax: i32 = 123;

export function beginSizing(endArray: usize, siteArray: usize, savedArray: usize, insns: u32): void {
  ends = endArray;
  sites = siteArray;
  saved = savedArray;
  count = insns;
  shortMax = version === JIT_V5_5 ? 127 : 123;
  store<u32>(saved, 0);
}

/** S of slot ends and `saved`, for what lies between the sites. */
export function savedBefore(sitesBefore: u32): u32 {
  return load<u32>(saved + (sitesBefore << 2));
}

function fitsShort(rel: i32): bool {
  return rel >= -128 && rel <= shortMax;
}

/** Size of a site that jumps by `rel`, without padding. */
function siteSize(form: u32, rel: i32): i32 {
  if (form > FORM_EXIT) return fitsShort(rel) ? 2 : 6;
  if (form === FORM_JUMP && rel === 0) return 0;
  return fitsShort(rel) ? 2 : 5;
}

/** Adds the jump of the slot being lowered, with its size in pass 0. `target` counts slots from 1. */
export function addSite(p: usize, target: i64, form: u32): usize {
  const k = siteCount;
  const i = slot + 1;
  if (<u64>target > <u64>count) return fail(JIT_BAD_TARGET, <u64>target);
  const t = <u32>target;
  let rel: i32;
  if (t >= i) rel = GUESS * <i32>(t - i);
  else {
    const before = load<u32>(ends + (t << 3), 4);
    if (before === NO_TARGET) return fail(JIT_BAD_TARGET, <u64>target);
    const address = load<i32>(ends + (t << 3)) - load<i32>(saved + (before << 2));
    rel = address - GUESS * <i32>(i + 1);
  }
  if (t === slot && form === FORM_JUMP) rel = -2;
  const site = sites + k * JIT_SITE_SIZE;
  store<u32>(site + JIT_SITE_INSN, i);
  store<u32>(site + JIT_SITE_TARGET, t);
  store<u32>(site + JIT_SITE_FORM, form);
  store<i32>(saved + (k << 2), load<i32>(saved + (k << 2)) + SITE_ROOM - siteSize(form, rel), 4);
  countSite();
  return p + SITE_ROOM;
}

/** Adds a later exit: a jump to the epilogue that the first exit, before it, emitted at `cleanup`. */
export function addExit(p: usize, cleanup: usize, sitesBefore: u32): usize {
  const k = siteCount;
  const i = slot + 1;
  const address = <i32>(cleanup - template) - load<i32>(saved + (sitesBefore << 2));
  const rel = address - GUESS * <i32>(i + 1);
  const site = sites + k * JIT_SITE_SIZE;
  store<u32>(site + JIT_SITE_INSN, i);
  store<u32>(site + JIT_SITE_TARGET, sitesBefore);
  store<i32>(site + JIT_SITE_DISTANCE, <i32>(cleanup - template));
  store<u32>(site + JIT_SITE_FORM, FORM_EXIT);
  store<i32>(saved + (k << 2), load<i32>(saved + (k << 2)) + SITE_ROOM - siteSize(FORM_EXIT, rel), 4);
  countSite();
  return p + SITE_ROOM;
}

/** Turns targets into distances in the template, once all slot ends are known. */
export function resolveSites(): void {
  const end = sites + siteCount * JIT_SITE_SIZE;
  for (let site = sites; site < end; site += JIT_SITE_SIZE) {
    const i = load<u32>(site + JIT_SITE_INSN);
    const from = load<i32>(ends + (i << 3));
    if (load<u32>(site + JIT_SITE_FORM) === FORM_EXIT) {
      store<i32>(site + JIT_SITE_DISTANCE, load<i32>(site + JIT_SITE_DISTANCE) - from);
      continue;
    }
    const t = load<u32>(site + JIT_SITE_TARGET);
    const before = load<u32>(ends + (t << 3), 4);
    if (before === NO_TARGET) {
      failAt(JIT_BAD_TARGET, i - 1, t);
      return;
    }
    store<u32>(site + JIT_SITE_TARGET, before);
    store<i32>(site + JIT_SITE_DISTANCE, load<i32>(ends + (t << 3)) - from);
    // A jump to itself keeps its -2 whatever the padding.
    if (t + 1 === i && load<u32>(site + JIT_SITE_FORM) === FORM_JUMP) {
      store<u32>(site + JIT_SITE_FORM, FORM_SELF);
    }
  }
}

/** Displacement of a site, from the values the running pass has in `saved`. */
function siteRel(site: usize, k: u32): i32 {
  const target = load<i32>(saved + (load<u32>(site + JIT_SITE_TARGET) << 2));
  return load<i32>(site + JIT_SITE_DISTANCE) - target + load<i32>(saved + (k << 2), 4);
}

/** One sizing pass; the length of the code is that of the template minus the last element of `saved`. */
export function sizingPass(padding: bool): void {
  const sitesEnd = siteCount;
  let site = sites;
  let before = 0;
  for (let k: u32 = 0; k < sitesEnd; k++) {
    const form = load<u32>(site + JIT_SITE_FORM);
    const old = load<i32>(saved + (k << 2), 4);
    let size: i32;
    if (form === FORM_SELF) size = 2;
    else size = siteSize(form, siteRel(site, k));
    if (padding) size = paddedSize(form, size, SITE_ROOM - old + before, site);
    before += SITE_ROOM - size;
    store<i32>(saved + (k << 2), before, 4);
    site += JIT_SITE_SIZE;
  }
}

/** With padding a jump that could shrink keeps the size it had, `previous`; sizes no such form has are an error. */
function paddedSize(form: u32, size: i32, previous: i32, site: usize): i32 {
  if (size > 2) return size;
  const insn = load<u32>(site + JIT_SITE_INSN) - 1;
  if (form > FORM_SELF) {
    if (previous !== 2 && previous !== 6) failAt(JIT_COND_JUMP_PADDING, insn, <u64>(<i64>(previous - 2)));
  } else if (size === 0) {
    if (previous !== 0 && previous !== 2 && previous !== 5)
      failAt(JIT_NOP_JUMP_PADDING, insn, <u64>(<i64>previous));
  } else if (previous !== 2 && previous !== 5) failAt(JIT_JUMP_PADDING, insn, <u64>(<i64>(previous - 2)));
  return previous;
}

/**
 * The image pass: moves the template's code down to its final place, in order, and writes each jump. A site whose
 * size changes now is fatal; 5.5 only looks at the total.
 */
export function writeSites(padding: bool, templateEnd: usize): usize {
  let from = template;
  let to = template;
  let site = sites;
  let before = 0;
  for (let k: u32 = 0; k < siteCount; k++) {
    const slotEnd = template + load<u32>(ends + (load<u32>(site + JIT_SITE_INSN) << 3));
    const start = slotEnd - SITE_ROOM;
    moveDown(to, from, start);
    to += start - from;
    from = slotEnd;
    const form = load<u32>(site + JIT_SITE_FORM);
    const old = load<i32>(saved + (k << 2), 4);
    const rel = form === FORM_SELF ? -2 : siteRel(site, k);
    let size = form === FORM_SELF ? 2 : siteSize(form, rel);
    const shortest = size;
    if (padding) size = paddedSize(form, size, SITE_ROOM - old + before, site);
    before += SITE_ROOM - size;
    if (before !== old && version !== JIT_V5_5) failAt(JIT_FATAL, load<u32>(site + JIT_SITE_INSN) - 1, 0);
    if (status !== 0) return 0;
    store<i32>(saved + (k << 2), before, 4);
    to = putSite(to, form, rel, shortest, size);
    site += JIT_SITE_SIZE;
  }
  moveDown(to, from, templateEnd);
  return to + (templateEnd - from);
}

function putSite(p: usize, form: u32, rel: i32, shortest: i32, size: i32): usize {
  p = nop(p, size - shortest);
  if (shortest === 0) return p;
  if (shortest === 2) return put2(p, (form > FORM_SELF ? form : 0xeb) | (((<u32>rel) & 0xff) << 8));
  if (form > FORM_SELF) return put4(put2(p, 0x0f | ((form + 0x10) << 8)), <u32>rel);
  return put4(put1(p, 0xe9), <u32>rel);
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

// What one compilation works on: the parameter record taken apart, the cursors of its lists, and the first error.

import { MAX_BPF_STACK } from '../isa';
import {
  JIT_ERROR_INSN,
  JIT_ERROR_VALUE,
  JIT_FAULT_FIXUP,
  JIT_FAULT_OFFSET,
  JIT_FAULT_SIZE,
  JIT_FAULT_SLOT,
  JIT_FIX_KIND,
  JIT_FIX_OFFSET,
  JIT_FIX_SITES,
  JIT_FIX_SIZE,
  JIT_FIX_SLOT,
  JIT_FIX_TARGET,
  JIT_FLAGS,
  JIT_OK,
  JIT_STACK_DEPTH,
  JIT_TAIL_CALL_REACHABLE,
  JIT_USES_TAIL_CALL,
  JIT_V5_5,
  JIT_V6_1,
  JIT_VERSION,
} from '../layout/jit';

export let record: usize = 0;
export let version: u32 = 0;
export let flags: u32 = 0;
/** BPF stack in bytes, rounded up to 8. */
export let stack: i32 = 0;
/** Bit n = BPF register n is named by a field of some instruction. */
export let usedRegisters: u32 = 0;

/** First byte of the template. */
export let template: usize = 0;
/** Slot being lowered. */
export let slot: u32 = 0;
/** Branch sites before the slot being lowered. */
export let siteCount: u32 = 0;

export let faultEnd: usize = 0;
export let fixEnd: usize = 0;

/** The error of this pass, or JIT_OK. */
export let status: i32 = JIT_OK;

export function beginState(parameters: usize): void {
  record = parameters;
  version = load<u32>(parameters + JIT_VERSION);
  flags = load<u32>(parameters + JIT_FLAGS);
  stack = (load<i32>(parameters + JIT_STACK_DEPTH) + 7) & ~7;
  status = JIT_OK;
}

export function beginTemplate(code: usize, faults: usize, fixes: usize): void {
  template = code;
  faultEnd = faults;
  fixEnd = fixes;
  siteCount = 0;
  slot = 0;
}

/** Takes up a compilation again whose template is finished. */
export function resumeTemplate(code: usize, sites: u32): void {
  template = code;
  siteCount = sites;
}

/** Takes JIT_USES. With a tail call 6.1 keeps a count in any case, 5.5 gives the function the whole stack. */
export function setUses(uses: u32): void {
  usedRegisters = uses & 0xffff;
  if ((uses & JIT_USES_TAIL_CALL) === 0) return;
  if (version === JIT_V6_1) flags |= JIT_TAIL_CALL_REACHABLE;
  if (version === JIT_V5_5) stack = MAX_BPF_STACK;
}

export function setSlot(index: u32): void {
  slot = index;
}

export function countSite(): void {
  siteCount++;
}

/** Records an error at the slot being lowered. Returns 0, which ends emitting. */
export function fail(code: i32, value: u64): usize {
  return failAt(code, slot, value);
}

/** Records an error; of several found in one pass the one at the lowest slot stays. */
export function failAt(code: i32, at: u32, value: u64): usize {
  if (status === JIT_OK || at < load<u32>(record + JIT_ERROR_INSN)) {
    status = code;
    store<u32>(record + JIT_ERROR_INSN, at);
    store<u64>(record + JIT_ERROR_VALUE, value);
  }
  return 0;
}

/** Notes the instruction from `start` to `end` as one that may fault; `register` is its pt_regs offset or 1. */
export function noteFault(start: usize, end: usize, register: u32): void {
  const fault = faultEnd;
  store<u32>(fault + JIT_FAULT_OFFSET, <u32>(start - template));
  store<u32>(fault + JIT_FAULT_FIXUP, (<u32>(end - start)) | (register << 8));
  store<u32>(fault + JIT_FAULT_SLOT, slot);
  faultEnd = fault + JIT_FAULT_SIZE;
}

/** Notes bytes at `p` that depend on the address of the image or of a function. */
export function noteFix(p: usize, kind: u32, target: u64): void {
  const fix = fixEnd;
  store<u32>(fix + JIT_FIX_OFFSET, <u32>(p - template));
  store<u32>(fix + JIT_FIX_SITES, siteCount);
  store<u32>(fix + JIT_FIX_SLOT, slot);
  store<u32>(fix + JIT_FIX_KIND, kind);
  store<u64>(fix + JIT_FIX_TARGET, target);
  fixEnd = fix + JIT_FIX_SIZE;
}

// Entry points of the JIT. The host fills a parameter record (layout/jit.ts) and calls
//   jitSize     template and sizing passes: the length of the code
//   jitImage    the image pass, at the address put into the record
//   jitPatch    again the places that hold addresses, after calls got their final immediates
//   jitRelease  in any case

import { heapAlloc, heapFree } from '../heap';
import {
  JIT_BAD_PROGRAM,
  JIT_BAD_REGISTER,
  JIT_CODE,
  JIT_CODE_LENGTH,
  JIT_FAULTS,
  JIT_FAULT_COUNT,
  JIT_FAULT_SIZE,
  JIT_FIXES,
  JIT_FIX_COUNT,
  JIT_FIX_SIZE,
  JIT_INSNS,
  JIT_INSN_COUNT,
  JIT_LENGTH_CHANGED,
  JIT_NO_CONVERGENCE,
  JIT_NO_MEMORY,
  JIT_OFFSETS,
  JIT_OK,
  JIT_PASSES,
  JIT_SAVED,
  JIT_SITES,
  JIT_SITE_COUNT,
  JIT_SITE_SIZE,
  JIT_TEMPLATE_LENGTH,
  JIT_USES,
  JIT_USES_FUNCTIONS,
  JIT_V5_5,
} from '../layout/jit';
import { applyFixes, writeExtable, writeLengths } from './image';
import {
  badRegister,
  codeBound,
  faultBound,
  fixBound,
  FRAME_BOUND,
  placeFunctions,
  scan,
  siteBound,
  uses,
} from './scan';
import { beginSizing, resolveSites, savedBefore, sizingPass, writeSites } from './sizing';
import {
  beginState,
  beginTemplate,
  failAt,
  faultEnd,
  fixEnd,
  resumeTemplate,
  setUses,
  siteCount,
  status,
  template,
  version,
} from './state';
import { emitTemplate } from './template';

/** Bytes that a copy in words may write behind the code. */
const WORD_COPY: usize = 8;
const MAX_PASSES: u32 = 20;
/** From this pass on jumps are padded to the size they had. */
const PADDING_PASS: u32 = 15;

function allocate(record: usize, field: usize, size: usize): bool {
  const block = heapAlloc(size);
  store<u32>(record + field, <u32>block);
  return block !== 0;
}

function release(record: usize, field: usize): void {
  heapFree(load<u32>(record + field));
  store<u32>(record + field, 0);
}

/** Frees what jitSize allocated; the record and the instructions are the host's. */
export function jitRelease(record: usize): void {
  release(record, JIT_CODE);
  release(record, JIT_OFFSETS);
  release(record, JIT_FIXES);
  release(record, JIT_SITES);
  release(record, JIT_SAVED);
}

function allocateAll(record: usize, count: u32): bool {
  const code = (codeBound + 2 * FRAME_BOUND + WORD_COPY + 3) & ~3;
  const table = <usize>faultBound * JIT_FAULT_SIZE;
  if (!allocate(record, JIT_CODE, code + table)) return false;
  store<u32>(record + JIT_FAULTS, load<u32>(record + JIT_CODE) + <u32>code);
  return (
    allocate(record, JIT_OFFSETS, (<usize>count + 1) << 3) &&
    allocate(record, JIT_FIXES, (<usize>fixBound + 1) * JIT_FIX_SIZE) &&
    allocate(record, JIT_SITES, <usize>siteBound * JIT_SITE_SIZE) &&
    allocate(record, JIT_SAVED, (<usize>siteBound + 1) << 2)
  );
}

/** The emission pass alone, into lists that jitSize allocated. */
export function jitEmit(record: usize): i32 {
  const insns = <usize>load<u32>(record + JIT_INSNS);
  const count = load<u32>(record + JIT_INSN_COUNT);
  const ends = <usize>load<u32>(record + JIT_OFFSETS);
  beginState(record);
  setUses(load<u32>(record + JIT_USES));
  beginTemplate(load<u32>(record + JIT_CODE), load<u32>(record + JIT_FAULTS), load<u32>(record + JIT_FIXES));
  beginSizing(ends, load<u32>(record + JIT_SITES), load<u32>(record + JIT_SAVED), count);
  const end = emitTemplate(insns, count, ends);
  if (end === 0) return status;
  store<u32>(record + JIT_TEMPLATE_LENGTH, <u32>(end - template));
  store<u32>(record + JIT_FAULT_COUNT, <u32>(faultEnd - load<u32>(record + JIT_FAULTS)) / JIT_FAULT_SIZE);
  store<u32>(record + JIT_FIX_COUNT, <u32>(fixEnd - load<u32>(record + JIT_FIXES)) / JIT_FIX_SIZE);
  store<u32>(record + JIT_SITE_COUNT, siteCount);
  return JIT_OK;
}

/** Emits the template and sizes the jumps; JIT_CODE_LENGTH is then final. Returns a status of layout/jit.ts. */
export function jitSize(record: usize): i32 {
  const count = load<u32>(record + JIT_INSN_COUNT);
  beginState(record);
  if (count === 0) failAt(JIT_BAD_PROGRAM, 0, 0);
  else {
    const insns = <usize>load<u32>(record + JIT_INSNS);
    scan(insns, count);
    store<u32>(record + JIT_USES, uses);
    if ((uses & JIT_USES_FUNCTIONS) !== 0) placeFunctions(insns, count);
    if (badRegister !== count) failAt(JIT_BAD_REGISTER, badRegister, 0);
    else if (!allocateAll(record, count)) failAt(JIT_NO_MEMORY, 0, 0);
  }
  if (status !== JIT_OK) return status;
  return jitEmit(record) === JIT_OK ? converge(record) : status;
}

function converge(record: usize): i32 {
  const full = load<u32>(record + JIT_TEMPLATE_LENGTH);
  resolveSites();
  let length = full - savedBefore(siteCount);
  for (let pass: u32 = 1; pass < MAX_PASSES && status === JIT_OK; pass++) {
    const last = length;
    sizingPass(pass, padded(pass));
    length = full - savedBefore(siteCount);
    if (length !== last) continue;
    store<u32>(record + JIT_CODE_LENGTH, length);
    store<u32>(record + JIT_PASSES, pass + 2);
    return status;
  }
  if (status === JIT_OK) failAt(JIT_NO_CONVERGENCE, 0, 0);
  return status;
}

function padded(pass: u32): bool {
  return pass >= PADDING_PASS && version !== JIT_V5_5;
}

function resume(record: usize): void {
  beginState(record);
  resumeTemplate(load<u32>(record + JIT_CODE), load<u32>(record + JIT_SITE_COUNT));
  const ends = <usize>load<u32>(record + JIT_OFFSETS);
  const count = load<u32>(record + JIT_INSN_COUNT);
  beginSizing(ends, load<u32>(record + JIT_SITES), load<u32>(record + JIT_SAVED), count);
}

/** Writes code and exception table for the address in JIT_IMAGE. Once per jitSize. */
export function jitImage(record: usize): i32 {
  resume(record);
  const end = writeSites(
    padded(load<u32>(record + JIT_PASSES) - 1),
    template + load<u32>(record + JIT_TEMPLATE_LENGTH),
  );
  applyFixes();
  writeExtable();
  if (status !== JIT_OK) return status;
  const length = <u32>(end - template);
  if (length !== load<u32>(record + JIT_CODE_LENGTH)) {
    failAt(JIT_LENGTH_CHANGED, 0, <u64>length);
    return status;
  }
  writeLengths(load<u32>(record + JIT_OFFSETS), load<u32>(record + JIT_INSN_COUNT));
  return JIT_OK;
}

/** Writes calls and function addresses again, from the instructions as they now are. After jitImage. */
export function jitPatch(record: usize): i32 {
  resume(record);
  applyFixes();
  return status;
}

// Cold halves of memory accesses, called from the loop only when the fast path misses.
import { faultLogPush } from '../fault-log';
import { FAULT_KIND_GP, FAULT_KIND_GUARD, FAULT_KIND_PF, FAULT_NONE } from '../layout/fault-log';
import {
  FUNC_CODE,
  FUNC_PROGRAM,
  REC_DST,
  REC_ENTRY,
  REC_OFF,
  REC_SIZE,
  SET_SMAP,
  SET_USER_LIMIT,
} from '../layout/interp';
import { VECTOR_GP, VECTOR_PF } from '../layout/mmu';
import { faultAddress, faultVector, readMiss, writeMiss } from '../mm/tlb';
import { settings, stateFunc } from './state';

export const VSYSCALL: u64 = 0xffffffffff600000;
const PAGE: u64 = 4096;

/** Where the result of a repaired load comes from. */
const zero: usize = memory.data(8, 8);

// Offsets in struct pt_regs of R0 to R9, one byte each.
const ptRegs: usize = memory.data<u8>([80, 112, 104, 96, 88, 72, 40, 16, 8, 0]);

/** program << 32 | slot. */
function slotOf(record: usize): u64 {
  const slot = (record - load<u32>(stateFunc, FUNC_CODE)) / REC_SIZE;
  return ((<u64>load<u32>(stateFunc, FUNC_PROGRAM)) << 32) | (<u64>slot);
}

function registerOf(record: usize): u32 {
  return <u32>load<u8>(ptRegs + ((<usize>load<u8>(record, REC_DST)) >> 3));
}

/** Whether the kernel looks for an exception entry for the fault just met. */
function isRepairable(): bool {
  if (faultVector === VECTOR_GP) return true;
  if (faultVector !== VECTOR_PF) return false;
  if (load<u32>(settings, SET_SMAP) === 0) return true;
  const limit = load<u64>(settings, SET_USER_LIMIT) - PAGE;
  return faultAddress >= limit && (faultAddress & ~(PAGE - 1)) !== VSYSCALL;
}

function logFault(record: usize, register: u32): void {
  const kind = faultVector === VECTOR_GP ? FAULT_KIND_GP : FAULT_KIND_PF;
  faultLogPush(slotOf(record), faultAddress, kind, register, load<u32>(record, REC_ENTRY), 0);
}

/** A probe load that missed the TLB: where its value stands, a zero when the fault is repaired, 0 = fatal. */
export function probeMiss(record: usize, address: u64, size: u64): usize {
  const at = readMiss(address, size);
  if (at !== 0) return at;
  if (!isRepairable()) return 0;
  logFault(record, registerOf(record));
  return zero;
}

/** A store to an arena that missed: where it goes, 0 = skip it. `spare` takes what a repaired store writes. */
export function arenaStoreMiss(record: usize, address: u64, size: u64): usize {
  const at = writeMiss(address, size);
  if (at !== 0) return at;
  logFault(record, FAULT_NONE);
  return 0;
}

/** A load the guard refuses. */
export function guardRefused(record: usize, address: u64): void {
  faultLogPush(slotOf(record), address, FAULT_KIND_GUARD, registerOf(record), FAULT_NONE, 0);
}

/** The guard of 6.1: false when the load may run. The limit uses |off|, and off is added with its carry. */
export function guardRefuses61(record: usize, source: u64): bool {
  const off = <i64>load<i32>(record, REC_OFF);
  const limit = load<u64>(settings, SET_USER_LIMIT) + <u64>(off < 0 ? -off : off);
  if (source >= limit && source + <u64>off >= source) return false;
  guardRefused(record, source + <u64>off);
  return true;
}

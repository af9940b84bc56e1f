import { ptRegsName } from '../kallsyms/pt-regs.js';
import type { ExtableEntry, JitImage } from '../jit/jit-image.js';
import type { InsnIndex, X86Register } from '../quantities.js';
import type { VerifiedProgram } from '../verifier/verified-program.js';
import type { RawFault } from './engine.js';
import type { FaultRecord } from './run-result.js';

const NAMES = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'];

/** x86 name of a 64-bit register. */
export function registerName(register: X86Register): string {
  return NAMES[register] ?? `r${register}`;
}

/** A function of a loaded program, and where a fault can have met it. */
export interface FaultPlace {
  readonly verified: VerifiedProgram;
  /** By function; empty when the program has no image. */
  readonly images: readonly JitImage[];
}

/** Index of the function that holds a slot of VerifiedProgram.insns. */
export function functionOf(verified: VerifiedProgram, insn: InsnIndex): number {
  return Math.max(
    0,
    verified.functions.findIndex(({ start, end }) => insn >= start && insn < end),
  );
}

/** Slot of VerifiedProgram.insns that the x86 instruction at an offset of a function's image came from. */
export function slotAt(place: FaultPlace, func: number, ipOffset: number): InsnIndex {
  const start = place.verified.functions[func]?.start ?? 0;
  const offsets = place.images[func]?.offsets;
  if (!offsets) return start;
  let low = 0;
  let high = offsets.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (offsets[middle]! <= ipOffset) low = middle;
    else high = middle - 1;
  }
  return start + low;
}

/** The record of a fault that an engine met at `insn`, the same for every engine. */
export function faultRecord(place: FaultPlace, func: number, insn: InsnIndex, raw: RawFault): FaultRecord {
  const start = place.verified.functions[func]?.start ?? 0;
  const entries = place.images[func]?.entries ?? [];
  const entry = entries.findIndex((each) => each.insn === insn - start);
  return record(entries[entry], entry, func, insn, raw);
}

/** The record of a fault met by the x86 engine at an offset of a function's image; a guard stands in front of its load. */
export function faultRecordAt(place: FaultPlace, func: number, ipOffset: number, raw: RawFault): FaultRecord {
  const start = place.verified.functions[func]?.start ?? 0;
  const entries = place.images[func]?.entries ?? [];
  const entry = entries.findIndex((each) => each.ipOffset === ipOffset || each.guard === ipOffset);
  const found = entries[entry];
  const insn = found ? start + found.insn : slotAt(place, func, ipOffset);
  return record(found, entry, func, insn, raw);
}

function record(
  entry: ExtableEntry | undefined,
  index: number,
  func: number,
  insn: InsnIndex,
  raw: RawFault,
): FaultRecord {
  const guarded = raw.kind === 'guard';
  const fallback = raw.register === null ? null : (ptRegsName(raw.register) ?? null);
  const register = entry ? (entry.register === null ? null : registerName(entry.register)) : fallback;
  return {
    kind: raw.kind,
    address: BigInt.asUintN(64, raw.address),
    func,
    insn,
    ipOffset: entry ? entry.ipOffset : -1,
    register,
    entry: guarded ? -1 : index,
    length: guarded || !entry ? 0 : entry.length,
  };
}

import type { GuestAddress } from '../quantities.js';

/**
 * Called for each helper or kfunc call with the gate's address and R1 to R5 (unsigned 64-bit); returns R0. It may
 * call the engine again (callbacks).
 */
export type GateHandler = (gate: GuestAddress, args: readonly bigint[]) => bigint;

/** Thrown by a gate handler: ends the outermost program at once with this R0 (bpf_throw, a suite's unwind helper). */
export class ProgramUnwind {
  constructor(readonly r0: bigint) {}
}

/** Thrown by a gate handler: bpf_throw. The exception callback of the program that runs ends the run. */
export class ProgramThrow {
  constructor(readonly cookie: bigint) {}
}

/** One repaired fault as an engine logs it, before it is resolved to a program and an instruction. */
export interface RawFault {
  readonly kind: 'pf' | 'gp' | 'guard';
  /** Guest address of the x86 instruction for `x86`, instruction slot for `interp`. */
  readonly ip: bigint;
  readonly address: GuestAddress;
  /** Offset of the zeroed register in struct pt_regs; null = none. */
  readonly register: number | null;
  /** Index in the exception table; -1 for a guard. */
  readonly entry: number;
  /** Bytes skipped; 0 for a guard, and for `interp`, which has no x86 instruction. */
  readonly length: number;
  /** `interp`: handle of the program the slot belongs to (tail calls change it). */
  readonly program?: number;
}

/** A fault nothing repaired. */
export interface RawOops {
  readonly kind: 'pf' | 'gp' | 'ud' | 'de' | 'bp';
  readonly access: 'read' | 'write' | 'fetch';
  /** Guest address of the x86 instruction for `x86`, instruction slot for `interp`. */
  readonly ip: bigint;
  readonly address: GuestAddress;
  /** x86 error code of #PF; 0 for the others. */
  readonly errorCode: number;
  /** Registers at the fault in struct pt_regs order (r15 first, 21 words); absent for `interp`. */
  readonly registers?: readonly bigint[];
  /** `interp`: handle of the program the slot belongs to. */
  readonly program?: number;
}

/** What one run on an engine gave. */
export interface EngineRun {
  /** R0 at exit, unsigned; 0 after an oops. */
  readonly r0: bigint;
  /** x86 instructions for `x86`, BPF instructions for `interp`. */
  readonly steps: bigint;
  readonly faults: RawFault[];
  readonly oops: RawOops | null;
}

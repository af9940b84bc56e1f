import type { KernelVersion } from '../profiles/profile.js';
import type { GuestAddress, HostAddress } from '../quantities.js';

/** What generated code knows about the machine it runs in; linear addresses and sizes are constants in it. */
export interface WasmEnvironment {
  /** State record, drawn below. */
  readonly state: HostAddress;
  /** Ring of FAULTS_HELD fault records. */
  readonly faults: HostAddress;
  /** Region tables: of every region, and of those that the guard of a probe load lets through. */
  readonly regions: HostAddress;
  readonly guardedRegions: HostAddress;
  /** One byte for each page of linear memory: the rights of the guest page there. */
  readonly rights: HostAddress;
  /** What to add to the low half of an address inside the window. */
  readonly windowOffset: number;
  readonly stack: GuestAddress;
  readonly stackLinear: HostAddress;
  /** Bytes. */
  readonly stackSize: number;
  /** What to add to the low half of an address on the stack. */
  readonly stackOffset: number;
  readonly callBase: GuestAddress;
  readonly perCpuOffset: bigint;
  readonly version: KernelVersion;
}

// State record: what generated code and the host tell each other.
//
//   +0 fuel i64   +8 window u64   +16 window size u64   +24 stack u32   +28 tail calls u32   +32 trap u32
//   +36 slot u32   +40 address u64   +48 program u32   +52 faults u32   +56 R1 to R5   +96 R0 to R11
//   +192 reserve i64   +200 entry u32
export const STATE_FUEL = 0;
/** First address of the largest stretch of read-write pages in the direct map. */
export const STATE_WINDOW = 8;
/** Its size - 7, so that every access that begins inside ends inside; 0 = none. */
export const STATE_WINDOW_SIZE = 16;
/** STACK_REACH below the linear address of R10 of the next frame of the host. */
export const STATE_STACK = 24;
export const STATE_TAIL_CALLS = 28;
/** Why generated code ended in a trap. */
export const STATE_TRAP = 32;
export const STATE_SLOT = 36;
export const STATE_ADDRESS = 40;
export const STATE_PROGRAM = 48;
/** Faults logged, modulo 2^32. */
export const STATE_FAULTS = 52;
export const STATE_ARGUMENTS = 56;
export const STATE_REGISTERS = 96;
/** Fuel that the slice being run does not have. */
export const STATE_RESERVE = 192;
/** Frame of the main program that may pause when its slice ends; 0 = none may. */
export const STATE_ENTRY = 200;
export const STATE_SIZE = 208;

export const TRAP_NONE = 0;
export const TRAP_FAULT = 1;
export const TRAP_STEPS = 2;
export const TRAP_STACK = 3;
export const TRAP_BAD = 4;
/** The slice ended in the main program, which can go on from the registers in the state record. */
export const TRAP_SLICE = 5;

// Fault record:  +0 address u64   +8 slot u32   +12 program u32
export const FAULT_SIZE_LOG = 4;
export const FAULTS_HELD = 8192;

// Entry of a region table, chosen by bits 30 to 39 of an address:  +0 base u64   +8 size u32 (0 = none)   +12 linear u32
export const REGION_SHIFT = 26;
export const REGION_MASK = 0x3ff0;
export const REGION_BASE = 0;
export const REGION_BYTES = 8;
export const REGION_LINEAR = 12;
export const REGION_TABLE_SIZE = 0x4000;

import {
  CPU_AX,
  CPU_BP,
  CPU_CX,
  CPU_DI,
  CPU_DX,
  CPU_ERROR_CODE,
  CPU_FAULT_ADDRESS,
  CPU_FLAGS,
  CPU_GS,
  CPU_IP,
  CPU_R8,
  CPU_SI,
  CPU_SP,
  CPU_STATE_BYTES,
  CPU_VECTOR,
  EXIT_FAULT,
  EXIT_GATE,
  EXIT_MEMORY,
  RUN_MAX,
} from '../../assembly/layout/cpu.js';
import { LimitError } from '../errors.js';
import type { GuestAddress, HostAddress } from '../quantities.js';
import type { Core } from './core.js';

/** Why the CPU stopped. */
export type CpuStop = 'slice' | 'gate' | 'fault';

/** The fault that stopped the CPU. */
export interface CpuFault {
  /** Exception vector (Intel SDM vol. 3, table 6-1). */
  readonly vector: number;
  readonly address: GuestAddress;
  readonly errorCode: number;
}

/** Linear addresses of what translated code works on. */
export interface CpuPlaces {
  readonly state: HostAddress;
  readonly handBack: HostAddress;
  readonly tlbRead: HostAddress;
  readonly tlbWrite: HostAddress;
}

/** Offsets of the registers that carry R1 to R5. */
const ARGUMENTS = [CPU_DI, CPU_SI, CPU_DX, CPU_CX, CPU_R8] as const;
const PT_REGS_WORDS = 21;
/** Bytes of one micro-op, the unit the core counts fuel in. */
const FUEL_UNIT = 32;

/** The x86-64 CPU in the core. */
export class Cpu {
  readonly #core: Core;
  readonly #state: number;
  #steps = 0;
  /** Addresses of breakpoints in the core's memory; 0 = none. */
  #breakpoints = 0;
  /** Functions of regions in the core's table, and places in it that are free. */
  #regions: number[] = [];
  readonly #free: number[] = [];

  constructor(core: Core) {
    this.#core = core;
    this.#state = core.exports.cpuState() >>> 0;
  }

  /** Zeroes the registers. */
  reset(): void {
    this.#core.exports.cpuReset();
  }

  get ip(): GuestAddress {
    return this.#word(CPU_IP);
  }

  set ip(value: GuestAddress) {
    this.#setWord(CPU_IP, value);
  }

  get rbp(): GuestAddress {
    return this.#word(CPU_BP);
  }

  get rax(): bigint {
    return this.#word(CPU_AX);
  }

  get rsp(): GuestAddress {
    return this.#word(CPU_SP);
  }

  set rsp(value: GuestAddress) {
    this.#setWord(CPU_SP, value);
  }

  set gsBase(value: GuestAddress) {
    this.#setWord(CPU_GS, value);
  }

  /** R1 to R5. */
  arguments(): bigint[] {
    const view = this.#core.view;
    const state = this.#state;
    return [
      view.getBigUint64(state + CPU_DI, true),
      view.getBigUint64(state + CPU_SI, true),
      view.getBigUint64(state + CPU_DX, true),
      view.getBigUint64(state + CPU_CX, true),
      view.getBigUint64(state + CPU_R8, true),
    ];
  }

  setArguments(args: readonly bigint[]): void {
    ARGUMENTS.forEach((offset, index) => this.#setWord(offset, args[index] ?? 0n));
  }

  /** Pushes a return address and goes to `entry`; false when the stack cannot be written. */
  enter(entry: GuestAddress, returnTo: GuestAddress): boolean {
    return Boolean(this.#core.exports.cpuEnter(entry, returnTo));
  }

  /** Returns `value` from a gate; false when the stack cannot be read. */
  return(value: bigint): boolean {
    return Boolean(this.#core.exports.cpuReturn(value));
  }

  /**
   * Runs until something stops the CPU, at most `limit` instructions: whole slices while the limit is far, single
   * steps up to it. `steps` tells how many it were. Errors: LIMIT_MEMORY.
   */
  run(limit: number): CpuStop {
    const { exports } = this.#core;
    const slice = limit > RUN_MAX ? limit - RUN_MAX : 0;
    const exit = slice > 0 ? exports.cpuRun(slice) : exports.cpuStep();
    this.#steps = slice - exports.cpuFuelLeft() / FUEL_UNIT;
    return stopOf(exit);
  }

  /** Instructions that the last run did. */
  get steps(): number {
    return this.#steps;
  }

  get fault(): CpuFault {
    const view = this.#core.view;
    return {
      vector: view.getUint32(this.#state + CPU_VECTOR, true),
      address: this.#word(CPU_FAULT_ADDRESS),
      errorCode: view.getUint32(this.#state + CPU_ERROR_CODE, true),
    };
  }

  /** struct pt_regs: 21 words, r15 first, flags up to date. */
  registers(): bigint[] {
    this.#core.exports.cpuFlags();
    const words = Array.from({ length: PT_REGS_WORDS }, (_, index) => this.#word(index * 8));
    words[CPU_FLAGS / 8] |= 2n;
    return words;
  }

  /** Everything the CPU holds, for {@link restore}. */
  save(): Uint8Array {
    this.#core.exports.cpuFlags();
    return this.#core.copyOut(this.#state, CPU_STATE_BYTES);
  }

  restore(state: Uint8Array): void {
    this.#core.exports.cpuFlags();
    this.#core.bytes.set(state, this.#state);
  }

  /** Faults on user addresses are never repaired. */
  setSmap(on: boolean): void {
    this.#core.exports.cpuSetSmap(on);
  }

  /** A repaired fault stops the CPU, with vector VECTOR_REPAIRED and the bytes to skip as error code. */
  reportFaults(on: boolean): void {
    this.#core.exports.cpuReportFaults(on);
  }

  /**
   * Code is decoded for a debugger from now on: every flag is written, and the CPU stops as at the end of a slice in
   * front of `breakpoints` (ascending). null ends that. Errors: LIMIT_MEMORY.
   */
  watch(breakpoints: readonly GuestAddress[] | null): void {
    this.#core.free(this.#breakpoints);
    const count = breakpoints?.length ?? 0;
    this.#breakpoints =
      count === 0 ? 0 : this.#core.allocBytes(new Uint8Array(BigUint64Array.from(breakpoints ?? []).buffer));
    this.#core.exports.cpuWatch(breakpoints !== null, this.#breakpoints, count);
  }

  /** Linear addresses that translated code needs. */
  get places(): CpuPlaces {
    const { exports } = this.#core;
    return {
      state: this.#state,
      handBack: exports.cpuHandBack() >>> 0,
      tlbRead: exports.cpuTlbRead() >>> 0,
      tlbWrite: exports.cpuTlbWrite() >>> 0,
    };
  }

  /** Changes when everything decoded was dropped, regions included. */
  get generation(): number {
    return this.#core.exports.cpuCodeGeneration() >>> 0;
  }

  /** Record of the instruction at `ip`; 0 when it cannot be fetched. */
  microOpAt(ip: GuestAddress): HostAddress {
    return this.#core.exports.cpuLookup(ip) >>> 0;
  }

  /** The operation of a record alone, whatever it does together with the next one. */
  singleOp(microOp: HostAddress): number {
    return this.#core.exports.cpuSingleOp(microOp);
  }

  get view(): DataView {
    return this.#core.view;
  }

  /** What a translated region imports. */
  get regionImports(): WebAssembly.ModuleImports {
    return { memory: this.#core.memory, cold: this.#core.exports.cpuCold };
  }

  /** Lets code at a record run a translated region; false when there is no room for it. */
  setRegion(microOp: HostAddress, run: WebAssembly.ExportValue): boolean {
    const { exports } = this.#core;
    const { table } = exports;
    const index = this.#free.pop() ?? table.grow(1);
    if (!exports.cpuSetRegion(microOp, index)) {
      this.#free.push(index);
      return false;
    }
    table.set(index, run);
    this.#regions.push(index);
    return true;
  }

  /** Gives up the functions of regions that were dropped. */
  freeRegions(): void {
    for (const index of this.#regions) this.#core.exports.table.set(index, null);
    this.#free.push(...this.#regions);
    this.#regions = [];
  }

  /** Registers the probe guards' xor instructions of an image. Errors: LIMIT_MEMORY. */
  addGuards(image: GuestAddress, offsets: readonly number[]): void {
    if (
      !this.#withOffsets(offsets, (at) =>
        Boolean(this.#core.exports.guardSitesAdd(image, at, offsets.length)),
      )
    )
      throw new LimitError('LIMIT_MEMORY', `cpu: no linear memory for ${offsets.length} guard sites`);
  }

  removeGuards(image: GuestAddress, offsets: readonly number[]): void {
    this.#withOffsets(offsets, (at) => this.#core.exports.guardSitesRemove(image, at, offsets.length));
  }

  #withOffsets<T>(offsets: readonly number[], use: (at: number) => T): T {
    const at = this.#core.allocBytes(new Uint8Array(Uint32Array.from(offsets).buffer));
    try {
      return use(at);
    } finally {
      this.#core.free(at);
    }
  }

  #word(offset: number): bigint {
    return this.#core.view.getBigUint64(this.#state + offset, true);
  }

  #setWord(offset: number, value: bigint): void {
    this.#core.view.setBigUint64(this.#state + offset, BigInt.asUintN(64, value), true);
  }
}

function stopOf(exit: number): CpuStop {
  if (exit === EXIT_MEMORY)
    throw new LimitError('LIMIT_MEMORY', 'cpu: no linear memory left to decode code into');
  if (exit === EXIT_GATE) return 'gate';
  return exit === EXIT_FAULT ? 'fault' : 'slice';
}

import { STACK_REACH } from '../../assembly/layout/interp.js';
import type { Core } from '../core/core.js';
import type { GuestMemory, RegionName } from '../mm/guest-memory.js';
import type { JitKnobs } from '../profiles/profile.js';
import type { GuestAddress, HostAddress, InsnIndex } from '../quantities.js';
import * as E from '../wasm/environment.js';

/** Why generated code stopped, and where. */
export interface Trap {
  readonly reason: 'none' | 'fault' | 'steps' | 'stack' | 'bad' | 'slice';
  readonly slot: InsnIndex;
  readonly address: GuestAddress;
  readonly program: number;
}

/** What a run inside a handler must leave as it was. */
export interface SavedState {
  readonly fuel: bigint;
  readonly reserve: bigint;
  readonly entry: number;
  readonly stack: number;
  readonly tailCalls: number;
}

const REASONS: readonly Trap['reason'][] = ['none', 'fault', 'steps', 'stack', 'bad', 'slice'];
/** Sorted by how sure the guard of a probe load is to refuse them. */
const REGIONS: readonly RegionName[] = ['direct', 'vmalloc', 'arena', 'text', 'modules', 'user'];
const REFUSED: RegionName = 'user';

/** The state record, the region tables and the fault ring of one core, and the stack programs run on. */
export class WasmState {
  readonly environment: E.WasmEnvironment;
  readonly #core: Core;
  readonly #guest: GuestMemory;
  readonly #top: number;
  #words: BigUint64Array;
  #changes = -1;

  constructor(
    core: Core,
    memory: GuestMemory,
    jit: JitKnobs,
    options: { readonly perCpuOffset: bigint; readonly stackSize: number },
  ) {
    this.#core = core;
    this.#guest = memory;
    const stack = memory.alloc('vmalloc', options.stackSize);
    const stackLinear = memory.linear(stack, options.stackSize);
    this.#top = stackLinear + options.stackSize - STACK_REACH;
    const state = core.alloc(E.STATE_SIZE);
    core.bytes.fill(0, state, state + E.STATE_SIZE);
    const direct = memory.region('direct');
    this.environment = {
      state,
      faults: core.alloc(E.FAULTS_HELD << E.FAULT_SIZE_LOG),
      regions: this.#regionTable(REGIONS),
      guardedRegions: this.#regionTable(REGIONS.filter((name) => name !== REFUSED)),
      rights: memory.pageRights.table,
      windowOffset: direct.linear - Number(direct.base & 0xffffffffn),
      stack,
      stackLinear,
      stackSize: options.stackSize,
      stackOffset: stackLinear - Number(stack & 0xffffffffn),
      callBase: jit.callBase,
      perCpuOffset: options.perCpuOffset,
      version: jit.version,
    };
    this.#words = new BigUint64Array(core.memory.buffer, state + E.STATE_ARGUMENTS, ARGUMENTS);
    this.resetStack();
  }

  get memory(): WebAssembly.Memory {
    return this.#core.memory;
  }

  get bytes(): DataView {
    return this.#core.view;
  }

  /** R1 to R5 of the call that is being answered. */
  arguments(): bigint[] {
    const { buffer } = this.#core.memory;
    if (this.#words.buffer !== buffer)
      this.#words = new BigUint64Array(buffer, this.environment.state + E.STATE_ARGUMENTS, ARGUMENTS);
    const words = this.#words;
    return [words[0], words[1], words[2], words[3], words[4]];
  }

  get fuel(): bigint {
    return this.bytes.getBigInt64(this.environment.state + E.STATE_FUEL, true);
  }

  set fuel(fuel: bigint) {
    this.bytes.setBigInt64(this.environment.state + E.STATE_FUEL, fuel, true);
  }

  get reserve(): bigint {
    return this.bytes.getBigInt64(this.environment.state + E.STATE_RESERVE, true);
  }

  set reserve(fuel: bigint) {
    this.bytes.setBigInt64(this.environment.state + E.STATE_RESERVE, fuel, true);
  }

  /** Fuel of the slice and behind it. */
  get allFuel(): bigint {
    return this.fuel + this.reserve;
  }

  /** The frame that may pause; 0 = none. */
  get entry(): number {
    return this.bytes.getUint32(this.environment.state + E.STATE_ENTRY, true);
  }

  set entry(frame: number) {
    this.bytes.setUint32(this.environment.state + E.STATE_ENTRY, frame, true);
  }

  /** STACK_REACH below the linear address of R10 of the next frame. */
  get stack(): number {
    return this.bytes.getInt32(this.environment.state + E.STATE_STACK, true);
  }

  set stack(stack: number) {
    this.bytes.setInt32(this.environment.state + E.STATE_STACK, stack, true);
  }

  get tailCalls(): number {
    return this.bytes.getUint32(this.environment.state + E.STATE_TAIL_CALLS, true);
  }

  set tailCalls(count: number) {
    this.bytes.setUint32(this.environment.state + E.STATE_TAIL_CALLS, count, true);
  }

  get faults(): number {
    return this.bytes.getUint32(this.environment.state + E.STATE_FAULTS, true);
  }

  get trap(): Trap {
    const { bytes } = this;
    const { state } = this.environment;
    return {
      reason: REASONS[bytes.getUint32(state + E.STATE_TRAP, true)],
      slot: bytes.getUint32(state + E.STATE_SLOT, true),
      address: bytes.getBigUint64(state + E.STATE_ADDRESS, true),
      program: bytes.getUint32(state + E.STATE_PROGRAM, true),
    };
  }

  clearTrap(): void {
    this.bytes.setUint32(this.environment.state + E.STATE_TRAP, E.TRAP_NONE, true);
  }

  save(): SavedState {
    const { fuel, reserve, entry, stack, tailCalls } = this;
    return { fuel, reserve, entry, stack, tailCalls };
  }

  restore(saved: SavedState): void {
    Object.assign(this, saved);
  }

  resetStack(): void {
    this.stack = this.#top;
  }

  /** Looks for the window anew when pages have changed. */
  refreshWindow(): void {
    const rights = this.#guest.pageRights;
    if (rights.changes === this.#changes) return;
    this.#changes = rights.changes;
    const direct = this.#guest.region('direct');
    const run = rights.longestRun(direct);
    const { bytes } = this;
    const { state } = this.environment;
    bytes.setBigUint64(state + E.STATE_WINDOW, direct.base + BigInt(run.offset), true);
    bytes.setBigUint64(state + E.STATE_WINDOW_SIZE, BigInt(Math.max(run.size - 7, 0)), true);
  }

  #regionTable(names: readonly RegionName[]): HostAddress {
    const table = this.#core.alloc(E.REGION_TABLE_SIZE);
    this.#core.bytes.fill(0, table, table + E.REGION_TABLE_SIZE);
    const view = this.#core.view;
    for (const name of names) {
      const { base, size, linear } = this.#guest.region(name);
      const at = table + (Number((base >> BigInt(E.REGION_SHIFT)) & 0xffffn) & E.REGION_MASK);
      view.setBigUint64(at + E.REGION_BASE, base, true);
      view.setUint32(at + E.REGION_BYTES, size, true);
      view.setUint32(at + E.REGION_LINEAR, linear, true);
    }
    return table;
  }
}

const ARGUMENTS = 5;

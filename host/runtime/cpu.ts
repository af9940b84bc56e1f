import { VECTOR_REPAIRED } from '../../assembly/layout/cpu.js';
import { VECTOR_PF } from '../../assembly/layout/mmu.js';
import type { Core } from '../core/core.js';
import { Cpu } from '../core/cpu.js';
import { FaultLog } from '../core/fault-log.js';
import { LimitError, UsageError } from '../errors.js';
import { type GuestMemory, PAGE_SIZE, RIGHT_GATE } from '../mm/guest-memory.js';
import type { ByteOffset, GuestAddress } from '../quantities.js';
import {
  ProgramThrow,
  ProgramUnwind,
  type EngineRun,
  type GateHandler,
  type RawFault,
  type RawOops,
} from './engine.js';
import { faultsSince, oopsOf } from './x86-faults.js';
import { X86Regions } from './x86-regions.js';

export interface X86Options {
  /** Bytes of kernel stack, rounded up to pages; an unmapped page lies below and above it. */
  readonly stackSize?: number;
  /** A fault on a user address is never repaired, as Linux 5.12 and later do on a CPU with SMAP. */
  readonly smap?: boolean;
  /** Instructions before loops are looked for that are worth translating; Infinity = none is translated. */
  readonly hotAfter?: number;
}

export interface X86RunOptions {
  readonly gate: GateHandler;
  /** x86 instructions; LIMIT_STEPS is thrown past them. */
  readonly maxSteps?: bigint;
  /** Entry of the exception callback of the program whose text holds an address; null when it has none. */
  readonly exceptionCallback?: (ip: GuestAddress) => GuestAddress | null;
  /**
   * Called when a fault was repaired, before the program goes on; registers in struct pt_regs order (r15 first, 21
   * words). A load that its guard refuses does not fault.
   */
  readonly onFault?: (fault: RawFault, registers: readonly bigint[]) => void;
  /** Base of the gs segment: the per-CPU area of the CPU that runs. */
  readonly gsBase?: GuestAddress;
  /** Initial rsp, 16-byte aligned; the engine's own stack when absent. */
  readonly stackTop?: GuestAddress;
}

const DEFAULT_STACK = 16384;
const DEFAULT_STEPS = 10_000_000_000n;

/** Leaves every nested call when a fault is fatal. */
class OopsSignal {
  constructor(readonly oops: RawOops) {}
}

interface Running {
  readonly options: X86RunOptions;
  readonly maxSteps: number;
  steps: number;
}

/** A run that stands still between calls of {@link X86Engine.resume}. */
export interface PausedRun {
  /** Registers, as assembly/layout/cpu.ts has them; they may be changed. */
  readonly state: Uint8Array;
  /** Addresses to stop in front of, ascending; replaced, never changed. */
  breakpoints: readonly GuestAddress[];
  /** Instructions done. */
  readonly steps: number;
  readonly faults: readonly RawFault[];
}

class Paused implements PausedRun {
  breakpoints: readonly GuestAddress[] = [];
  readonly faults: RawFault[] = [];

  constructor(
    public state: Uint8Array,
    readonly running: Running,
  ) {}

  get steps(): number {
    return this.running.steps;
  }
}

/** Runs JIT images on the emulated x86-64 CPU, faults delivered and repaired through the exception tables. */
export class X86Engine {
  readonly #cpu: Cpu;
  readonly #regions: X86Regions;
  readonly #memory: GuestMemory;
  readonly #log: FaultLog;
  readonly #stackTop: GuestAddress;
  /** Where the engine's own stack begins; the page below is unmapped. */
  readonly #stackEnd: GuestAddress;
  /** Fetching here ends the innermost call from the host. */
  readonly #returnGate: GuestAddress;
  #running: Running | null = null;
  /** Breakpoints that code is decoded with; null = it is decoded for speed. */
  #watching: readonly GuestAddress[] | null = null;
  #isReporting = false;

  constructor(core: Core, memory: GuestMemory, options: X86Options = {}) {
    this.#cpu = new Cpu(core);
    this.#regions = new X86Regions(this.#cpu, options.hotAfter);
    this.#memory = memory;
    this.#cpu.setSmap(options.smap ?? false);
    this.#log = new FaultLog(core);
    const size = Math.ceil((options.stackSize ?? DEFAULT_STACK) / PAGE_SIZE) * PAGE_SIZE;
    const stack = memory.alloc('vmalloc', size + PAGE_SIZE);
    memory.unmap(stack, PAGE_SIZE);
    this.#stackEnd = stack + BigInt(PAGE_SIZE);
    this.#stackTop = stack + BigInt(size + PAGE_SIZE);
    const text = memory.region('text');
    this.#returnGate = text.base + BigInt(text.size - PAGE_SIZE);
    memory.map(this.#returnGate, PAGE_SIZE, RIGHT_GATE);
  }

  /**
   * Calls the function at `entry` with R1 to R5 = `args`. Errors: LIMIT_STEPS, LIMIT_STACK, LIMIT_MEMORY; what a gate
   * handler throws. A fault that nothing repairs is the oops of the result.
   */
  run(entry: GuestAddress, args: readonly bigint[], options: X86RunOptions): EngineRun {
    const outer = this.#running;
    const saved = outer === null ? null : this.#cpu.save();
    if (outer === null) {
      this.#log.reset();
      this.#watch(null);
    }
    const logged = this.#log.count;
    try {
      const running = this.#start(entry, args, options, outer !== null);
      const { r0, oops } = this.#within(running, () => this.#driveCatching(running));
      return { r0, steps: BigInt(running.steps), faults: this.#faults(logged), oops };
    } finally {
      if (saved) this.#cpu.restore(saved);
    }
  }

  /** Loops that were translated so far. */
  get regions(): number {
    return this.#regions.made;
  }

  /** Sets up a run that `resume` takes further, beside other runs: it needs a stack of its own. */
  pause(
    entry: GuestAddress,
    args: readonly bigint[],
    options: X86RunOptions & { readonly stackTop: GuestAddress },
  ): PausedRun {
    const saved = this.#cpu.save();
    try {
      const running = this.#start(entry, args, options, false);
      return new Paused(this.#cpu.save(), running);
    } finally {
      this.#cpu.restore(saved);
    }
  }

  /**
   * Goes on for at most `limit` instructions, or until a breakpoint is next; the outcome when the run has ended, else
   * null. A helper counts with the call that leads to it. Errors: as run.
   */
  resume(paused: PausedRun, limit: number): EngineRun | null {
    if (!(paused instanceof Paused)) throw new UsageError('USAGE_PAUSED', 'x86: expected a run of pause()');
    const { running } = paused;
    const saved = this.#cpu.save();
    this.#cpu.restore(paused.state);
    this.#watch(paused.breakpoints);
    const logged = this.#log.count;
    try {
      const end = this.#within(running, () => this.#goOnCatching(running, limit));
      if (end.r0 === null) return null;
      return { r0: end.r0, steps: BigInt(running.steps), faults: paused.faults, oops: end.oops };
    } finally {
      paused.faults.push(...this.#faults(logged));
      paused.state = this.#cpu.save();
      this.#cpu.restore(saved);
    }
  }

  #start(entry: GuestAddress, args: readonly bigint[], options: X86RunOptions, isNested: boolean): Running {
    const cpu = this.#cpu;
    if (!isNested) {
      cpu.reset();
      cpu.rsp = options.stackTop ?? this.#stackTop;
    }
    cpu.gsBase = options.gsBase ?? 0n;
    this.#enterFunction(entry, args);
    return { options, maxSteps: Number(options.maxSteps ?? DEFAULT_STEPS), steps: 0 };
  }

  /** Does something with this run as the one that gates and callbacks belong to. */
  #within<R0 extends bigint | null>(
    running: Running,
    body: () => R0,
  ): { r0: R0 | bigint; oops: RawOops | null } {
    const outer = this.#running;
    this.#running = running;
    this.#report(running.options.onFault !== undefined);
    try {
      return { r0: body(), oops: null };
    } catch (thrown) {
      if (thrown instanceof ProgramUnwind) return { r0: BigInt.asUintN(64, thrown.r0), oops: null };
      if (thrown instanceof OopsSignal) return { r0: 0n, oops: thrown.oops };
      throw thrown;
    } finally {
      this.#running = outer;
      this.#report(outer?.options.onFault !== undefined);
    }
  }

  #report(on: boolean): void {
    if (on === this.#isReporting) return;
    this.#isReporting = on;
    this.#cpu.reportFaults(on);
  }

  #watch(breakpoints: readonly GuestAddress[] | null): void {
    if (breakpoints === this.#watching) return;
    this.#watching = breakpoints;
    this.#cpu.watch(breakpoints);
  }

  /** Calls a function by address, inside a gate handler: a callback. Returns its R0. Errors: USAGE_POINTER. */
  call(address: GuestAddress, args: readonly bigint[]): bigint {
    const running = this.#running;
    if (running === null)
      throw new UsageError(
        'USAGE_POINTER',
        `x86: nothing runs that 0x${address.toString(16)} could be called from`,
        {
          address,
        },
      );
    const saved = this.#cpu.save();
    try {
      this.#enterFunction(address, args);
      return this.#drive(running);
    } finally {
      this.#cpu.restore(saved);
    }
  }

  /**
   * Registers the `xor dst,dst` by which each probe guard of an image refuses its load, as offsets from `image`; a
   * refused load is logged as kind `guard` then.
   */
  addGuards(image: GuestAddress, offsets: readonly ByteOffset[]): void {
    if (offsets.length > 0) this.#cpu.addGuards(image, offsets);
  }

  removeGuards(image: GuestAddress, offsets: readonly ByteOffset[]): void {
    if (offsets.length > 0) this.#cpu.removeGuards(image, offsets);
  }

  #driveCatching(running: Running): bigint {
    try {
      return this.#drive(running);
    } catch (thrown) {
      this.#raise(thrown, running);
      return this.#drive(running);
    }
  }

  #goOnCatching(running: Running, limit: number): bigint | null {
    try {
      return this.#goOn(running, limit);
    } catch (thrown) {
      this.#raise(thrown, running);
      return null;
    }
  }

  /** An exception goes on in the exception callback, on the frame of the main program; everything else is thrown. */
  #raise(thrown: unknown, { options }: Running): void {
    if (!(thrown instanceof ProgramThrow)) throw thrown;
    const cpu = this.#cpu;
    const callback = options.exceptionCallback?.(this.#memory.readUint(cpu.rsp, 8));
    if (callback === null || callback === undefined) throw new ProgramUnwind(thrown.cookie);
    const { sp, bp } = this.#mainFrame();
    cpu.setArguments([thrown.cookie, sp, bp]);
    cpu.ip = callback;
  }

  /** rsp and rbp of the main program at the call that led to the gate where the CPU stands. */
  #mainFrame(): { sp: GuestAddress; bp: GuestAddress } {
    const read = (address: GuestAddress): bigint => this.#memory.readUint(address, 8);
    let sp = this.#cpu.rsp + 8n;
    let bp = this.#cpu.rbp;
    while (read(bp + 8n) !== this.#returnGate) {
      sp = bp + 16n;
      bp = read(bp);
    }
    return { sp, bp };
  }

  #enterFunction(entry: GuestAddress, args: readonly bigint[]): void {
    // The psABI wants rsp 16-byte aligned before the call.
    this.#cpu.rsp &= ~15n;
    if (!this.#cpu.enter(entry, this.#returnGate)) throw this.#stackOverflow();
    this.#cpu.setArguments(args);
  }

  /** Runs until the innermost function that the host entered returns. */
  #drive(running: Running): bigint {
    for (;;) {
      const r0 = this.#goOn(running, this.#isAtBreakpoint() ? 1 : this.#regions.slice);
      if (r0 !== null) return r0;
    }
  }

  /** A run that nobody could stop here goes over breakpoints. */
  #isAtBreakpoint(): boolean {
    return this.#watching !== null && this.#watching.includes(this.#cpu.ip);
  }

  /** Enters the core once and answers what stopped it; R0 when the innermost function of the host returned. */
  #goOn(running: Running, limit: number): bigint | null {
    const cpu = this.#cpu;
    const left = running.maxSteps - running.steps;
    if (left <= 0)
      throw new LimitError(
        'LIMIT_STEPS',
        `x86: the program did not end within ${running.maxSteps} instructions`,
        { address: cpu.ip },
      );
    const stop = cpu.run(left < limit ? left : limit);
    running.steps += cpu.steps;
    if (this.#watching === null) this.#regions.ran(cpu.steps, stop === 'slice');
    if (stop === 'fault') {
      const { vector, errorCode } = cpu.fault;
      if (vector === VECTOR_REPAIRED) return this.#repaired(running, errorCode);
      throw this.#isOverflow() ? this.#stackOverflow() : new OopsSignal(oopsOf(this.#cpu));
    }
    if (stop !== 'gate') return null;
    const gate = cpu.ip;
    if (gate === this.#returnGate) return cpu.rax;
    const r0 = running.options.gate(gate, cpu.arguments());
    if (!cpu.return(BigInt.asUintN(64, r0))) throw this.#stackOverflow();
    return null;
  }

  /** Shows a repaired fault and skips its instruction, which counts as done. */
  #repaired(running: Running, length: number): null {
    const cpu = this.#cpu;
    running.steps++;
    const [fault] = this.#faults(this.#log.count - 1n);
    running.options.onFault?.(fault, cpu.registers());
    cpu.ip += BigInt(length);
    return null;
  }

  /** The stack pointer has left the engine's stack, and an access below it went wrong. */
  #isOverflow(): boolean {
    const { vector, address } = this.#cpu.fault;
    const end = this.#stackEnd;
    const isGuardPage = address < end && address >= end - BigInt(PAGE_SIZE);
    return vector === VECTOR_PF && isGuardPage && this.#cpu.rsp - 8n < end;
  }

  #stackOverflow(): LimitError {
    const address = this.#cpu.ip;
    return new LimitError('LIMIT_STACK', `x86: stack used up at 0x${address.toString(16)}`, { address });
  }

  #faults(logged: bigint): RawFault[] {
    return faultsSince(this.#log, logged);
  }
}

import { MAX_TAIL_CALL_CNT } from '../../assembly/isa.js';
import type { Core } from '../core/core.js';
import { LimitError, UsageError } from '../errors.js';
import type { GuestMemory } from '../mm/guest-memory.js';
import type { JitKnobs } from '../profiles/profile.js';
import type { GuestAddress } from '../quantities.js';
import type { WasmEnvironment } from '../wasm/environment.js';
import { type WasmSource, argumentsOf } from '../wasm/module.js';
import { ProgramThrow, ProgramUnwind, type EngineRun, type GateHandler, type RawOops } from './engine.js';
import { OopsSignal, WasmFaults, faultAt, siteOf } from './wasm-faults.js';
import { type WasmFunction, type WasmLoadOptions, type WasmProgram, WasmPrograms } from './wasm-programs.js';
import { SliceEnd, Slices } from './wasm-slices.js';
import { WasmState, type Trap } from './wasm-state.js';

export interface WasmRunOptions {
  readonly gate: GateHandler;
  /** Program at the bpf_prog address a prog array holds; null makes the tail call fail. */
  readonly tailCall?: (progAddress: GuestAddress) => WasmProgram | null;
  /** The exception callback of a program, by its handle; null when it has none. */
  readonly exceptionCallback?: (
    program: number,
  ) => { readonly program: WasmProgram; readonly func: number } | null;
  /** Index of the function to run, the main one when absent. */
  readonly func?: number;
  /** LIMIT_STEPS is thrown past it. */
  readonly maxSteps?: bigint;
}

export interface WasmOptions {
  /** What the per-CPU address cast adds: this_cpu_off of the CPU that runs. */
  readonly perCpuOffset?: bigint;
  /** Bytes of kernel stack. */
  readonly stackSize?: number;
  /** Steps after which a main program is entered anew where it stands; millions when absent. */
  readonly slice?: bigint;
}

const DEFAULT_STACK = 16384;
/** Stack that the frames of a verified program may take: 8 of at most 512 bytes together, each rounded up by 31. */
const VERIFIED_ROOM = 1024;
/** Bytes from a context on that a verified program may touch: no context of Linux is larger. */
const CONTEXT_REACH = 1024;
/**
 * Steps that generated code may seem to go past its budget: it looks at its fuel where it loops, and pays for the
 * longest round before it runs one. More than the largest program has.
 */
const OVERDRAFT = 1n << 21n;
const DEFAULT_STEPS = 10_000_000_000n;
interface Running {
  readonly options: WasmRunOptions;
  /** Programs run with every access checked. */
  readonly isChecked: boolean;
  /** Handle of the program that called a gate last. */
  caller: number;
  readonly slices: Slices;
}

/** Runs BPF as WebAssembly; it follows the profile's JIT, guards, tail-call counting and arenas included. */
export class WasmEngine {
  readonly #memory: GuestMemory;
  readonly #jit: JitKnobs;
  readonly #slice: bigint | undefined;
  readonly #state: WasmState;
  readonly #faults: WasmFaults;
  readonly #programs: WasmPrograms;
  #running: Running | null = null;

  constructor(core: Core, memory: GuestMemory, jit: JitKnobs, options: WasmOptions = {}) {
    this.#memory = memory;
    this.#jit = jit;
    this.#slice = options.slice;
    this.#state = new WasmState(core, memory, jit, {
      perCpuOffset: options.perCpuOffset ?? 0n,
      stackSize: options.stackSize ?? DEFAULT_STACK,
    });
    this.#programs = new WasmPrograms(this.#state, {
      gate: (handle, number) => this.#gate(handle, this.#programs.gate(number)),
      tail: (handle, array, index, slot) => this.#tail(handle, array, index, slot),
    });
    this.#faults = new WasmFaults(this.#state, memory, jit, (handle) => this.#programs.get(handle));
  }

  /** As WasmPrograms.load. */
  load(
    source: WasmSource,
    handle: number,
    addresses: readonly GuestAddress[],
    options: WasmLoadOptions = {},
  ): WasmProgram {
    return this.#programs.load(source, handle, addresses, options);
  }

  /** As WasmPrograms.loadRaw. */
  loadRaw(insns: Uint8Array): WasmProgram {
    return this.#programs.loadRaw(insns);
  }

  unload(program: WasmProgram): void {
    this.#programs.unload(program);
  }

  /** What generated code is told about this machine. */
  get environment(): WasmEnvironment {
    return this.#state.environment;
  }

  /** Runs a program with R1 to R5 = `args`. Errors: LIMIT_STEPS, LIMIT_STACK; what a gate handler throws. */
  run(program: WasmProgram, args: readonly bigint[], options: WasmRunOptions): EngineRun {
    const state = this.#state;
    const outer = this.#running;
    const before = outer === null ? null : state.save();
    if (outer === null) {
      this.#faults.reset();
      state.resetStack();
    }
    const logged = this.#faults.count;
    const budget = options.maxSteps ?? DEFAULT_STEPS;
    // Function 0 is optimised by the time it is entered a second time.
    const first = this.#slice ?? (this.#programs.wasResumed(program) ? budget + OVERDRAFT : undefined);
    const slices = new Slices(state, budget + OVERDRAFT, first, this.#slice);
    const isChecked = program.verified && !this.#isContext(args[0] ?? 0n);
    const running: Running = { options, isChecked, caller: program.handle, slices };
    this.#running = running;
    let r0 = 0n;
    let oops: RawOops | null = null;
    let steps = 0n;
    try {
      r0 = this.#enterCatching(isChecked ? this.#programs.checked(program) : program, args, running);
      if (state.allFuel < OVERDRAFT) throw stepsOver(options.maxSteps, 0);
    } catch (thrown) {
      if (thrown instanceof ProgramUnwind) r0 = BigInt.asUintN(64, thrown.r0);
      else if (thrown instanceof OopsSignal) oops = thrown.oops;
      else throw thrown;
    } finally {
      this.#faults.drain();
      this.#running = outer;
      steps = slices.done;
      if (before) state.restore(before);
    }
    return { r0, steps, faults: this.#faults.since(logged), oops };
  }

  /** Calls a function by pointer, inside a gate handler: a callback. Returns its R0. Errors: USAGE_POINTER. */
  call(pointer: GuestAddress, args: readonly bigint[]): bigint {
    const target = this.#programs.at(pointer);
    if (target === undefined || this.#running === null)
      throw new UsageError('USAGE_POINTER', `wasm: no function at 0x${pointer.toString(16)} to call back`, {
        address: pointer,
      });
    return this.#enter(target.program, target.index, args);
  }

  /** Enters the main function, and again where its slices end; an exception goes on in the exception callback. */
  #enterCatching(program: WasmProgram, args: readonly bigint[], running: Running): bigint {
    const { options } = running;
    let enter = (): bigint => this.#enter(program, options.func ?? 0, args, true);
    for (;;)
      try {
        return enter();
      } catch (thrown) {
        if (thrown instanceof SliceEnd) {
          this.#faults.drain();
          if (!running.slices.deal()) throw stepsOver(options.maxSteps, thrown.slot);
          enter = () => this.#goOn(thrown, running);
        } else if (thrown instanceof ProgramThrow) {
          const callback = options.exceptionCallback?.(running.caller);
          if (!callback) throw new ProgramUnwind(thrown.cookie);
          enter = () => this.#enter(callback.program, callback.func, [thrown.cookie]);
        } else throw thrown;
      }
  }

  #goOn({ program: handle, slot, tailCalls }: SliceEnd, { isChecked }: Running): bigint {
    const named = this.#programs.get(handle) as WasmProgram;
    const program = isChecked ? this.#programs.checked(named) : named;
    const run = this.#programs.resumeAt(program, slot);
    return this.#call(run, this.#registers(program, []), tailCalls, true);
  }

  /** Whether a verified program may go to this context without checks. */
  #isContext(address: GuestAddress): boolean {
    const { base, size } = this.#memory.region('direct');
    const from = BigInt.asUintN(64, address);
    return from >= base && from < base + BigInt(size) && this.#memory.isMapped(from, CONTEXT_REACH);
  }

  /** Enters a function below everything that runs. */
  #enter(program: WasmProgram, index: number, args: readonly bigint[], isMain = false): bigint {
    const state = this.#state;
    const room = program.verified ? VERIFIED_ROOM : 0;
    if (state.stack - room < state.environment.stackLinear) throw stackOverflow(0);
    return this.#call(program.functions[index], this.#registers(program, args), 0, isMain);
  }

  #registers({ raw }: WasmProgram, args: readonly bigint[]): bigint[] {
    return argumentsOf(raw).map((register) => (register === 0 ? 0n : (args[register - 1] ?? 0n)));
  }

  /** `canPause`: the run goes on when a slice ends in this frame. */
  #call(run: WasmFunction, registers: bigint[], tailCallsDone: number, canPause: boolean): bigint {
    const state = this.#state;
    const { stack, tailCalls, entry } = state;
    state.tailCalls = tailCallsDone;
    state.entry = canPause ? stack : 0;
    state.refreshWindow();
    try {
      const result = run(stack, ...registers);
      return BigInt.asUintN(64, typeof result === 'bigint' ? result : result[0]);
    } catch (thrown) {
      throw this.#explain(thrown);
    } finally {
      state.stack = stack;
      state.tailCalls = tailCalls;
      state.entry = entry;
    }
  }

  /** What a trap of generated code means. */
  #explain(thrown: unknown): unknown {
    // V8 reports exhausted native stack as RangeError, SpiderMonkey as InternalError.
    if (thrown instanceof RangeError) return stackOverflow(this.#state.trap.slot);
    if (!(thrown instanceof WebAssembly.RuntimeError)) return thrown;
    const { trap } = this.#state;
    this.#state.clearTrap();
    switch (trap.reason) {
      case 'fault':
        return new OopsSignal(this.#faultOops(trap));
      case 'slice':
        return new SliceEnd(trap.program, trap.slot, this.#state.tailCalls);
      case 'steps':
        return stepsOver(this.#running?.options.maxSteps, trap.slot);
      case 'stack':
        return stackOverflow(trap.slot);
      case 'bad':
        return new OopsSignal({
          kind: 'ud',
          access: 'fetch',
          ip: BigInt(trap.slot),
          address: 0n,
          errorCode: 0,
          program: trap.program,
        });
      case 'none':
        return thrown;
    }
  }

  #faultOops({ slot, program: handle, address }: Trap): RawOops {
    const program = this.#programs.get(handle) as WasmProgram;
    const site = siteOf(program, slot);
    const fault = faultAt(this.#memory, address, site);
    if (!fault) throw new Error(`wasm: instruction ${slot} faulted at mapped 0x${address.toString(16)}`);
    return { ...fault, ip: BigInt(slot), program: handle };
  }

  #gate(handle: number, gate: GuestAddress): bigint {
    const running = this.#running as Running;
    const { options } = running;
    running.caller = handle;
    if (this.#state.allFuel < OVERDRAFT) throw stepsOver(options.maxSteps, 0);
    this.#faults.drain();
    const r0 = options.gate(gate, this.#state.arguments());
    this.#state.refreshWindow();
    return r0;
  }

  /** Decides a tail call: entry in the caller's table, or -1. 6.12 counts only calls that are taken. */
  #tail(handle: number, array: GuestAddress, index: bigint, slot: number): number {
    const { offMapMaxEntries, offArrayPtrs, version } = this.#jit;
    const state = this.#state;
    const read = (address: GuestAddress, size: 4 | 8): bigint => {
      const fault = faultAt(this.#memory, address, { size, access: 'read', alsoReads: false });
      if (fault) {
        // The instruction that faults does not count.
        state.fuel++;
        throw new OopsSignal({ ...fault, ip: BigInt(slot), program: handle });
      }
      return this.#memory.readUint(address, size);
    };
    if (index >= read(BigInt.asUintN(64, array + BigInt(offMapMaxEntries)), 4)) return -1;
    if (state.tailCalls >= MAX_TAIL_CALL_CNT) return -1;
    const late = version === '6.12';
    if (!late) state.tailCalls++;
    const target = read(BigInt.asUintN(64, array + BigInt(offArrayPtrs) + 8n * index), 8);
    if (target === 0n) return -1;
    if (late) state.tailCalls++;
    const running = this.#running;
    const program = running?.options.tailCall?.(target);
    if (!program) return -1;
    const caller = this.#programs.get(handle) as WasmProgram;
    if (!running?.isChecked) return this.#programs.tailEntry(caller, program);
    return this.#programs.tailEntry(this.#programs.checked(caller), this.#programs.checked(program));
  }
}

function stepsOver(budget: bigint | undefined, slot: number): LimitError {
  return new LimitError(
    'LIMIT_STEPS',
    `wasm: the program did not end within ${budget ?? DEFAULT_STEPS} instructions`,
    { insn: slot },
  );
}

function stackOverflow(slot: number): LimitError {
  return new LimitError('LIMIT_STACK', `wasm: stack used up at instruction ${slot}`, { insn: slot });
}

import type { Core } from '../core/core.js';
import { UsageError } from '../errors.js';
import type { GuestMemory } from '../mm/guest-memory.js';
import type { Profile } from '../profiles/profile.js';
import type { GuestAddress } from '../quantities.js';
import { type PausedRun, X86Engine, type X86RunOptions } from './cpu.js';
import type { EngineRun, GateHandler, RawFault } from './engine.js';
import { InterpEngine } from './interpreter.js';
import type { LinkedProgram } from './linked-program.js';
import type { ProgramTable } from './program-table.js';
import type { Engine } from './run-result.js';
import { WasmEngine } from './wasm-engine.js';
import type { WasmProgram } from './wasm-programs.js';

/** What a program is run with, whatever the engine. */
export interface ExecuteOptions {
  readonly gate: GateHandler;
  readonly maxSteps?: bigint;
  /** x86 only: see X86RunOptions. */
  readonly onFault?: (fault: RawFault, registers: readonly bigint[]) => void;
}

/** The engines of one kernel, and its programs as they need them. */
export class Engines {
  readonly x86: X86Engine;
  readonly interp: InterpEngine;
  /** Made when first asked for, and programs translated when they first run on it. */
  #wasm: WasmEngine | null = null;
  readonly #translated = new Map<LinkedProgram, WasmProgram>();

  constructor(
    private readonly core: Core,
    private readonly memory: GuestMemory,
    private readonly profile: Profile,
    private readonly perCpu: GuestAddress,
    private readonly programs: ProgramTable,
  ) {
    this.x86 = new X86Engine(core, memory, { smap: profile.version !== '5.5' });
    this.interp = new InterpEngine(core, memory, profile.jit, { perCpuOffset: perCpu });
  }

  /** Runs a program. Errors: what the engines throw; USAGE_ENGINE for one that does not exist. */
  run(engine: Engine, program: LinkedProgram, context: GuestAddress, options: ExecuteOptions): EngineRun {
    const { programs } = this;
    switch (engine) {
      case 'x86':
        return this.x86.run(program.images[0]!.entry, [context], this.#x86Options(options));
      case 'interp':
        return this.interp.run(program.interp, [context], {
          ...options,
          tailCall: (address) => programs.at(address)?.interp ?? null,
          exceptionCallback: (handle) => {
            const thrower = programs.byHandle(handle);
            const func = thrower ? exceptionCallback(thrower) : -1;
            return thrower && func >= 0 ? { program: thrower.interp, func } : null;
          },
        });
      case 'wasm':
        return this.#wasmEngine().run(this.translated(program), [context], {
          ...options,
          tailCall: (address) => {
            const target = programs.at(address);
            return target && this.translated(target);
          },
          exceptionCallback: (handle) => {
            const thrower = programs.byHandle(handle);
            const func = thrower ? exceptionCallback(thrower) : -1;
            return thrower && func >= 0 ? { program: this.translated(thrower), func } : null;
          },
        });
      default:
        throw new UsageError('USAGE_ENGINE', `engine ${String(engine)}: expected x86, interp or wasm`);
    }
  }

  /** A run on x86 that stands still in front of its first instruction. */
  pause(
    program: LinkedProgram,
    context: GuestAddress,
    options: ExecuteOptions & { readonly stackTop: GuestAddress },
  ): PausedRun {
    const { stackTop } = options;
    return this.x86.pause(program.images[0]!.entry, [context], { ...this.#x86Options(options), stackTop });
  }

  #x86Options(options: ExecuteOptions): X86RunOptions {
    return {
      ...options,
      gsBase: this.perCpu,
      exceptionCallback: (ip) => {
        const thrower = this.programs.owner(ip)?.program;
        return thrower?.images[exceptionCallback(thrower)]?.entry ?? null;
      },
    };
  }

  /** Runs one function of a program on x86, as the kernel calls timers and queued work. */
  runFunction(entry: GuestAddress, args: readonly GuestAddress[], options: ExecuteOptions): EngineRun {
    return this.x86.run(entry, args, this.#x86Options(options));
  }

  /** Calls a BPF function by address within a run of this engine. */
  callback(engine: Engine, entry: GuestAddress, args: readonly bigint[]): bigint {
    switch (engine) {
      case 'x86':
        return this.x86.call(entry, args);
      case 'interp':
        return this.interp.call(entry, args);
      case 'wasm':
        return this.#wasmEngine().call(entry, args);
    }
  }

  /** The program as WebAssembly, translated now if it was not. */
  translated(program: LinkedProgram): WasmProgram {
    const known = this.#translated.get(program);
    if (known) return known;
    const { handle, addresses } = program.interp;
    const made = this.#wasmEngine().load(program.verified, handle, addresses, { verified: true });
    this.#translated.set(program, made);
    return made;
  }

  /** Drops what was made of a program; the interpreter's form belongs to the link. */
  forget(program: LinkedProgram): void {
    const translated = this.#translated.get(program);
    if (translated) this.#wasm?.unload(translated);
    this.#translated.delete(program);
  }

  #wasmEngine(): WasmEngine {
    const options = { perCpuOffset: this.perCpu };
    return (this.#wasm ??= new WasmEngine(this.core, this.memory, this.profile.jit, options));
  }
}

const exceptionCallback = ({ verified }: LinkedProgram): number =>
  verified.functions.findIndex(({ isExceptionCallback }) => isExceptionCallback);

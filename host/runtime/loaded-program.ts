import { UsageError } from '../errors.js';
import type { Helper, RunScope } from '../helpers/helper.js';
import { type DeferredWork, pendingWork } from '../helpers/timers.js';
import type { JitImage } from '../jit/jit-image.js';
import type { BpfMap } from '../maps/bpf-map.js';
import type { GuestMemory } from '../mm/guest-memory.js';
import type { GuestAddress } from '../quantities.js';
import type { VerifiedProgram } from '../verifier/verified-program.js';
import { compareEngines } from './compare-engines.js';
import type { ProgramContext } from './context/program-context.js';
import { deferredArguments } from './deferred.js';
import { DebugCpu } from './debug-cpu.js';
import type { Engines } from './engines.js';
import type { RunEnvironment } from './environment.js';
import type { LinkedProgram } from './linked-program.js';
import type { Trap } from './oops.js';
import { namedRegisters, ProgramRun } from './program-run.js';
import type { ProgramTable } from './program-table.js';
import type { Engine, FaultRecord, OopsRecord, RunResult } from './run-result.js';
import type { Tiers } from './tiers.js';

export interface RunOptions {
  /**
   * `auto` (default) starts on the interpreter and goes on in WebAssembly when the program is hot; `all` runs every
   * engine and compares. Whatever the engine, the result is the same but for `engine` and `steps`, and for the register
   * rows of an oops, which x86 alone has.
   */
  readonly engine?: Engine | 'auto' | 'all';
  /**
   * Called for each fault when it was repaired, before the program goes on, with the general registers by x86 name; runs
   * on x86. A load that its guard refuses does not fault.
   */
  readonly onFault?: (fault: FaultRecord, registers: Readonly<Record<string, bigint>>) => void;
  /** LIMIT_STEPS is thrown past it. */
  readonly maxSteps?: bigint;
  /** bpf_get_attach_cookie. */
  readonly cookie?: bigint;
  /** What bpf_get_retval answers. */
  readonly returnValue?: bigint;
}

/** What a loaded program needs of its kernel. */
export interface ProgramHost {
  readonly memory: GuestMemory;
  readonly engines: Engines;
  readonly programs: ProgramTable;
  readonly tiers: Tiers;
  environment(engine: Engine, scope: RunScope): RunEnvironment;
  gate(address: GuestAddress): Helper;
  oops(trap: Trap, insn: number): OopsRecord;
  /** Remembers everything a run can change. */
  snapshot(): { restore(): void };
  unload(program: LinkedProgram): void;
}

/** A program in a kernel, ready to run. */
export class LoadedProgram {
  #closed = false;

  constructor(
    private readonly host: ProgramHost,
    /** What the guest holds of the program. */
    readonly linked: LinkedProgram,
  ) {}

  get id(): number {
    return this.linked.id;
  }

  get name(): string {
    return this.linked.verified.spec.name;
  }

  get verified(): VerifiedProgram {
    return this.linked.verified;
  }

  get maps(): readonly BpfMap[] {
    return this.linked.maps;
  }

  /** Images by function; empty when the JIT refused. */
  get images(): readonly JitImage[] {
    return this.linked.images;
  }

  /** Why the program has no image; null when it has one. */
  get jitError(): Error | null {
    return this.linked.jitError;
  }

  /** Address of the struct bpf_prog: what a prog array holds. */
  get address(): GuestAddress {
    return this.linked.address;
  }

  /** The map of this name. @throws UsageError USAGE_MAP. */
  map(name: string): BpfMap {
    const found = this.linked.maps.find((map) => map.spec.name === name);
    if (found) return found;
    const names = this.linked.maps.map((map) => map.spec.name).join(', ');
    throw new UsageError(
      'USAGE_MAP',
      `program ${this.name}: expected one of the maps ${names}, found "${name}"`,
    );
  }

  /**
   * Runs the program once on a context.
   *
   * @throws LimitError LIMIT_STEPS; HelperError for a helper Faultline lacks; UsageError USAGE_ENGINE for `x86` without
   * an image; RunError RUN_ENGINES_DIFFER when `all` engines do not agree.
   * @example
   * const { retval, faults } = program.run(kernel.context.tracing([task]));
   */
  run(context: ProgramContext, options: RunOptions = {}): RunResult {
    this.#expectOpen();
    const engine = options.engine ?? 'auto';
    if (engine === 'auto')
      return options.onFault ? this.#runOne('x86', context, options) : this.#runTiered(context, options);
    return engine === 'all' ? this.#runAll(context, options) : this.#runOne(engine, context, options);
  }

  /**
   * Starts the program on the emulated CPU, which then stands in front of its first instruction.
   *
   * @throws UsageError USAGE_ENGINE without an image; LimitError LIMIT_MEMORY.
   * @example
   * const cpu = program.debug(context);
   * cpu.step();
   */
  debug(context: ProgramContext, options: Omit<RunOptions, 'engine' | 'onFault'> = {}): DebugCpu {
    this.#expectOpen();
    const { engines, programs, memory } = this.host;
    const run = new ProgramRun(this.host, this.linked, 'x86', context, options);
    const { gate } = run;
    return new DebugCpu(engines.x86, memory, programs, this.linked, run, (stackTop) =>
      engines.pause(this.linked, context.address, { gate, maxSteps: options.maxSteps, stackTop }),
    );
  }

  /**
   * Runs timers and queued work that its runs have started, once each, those due first. On x86.
   *
   * @param until - Only what is due by then, ns since boot; runs begin at one minute.
   * @returns A result for each function that ran.
   * @throws LimitError LIMIT_STEPS; HelperError for a helper Faultline lacks; UsageError USAGE_ENGINE without an image.
   * @example
   * program.run(context); // bpf_timer_start(timer, 1000000, 0)
   * program.runDeferred();
   */
  runDeferred(options: { readonly until?: bigint; readonly maxSteps?: bigint } = {}): RunResult[] {
    this.#expectOpen();
    const { memory, engines } = this.host;
    const { until, maxSteps } = options;
    const isDue = (work: DeferredWork): boolean => until === undefined || work.due! <= until;
    return pendingWork(memory)
      .filter((work) => isDue(work) && this.linked.images.some((image) => image.entry === work.callback))
      .map((work) => {
        work.due = null;
        const arguments_ = deferredArguments(memory, this.linked.maps, work);
        try {
          const run = new ProgramRun(this.host, this.linked, 'x86', arguments_.context, {});
          return run.result(
            engines.runFunction(work.callback, arguments_.registers, { gate: run.gate, maxSteps }),
          );
        } finally {
          arguments_.context.close();
        }
      });
  }

  #expectOpen(): void {
    if (!this.#closed) return;
    throw new UsageError(
      'USAGE_CLOSED',
      `program ${this.name}: expected a loaded program, found a closed one`,
    );
  }

  /** Takes the program out of the kernel; its maps stay. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.host.unload(this.linked);
  }

  #runAll(context: ProgramContext, options: RunOptions): RunResult {
    const engines: Engine[] = this.linked.images.length > 0 ? ['x86', 'interp', 'wasm'] : ['interp', 'wasm'];
    return compareEngines(this, engines, this.host.snapshot(), (engine) =>
      this.#runOne(engine, context, options),
    );
  }

  /** Runs on the engine that fits how much the program has run. */
  #runTiered(context: ProgramContext, options: RunOptions): RunResult {
    const { tiers } = this.host;
    const result = this.#runOne(tiers.choose(this.linked), context, options);
    tiers.note(this.linked, result.steps);
    return result;
  }

  #runOne(engine: Engine, context: ProgramContext, options: RunOptions): RunResult {
    const { onFault } = options;
    if (onFault && engine !== 'x86')
      throw new UsageError('USAGE_ENGINE', `onFault: expected engine x86, found ${engine}`);
    const run = new ProgramRun(this.host, this.linked, engine, context, options);
    return run.result(
      this.host.engines.run(engine, this.linked, context.address, {
        gate: run.gate,
        maxSteps: options.maxSteps,
        onFault: onFault && ((fault, registers) => onFault(run.fault(fault), namedRegisters(registers))),
      }),
    );
  }
}

import { UsageError } from '../errors.js';
import type { Helper, RunScope } from '../helpers/helper.js';
import { BpfException } from '../helpers/kfunc.js';
import { concat } from '../helpers/guest-string.js';
import { ptRegsName } from '../kallsyms/pt-regs.js';
import type { JitImage } from '../jit/jit-image.js';
import type { BpfMap } from '../maps/bpf-map.js';
import type { GuestAddress } from '../quantities.js';
import type { VerifiedProgram } from '../verifier/verified-program.js';
import { compareEngines } from './compare-engines.js';
import type { ProgramContext } from './context/program-context.js';
import { ProgramThrow, type EngineRun, type GateHandler, type RawOops } from './engine.js';
import type { Engines } from './engines.js';
import { type RunEnvironment, runScope } from './environment.js';
import { faultRecord, faultRecordAt, functionOf, slotAt } from './faults.js';
import type { LinkedProgram } from './linked-program.js';
import type { Trap } from './oops.js';
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
  /** LIMIT_STEPS is thrown past it. */
  readonly maxSteps?: bigint;
  /** bpf_get_attach_cookie. */
  readonly cookie?: bigint;
  /** What bpf_get_retval answers. */
  readonly returnValue?: bigint;
}

/** What a loaded program needs of its kernel. */
export interface ProgramHost {
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
    if (this.#closed)
      throw new UsageError(
        'USAGE_CLOSED',
        `program ${this.name}: expected a loaded program, found a closed one`,
      );
    const engine = options.engine ?? 'auto';
    if (engine === 'auto') return this.#runTiered(context, options);
    return engine === 'all' ? this.#runAll(context, options) : this.#runOne(engine, context, options);
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
    const { linked, host } = this;
    if (engine === 'x86' && linked.images.length === 0)
      throw new UsageError(
        'USAGE_ENGINE',
        `program ${this.name}: expected an image for engine x86, found none (${linked.jitError?.message ?? ''})`,
        {},
        { cause: linked.jitError },
      );
    const scope = runScope(context, options.cookie ?? 0n, options.returnValue ?? 0n);
    const environment = host.environment(engine, scope);
    const printed = environment.trace.length;
    const gate: GateHandler = (address, args) => {
      try {
        return host.gate(address)(environment, args);
      } catch (error) {
        if (error instanceof BpfException) throw new ProgramThrow(error.cookie);
        throw error;
      }
    };
    const run = host.engines.run(engine, linked, context.address, { gate, maxSteps: options.maxSteps });
    return {
      engine,
      r0: run.r0,
      retval: Number(BigInt.asUintN(32, run.r0)),
      steps: run.steps,
      faults: run.faults.map((fault) => this.#fault(engine, fault)),
      oops: run.oops ? this.#oops(engine, run.oops) : null,
      output: context.output(),
      redirect: scope.redirect,
      seq: concat(scope.seq),
      trace: environment.trace.slice(printed),
    };
  }

  #fault(engine: Engine, raw: EngineRun['faults'][number]): FaultRecord {
    if (engine === 'x86') {
      const owner = this.host.programs.owner(raw.ip);
      if (owner) return faultRecordAt(owner.program, owner.func, owner.offset, raw);
    }
    const program =
      (raw.program === undefined ? null : this.host.programs.byHandle(raw.program)) ?? this.linked;
    const insn = Number(raw.ip);
    return faultRecord(program, functionOf(program.verified, insn), insn, raw);
  }

  #oops(engine: Engine, raw: RawOops): OopsRecord {
    const registers = raw.registers ? namedRegisters(raw.registers) : undefined;
    if (engine === 'x86') {
      const owner = this.host.programs.owner(raw.ip);
      const insn = owner ? slotAt(owner.program, owner.func, owner.offset) : -1;
      return this.host.oops({ ...raw, registers }, insn);
    }
    const program =
      (raw.program === undefined ? null : this.host.programs.byHandle(raw.program)) ?? this.linked;
    const insn = Number(raw.ip);
    const func = functionOf(program.verified, insn);
    const image = program.images[func];
    const start = program.verified.functions[func]?.start ?? 0;
    const ip = image ? image.address + BigInt(image.offsets[insn - start] ?? 0) : 0n;
    return this.host.oops({ ...raw, ip, registers }, insn);
  }
}

function namedRegisters(words: readonly bigint[]): Record<string, bigint> {
  const named: Record<string, bigint> = {};
  words.forEach((word, index) => {
    const name = ptRegsName(index * 8);
    if (name) named[name] = word;
  });
  return named;
}

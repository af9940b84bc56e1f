import { RunError, UsageError } from '../errors.js';
import type { Helper } from '../helpers/helper.js';
import { BpfException } from '../helpers/kfunc.js';
import { concat } from '../helpers/guest-string.js';
import { ptRegsName } from '../kallsyms/pt-regs.js';
import type { JitImage } from '../jit/jit-image.js';
import type { BpfMap } from '../maps/bpf-map.js';
import type { GuestAddress } from '../quantities.js';
import type { VerifiedProgram } from '../verifier/verified-program.js';
import type { ProgramContext } from './context/program-context.js';
import { ProgramUnwind, type EngineRun, type GateHandler, type RawOops } from './engine.js';
import { type RunEnvironment, runScope } from './environment.js';
import { faultRecord, faultRecordAt, functionOf, slotAt } from './faults.js';
import type { LinkedProgram } from './linked-program.js';
import type { Trap } from './oops.js';
import type { Engine, FaultRecord, OopsRecord, RunResult } from './run-result.js';

export interface RunOptions {
  /** x86 when the program has an image, else interp; `all` runs every engine and compares. */
  readonly engine?: Engine | 'all';
  /** LIMIT_STEPS is thrown past it. */
  readonly maxSteps?: bigint;
  /** bpf_get_attach_cookie. */
  readonly cookie?: bigint;
  /** What bpf_get_retval answers. */
  readonly returnValue?: bigint;
}

/** What a loaded program needs of its kernel. */
export interface ProgramHost {
  readonly seed: number;
  /** Runs on one engine with the gates answered by `gate`. */
  execute(
    engine: Engine,
    program: LinkedProgram,
    context: GuestAddress,
    gate: GateHandler,
    maxSteps: bigint | undefined,
  ): EngineRun;
  /** Calls a BPF function by address within a run of this engine. */
  callback(engine: Engine, entry: GuestAddress, args: readonly bigint[]): bigint;
  /** Runs one function of a program on the interpreter. */
  interpret(program: LinkedProgram, func: number, args: readonly bigint[], gate: GateHandler): bigint;
  environment(engine: Engine, scope: ReturnType<typeof runScope>): RunEnvironment;
  gate(address: GuestAddress): Helper;
  /** The program and function that text belongs to. */
  owner(
    ip: GuestAddress,
  ): { readonly program: LinkedProgram; readonly func: number; readonly offset: number } | null;
  /** The program an interpreter handle names. */
  byHandle(handle: number): LinkedProgram | null;
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
    const engine = options.engine ?? (this.linked.images.length > 0 ? 'x86' : 'interp');
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
    const start = this.host.snapshot();
    let first: { result: RunResult; digest: string } | null = null;
    for (const engine of engines) {
      if (first) start.restore();
      const result = this.#runOne(engine, context, options);
      const digest = this.#digest(result);
      if (first && first.digest !== digest)
        throw new RunError(
          'RUN_ENGINES_DIFFER',
          `program ${this.name}: expected ${engine} to do as ${first.result.engine}: ${difference(first.digest, digest)}`,
        );
      first ??= { result, digest };
    }
    return first!.result;
  }

  /** What engines must agree about, as text. */
  #digest(result: RunResult): string {
    const maps = this.linked.maps.map((map) => [
      map.spec.name,
      [...map.entries()].map(([key, value]) => `${hex(key)}=${hex(value)}`),
    ]);
    const faults = result.faults.map(({ kind, address, func, insn, register }) =>
      [kind, address.toString(16), func, insn, register].join(' '),
    );
    return [
      `r0 ${result.r0.toString(16)}`,
      `faults ${JSON.stringify(faults)}`,
      `oops ${result.oops ? `${result.oops.kind} ${result.oops.access} ${result.oops.insn}` : 'none'}`,
      `output ${result.output ? hex(result.output) : 'none'}`,
      `maps ${JSON.stringify(maps)}`,
    ].join('\n');
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
        if (error instanceof BpfException) throw new ProgramUnwind(this.#unwind(error.cookie, gate));
        throw error;
      }
    };
    const run = host.execute(engine, linked, context.address, gate, options.maxSteps);
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

  /** The exception callback's answer to a cookie; the cookie itself where the program has none. */
  #unwind(cookie: bigint, gate: GateHandler): bigint {
    const func = this.verified.functions.findIndex(({ isExceptionCallback }) => isExceptionCallback);
    return func < 0 ? cookie : this.host.interpret(this.linked, func, [cookie], gate);
  }

  #fault(engine: Engine, raw: EngineRun['faults'][number]): FaultRecord {
    if (engine === 'x86') {
      const owner = this.host.owner(raw.ip);
      if (owner) return faultRecordAt(owner.program, owner.func, owner.offset, raw);
    }
    const program = (raw.program === undefined ? null : this.host.byHandle(raw.program)) ?? this.linked;
    const insn = Number(raw.ip);
    return faultRecord(program, functionOf(program.verified, insn), insn, raw);
  }

  #oops(engine: Engine, raw: RawOops): OopsRecord {
    const registers = raw.registers ? namedRegisters(raw.registers) : undefined;
    if (engine === 'x86') {
      const owner = this.host.owner(raw.ip);
      const insn = owner ? slotAt(owner.program, owner.func, owner.offset) : -1;
      return this.host.oops({ ...raw, registers }, insn);
    }
    const program = (raw.program === undefined ? null : this.host.byHandle(raw.program)) ?? this.linked;
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

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** The first line that differs. */
function difference(expected: string, found: string): string {
  const lines = expected.split('\n');
  const other = found.split('\n');
  const at = lines.findIndex((line, index) => line !== other[index]);
  const cut = (text: string | undefined): string => (text ?? '').slice(0, 300);
  return `expected ${cut(lines[at])}, found ${cut(other[at])}`;
}

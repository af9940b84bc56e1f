import { UsageError } from '../errors.js';
import { concat } from '../helpers/guest-string.js';
import type { RunScope } from '../helpers/helper.js';
import { BpfException } from '../helpers/kfunc.js';
import { ptRegsName } from '../kallsyms/pt-regs.js';
import type { ProgramContext } from './context/program-context.js';
import { ProgramThrow, type EngineRun, type GateHandler, type RawFault, type RawOops } from './engine.js';
import { type RunEnvironment, runScope } from './environment.js';
import { faultRecord, faultRecordAt, functionOf, slotAt } from './faults.js';
import type { LinkedProgram } from './linked-program.js';
import type { ProgramHost, RunOptions } from './loaded-program.js';
import type { Engine, FaultRecord, OopsRecord, RunResult } from './run-result.js';

/** One run of a program on one engine: what its helpers work on, and what its outcome means. */
export class ProgramRun {
  readonly #scope: RunScope;
  readonly #environment: RunEnvironment;
  /** Lines of trace that were there before. */
  readonly #printed: number;

  /** @throws UsageError USAGE_ENGINE for x86 without an image. */
  constructor(
    private readonly host: ProgramHost,
    private readonly linked: LinkedProgram,
    private readonly engine: Engine,
    private readonly context: ProgramContext,
    options: RunOptions,
  ) {
    if (engine === 'x86' && linked.images.length === 0)
      throw new UsageError(
        'USAGE_ENGINE',
        `program ${linked.verified.spec.name}: expected an image for engine x86, found none (${linked.jitError?.message ?? ''})`,
        {},
        { cause: linked.jitError },
      );
    this.#scope = runScope(context, options.cookie ?? 0n, options.returnValue ?? 0n);
    this.#environment = host.environment(engine, this.#scope);
    this.#printed = this.#environment.trace.length;
  }

  /** Answers calls of helpers and kfuncs. */
  readonly gate: GateHandler = (address, args) => {
    try {
      return this.host.gate(address)(this.#environment, args);
    } catch (error) {
      if (error instanceof BpfException) throw new ProgramThrow(error.cookie);
      throw error;
    }
  };

  result(run: EngineRun): RunResult {
    return {
      engine: this.engine,
      r0: run.r0,
      retval: Number(BigInt.asUintN(32, run.r0)),
      steps: run.steps,
      faults: run.faults.map((fault) => this.fault(fault)),
      oops: run.oops ? this.#oops(run.oops) : null,
      output: this.context.output(),
      redirect: this.#scope.redirect,
      seq: concat(this.#scope.seq),
      trace: this.#environment.trace.slice(this.#printed),
    };
  }

  fault(raw: RawFault): FaultRecord {
    const owner = this.engine === 'x86' ? this.host.programs.owner(raw.ip) : null;
    if (owner) return faultRecordAt(owner.program, owner.func, owner.offset, raw);
    const program = this.#named(raw.program);
    const insn = Number(raw.ip);
    return faultRecord(program, functionOf(program.verified, insn), insn, raw);
  }

  #oops(raw: RawOops): OopsRecord {
    const registers = raw.registers ? namedRegisters(raw.registers) : undefined;
    if (this.engine === 'x86') {
      const owner = this.host.programs.owner(raw.ip);
      const insn = owner ? slotAt(owner.program, owner.func, owner.offset) : -1;
      return this.host.oops({ ...raw, registers }, insn);
    }
    const program = this.#named(raw.program);
    const insn = Number(raw.ip);
    const func = functionOf(program.verified, insn);
    const slot = insn - (program.verified.functions[func]?.start ?? 0);
    const image = program.images[func];
    // A probing load has a guard in front; other accesses are one instruction.
    const entry = image?.entries.find((each) => each.insn === slot);
    const ip = image ? image.address + BigInt(entry?.ipOffset ?? image.offsets[slot] ?? 0) : 0n;
    return this.host.oops({ ...raw, ip, registers }, insn);
  }

  #named(handle: number | undefined): LinkedProgram {
    return (handle === undefined ? null : this.host.programs.byHandle(handle)) ?? this.linked;
  }
}

/** General registers by x86 name, of words in the order of struct pt_regs. */
export function namedRegisters(words: readonly bigint[]): Record<string, bigint> {
  const named: Record<string, bigint> = {};
  words.forEach((word, index) => {
    const name = ptRegsName(index * 8);
    if (name) named[name] = word;
  });
  return named;
}

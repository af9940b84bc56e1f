import { FaultlineError } from '../../host/errors.js';
import type { BpfMap } from '../../host/maps/bpf-map.js';
import { MapType } from '../../host/program/map-types.js';
import type { ProgramSpec } from '../../host/program/program-spec.js';
import type { Kernel } from '../../host/runtime/kernel.js';
import type { LoadedProgram } from '../../host/runtime/loaded-program.js';
import type { RunResult } from '../../host/runtime/run-result.js';
import { Snapshot } from '../../host/runtime/snapshot.js';
import { testRunContext } from '../../host/runtime/test-run.js';
import type { LoadedMap } from '../../host/verifier/kernel-view.js';
import { LOG_LEVEL1, LOG_LEVEL2, logText } from '../../host/verifier/log.js';
import type { LogRecord } from '../../host/verifier/log.js';
import { VerifierError } from '../../host/verifier/verifier-error.js';
import { verify } from '../../host/verifier/verify.js';
import type { ExecOptions } from './evaluate.js';
import { errorOutput, funcOutput, hexAddress, toHex } from './output.js';
import type { ExecRecord, RecordMap } from './record.js';

type Output = Record<string, unknown>;
type RunEngine = 'x86' | 'interp' | 'wasm';

const LOG_TAIL = 4096;
const LOG_LEVEL = LOG_LEVEL1 | LOG_LEVEL2;
/** What the programs of a preloaded prog array return, by slot. */
const SLOT_RESULTS = [42, 43];

/** One record in a kernel: maps, load, runs; all of it is given back. */
export function fromProgram(kernel: Kernel, record: ExecRecord, options: ExecOptions): Output {
  const session = new Session(kernel, record);
  try {
    return session.evaluate(options);
  } finally {
    session.close();
  }
}

class Session {
  readonly #maps: BpfMap[] = [];
  readonly #programs: LoadedProgram[] = [];

  constructor(
    private readonly kernel: Kernel,
    private readonly record: ExecRecord,
  ) {}

  evaluate(options: ExecOptions): Output {
    for (const map of this.record.maps) this.#createMap(map);
    const load = this.#load(options);
    if (!load.program) return load.output;
    const engines: RunEngine[] =
      options.engine === 'all'
        ? ['x86', 'interp', 'wasm']
        : options.engine === 'none'
          ? []
          : [options.engine];
    if (engines.length === 0 || !this.record.run) return load.output;
    const before = engines.length > 1 ? new Snapshot(this.kernel.memory, this.#maps) : null;
    const runs: Output = {};
    for (const [at, engine] of engines.entries()) {
      if (at > 0) before?.restore();
      runs[engine] = this.#run(load.program, engine, options);
    }
    const difference = engines.length > 1 ? differing(runs as Record<RunEngine, Output>) : null;
    return { ...load.output, runs, ...(difference ? { error: difference } : {}) };
  }

  close(): void {
    for (const program of this.#programs.splice(0)) program.close();
    for (const map of this.#maps.splice(0)) this.kernel.closeMap(map);
  }

  #createMap(wanted: RecordMap): void {
    const inner = wanted.inner === null ? undefined : this.#maps[wanted.inner];
    const map = this.kernel.createMap(wanted.spec, inner);
    this.#maps.push(map);
    this.#fill(map, wanted);
  }

  #fill(map: BpfMap, wanted: RecordMap): void {
    if (wanted.inner !== null && isMapInMap(wanted.spec.type)) map.update(0, this.#maps[wanted.inner]);
    if (wanted.preload) map.update(wanted.preload.key, wanted.preload.value);
    if (!wanted.programs) return;
    SLOT_RESULTS.forEach((result, slot) => {
      const program = this.kernel.load(returning(this.record.spec, result), []);
      this.#programs.push(program);
      map.update(slot, program);
    });
  }

  /** The maps as the verifier names them: with the ids of the record. */
  #views(): LoadedMap[] {
    return this.#maps.map(
      ({ spec, address, valueAddress, inner, arena, constant, id }: LoadedMap, index) => ({
        id: this.record.maps[index].id ?? id,
        spec,
        address,
        valueAddress,
        ...(inner ? { inner } : {}),
        ...(arena ? { arena } : {}),
        ...(constant ? { constant } : {}),
      }),
    );
  }

  #load(options: ExecOptions): { output: Output; program: LoadedProgram | null } {
    const { kernel, record } = this;
    const view = { ...kernel.view(this.#maps), maps: this.#views() };
    let verified;
    try {
      verified = verify(record.spec, view, { core: kernel.core, logLevel: LOG_LEVEL });
    } catch (error) {
      if (!(error instanceof VerifierError)) throw error;
      return { output: { verdict: 'reject', errno: error.errno, ...log(error.log, options) }, program: null };
    }
    const output: Output = {
      verdict: 'accept',
      errno: 0,
      ...log(verified.log, options),
      verified_insns: verified.verifiedInsns,
      tag: verified.tag,
      xlated_hex: toHex(verified.xlated),
      rewritten_hex: toHex(verified.insns),
    };
    const program = kernel.loadVerified(verified, this.#maps, {
      imageAddresses: record.entries.map((entry) => entry ?? undefined),
    });
    this.#programs.push(program);
    if (program.jitError) output.error = errorOutput(program.jitError);
    else
      output.funcs = program.images.filter((_, func) => !verified.functions[func].isHidden).map(funcOutput);
    return { output, program };
  }

  #run(program: LoadedProgram, engine: RunEngine, options: ExecOptions): Output {
    const { kernel, record } = this;
    if (!record.run) return {};
    try {
      const once = (): RunResult => {
        const context = testRunContext(kernel, record.spec, record.run!);
        try {
          return program.run(context, { engine, maxSteps: options.maxSteps });
        } finally {
          context.close();
        }
      };
      const result = once();
      const output = this.#runOutput(program, result);
      if (options.repeat > 0) output.ns = timed(once, options.repeat);
      return output;
    } catch (error) {
      if (!(error instanceof FaultlineError)) throw error;
      return { error: errorOutput(error) };
    }
  }

  #runOutput(program: LoadedProgram, result: RunResult): Output {
    const dumps: Record<string, string> = {};
    this.record.maps.forEach((wanted, index) => {
      if (!wanted.dump) return;
      dumps[index] = [...this.#maps[index].entries()].map(([, value]) => toHex(value)).join('');
    });
    return {
      errno: 0,
      retval: result.retval,
      r0: hexAddress(result.r0),
      ...(Object.keys(dumps).length > 0 ? { map_dump_hex: dumps } : {}),
      ...(result.output ? { data_out_hex: toHex(result.output) } : {}),
      steps: Number(result.steps),
      faults: result.faults.map((fault) => ({
        func: fault.func,
        insn: fault.insn,
        ip_off: program.images.length > 0 ? fault.ipOffset : null,
        address: hexAddress(fault.address),
        kind: fault.kind,
        register: fault.register,
      })),
      ...(result.oops ? { oops: result.oops.lines, error: oopsError(result) } : {}),
    };
  }
}

const isMapInMap = (type: number): boolean => type === MapType.ARRAY_OF_MAPS || type === MapType.HASH_OF_MAPS;

/** A program of the same type that only returns a number. */
function returning(spec: ProgramSpec, result: number): ProgramSpec {
  const insns = new Uint8Array(16);
  insns[0] = 0xb7;
  new DataView(insns.buffer).setInt32(4, result, true);
  insns[8] = 0x95;
  return { ...spec, name: `returns_${result}`, insns, maps: [], btf: null, funcInfo: [], lineInfo: [] };
}

function log(records: readonly LogRecord[], options: ExecOptions): Output {
  if (options.log === 'none') return {};
  const text = logText(records, LOG_LEVEL);
  return { log: options.log === 'full' ? text : text.slice(-LOG_TAIL) };
}

function oopsError(result: RunResult): Output {
  return { name: 'Oops', code: 'OOPS', message: result.oops?.lines[0] ?? 'oops' };
}

/** Minimum and median time of a run, ns, after one that warmed up. */
export function timed(run: () => unknown, times: number): [number, number] {
  const taken: number[] = [];
  for (let at = 0; at < times; at++) {
    const start = process.hrtime.bigint();
    run();
    taken.push(Number(process.hrtime.bigint() - start));
  }
  taken.sort((a, b) => a - b);
  return [taken[0], taken[taken.length >> 1]];
}

/** What engines must agree about. */
function differing(runs: Record<RunEngine, Output>): Output | null {
  const digest = ({ r0, map_dump_hex, data_out_hex, faults, error }: Output) =>
    JSON.stringify({ r0, map_dump_hex, data_out_hex, faults, failed: error !== undefined });
  const [first, ...others] = Object.keys(runs) as RunEngine[];
  const expected = digest(runs[first]);
  for (const engine of others) {
    const found = digest(runs[engine]);
    if (found === expected) continue;
    const message = `${first} gave ${expected}, ${engine} gave ${found}`;
    return { name: 'RunError', code: 'RUN_ENGINES_DIFFER', message };
  }
  return null;
}

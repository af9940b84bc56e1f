import type { Kernel } from '../runtime/kernel.js';
import type { LoadedObject } from '../runtime/loaded-object.js';
import type { LoadedProgram } from '../runtime/loaded-program.js';
import type { Engine } from '../runtime/run-result.js';
import { mapReport, programReport, renderMap, renderProgram, runReport } from './run-report.js';
import type { MapReport, ProgramReport, RunReport } from './run-report.js';
import { type Scene, sceneRuns } from './scene.js';

export interface RunObjectOptions {
  /** Names of the programs to run; all when not given. */
  readonly programs?: readonly string[];
  /**
   * `all` (default): every engine runs and all must agree; `auto`: the one that fits. A program without an image runs on
   * interp, not x86.
   */
  readonly engine?: Engine | 'auto' | 'all';
  /** What they run on; samples when not given. */
  readonly scene?: Scene;
  /** Names the scene in errors. */
  readonly sceneFile?: string;
  /** Step budget of a run. */
  readonly maxSteps?: bigint;
}

/** What an object's programs did, as data that can be cloned and printed. */
export interface ObjectReport {
  readonly programs: readonly ProgramReport[];
  readonly maps: readonly MapReport[];
}

/**
 * Loads the programs of an object, runs them and reports every fault that was repaired.
 *
 * @throws VerifierError when a program is rejected; UsageError USAGE_SCENE, USAGE_PROGRAM; what LoadedProgram.run throws.
 * @example
 * const report = runObject(kernel, kernel.loadObject(bytes), { engine: 'wasm', scene });
 * console.log(renderObject(report, 6));
 */
export function runObject(
  kernel: Kernel,
  object: LoadedObject,
  options: RunObjectOptions = {},
): ObjectReport {
  const { engine = 'all', scene, sceneFile, maxSteps } = options;
  const loaded = (options.programs ?? object.programNames).map((name) => object.program(name));
  const specs = loaded.map(({ verified }) => verified.spec);
  const reports = new Map<LoadedProgram, RunReport[]>(loaded.map((program) => [program, []]));
  for (const { program: name, note, context } of sceneRuns(kernel, specs, scene, sceneFile)) {
    const program = object.program(name);
    const hasImage = program.images.length > 0;
    const single = engine === 'x86' && !hasImage ? 'interp' : engine;
    const result = program.run(context, { engine: single, maxSteps });
    const engines = single === 'all' ? [...(hasImage ? ['x86'] : []), 'interp', 'wasm'] : [result.engine];
    reports.get(program)?.push(runReport(program, result, engines, note));
  }
  return {
    programs: loaded.map((program) => programReport(program, reports.get(program) ?? [])),
    maps: loaded.length === 0 ? [] : object.maps.map((map) => mapReport(loaded[0], map)),
  };
}

/** A report as text; at most `shown` faults of each run are spelled out. */
export function renderObject(report: ObjectReport, shown: number): string {
  return [
    ...report.programs.map((program) => renderProgram(program, shown)),
    ...report.maps.map(renderMap),
  ].join('');
}

import type { LoadedProgram } from '../host/runtime/loaded-program.js';
import type { Engine } from '../host/runtime/run-result.js';
import { machine, MACHINE_HELP, MACHINE_OPTIONS } from './machine.js';
import { mapReport, programReport, renderMap, renderProgram, runReport } from './run-report.js';
import type { MapReport, ProgramReport, RunReport } from './run-report.js';
import { sceneBeside, sceneRuns } from './scene.js';
import { Exit, integer, oneOf, parseOptions } from './usage.js';

export const help = `usage: faultline run [options] FILE

Loads an object, runs its programs and shows every fault as it is delivered and repaired.

${MACHINE_HELP}  --engine NAME          x86, wasm, interp, or all (default): every engine runs and all must agree
  --scene FILE           kernel objects and runs (default: FILE with .scene.json for .bpf.o, else samples)
  --max-steps N          step budget of a run
  --faults N             faults of each run to spell out (default 6)

example: faultline run examples/task_walk.bpf.o
`;

const OPTIONS = {
  ...MACHINE_OPTIONS,
  engine: { type: 'string', default: 'all' },
  scene: { type: 'string' },
  'max-steps': { type: 'string', default: '10000000000' },
  faults: { type: 'string', default: '6' },
} as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, OPTIONS);
  const engine = oneOf('engine', values.engine, ['x86', 'wasm', 'interp', 'all']);
  const maxSteps = BigInt(integer('max-steps', values['max-steps']));
  const shown = integer('faults', values.faults);
  const [path] = positionals;
  const { kernel, object, programs } = await machine(path, values);
  const loaded = programs.map((name) => object.program(name));
  const scene = values.scene ?? sceneBeside(path);
  const runs = await sceneRuns(
    kernel,
    loaded.map(({ verified }) => verified.spec),
    scene,
  );
  const reports = new Map<LoadedProgram, RunReport[]>(loaded.map((program) => [program, []]));
  for (const { program: name, note, context } of runs) {
    const program = object.program(name);
    const hasImage = program.images.length > 0;
    const engines =
      engine === 'all'
        ? [...(hasImage ? ['x86'] : []), 'interp', 'wasm']
        : [engine === 'x86' && !hasImage ? 'interp' : engine];
    const result = program.run(context, {
      engine: engine === 'all' ? 'all' : (engines[0] as Engine),
      maxSteps,
    });
    reports.get(program)?.push(runReport(program, result, engines, note));
  }
  const outcome = {
    programs: loaded.map((program): ProgramReport => programReport(program, reports.get(program) ?? [])),
    maps: loaded.length === 0 ? [] : object.maps.map((map): MapReport => mapReport(loaded[0], map)),
  };
  const toJson = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);
  process.stdout.write(
    values.json
      ? `${JSON.stringify(outcome, toJson, 2)}\n`
      : [
          ...outcome.programs.map((program) => renderProgram(program, shown)),
          ...outcome.maps.map(renderMap),
        ].join(''),
  );
  const oopsed = outcome.programs.some(({ runs: all }) => all.some(({ oops }) => oops !== null));
  return oopsed ? Exit.REFUSED : Exit.DONE;
}

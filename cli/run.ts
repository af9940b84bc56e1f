import { renderObject, runObject } from '../host/report/run-object.js';
import { machine, MACHINE_HELP, MACHINE_OPTIONS } from './machine.js';
import { readScene, sceneBeside } from './scene-file.js';
import { Exit, integer, oneOf, parseOptions } from './usage.js';

export const help = `usage: faultline run [options] FILE

Loads an object, runs its programs and shows every fault as it is delivered and repaired.

${MACHINE_HELP}  --engine NAME          x86, wasm, interp, auto: the one that fits, or all (default): every engine runs and all must
                         agree
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
  const engine = oneOf('engine', values.engine, ['x86', 'wasm', 'interp', 'auto', 'all']);
  const maxSteps = BigInt(integer('max-steps', values['max-steps']));
  const shown = integer('faults', values.faults);
  const [path] = positionals;
  const { kernel, object, programs } = await machine(path, values);
  const sceneFile = values.scene ?? sceneBeside(path);
  const outcome = runObject(kernel, object, {
    programs,
    engine,
    maxSteps,
    scene: sceneFile === undefined ? undefined : await readScene(sceneFile),
    sceneFile,
  });
  const toJson = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);
  process.stdout.write(
    values.json ? `${JSON.stringify(outcome, toJson, 2)}\n` : renderObject(outcome, shown),
  );
  const oopsed = outcome.programs.some(({ runs: all }) => all.some(({ oops }) => oops !== null));
  return oopsed ? Exit.REFUSED : Exit.DONE;
}

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { FaultlineError, UsageError } from '../../host/errors.js';
import type { RawMachine } from '../../host/runtime/raw-machine.js';
import type { Engine } from '../../host/runtime/run-result.js';
import { conformanceHelper } from '../conformance.js';
import type { ExecOptions } from './evaluate.js';
import { timed } from './from-program.js';
import { errorOutput, hexAddress } from './output.js';
import type { ExecRecord } from './record.js';

/** `--raw`: unverified instructions on bytes; each repetition goes on with the memory the last one left. */
export async function fromRaw(
  machine: RawMachine,
  record: ExecRecord,
  options: ExecOptions,
): Promise<Record<string, unknown>> {
  const { raw } = record;
  if (!raw || raw.insns.length === 0)
    throw new UsageError('USAGE_RECORD', `record ${record.id}: --raw needs insns_hex, found none`);
  let memory = raw.memory ?? new Uint8Array();
  if (raw.memoryFile !== null) memory = new Uint8Array(await readFile(raw.memoryFile));
  const runs: Record<string, unknown> = {};
  for (const engine of enginesOf(options.engine))
    runs[engine] = runOn(machine, engine, raw.insns, memory, options);
  const answers = Object.values(runs).map(digest);
  const differ = answers.some((answer) => answer !== answers[0]);
  return differ
    ? { runs, error: { name: 'RunError', code: 'RUN_ENGINES_DIFFER', message: answers.join(' and ') } }
    : { runs };
}

/** What engines must agree about. */
function digest(run: unknown): string {
  const { r0, mem_sha256, error } = run as Record<string, unknown>;
  return JSON.stringify({ r0, mem_sha256, error: (error as { code?: string } | undefined)?.code });
}

function enginesOf(engine: ExecOptions['engine']): Engine[] {
  if (engine === 'all') return ['interp', 'wasm', 'x86'];
  if (engine === 'none') return ['interp'];
  return [engine];
}

function runOn(
  machine: RawMachine,
  engine: Engine,
  insns: Uint8Array,
  start: Uint8Array,
  options: ExecOptions,
): Record<string, unknown> {
  let memory = start;
  const once = () => {
    const run = machine.run(insns, memory, {
      engine,
      helper: conformanceHelper,
      maxSteps: options.maxSteps,
    });
    memory = run.memory;
    return run;
  };
  try {
    const { r0, oops } = once();
    if (oops) {
      const message = `${oops.kind} on ${oops.access} of ${hexAddress(oops.address)} at instruction ${oops.ip}`;
      return { error: { name: 'Oops', code: 'OOPS', message } };
    }
    const ns = options.repeat > 0 ? { ns: timed(once, options.repeat) } : {};
    const sha = createHash('sha256').update(memory).digest('hex');
    return { r0: hexAddress(r0), mem_sha256: sha, ...ns };
  } catch (error) {
    if (!(error instanceof FaultlineError)) throw error;
    return { error: errorOutput(error) };
  }
}

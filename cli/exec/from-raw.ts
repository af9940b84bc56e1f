import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { FaultlineError, UsageError } from '../../host/errors.js';
import type { RawMachine } from '../../host/runtime/raw-machine.js';
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
  const engine = options.engine === 'none' || options.engine === 'all' ? 'interp' : options.engine;
  if (engine !== 'interp')
    throw new UsageError('USAGE_ENGINE', `--raw: expected engine interp, found ${engine}`);
  const once = () => {
    const run = machine.run(raw.insns, memory, { helper: conformanceHelper, maxSteps: options.maxSteps });
    memory = run.memory;
    return run;
  };
  try {
    const { r0, oops } = once();
    if (oops) {
      const message = `${oops.kind} on ${oops.access} of ${hexAddress(oops.address)} at instruction ${oops.ip}`;
      return { runs: { interp: { error: { name: 'Oops', code: 'OOPS', message } } } };
    }
    const ns = options.repeat > 0 ? { ns: timed(once, options.repeat) } : {};
    const sha = createHash('sha256').update(memory).digest('hex');
    return { runs: { interp: { r0: hexAddress(r0), mem_sha256: sha, ...ns } } };
  } catch (error) {
    if (!(error instanceof FaultlineError)) throw error;
    return { runs: { interp: { error: errorOutput(error) } } };
  }
}

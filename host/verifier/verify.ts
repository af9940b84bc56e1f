import type { ProgramSpec } from '../program/program-spec.js';
import type { KernelView } from './kernel-view.js';
import { LOG_LEVEL1, type LogRecord } from './log.js';
import type { VerifyOptions } from './options.js';
import { prepare } from './prepass/prepare.js';
import { rewrite } from './rewrite/rewrite.js';
import { simulate, statsText } from './simulate.js';
import type { VerifiedProgram } from './verified-program.js';
import { VerifierError } from './verifier-error.js';

/**
 * Verifies a program as the kernel would at BPF_PROG_LOAD, and rewrites it into what its JIT compiles.
 *
 * @throws VerifierError when the kernel would refuse it: `errno`, the last line of its log as message, the log.
 */
export function verify(spec: ProgramSpec, kernel: KernelView, options: VerifyOptions): VerifiedProgram {
  const privileged = options.privileged ?? true;
  const prepared = prepare(spec, kernel, privileged, options.jit ?? true);
  const simulated = simulate(prepared, kernel, options);
  const closing: LogRecord = { level: LOG_LEVEL1, insn: 0, text: statsText(simulated.stats) };
  try {
    const log = [...simulated.log, closing];
    return rewrite(prepared, { ...simulated, log }, kernel, privileged);
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    const { insn } = error.place;
    const line: LogRecord = { level: LOG_LEVEL1, insn: insn ?? 0, text: error.message };
    throw new VerifierError(error.errno, error.message, insn, [...simulated.log, line, closing]);
  }
}

import type { ProgramSpec } from '../program/program-spec.js';
import type { KernelView } from './kernel-view.js';
import { LOG_LEVEL1, type LogRecord } from './log.js';
import type { VerifyOptions } from './options.js';
import { prepare } from './prepass/prepare.js';
import { rewrite } from './rewrite/rewrite.js';
import { simulate } from './simulate.js';
import type { VerifiedProgram } from './verified-program.js';
import { VerifierError } from './verifier-error.js';

/**
 * Verifies a program as the kernel would at BPF_PROG_LOAD, and rewrites it into what its JIT compiles.
 *
 * @throws VerifierError when the kernel would refuse it: `errno`, the last line of its log as message, the log.
 */
export function verify(spec: ProgramSpec, kernel: KernelView, options: VerifyOptions): VerifiedProgram {
  const privileged = options.privileged ?? true;
  const prepared = prepare(spec, kernel, privileged);
  const simulated = simulate(prepared, kernel, options);
  try {
    return rewrite(prepared, simulated, kernel, privileged);
  } catch (error) {
    throw error instanceof VerifierError ? withLog(error, simulated.log) : error;
  }
}

/** A refusal by a rewrite, with what was printed before; the closing line of counters stays the last. */
function withLog(error: VerifierError, log: readonly LogRecord[]): VerifierError {
  const line: LogRecord = { level: LOG_LEVEL1, insn: error.place.insn ?? 0, text: error.message };
  const lines = [...log.slice(0, -1), line, ...log.slice(-1)];
  return new VerifierError(error.errno, error.message, error.place.insn, lines);
}

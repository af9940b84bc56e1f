import type { ProgramSpec } from '../program/program-spec.js';
import type { KernelView } from './kernel-view.js';
import type { VerifyOptions } from './options.js';
import { prepare } from './prepass/prepare.js';
import { rewrite } from './rewrite/rewrite.js';
import { simulate } from './simulate.js';
import type { VerifiedProgram } from './verified-program.js';

/**
 * Verifies a program as the kernel would at BPF_PROG_LOAD, and rewrites it into what its JIT compiles.
 *
 * @throws VerifierError when the kernel would refuse it: `errno`, the last line of its log as message, the log.
 */
export function verify(spec: ProgramSpec, kernel: KernelView, options: VerifyOptions): VerifiedProgram {
  const privileged = options.privileged ?? true;
  const prepared = prepare(spec, kernel, privileged);
  return rewrite(prepared, simulate(prepared, kernel, options), kernel, privileged);
}

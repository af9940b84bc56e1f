import type { ProgramSpec } from '../program/program-spec.js';
import type { KernelView } from './kernel-view.js';
import { cutLog } from './log-buffer.js';
import { LogStretch } from './log-stretch.js';
import { LOG_FIXED, LOG_LEVEL1, type LogRecord } from './log.js';
import type { VerifyOptions } from './options.js';
import { withAttachType } from './prepass/load.js';
import { prepare } from './prepass/prepare.js';
import type { Prepared } from './prepared.js';
import { ProgType } from './prog-type.js';
import { rewrite } from './rewrite/rewrite.js';
import { type SimulationResult, simulate, statsText } from './simulate.js';
import type { VerifiedProgram } from './verified-program.js';
import { Errno, VerifierError } from './verifier-error.js';

/**
 * Verifies a program as the kernel would at BPF_PROG_LOAD, and rewrites it into what its JIT compiles.
 *
 * @throws VerifierError when the kernel would refuse it: `errno`, the last line of its log as message, the log.
 */
export function verify(given: ProgramSpec, kernel: KernelView, options: VerifyOptions): VerifiedProgram {
  const spec = withAttachType(given);
  const { logSize, logLevel = 0 } = options;
  if (logSize === undefined || logLevel === 0) return verifyAndRewrite(spec, kernel, options);
  const keepsEnd = kernel.profile.version === '6.12' && (logLevel & LOG_FIXED) === 0;
  const refuseWhenFull = (log: readonly LogRecord[]): void => {
    const cut = cutLog(log, logLevel, logSize, keepsEnd);
    if (cut !== null) throw new VerifierError(Errno.ENOSPC, cut.at(-1)?.text ?? '', undefined, cut);
  };
  let verified: VerifiedProgram;
  try {
    verified = verifyAndRewrite(spec, kernel, options);
  } catch (error) {
    if (error instanceof VerifierError && error.log.length > 0) refuseWhenFull(error.log);
    throw error;
  }
  refuseWhenFull(verified.log);
  return verified;
}

interface Simulated {
  readonly prepared: Prepared;
  readonly around: KernelView;
  readonly simulated: SimulationResult;
}

/** Simulates, and again for the end of the log where printing all of it would take most of the time. */
function simulateTelling(
  spec: ProgramSpec,
  kernel: KernelView,
  options: VerifyOptions,
  caps: { readonly privileged: boolean; readonly perfmon: boolean },
): Simulated {
  const { logLevel, logSize, jit = true } = options;
  const once = (stretch: LogStretch): Simulated => {
    const prepared = prepare(spec, kernel, { ...caps, jit, logLevel, logSize });
    // An extension is verified as the program that it extends was: for what that one attaches to.
    const around = prepared.isExtension ? { ...kernel, target: undefined } : kernel;
    return { prepared, around, simulated: simulate(prepared, around, options, stretch) };
  };
  const stretch = new LogStretch(0, logSize === undefined);
  try {
    const all = once(stretch);
    if (stretch.next === null) return all;
  } catch (error) {
    if (stretch.next === null || !(error instanceof VerifierError)) throw error;
  }
  return once(stretch.next);
}

function verifyAndRewrite(spec: ProgramSpec, kernel: KernelView, options: VerifyOptions): VerifiedProgram {
  const privileged = options.privileged ?? true;
  const perfmon = privileged && (options.perfmon ?? true);
  const { prepared, around, simulated } = simulateTelling(spec, kernel, options, { privileged, perfmon });
  const closing: LogRecord = { level: LOG_LEVEL1, insn: 0, text: statsText(simulated.stats) };
  try {
    const log = [...simulated.log, closing];
    const verified = rewrite(prepared, { ...simulated, log }, around, privileged, perfmon);
    return { ...verified, spec, tracesTracer: isTracer(spec) && isTracer(kernel.target?.spec) };
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    const { insn } = error.place;
    const line: LogRecord = { level: LOG_LEVEL1, insn: insn ?? 0, text: error.message };
    throw new VerifierError(error.errno, error.message, insn, [...simulated.log, line, closing]);
  }
}

const isTracer = (spec: ProgramSpec | undefined): boolean => spec?.type === ProgType.TRACING;

import type { LoadedObject } from '../runtime/loaded-object.js';
import type { Kernel } from '../runtime/kernel.js';
import { type Explanation, explain, renderExplanation } from '../verifier/explain.js';
import { LOG_LEVEL1, LOG_LEVEL2, logText } from '../verifier/log.js';
import type { VerifiedProgram } from '../verifier/verified-program.js';
import { VerifierError } from '../verifier/verifier-error.js';

/** What `faultline verify` says of one program. */
export interface Verdict {
  readonly program: string;
  readonly section: string;
  readonly verdict: 'accept' | 'reject';
  readonly errno: number;
  readonly message?: string;
  readonly explanation?: Explanation;
  readonly verifiedInsns?: number;
  readonly probeLoads?: number;
  readonly tag?: string;
  readonly log?: string;
}

/** Verifies one program of an object; `level` is the log_level whose log is kept with the verdict. */
export function verdictOf(kernel: Kernel, object: LoadedObject, name: string, level: number): Verdict {
  const spec = object.spec.programs.find((program) => program.name === name)!;
  const about = { program: name, section: spec.section };
  const load = (logLevel: number): VerifiedProgram => {
    const program = kernel.load(spec, object.maps, { logLevel });
    program.close();
    return program.verified;
  };
  try {
    const verified = load(level | LOG_LEVEL1);
    return { ...about, ...accepted(verified), ...logOf(verified.log, level) };
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    const { errno, message, log } = error;
    // The whole log is what shows where a value came from: it is made only now that somebody wants to know.
    const explanation = explain(
      spec,
      detailed(error, () => load(LOG_LEVEL1 | LOG_LEVEL2)),
    );
    return { ...about, verdict: 'reject', errno, message, explanation, ...logOf(log, level) };
  }
}

function detailed(error: VerifierError, again: () => unknown): VerifierError {
  try {
    again();
  } catch (second) {
    if (second instanceof VerifierError) return second;
  }
  return error;
}

function accepted(verified: VerifiedProgram): Omit<Verdict, 'program' | 'section'> {
  return {
    verdict: 'accept',
    errno: 0,
    verifiedInsns: verified.verifiedInsns,
    probeLoads: verified.numExentries,
    tag: verified.tag,
  };
}

function logOf(records: VerifiedProgram['log'], level: number): { log?: string } {
  return level === 0 ? {} : { log: logText(records, level >= 2 ? level | LOG_LEVEL1 | LOG_LEVEL2 : level) };
}

/** A verdict as text: the log when there is one, the verdict, and what it means. */
export function renderVerdict(verdict: Verdict): string {
  const head = `${verdict.program} (${verdict.section}): `;
  if (verdict.verdict === 'accept') {
    const { tag, verifiedInsns, probeLoads } = verdict;
    const text = `accepted, tag ${tag}, ${verifiedInsns} instructions processed, ${probeLoads} PROBE loads\n`;
    return `${verdict.log ?? ''}${head}${text}`;
  }
  const reason = `rejected (errno ${verdict.errno}): ${verdict.message}\n`;
  return `${verdict.log ?? ''}${head}${reason}${verdict.explanation ? renderExplanation(verdict.explanation) : ''}`;
}

import { LOG_LEVEL1, LOG_LEVEL2, logText } from '../host/verifier/log.js';
import type { VerifiedProgram } from '../host/verifier/verified-program.js';
import { VerifierError } from '../host/verifier/verifier-error.js';
import { sourceLineOfOrigin } from './listing.js';
import { machine, MACHINE_HELP, MACHINE_OPTIONS } from './machine.js';
import { Exit, integer, parseOptions } from './usage.js';

export const help = `usage: faultline verify [options] FILE

Verifies the programs of an object as the kernel would and prints one verdict each. Exit code 1 when any is rejected.

${MACHINE_HELP}  --log-level N          0 (default), 1 or 2: print the kernel's log

example: faultline verify --log-level 2 examples/task_walk.bpf.o
`;

const OPTIONS = { ...MACHINE_OPTIONS, 'log-level': { type: 'string', default: '0' } } as const;

interface Verdict {
  readonly program: string;
  readonly section: string;
  readonly verdict: 'accept' | 'reject';
  readonly errno: number;
  readonly message?: string;
  readonly at?: string;
  readonly verifiedInsns?: number;
  readonly probeLoads?: number;
  readonly tag?: string;
  readonly log?: string;
}

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, OPTIONS);
  const level = integer('log-level', values['log-level']);
  const { kernel, object, programs } = await machine(positionals[0], values);
  const verdicts = programs.map((name): Verdict => {
    const spec = object.spec.programs.find((program) => program.name === name)!;
    const about = { program: name, section: spec.section };
    try {
      const { verified } = kernel.load(spec, object.maps, { logLevel: level | LOG_LEVEL1 });
      return { ...about, ...accepted(verified), ...log(verified.log, level) };
    } catch (error) {
      if (!(error instanceof VerifierError)) throw error;
      const { insn } = error.place;
      const line = insn === undefined ? null : sourceLineOfOrigin(spec, insn);
      return {
        ...about,
        verdict: 'reject',
        errno: error.errno,
        message: error.message,
        ...(insn === undefined
          ? {}
          : { at: line ? `insn ${insn}, ${line.file}:${line.line}: ${line.source.trim()}` : `insn ${insn}` }),
        ...log(error.log, level),
      };
    }
  });
  if (values.json) process.stdout.write(`${JSON.stringify(verdicts, null, 2)}\n`);
  else for (const verdict of verdicts) process.stdout.write(render(verdict));
  return verdicts.every(({ verdict }) => verdict === 'accept') ? Exit.DONE : Exit.REFUSED;
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

function log(records: VerifiedProgram['log'], level: number): { log?: string } {
  return level === 0 ? {} : { log: logText(records, level >= 2 ? level | LOG_LEVEL1 | LOG_LEVEL2 : level) };
}

function render(verdict: Verdict): string {
  const head = `${verdict.program} (${verdict.section}): `;
  const text =
    verdict.verdict === 'accept'
      ? `accepted, tag ${verdict.tag}, ${verdict.verifiedInsns} instructions processed, ${verdict.probeLoads} PROBE loads\n`
      : `rejected (errno ${verdict.errno}): ${verdict.message}\n${verdict.at ? `  at ${verdict.at}\n` : ''}`;
  return `${verdict.log ?? ''}${head}${text}`;
}

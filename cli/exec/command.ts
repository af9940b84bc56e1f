import { UsageError } from '../../host/errors.js';
import { Exit, integer, oneOf, parseOptions } from '../usage.js';
import { Evaluator } from './evaluate.js';
import type { ExecOptions } from './evaluate.js';
import { lines } from './input.js';

export const help = `usage: faultline exec [options] [FILE|-]

Reads recorded programs, one JSON object a line (plain or gzip), and prints what Linux would answer, one line each,
in the same order. A record that cannot be used gives a line with "error".

  --engine NAME                  run the programs: x86, wasm, interp, all or none (default none)
  --btf FILE                     BTF of the kernel, plain or gzip (default: the trimmed one that ships)
  --symbols FILE                 JSON: {kernel: {address: name}} (default: the profile's)
  --from program|jit             start at the program, or at what the JIT was given (default program)
  --raw                          records are {id, insns_hex, mem_hex or mem_file}: no verifier, r1 = memory, r2 = its size
  --repeat N                     run N times after a warm-up and report ns: [min, median]
  --max-steps N                  step budget of a run (default 10000000000)
  --log tail|full|none           how much of the verifier's log (default tail: its last 4096 bytes)
  --jobs N                       worker threads (default 1)

example: faultline exec --engine all --btf vmlinux.btf.gz records.jsonl.gz > answers.jsonl
`;

const OPTIONS = {
  engine: { type: 'string', default: 'none' },
  btf: { type: 'string' },
  symbols: { type: 'string' },
  from: { type: 'string', default: 'program' },
  raw: { type: 'boolean', default: false },
  repeat: { type: 'string', default: '0' },
  'max-steps': { type: 'string', default: '10000000000' },
  log: { type: 'string', default: 'tail' },
  jobs: { type: 'string', default: '1' },
} as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, OPTIONS);
  if (positionals.length > 1)
    throw new UsageError('USAGE_OPTION', `exec: expected one file, found ${positionals.length}`);
  const options: ExecOptions = {
    engine: oneOf('engine', values.engine, ['x86', 'wasm', 'interp', 'all', 'none']),
    btf: values.btf,
    symbols: values.symbols,
    from: oneOf('from', values.from, ['program', 'jit']),
    raw: values.raw,
    repeat: integer('repeat', values.repeat),
    maxSteps: BigInt(integer('max-steps', values['max-steps'])),
    log: oneOf('log', values.log, ['tail', 'full', 'none']),
  };
  const jobs = Math.max(1, integer('jobs', values.jobs));
  const answers =
    jobs === 1
      ? (await Evaluator.create(options)).answers(lines(positionals[0] ?? '-'))
      : (await import('./pool.js')).answers(options, jobs, lines(positionals[0] ?? '-'));
  let done = 0;
  for await (const answer of answers) {
    if (!process.stdout.write(`${answer}\n`))
      await new Promise((drained) => process.stdout.once('drain', drained));
    if (process.stderr.isTTY && ++done % 100 === 0) process.stderr.write(`\r${done} records`);
  }
  if (process.stderr.isTTY && done >= 100) process.stderr.write('\r\u001b[K');
  return Exit.DONE;
}

import { UsageError } from '../host/errors.js';
import { listProgram, renderListing, symbolNames } from '../host/report/listing.js';
import type { ListingFunction } from '../host/report/listing.js';
import { machine, MACHINE_HELP, MACHINE_OPTIONS } from './machine.js';
import { Exit, oneOf, parseOptions } from './usage.js';
import { disassembleX86 } from './x86.js';

export const help = `usage: faultline jit [options] FILE
       faultline jit --diff RECORDS [--from program|jit] [--btf FILE] [--symbols FILE] [--json]

Prints each function's BPF, its x86 and its exception table side by side, with source lines.

${MACHINE_HELP}  --syntax intel|att     of the x86 listing (default intel)
  --bytes                show the bytes of each x86 instruction
  --diff RECORDS         compile recorded programs (as faultline exec reads them) and show where an image differs from
                         the recorded one first; exit code 1 when any does
  --from program|jit     with --diff: start at the program, or at what the JIT was given (default: jit where recorded)
  --symbols FILE         with --diff: JSON: {kernel: {address: name}} (default: the profile's)

example: faultline jit --program task_walk --bytes examples/task_walk.bpf.o
`;

const OPTIONS = {
  ...MACHINE_OPTIONS,
  syntax: { type: 'string', default: 'intel' },
  bytes: { type: 'boolean', default: false },
  diff: { type: 'string' },
  from: { type: 'string' },
  symbols: { type: 'string' },
} as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, OPTIONS);
  const syntax = oneOf('syntax', values.syntax, ['intel', 'att']);
  if (values.diff !== undefined) {
    if (positionals.length > 0)
      throw new UsageError('USAGE_OPTION', `jit --diff: expected no other file, found '${positionals[0]}'`);
    const from = values.from === undefined ? undefined : oneOf('from', values.from, ['program', 'jit']);
    const { btf, symbols, json } = values;
    return (await import('./jit-diff.js')).diff(values.diff, { btf, symbols, from, syntax, json });
  }
  const { kernel, object, programs } = await machine(positionals[0], values);
  const options = { disassemble: disassembleX86, syntax, symbol: symbolNames(kernel) };
  const listings: ListingFunction[] = [];
  let refused = false;
  for (const name of programs) {
    const program = object.program(name);
    if (program.jitError) {
      refused = true;
      process.stderr.write(`${name}: ${program.jitError.message}; the program runs in the interpreter\n`);
      continue;
    }
    listings.push(...listProgram(program, options));
  }
  if (listings.length === 0 && !refused)
    throw new UsageError('USAGE_PROGRAM', `${positionals[0]}: no program`);
  const toJson = (_: string, value: unknown) =>
    typeof value === 'bigint' ? `0x${value.toString(16)}` : value;
  process.stdout.write(
    values.json
      ? `${JSON.stringify(listings, toJson, 2)}\n`
      : listings.map((listing) => renderListing(listing, values.bytes)).join('\n'),
  );
  return refused ? Exit.REFUSED : Exit.DONE;
}

import { UsageError } from '../host/errors.js';
import { machine, MACHINE_HELP, MACHINE_OPTIONS } from './machine.js';
import { Exit, integer, oneOf, parseOptions } from './usage.js';
import { renderVerdict, verdictOf } from '../host/report/verdict.js';
import { btfOf, renderTable, verdictsByKernel } from './verdict-table.js';

const KERNELS = ['6.12', '6.1'] as const;

export const help = `usage: faultline verify [options] FILE

Verifies the programs of an object as the kernel would and prints one verdict each; below a refusal what it means, where
the value came from and what usually mends it. Exit code 1 when any is rejected.

${MACHINE_HELP}  --log-level N          0 (default), 1 or 2: print the kernel's log
  --kernel LIST          ${KERNELS.join(',')}: a table of verdicts, a column per kernel; --btf may be given
                         per kernel as 6.12=FILE

example: faultline verify --log-level 2 examples/task_walk.bpf.o
`;

const OPTIONS = {
  ...MACHINE_OPTIONS,
  btf: { type: 'string', multiple: true },
  kernel: { type: 'string' },
  'log-level': { type: 'string', default: '0' },
} as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, OPTIONS);
  const level = integer('log-level', values['log-level']);
  const btf = values.btf ?? [];
  if (values.kernel !== undefined) {
    const [path] = positionals;
    if (path === undefined)
      throw new UsageError('USAGE_OPTION', 'expected an object file (.bpf.o), found none');
    const kernels = values.kernel.split(',').map((version) => oneOf('kernel', version, KERNELS));
    const { variant, program: only } = values;
    const all = await verdictsByKernel(path, { kernels, btf, variant, only, logLevel: level });
    process.stdout.write(values.json ? `${JSON.stringify(all, null, 2)}\n` : renderTable(all));
    const good = all.every(
      ({ error, programs }) => error === undefined && programs.every(({ verdict }) => verdict === 'accept'),
    );
    return good ? Exit.DONE : Exit.REFUSED;
  }
  const version = values.profile.replace(/^linux-/, '');
  const { kernel, object, programs } = await machine(positionals[0], { ...values, btf: btfOf(btf, version) });
  const verdicts = programs.map((name) => verdictOf(kernel, object, name, level));
  if (values.json) process.stdout.write(`${JSON.stringify(verdicts, null, 2)}\n`);
  else for (const verdict of verdicts) process.stdout.write(renderVerdict(verdict));
  return verdicts.every(({ verdict }) => verdict === 'accept') ? Exit.DONE : Exit.REFUSED;
}

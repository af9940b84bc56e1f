import { styleText } from 'node:util';
import { FaultlineError, UsageError } from '../host/errors.js';
import { Exit } from './usage.js';

interface Command {
  readonly summary: string;
  load(): Promise<{ run(args: string[]): Promise<number>; help: string }>;
}

const COMMANDS: Record<string, Command> = {
  run: {
    summary: 'run the programs of an object, showing every fault as it is repaired',
    load: () => import('./run.js'),
  },
  verify: { summary: 'verify the programs of an object as Linux would', load: () => import('./verify.js') },
  jit: { summary: 'show BPF, x86 and exception table side by side', load: () => import('./jit.js') },
  step: {
    summary: 'run one x86 instruction at a time, showing the registers each changes',
    load: () => import('./step.js'),
  },
  exec: { summary: 'records in, results out (JSON Lines)', load: () => import('./exec/command.js') },
  conformance: {
    summary: 'run unverified bytecode on bytes (bpf_conformance plugin)',
    load: async () => {
      const { main: run, help } = await import('./conformance.js');
      return { run, help };
    },
  },
  demo: { summary: 'run the three examples', load: () => import('./demo.js') },
};

const HELP = `faultline: Linux's BPF verifier, x86-64 JIT and fault repair, without a kernel

usage: faultline COMMAND [options]

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`)
  .join('\n')}

faultline COMMAND --help tells more.  Exit codes: 0 done, 1 refused or a check failed, 2 usage, 3 internal.
`;

/** Entry of bin/faultline.js: runs a command, turns errors into one line on stderr and an exit code. */
export async function main(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === 'help') {
    process.stdout.write(HELP);
    return name === undefined ? Exit.USAGE : Exit.DONE;
  }
  try {
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (!command) throw new UsageError('USAGE_COMMAND', `no command '${name}': see faultline --help`);
    const { run, help } = await command.load();
    if (rest.includes('--help')) {
      process.stdout.write(help);
      return Exit.DONE;
    }
    return await run(rest);
  } catch (error) {
    return report(error);
  }
}

/** Prints an error the way every command does and gives its exit code. */
export function report(error: unknown): number {
  const red = (text: string) =>
    process.stderr.isTTY && !process.env.NO_COLOR ? styleText('red', text) : text;
  if (error instanceof FaultlineError) {
    process.stderr.write(`${red('error')} ${error.code}: ${error.message}\n`);
    return error instanceof UsageError ? Exit.USAGE : Exit.REFUSED;
  }
  if (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code.startsWith('E')
  ) {
    process.stderr.write(`${red('error')} ${error.message}\n`);
    return Exit.REFUSED;
  }
  process.stderr.write(
    `${red('internal error')} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return Exit.INTERNAL;
}

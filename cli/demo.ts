import { fileURLToPath } from 'node:url';
import { run as runObject } from './run.js';
import { Exit } from './usage.js';

export const help = `usage: faultline demo

Runs the three examples on every engine: a walk over tasks with dangling parents, an LSM hook, a packet filter.
`;

const EXAMPLES = ['task_walk', 'file_open', 'skb_filter'];

export async function run(): Promise<number> {
  for (const name of EXAMPLES) {
    process.stdout.write(`\n== examples/${name}.bpf.o\n`);
    const code = await runObject([fileURLToPath(new URL(`../../examples/${name}.bpf.o`, import.meta.url))]);
    if (code !== Exit.DONE) return code;
  }
  return Exit.DONE;
}

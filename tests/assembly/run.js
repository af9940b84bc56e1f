// as-pect answers success for zero tests and has no time limit; this launcher fails on both.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const LIMIT_MS = 300_000;
const verbose = process.argv.includes('--verbose');
const asp = fileURLToPath(new URL('../../node_modules/@as-pect/cli/bin/asp.js', import.meta.url));
// The path must be absolute: asc resolves transforms of a relative configuration as bare module names.
const args = [asp, '--as-config', `${root}as-pect.asconfig.json`, ...(verbose ? ['--verbose'] : [])];
const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });

let output = '';
for (const stream of [child.stdout, child.stderr])
  stream.on('data', (chunk) => {
    output += chunk;
    process.stdout.write(chunk);
  });

const timer = setTimeout(() => {
  console.error(`as-pect: no end after ${LIMIT_MS / 1000} s, killed`);
  child.kill('SIGKILL');
}, LIMIT_MS);

child.on('close', (code) => {
  clearTimeout(timer);

  const plain = output.replace(/\u001b\[[0-9;]*m/g, '');
  const counts = plain.match(/\[Tests\]:\s*(\d+) \/ (\d+)/);
  const [passed, total] = counts ? [Number(counts[1]), Number(counts[2])] : [0, 0];
  if (total === 0) console.error('as-pect: ran no test');
  console.log(`as-pect: ${passed} passed, ${total - passed} failed`);
  process.exitCode = code !== 0 || total === 0 || passed !== total ? 1 : 0;
});

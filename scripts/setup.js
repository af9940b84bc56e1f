// Makes a checkout ready: installs what package-lock.json names and builds, each only when it is out of date.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const LOCK_STAMP = join(root, 'node_modules/.faultline-lock');
const BUILD_STAMP = join(root, 'dist/.built');

function run(...command) {
  console.error(`> ${command.join(' ')}`);
  // Output goes to stderr: stdout belongs to the command that is being set up for.
  const { status } = spawnSync(command[0], command.slice(1), {
    cwd: root,
    stdio: ['ignore', process.stderr, process.stderr],
    shell: process.platform === 'win32',
  });
  if (status !== 0) process.exit(status ?? 1);
}

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');
if (!existsSync(LOCK_STAMP) || readFileSync(LOCK_STAMP, 'utf8') !== lock) {
  run('npm', 'ci', '--no-audit', '--no-fund');
  writeFileSync(LOCK_STAMP, lock);
}
const sources = [
  'assembly',
  'host',
  'cli',
  'scripts',
  'package.json',
  'tsconfig.json',
  'asconfig.json',
  'asconfig.threads.json',
];
const built = existsSync(BUILD_STAMP) ? statSync(BUILD_STAMP).mtimeMs : 0;
if (sources.some((path) => newest(join(root, path)) > built)) run('npm', 'run', '--silent', 'build');

// All tests: types, lint and format; the core's own tests; the host's. Ends with `N passed, N failed`.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const only = process.argv.slice(2);

function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
      process.stdout.write(chunk);
    });
    child.on('close', (code) => resolve({ code, output }));
  });
}

function testFiles(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

let passed = 0;
let failed = 0;

async function step(title, body) {
  const start = Date.now();
  console.log(`\n== ${title}`);
  const [ok, bad] = await body();
  passed += ok;
  failed += bad;
  console.log(`== ${title}: ${ok} passed, ${bad} failed, ${((Date.now() - start) / 1000).toFixed(1)} s`);
}

async function check(name) {
  const { code } = await run('npm', ['run', '--silent', name]);
  return code === 0 ? [1, 0] : [0, 1];
}

async function assemblyTests() {
  const { code, output } = await run(process.execPath, ['tests/assembly/run.js']);
  const counts = output.match(/as-pect: (\d+) passed, (\d+) failed/);
  const [ok, bad] = counts ? [Number(counts[1]), Number(counts[2])] : [0, 0];
  return [ok, code !== 0 && bad === 0 ? 1 : bad];
}

async function hostTests(files) {
  const tap = join(tmpdir(), `faultline-tests-${process.pid}.tap`);
  const { code } = await run(process.execPath, [
    '--import',
    'tsx',
    '--test',
    '--test-concurrency=2',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    `--test-reporter-destination=${tap}`,
    ...files,
  ]);
  const summary = readFileSync(tap, 'utf8');
  rmSync(tap);
  const count = (name) => Number(summary.match(new RegExp(`^# ${name} (\\d+)$`, 'm'))?.[1] ?? 0);
  const bad = count('fail') + count('cancelled');
  if (count('tests') === 0) console.error('node:test ran no test');
  return [count('pass'), bad === 0 && (code !== 0 || count('tests') === 0) ? 1 : bad];
}

if (only.length > 0) {
  await step('host tests', () => hostTests(only));
} else {
  await step('types, lint, format', () => check('check'));
  await step('assembly tests', assemblyTests);
  await run(process.execPath, ['scripts/chromium.js']);
  await step('host tests', () => hostTests(testFiles('tests')));
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

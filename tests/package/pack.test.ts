import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { USER_PATH } from '../support/user-path.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'faultline-pack-'));
after(() => rmSync(folder, { recursive: true }));

function run(command: string, args: readonly string[]): string {
  const env = { ...process.env, PATH: USER_PATH };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, env, encoding: 'utf8' });
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`);
  return stdout;
}

describe('the package, installed from its tarball', () => {
  let files: string[] = [];

  before(() => {
    // --ignore-scripts: the build that prepack would make is the one under test.
    const packed = run('npm', ['pack', root, '--json', '--ignore-scripts', '--pack-destination', folder]);
    const [{ filename, files: listed }] = JSON.parse(packed) as [
      { filename: string; files: { path: string }[] },
    ];
    files = listed.map(({ path }) => path);
    writeFileSync(join(folder, 'package.json'), '{"name":"user","private":true,"type":"module"}');
    run('npm', ['install', '--no-audit', '--no-fund', '--omit=dev', join(folder, filename)]);
    cpSync(join(root, 'examples/task_walk.bpf.o'), join(folder, 'task_walk.bpf.o'));
  });

  it('holds what runs and nothing else', () => {
    for (const path of ['dist/host/index.node.js', 'dist/host/index.d.ts', 'dist/host/core/core.wasm', 'bin/faultline.js', 'LICENSE', 'README.md'])
      assert.ok(files.includes(path), `${path} is missing`); // prettier-ignore
    const stray = files.filter((path) => /^(tests|assembly|bench|scripts|node_modules)\//.test(path));
    assert.deepEqual(stray, []);
  });

  it('has source maps that hold their sources, which are not in it', () => {
    const maps = files.filter((path) => path.endsWith('.js.map'));
    assert.ok(maps.includes('dist/host/runtime/boot.js.map'));
    for (const path of maps) {
      const map = readFileSync(join(folder, 'node_modules/faultline', path), 'utf8');
      const { sources, sourcesContent } = JSON.parse(map) as { sources: []; sourcesContent?: [] };
      assert.equal(sourcesContent?.length, sources.length, path);
    }
  });

  it('repairs a fault where it is imported', () => {
    writeFileSync(
      join(folder, 'use.js'),
      `import { readFileSync } from 'node:fs';
       import { bootKernel } from 'faultline';
       const kernel = await bootKernel();
       const object = kernel.loadObject(readFileSync('task_walk.bpf.o'));
       const freed = kernel.create('task_struct', { pid: 80 });
       const orphan = kernel.create('task_struct', { pid: 81, comm: 'orphan', real_parent: freed });
       kernel.unmap(freed);
       const { retval, faults, oops } = object.program('task_walk').run(kernel.context.tracing([orphan]), { engine: 'all' });
       console.log(JSON.stringify({ retval, oops, first: faults[0].kind, pid: Number(orphan.get('pid')) }));`,
    );
    assert.deepEqual(JSON.parse(run(process.execPath, ['use.js'])), {
      retval: 0,
      oops: null,
      first: 'pf',
      pid: 81,
    });
  });

  it('has types that need no types of Node, as bundlers resolve them', () => {
    writeFileSync(
      join(folder, 'use.ts'),
      `import { bootKernel, explain, icedDisassembler, listProgram, runObject, symbolNames, VerifierError } from 'faultline';
       import type { Engine, Explanation, Scene } from 'faultline';
       const kernel = await bootKernel({ profile: 'linux-6.1' });
       const object = kernel.loadObject(new Uint8Array());
       const scene: Scene = { dangling: ['gone'] };
       const engine: Engine = 'wasm';
       export const programs: number = runObject(kernel, object, { scene, engine }).programs.length;
       const disassemble = icedDisassembler(await import('iced-x86'));
       const options = { disassemble, syntax: 'att', symbol: symbolNames(kernel) } as const;
       export const passes: number[] = listProgram(object.program('x'), options).map(({ passes }) => passes);
       export const why = (error: unknown): Explanation | null =>
         error instanceof VerifierError ? explain(object.spec.programs[0], error) : null;`,
    );
    const options = {
      noEmit: true,
      strict: true,
      target: 'es2022',
      module: 'esnext',
      moduleResolution: 'bundler',
      lib: ['es2022', 'dom'],
      types: [],
    };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: ['use.ts'] }),
    );
    run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]);
  });

  it('has its two commands', () => {
    assert.match(
      run('npx', ['--no-install', 'faultline', 'run', '--faults', '1', 'task_walk.bpf.o']),
      /r0 = 0x0/,
    );
    const exit = 'b7000000070000009500000000000000';
    assert.equal(run('npx', ['--no-install', 'faultline-bpf-conformance', '--program', exit]), '7\n');
  });
});

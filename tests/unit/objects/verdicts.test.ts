import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { runObject } from '../../../host/report/run-object.js';
import type { LoadedObject } from '../../../host/runtime/loaded-object.js';
import type { Kernel } from '../../../host/runtime/kernel.js';
import { LOG_LEVEL1 } from '../../../host/verifier/log.js';
import { VerifierError } from '../../../host/verifier/verifier-error.js';
import { expectedVerdicts } from '../../support/expected-verdicts.js';
import { testKernel } from '../../support/kernel.js';

const folder = new URL('../../fixtures/verdicts/', import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.bpf.c'))
  .map((file) => file.replace('.bpf.c', ''));
const MAX_STEPS = 10_000_000n;

function verdict(kernel: Kernel, object: LoadedObject, name: string): string {
  const spec = object.spec.programs.find((program) => program.name === name);
  assert.ok(spec, `expected a program ${name}, found none`);
  try {
    kernel.load(spec, object.maps, { logLevel: LOG_LEVEL1 }).close();
    return 'ok';
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    return `!${error.errno} ${error.message}`;
  }
}

for (const version of ['6.12', '6.1'] as const)
  for (const name of names) {
    const source = readFileSync(new URL(`${name}.bpf.c`, folder), 'utf8');
    const expected = [...expectedVerdicts(source)].flatMap(([program, { [version]: want, result }]) =>
      want === undefined ? [] : [{ program, want, result }],
    );
    if (expected.length === 0) continue;
    describe(`${version}: ${name}.bpf.o`, async () => {
      const kernel = await testKernel(version);
      const bytes = new Uint8Array(gunzipSync(readFileSync(new URL(`${name}.bpf.o.gz`, folder))));
      const object = kernel.loadObject(bytes, { fileName: `${name}.bpf.o` });

      it('has a verdict for each program', () =>
        assert.deepEqual(expected.map(({ program }) => program).sort(), [...object.programNames].sort()));

      for (const { program, want, result } of expected)
        it(program, () => {
          assert.match(verdict(kernel, object, program), want);
          if (!want.test('ok')) return;
          // Engines that disagree throw.
          const [{ runs }] = runObject(kernel, object, { programs: [program], maxSteps: MAX_STEPS }).programs;
          const [{ oops, retval }] = runs;
          assert.deepEqual([oops, retval >> 0], [null, result ?? retval >> 0]);
        });
    });
  }

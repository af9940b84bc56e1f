import '../../../host/platform/node.js';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { renderObject, runObject } from '../../../host/report/run-object.js';
import { parseScene, type Scene } from '../../../host/report/scene.js';
import { bootKernel } from '../../../host/runtime/boot.js';
import type { Kernel } from '../../../host/runtime/kernel.js';
import type { LoadedObject } from '../../../host/runtime/loaded-object.js';

const example = (name: string): Buffer => readFileSync(new URL(`../../../examples/${name}`, import.meta.url));
const RUN = { program: 'task_walk' };

describe('a scene', () => {
  let kernel: Kernel;
  let object: LoadedObject;

  before(async () => {
    kernel = await bootKernel();
    object = kernel.loadObject(example('task_walk.bpf.o'));
  });

  const refused: { name: string; scene: Scene; code: string; message: RegExp }[] = [
    { name: 'an argument that names nothing', scene: { runs: [{ ...RUN, args: ['$nobody'] }] }, code: 'USAGE_SCENE', message: /^f\.json: expected an object of the scene, found 'nobody'$/ },
    { name: 'an argument that is text', scene: { runs: [{ ...RUN, args: ['worker'] }] }, code: 'USAGE_SCENE', message: /^f\.json: expected a number or \$object as argument, found "worker"$/ },
    { name: 'a field that points at nothing', scene: { objects: { a: { type: 'task_struct', fields: { real_parent: '$b' } } } }, code: 'USAGE_SCENE', message: /found 'b'$/ },
    { name: 'a type the kernel lacks', scene: { objects: { a: { type: 'no_such_struct' } } }, code: 'USAGE_TYPE', message: /no_such_struct/ },
    { name: 'half a byte', scene: { runs: [{ ...RUN, context: 'abc' }] }, code: 'USAGE_SCENE', message: /^f\.json: context: expected pairs of hex digits, found "abc"$/ },
    { name: 'memory taken from nobody', scene: { unmapped: ['nobody'] }, code: 'USAGE_SCENE', message: /found 'nobody'$/ },
  ]; // prettier-ignore
  for (const { name, scene, code, message } of refused)
    it(`is refused: ${name}`, () =>
      assert.throws(() => runObject(kernel, object, { scene, sceneFile: 'f.json' }), { code, message }));

  it('is refused: text that is not JSON', () =>
    assert.throws(() => parseScene('{', 'f.json'), { code: 'USAGE_SCENE', message: /^f\.json: / }));

  it('takes 0x numbers, nested fields and pointers in any order', () => {
    const scene = parseScene(
      `{"objects": {"child": {"type": "task_struct", "fields": {"pid": "0x10", "comm": "child", "real_parent": "$parent"}},
        "parent": {"type": "task_struct", "fields": {"pid": 7, "se.vruntime": 3, "real_parent": "$parent"}}},
        "runs": [{"program": "task_walk", "note": "two", "args": ["$child"]}, {"program": "other"}]}`,
    );
    const { programs, maps } = runObject(kernel, object, { scene, engine: 'interp' });
    assert.deepEqual(programs[0].runs.map(({ note, engines, faults }) => [note, engines, faults.length]), [
      ['two', ['interp'], 0],
    ]); // prettier-ignore
    const hops = maps[0].entries.map(({ value }) => (value as { pid: number }).pid);
    assert.deepEqual(hops.slice(0, 2), [16, 7]);
  });

  it('says which engines ran', () => {
    const scene = parseScene(example('task_walk.scene.json').toString());
    const engines = (['x86', 'wasm', 'interp', 'auto', 'all'] as const).map((engine) => {
      const fresh = kernel.loadObject(example('task_walk.bpf.o'));
      const report = runObject(kernel, fresh, { scene, engine });
      assert.match(renderObject(report, 0), /r0 = 0x0/);
      return report.programs[0].runs[1].engines.join(' ');
    });
    assert.deepEqual(engines, ['x86', 'wasm', 'interp', 'interp', 'x86 interp wasm']);
  });
});

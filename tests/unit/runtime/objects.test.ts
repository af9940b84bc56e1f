import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { VerifierError } from '../../../host/verifier/verifier-error.js';
import type { KernelObject } from '../../../host/mm/kernel-object.js';
import type { Kernel } from '../../../host/runtime/kernel.js';
import type { LoadedObject } from '../../../host/runtime/loaded-object.js';
import { testRunContext } from '../../../host/runtime/test-run.js';
import { testKernel } from '../../support/kernel.js';

const VERSIONS = ['6.12', '6.1'] as const;

function load(kernel: Kernel, version: string, name: string): LoadedObject {
  const path = new URL(`../../fixtures/objects/${version}/${name}.bpf.o`, import.meta.url);
  return kernel.loadObject(new Uint8Array(readFileSync(path)), { fileName: `${name}.bpf.o` });
}

/** init (1) <- shell (5) <- child (7); the child's thread group is led by itself. */
function family(kernel: Kernel): Record<'init' | 'shell' | 'child', KernelObject> {
  const init = kernel.create('task_struct', { pid: 1, tgid: 1, comm: 'init' });
  init.assign({ real_parent: init, group_leader: init });
  const shell = kernel.create('task_struct', { pid: 5, tgid: 5, real_parent: init, flags: 4 });
  shell.set('group_leader', shell);
  const child = kernel.create('task_struct', { pid: 7, tgid: 7, comm: 'abc', real_parent: shell });
  child.set('group_leader', child);
  return { init, shell, child };
}

// Slots of the map `out` after a run on the child, as the C source says (tests/fixtures/objects/src/task.bpf.c).
const walks: readonly (readonly [program: string, slots: readonly bigint[], faults: number])[] = [
  ['t_pid', [7n], 0],
  ['t_parent_pid', [5n], 0],
  ['t_grand', [1n], 0],
  ['t_deep', [1n], 0],
  ['t_mm', [0n, 0n, 0n], 3],
  ['t_flags_branch', [3n], 0],
  ['t_walk_loop', [7n + 5n + 6n + (0n + 1n + 2n + 3n + 4n + 5n + 6n + 7n)], 0],
  ['t_probe_read', [5n, 1n], 0],
  ['t_core_read', [1n, 1n], 0],
  ['t_subprog1', [7n, 5n], 0],
  // sub_mm without mm is 7; sub_rec(t, 2) = 5 + 5 * 2
  ['t_subprog2', [7n, 15n, 7n], 0],
  // sub_rec of child, shell, init, init with d = 0 to 3
  ['t_subprog3', [5n + 2n + 3n + 4n], 0],
];

for (const version of VERSIONS) {
  const kernel = await testKernel(version);
  const object = load(kernel, version, 'task');
  const { child } = family(kernel);

  for (const [name, slots, faults] of walks) {
    test(`Linux ${version}: ${name} walks objects of the test`, () => {
      const context = kernel.context.tracing([child, 2]);
      const result = object.program(name).run(context, { engine: 'all' });
      assert.equal(result.oops, null);
      const out = new DataView(object.map('out').lookup(0)!.buffer);
      assert.deepEqual(
        slots.map((_, slot) => out.getBigUint64(slot * 8, true)),
        slots,
      );
      // NULL mm is the only bad pointer in the family.
      assert.equal(result.faults.length, faults);
      context.close();
    });
  }

  test(`Linux ${version}: bpf_loop calls back`, () => {
    kernel.current = child;
    const context = kernel.context.tracing([child, 0]);
    object.program('t_bpf_loop').run(context, { engine: 'all' });
    // ten times pid + tgid of the parent, and 0 + 1 + ... + 9
    assert.equal(
      new DataView(object.map('out').lookup(0)!.buffer).getBigUint64(0, true),
      10n * (7n + 5n) + 45n,
    );
  });

  test(`Linux ${version}: a dangling grandparent`, () => {
    const parent = kernel.create('task_struct', { pid: 9, real_parent: kernel.dangling() });
    const orphan = kernel.create('task_struct', { pid: 8, real_parent: parent });
    const program = object.program('t_core_read');
    const address = parent.uint('real_parent') + BigInt(kernel.btf.member(parent.type, 'pid').bitOffset / 8);
    for (const engine of ['x86', 'interp'] as const) {
      const { faults, oops } = program.run(kernel.context.tracing([orphan, 0]), { engine });
      if (version === '6.12') {
        // real_parent of a trusted task is trusted in turn: the load is a plain one.
        assert.deepEqual([oops?.kind, oops?.address, faults.length], ['pf', address, 0], engine);
        continue;
      }
      assert.equal(oops, null);
      assert.deepEqual(
        faults.map((fault) => [fault.kind, fault.address]),
        [['pf', address]],
        engine,
      );
      const { func, insn, ipOffset, register, length } = faults[0]!;
      const entry = program.images[func]!.entries.find((each) => each.ipOffset === ipOffset);
      assert.equal(
        entry?.insn,
        insn - program.verified.functions[func]!.start,
        'the entry is of that instruction',
      );
      assert.deepEqual([length, register !== null], [entry?.length, true]);
    }
  });

  test(`Linux ${version}: every program of every object runs on sample objects`, () => {
    const kinds: Readonly<Record<number, string>> = { 31: 'ctx', 1: 'data', 3: 'data', 4: 'data', 6: 'data' };
    const names =
      version === '6.12'
        ? ['fault', 'file', 'iter', 'net', 'task', 'modern', 'arena']
        : ['fault', 'file', 'iter', 'net', 'task'];
    const oopses: string[] = [];
    let ran = 0;
    for (const name of names) {
      const each = load(kernel, version, name);
      for (const program of each.programNames) {
        let loaded;
        try {
          loaded = each.program(program);
        } catch (error) {
          // Some are there to be refused.
          assert.ok(error instanceof VerifierError, String(error));
          continue;
        }
        const { spec } = loaded.verified;
        const kind = kinds[spec.type] ?? (spec.expectedAttachType === 28 ? 'iter' : 'attach+trigger');
        const data = kind === 'data' ? new Uint8Array(64) : new Uint8Array(0);
        const context = testRunContext(kernel, spec, { kind, data });
        const { oops } = loaded.run(context, { engine: 'all' });
        if (oops) oopses.push(`${name} ${program}: ${oops.lines[0]}`);
        context.close();
        ran++;
      }
      each.close();
    }
    assert.deepEqual(oopses, []);
    assert.ok(ran >= 45, `${ran} programs ran`);
  });
}

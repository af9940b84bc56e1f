import '../../host/platform/node.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Btf } from '../../host/btf/btf.js';
import { bootKernel } from '../../host/runtime/boot.js';
import type { Kernel } from '../../host/runtime/kernel.js';
import { testRunContext } from '../../host/runtime/test-run.js';
import { fromHex, loadGolden, toHex } from '../support/golden-program.js';
import { type Golden, goldens, vmlinuxBtf } from '../support/goldens.js';

const DUMPED = 1;

/** Records whose answer does not depend on that kernel's memory or on chance, with one to compare. */
function comparable(record: Golden): boolean {
  const run = record.test_run;
  if (record.verdict !== 'accept' || !run || run.volatile || run.errno) return false;
  return (run.retval ?? null) !== null || run.map_dump_hex !== undefined;
}

/** What differs from the recorded answer; null = nothing. `all` engines run and must agree. */
function runRecord(kernel: Kernel, record: Golden): string | null {
  const want = record.test_run!;
  const loaded = loadGolden(kernel, record);
  const context = testRunContext(
    kernel,
    { type: record.prog_type, attach: loaded.program.verified.spec.attach },
    {
      kind: want.kind,
      data: fromHex(want.data_in_hex ?? ''),
      bogus: want.bogus_ptr ? new DataView(fromHex(want.bogus_ptr).buffer).getBigUint64(0, true) : 0n,
    },
  );
  try {
    const result = loaded.program.run(context, { engine: 'all' });
    if (loaded.program.jitError) return `JIT: ${loaded.program.jitError.message}`;
    if (result.oops) return result.oops.lines[0]!;
    if ((want.retval ?? null) !== null && result.retval !== want.retval)
      return `expected retval ${want.retval}, found ${result.retval}`;
    const dump = (record.maps ?? []).flatMap(({ mflags }, at) =>
      ((mflags ?? 0) & DUMPED) !== 0 ? [[String(at), toHex(loaded.maps[at]!.lookup(0)!)]] : [],
    );
    const found = JSON.stringify(Object.fromEntries(dump));
    const expected = JSON.stringify(want.map_dump_hex ?? {});
    return want.map_dump_hex && found !== expected ? `expected maps ${expected}, found ${found}` : null;
  } finally {
    context.close();
    loaded.close();
  }
}

for (const [version, corpus, variant, floor] of [
  ['6.12', 'probe', 'base', 450],
  ['6.12', 'isa', 'base', 1198],
  ['6.12', 'large', 'base', 10],
  ['6.12', 'isa', 'mitig', 79],
  ['6.12', 'isa', 'mitigamd', 79],
  ['6.12', 'isa', 'nobmi2', 119],
  ['6.12', 'isa', 'harden2', 281],
  ['6.12', 'probe', 'harden2', 44],
  ['6.1', 'probe', 'base', 154],
  ['6.1', 'isa', 'base', 1082],
  ['6.1', 'large', 'base', 10],
  ['6.1', 'isa', 'harden2', 269],
  ['6.1', 'isa', 'mitig', 77],
  ['6.1', 'isa', 'mitigamd', 77],
] as const) {
  test(`${corpus} programs do on Linux ${version} (${variant}) what the kernel did`, async (t) => {
    const btf = Btf.parse(vmlinuxBtf(version));
    const kernel = await bootKernel({ profile: `linux-${version}`, variant, btf });
    const records = goldens(version, corpus, variant).filter(comparable);
    const misses: string[] = [];
    for (const record of records) {
      let miss: string | null;
      try {
        miss = runRecord(kernel, record);
      } catch (error) {
        miss = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      }
      if (miss !== null) misses.push(`${record.id}: ${miss}`);
    }
    const good = records.length - misses.length;
    t.diagnostic(`${good} of ${records.length} agree`);
    assert.ok(
      good >= floor,
      `${good} of ${records.length}, expected ${floor}\n${misses.slice(0, 20).join('\n')}`,
    );
  });
}

/** Slot 0 of the dumped map: 'zero', or the 'same' as slot 1, the field read without an offset of its own. */
function relation(dump: Uint8Array): string {
  const slots = new DataView(dump.buffer, dump.byteOffset);
  const [value, plain] = [slots.getBigUint64(0, true), slots.getBigUint64(8, true)];
  return value === 0n ? 'zero' : value === plain ? 'same' : `${value} instead of ${plain}`;
}

for (const version of ['6.12', '6.1'] as const) {
  test(`loads at negative offsets read on Linux ${version} what the kernel read`, async () => {
    const btf = Btf.parse(vmlinuxBtf(version));
    const kernel = await bootKernel({ profile: `linux-${version}`, variant: 'negval', btf });
    const records = goldens(version, 'probe', 'negval').filter(({ test_run }) => test_run?.map_dump_hex);
    assert.notEqual(records.length, 0);
    for (const record of records) {
      const loaded = loadGolden(kernel, record);
      const context = kernel.context.tracing([kernel.current]);
      loaded.program.run(context, { engine: 'all' });
      const want = relation(fromHex(record.test_run!.map_dump_hex!['0']!));
      assert.equal(relation(loaded.maps[0]!.lookup(0)!), want, record.id);
      loaded.close();
    }
  });
}

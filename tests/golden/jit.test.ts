import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Core } from '../../host/core/core.js';
import { compile } from '../../host/jit/compile.js';
import { profile } from '../../host/profiles/profiles.js';
import { type Golden, type GoldenFunction, type GoldenJitInput, goldens } from '../support/goldens.js';
import { FakeImages, fromHex, goldenInput, loadCore, masked, toHex } from '../support/jit.js';

const KERNELS = ['6.12', '6.1'];
const CORPORA = ['isa', 'probe', 'large'];
const PROFILES = ['base', 'nobmi2'];

let core: Core;

before(async () => {
  core = await loadCore();
});

function compare(record: Golden, given: GoldenJitInput, want: GoldenFunction): void {
  const { jit } = profile(`linux-${record.kernel}`, record.profile);
  const images = new FakeImages([BigInt(want.ksym_addr)]);
  const [image] = compile(core, jit, [goldenInput(given)], images);
  assert.deepEqual(
    image.directSites.map(({ insn }) => image.offsets[insn]),
    given.direct_sites ?? [],
    `${record.id}: directly patched tail calls`,
  );
  assert.equal(masked(image.code, image), masked(fromHex(want.jited_hex), image), `${record.id}: code`);
  assert.equal(image.entries.length, want.num_exentries, `${record.id}: number of entries`);
  assert.equal(toHex(image.extable), want.extable_hex ?? '', `${record.id}: table`);
  if (want.extable_off !== undefined) assert.equal(image.extableOffset, want.extable_off, record.id);
}

describe('images are byte for byte what the kernel made', () => {
  for (const kernel of KERNELS) {
    for (const corpus of CORPORA) {
      for (const variant of PROFILES) {
        const records = goldens(kernel, corpus, variant);
        if (records.length === 0) continue;
        it(`${kernel} ${corpus} ${variant}`, (context) => {
          let compared = 0;
          const failures: unknown[] = [];
          for (const record of records) {
            if (!record.jit_input || record.funcs?.length !== 1) continue;
            try {
              compare(record, record.jit_input, record.funcs[0]);
            } catch (error) {
              failures.push(new Error(record.id, { cause: error }));
            }
            compared++;
          }
          if (failures.length > 0) throw new AggregateError(failures, `${failures.length} images differ`);
          assert.ok(compared > 0, 'no record was compared');
          context.diagnostic(`${compared} images compared`);
        });
      }
    }
  }

  it('leaves no memory of the core behind', () => {
    const before = core.exports.heapInUse();
    const record = goldens('6.12', 'probe', 'base').find(({ jit_input }) => jit_input);
    assert.ok(record?.jit_input && record.funcs);
    compare(record, record.jit_input, record.funcs[0]);
    assert.equal(core.exports.heapInUse(), before);
  });
});

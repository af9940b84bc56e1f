import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { Core } from '../../host/core/core.js';
import { compile } from '../../host/jit/compile.js';
import { countExentries } from '../../host/jit/exentries.js';
import type { ImageSource } from '../../host/jit/image-source.js';
import type { JitImage, JitInput } from '../../host/jit/jit-image.js';
import { profile } from '../../host/profiles/profiles.js';
import { type Golden, type GoldenFunction, type GoldenJitInput, goldens } from '../support/goldens.js';

const KERNELS = ['6.12', '6.1'];
const CORPORA = ['isa', 'probe', 'large'];
const PROFILES = ['base', 'nobmi2'];
const DIRECT_SITE_SIZE = 5;

let core: Core;

before(async () => {
  core = await Core.load(readFileSync(new URL('../../host/core/core.wasm', import.meta.url)));
});

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function placeAt(address: bigint): ImageSource {
  return {
    allocate: (length) => ({ address, region: { address, size: length } }),
    release: () => {},
    finalize: () => {},
    free: () => {},
  };
}

/** jit_input.num_exentries leaves sign-extending loads out, so the entries are counted. */
function input(given: GoldenJitInput): JitInput {
  const insns = fromHex(given.insns_hex);
  return {
    name: 'golden',
    insns,
    stackDepth: given.stack_depth ?? 0,
    numExentries: countExentries(insns),
    tailCallReachable: Boolean(given.tail_call_reachable),
    isSubprogram: false,
    isExceptionCallback: false,
    exceptionBoundary: Boolean(given.exception_boundary),
    isClassic: false,
    arenaKernel: BigInt(given.arena_kern ?? 0),
    arenaUser: BigInt(given.arena_user ?? 0),
  };
}

/** Hex of the code with the patch sites of direct tail calls, whose content follows the map, blanked. */
function masked(code: Uint8Array, sites: readonly number[]): string {
  const copy = code.slice();
  for (const site of sites) copy.fill(0, site, site + DIRECT_SITE_SIZE);
  return toHex(copy);
}

function compare(record: Golden, given: GoldenJitInput, want: GoldenFunction): void {
  const { jit } = profile(`linux-${record.kernel}`, record.profile);
  const [image] = compile(core, jit, [input(given)], placeAt(BigInt(want.ksym_addr))) as [JitImage];
  const sites = image.directSites.flatMap(({ bypass, target }) => [bypass, target]);
  assert.deepEqual(
    image.directSites.map(({ insn }) => image.offsets[insn]),
    given.direct_sites ?? [],
    `${record.id}: directly patched tail calls`,
  );
  assert.equal(masked(image.code, sites), masked(fromHex(want.jited_hex), sites), `${record.id}: code`);
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
});

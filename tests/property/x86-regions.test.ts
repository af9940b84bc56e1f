import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { Core } from '../../host/core/core.js';
import { compile } from '../../host/jit/compile.js';
import { countExentries } from '../../host/jit/exentries.js';
import { PackImages } from '../../host/jit/pack-images.js';
import { seededRandom } from '../../host/jit/random.js';
import { KsymTable } from '../../host/kallsyms/ksym-table.js';
import { GuestMemory, PAGE_SIZE } from '../../host/mm/guest-memory.js';
import { profile } from '../../host/profiles/profiles.js';
import { X86Engine } from '../../host/runtime/cpu.js';
import { randomLoop } from '../support/random-loop.js';
import { Random, testSeed } from '../support/random.js';

const PROGRAMS = Number(process.env.PROGRAMS ?? 150);
const MIB = 1 << 20;
const PAGES = 6;
const PAGE = BigInt(PAGE_SIZE);
const wasm = readFileSync(new URL('../../host/core/core.wasm', import.meta.url));
const gate = (): never => assert.fail('no helper is called');

/** A machine of its own; those of one seed have everything at the same addresses. */
async function machine(seed: number, hotAfter: number) {
  const core = await Core.load(wasm);
  const memory = new GuestMemory(core, {
    user: MIB,
    direct: MIB,
    vmalloc: MIB,
    text: MIB,
    modules: 8 * MIB,
  });
  const x86 = new X86Engine(core, memory, { hotAfter });
  const ksyms = new KsymTable(core, memory, '6.12');
  const images = new PackImages(memory, { random: seededRandom(seed) });
  const block = memory.alloc('direct', PAGES * PAGE_SIZE, PAGE_SIZE);
  const far = memory.alloc('vmalloc', PAGE_SIZE);
  const fill = Uint8Array.from({ length: PAGES * PAGE_SIZE }, (_, at) => (at * 7 + (at >> 8)) & 255);
  const { jit } = profile('linux-6.12');
  return {
    block,
    far,
    x86,
    load(insns: Uint8Array) {
      const input = {
        name: 'loop',
        insns,
        stackDepth: 512,
        numExentries: countExentries(insns),
        tailCallReachable: false,
        isSubprogram: false,
        isExceptionCallback: false,
        exceptionBoundary: false,
        isClassic: false,
        arenaKernel: 0n,
        arenaUser: 0n,
      };
      const [image] = compile(core, jit, [input], images);
      images.finalize(image);
      ksyms.add(image, { name: 'loop', program: 0, func: 0 });
      x86.addGuards(
        image.address,
        image.entries.flatMap((entry) => (entry.guard === null ? [] : [entry.guard])),
      );
      return (args: readonly bigint[]): unknown => {
        memory.write(block, fill);
        memory.write(far, fill.subarray(0, PAGE_SIZE));
        const run = x86.run(image.entry, args, { gate });
        return { run, block: memory.read(block, PAGES * PAGE_SIZE), far: memory.read(far, PAGE_SIZE) };
      };
    },
  };
}

it(`${PROGRAMS} loops do the same whether the CPU runs them alone or as regions`, async () => {
  const seed = testSeed();
  const random = new Random(seed);
  const alone = await machine(seed, Infinity);
  const hot = await machine(seed, 1);
  const { block, far } = hot;
  const end = block + BigInt(PAGES) * PAGE;
  const places = [
    block,
    block + 64n,
    block + PAGE,
    end - 200n,
    end - 8n,
    end,
    far + 32n,
    far + PAGE - 100n,
    0n,
  ];
  const seen = { oops: 0, fault: 0, none: 0 };
  for (let n = 0; n < PROGRAMS; n++) {
    const insns = randomLoop(random, 800);
    const onAlone = alone.load(insns);
    const onHot = hot.load(insns);
    for (let run = 0; run < 3; run++) {
      const args = [random.pick(places), random.pick(places), random.pick(places.slice(0, 8))];
      const hex = Buffer.from(insns).toString('hex');
      const want = onAlone(args) as { run: { oops: unknown; faults: unknown[] } };
      assert.deepEqual(onHot(args), want, `loop ${n} of seed ${seed}, args ${args}: ${hex}`);
      seen[want.run.oops ? 'oops' : want.run.faults.length > 0 ? 'fault' : 'none']++;
    }
  }
  assert.ok(hot.x86.regions > PROGRAMS / 4, `${hot.x86.regions} regions`);
  assert.equal(alone.x86.regions, 0);
  assert.ok(seen.oops > 0 && seen.fault > 0 && seen.none > 0, JSON.stringify(seen));
});

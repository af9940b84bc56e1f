import assert from 'node:assert/strict';
import { it } from 'node:test';
import { PAGE_SIZE } from '../../host/mm/guest-memory.js';
import { randomLoop } from '../support/random-loop.js';
import { Random, testSeed } from '../support/random.js';
import { BothEngines } from '../support/wasm.js';

const PROGRAMS = Number(process.env.PROGRAMS ?? 400);
const PAGE = BigInt(PAGE_SIZE);
const PAGES = 6;
it(`${PROGRAMS} loops around the edges of the window do as on the interpreter`, async () => {
  const seed = testSeed();
  const random = new Random(seed);
  for (const version of ['6.12', '6.1', '5.5'] as const) {
    const both = await BothEngines.create(version);
    const { memory } = both;
    const block = memory.alloc('direct', PAGES * PAGE_SIZE, PAGE_SIZE);
    const far = memory.alloc('vmalloc', PAGE_SIZE);
    const fill = Uint8Array.from({ length: PAGES * PAGE_SIZE }, (_, at) => (at * 7 + (at >> 8)) & 255);
    const places = [
      block,
      block + 64n,
      block + PAGE,
      block + BigInt(PAGES) * PAGE - 200n,
      block + BigInt(PAGES) * PAGE - 8n,
      block + BigInt(PAGES) * PAGE,
      far + 32n,
      far + PAGE - 100n,
      0n,
      8n,
      0xdead000000000100n,
      BigInt.asUintN(64, -64n),
      block + (1n << 32n),
    ];
    const seen = { oops: 0, fault: 0, none: 0 };
    for (let n = 0; n < PROGRAMS / 3; n++) {
      const insns = randomLoop(random, 40);
      const program = both.load({ insns, functions: [{ start: 0, stackDepth: 512 }], arena: null });
      for (let run = 0; run < 3; run++) {
        const args = [random.pick(places), random.pick(places), random.pick(places.slice(0, 8))];
        try {
          const { oops, faults } = both.run(program, args, {}, () => {
            memory.write(block, fill);
            memory.write(far, fill.subarray(0, PAGE_SIZE));
          });
          seen[oops ? 'oops' : faults.length > 0 ? 'fault' : 'none']++;
        } catch (error) {
          const hex = Buffer.from(insns).toString('hex');
          assert.fail(`${version} loop ${n} of seed ${seed}, args ${args}: ${String(error)}: ${hex}`);
        }
      }
      both.unload(program);
    }
    assert.ok(seen.oops > 0 && seen.fault > 0 && seen.none > 0, JSON.stringify(seen));
  }
});

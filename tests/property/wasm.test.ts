import assert from 'node:assert/strict';
import { it } from 'node:test';
import { code, insn } from '../support/interp.js';
import { Random, testSeed } from '../support/random.js';
import { BothEngines } from '../support/wasm.js';

const PROGRAMS = Number(process.env.PROGRAMS ?? 300);
/** Slots a part may have, so that small programs are cut too. */
const PART_SLOTS = [16, 40, 1_000_000];

/** Blocks that jump anywhere, backwards and into cycles from all sides, until R9 has counted down. */
function randomFlow(random: Random, blocks: number): Uint8Array {
  const SLOTS = 8;
  const last = blocks * SLOTS + 1;
  const parts = [insn(0xb7, 9, 0, 0, 1 + random.below(60))];
  for (let block = 0; block < blocks; block++) {
    const at = block * SLOTS + 1;
    const to = (slot: number): number => 1 + random.below(blocks) * SLOTS - (at + slot) - 1;
    const near = (slot: number): number =>
      1 + Math.min(blocks - 1, Math.max(0, block + random.below(4) - 2)) * SLOTS - (at + slot) - 1;
    const way = random.below(3) === 0 ? to : near;
    parts.push(
      insn(0x07, 0, 0, 0, block * 31 + 7),
      insn(random.pick([0x27, 0xa7, 0x67]), 0, 0, 0, 1 + random.below(30)),
      insn(random.pick([0x0f, 0xaf, 0xbf]), random.below(6), random.below(6)),
      insn(0x17, 9, 0, 0, 1),
      insn(0xd5, 9, 0, last - (at + 4) - 1),
      insn(random.pick([0x25, 0x45, 0x55]), random.below(6), 0, way(5), random.below(4096)),
      insn(0x35, random.below(6), 0, to(6), random.u32() | 0),
      insn(0x05, 0, 0, way(7)),
    );
  }
  parts.push(...[1, 2, 3, 4, 5].map((register) => insn(0x0f, 0, register)), insn(0x95));
  return code(...parts);
}

it(`${PROGRAMS} programs of wild control flow do as on the interpreter`, async () => {
  const seed = testSeed();
  const random = new Random(seed);
  const both = await BothEngines.create();
  for (let n = 0; n < PROGRAMS; n++) {
    const insns = randomFlow(random, 1 + random.below(12));
    const partSlots = random.pick(PART_SLOTS);
    const source = { insns, functions: [{ start: 0, stackDepth: 0 }], arena: null };
    const program = both.load(source, { partSlots });
    try {
      both.run(program, [random.u64(), 3n, random.u64(), 1n, 0n]);
    } catch (error) {
      const hex = Buffer.from(insns).toString('hex');
      assert.fail(`program ${n} of seed ${seed}, parts of ${partSlots}: ${String(error)}: ${hex}`);
    }
    both.unload(program);
  }
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { imagesOf } from '../../../bench/run/native.js';
import { benchPrograms } from '../../../bench/run/program.js';
import { Core } from '../../../host/core/core.js';
import { GuestMemory } from '../../../host/mm/guest-memory.js';
import { profile } from '../../../host/profiles/profiles.js';
import { X86Engine } from '../../../host/runtime/cpu.js';

const wasm = readFileSync(new URL('../../../host/core/core.wasm', import.meta.url));
const MEMORY = 1 << 18;
const gate = (): never => assert.fail('no helper is called');

/** Runs a program twice on a machine of its own, which knows its loops the second time. */
async function outcome(name: string, hotAfter: number, given?: Core) {
  const core = given ?? (await Core.load(wasm));
  const memory = new GuestMemory(core, {
    vmalloc: 1 << 20,
    text: 1 << 20,
    modules: 8 << 20,
    direct: 1 << 20,
  });
  const x86 = new X86Engine(core, memory, { hotAfter });
  const program = benchPrograms().find((each) => each.name === name);
  assert.ok(program);
  const block = memory.alloc('direct', MEMORY);
  const [{ entry }] = imagesOf(core, memory, profile('linux-6.12'), program);
  const runs = [0, 1].map(() => {
    memory.write(
      block,
      Uint8Array.from({ length: MEMORY }, (_, at) => (at * 31 + (at >> 7)) & 255),
    );
    return x86.run(entry, [block, BigInt(MEMORY)], { gate });
  });
  return { runs, memory: memory.read(block, MEMORY), regions: x86.regions };
}

describe('programs whose loops run as regions', () => {
  for (const { name } of benchPrograms())
    it(name, async () => {
      const alone = await outcome(name, Infinity);
      const hot = await outcome(name, 10_000);
      assert.deepEqual([hot.runs, hot.memory], [alone.runs, alone.memory]);
      assert.ok(hot.regions > 0);
      assert.equal(alone.regions, 0);
    });

  it('stay on the CPU loop where modules cannot be compiled at once', async () => {
    const alone = await outcome('fnv', Infinity);
    const { Instance } = WebAssembly;
    const core = await Core.load(wasm);
    const limited = function () {
      throw new RangeError('WebAssembly.Instance(): size limit of the main thread');
    };
    Object.assign(WebAssembly, { Instance: limited });
    try {
      const refused = await outcome('fnv', 10_000, core);
      assert.deepEqual([refused.runs, refused.regions], [alone.runs, 0]);
    } finally {
      Object.assign(WebAssembly, { Instance });
    }
  });
});

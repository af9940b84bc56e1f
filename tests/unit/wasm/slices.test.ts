import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WasmEngine } from '../../../host/runtime/wasm-engine.js';
import { code, insn, interpMachine, knobs } from '../../support/interp.js';

const gate = (): bigint => 0n;
/** Two loops, one in the other, with the frame in use and a function that loops. */
const insns = code(
  insn(0xb7, 0),
  insn(0xb7, 6, 0, 0, 20),
  insn(0xb7, 7, 0, 0, 30),
  insn(0x0f, 0, 7),
  insn(0x7b, 10, 0, -8),
  insn(0x79, 3, 10, -8),
  insn(0x0f, 0, 3),
  insn(0x17, 7, 0, 0, 1),
  insn(0x55, 7, 0, -6, 0),
  insn(0xbf, 1, 0),
  insn(0x85, 0, 1, 0, 3),
  insn(0x17, 6, 0, 0, 1),
  insn(0x55, 6, 0, -11, 0),
  insn(0x95),
  insn(0xb7, 2, 0, 0, 9),
  insn(0x07, 1, 0, 0, 5),
  insn(0x17, 2, 0, 0, 1),
  insn(0x55, 2, 0, -3, 0),
  insn(0xbf, 0, 1),
  insn(0x95),
);

describe('slices of one run', () => {
  for (const slice of [undefined, 1n, 7n, 50n, 1000n])
    it(`of ${slice ?? 'millions of'} steps: same result, same steps, exact budget`, async () => {
      const { core, memory, engine } = await interpMachine();
      const want = engine.run(engine.loadRaw(insns), [], { gate });
      const wasm = new WasmEngine(core, memory, knobs('6.12'), { slice });
      const program = wasm.loadRaw(insns);
      for (const maxSteps of [undefined, want.steps]) {
        const { r0, steps } = wasm.run(program, [], { gate, maxSteps });
        assert.deepEqual([r0, steps], [want.r0, want.steps]);
      }
      assert.throws(() => wasm.run(program, [], { gate, maxSteps: want.steps - 1n }), {
        code: 'LIMIT_STEPS',
      });
      const endless = wasm.loadRaw(code(insn(0x05, 0, 0, -1), insn(0x95)));
      assert.throws(() => wasm.run(endless, [], { gate, maxSteps: 10_000n }), { code: 'LIMIT_STEPS' });
    });
});

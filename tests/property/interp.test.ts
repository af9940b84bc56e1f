import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ModelMemory, modelRun } from '../support/bpf-model.js';
import { code, insn, interpMachine } from '../support/interp.js';
import { BLOCK, CONSTANTS, type ProgramShape, randomProgram } from '../support/random-program.js';
import { Random, testSeed } from '../support/random.js';

const PROGRAMS = 2500;
const SHAPE: ProgramShape = {
  longest: 60,
  writable: [0, 1, 2, 3, 4, 5, 6, 7, 8],
  v4: true,
  fetch: true,
  unverified: true,
};
const gate = (): never => assert.fail('no helper is called');

it(`${PROGRAMS} random programs give the registers and memory of the model`, async () => {
  const seed = testSeed();
  const random = new Random(seed);
  const { memory, engine } = await interpMachine();
  const block = memory.alloc('direct', BLOCK);
  for (let n = 0; n < PROGRAMS; n++) {
    const insns = randomProgram(random, SHAPE);
    const start = Uint8Array.from({ length: BLOCK }, () => random.below(256));
    const args = [block, random.u64(), random.pick(CONSTANTS), random.u64(), 3n];
    const model = new ModelMemory();
    start.forEach((byte, at) => model.bytes.set(block + BigInt(at), byte));
    const registers = [0n, ...args, 0n, 0n, 0n, 0n, 0x10000n];
    modelRun(insns, registers, model);
    memory.write(block, start);
    const program = engine.loadRaw(insns);
    const run = engine.run(program, args, { gate });
    engine.unload(program);
    const want = start.map((_, at) => model.bytes.get(block + BigInt(at)) ?? 0);
    const note = `program ${n} of seed ${seed}: ${Buffer.from(insns).toString('hex')}`;
    assert.equal(run.oops, null, note);
    assert.deepEqual(memory.read(block, BLOCK), want, note);
    assert.equal(run.r0, registers[0], note);
  }
});

it('a probe load is a fault-tolerant read: the bytes, or zero and on', async () => {
  const seed = testSeed();
  const random = new Random(seed);
  const PAGE = 4096;
  for (const version of ['5.5', '6.12'] as const) {
    const { memory, engine } = await interpMachine(version);
    const region = memory.alloc('vmalloc', 8 * PAGE);
    memory.write(
      region,
      Uint8Array.from({ length: 8 * PAGE }, () => random.below(256)),
    );
    for (const page of [1, 4, 5]) memory.unmap(region + BigInt(page * PAGE), PAGE);
    const forms = [0x31, 0x29, 0x21, 0x39].flatMap((opcode, log) =>
      [0, 40, -40].map((off) => ({
        off,
        size: [1, 2, 4, 8][log] as 1 | 2 | 4 | 8,
        program: engine.load({
          insns: code(insn(0xb7, 6, 0, 0, -1), insn(opcode, 6, 1, off), insn(0xbf, 0, 6), insn(0x95)),
          functions: [{ start: 0, stackDepth: 0 }],
          arena: null,
        }),
      })),
    );
    let repaired = 0;
    for (let n = 0; n < 6000; n++) {
      const { off, size, program } = random.pick(forms);
      const edge = BigInt(random.below(9) * PAGE + random.below(24) - 12);
      const address = random.below(8) === 0 ? random.u64() : region + edge;
      const base = BigInt.asUintN(64, address - BigInt(off));
      const readable = memory.isMapped(address, size);
      const run = engine.run(program, [base], { gate });
      const note = `${version}: ${size} bytes at 0x${address.toString(16)}, seed ${seed}`;
      assert.equal(run.oops, null, note);
      assert.equal(run.r0, readable ? memory.readUint(address, size) : 0n, note);
      assert.equal(run.faults.length, readable ? 0 : 1, note);
      assert.equal(run.steps, 4n, 'the program goes on after the load');
      repaired += run.faults.length;
    }
    assert.ok(repaired > 1000);
  }
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ModelMemory, modelRun } from '../support/bpf-model.js';
import { code, insn, interpMachine, ldImm64 } from '../support/interp.js';
import { Random, testSeed } from '../support/random.js';

const PROGRAMS = 2500;
const LONGEST = 60;
const BLOCK = 256;
/** R9 points to the block and is never written; R10 is only a base. */
const DATA = 64;
const gate = (): never => assert.fail('no helper is called');

const ALU = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0];
const JUMPS = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
const ATOMICS = [0x00, 0x40, 0x50, 0xa0, 0x01, 0x41, 0x51, 0xa1, 0xe1, 0xf1];
const CONSTANTS = [0n, 1n, 0x80n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 1n << 63n, (1n << 64n) - 1n];

function immediate(random: Random): number {
  const kind = random.below(4);
  if (kind === 0) return random.below(256) - 128;
  if (kind === 1) return random.pick([0, 1, -1, 0x7fffffff, -0x80000000]);
  return random.u32() | 0;
}

function memoryOperand(random: Random, size: number): { base: number; off: number } {
  return random.below(2) === 0
    ? { base: 9, off: random.below(DATA - size + 1) }
    : { base: 10, off: random.below(DATA - size + 1) - DATA };
}

/** One random instruction of one or two slots; `left` = slots that may be jumped over. */
function randomInsn(random: Random, left: number): Uint8Array {
  const dst = random.below(9);
  const src = random.below(10);
  const isX = random.below(2) * 8;
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const op = random.pick(ALU);
      const klass = random.pick([4, 7]);
      const off = (op === 0x30 || op === 0x90) && random.below(2) === 0 ? 1 : 0;
      return insn(op | klass | isX, dst, isX ? src : 0, off, isX ? 0 : immediate(random));
    }
    case 4: {
      const which = random.below(4);
      if (which === 0) return insn(random.pick([0x84, 0x87]), dst);
      if (which === 1) return insn(random.pick([0xd4, 0xdc, 0xd7]), dst, 0, 0, random.pick([16, 32, 64]));
      if (which === 2) return insn(0xbf, dst, src, random.pick([8, 16, 32]));
      return insn(0xbc, dst, src, random.pick([8, 16]));
    }
    case 5:
      return ldImm64(dst, random.below(2) ? random.pick(CONSTANTS) : random.u64());
    case 6: {
      const [opcode, size] = random.pick([
        [0x71, 1],
        [0x69, 2],
        [0x61, 4],
        [0x79, 8],
        [0x91, 1],
        [0x89, 2],
        [0x81, 4],
      ]);
      const { base, off } = memoryOperand(random, size);
      return insn(opcode, dst, base, off);
    }
    case 7: {
      const log = random.below(4);
      const { base, off } = memoryOperand(random, 1 << log);
      return isX
        ? insn([0x73, 0x6b, 0x63, 0x7b][log], base, src, off)
        : insn([0x72, 0x6a, 0x62, 0x7a][log], base, 0, off, immediate(random));
    }
    case 8: {
      const wide = random.below(2);
      const { base, off } = memoryOperand(random, wide ? 8 : 4);
      const imm = random.pick(ATOMICS);
      return insn(wide ? 0xdb : 0xc3, base, (imm & 1) === 1 && imm !== 0xf1 ? dst : src, off, imm);
    }
    default: {
      const klass = random.pick([5, 6]);
      const off = random.below(Math.min(left, 6) + 1);
      return insn(random.pick(JUMPS) | klass | isX, dst, isX ? src : 0, off, isX ? 0 : immediate(random));
    }
  }
}

/** A random program that ends: jumps only go forwards, and never into the middle of an ld_imm64. */
function randomProgram(random: Random): Uint8Array {
  const body: Uint8Array[] = [];
  const count = 1 + random.below(LONGEST);
  for (let i = 0; i < count; i++) body.push(randomInsn(random, count - 1 - i));
  // Turn distances counted in instructions into slots.
  const slots = body.map((part) => part.length / 8);
  body.forEach((part, i) => {
    const klass = part[0] & 7;
    if (klass !== 5 && klass !== 6) return;
    const view = new DataView(part.buffer);
    const over = slots.slice(i + 1, i + 1 + view.getInt16(2, true));
    view.setInt16(
      2,
      over.reduce((sum, each) => sum + each, 0),
      true,
    );
  });
  const clear = Array.from({ length: DATA / 8 }, (_, i) => insn(0x7a, 10, 0, -8 * (i + 1), i * 0x01010101));
  const dump = Array.from({ length: 9 }, (_, i) => insn(0x7b, 9, i, DATA + 8 * i));
  const keep = Array.from({ length: DATA / 8 }, (_, i) => [
    insn(0x79, 0, 10, -8 * (i + 1)),
    insn(0x7b, 9, 0, DATA + 72 + 8 * i),
  ]).flat();
  return code(insn(0xbf, 9, 1), ...clear, ...body, ...dump, ...keep, insn(0x95));
}

it(`${PROGRAMS} random programs give the registers and memory of the model`, async () => {
  const seed = testSeed();
  const random = new Random(seed);
  const { memory, engine } = await interpMachine();
  const block = memory.alloc('direct', BLOCK);
  for (let n = 0; n < PROGRAMS; n++) {
    const insns = randomProgram(random);
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

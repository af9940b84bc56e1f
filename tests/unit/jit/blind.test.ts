import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blind } from '../../../host/jit/blind.js';
import { compile } from '../../../host/jit/compile.js';
import type { RandomSource } from '../../../host/jit/random.js';
import { profile } from '../../../host/profiles/profiles.js';
import { FakeImages, fromHex, jitInput, loadCore, toHex } from '../../support/jit.js';

const KEY = 0x11111111;
const random: RandomSource = { u32: () => KEY };
const EXIT = '9500000000000000';

/** mov AX, KEY ^ imm; xor AX, KEY, of class ALU64 (b7, a7) or ALU (b4, a4). */
const hide64 = (value: string): string => `b70b0000${value}` + 'a70b000011111111';
const hide32 = (value: string): string => `b40b0000${value}` + 'a40b000011111111';

const cases: readonly (readonly [string, string, string])[] = [
  ['mov 0 becomes xor', 'b701000000000000', 'af11000000000000'],
  ['32-bit mov 0 becomes the 64-bit xor', 'b401000000000000', 'af11000000000000'],
  ['mov', 'b701000005000000', hide64('14111111') + 'bfb1000000000000'],
  ['32-bit add', '0402000005000000', hide32('14111111') + '0cb2000000000000'],
  ['signed division keeps its offset', '3701010005000000', hide64('14111111') + '3fb1010000000000'],
  ['shift stays', '6701000005000000', '6701000005000000'],
  ['negation stays', '8701000000000000', '8701000000000000'],
  ['byte swap stays', 'dc01000010000000', 'dc01000010000000'],
  ['register form stays', '0f21000000000000', '0f21000000000000'],
  ['AX as destination stays', 'b70b000005000000', 'b70b000005000000'],
  ['call stays', '8500000005000000', '8500000005000000'],
  ['store of a constant', '7a0af8ff05000000', hide64('14111111') + '7bbaf8ff00000000'],
  ['byte store', '720affff05000000', hide64('14111111') + '73baffff00000000'],
  ['arena store keeps its mode', 'ba01080005000000', hide64('14111111') + 'bbb1080000000000'],
  [
    'ld_imm64: upper half first',
    '18010000050000000000000007000000',
    hide64('16111111') + '670b000020000000' + 'bfb1000000000000' + hide32('14111111') + '4fb1000000000000',
  ],
  ['address of a function stays', '18410000050000000000000000000000', '18410000050000000000000000000000'],
];

describe('blinding replaces immediates', () => {
  for (const [title, insn, want] of cases) {
    it(title, () => assert.equal(toHex(blind(fromHex(insn + EXIT), random).insns), want + EXIT));
  }
});

describe('blinding keeps branches', () => {
  it('forward over what grew, and the branch itself grows in front', () => {
    // if r1 == 5 goto +1; r0 = 5; exit
    const { insns, origin } = blind(fromHex('1501010005000000' + 'b700000005000000' + EXIT), random);
    assert.equal(
      toHex(insns),
      hide64('14111111') + '1db1030000000000' + hide64('14111111') + 'bfb0000000000000' + EXIT,
    );
    assert.deepEqual([...origin], [0, 0, 0, 1, 1, 1, 2]);
  });

  it('backward, to the start of the hidden compare', () => {
    // r1 += r1; if w1 < 5 goto -2; exit
    const { insns } = blind(fromHex('0f11000000000000' + 'a601feff05000000' + EXIT), random);
    assert.equal(toHex(insns), '0f11000000000000' + hide32('14111111') + 'aeb1fcff00000000' + EXIT);
  });

  it('long jumps', () => {
    const { insns } = blind(fromHex('0600000001000000' + 'b700000005000000' + EXIT), random);
    assert.equal(toHex(insns.subarray(0, 8)), '0600000003000000');
  });

  it('one that no longer reaches is an error', () => {
    const far = '0500ff7f00000000' + 'b700000005000000'.repeat(0x7fff) + EXIT;
    assert.throws(() => blind(fromHex(far), random), { code: 'JIT_BLIND', place: { insn: 0 } });
  });
});

describe('a blinded image', () => {
  // r0 = 5; r1 = *(u64 *)(r1 + 344) (probe); if r1 == 5 goto +1; r0 = 6; exit
  const program = fromHex(
    'b700000005000000' + '3911580100000000' + '1501010005000000' + 'b700000006000000' + EXIT,
  );

  it('is described in the slots that were given', async () => {
    const core = await loadCore();
    const { jit } = profile('linux-6.12');
    const [plain] = compile(core, jit, [jitInput(program)], new FakeImages([0xffffffffc0001008n]));
    const images = new FakeImages([0xffffffffc0001008n]);
    const [hidden] = compile(core, jit, [jitInput(program)], images, random);
    assert.equal(hidden.offsets.length, plain.offsets.length);
    assert.ok(hidden.code.length > plain.code.length);
    assert.deepEqual(
      hidden.entries.map(({ insn }) => insn),
      [1],
    );
    const [{ ipOffset, length }] = hidden.entries;
    assert.equal(ipOffset + length, hidden.offsets[2]);
    assert.equal(hidden.offsets[5], hidden.code.length);
  });

  it('is refused at the slot that was given', async () => {
    const core = await loadCore();
    const bad = fromHex('b700000005000000' + '0000000000000000' + EXIT);
    const images = new FakeImages([0xffffffffc0001008n]);
    assert.throws(() => compile(core, profile('linux-6.12').jit, [jitInput(bad)], images, random), {
      code: 'JIT_UNKNOWN_OPCODE',
      place: { insn: 1 },
    });
  });
});

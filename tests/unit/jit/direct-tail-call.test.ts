import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Decoder, DecoderOptions, Mnemonic } from 'iced-x86';
import type { Core } from '../../../host/core/core.js';
import { compile } from '../../../host/jit/compile.js';
import { directTailCallPatches, landingOffset } from '../../../host/jit/direct-tail-call.js';
import type { JitImage } from '../../../host/jit/jit-image.js';
import { profile } from '../../../host/profiles/profiles.js';
import { FakeImages, fromHex, jitInput, loadCore, toHex } from '../../support/jit.js';

const IMAGE = 0xffffffffc0001008n;
const DESTINATION = 0xffffffffc0200ab4n;
const PROGRAM = fromHex('f5000000010000009500000000000000');

let core: Core;

before(async () => {
  core = await loadCore();
});

function patched(image: JitImage, destination: bigint | null, kernel: string): Uint8Array {
  const code = image.code.slice();
  for (const { address, bytes } of directTailCallPatches(
    image,
    image.directSites[0],
    destination,
    profile(kernel).jit,
  ))
    code.set(bytes, Number(address - image.address));
  return code;
}

/** Target of the jump at `offset`, or null when a nop stands there. */
function jumpAt(code: Uint8Array, offset: number): bigint | null {
  const decoder = new Decoder(64, code.subarray(offset), DecoderOptions.None);
  decoder.ip = IMAGE + BigInt(offset);
  const insn = decoder.decode();
  const target = insn.mnemonic === Mnemonic.Jmp ? insn.nearBranchTarget : null;
  assert.equal(insn.length, 5);
  if (target === null) assert.equal(insn.mnemonic, Mnemonic.Nop);
  insn.free();
  decoder.free();
  return target;
}

for (const kernel of ['linux-6.12', 'linux-6.1']) {
  describe(`direct tail calls, ${kernel}`, () => {
    const compiled = (): JitImage =>
      compile(
        core,
        profile(kernel).jit,
        [jitInput(PROGRAM, { tailCallReachable: true })],
        new FakeImages([IMAGE]),
      )[0];

    it('as compiled, the bypass jumps over an empty target site', () => {
      const image = compiled();
      const [{ bypass, target, insn }] = image.directSites;
      assert.equal(insn, 0);
      assert.equal(jumpAt(image.code, bypass), IMAGE + BigInt(target + 5));
      assert.equal(jumpAt(image.code, target), null);
      assert.equal(target + 5, image.offsets[1]);
    });

    it('with a program in the slot, control goes to its landing point', () => {
      const image = compiled();
      const [{ bypass, target }] = image.directSites;
      const code = patched(image, DESTINATION, kernel);
      assert.equal(jumpAt(code, bypass), null);
      assert.equal(jumpAt(code, target), DESTINATION + BigInt(landingOffset(profile(kernel).jit)));
    });

    it('with the slot cleared, the code is as compiled', () => {
      const image = compiled();
      assert.deepEqual(patched(image, null, kernel), image.code);
    });

    it('the target is written first when it comes and last when it goes', () => {
      const image = compiled();
      const site = image.directSites[0];
      const order = (destination: bigint | null): number[] =>
        directTailCallPatches(image, site, destination, profile(kernel).jit).map(({ address }) =>
          Number(address - IMAGE),
        );
      assert.deepEqual(order(DESTINATION), [site.target, site.bypass]);
      assert.deepEqual(order(null), [site.bypass, site.target]);
    });

    it('the landing point is where the frame is set up and the stack is not', () => {
      const { code, offsets } = compiled();
      const landing = landingOffset(profile(kernel).jit);
      assert.equal(toHex(code.subarray(landing - 4, landing)), '554889e5');
      assert.ok(landing < offsets[0]);
    });
  });
}

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { BPF_MAXINSNS } from '../../../assembly/isa.js';
import type { Core } from '../../../host/core/core.js';
import { compile } from '../../../host/jit/compile.js';
import { profile } from '../../../host/profiles/profiles.js';
import { FakeImages, jitInput, loadCore } from '../../support/jit.js';

let core: Core;

before(async () => {
  core = await loadCore();
});

/** `count` instructions: w1 = 7 (5 bytes), each fourth a branch over the next one (3 + 2 bytes), exit. */
function program(count: number): Uint8Array {
  const insns = new Uint8Array(count * 8);
  const view = new DataView(insns.buffer);
  for (let slot = 0; slot < count - 1; slot++) {
    view.setUint16(slot * 8, slot % 4 === 3 ? 0x211d : 0x01b4, true);
    if (slot % 4 === 3) view.setInt16(slot * 8 + 2, slot < count - 2 ? 1 : 0, true);
    else view.setInt32(slot * 8 + 4, 7, true);
  }
  insns[(count - 1) * 8] = 0x95;
  return insns;
}

describe('programs of the largest size', () => {
  it('compile in the passes that small ones take, every offset right', () => {
    const images = new FakeImages([0xffffffffc0000008n]);
    const insns = program(BPF_MAXINSNS);
    const [image] = compile(core, profile('linux-6.12').jit, [jitInput(insns)], images);
    assert.equal(image.passes, 3);
    const prologue = image.offsets[0];
    for (let slot = 0; slot < BPF_MAXINSNS; slot++) assert.equal(image.offsets[slot], prologue + slot * 5);
  });

  it('need at most 64 bytes of the core for each instruction, and leave none', () => {
    const before = core.exports.heapInUse();
    const size = 100_000;
    const insns = program(size);
    let peak = 0n;
    const images = new FakeImages([0xffffffffc0000008n]);
    const allocate = images.allocate.bind(images);
    images.allocate = (length, index) => {
      peak = core.exports.heapInUse();
      return allocate(length, index);
    };
    compile(core, profile('linux-6.12').jit, [jitInput(insns)], images);
    assert.ok(Number(peak - before) <= 64 * size, `${Number(peak - before) / size} bytes an instruction`);
    assert.equal(core.exports.heapInUse(), before);
  });
});

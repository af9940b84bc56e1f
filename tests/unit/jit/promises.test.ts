import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { EXTABLE_ENTRY_SIZE } from '../../../assembly/layout/extable.js';
import { JIT_EX_GEN_BUG } from '../../../assembly/layout/jit.js';
import type { Core } from '../../../host/core/core.js';
import { compile } from '../../../host/jit/compile.js';
import { CoreJit } from '../../../host/core/jit.js';
import { pagePlace } from '../../../host/jit/image-place.js';
import type { JitImage } from '../../../host/jit/jit-image.js';
import { jitParameters } from '../../../host/jit/parameters.js';
import { seededRandom } from '../../../host/jit/random.js';
import { profile } from '../../../host/profiles/profiles.js';
import { FakeImages, fromHex, jitInput, loadCore } from '../../support/jit.js';

// What the JIT side of "bpf, x86: implement jitting of PROBE_MEM" (Linux 5.5) promises, on each profile.

const KERNELS = ['linux-5.5', 'linux-6.1', 'linux-6.12'];
const IMAGE = 0xffffffffc0001008n;

// r1 = *(u64 *)(r1 + 344); r2 = *(u32 *)(r1 + 8); r3 = *(u8 *)(r10 - 1); r0 = *(u16 *)(r2 + 0); exit
const PROGRAM =
  '3911580100000000' + '2112080000000000' + '73a3ffff00000000' + '2920000000000000' + '9500000000000000';
const PROBE_SLOTS = [0, 1, 3];
const PROBE_REGISTERS = [7, 6, 0];

let core: Core;

before(async () => {
  core = await loadCore();
});

function image(kernel: string, insns = PROGRAM): JitImage {
  return compile(core, profile(kernel).jit, [jitInput(fromHex(insns))], new FakeImages([IMAGE]))[0];
}

for (const kernel of KERNELS) {
  describe(`${kernel} keeps the promises of the 2019 patch`, () => {
    it('there is one table entry for each probing load, in program order, and none for plain ones', () => {
      const { entries, extable } = image(kernel);
      assert.deepEqual(
        entries.map(({ insn }) => insn),
        PROBE_SLOTS,
      );
      assert.equal(extable.length, PROBE_SLOTS.length * EXTABLE_ENTRY_SIZE);
    });

    it('the table lies in the image, behind the code, 4-byte aligned', () => {
      const { code, extableOffset } = image(kernel);
      assert.equal(extableOffset % 4, 0);
      assert.ok(extableOffset >= code.length && extableOffset < code.length + 4);
    });

    it('an entry names its instruction relative to its own address', () => {
      const { entries, extable, extableOffset } = image(kernel);
      const view = new DataView(extable.buffer, extable.byteOffset);
      for (const [k, { ipOffset }] of entries.entries()) {
        const field = k * EXTABLE_ENTRY_SIZE;
        assert.equal(extableOffset + field + view.getInt32(field, true), ipOffset);
      }
    });

    it('code and table may move together: only the distance to a handler changes', () => {
      const moved = compile(
        core,
        profile(kernel).jit,
        [jitInput(fromHex(PROGRAM))],
        new FakeImages([IMAGE + 0x123450n]),
      )[0];
      const fields = kernel === 'linux-5.5' ? 8 : EXTABLE_ENTRY_SIZE;
      const relative = (table: Uint8Array): Uint8Array =>
        table.filter((_, i) => i % EXTABLE_ENTRY_SIZE < fields);
      assert.deepEqual(relative(moved.extable), relative(image(kernel).extable));
    });

    it('an entry says how many bytes to skip and which register to zero', () => {
      const { entries, offsets } = image(kernel);
      assert.deepEqual(
        entries.map(({ register }) => register),
        PROBE_REGISTERS,
      );
      // The load is the last x86 instruction of its slot.
      for (const { insn, ipOffset, length } of entries) assert.equal(ipOffset + length, offsets[insn + 1]);
    });

    it('room for the table is asked for once the code has its length; only the last pass looks at it', () => {
      const input = jitInput(fromHex(PROGRAM), { numExentries: 0 });
      const job = new CoreJit(core, jitParameters(profile(kernel).jit, input));
      try {
        assert.equal(job.size(), null);
        const images = new FakeImages([IMAGE]);
        compile(core, profile(kernel).jit, [jitInput(fromHex(PROGRAM))], images);
        const table = Math.ceil(job.codeLength / 4) * 4;
        assert.deepEqual(images.lengths, [table + PROBE_SLOTS.length * EXTABLE_ENTRY_SIZE]);
        assert.equal(job.image(IMAGE)?.status, JIT_EX_GEN_BUG);
      } finally {
        job.release();
      }
    });

    it('a handler or type follows in each entry', () => {
      const { entries, extableOffset, address } = image(kernel);
      const handler = profile(kernel).jit.extableHandler;
      for (const [k, { data }] of entries.entries()) {
        const field = address + BigInt(extableOffset + k * EXTABLE_ENTRY_SIZE + 8);
        if (handler === undefined) assert.equal(data, 7);
        else assert.equal(field + BigInt(data), handler);
      }
    });
  });
}

describe('the allocator keeps the alignment that is asked for', () => {
  for (const align of [4, 16]) {
    it(`the offset of an image behind its header is a multiple of ${align}`, () => {
      const random = seededRandom(align);
      const seen = new Set<number>();
      for (let i = 0; i < 1000; i++) seen.add(pagePlace(80 + i, 4, align, random).imageOffset - 4);
      for (const offset of seen) assert.equal(offset % align, 0);
      assert.ok(seen.size > 3900 / 16 / 2, 'offsets vary');
    });
  }
});

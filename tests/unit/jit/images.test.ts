import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Core } from '../../../host/core/core.js';
import { compile } from '../../../host/jit/compile.js';
import { FixedImages } from '../../../host/jit/fixed-images.js';
import { imagesOf } from '../../../host/jit/images.js';
import { PackImages } from '../../../host/jit/pack-images.js';
import { PageImages } from '../../../host/jit/page-images.js';
import { seededRandom } from '../../../host/jit/random.js';
import type { ImageSource } from '../../../host/jit/image-source.js';
import type { JitImage } from '../../../host/jit/jit-image.js';
import { GuestMemory, RIGHT_R, RIGHT_W, RIGHT_X } from '../../../host/mm/guest-memory.js';
import { profile } from '../../../host/profiles/profiles.js';
import { fromHex, jitInput, loadCore } from '../../support/jit.js';

const PROGRAM = fromHex('39115801000000009500000000000000');
const PACK = 2 << 20;

let core: Core;
let memory: GuestMemory;

before(async () => {
  core = await loadCore();
  memory = new GuestMemory(core, { direct: 4096, vmalloc: 4096, user: 4096, text: 4096, modules: 8 << 20 });
});

function load(images: ImageSource, functions = 1): JitImage[] {
  const inputs = Array.from({ length: functions }, () => jitInput(PROGRAM));
  const placed = compile(core, profile('linux-6.12').jit, inputs, images);
  for (const image of placed) images.finalize(image);
  return placed;
}

/** What guest memory holds of an image, checked byte for byte. */
function assertWritten(image: JitImage, header: number): void {
  const bytes = memory.read(image.region.address, image.region.size);
  assert.equal(new DataView(bytes.buffer).getUint32(0, true), header);
  const start = Number(image.address - image.region.address);
  assert.deepEqual(bytes.subarray(start, start + image.code.length), image.code);
  const table = start + image.extableOffset;
  assert.deepEqual(bytes.subarray(table, table + image.extable.length), image.extable);
  const hole = [...bytes.subarray(8, start), ...bytes.subarray(start + image.code.length, table)];
  const rest = [...bytes.subarray(table + image.extable.length)];
  assert.ok([...hole, ...rest].every((byte) => byte === 0xcc));
}

describe('PackImages', () => {
  it('puts programs into one pack, first fit, readable and executable', () => {
    const images = new PackImages(memory, { random: seededRandom(1) });
    const placed = Array.from({ length: 10 }, () => load(images)[0]);
    const base = placed[0].region.address;
    assert.equal(base % BigInt(PACK), 0n);
    let next = base;
    for (const image of placed) {
      assert.equal(image.region.address, next);
      assertWritten(image, image.region.size);
      assert.equal(memory.rights(image.address), RIGHT_R | RIGHT_X);
      next += BigInt(image.region.size);
    }
    assert.equal(images.packs, 1);
    for (const image of placed) images.free(image);
    assert.equal(images.packs, 0);
    assert.equal(memory.rights(base), 0);
  });

  it('overwrites a freed image with int3 and gives its place to the next one', () => {
    const images = new PackImages(memory, { random: seededRandom(2) });
    const [first, second] = load(images, 2);
    images.free(first);
    const left = memory.read(first.region.address, first.region.size);
    assert.ok(left.every((byte) => byte === 0xcc));
    const [third] = load(images);
    assert.equal(third.region.address, first.region.address);
    images.free(second);
    images.free(third);
  });
});

describe('PageImages', () => {
  it('gives each program pages of its own, executable once finalized; the header counts pages', () => {
    const images = new PageImages(memory, { random: seededRandom(3) });
    const inputs = [jitInput(PROGRAM)];
    const [image] = compile(core, profile('linux-5.5').jit, inputs, images);
    assert.equal(memory.rights(image.address), RIGHT_R | RIGHT_W);
    images.finalize(image);
    assert.equal(memory.rights(image.address), RIGHT_R | RIGHT_X);
    assert.equal(image.region.size, 4096);
    assert.equal(image.region.address % 4096n, 0n);
    assertWritten(image, 1);
    images.free(image);
    assert.equal(memory.rights(image.address), 0);
  });
});

describe('FixedImages', () => {
  const at = 0xffffffffc0600a98n;

  it('puts an image where it is told, others elsewhere', () => {
    const others = new PackImages(memory, { random: seededRandom(4) });
    const images = new FixedImages(memory, [at, undefined], others);
    const [fixed, other] = load(images, 2);
    assert.equal(fixed.address, at);
    assert.equal(fixed.entry, at);
    assertWritten(fixed, fixed.region.size);
    assert.equal(memory.rights(at), RIGHT_R | RIGHT_X);
    assert.ok(others.charge.used === other.region.size);
    images.free(fixed);
    images.free(other);
    assert.equal(memory.rights(at), 0);
  });

  it('shares pages between its images', () => {
    const images = new FixedImages(memory, [at, at + 0x100n], new PackImages(memory));
    const [first, second] = load(images, 2);
    images.free(first);
    assertWritten(second, second.region.size);
    images.free(second);
  });

  it('refuses a page that belongs to somebody else', () => {
    const packs = new PackImages(memory);
    const [image] = load(packs);
    const images = new FixedImages(memory, [image.address], packs);
    assert.throws(() => load(images), { code: 'JIT_PLACEMENT' });
    packs.free(image);
  });
});

describe('imagesOf', () => {
  it('is pages in 5.5 and packs later', () => {
    assert.ok(imagesOf('5.5', memory) instanceof PageImages);
    assert.ok(imagesOf('6.1', memory) instanceof PackImages);
    assert.ok(imagesOf('6.12', memory) instanceof PackImages);
  });
});

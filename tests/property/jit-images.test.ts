import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ImageCharge } from '../../host/jit/image-charge.js';
import type { ImageMemory } from '../../host/jit/image-memory.js';
import { CHUNK_SIZE, packPlace, pagePlace, PAGE_SIZE } from '../../host/jit/image-place.js';
import type { ImagePlacement } from '../../host/jit/image-source.js';
import { Pack } from '../../host/jit/pack.js';
import { PackImages } from '../../host/jit/pack-images.js';
import { PageImages } from '../../host/jit/page-images.js';
import type { RandomSource } from '../../host/jit/random.js';

const anyRandom = fc.nat(0xffffffff).map((value): RandomSource => ({ u32: () => value }));
const alignment = fc.constantFrom(1, 2, 4, 8, 16);

describe('place of an image in its allocation', () => {
  it('in a pack: whole chunks, aligned offset, room for the image, header found by masking', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), alignment, anyRandom, (length, align, random) => {
        const { size, imageOffset } = packPlace(length, align, random);
        assert.equal(size % CHUNK_SIZE, 0);
        assert.equal((imageOffset - 8) % align, 0);
        assert.ok(imageOffset >= 8 && imageOffset < CHUNK_SIZE);
        assert.ok(imageOffset + length <= size);
      }),
    );
  });

  it('in pages: whole pages, aligned offset, room for the image, header found by masking', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.constantFrom<4 | 8>(4, 8),
        alignment,
        anyRandom,
        (length, header, align, random) => {
          const { size, imageOffset } = pagePlace(length, header, align, random);
          assert.equal(size % PAGE_SIZE, 0);
          assert.ok(size >= length + header + 128 && size < length + header + 128 + PAGE_SIZE);
          assert.equal((imageOffset - header) % align, 0);
          assert.ok(imageOffset >= header && imageOffset < PAGE_SIZE);
          assert.ok(imageOffset + length <= size);
        },
      ),
    );
  });

  it('takes every place the hole allows', () => {
    const starts = Array.from({ length: 100 }, (_, i) => {
      const random = { u32: () => Math.floor((i / 100) * 2 ** 32) };
      return packPlace(80, 4, random).imageOffset - 8;
    });
    // 80 bytes of image: 128 of allocation, hole of min(128 - 88, 56) = 40.
    assert.deepEqual([...new Set(starts)], [0, 4, 8, 12, 16, 20, 24, 28, 32, 36]);
  });
});

/** First fit on a plain array: what Pack must do. */
function firstFit(taken: boolean[], length: number): number {
  for (let start = 0; start + length <= taken.length; start++) {
    if (taken.slice(start, start + length).every((used) => !used)) return start;
  }
  return -1;
}

describe('Pack', () => {
  it('is first fit over its chunks', () => {
    const step = fc.record({ take: fc.boolean(), length: fc.integer({ min: 1, max: 9 }), pick: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const chunks = 24;
        const pack = new Pack(chunks * CHUNK_SIZE);
        const model = new Array<boolean>(chunks).fill(false);
        const live: { start: number; length: number }[] = [];
        for (const { take, length, pick } of steps) {
          if (take || live.length === 0) {
            const want = firstFit(model, length);
            assert.equal(pack.take(length), want);
            if (want < 0) continue;
            model.fill(true, want, want + length);
            live.push({ start: want, length });
          } else {
            const [gone] = live.splice(pick % live.length, 1);
            pack.give(gone.start, gone.length);
            model.fill(false, gone.start, gone.start + gone.length);
          }
          assert.equal(pack.isEmpty, live.length === 0);
        }
      }),
    );
  });
});

/** Guest memory that only hands out addresses and remembers what is allocated. */
class FakeMemory implements ImageMemory {
  readonly live = new Map<bigint, number>();
  next = 0xffffffffc0000000n;

  alloc(_region: 'modules', size: number, align = 16): bigint {
    const unit = BigInt(align);
    const address = ((this.next + unit - 1n) / unit) * unit;
    this.next = address + BigInt(size);
    this.live.set(address, size);
    return address;
  }

  free(address: bigint): void {
    assert.ok(this.live.delete(address), 'freed what is not allocated');
  }

  map(): void {}
  unmap(): void {}
  protect(): void {}
  isMapped(): boolean {
    return true;
  }
  write(): void {}
}

describe('image sources', () => {
  const steps = fc.array(
    fc.record({ take: fc.boolean(), length: fc.integer({ min: 1, max: 3_000_000 }), pick: fc.nat() }),
    { maxLength: 40 },
  );

  for (const Images of [PackImages, PageImages]) {
    it(`${Images.name}: live images never overlap, all is given back, the charge is their sizes`, () => {
      fc.assert(
        fc.property(steps, anyRandom, (all, random) => {
          const memory = new FakeMemory();
          const images = new Images(memory, { random });
          const live: ImagePlacement[] = [];
          for (const { take, length, pick } of all) {
            if (take || live.length === 0) {
              const got = images.allocate(length % 5 === 0 ? length : length % 4000);
              assert.ok(got);
              const overlapping = live.filter(
                ({ region }) =>
                  region.address < got.region.address + BigInt(got.region.size) &&
                  got.region.address < region.address + BigInt(region.size),
              );
              assert.deepEqual(overlapping, []);
              live.push(got);
            } else images.release(live.splice(pick % live.length, 1)[0]);
            assert.equal(
              images.charge.used,
              live.reduce((sum, { region }) => sum + region.size, 0),
            );
          }
          for (const each of live) images.release(each);
          assert.equal(memory.live.size, 0);
          assert.equal(images.charge.used, 0);
        }),
        { numRuns: 50 },
      );
    });
  }

  it('refuses at the limit, but not the capable', () => {
    const limited = new PackImages(new FakeMemory(), { charge: new ImageCharge(256, false) });
    assert.ok(limited.allocate(100));
    assert.ok(limited.allocate(100));
    assert.equal(limited.allocate(100), null);
    assert.equal(limited.charge.used, 256);
    const capable = new PackImages(new FakeMemory(), { charge: new ImageCharge(256, true) });
    for (let i = 0; i < 3; i++) assert.ok(capable.allocate(100));
  });
});

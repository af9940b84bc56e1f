import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { GuestMemory, PAGE_SIZE, RIGHT_R, RIGHT_W, RIGHT_X } from '../../../host/mm/guest-memory.js';
import { loadCore } from '../../support/jit.js';

const KIB = 1024;
const PAGE = BigInt(PAGE_SIZE);
const SMALL = { user: 64 * KIB, direct: 64 * KIB, vmalloc: 64 * KIB, text: 64 * KIB, modules: 64 * KIB };

let memory: GuestMemory;
before(async () => {
  memory = new GuestMemory(await loadCore(), SMALL);
});

describe('regions', () => {
  const bases = {
    user: 0x7fff00000000n,
    direct: 0xffff888000000000n,
    vmalloc: 0xffffc90000000000n,
    text: 0xffffffff81000000n,
    modules: 0xffffffffc0000000n,
  } as const;
  for (const name of Object.keys(bases) as (keyof typeof bases)[])
    it(`${name} lies where Linux has it, contiguous in linear memory`, () => {
      const region = memory.region(name);
      assert.equal(region.base, bases[name]);
      assert.equal(region.size, SMALL[name]);
      const last = region.base + BigInt(region.size) - PAGE;
      memory.map(last, PAGE_SIZE, RIGHT_R);
      assert.equal(memory.linear(last, 1) - region.linear, region.size - PAGE_SIZE);
      memory.unmap(last, PAGE_SIZE);
    });

  it('says what it needs when linear memory is too small', async () => {
    const core = await loadCore();
    assert.throws(() => new GuestMemory(core, { direct: 3 * 2 ** 30, vmalloc: 3 * 2 ** 30 }), {
      code: 'LIMIT_MEMORY',
    });
  });
});

describe('allocations', () => {
  it('are zeroed, aligned and mapped read-write', () => {
    const first = memory.alloc('direct', 100, 64);
    assert.equal(first % 64n, 0n);
    memory.write(first, new Uint8Array(100).fill(0xff));
    memory.free(first);
    const second = memory.alloc('direct', 100, 64);
    assert.deepEqual(memory.read(second, 100), new Uint8Array(100));
    assert.equal(memory.rights(second), RIGHT_R | RIGHT_W);
    memory.free(second);
  });

  it('do not overlap', () => {
    const blocks = Array.from({ length: 200 }, (_, i) => ({ size: 1 + ((i * 37) % 120), at: 0n }));
    for (const block of blocks) block.at = memory.alloc('direct', block.size);
    for (const [i, { at, size }] of blocks.entries()) memory.write(at, new Uint8Array(size).fill(i));
    for (const [i, { at, size }] of blocks.entries())
      assert.deepEqual(memory.read(at, size), new Uint8Array(size).fill(i));
    for (const { at } of blocks) memory.free(at);
  });

  it('leave an unmapped page behind each block of vmalloc, and unmap it when freed', () => {
    const at = memory.alloc('vmalloc', 5000);
    assert.equal(memory.isMapped(at, 2 * PAGE_SIZE), true);
    assert.equal(memory.isMapped(at + 2n * PAGE, 1), false);
    const next = memory.alloc('vmalloc', 1);
    assert.equal(next - at, 3n * PAGE);
    memory.free(at);
    assert.equal(memory.isMapped(at, 1), false);
    memory.free(next);
  });

  it('go round pages that were mapped by hand', () => {
    const base = memory.region('text').base;
    memory.map(base + PAGE, PAGE_SIZE, RIGHT_R);
    const blocks = Array.from({ length: 3 }, () => memory.alloc('text', 3000));
    for (const at of blocks) assert.ok(at + 3000n <= base + PAGE || at >= base + 2n * PAGE, at.toString(16));
    for (const at of blocks) memory.free(at);
  });

  it('use a full region again when neighbours were freed', () => {
    const half = 30 * KIB;
    const blocks = Array.from({ length: 60 }, () => memory.alloc('user', KIB));
    assert.throws(() => memory.alloc('user', half), { code: 'LIMIT_MEMORY' });
    for (const at of blocks.slice(0, 40)) memory.free(at);
    const big = memory.alloc('user', half);
    for (const at of blocks.slice(40)) assert.ok(at >= big + BigInt(half) || at + 1024n <= big);
  });

  it('are given back once only', () => {
    const at = memory.alloc('direct', 8);
    assert.throws(() => memory.free(at + 1n), { code: 'MM_FREE' });
    memory.free(at);
    assert.throws(() => memory.free(at), { code: 'MM_FREE' });
    assert.throws(() => memory.free(0x1234n), { code: 'MM_FREE' });
  });
});

describe('pages', () => {
  const base = 0xffffffffc0000000n;

  it('are writable or executable, never both', () => {
    assert.throws(() => memory.map(base, PAGE_SIZE, RIGHT_W | RIGHT_X), { code: 'MM_RIGHTS' });
    memory.map(base, PAGE_SIZE, RIGHT_R | RIGHT_W);
    assert.throws(() => memory.protect(base, PAGE_SIZE, RIGHT_R | RIGHT_W | RIGHT_X), { code: 'MM_RIGHTS' });
    memory.protect(base, PAGE_SIZE, RIGHT_R | RIGHT_X);
    assert.equal(memory.rights(base), RIGHT_R | RIGHT_X);
  });

  it('keep their bytes when rights change', () => {
    memory.map(base, PAGE_SIZE, RIGHT_R | RIGHT_W);
    memory.writeUint(base + 8n, 4, 0xdeadbeefn);
    memory.protect(base, PAGE_SIZE, RIGHT_R | RIGHT_X);
    assert.equal(memory.readUint(base + 8n, 4), 0xdeadbeefn);
  });

  const refusals: readonly (readonly [string, () => void, string])[] = [
    ['an address inside a page', () => memory.map(base + 8n, PAGE_SIZE, RIGHT_R), 'MM_ALIGN'],
    ['half a page', () => memory.unmap(base, 100), 'MM_ALIGN'],
    ['nothing', () => memory.map(base, 0, RIGHT_R), 'MM_ALIGN'],
    ['an address in no region', () => memory.map(0xffffea0000000000n, PAGE_SIZE, RIGHT_R), 'MM_RANGE'],
    ['pages past the end of a region', () => memory.map(base, 128 * KIB, RIGHT_R), 'MM_RANGE'],
    ['rights of an unmapped page', () => memory.protect(base + 8n * PAGE, PAGE_SIZE, RIGHT_R), 'MM_UNMAPPED'],
  ];
  for (const [name, act, code] of refusals) it(`refuse ${name}`, () => assert.throws(act, { code }));
});

describe('access by the host', () => {
  it('reads and writes little-endian numbers of every size', () => {
    const at = memory.alloc('direct', 16);
    for (const size of [1, 2, 4, 8] as const) {
      const value = 0x8877665544332211n;
      memory.writeUint(at, size, value);
      assert.equal(memory.readUint(at, size), BigInt.asUintN(size * 8, value));
      memory.writeUint(at, size, -1n);
      assert.equal(memory.readUint(at, size), (1n << BigInt(size * 8)) - 1n);
    }
    memory.free(at);
  });

  it('ignores W and needs a mapping', () => {
    const page = 0xffffffffc0002000n;
    memory.map(page, PAGE_SIZE, RIGHT_R | RIGHT_X);
    memory.write(page, Uint8Array.of(1, 2, 3));
    assert.deepEqual(memory.read(page, 3), Uint8Array.of(1, 2, 3));
    memory.unmap(page, PAGE_SIZE);
    assert.throws(() => memory.read(page, 1), { code: 'MM_UNMAPPED' });
    assert.throws(() => memory.write(page, Uint8Array.of(1)), { code: 'MM_UNMAPPED' });
  });

  it('crosses pages and stops at a hole', () => {
    const at = 0xffffffffc0004000n;
    memory.map(at, 2 * PAGE_SIZE, RIGHT_R | RIGHT_W);
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i);
    memory.write(at + 100n, bytes);
    assert.deepEqual(memory.read(at + 100n, 5000), bytes);
    assert.throws(() => memory.read(at + 4000n, 5000), { code: 'MM_UNMAPPED' });
  });

  for (const address of [0n, 0x800000000000n, 0xffff7fffffffffffn, 0xffffffffffffffffn])
    it(`finds nothing at 0x${address.toString(16)}`, () => {
      assert.equal(memory.isMapped(address, 8), false);
      assert.throws(() => memory.readUint(address, 8), { code: 'MM_UNMAPPED' });
    });
});

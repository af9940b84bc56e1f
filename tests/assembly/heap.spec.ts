import { heapAlloc, heapFree, heapInUse, heapReserve } from '../../assembly/heap';

describe('heap', () => {
  it('gives 16-byte aligned blocks of at least the size asked for, none overlapping', () => {
    const sizes: usize[] = [1, 16, 17, 31, 32, 33, 63, 64, 65, 100, 4095, 4096, 4097, 70000, 1 << 20];
    const blocks: usize[] = [];
    for (let i = 0; i < sizes.length; i++) {
      const block = heapAlloc(sizes[i]);
      expect(block & 15).toBe(0);
      memory.fill(block, <u8>(i + 1), sizes[i]);
      blocks.push(block);
    }
    for (let i = 0; i < sizes.length; i++)
      for (let at: usize = 0; at < sizes[i]; at++) assert(load<u8>(blocks[i] + at) === <u8>(i + 1));
  });

  it('reuses a freed block and counts what is in use', () => {
    const before = heapInUse();
    const first = heapAlloc(1000);
    heapFree(first);
    expect(heapInUse()).toBe(before);
    expect(heapAlloc(1000)).toBe(first);
    heapFree(first);
  });

  it('reserves zeroed, aligned regions', () => {
    const region = heapReserve(0x30000, 0x10000);
    expect(region & 0xffff).toBe(0);
    for (let at: usize = 0; at < 0x30000; at += 8) assert(load<u64>(region + at) === 0);
  });

  it('answers 0 for a size no linear memory can hold', () => {
    expect(heapAlloc(0xffffffff)).toBe(0);
  });
});

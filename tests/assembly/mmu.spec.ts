/// <reference types="@as-pect/assembly/types/as-pect" />
import {
  PF_PRESENT,
  PF_WRITE,
  RIGHT_R,
  RIGHT_W,
  RIGHT_X,
  VECTOR_GP,
  VECTOR_PF,
} from '../../assembly/layout/mmu';
import {
  faultAddress,
  faultCode,
  faultVector,
  readAddress,
  tlbFlush,
  writeAddress,
} from '../../assembly/mm/tlb';
import { codeEpoch, isCanonical, markCode, pageEntry } from '../../assembly/mm/page-table';
import { mmuHostAddress, mmuMap, mmuRights, mmuUnmap } from '../../assembly/mmu';

const PAGE: u64 = 4096;
const LINEAR: usize = 0x200000;
const KERNEL: u64 = 0xffff888000000000;

function map(va: u64, page: u32, rights: u32): void {
  mmuMap(va, LINEAR + page * 4096, 1, rights);
}

describe('canonical addresses', () => {
  it('are those whose bits 47 to 63 are equal', () => {
    expect(isCanonical(0)).toBe(true);
    expect(isCanonical(0x00007fffffffffff)).toBe(true);
    expect(isCanonical(0x0000800000000000)).toBe(false);
    expect(isCanonical(0xffff7fffffffffff)).toBe(false);
    expect(isCanonical(0xffff800000000000)).toBe(true);
    expect(isCanonical(0xffffffffffffffff)).toBe(true);
  });
});

describe('page table', () => {
  it('keeps pages of every level of the tree apart', () => {
    const addresses: u64[] = [
      0x1000,
      0x200000,
      0x40000000,
      0x8000000000,
      0x00007ffffffff000,
      KERNEL,
      0xffffc90000000000,
      0xffffffff81000000,
      0xfffffffffffff000,
    ];
    for (let i = 0; i < addresses.length; i++) map(addresses[i], i + 1, RIGHT_R);
    for (let i = 0; i < addresses.length; i++)
      expect(pageEntry(addresses[i])).toBe((<u32>(LINEAR + (i + 1) * 4096)) | RIGHT_R);
    for (let i = 0; i < addresses.length; i++) mmuUnmap(addresses[i], 1);
    for (let i = 0; i < addresses.length; i++) expect(pageEntry(addresses[i])).toBe(0);
  });

  it('gives neighbours of a mapped page nothing', () => {
    map(KERNEL + PAGE, 1, RIGHT_R);
    expect(mmuRights(KERNEL)).toBe(0);
    expect(mmuRights(KERNEL + PAGE)).toBe(RIGHT_R);
    expect(mmuRights(KERNEL + 2 * PAGE)).toBe(0);
    mmuUnmap(KERNEL + PAGE, 1);
  });

  it('tells when a page that code was decoded from changes, and only then', () => {
    map(KERNEL, 1, RIGHT_R | RIGHT_X);
    const before = codeEpoch;
    map(KERNEL, 1, RIGHT_R | RIGHT_X);
    expect(codeEpoch).toBe(before);
    markCode(KERNEL + 5);
    expect(codeEpoch).toBe(before);
    mmuUnmap(KERNEL, 1);
    expect(codeEpoch).not.toBe(before);
  });
});

describe('translation', () => {
  it('hits and misses alike', () => {
    map(KERNEL, 3, RIGHT_R | RIGHT_W);
    for (let round = 0; round < 2; round++) {
      expect(readAddress(KERNEL + 0x123, 8)).toBe(LINEAR + 3 * 4096 + 0x123);
      expect(writeAddress(KERNEL + 0x123, 8)).toBe(LINEAR + 3 * 4096 + 0x123);
    }
    mmuUnmap(KERNEL, 1);
  });

  it('keeps read and write rights apart', () => {
    map(KERNEL, 3, RIGHT_R);
    expect(readAddress(KERNEL, 1)).not.toBe(0);
    expect(writeAddress(KERNEL + 9, 1)).toBe(0);
    expect(faultVector).toBe(VECTOR_PF);
    expect(faultAddress).toBe(KERNEL + 9);
    expect(faultCode).toBe(PF_PRESENT | PF_WRITE);
    mmuUnmap(KERNEL, 1);
  });

  it('reports an unmapped page without the present bit', () => {
    expect(readAddress(KERNEL + 77, 4)).toBe(0);
    expect(faultAddress).toBe(KERNEL + 77);
    expect(faultCode).toBe(0);
    expect(writeAddress(KERNEL + 77, 4)).toBe(0);
    expect(faultCode).toBe(PF_WRITE);
  });

  it('crosses into the next page when that is mapped', () => {
    map(KERNEL, 3, RIGHT_R | RIGHT_W);
    map(KERNEL + PAGE, 4, RIGHT_R | RIGHT_W);
    expect(readAddress(KERNEL + PAGE - 3, 8)).toBe(LINEAR + 4 * 4096 - 3);
    expect(writeAddress(KERNEL + PAGE - 1, 2)).toBe(LINEAR + 4 * 4096 - 1);
    mmuUnmap(KERNEL, 2);
  });

  it('faults at the second page with its first address', () => {
    map(KERNEL, 3, RIGHT_R);
    expect(readAddress(KERNEL + PAGE - 3, 4)).toBe(0);
    expect(faultAddress).toBe(KERNEL + PAGE);
    expect(readAddress(KERNEL + PAGE - 4, 4)).not.toBe(0);
    mmuUnmap(KERNEL, 1);
  });

  it('raises general protection for what is not canonical, at either end', () => {
    map(0x00007ffffffff000, 5, RIGHT_R);
    expect(readAddress(0x0000800000000000, 1)).toBe(0);
    expect(faultVector).toBe(VECTOR_GP);
    expect(readAddress(0x00007ffffffffffc, 8)).toBe(0);
    expect(faultVector).toBe(VECTOR_GP);
    expect(readAddress(0x00007ffffffffff8, 8)).not.toBe(0);
    mmuUnmap(0x00007ffffffff000, 1);
  });

  it('forgets a page at once when it is unmapped or protected', () => {
    map(KERNEL, 3, RIGHT_R | RIGHT_W);
    readAddress(KERNEL, 8);
    writeAddress(KERNEL, 8);
    map(KERNEL, 3, RIGHT_R);
    expect(writeAddress(KERNEL, 8)).toBe(0);
    mmuUnmap(KERNEL, 1);
    expect(readAddress(KERNEL, 8)).toBe(0);
  });

  it('keeps pages apart that share a TLB slot', () => {
    const apart: u64 = 256 * PAGE;
    map(KERNEL, 3, RIGHT_R);
    map(KERNEL + apart, 4, RIGHT_R);
    for (let round = 0; round < 3; round++) {
      expect(readAddress(KERNEL + 8, 8)).toBe(LINEAR + 3 * 4096 + 8);
      expect(readAddress(KERNEL + apart + 8, 8)).toBe(LINEAR + 4 * 4096 + 8);
    }
    mmuUnmap(KERNEL, 1);
    mmuUnmap(KERNEL + apart, 1);
  });

  it('answers the same after a flush', () => {
    map(KERNEL, 3, RIGHT_R);
    const first = readAddress(KERNEL + 1, 2);
    tlbFlush();
    expect(readAddress(KERNEL + 1, 2)).toBe(first);
    mmuUnmap(KERNEL, 1);
  });
});

describe('access by the host', () => {
  it('takes a contiguous range whatever its rights, and nothing with a hole or a gap', () => {
    map(KERNEL, 3, RIGHT_X);
    map(KERNEL + PAGE, 4, RIGHT_R);
    expect(mmuHostAddress(KERNEL + 10, 2 * PAGE - 10, false)).toBe(LINEAR + 3 * 4096 + 10);
    expect(mmuHostAddress(KERNEL + 10, 2 * PAGE - 9, false)).toBe(0);
    map(KERNEL + PAGE, 6, RIGHT_R);
    expect(mmuHostAddress(KERNEL + 10, 2 * PAGE - 10, false)).toBe(0);
    mmuUnmap(KERNEL, 2);
  });

  it('does not wrap round the end of the address space', () => {
    map(0xfffffffffffff000, 3, RIGHT_R);
    expect(mmuHostAddress(0xfffffffffffffff8, 8, false)).not.toBe(0);
    expect(mmuHostAddress(0xfffffffffffffff8, 9, false)).toBe(0);
    mmuUnmap(0xfffffffffffff000, 1);
  });
});

// The guest MMU as the host drives it: page rights, and translation for the host's own accesses.
import { PAGE_CODE, PAGE_LINEAR_MASK, PAGE_SIZE, RIGHTS_MASK } from './layout/mmu';
import { isCanonical, pageEntry, pageOf, setPageEntry, touchCode } from './mm/page-table';
import { tlbFlushPage } from './mm/tlb';

export { tlbFlush as mmuFlush } from './mm/tlb';

/** Maps `pages` pages from `va` to linear memory from `linear`; false when linear memory is exhausted. */
export function mmuMap(va: u64, linear: usize, pages: u32, rights: u32): bool {
  for (let i: u32 = 0; i < pages; i++) {
    const offset = i * PAGE_SIZE;
    if (!setPageEntry(va + offset, (<u32>linear + offset) | (rights & RIGHTS_MASK))) return false;
    tlbFlushPage(va + offset);
  }
  return true;
}

export function mmuUnmap(va: u64, pages: u32): void {
  for (let i: u32 = 0; i < pages; i++) {
    const page = va + i * PAGE_SIZE;
    if (pageEntry(page) !== 0) setPageEntry(page, 0);
    tlbFlushPage(page);
  }
}

/** Rights of the page that holds `va`; 0 when not mapped. */
export function mmuRights(va: u64): u32 {
  return pageEntry(va) & RIGHTS_MASK;
}

/**
 * Linear address of `size` bytes at `va`, whatever their rights; 0 when a page of them is not mapped or they are
 * not contiguous. With `writing`, micro-ops decoded from these bytes are dropped.
 */
export function mmuHostAddress(va: u64, size: u64, writing: bool): usize {
  const last = size === 0 ? va : va + size - 1;
  if (!isCanonical(va) || last < va) return 0;
  let page = pageOf(va);
  let entry = pageEntry(page);
  let expected = entry & PAGE_LINEAR_MASK;
  const start = expected + ((<u32>va) & (PAGE_SIZE - 1));
  while (entry !== 0 && (entry & PAGE_LINEAR_MASK) === expected) {
    if (writing && (entry & PAGE_CODE) !== 0) touchCode();
    if (page === pageOf(last)) return <usize>start;
    page += PAGE_SIZE;
    expected += PAGE_SIZE;
    entry = pageEntry(page);
  }
  return 0;
}

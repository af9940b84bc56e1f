// Linear-memory allocator of the core: segregated free lists, four size classes per power of two, 16-byte
// alignment, 64-byte from 4 KiB up. It takes memory only by memory.grow, so it can share a module with another allocator.
//
//   block - 16          block
//   +----------+-------+---------------------------+
//   | class u32|  pad  | payload, 16-byte aligned  |   a free block holds the next free one in its first u32
//   +----------+-------+---------------------------+

const HEADER: usize = 16;
const CLASSES: i32 = 128;
const CHUNK_PAGES: i32 = 16;
const PAGE_SHIFT: usize = 16;
const LARGE: usize = 4096;
const LARGE_ALIGN: usize = 64;

const freeLists: usize = memory.data(128 * 4);
let top: usize = 0;
let limit: usize = 0;
let inUse: u64 = 0;

function classOf(size: usize): i32 {
  if (size <= 16) return 0;
  const log = <i32>(31 - clz<u32>(<u32>(size - 1)));
  const step = <i32>(((size - 1) >> (log - 2)) & 3);
  return (log - 4) * 4 + step + 1;
}

function classSize(klass: i32): usize {
  if (klass === 0) return 16;
  const log = (klass - 1) / 4 + 4;
  const step = (klass - 1) & 3;
  return (((<usize>(step + 5)) << (log - 2)) + 15) & ~15;
}

function reserve(bytes: usize): bool {
  if (limit - top >= bytes) return true;
  const missing = bytes - (limit - top);
  let pages = <i32>((missing + 0xffff) >> PAGE_SHIFT);
  if (pages < CHUNK_PAGES) pages = CHUNK_PAGES;
  const at = memory.grow(pages);
  if (at < 0) return false;
  if ((<usize>at) << PAGE_SHIFT !== limit) {
    // Somebody else grew the memory: start over in the new, not adjacent, chunk.
    if ((<usize>pages) << PAGE_SHIFT < bytes) {
      const more = <i32>((bytes - ((<usize>pages) << PAGE_SHIFT) + 0xffff) >> PAGE_SHIFT);
      if (memory.grow(more) !== at + pages) return false;
      pages += more;
    }
    top = (<usize>at) << PAGE_SHIFT;
    limit = top;
  }
  limit += (<usize>pages) << PAGE_SHIFT;
  return true;
}

/** Allocates `size` bytes, 16-byte aligned (64 from 4 KiB up), contents undefined; 0 when linear memory is exhausted. */
export function heapAlloc(size: usize): usize {
  if (size > 0x7fffffc0) return 0;
  const klass = classOf(size);
  const list = freeLists + ((<usize>klass) << 2);
  let block = <usize>load<u32>(list);
  if (block !== 0) {
    store<u32>(list, load<u32>(block));
  } else {
    const bytes = classSize(klass);
    const align = bytes < LARGE ? HEADER : LARGE_ALIGN;
    if (!reserve(bytes + HEADER + align)) return 0;
    block = (top + HEADER + align - 1) & ~(align - 1);
    top = block + bytes;
    store<u32>(block - HEADER, klass);
  }
  inUse += <u64>classSize(klass);
  return block;
}

/** Gives a block of heapAlloc back; 0 is ignored. */
export function heapFree(block: usize): void {
  if (block === 0) return;
  const klass = load<u32>(block - HEADER);
  const list = freeLists + ((<usize>klass) << 2);
  store<u32>(block, load<u32>(list));
  store<u32>(list, <u32>block);
  inUse -= <u64>classSize(<i32>klass);
}

/** Bytes in live blocks, rounded up to their size classes. */
export function heapInUse(): u64 {
  return inUse;
}

/**
 * Reserves `size` bytes of zeroed linear memory that live as long as the instance (guest regions), aligned to
 * `align`, a power of two; 0 when linear memory is exhausted.
 */
export function heapReserve(size: usize, align: usize): usize {
  if (!reserve(align)) return 0;
  const start = (top + align - 1) & ~(align - 1);
  const bytes = start + size - top;
  if (!reserve(bytes)) return 0;
  // reserve() may have moved to another chunk.
  const at = (top + align - 1) & ~(align - 1);
  if (at + size > limit && !reserve(at + size - top)) return 0;
  top = at + size;
  return at;
}

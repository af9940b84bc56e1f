const GRAIN = 16;

/** Decides whether `size` bytes at `offset` may be handed out; otherwise the offset to try next. */
export type PlaceCheck = (offset: number, size: number) => number | null;

/**
 * Offsets inside one region: freed blocks are reused by exact size, the rest is cut from the end of what was used;
 * when the region is full, free neighbours are joined and searched.
 */
export class RegionAllocator {
  readonly #size: number;
  readonly #check: PlaceCheck;
  readonly #live = new Map<number, number>();
  #bins = new Map<number, number[]>();
  #next = 0;

  constructor(size: number, check: PlaceCheck) {
    this.#size = size;
    this.#check = check;
  }

  /** Offset of a free block of `size` bytes aligned to `align` (a power of two); null when there is none. */
  alloc(size: number, align: number): number | null {
    const bytes = roundUp(Math.max(size, 1), GRAIN);
    const offset = this.#reuse(bytes, align) ?? this.#cut(bytes, align) ?? this.#search(bytes, align);
    if (offset !== null) this.#live.set(offset, bytes);
    return offset;
  }

  /** Bytes of the live block that starts at `offset`; undefined when none does. */
  sizeOf(offset: number): number | undefined {
    return this.#live.get(offset);
  }

  free(offset: number): void {
    const bytes = this.#live.get(offset);
    if (bytes === undefined) return;
    this.#live.delete(offset);
    this.#release(offset, bytes);
  }

  #release(offset: number, bytes: number): void {
    if (bytes === 0) return;
    const bin = this.#bins.get(bytes);
    if (bin) bin.push(offset);
    else this.#bins.set(bytes, [offset]);
  }

  #reuse(bytes: number, align: number): number | null {
    const bin = this.#bins.get(bytes);
    if (!bin || bin.length === 0 || bin[bin.length - 1] % align !== 0) return null;
    return bin.pop() ?? null;
  }

  #cut(bytes: number, align: number): number | null {
    for (let offset = roundUp(this.#next, align); offset + bytes <= this.#size;) {
      const retry = this.#check(offset, bytes);
      if (retry === null) {
        if (offset === roundUp(this.#next, align)) this.#release(this.#next, offset - this.#next);
        this.#next = offset + bytes;
        return offset;
      }
      offset = roundUp(retry, align);
    }
    return null;
  }

  #search(bytes: number, align: number): number | null {
    const blocks = [...this.#bins].flatMap(([size, offsets]) => offsets.map((offset) => ({ offset, size })));
    blocks.sort((a, b) => a.offset - b.offset);
    const joined: { offset: number; size: number }[] = [];
    for (const block of blocks) {
      const last = joined.at(-1);
      if (last && last.offset + last.size === block.offset) last.size += block.size;
      else joined.push({ ...block });
    }
    this.#bins = new Map();
    let found: number | null = null;
    for (const { offset, size } of joined) {
      const start = roundUp(offset, align);
      if (found === null && start + bytes <= offset + size) {
        found = start;
        this.#release(offset, start - offset);
        this.#release(start + bytes, offset + size - start - bytes);
      } else this.#release(offset, size);
    }
    return found;
  }
}

function roundUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}

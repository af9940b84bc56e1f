import { CHUNK_SIZE } from './image-place.js';

/** Which chunks of one pack are taken. Positions and lengths in chunks. */
export class Pack {
  readonly #taken: Uint8Array;
  /** No chunk below is free. */
  #firstFree = 0;
  #count = 0;

  /** `size` in bytes. */
  constructor(size: number) {
    this.#taken = new Uint8Array(size / CHUNK_SIZE);
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Takes the first free run of `length` chunks; -1 when there is none. */
  take(length: number): number {
    const taken = this.#taken;
    let start = taken.indexOf(0, this.#firstFree);
    this.#firstFree = start < 0 ? taken.length : start;
    while (start >= 0 && start + length <= taken.length) {
      const obstacle = taken.indexOf(1, start);
      const end = obstacle < 0 ? taken.length : obstacle;
      if (end - start >= length) {
        taken.fill(1, start, start + length);
        this.#count += length;
        return start;
      }
      start = taken.indexOf(0, end);
    }
    return -1;
  }

  give(start: number, length: number): void {
    this.#taken.fill(0, start, start + length);
    this.#count -= length;
    if (start < this.#firstFree) this.#firstFree = start;
  }
}

import { PAGE_SHIFT, PAGE_SIZE, RIGHT_R, RIGHT_W } from '../../assembly/layout/mmu.js';
import type { Core } from '../core/core.js';
import type { HostAddress } from '../quantities.js';

/** The rights of guest pages by linear address, one byte a page, where generated code can read them. */
export class PageRights {
  /** Linear address of the byte of linear page 0. */
  readonly table: HostAddress;
  /** Changes with every change of a page. */
  changes = 0;
  readonly #core: Core;

  constructor(core: Core, regions: readonly { readonly linear: HostAddress; readonly size: number }[]) {
    const top = Math.max(...regions.map(({ linear, size }) => linear + size + PAGE_SIZE));
    const bytes = (top >>> PAGE_SHIFT) + 1;
    this.#core = core;
    this.table = core.alloc(bytes);
    core.bytes.fill(0, this.table, this.table + bytes);
  }

  set(linear: HostAddress, size: number, rights: number): void {
    const first = this.table + (linear >>> PAGE_SHIFT);
    this.#core.bytes.fill(rights, first, first + (size >>> PAGE_SHIFT));
    this.changes++;
  }

  /** The longest stretch of pages of a region that can be read and written, as offset and size in bytes. */
  longestRun({ linear, size }: { readonly linear: HostAddress; readonly size: number }): {
    offset: number;
    size: number;
  } {
    const first = this.table + (linear >>> PAGE_SHIFT);
    const bytes = this.#core.bytes.subarray(first, first + (size >>> PAGE_SHIFT));
    let best = { offset: 0, size: 0 };
    for (let at = 0; at < bytes.length; at++) {
      const start = at;
      while (at < bytes.length && (bytes[at] & READ_WRITE) === READ_WRITE) at++;
      if (at - start > best.size) best = { offset: start, size: at - start };
    }
    return { offset: best.offset * PAGE_SIZE, size: best.size * PAGE_SIZE };
  }
}

const READ_WRITE = RIGHT_R | RIGHT_W;

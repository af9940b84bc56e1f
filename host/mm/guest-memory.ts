import type { Core } from '../core/core.js';
import { Mmu } from '../core/mmu.js';
import { LimitError, MemoryError } from '../errors.js';
import type { GuestAddress, HostAddress } from '../quantities.js';
import { PAGE_SIZE, RIGHT_GATE, RIGHT_R, RIGHT_W, RIGHT_X } from '../../assembly/layout/mmu.js';
import { PageRights } from './page-rights.js';
import { RegionAllocator } from './region-allocator.js';

export { PAGE_SIZE, RIGHT_GATE, RIGHT_R, RIGHT_W, RIGHT_X };

export type RegionName = 'user' | 'direct' | 'vmalloc' | 'arena' | 'text' | 'modules';

/** Part of the guest's address space that is contiguous in linear memory. */
export interface Region {
  readonly name: RegionName;
  readonly base: GuestAddress;
  /** Bytes. */
  readonly size: number;
  readonly linear: HostAddress;
}

const MIB = 1 << 20;
const BASES: Readonly<Record<RegionName, GuestAddress>> = {
  user: 0x7fff00000000n,
  direct: 0xffff888000000000n,
  vmalloc: 0xffffc90000000000n,
  // More than 4 GiB from anything else: as far as the low half of an arena pointer reaches.
  arena: 0xffffc90400000000n,
  text: 0xffffffff81000000n,
  modules: 0xffffffffc0000000n,
};
const SIZES: Readonly<Record<RegionName, number>> = {
  user: 4 * MIB,
  direct: 64 * MIB,
  vmalloc: 64 * MIB,
  arena: 64 * MIB,
  text: 48 * MIB,
  modules: 64 * MIB,
};
const PAGE_MASK = BigInt(PAGE_SIZE - 1);

/** Memory of the guest machine: regions, pages with rights, allocations, and the host's own access to them. */
export class GuestMemory {
  readonly #core: Core;
  readonly #mmu: Mmu;
  readonly #regions = new Map<RegionName, Region>();
  readonly #allocators = new Map<RegionName, RegionAllocator>();
  /** Per region, for each page: how many live allocations touch it, or EXPLICIT when map() made it. */
  readonly #owners = new Map<RegionName, Int32Array>();
  readonly #rights: PageRights;

  /** `sizes` in bytes, rounded up to whole pages. Throws LIMIT_MEMORY when linear memory cannot hold them. */
  constructor(core: Core, sizes: Partial<Record<RegionName, number>> = {}) {
    this.#core = core;
    this.#mmu = new Mmu(core);
    for (const name of Object.keys(BASES) as RegionName[]) {
      const size = pages(sizes[name] ?? SIZES[name]) * PAGE_SIZE;
      // The page behind it belongs to nobody, so that no access runs into the next region.
      const linear = this.#mmu.reserve(size + PAGE_SIZE, PAGE_SIZE);
      if (linear === 0)
        throw new LimitError('LIMIT_MEMORY', `guest region ${name}: no linear memory for ${size} bytes`);
      this.#regions.set(name, { name, base: BASES[name], size, linear });
      const owners = new Int32Array(size / PAGE_SIZE);
      this.#owners.set(name, owners);
      this.#allocators.set(
        name,
        new RegionAllocator(size, (offset, bytes) => firstFree(owners, offset, bytes)),
      );
    }
    this.#rights = new PageRights(core, [...this.#regions.values()]);
  }

  region(name: RegionName): Region {
    return this.#regions.get(name) as Region;
  }

  /**
   * `size` zeroed bytes, mapped readable and writable. Blocks of vmalloc are whole pages with an unmapped guard
   * page behind. `align` is a power of two, 16 when absent. Throws LIMIT_MEMORY when the region is full.
   */
  alloc(name: RegionName, size: number, align = 16): GuestAddress {
    const region = this.region(name);
    const paged = name === 'vmalloc';
    const bytes = paged ? (pages(size) + 1) * PAGE_SIZE : size;
    const offset = this.#allocator(name).alloc(bytes, paged ? Math.max(align, PAGE_SIZE) : align);
    if (offset === null)
      throw new LimitError(
        'LIMIT_MEMORY',
        `guest memory: ${size} bytes asked for, region ${name} of ${region.size} bytes is full`,
      );
    const used = paged ? bytes - PAGE_SIZE : size;
    this.#own(region, offset, used);
    this.#core.bytes.fill(0, region.linear + offset, region.linear + offset + used);
    return region.base + BigInt(offset);
  }

  /** Gives back a block of alloc(). Throws MM_FREE when `address` is not the start of one. */
  free(address: GuestAddress): void {
    const region = this.#regionOf(address, 1);
    const offset = region ? Number(address - region.base) : 0;
    const size = region && this.#allocator(region.name).sizeOf(offset);
    if (!region || size === undefined)
      throw new MemoryError('MM_FREE', `guest memory: ${hex(address)} is not the start of an allocation`, {
        address,
      });
    this.#disown(region, offset, region.name === 'vmalloc' ? size - PAGE_SIZE : size);
    this.#allocator(region.name).free(offset);
  }

  /** Maps whole pages with `rights`; their bytes are kept. Throws MM_RANGE outside the regions, MM_RIGHTS for W with X. */
  map(address: GuestAddress, size: number, rights: number): void {
    const region = this.#pageRange(address, size, rights);
    const offset = Number(address - region.base);
    this.#mapPages(region, offset, size, rights);
    const owners = this.#owners.get(region.name) as Int32Array;
    for (let page = offset / PAGE_SIZE; page < (offset + size) / PAGE_SIZE; page++) owners[page] ||= EXPLICIT;
  }

  /** Takes whole pages away; an access to them faults. Micro-ops decoded from them are dropped. */
  unmap(address: GuestAddress, size: number): void {
    const region = this.#pageRange(address, size, 0);
    this.#unmapPages(region, Number(address - region.base), size);
    const owners = this.#owners.get(region.name) as Int32Array;
    const offset = Number(address - region.base);
    for (let page = offset / PAGE_SIZE; page < (offset + size) / PAGE_SIZE; page++)
      if (owners[page] === EXPLICIT) owners[page] = 0;
  }

  /** Changes the rights of mapped pages. Micro-ops decoded from them are dropped. */
  protect(address: GuestAddress, size: number, rights: number): void {
    const region = this.#pageRange(address, size, rights);
    if (!this.isMapped(address, size)) throw unmapped(address, size);
    this.#mapPages(region, Number(address - region.base), size, rights);
  }

  /** Mapped pages of a region that hold an allocation or were mapped on their own. */
  *usedPages(name: RegionName): Generator<GuestAddress> {
    const { base } = this.region(name);
    const owners = this.#owners.get(name) as Int32Array;
    for (let index = 0; index < owners.length; index++) {
      if (owners[index] === 0) continue;
      const page = base + BigInt(index * PAGE_SIZE);
      if (this.#mmu.rights(page) !== 0) yield page;
    }
  }

  /** Rights of the page that holds `address`; 0 when not mapped. */
  rights(address: GuestAddress): number {
    return this.#mmu.rights(address);
  }

  /** A copy. Throws MM_UNMAPPED. */
  read(address: GuestAddress, size: number): Uint8Array {
    const linear = this.linear(address, size);
    return this.#core.bytes.slice(linear, linear + size);
  }

  /** The host's own write: needs a mapping, ignores W. Throws MM_UNMAPPED. */
  write(address: GuestAddress, bytes: Uint8Array): void {
    if (bytes.length > 0) this.#core.bytes.set(bytes, this.#linearForWrite(address, bytes.length));
  }

  /** Little-endian, unsigned. Throws MM_UNMAPPED. */
  readUint(address: GuestAddress, size: 1 | 2 | 4 | 8): bigint {
    const linear = this.linear(address, size);
    const view = this.#core.view;
    if (size === 8) return view.getBigUint64(linear, true);
    if (size === 4) return BigInt(view.getUint32(linear, true));
    return BigInt(size === 2 ? view.getUint16(linear, true) : view.getUint8(linear));
  }

  /** Writes the low `size` bytes of `value`, little-endian. Throws MM_UNMAPPED. */
  writeUint(address: GuestAddress, size: 1 | 2 | 4 | 8, value: bigint): void {
    const linear = this.#linearForWrite(address, size);
    const view = this.#core.view;
    if (size === 8) view.setBigUint64(linear, BigInt.asUintN(64, value), true);
    else if (size === 4) view.setUint32(linear, Number(BigInt.asUintN(32, value)), true);
    else if (size === 2) view.setUint16(linear, Number(BigInt.asUintN(16, value)), true);
    else view.setUint8(linear, Number(BigInt.asUintN(8, value)));
  }

  isMapped(address: GuestAddress, size: number): boolean {
    return this.#mmu.linear(address, size, false) !== 0;
  }

  /** Linear address of a mapped range. Throws MM_UNMAPPED. */
  linear(address: GuestAddress, size: number): HostAddress {
    const linear = this.#mmu.linear(address, size, false);
    if (linear === 0) throw unmapped(address, size);
    return linear;
  }

  #linearForWrite(address: GuestAddress, size: number): HostAddress {
    const linear = this.#mmu.linear(address, size, true);
    if (linear === 0) throw unmapped(address, size);
    return linear;
  }

  #allocator(name: RegionName): RegionAllocator {
    return this.#allocators.get(name) as RegionAllocator;
  }

  #regionOf(address: GuestAddress, size: number): Region | undefined {
    for (const region of this.#regions.values())
      if (address >= region.base && address + BigInt(size) <= region.base + BigInt(region.size))
        return region;
    return undefined;
  }

  #pageRange(address: GuestAddress, size: number, rights: number): Region {
    if ((address & PAGE_MASK) !== 0n || size <= 0 || size % PAGE_SIZE !== 0)
      throw new MemoryError(
        'MM_ALIGN',
        `guest memory: ${hex(address)} + ${size} bytes: expected whole pages of ${PAGE_SIZE} bytes`,
        { address },
      );
    if ((rights & RIGHT_W) !== 0 && (rights & RIGHT_X) !== 0)
      throw new MemoryError(
        'MM_RIGHTS',
        `guest memory: ${hex(address)}: a page is writable or executable, not both`,
        {
          address,
        },
      );
    const region = this.#regionOf(address, size);
    if (!region)
      throw new MemoryError('MM_RANGE', `guest memory: ${hex(address)} + ${size} bytes lies in no region`, {
        address,
      });
    return region;
  }

  /** Rights of the pages by linear address, for generated code. */
  get pageRights(): PageRights {
    return this.#rights;
  }

  #unmapPages(region: Region, offset: number, size: number): void {
    this.#mmu.unmap(region.base + BigInt(offset), size / PAGE_SIZE);
    this.#rights.set(region.linear + offset, size, 0);
  }

  #mapPages(region: Region, offset: number, size: number, rights: number): void {
    const address = region.base + BigInt(offset);
    if (!this.#mmu.map(address, region.linear + offset, size / PAGE_SIZE, rights))
      throw new LimitError('LIMIT_MEMORY', `guest page table: no linear memory to map ${hex(address)}`);
    this.#rights.set(region.linear + offset, size, rights);
  }

  #own(region: Region, offset: number, size: number): void {
    const owners = this.#owners.get(region.name) as Int32Array;
    for (let page = Math.floor(offset / PAGE_SIZE); page * PAGE_SIZE < offset + size; page++)
      if (owners[page]++ === 0) this.#mapPages(region, page * PAGE_SIZE, PAGE_SIZE, RIGHT_R | RIGHT_W);
  }

  /** Pages of the direct map stay mapped, as in the kernel: a dangling pointer there reads what was left. */
  #disown(region: Region, offset: number, size: number): void {
    const owners = this.#owners.get(region.name) as Int32Array;
    for (let page = Math.floor(offset / PAGE_SIZE); page * PAGE_SIZE < offset + size; page++)
      if (--owners[page] === 0 && region.name !== 'direct')
        this.#unmapPages(region, page * PAGE_SIZE, PAGE_SIZE);
  }
}

const EXPLICIT = -1;

function firstFree(owners: Int32Array, offset: number, size: number): number | null {
  for (let page = Math.floor(offset / PAGE_SIZE); page * PAGE_SIZE < offset + size; page++)
    if (owners[page] < 0) return (page + 1) * PAGE_SIZE;
  return null;
}

function pages(size: number): number {
  return Math.ceil(size / PAGE_SIZE);
}

function hex(address: GuestAddress): string {
  return `0x${BigInt.asUintN(64, address).toString(16).padStart(16, '0')}`;
}

function unmapped(address: GuestAddress, size: number): MemoryError {
  return new MemoryError('MM_UNMAPPED', `guest memory: ${hex(address)} + ${size} bytes: not mapped`, {
    address,
  });
}

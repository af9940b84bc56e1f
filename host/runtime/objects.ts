import { BtfKind } from '../btf/types.js';
import { UsageError } from '../errors.js';
import { PAGE_SIZE } from '../mm/guest-memory.js';
import { type FieldInput, KernelObject, type TypedMemory } from '../mm/kernel-object.js';
import type { GuestAddress, TypeId } from '../quantities.js';

const PREFIX = /^(struct|union)\s+/;
const HOLE_STEP = 0x10000n;

/** Makes kernel objects. Each has pages of its own, so that unmapping one leaves the others. */
export class ObjectFactory {
  readonly #types = new Map<string, TypeId>();
  #holes = 0n;

  constructor(private readonly space: TypedMemory) {}

  /** Whether the kernel's BTF has a structure of this name. */
  knows(name: string): boolean {
    return this.space.btf.find(name.replace(PREFIX, ''), BtfKind.STRUCT, BtfKind.UNION) !== 0;
  }

  /** Id of a structure in the kernel's BTF. @throws UsageError USAGE_TYPE. */
  typeId(name: string): TypeId {
    const known = this.#types.get(name);
    if (known !== undefined) return known;
    const id = this.space.btf.find(name.replace(PREFIX, ''), BtfKind.STRUCT, BtfKind.UNION);
    if (id === 0)
      throw new UsageError(
        'USAGE_TYPE',
        `kernel object: expected a struct or union of the BTF, found "${name}"`,
      );
    this.#types.set(name, id);
    return id;
  }

  /** The structure `type` at an address. */
  at(type: string, address: GuestAddress): KernelObject {
    return new KernelObject(this.space, this.typeId(type), address);
  }

  /** A zeroed structure with the given members set. */
  create(type: string, fields: { readonly [path: string]: FieldInput } = {}): KernelObject {
    const id = this.typeId(type);
    const address = this.space.memory.alloc('direct', wholePages(this.space.btf.sizeOf(id)), PAGE_SIZE);
    return new KernelObject(this.space, id, address).assign(fields);
  }

  /** Takes the object's pages away: pointers to it dangle, accesses fault. */
  unmap(object: KernelObject): void {
    this.space.memory.unmap(object.address, wholePages(object.size));
  }

  /** Gives an object of `create` back. */
  release(object: KernelObject): void {
    this.space.memory.free(object.address);
  }

  /** A direct-map address where nothing ever was, another one each time. */
  dangling(): GuestAddress {
    const { base } = this.space.memory.region('direct');
    this.#holes += HOLE_STEP;
    return base + 0x1_0000_0000n + this.#holes;
  }
}

function wholePages(size: number): number {
  return Math.max(1, Math.ceil(size / PAGE_SIZE)) * PAGE_SIZE;
}

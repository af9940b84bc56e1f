import type { InsnIndex } from '../quantities.js';

/** A resource the program holds and must give back. */
export interface Reference {
  readonly id: number;
  readonly insn: InsnIndex;
  /** Frame number of the callback that acquired it; 0 = acquired outside callbacks. */
  readonly callback: number;
}

/** Resources in the order they were acquired. Lists share what they have in common: every state holds one. */
export class ReferenceList implements Iterable<Reference> {
  static readonly NONE = new ReferenceList(null, null, 0);

  private constructor(
    readonly latest: Reference | null,
    readonly before: ReferenceList | null,
    readonly length: number,
  ) {}

  with(reference: Reference): ReferenceList {
    return new ReferenceList(reference, this, this.length + 1);
  }

  find(id: number): Reference | null {
    return listUpTo(this, id, null)?.latest ?? null;
  }

  /** The list without one of its resources. */
  without(id: number): ReferenceList {
    const later: Reference[] = [];
    const list = listUpTo(this, id, later);
    if (list === null) return this;
    return later.reduceRight((kept, reference) => kept.with(reference), list.before!);
  }

  /** First acquired first. */
  [Symbol.iterator](): Iterator<Reference> {
    const all: Reference[] = [];
    listUpTo(this, NO_ID, all);
    return all.reverse().values();
  }
}

const NO_ID = -1;

/** The list that ends with a resource, null = there is none; `later` gets those after it, latest first. */
function listUpTo(from: ReferenceList, id: number, later: Reference[] | null): ReferenceList | null {
  for (let list = from; list.latest !== null; list = list.before!) {
    if (list.latest.id === id) return list;
    later?.push(list.latest);
  }
  return null;
}

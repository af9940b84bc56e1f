import type { TypeId } from '../../quantities.js';
import type { SpecialField } from '../map-fields.js';
import type { RawMemory } from '../stack-memory.js';

/** What the arguments of a call turned out to be. */
export interface CallMeta {
  /** Map argument: index into env.maps; -1 = none. */
  map: number;
  mapUid: number;
  mapRegno: number;
  /** Memory the helper writes without reading it. */
  readonly raw: RawMemory;
  /** Subprogram of a callback argument; -1 = none. */
  callback: number;
  /** Reference that an argument carries, and the argument that gives one back. */
  reference: number;
  releaseRegno: number;
  /** Constant size that the result's memory has. */
  memSize: number;
  /** BTF of a percpu argument. */
  resultBtf: TypeId;
  /** It is an object that the program allocated: resultBtf is of the program's BTF. */
  isAllocated: boolean;
  dynptrId: number;
  dynptrKind: number;
  /** Field that kptr_xchg exchanges. */
  kptr: SpecialField | null;
  dynptrReference: number;
  /** What the tree that a callback compares elements of contains. */
  graph: { readonly struct: TypeId; readonly node: number } | null;
  /** Bound that a size argument puts on the result. */
  sizeMax: bigint;
}

export function newMeta(): CallMeta {
  return {
    map: -1,
    mapUid: 0,
    mapRegno: 0,
    raw: { regno: 0, size: 0 },
    callback: -1,
    reference: 0,
    releaseRegno: 0,
    memSize: 0,
    resultBtf: 0,
    isAllocated: false,
    dynptrId: 0,
    dynptrKind: 0,
    kptr: null,
    dynptrReference: 0,
    graph: null,
    sizeMax: 0n,
  };
}

import type { Btf } from '../btf/btf.js';
import type { BpfMap } from '../maps/bpf-map.js';
import { fieldsHiddenFromUsers } from '../verifier/map-fields.js';

/** Keys and values of a map as user space reads them: locks, timers, kernel pointers, lists and trees are zeros. */
export function* userEntries(map: BpfMap, btf: Btf | null): IterableIterator<[Uint8Array, Uint8Array]> {
  const hidden = btf === null ? [] : fieldsHiddenFromUsers(map, btf);
  for (const [key, value] of map.entries()) {
    for (const { offset, size } of hidden) value.fill(0, offset, offset + size);
    yield [key, value];
  }
}

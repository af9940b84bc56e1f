import type { BpfMap } from './bpf-map.js';
import { Errno } from './errno.js';
import { MapType } from '../program/map-types.js';

/** Errno of putting `map` where maps like `template` belong; 0 = fits. Array lengths must agree, other lengths need not. */
export function innerErrno(template: BpfMap, map: BpfMap | undefined): number {
  if (map === undefined) return Errno.EINVAL;
  const a = template.spec;
  const b = map.spec;
  const same =
    a.type === b.type &&
    a.keySize === b.keySize &&
    a.valueSize === b.valueSize &&
    a.flags === b.flags &&
    (a.type !== MapType.ARRAY || a.maxEntries === b.maxEntries);
  return same ? 0 : Errno.EINVAL;
}

import { BtfKind } from '../../btf/types.js';
import type { Env } from '../env.js';
import type { LoadedMap } from '../kernel-view.js';
import { mapFields, type SpecialField } from '../map-fields.js';
import { Errno } from '../verifier-error.js';

/** A value has one of these at most. */
type OneField = 'bpf_spin_lock' | 'bpf_timer';

/** The lock or timer of a map's values; refuses a map without, in the words of the kernel's version. */
export function fieldOfValue(env: Env, map: LoadedMap, kind: OneField): SpecialField {
  const { name, valueType } = map.spec;
  if (valueType === undefined || valueType === 0) {
    env.fail(Errno.EINVAL, `map '${name}' has to have BTF in order to use ${kind}`);
  }
  const found = mapFields(env, map).filter((one) => one.kind === kind);
  if (found.length === 1 || (found.length > 1 && !env.legacy)) return found[0];
  if (!env.legacy) return env.fail(Errno.EINVAL, `map '${name}' has no valid ${kind}`);
  if (found.length > 1) env.fail(Errno.EINVAL, `map '${name}' has more than one 'struct ${kind}'`);
  const btf = env.btf(1);
  const holder = btf.kind(btf.skipModifiers(valueType));
  if (holder !== BtfKind.STRUCT && holder !== BtfKind.DATASEC) {
    env.fail(Errno.EINVAL, `map '${name}' is not a struct type or ${kind} is mangled`);
  }
  return env.fail(Errno.EINVAL, `map '${name}' doesn't have 'struct ${kind}'`);
}

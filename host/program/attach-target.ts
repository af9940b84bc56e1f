import type { Btf } from '../btf/btf.js';
import { BtfKind } from '../btf/types.js';
import type { TypeId } from '../quantities.js';
import type { AttachTarget } from './program-spec.js';
import type { AttachKind } from './section-table.js';

/** The hook of this kind and name; `btfId` is 0 when the kernel has none or none was given. */
export function attachTarget(kind: AttachKind, target: string, kernel: Btf | null): AttachTarget {
  return { kind, target, btfId: kernel === null || target === '' ? 0 : attachBtfId(kind, target, kernel) };
}

/** Id of a hook in the kernel's BTF; 0 = none. */
export function attachBtfId(kind: string, target: string, kernel: Btf): TypeId {
  switch (kind) {
    case 'raw_tp':
      return kernel.find(`btf_trace_${target}`, BtfKind.TYPEDEF);
    case 'fentry':
    case 'fexit':
    case 'fmod_ret':
      return kernel.find(target, BtfKind.FUNC);
    case 'lsm':
      return kernel.find(`bpf_lsm_${target}`, BtfKind.FUNC);
    case 'iter':
      return kernel.find(`bpf_iter_${target}`, BtfKind.FUNC);
    default:
      return 0;
  }
}

import { BtfKind } from '../../btf/types.js';
import { setBtfPointer } from '../btf-access.js';
import type { Env } from '../env.js';
import { mapFields } from '../map-fields.js';
import { acquireReference } from '../references.js';
import { W_A, W_B, W_C, W_ID, W_REF, W_TYPE, mayBeNull } from '../registers.js';
import { RegType, TypeFlag } from '../reg-type.js';
import { Errno } from '../verifier-error.js';
import type { CallMeta } from './call-meta.js';
import { isPacketDynptr } from './dynptr-arguments.js';
import { type Prototype, helperName } from './prototypes.js';

const SMP_PROCESSOR_ID = 8;
const KPTR_XCHG = 194;
const DYNPTR_DATA = 203;
const ACQUIRES = new Set([84, 85, 99, 131, KPTR_XCHG]);
/** Helpers that size a returned string or stack trace by their size argument. */
const REFINED = new Set([67, 45, 114, 115, 141]);
const SOCKMAPS = new Set([15, 18]);
const MAX_ERRNO = 4095;
/** Processors the guest machine has. */
const CPUS = 1;

function hasIdFields(env: Env, map: number): boolean {
  return mapFields(env, env.maps[map]).some((field) => field.kind === 'bpf_spin_lock');
}

function setStructResult(env: Env, proto: Prototype, struct: string): void {
  const { btf } = env.kernel;
  const id = btf.find(struct, BtfKind.STRUCT);
  if (id === 0) {
    env.fail(Errno.EINVAL, `invalid return type ${id} of func ${helperName(proto.id)}#${proto.id}`);
  }
  const trusted = proto.result === 'TRUSTED_BTF' && !env.legacy;
  setBtfPointer(env, env.reg(0), 0, id, trusted ? TypeFlag.PTR_TRUSTED : 0);
}

function setPercpuResult(env: Env, meta: CallMeta): void {
  const { regs } = env;
  const reg = env.reg(0);
  if (meta.isAllocated) {
    setBtfPointer(env, reg, 1, meta.resultBtf, TypeFlag.MEM_ALLOC | TypeFlag.MEM_RCU);
    return;
  }
  const { btf } = env.kernel;
  const id = btf.skipModifiers(meta.resultBtf);
  if (btf.kind(id) === BtfKind.STRUCT) {
    setBtfPointer(env, reg, 0, id, 0);
    return;
  }
  const size = btf.sizeOf(id);
  if (size === 0) {
    const text = `unable to resolve the size of type '${btf.type(id).name}': -${Errno.EINVAL}`;
    env.fail(Errno.EINVAL, text);
  }
  regs.setPointer(reg, RegType.MEM | TypeFlag.MEM_RDONLY);
  regs.set(reg, W_A, size);
}

/** What the prototype says of r0. */
export function setResult(env: Env, proto: Prototype, meta: CallMeta): void {
  const { regs } = env;
  const reg = env.reg(0);
  switch (proto.result) {
    case 'int':
      regs.setUnknown(reg);
      return;
    case 'void':
      regs.setNotInit(reg);
      return;
    case 'map_value':
      regs.setPointer(reg, RegType.MAP_VALUE);
      regs.set(reg, W_A, meta.map);
      regs.set(reg, W_C, meta.mapUid);
      if (!proto.resultNullable && hasIdFields(env, meta.map)) regs.set(reg, W_ID, env.newId());
      break;
    case 'sock':
      regs.setPointer(reg, RegType.SOCKET);
      break;
    case 'sock_common':
      regs.setPointer(reg, RegType.SOCK_COMMON);
      break;
    case 'tcp_sock':
      regs.setPointer(reg, RegType.TCP_SOCK);
      break;
    case 'mem':
    case 'RINGBUF_MEM':
      regs.setPointer(reg, RegType.MEM | (proto.result === 'RINGBUF_MEM' ? TypeFlag.MEM_RINGBUF : 0));
      regs.set(reg, W_A, meta.memSize);
      if (proto.id === DYNPTR_DATA) {
        regs.set(reg, W_C, meta.dynptrId);
        regs.set(reg, W_REF, meta.dynptrReference);
        regs.set(reg, W_B, isPacketDynptr(meta.dynptrKind) ? 1 : 0);
      }
      break;
    case 'PERCPU':
      setPercpuResult(env, meta);
      break;
    default:
      setKernelPointer(env, proto, meta);
  }
  if (proto.resultNullable) regs.set(reg, W_TYPE, regs.type(reg) | TypeFlag.MAYBE_NULL);
  if (mayBeNull(regs.type(reg))) regs.set(reg, W_ID, env.newId());
}

function setKernelPointer(env: Env, proto: Prototype, meta: CallMeta): void {
  if (proto.resultOf !== '*') {
    setStructResult(env, proto, proto.resultOf);
    return;
  }
  // What kptr_xchg takes out of the map is of the field's type.
  const own = meta.kptr?.pointeeBtf === 1;
  const percpu = meta.kptr?.kind === 'percpu_kptr' ? TypeFlag.MEM_PERCPU : 0;
  const flags = own ? TypeFlag.MEM_ALLOC | percpu : 0;
  setBtfPointer(env, env.reg(0), own ? 1 : 0, meta.kptr?.pointee ?? 0, flags);
}

/** The result of helpers that acquire a resource, or pass one on. */
export function setReference(env: Env, id: number, meta: CallMeta): void {
  const { regs } = env;
  const reg = env.reg(0);
  const sockmapLookup = id === 1 && meta.map >= 0 && SOCKMAPS.has(env.maps[meta.map].spec.type);
  if (ACQUIRES.has(id) || sockmapLookup) {
    const ref = acquireReference(env);
    regs.set(reg, W_ID, ref);
    regs.set(reg, W_REF, ref);
  } else if (id === 95 || id === 96 || id === 98 || (id >= 136 && id <= 140) || id === 178 || id === 196) {
    regs.set(reg, W_REF, meta.reference);
  }
}

/** Bounds of r0 that follow from the helper or its size argument. */
export function refineResult(env: Env, id: number, meta: CallMeta): void {
  const { regs } = env;
  const reg = env.reg(0);
  if (REFINED.has(id)) {
    const max = meta.sizeMax > 0x7fffffffn ? 0x7fffffff : Number(meta.sizeMax);
    regs.setSignedRange(reg, BigInt(-MAX_ERRNO), BigInt(max));
    regs.setSigned32Range(reg, -MAX_ERRNO, max);
    env.mem.domain.scalarSync(reg);
  } else if (id === SMP_PROCESSOR_ID && !env.legacy) {
    regs.setSignedRange(reg, 0n, BigInt(CPUS - 1));
    regs.setUnsignedMax(reg, BigInt(CPUS - 1));
    env.mem.domain.scalarSync(reg);
  }
}

import type { Env } from '../env.js';
import { readReg } from '../liveness.js';
import { mapFields } from '../map-fields.js';
import { checkPointerOffset } from '../memory-region.js';
import { markPrecise } from '../precision.js';
import { W_A, W_B, W_C, W_REF, isPacketType } from '../registers.js';
import { RegType, baseType } from '../reg-type.js';
import { Errno } from '../verifier-error.js';
import { checkType, isWritten } from './argument-types.js';
import type { CallMeta } from './call-meta.js';
import { checkDynptrArgument } from './dynptr-arguments.js';
import { fieldsAt } from './kfunc-objects.js';
import { checkHelperMemory, checkSizedMemory } from './memory-arguments.js';
import { fieldOfValue } from './one-field.js';
import { type Argument, type Prototype } from './prototypes.js';

const FIXED_SIZES: Record<string, string> = {
  u32: '4',
  u64: '8',
  s64: '8',
  iphdr: '20',
  ipv6hdr: '40',
  tcphdr: '20',
};

const ANY_OFFSET = new Set<number>([
  RegType.STACK,
  RegType.PACKET,
  RegType.PACKET_META,
  RegType.MAP_KEY,
  RegType.MAP_VALUE,
  RegType.MEM,
  RegType.BUF,
  RegType.SCALAR,
]);

/** Pointers that must not have been moved have offset 0. */
export function checkOffset(env: Env, regno: number, release: boolean): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const base = baseType(regs.type(reg));
  if (release && regs.off(reg) !== 0) {
    env.fail(
      Errno.EINVAL,
      env.legacy
        ? `R${regno} must have zero offset when passed to release func`
        : `R${regno} must have zero offset when passed to release func or trusted arg to kfunc`,
    );
  }
  if (ANY_OFFSET.has(base)) return;
  checkPointerOffset(env, regno, base === RegType.BTF_ID && !release);
}

function noteMap(env: Env, regno: number, meta: CallMeta): void {
  const { regs } = env;
  const reg = env.reg(regno);
  meta.map = regs.get(reg, W_A);
  meta.mapUid = regs.get(reg, W_C);
  meta.mapRegno = regno;
}

/** A timer and the map it is initialised with must belong together. */
function checkSameMap(env: Env, regno: number, meta: CallMeta): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const uid = regs.get(reg, W_C);
  if (meta.map === regs.get(reg, W_A) && meta.mapUid === uid) return;
  env.fail(
    Errno.EINVAL,
    `timer pointer in R1 map_uid=${meta.mapUid} doesn't match map pointer in R2 map_uid=${uid}`,
  );
}

/** Packet pointers may be read by helpers made for it. */
function checkPacketArgument(env: Env, proto: Prototype, type: number): void {
  if (isPacketType(type) && !proto.packetAccess) {
    env.fail(Errno.EACCES, 'helper access to the packet is not allowed');
  }
}

const MAP_RDONLY_PROG = 1 << 7;
const ARRAY = 2;

/** A string that cannot change: in a frozen map that programs only read. */
export function checkConstantString(env: Env, regno: number): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const map = env.maps[regs.get(reg, W_A)];
  const { type, flags, frozen, valueSize, maxEntries } = map.spec;
  if ((flags & MAP_RDONLY_PROG) === 0 || frozen !== true) {
    env.fail(Errno.EACCES, `R${regno} does not point to a readonly map'`);
  }
  if (!regs.isConst(reg)) env.fail(Errno.EACCES, `R${regno} is not a constant address'`);
  if (type !== ARRAY) env.fail(Errno.EACCES, 'no direct value access support for this map type');
  const at = regs.off(reg) + regs.valueNumber(reg);
  checkHelperMemory(env, regno, valueSize - at, false, false, null);
  if (maxEntries !== 1) env.fail(Errno.ENOTSUPP, 'direct value access on string failed');
  if (!(map.constant?.includes(0, at) ?? false)) env.fail(Errno.EINVAL, 'string is not zero-terminated');
}

/** The address of a timer inside a map value. */
function checkTimerAddress(env: Env, regno: number): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const map = env.maps[regs.get(reg, W_A)];
  if (!regs.isConst(reg)) {
    const text = `R${regno} doesn't have constant offset. bpf_timer has to be at the constant offset`;
    env.fail(Errno.EINVAL, text);
  }
  const field = fieldOfValue(env, map, 'bpf_timer');
  const off = regs.off(reg) + regs.valueNumber(reg);
  if (off !== field.offset) {
    env.fail(Errno.EINVAL, `off ${off} doesn't point to 'struct bpf_timer' that is at ${field.offset}`);
  }
  if (env.preemptRt) env.fail(Errno.EOPNOTSUPP, 'bpf_timer cannot be used for PREEMPT_RT.');
}

/** The address of a workqueue inside a map value; a value without one has it at -EINVAL. */
export function checkWorkqueueAddress(env: Env, regno: number): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const field = mapFields(env, env.maps[regs.get(reg, W_A)]).find((one) => one.kind === 'bpf_wq');
  const place = field?.offset ?? -Errno.EINVAL;
  const off = BigInt(regs.off(reg)) + BigInt.asIntN(64, regs.value(reg));
  if (off === BigInt(place)) return;
  env.fail(Errno.EINVAL, `off ${off} doesn't point to 'struct bpf_wq' that is at ${place}`);
}

function checkKptrSlot(env: Env, regno: number, meta: CallMeta): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const map = baseType(regs.type(reg)) === RegType.MAP_VALUE ? env.maps[regs.get(reg, W_A)] : null;
  if (map !== null && (map.spec.valueType === undefined || map.spec.valueType === 0)) {
    env.fail(Errno.EINVAL, `map '${map.spec.name}' has to have BTF in order to use bpf_kptr_xchg`);
  }
  if (!regs.isConst(reg)) {
    env.fail(Errno.EINVAL, `R${regno} doesn't have constant offset. kptr has to be at the constant offset`);
  }
  const fields = fieldsAt(env, reg).filter((one) => one.kind.includes('kptr'));
  if (fields.length === 0) {
    const name = env.legacy && map !== null ? `map '${map.spec.name}'` : `R${regno}`;
    env.fail(Errno.EINVAL, `${name} has no valid kptr`);
  }
  const off = regs.off(reg) + regs.valueNumber(reg);
  const field = fields.find((one) => one.offset === off);
  if (field === undefined) env.fail(Errno.EACCES, `off=${off} doesn't point to kptr`);
  if (field.kind === 'kptr_untrusted') env.fail(Errno.EACCES, `off=${off} kptr isn't referenced kptr`);
  meta.kptr = field;
}

function checkFixedMemory(env: Env, proto: Prototype, index: number, arg: Argument, meta: CallMeta): void {
  const size = Number(FIXED_SIZES[arg.of] ?? '8');
  const raw = arg.kind === 'UNINIT_FIXED_MEM' ? meta.raw : null;
  checkHelperMemory(env, index + 1, size, isWritten(proto, index, arg.kind), false, raw);
}

function checkSizePair(env: Env, proto: Prototype, index: number, zeroOk: boolean, meta: CallMeta): void {
  const before = proto.args[index - 1];
  const raw = before.kind === 'UNINIT_MEM' ? meta.raw : null;
  meta.sizeMax = env.regs.umax(env.reg(index + 1));
  checkSizedMemory(env, index + 1, isWritten(proto, index - 1, before.kind), zeroOk, raw);
}

function checkMapSized(env: Env, regno: number, kind: string, arg: Argument, meta: CallMeta): void {
  if (meta.map < 0) {
    env.fail(Errno.EACCES, `invalid map_ptr to access map->${kind === 'KEY' ? 'key' : 'value'}`);
  }
  const { spec } = env.maps[meta.map];
  if (kind === 'KEY') {
    checkHelperMemory(env, regno, spec.keySize, false, false, null);
    return;
  }
  if (arg.nullable && env.regs.isZero(env.reg(regno))) return;
  const written = kind === 'UNINIT_VALUE';
  checkHelperMemory(env, regno, spec.valueSize, written, false, written ? meta.raw : null);
}

const SOCKMAPS = new Set([15, 18]);

/** Values of sockmaps are sockets. */
function valueArgument(env: Env, arg: Argument, meta: CallMeta): Argument {
  if (meta.map < 0) env.fail(Errno.EACCES, 'invalid map_ptr to access map->type');
  if (!SOCKMAPS.has(env.maps[meta.map].spec.type)) return arg;
  if (arg.kind !== 'VALUE' || arg.nullable) {
    env.fail(Errno.EINVAL, 'invalid arg_type for sockmap/sockhash');
  }
  return { ...arg, kind: 'SOCK_COMMON/BTF' };
}

/** Checks argument `index` of a helper call. */
export function checkArgument(env: Env, proto: Prototype, index: number, meta: CallMeta): void {
  const { regs } = env;
  let arg = proto.args[index];
  const regno = index + 1;
  const reg = readReg(env, regno);
  const type = regs.type(reg);
  if (arg.kind === 'ANY' || (arg.kind === 'SCALAR' && env.legacy)) {
    if (!env.privileged && type !== RegType.SCALAR) {
      env.fail(Errno.EACCES, `R${regno} leaks addr into helper function`);
    }
    return;
  }
  checkPacketArgument(env, proto, type);
  if (arg.kind === 'VALUE' || arg.kind === 'UNINIT_VALUE') arg = valueArgument(env, arg, meta);
  const isNull = regs.isZero(reg) && (arg.nullable || arg.kind === 'STACK0');
  if (!isNull) {
    checkType(env, proto, index, arg, meta);
    if (!(arg.kind === 'DYNPTR' && type === RegType.STACK)) checkOffset(env, regno, arg.release);
  }
  if (arg.release) {
    if (regs.get(reg, W_REF) === 0 && !regs.isZero(reg) && !arg.kind.startsWith('DYNPTR')) {
      env.fail(Errno.EINVAL, `R${regno} must be referenced when passed to release function`);
    }
    meta.releaseRegno = regno;
  }
  if (regs.get(reg, W_REF) !== 0 && arg.kind !== 'KPTR_DEST') meta.reference = regs.get(reg, W_REF);
  switch (arg.kind) {
    case 'MAP':
      if (meta.map >= 0) checkSameMap(env, regno, meta);
      noteMap(env, regno, meta);
      return;
    case 'KEY':
    case 'VALUE':
    case 'UNINIT_VALUE':
      checkMapSized(env, regno, arg.kind, arg, meta);
      return;
    case 'FIXED_MEM':
    case 'UNINIT_FIXED_MEM':
      checkFixedMemory(env, proto, index, arg, meta);
      return;
    case 'SIZE':
    case 'SIZE0':
      checkSizePair(env, proto, index, arg.kind === 'SIZE0', meta);
      return;
    case 'ALLOC_SIZE':
      if (!regs.isConst(reg)) env.fail(Errno.EACCES, `R${regno} is not a known constant'`);
      meta.memSize = Number(regs.value(reg));
      markPrecise(env, regno);
      return;
    case 'FUNC':
      meta.callback = regs.get(reg, W_A);
      return;
    case 'PERCPU_BTF':
      if (regs.get(reg, W_A) === 0) env.fail(Errno.EACCES, `Helper has invalid btf_id in R${regno}`);
      meta.resultBtf = regs.get(reg, W_A);
      meta.isAllocated = regs.get(reg, W_B) === 1;
      return;
    case 'CONST_STR':
      checkConstantString(env, regno);
      return;
    case 'TIMER':
      checkTimerAddress(env, regno);
      noteMap(env, regno, meta);
      return;
    case 'SPIN_LOCK':
      return;
    case 'KPTR_DEST':
      checkKptrSlot(env, regno, meta);
      return;
    case 'DYNPTR':
    case 'UNINIT_DYNPTR':
      checkDynptrArgument(env, regno, arg, meta);
      return;
    default:
  }
}

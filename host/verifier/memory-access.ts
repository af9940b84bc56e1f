import { LIVE_WRITTEN } from '../../assembly/layout/verifier.js';
import { accessBtfPointer, setBtfPointer } from './btf-access.js';
import { walkStruct } from './btf-walk.js';
import { BtfKind } from '../btf/types.js';
import type { Env } from './env.js';
import { checkMapFields } from './map-fields.js';
import { tnumText, typeName } from './log-text.js';
import { W_A, W_B, W_ID, W_LIVE, W_SUBREG, mayBeNull } from './registers.js';
import { RegType, TypeFlag, baseType, hasFlag } from './reg-type.js';
import { checkStackBounds, readStack, writeStack, StackUse } from './stack.js';
import { Errno } from './verifier-error.js';

const UNBOUNDED = 1n << 29n;
const FLOW_KEYS_SIZE = 56;
const MAP_RDONLY_PROG = 1 << 7;
const MAP_WRONLY_PROG = 1 << 8;
const STRICT_ALIGNMENT = 1;
const IP_ALIGN = 2;

/** Types whose programs may store into packets (spec: direct packet write by type). */
const PACKET_WRITERS = new Set([3, 4, 6, 12, 14, 16]);
const PACKET_READERS = new Set([1, 8, 10, 11, 13, 19, 21, 22]);
const CGROUP_SOCKOPT = 25;

/** Result of a load: into which register (-1 = none), and whether the value is sign-extended. */
export interface Access {
  readonly off: number;
  readonly size: number;
  readonly isWrite: boolean;
  /** Loaded or stored register; -1 = none. */
  readonly value: number;
  readonly signExtend: boolean;
}

function alignmentName(type: number): string {
  switch (type) {
    case RegType.FLOW_KEYS:
      return 'flow keys ';
    case RegType.MAP_KEY:
      return 'key ';
    case RegType.MAP_VALUE:
      return 'value ';
    case RegType.CTX:
      return 'context ';
    case RegType.STACK:
      return 'stack ';
    case RegType.SOCKET:
      return 'sock ';
    case RegType.SOCK_COMMON:
      return 'sock_common ';
    case RegType.TCP_SOCK:
      return 'tcp_sock ';
    case RegType.XDP_SOCK:
      return 'xdp_sock ';
    default:
      return '';
  }
}

function misaligned(env: Env, reg: number, off: number, size: number, extra: number): boolean {
  const { regs } = env;
  const fixed = BigInt(regs.off(reg) + off + extra);
  const low = BigInt.asUintN(64, regs.value(reg) + fixed) | regs.mask(reg);
  return (low & BigInt(size - 1)) !== 0n;
}

function checkAlignment(env: Env, regno: number, off: number, size: number, strictOnce: boolean): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  if (type === RegType.ARENA) return;
  const strict = strictOnce || type === RegType.STACK || (env.program.spec.flags & STRICT_ALIGNMENT) !== 0;
  if (!strict || size === 1) return;
  const range = tnumText(regs.value(reg), regs.mask(reg));
  if (type === RegType.PACKET || type === RegType.PACKET_META) {
    if (!misaligned(env, reg, off, size, IP_ALIGN)) return;
    env.fail(
      Errno.EACCES,
      `misaligned packet access off ${IP_ALIGN}+${range}+${regs.off(reg)}+${off} size ${size}`,
    );
  }
  if (!misaligned(env, reg, off, size, 0)) return;
  env.fail(
    Errno.EACCES,
    `misaligned ${alignmentName(type)}access off ${range}+${regs.off(reg)}+${off} size ${size}`,
  );
}

/** Checks one offset against a size; prints why not. */
function insideMemory(
  env: Env,
  regno: number,
  off: number,
  size: number,
  limit: number,
  zeroOk: boolean,
): boolean {
  if (off >= 0 && (size > 0 || zeroOk) && off + size <= limit) return true;
  const reg = env.reg(regno);
  const { regs } = env;
  switch (baseType(regs.type(reg))) {
    case RegType.MAP_KEY:
      env.say(`invalid access to map key, key_size=${limit} off=${off} size=${size}`);
      break;
    case RegType.MAP_VALUE:
      env.say(`invalid access to map value, value_size=${limit} off=${off} size=${size}`);
      break;
    case RegType.PACKET:
    case RegType.PACKET_META:
    case RegType.PACKET_END:
      env.say(
        `invalid access to packet, off=${off} size=${size}, R${regno}(id=${regs.id(reg)},off=${off},r=${limit})`,
      );
      break;
    default:
      env.say(`invalid access to memory, mem_size=${limit >>> 0} off=${off} size=${size}`);
  }
  return false;
}

/** Checks [off, off + size) plus the register's variable part against a memory region of `limit` bytes. */
export function checkRegion(
  env: Env,
  regno: number,
  off: number,
  size: number,
  limit: number,
  zeroOk: boolean,
): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const smin = regs.smin(reg);
  if (smin < 0n) {
    const low = BigInt(off) + smin;
    if (low < 0n || low !== BigInt.asIntN(32, low)) {
      env.fail(
        Errno.EACCES,
        `R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`,
      );
    }
  }
  if (!insideMemory(env, regno, Number(BigInt.asIntN(32, smin + BigInt(off))), size, limit, zeroOk)) {
    env.fail(Errno.EACCES, `R${regno} min value is outside of the allowed memory range`);
  }
  const umax = regs.umax(reg);
  if (umax >= UNBOUNDED) {
    env.fail(Errno.EACCES, `R${regno} unbounded memory access, make sure to bounds check any such access`);
  }
  if (!insideMemory(env, regno, Number(umax) + off, size, limit, zeroOk)) {
    env.fail(Errno.EACCES, `R${regno} max value is outside of the allowed memory range`);
  }
}

/** A pointer used as a whole: fixed offset, which must be 0 unless `fixedOk`. */
export function checkPointerOffset(env: Env, regno: number, fixedOk: boolean): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const name = typeName(regs.type(reg));
  const off = regs.off(reg);
  if (off < 0) env.fail(Errno.EACCES, `negative offset ${name} ptr R${regno} off=${off} disallowed`);
  if (!fixedOk && off !== 0) {
    env.fail(Errno.EACCES, `dereference of modified ${name} ptr R${regno} off=${off} disallowed`);
  }
  if (!regs.isConst(reg) || regs.value(reg) !== 0n) {
    const range = tnumText(regs.value(reg), regs.mask(reg));
    env.fail(Errno.EACCES, `variable ${name} access var_off=${range} disallowed`);
  }
}

/** Map flags may forbid programs to read or write values. */
export function checkMapRights(env: Env, regno: number, off: number, size: number, isWrite: boolean): void {
  const map = env.maps[env.regs.get(env.reg(regno), W_A)];
  const sizes = `value_size=${map.spec.valueSize} off=${off} size=${size}`;
  if (isWrite && (map.spec.flags & MAP_RDONLY_PROG) !== 0) {
    env.fail(Errno.EACCES, `write into map forbidden, ${sizes}`);
  }
  if (!isWrite && (map.spec.flags & MAP_WRONLY_PROG) !== 0) {
    env.fail(Errno.EACCES, `read from map forbidden, ${sizes}`);
  }
}

function accessMapValue(env: Env, regno: number, access: Access): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const map = env.maps[regs.get(reg, W_A)];
  const off = access.off + regs.off(reg);
  checkMapRights(env, regno, off, access.size, access.isWrite);
  checkRegion(env, regno, off, access.size, map.spec.valueSize, false);
  const kptr = checkMapFields(env, regno, off, access);
  if (access.isWrite || access.value < 0) return;
  const target = env.reg(access.value);
  if (kptr !== null) {
    setBtfPointer(env, target, 0, kptr.id, kptr.flags);
    return;
  }
  if (map.constant !== undefined && regs.isConst(reg)) {
    const at = off + regs.valueNumber(reg);
    let value = 0n;
    for (let i = access.size - 1; i >= 0; i--) value = (value << 8n) | BigInt(map.constant[at + i] ?? 0);
    if (access.signExtend) value = BigInt.asIntN(access.size * 8, value);
    regs.setConst(target, BigInt.asUintN(64, value));
    return;
  }
  regs.setUnknown(target);
}

function accessContext(env: Env, regno: number, access: Access): void {
  const { regs, aux } = env;
  const reg = env.reg(regno);
  if (
    access.isWrite &&
    access.value >= 0 &&
    !env.privileged &&
    regs.type(env.reg(access.value)) !== RegType.SCALAR
  ) {
    env.fail(Errno.EACCES, `R${access.value} leaks addr into ctx`);
  }
  checkPointerOffset(env, regno, false);
  const off = access.off + regs.off(reg);
  const field = env.program.contextTable(
    { insn: env.insn, offset: off, size: access.size, isWrite: access.isWrite },
    (text) => env.say(text),
  );
  const refused = field === null || (access.signExtend && field.noSignExtend === true);
  if (refused) env.fail(Errno.EACCES, `invalid bpf_context access off=${off} size=${access.size}`);
  aux.ctxFieldSize[env.insn] = field.fieldSize;
  if (access.isWrite || access.value < 0) return;
  const target = env.reg(access.value);
  const base = baseType(field.regType);
  if (base === RegType.SCALAR || field.regType === RegType.NOT_INIT) {
    regs.setUnknown(target);
    if (field.range !== undefined) {
      const [min, max] = field.range;
      regs.setSigned32Range(target, min, max);
      env.mem.domain.scalarSync(target);
    }
    return;
  }
  regs.setPointer(target, field.regType);
  regs.set(target, W_SUBREG, 0);
  if (mayBeNull(field.regType)) regs.set(target, W_ID, env.newId());
  if (base === RegType.BTF_ID) {
    regs.set(target, W_A, field.btfId ?? 0);
    regs.set(target, W_B, 0);
  } else if (field.memSize !== undefined) {
    regs.set(target, W_A, field.memSize);
  }
}

/** Whether programs of this type may reach packet bytes directly. */
export function mayAccessPacket(env: Env, isWrite: boolean): boolean {
  const { type } = env.program.spec;
  if (PACKET_WRITERS.has(type) || type === CGROUP_SOCKOPT) {
    if (isWrite) env.seenDirectWrite = true;
    return true;
  }
  return !isWrite && PACKET_READERS.has(type);
}

/** Checks packet bytes against the range the program has proved. */
export function checkPacket(env: Env, regno: number, off: number, size: number, zeroOk: boolean): void {
  const { regs } = env;
  const reg = env.reg(regno);
  if (regs.smin(reg) < 0n) {
    env.fail(
      Errno.EACCES,
      `R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`,
    );
  }
  const range = regs.get(reg, W_A);
  const ok = range >= 0 && insideMemory(env, regno, off, size, range, zeroOk);
  if (!ok) {
    env.fail(range < 0 ? Errno.EINVAL : Errno.EACCES, `R${regno} offset is outside of the packet`);
  }
}

function accessBuffer(env: Env, regno: number, access: Access, name: string): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const off = access.off + regs.off(reg);
  if (off < 0) {
    env.fail(Errno.EACCES, `R${regno} invalid ${name} buffer access: off=${off}, size=${access.size}`);
  }
  if (!regs.isConst(reg) || regs.value(reg) !== 0n) {
    const range = tnumText(regs.value(reg), regs.mask(reg));
    env.fail(Errno.EACCES, `R${regno} invalid variable buffer offset: off=${off}, var_off=${range}`);
  }
  if (!access.isWrite && access.value >= 0) regs.setUnknown(env.reg(access.value));
}

function accessSocket(env: Env, regno: number, access: Access): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  const name = typeName(type);
  if (access.isWrite) env.fail(Errno.EACCES, `R${regno} cannot write into ${name}`);
  const off = access.off + regs.off(reg);
  if (regs.smin(reg) < 0n) {
    env.fail(
      Errno.EACCES,
      `R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`,
    );
  }
  if (!socketField(type, off, access.size)) {
    env.fail(Errno.EACCES, `R${regno} invalid ${name} access off=${off} size=${access.size}`);
  }
  env.aux.ctxFieldSize[env.insn] = type === RegType.TCP_SOCK && off >= 80 && off < 96 ? 8 : 4;
  if (access.value >= 0) regs.setUnknown(env.reg(access.value));
}

/** Fields of struct bpf_sock, bpf_tcp_sock and bpf_xdp_sock. */
function socketField(type: number, off: number, size: number): boolean {
  if (off < 0 || off % size !== 0) return false;
  if (type === RegType.XDP_SOCK) return off === 0 && size === 4;
  if (type === RegType.TCP_SOCK) {
    if (off === 80 || off === 88) return size === 8;
    return size === 4 && off + 4 <= 112 && (off < 80 || off >= 96);
  }
  if (off + size > 80) return false;
  if (type === RegType.SOCK_COMMON && off >= 8 && off < 24) return false;
  if (off < 4 || (off >= 16 && off < 24)) return size === 4;
  if (off >= 48 && off < 52) return off < 50 ? size <= 2 || (off === 48 && size === 4) : false;
  return size <= 4;
}

function accessMapPointer(env: Env, regno: number, access: Access): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const off = access.off + regs.off(reg);
  const struct = mapStruct(env.maps[regs.get(reg, W_A)].spec.type);
  const btf = env.kernel.btf;
  const id = struct === '' ? 0 : btf.find(struct, BtfKind.STRUCT);
  if (id === 0) {
    const { type } = env.maps[regs.get(reg, W_A)].spec;
    env.fail(Errno.ENOTSUPP, `map_ptr access not supported for map type ${type}`);
  }
  if (off < 0) env.fail(Errno.EACCES, `R${regno} is ${struct} invalid negative access: off=${off}`);
  if (access.isWrite) env.fail(Errno.EACCES, `only read from ${struct} is supported`);
  const found = walkStruct(btf, id, off, access.size, { legacy: env.legacy, untrusted: false });
  if ('message' in found) env.fail(found.errno, found.message);
  if (access.value < 0) return;
  const target = env.reg(access.value);
  if (found.kind === 'pointer') setBtfPointer(env, target, 0, found.id, TypeFlag.PTR_UNTRUSTED);
  else regs.setUnknown(target);
}

/** Kernel struct of a map type; '' = none. */
function mapStruct(type: number): string {
  const structs: Record<number, string> = {
    1: 'bpf_htab',
    2: 'bpf_array',
    3: 'bpf_array',
    4: 'bpf_array',
    5: 'bpf_htab',
    6: 'bpf_array',
    7: 'bpf_stack_map',
    8: 'bpf_array',
    9: 'bpf_htab',
    10: 'bpf_htab',
    11: 'lpm_trie',
    12: 'bpf_array',
    13: 'bpf_htab',
    14: 'bpf_dtab',
    15: 'bpf_stab',
    16: 'bpf_cpu_map',
    17: 'xsk_map',
    18: 'bpf_shtab',
    19: 'bpf_cgroup_storage_map',
    20: 'reuseport_array',
    21: 'bpf_cgroup_storage_map',
    22: 'bpf_queue_stack',
    23: 'bpf_queue_stack',
    24: 'bpf_local_storage_map',
    25: 'bpf_dtab',
    27: 'bpf_ringbuf_map',
    28: 'bpf_local_storage_map',
    29: 'bpf_local_storage_map',
    30: 'bpf_bloom_filter',
    31: 'bpf_ringbuf_map',
    32: 'bpf_local_storage_map',
    33: 'bpf_arena',
  };
  return structs[type] ?? '';
}

function checkLeak(env: Env, access: Access, into: string): void {
  if (!access.isWrite || access.value < 0 || env.privileged) return;
  if (env.regs.type(env.reg(access.value)) === RegType.SCALAR) return;
  env.fail(Errno.EACCES, `R${access.value} leaks addr into ${into}`);
}

function accessStack(env: Env, regno: number, access: Access): void {
  const off = access.off + env.regs.off(env.reg(regno));
  checkStackBounds(env, regno, off, access.size, access.isWrite ? StackUse.WRITE : StackUse.READ);
  if (access.isWrite) writeStack(env, regno, off, access.size, access.value);
  else readStack(env, regno, off, access.size, access.value);
}

function accessPacket(env: Env, regno: number, access: Access): void {
  if (access.isWrite && !mayAccessPacket(env, true)) env.fail(Errno.EACCES, 'cannot write into packet');
  checkLeak(env, access, 'packet');
  const off = access.off + env.regs.off(env.reg(regno));
  checkPacket(env, regno, off, access.size, false);
  if (!access.isWrite && access.value >= 0) env.regs.setUnknown(env.reg(access.value));
}

function accessMem(env: Env, regno: number, access: Access): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  if (access.isWrite && hasFlag(type, TypeFlag.MEM_RDONLY)) {
    env.fail(Errno.EACCES, `R${regno} cannot write into ${typeName(type)}`);
  }
  checkLeak(env, access, 'mem');
  checkRegion(env, regno, access.off + regs.off(reg), access.size, regs.get(reg, W_A), false);
  if (access.value >= 0 && !access.isWrite) regs.setUnknown(env.reg(access.value));
}

/** Loads narrower than 8 bytes: the rest of the register is zero or the sign. */
function settleLoaded(env: Env, access: Access): void {
  const reg = env.reg(access.value);
  if (env.regs.type(reg) !== RegType.SCALAR) return;
  if (access.signExtend) {
    env.mem.domain.scalarSignExtend64(reg, access.size * 8);
    env.mem.domain.scalarSync(reg);
  } else {
    env.mem.domain.scalarTruncate(reg, access.size);
  }
}

/** A load or store through register `regno`; the caller has checked that the registers may be used. */
export function accessMemory(env: Env, regno: number, access: Access, strictOnce = false): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  checkAlignment(env, regno, access.off, access.size, strictOnce);
  switch (type & ~FLAGS_OF_MEMORY[type & 0xff]) {
    case RegType.STACK:
      accessStack(env, regno, access);
      break;
    case RegType.MAP_VALUE:
      checkLeak(env, access, 'map');
      accessMapValue(env, regno, access);
      break;
    case RegType.MAP_KEY:
      if (access.isWrite) env.fail(Errno.EACCES, `write to change key R${regno} not allowed`);
      checkRegion(
        env,
        regno,
        access.off + regs.off(reg),
        access.size,
        env.maps[regs.get(reg, W_A)].spec.keySize,
        false,
      );
      if (access.value >= 0) regs.setUnknown(env.reg(access.value));
      break;
    case RegType.MEM:
      accessMem(env, regno, access);
      break;
    case RegType.CTX:
      accessContext(env, regno, access);
      break;
    case RegType.PACKET:
    case RegType.PACKET_META:
      accessPacket(env, regno, access);
      break;
    case RegType.FLOW_KEYS:
      checkLeak(env, access, 'flow keys');
      if (access.size <= 0 || access.off < 0 || access.off + access.size > FLOW_KEYS_SIZE) {
        env.fail(Errno.EACCES, `invalid access to flow keys off=${access.off} size=${access.size}`);
      }
      if (!access.isWrite && access.value >= 0) regs.setUnknown(env.reg(access.value));
      break;
    case RegType.SOCKET:
    case RegType.SOCK_COMMON:
    case RegType.TCP_SOCK:
    case RegType.XDP_SOCK:
      accessSocket(env, regno, access);
      break;
    case RegType.TP_BUFFER:
      accessBuffer(env, regno, access, 'tracepoint');
      break;
    case RegType.BUF:
      if (access.isWrite && hasFlag(type, TypeFlag.MEM_RDONLY)) {
        env.fail(Errno.EACCES, `R${regno} cannot write into ${typeName(type)}`);
      }
      accessBuffer(env, regno, access, hasFlag(type, TypeFlag.MEM_RDONLY) ? 'rdonly' : 'rdwr');
      break;
    case RegType.BTF_ID:
      accessBtfPointer(env, regno, access.off + regs.off(reg), access.size, access.isWrite, access.value);
      break;
    case RegType.CONST_MAP_PTR:
      accessMapPointer(env, regno, access);
      break;
    case RegType.ARENA:
      if (!access.isWrite && access.value >= 0) regs.setUnknown(env.reg(access.value));
      break;
    default:
      env.fail(Errno.EACCES, `R${regno} invalid mem access '${typeName(type)}'`);
  }
  if (!access.isWrite && access.value >= 0) {
    env.mem.words[(env.reg(access.value) >> 2) + W_LIVE] |= LIVE_WRITTEN;
    if (access.size < 8) settleLoaded(env, access);
  }
}

const POINTER_FLAGS = ~0xff & ~TypeFlag.MAYBE_NULL;
/** Flags that do not change how a base type is accessed. */
const FLAGS_OF_MEMORY: Record<number, number> = Object.fromEntries(
  Array.from({ length: 256 }, (_, base) => [
    base,
    base === RegType.MEM || base === RegType.BUF || base === RegType.BTF_ID || base === RegType.MAP_VALUE
      ? POINTER_FLAGS
      : 0,
  ]),
);

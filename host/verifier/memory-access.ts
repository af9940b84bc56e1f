import { checkAlignment } from './alignment.js';
import {
  type Access,
  checkMapRights,
  checkPacket,
  checkPointerOffset,
  checkRegion,
  mayAccessPacket,
} from './memory-region.js';
import { accessMapPointer, accessSocket } from './object-access.js';
import { LIVE_WRITTEN } from '../../assembly/layout/verifier.js';
import { accessBtfPointer, setBtfPointer } from './btf-access.js';
import type { Env } from './env.js';
import { checkMapFields } from './map-fields.js';
import { tnumText, typeName } from './log-text.js';
import { W_A, W_B, W_ID, W_LIVE, W_SUBREG, mayBeNull } from './registers.js';
import { RegType, TypeFlag, baseType, hasFlag } from './reg-type.js';
import { StackUse, checkStackBounds } from './stack.js';
import { readStack } from './stack-read.js';
import { writeStack } from './stack-write.js';
import { Errno } from './verifier-error.js';

const FLOW_KEYS_SIZE = 56;

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
    setBtfPointer(env, target, kptr.btf, kptr.id, kptr.flags);
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
    regs.set(target, W_B, field.btf ?? 0);
  } else if (field.memSize !== undefined) {
    regs.set(target, W_A, field.memSize);
  }
}

/** Buffers of tracepoints and iterators: their length is known when the program is attached. */
export function checkBuffer(env: Env, regno: number, off: number, size: number): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  const isReadOnly = hasFlag(type, TypeFlag.MEM_RDONLY);
  const kind = isReadOnly ? 'rdonly' : 'rdwr';
  const name = baseType(type) === RegType.TP_BUFFER ? 'tracepoint' : kind;
  if (off < 0) env.fail(Errno.EACCES, `R${regno} invalid ${name} buffer access: off=${off}, size=${size}`);
  if (!regs.isConst(reg) || regs.value(reg) !== 0n) {
    const range = tnumText(regs.value(reg), regs.mask(reg));
    env.fail(Errno.EACCES, `R${regno} invalid variable buffer offset: off=${off}, var_off=${range}`);
  }
}

function accessBuffer(env: Env, regno: number, access: Access): void {
  const { regs } = env;
  const type = regs.type(env.reg(regno));
  if (access.isWrite && baseType(type) === RegType.BUF && hasFlag(type, TypeFlag.MEM_RDONLY)) {
    env.fail(Errno.EACCES, `R${regno} cannot write into ${typeName(type, env.legacy)}`);
  }
  checkBuffer(env, regno, access.off + regs.off(env.reg(regno)), access.size);
  if (!access.isWrite && access.value >= 0) regs.setUnknown(env.reg(access.value));
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
    env.fail(Errno.EACCES, `R${regno} cannot write into ${typeName(type, env.legacy)}`);
  }
  checkLeak(env, access, 'mem');
  checkRegion(env, regno, access.off + regs.off(reg), access.size, regs.get(reg, W_A), false);
  if (access.value >= 0 && !access.isWrite) regs.setUnknown(env.reg(access.value));
}

function accessFlowKeys(env: Env, regno: number, access: Access): void {
  checkLeak(env, access, 'flow keys');
  const off = access.off + env.regs.off(env.reg(regno));
  if (off < 0 || off + access.size > FLOW_KEYS_SIZE) {
    env.fail(Errno.EACCES, `invalid access to flow keys off=${off} size=${access.size}`);
  }
  if (!access.isWrite && access.value >= 0) env.regs.setUnknown(env.reg(access.value));
}

/** Loads narrower than 8 bytes: the rest of the register is zero or the sign. */
function settleLoaded(env: Env, access: Access): void {
  const reg = env.reg(access.value);
  if (env.regs.type(reg) !== RegType.SCALAR) return;
  if (access.signExtend) {
    // A negative number is no longer the one that was spilled.
    if (env.regs.umax(reg) >= 1n << BigInt(access.size * 8 - 1)) env.regs.unlink(reg);
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
      accessFlowKeys(env, regno, access);
      break;
    case RegType.SOCKET:
    case RegType.SOCK_COMMON:
    case RegType.TCP_SOCK:
    case RegType.XDP_SOCK:
      accessSocket(env, regno, access);
      break;
    case RegType.TP_BUFFER:
    case RegType.BUF:
      accessBuffer(env, regno, access);
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
      env.fail(Errno.EACCES, `R${regno} invalid mem access '${typeName(type, env.legacy)}'`);
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

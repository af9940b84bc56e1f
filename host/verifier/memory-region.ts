import type { Env } from './env.js';
import { tnumText, typeName } from './log-text.js';
import { W_A } from './registers.js';
import { RegType, baseType } from './reg-type.js';
import { Errno } from './verifier-error.js';

const UNBOUNDED = 1n << 29n;
const MAP_RDONLY_PROG = 1 << 7;
const MAP_WRONLY_PROG = 1 << 8;
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
  const name = typeName(regs.type(reg), env.legacy);
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

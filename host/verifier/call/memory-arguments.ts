import { accessBtfPointer } from '../btf-access.js';
import type { Env } from '../env.js';
import { typeName } from '../log-text.js';
import { mapFields } from '../map-fields.js';
import { checkMapRights, checkPacket, checkRegion } from '../memory-region.js';
import { accessMemory, checkBuffer } from '../memory-access.js';
import { markPrecise } from '../precision.js';
import { W_A } from '../registers.js';
import { RegType, TypeFlag, baseType, hasFlag } from '../reg-type.js';
import { type RawMemory, checkStackInitialized } from '../stack-memory.js';
import { StackUse } from '../stack.js';
import { Errno } from '../verifier-error.js';

const UNBOUNDED = 1n << 29n;
/** Program types whose contexts are plain memory: no conversion. */
const PLAIN_CONTEXT = new Set([2, 5, 17, 24, 26, 29, 31]);

function checkFields(env: Env, regno: number, size: number): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const off = regs.off(reg);
  for (const field of mapFields(env, env.maps[regs.get(reg, W_A)])) {
    const first = off + Number(regs.smin(reg));
    const last = off + Number(regs.umax(reg)) + size;
    if (first >= field.offset + field.size || field.offset >= last) continue;
    if (field.kind.includes('kptr')) env.fail(Errno.EACCES, 'kptr cannot be accessed indirectly by helper');
    env.fail(Errno.EACCES, `${field.kind} cannot be accessed directly by load/store`);
  }
}

/** Memory of `size` bytes that a helper reads or writes through register `regno`. */
export function checkHelperMemory(
  env: Env,
  regno: number,
  size: number,
  isWrite: boolean,
  zeroOk: boolean,
  raw: RawMemory | null,
): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  const off = regs.off(reg);
  const refuse = (): never =>
    env.fail(Errno.EACCES, `R${regno} cannot write into ${typeName(type, env.legacy)}`);
  switch (baseType(type)) {
    case RegType.PACKET:
    case RegType.PACKET_META:
      checkPacket(env, regno, off, size, zeroOk);
      return;
    case RegType.MAP_KEY:
      if (isWrite && !env.legacy) refuse();
      checkRegion(env, regno, off, size, env.maps[regs.get(reg, W_A)].spec.keySize, zeroOk);
      return;
    case RegType.MAP_VALUE:
      checkMapRights(env, regno, off, size, isWrite);
      checkRegion(env, regno, off, size, env.maps[regs.get(reg, W_A)].spec.valueSize, zeroOk);
      checkFields(env, regno, size);
      return;
    case RegType.MEM:
      if (hasFlag(type, TypeFlag.MEM_RDONLY) && isWrite) refuse();
      checkRegion(env, regno, off, size, regs.get(reg, W_A), zeroOk);
      return;
    case RegType.BUF:
      if (hasFlag(type, TypeFlag.MEM_RDONLY) && isWrite) refuse();
      checkBuffer(env, regno, off, size);
      return;
    case RegType.STACK:
      checkStackInitialized(env, regno, off, size, zeroOk, StackUse.HELPER, raw);
      return;
    case RegType.BTF_ID:
      accessBtfPointer(env, regno, off, size, false, -1);
      return;
    case RegType.CTX:
      if (PLAIN_CONTEXT.has(env.program.spec.type)) {
        if (size === 0) {
          if (!zeroOk) env.fail(Errno.EACCES, 'invalid zero-sized read');
          return;
        }
        accessMemory(env, regno, { off: size - 1, size: 1, isWrite: false, value: -1, signExtend: false });
        return;
      }
      break;
    default:
      break;
  }
  if (zeroOk && size === 0 && regs.isZero(reg)) return;
  env.fail(Errno.EACCES, `R${regno} type=${typeName(type, env.legacy)} expected=${typeName(RegType.STACK)}`);
}

/** Memory of `size` bytes that is read and written. */
export function checkReadWrite(env: Env, regno: number, size: number): void {
  checkHelperMemory(env, regno, size, false, false, null);
  checkHelperMemory(env, regno, size, true, false, null);
}

/** A size argument in register `regno` and the memory before it. */
export function checkSizedMemory(
  env: Env,
  regno: number,
  isWrite: boolean,
  zeroOk: boolean,
  raw: RawMemory | null,
): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const memory = regs.isConst(reg) ? raw : null;
  if (regs.smin(reg) < 0n) {
    env.fail(Errno.EACCES, `R${regno} min value is negative, either use unsigned or 'var &= const'`);
  }
  const umin = regs.umin(reg);
  const umax = regs.umax(reg);
  if (umin === 0n && !zeroOk) {
    if (env.legacy) {
      checkHelperMemory(env, regno - 1, 0, isWrite, zeroOk, memory);
    } else {
      const low = BigInt.asIntN(64, umin);
      const high = BigInt.asIntN(64, umax);
      env.fail(Errno.EACCES, `R${regno} invalid zero-sized read: u64=[${low},${high}]`);
    }
  }
  if (umax >= UNBOUNDED) {
    env.fail(Errno.EACCES, `R${regno} unbounded memory access, use 'var &= const' or 'if (var < const)'`);
  }
  checkHelperMemory(env, regno - 1, Number(umax), isWrite, zeroOk, memory);
  markPrecise(env, regno);
}

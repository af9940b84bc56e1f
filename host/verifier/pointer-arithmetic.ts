import * as isa from '../../assembly/isa.js';
import type { HostAddress, InsnIndex } from '../quantities.js';
import { ALU_OPERATOR } from '../asm/operators.js';
import type { Env } from './env.js';
import { typeName } from './log-text.js';
import { W_A, W_B, W_C, W_FRAME, W_ID, W_OFF, W_REF, W_TYPE, isPacketType, mayBeNull } from './registers.js';
import { RegType, baseType } from './reg-type.js';
import { beginMask, checkPointerBounds, endMask } from './speculation.js';
import { Errno } from './verifier-error.js';

const LIMIT = 1n << 29n;
const S64_MIN = -(1n << 63n);

const NO_ARITHMETIC = new Set<number>([
  RegType.CONST_MAP_PTR,
  RegType.PACKET_END,
  RegType.FLOW_KEYS,
  RegType.SOCKET,
  RegType.SOCK_COMMON,
  RegType.TCP_SOCK,
  RegType.XDP_SOCK,
]);

/** Offsets so large that later checks could overflow are refused. */
function checkSane(env: Env, reg: HostAddress, type: number): void {
  const { regs } = env;
  const name = typeName(type, env.legacy);
  if (regs.isConst(reg)) {
    const value = BigInt.asIntN(64, regs.value(reg));
    if (value >= LIMIT || value <= -LIMIT) {
      env.fail(Errno.EINVAL, `math between ${name} pointer and ${value} is not allowed`);
    }
  }
  const off = BigInt(regs.type(reg) === RegType.SCALAR ? 0 : regs.off(reg));
  if (off >= LIMIT || off <= -LIMIT) {
    env.fail(Errno.EINVAL, `${name} pointer offset ${off} is not allowed`);
  }
  const smin = regs.smin(reg);
  if (smin === S64_MIN) {
    env.fail(
      Errno.EINVAL,
      `math between ${name} pointer and register with unbounded min value is not allowed`,
    );
  }
  if (smin >= LIMIT || smin <= -LIMIT) {
    env.fail(Errno.EINVAL, `value ${smin} makes ${name} pointer be out of bounds`);
  }
}

function checkType(env: Env, to: number, ptr: HostAddress, op: number, known: boolean, value: bigint): void {
  const type = env.regs.type(ptr);
  if (mayBeNull(type)) {
    env.fail(
      Errno.EACCES,
      `R${to} pointer arithmetic on ${typeName(type, env.legacy)} prohibited, null-check it first`,
    );
  }
  const base = baseType(type);
  if (!NO_ARITHMETIC.has(base)) return;
  if (base === RegType.FLOW_KEYS && known) return;
  if (base === RegType.CONST_MAP_PTR && known && value === 0n && op === isa.BPF_ADD) return;
  env.fail(Errno.EACCES, `R${to} pointer arithmetic on ${typeName(type, env.legacy)} prohibited`);
}

/** What makes the pointer what it is, apart from its numbers. */
function copyIdentity(env: Env, to: HostAddress, ptr: HostAddress): void {
  if (to === ptr) return;
  const { regs } = env;
  for (const field of [W_TYPE, W_OFF, W_ID, W_REF, W_A, W_B, W_C, W_FRAME]) {
    regs.set(to, field, regs.get(ptr, field));
  }
}

/** pointer op scalar, into register `to`: one of `ptr` and `scalar` is that register. */
export function adjustPointer(
  env: Env,
  at: InsnIndex,
  to: number,
  ptr: HostAddress,
  scalar: HostAddress,
): void {
  const { regs, code, mem } = env;
  const { domain } = mem;
  const opcode = code.opcode[at];
  const op = opcode & 0xf0;
  const dst = env.reg(to);
  const known = regs.isConst(scalar);
  const smin = regs.smin(scalar);
  const impossible =
    (known && (smin !== regs.smax(scalar) || regs.umin(scalar) !== regs.umax(scalar))) ||
    smin > regs.smax(scalar) ||
    regs.umin(scalar) > regs.umax(scalar);
  if (impossible) {
    regs.setUnknown(dst);
    return;
  }
  if ((opcode & 7) !== isa.BPF_ALU64) {
    if (op === isa.BPF_SUB && env.privileged) {
      regs.setUnknown(dst);
      return;
    }
    env.fail(Errno.EACCES, `R${to} 32-bit pointer arithmetic prohibited`);
  }
  checkType(env, to, ptr, op, known, smin);
  const type = regs.type(ptr);
  checkSane(env, scalar, type);
  checkSane(env, ptr, type);
  const subtracts = op === isa.BPF_SUB;
  const mask = subtracts || op === isa.BPF_ADD ? beginMask(env, at, to, ptr, scalar) : null;
  if (subtracts && dst === scalar) {
    env.fail(Errno.EACCES, `R${to} tried to subtract pointer from scalar`);
  }
  if (subtracts && type === RegType.STACK) {
    env.fail(Errno.EACCES, `R${to} subtraction from stack pointer prohibited`);
  }
  if (!subtracts && op !== isa.BPF_ADD) {
    const name = ALU_OPERATOR[opcode & 0xf0];
    if (op === isa.BPF_AND || op === isa.BPF_OR || op === isa.BPF_XOR) {
      env.fail(Errno.EACCES, `R${to} bitwise operator ${name} on pointer prohibited`);
    }
    env.fail(Errno.EACCES, `R${to} pointer arithmetic with ${name} operator prohibited`);
  }
  const off = BigInt(regs.off(ptr)) + (subtracts ? -smin : smin);
  if (known && off === BigInt.asIntN(32, off)) {
    if (dst !== ptr) regs.copy(dst, ptr);
    domain.unbound32(dst);
    regs.set(dst, W_OFF, Number(off));
  } else {
    const operand = env.scratch3;
    regs.copy(operand, scalar);
    if (dst !== ptr) regs.copy(dst, ptr);
    copyIdentity(env, dst, ptr);
    if (subtracts) {
      domain.subBounds64(dst, operand);
      domain.verifierTnumSub(dst, operand);
    } else {
      domain.addBounds64(dst, operand);
      domain.verifierTnumAdd(dst, operand);
    }
    domain.unbound32(dst);
    if (isPacketType(type)) {
      regs.set(dst, W_ID, env.newId());
      if (!subtracts || smin < 0n) {
        regs.set(dst, W_A, 0);
      }
    }
  }
  checkSane(env, dst, type);
  domain.scalarSync(dst);
  checkPointerBounds(env, to);
  endMask(env, at, to, mask);
}

import * as isa from '../../assembly/isa.js';
import { ID_ADD_CONST, REG_S32MAX, REG_S32MIN } from '../../assembly/layout/verifier.js';
import type { HostAddress } from '../quantities.js';
import { pushBranch } from './branch-stack.js';
import { ALU_OPERATOR } from '../asm/operators.js';
import type { Env } from './env.js';
import { readReg, writeReg } from './liveness.js';
import { adjustPointer } from './pointer-arithmetic.js';
import { markPrecise } from './precision.js';
import { W_ID, W_OFF, W_PRECISE, W_SUBREG, W_TYPE } from './registers.js';
import { RegType } from './reg-type.js';
import { assignScalarId } from './stack.js';
import { regAddress } from './state.js';
import { noteScalarArithmetic } from './speculation.js';
import { Errno } from './verifier-error.js';

const ARENA_TO_KERNEL = 1;
const ARENA_TO_USER = 65536;
const S32_MAX = 0x7fffffff;

function invalid(env: Env, text: string): never {
  return env.fail(Errno.EINVAL, text);
}

function simulateEnd(env: Env, at: number, wide: boolean): void {
  const { code } = env;
  const imm = code.imm[at];
  const swap = wide;
  const bad =
    code.off[at] !== 0 ||
    code.src[at] !== 0 ||
    (imm !== 16 && imm !== 32 && imm !== 64) ||
    (swap && ((code.opcode[at] & 8) !== 0 || env.legacy));
  if (bad) invalid(env, 'BPF_END uses reserved fields');
  finishUnary(env, code.dst[at]);
}

function finishUnary(env: Env, dst: number): void {
  readReg(env, dst);
  const reg = env.reg(dst);
  if (!env.privileged && env.regs.type(reg) !== RegType.SCALAR) {
    env.fail(Errno.EACCES, `R${dst} pointer arithmetic prohibited`);
  }
  writeReg(env, dst);
}

function simulateNeg(env: Env, at: number): void {
  const { code } = env;
  const opcode = code.opcode[at];
  if ((opcode & 8) !== 0 || code.src[at] !== 0 || code.off[at] !== 0 || code.imm[at] !== 0) {
    invalid(env, 'BPF_NEG uses reserved fields');
  }
  finishUnary(env, code.dst[at]);
}

function checkMovFields(env: Env, at: number, wide: boolean): void {
  const { code } = env;
  const off = code.off[at];
  if ((code.opcode[at] & 8) === 0) {
    if (code.src[at] !== 0 || off !== 0) invalid(env, 'BPF_MOV uses reserved fields');
    return;
  }
  if (!env.legacy && wide && off === 1) {
    if (code.imm[at] !== ARENA_TO_KERNEL && code.imm[at] !== ARENA_TO_USER) {
      invalid(env, 'addr_space_cast insn can only convert between address space 1 and 0');
    }
    if (!env.maps.some((map) => map.arena !== undefined)) {
      invalid(env, 'addr_space_cast insn can only be used in a program that has an associated arena');
    }
    return;
  }
  const offOk = off === 0 || (!env.legacy && (off === 8 || off === 16 || (wide && off === 32)));
  if (!offOk || code.imm[at] !== 0) invalid(env, 'BPF_MOV uses reserved fields');
}

function movSignExtend(
  env: Env,
  dst: HostAddress,
  src: HostAddress,
  bits: number,
  wide: boolean,
  from: number,
): void {
  const { regs, mem } = env;
  if (regs.type(src) !== RegType.SCALAR) {
    if (!env.privileged) env.fail(Errno.EACCES, `R${from} sign-extension part of pointer`);
    regs.setUnknown(dst);
    return;
  }
  const keepsId = regs.umax(src) < 1n << BigInt(bits - 1);
  if (keepsId) assignScalarId(env, src);
  regs.copy(dst, src);
  if (!keepsId) regs.unlink(dst);
  if (wide) mem.domain.scalarSignExtend64(dst, bits);
  else mem.domain.scalarSignExtend32(dst, bits);
}

function simulateMov(env: Env, at: number, wide: boolean): void {
  const { code, regs, mem } = env;
  checkMovFields(env, at, wide);
  const to = code.dst[at];
  const from = code.src[at];
  const off = code.off[at];
  const imm = code.imm[at];
  if ((code.opcode[at] & 8) === 0) {
    const dst = writeReg(env, to, false);
    regs.setSmallConst(dst, imm, !wide);
    if (!wide) regs.set(dst, W_SUBREG, at + 1);
    return;
  }
  const src = readReg(env, from, !wide || off === 32);
  const dst = writeReg(env, to, false);
  if (wide) {
    if (off === 1 && !env.legacy) {
      if (imm === ARENA_TO_KERNEL) {
        regs.setUnknown(dst);
        regs.set(dst, W_TYPE, RegType.ARENA);
        regs.set(dst, W_SUBREG, at + 1);
      } else {
        regs.setUnknown(dst);
      }
    } else if (off === 0) {
      assignScalarId(env, src);
      regs.copy(dst, src);
      regs.set(dst, W_SUBREG, 0);
    } else {
      movSignExtend(env, dst, src, off, true, from);
    }
    return;
  }
  if (off !== 0) {
    movSignExtend(env, dst, src, off, false, from);
  } else if (regs.type(src) !== RegType.SCALAR) {
    if (!env.privileged && regs.type(src) !== RegType.ARENA) {
      env.fail(Errno.EACCES, `R${from} partial copy of pointer`);
    }
    regs.setUnknown(dst);
    mem.domain.scalarZext(dst);
  } else {
    const linked = regs.fits32(src) && !env.legacy;
    if (linked) assignScalarId(env, src);
    regs.copy(dst, src);
    if (!linked) regs.unlink(dst);
    mem.domain.scalarZext(dst);
  }
  regs.set(dst, W_SUBREG, at + 1);
  if (regs.type(dst) === RegType.SCALAR) mem.domain.scalarSync(dst);
}

function checkAluFields(env: Env, at: number, wide: boolean): void {
  const { code } = env;
  const op = code.opcode[at] & 0xf0;
  const imm = code.imm[at];
  const off = code.off[at];
  const divides = op === isa.BPF_DIV || op === isa.BPF_MOD;
  const offOk = off === 0 || (!env.legacy && divides && off === 1);
  if ((code.opcode[at] & 8) !== 0) {
    if (imm !== 0 || !offOk) invalid(env, 'BPF_ALU uses reserved fields');
    readReg(env, code.src[at], !wide);
  } else if (code.src[at] !== 0 || !offOk) {
    invalid(env, 'BPF_ALU uses reserved fields');
  }
  readReg(env, code.dst[at], !wide);
  if ((code.opcode[at] & 8) !== 0) return;
  if (divides && imm === 0) invalid(env, 'div by zero');
  if (op === isa.BPF_LSH || op === isa.BPF_RSH || op === isa.BPF_ARSH) {
    if (imm < 0 || imm >= (wide ? 64 : 32)) invalid(env, `invalid shift ${imm}`);
  }
}

/** `and` and `or` of a value in -1..0 with a constant: each of the two is followed on its own (6.12). */
function forkMask(env: Env, at: number, dst: HostAddress, src: HostAddress): void {
  const { regs, code } = env;
  const op = code.opcode[at] & 0xf0;
  if (env.legacy || (op !== isa.BPF_AND && op !== isa.BPF_OR)) return;
  if (regs.isConst(dst) || !regs.isConst(src)) return;
  const w = env.mem.words;
  const narrow = w[(dst + REG_S32MIN) >> 2] === -1 && w[(dst + REG_S32MAX) >> 2] === 0;
  const full = regs.smin(dst) === -1n && regs.smax(dst) === 0n;
  if (!full && !narrow) return;
  const other = regAddress(pushBranch(env, at, at).frame, code.dst[at]);
  if (full) {
    regs.setSmallConst(other, 0, true);
    regs.setSmallConst(dst, -1, false);
  } else {
    regs.setLowConst(other, 0);
    regs.setLowConst(dst, -1);
  }
}

function keepLink(env: Env, at: number, dst: HostAddress, src: HostAddress, wide: boolean): void {
  const { regs, code } = env;
  const id = regs.id(dst);
  if (env.legacy) {
    regs.unlink(dst);
    return;
  }
  const op = code.opcode[at] & 0xf0;
  if (wide && op === isa.BPF_ADD && id !== 0 && regs.isConst(src)) {
    const value = regs.value(src);
    if ((id & ID_ADD_CONST) !== 0 || value > BigInt(S32_MAX)) {
      regs.unlink(dst);
    } else {
      regs.set(dst, W_ID, id | ID_ADD_CONST);
      regs.set(dst, W_OFF, Number(value));
    }
    return;
  }
  regs.unlink(dst);
}

function simulateBinary(env: Env, at: number, wide: boolean): void {
  const { code, regs } = env;
  checkAluFields(env, at, wide);
  const to = code.dst[at];
  const op = code.opcode[at] & 0xf0;
  const dst = writeReg(env, to, false);
  const fromReg = (code.opcode[at] & 8) !== 0;
  let src: HostAddress;
  if (fromReg) {
    src = env.reg(code.src[at]);
  } else {
    src = env.scratch;
    regs.setSmallConst(src, code.imm[at], false);
  }
  const dstPointer = regs.type(dst) !== RegType.SCALAR;
  const srcPointer = regs.type(src) !== RegType.SCALAR;
  if (regs.type(dst) === RegType.ARENA) {
    if (wide) env.aux.needsZext[at] = 1;
    return;
  }
  if (dstPointer && srcPointer) {
    if (op === isa.BPF_SUB && env.privileged) {
      regs.setUnknown(dst);
      return;
    }
    env.fail(Errno.EACCES, `R${to} pointer ${ALU_OPERATOR[code.opcode[at] & 0xf0]} pointer prohibited`);
  }
  if (srcPointer) {
    markPrecise(env, to);
    adjustPointer(env, at, to, env.reg(code.src[at]), env.reg(to));
    return;
  }
  if (dstPointer) {
    if (fromReg) markPrecise(env, code.src[at]);
    adjustPointer(env, at, to, env.reg(to), src);
    return;
  }
  if (fromReg && regs.get(dst, W_PRECISE) !== 0) markPrecise(env, code.src[at]);
  noteScalarArithmetic(env, at);
  forkMask(env, at, dst, src);
  // dst op= dst: the operand must not change under the operation.
  let operand = src;
  if (src === dst) {
    operand = env.scratch2;
    regs.copy(operand, dst);
  }
  const linked = regs.id(dst) !== 0;
  env.mem.domain.scalarAlu(op, wide ? 1 : 0, dst, operand);
  if (linked) keepLink(env, at, dst, operand, wide);
  if (!wide) regs.set(dst, W_SUBREG, at + 1);
}

/** An ALU instruction. */
export function simulateAlu(env: Env, at: number): void {
  const opcode = env.code.opcode[at];
  const wide = (opcode & 7) === isa.BPF_ALU64;
  const op = opcode & 0xf0;
  if (op === isa.BPF_END) simulateEnd(env, at, wide);
  else if (op === isa.BPF_NEG) simulateNeg(env, at);
  else if (op === isa.BPF_MOV) simulateMov(env, at, wide);
  else if (op > isa.BPF_END) invalid(env, `invalid BPF_ALU opcode ${opcode.toString(16)}`);
  else simulateBinary(env, at, wide);
}

import * as isa from '../../assembly/isa.js';
import type { HostAddress, InsnIndex } from '../quantities.js';
import { pushBranch } from './branch-stack.js';
import { isTrusted } from './btf-access.js';
import type { Env } from './env.js';
import { NO_SLOT } from './history.js';
import { collectLinked, syncLinked } from './linked.js';
import { readReg } from './liveness.js';
import { printChanges } from './log-state.js';
import { forEachPlaceOf, markNotNull, settleNull } from './nulls.js';
import { flipJump, isAnyPacket, matchPacketPointers, predictPacket } from './packet.js';
import { markPrecise, pushHistory } from './precision.js';
import { W_ID, mayBeNull } from './registers.js';
import { RegType, TypeFlag, baseType, hasFlag } from './reg-type.js';
import { type State, regAddress } from './state.js';
import { pushMispredicted } from './speculation.js';
import { Errno } from './verifier-error.js';
import { widenForLoop } from './widen.js';

const NOT_JSET = 0xf1;

const OPPOSITE = new Map([
  [isa.BPF_JEQ, isa.BPF_JNE],
  [isa.BPF_JNE, isa.BPF_JEQ],
  [isa.BPF_JGT, isa.BPF_JLE],
  [isa.BPF_JLE, isa.BPF_JGT],
  [isa.BPF_JGE, isa.BPF_JLT],
  [isa.BPF_JLT, isa.BPF_JGE],
  [isa.BPF_JSGT, isa.BPF_JSLE],
  [isa.BPF_JSLE, isa.BPF_JSGT],
  [isa.BPF_JSGE, isa.BPF_JSLT],
  [isa.BPF_JSLT, isa.BPF_JSGE],
  [isa.BPF_JSET, NOT_JSET],
]);

const NOT_NULL_TYPES = new Set<number>([
  RegType.SOCKET,
  RegType.TCP_SOCK,
  RegType.MAP_VALUE,
  RegType.MAP_KEY,
  RegType.SOCK_COMMON,
]);

/** A pointer that a comparison with 0 can be decided for. */
function isNotNull(env: Env, reg: HostAddress): boolean {
  const type = env.regs.type(reg);
  if (env.legacy) return NOT_NULL_TYPES.has(type);
  if (mayBeNull(type)) return false;
  const base = baseType(type);
  if (NOT_NULL_TYPES.has(base) || base === RegType.CONST_MAP_PTR) return true;
  if (base === RegType.BTF_ID) return isTrusted(env, reg);
  return base === RegType.MEM && !hasFlag(type, TypeFlag.PTR_UNTRUSTED);
}

function isScalarConst(env: Env, reg: HostAddress, wide: boolean): boolean {
  if (!env.regs.isScalar(reg)) return false;
  return wide ? env.regs.isConst(reg) : (env.mem.words[(reg >> 2) + 2] | 0) === 0;
}

function predict(env: Env, dst: HostAddress, src: HostAddress, op: number, wide: boolean): number {
  const { regs } = env;
  const a = regs.type(dst);
  const b = regs.type(src);
  if (wide && isAnyPacket(a) && isAnyPacket(b)) return predictPacket(env, dst, src, op);
  if (a !== RegType.SCALAR || b !== RegType.SCALAR) {
    if (!wide) return -1;
    let pointer = dst;
    let scalar = src;
    let way = op;
    if (!isScalarConst(env, src, true)) {
      pointer = src;
      scalar = dst;
      way = flipJump(op);
      if (!isScalarConst(env, scalar, true)) return -1;
    }
    if (!isNotNull(env, pointer) || regs.value(scalar) !== 0n) return -1;
    if (way === isa.BPF_JEQ) return 0;
    return way === isa.BPF_JNE ? 1 : -1;
  }
  if (env.legacy && !isScalarConst(env, src, wide)) {
    if (!isScalarConst(env, dst, wide)) return -1;
    return env.mem.domain.branchPredict(flipJump(op), wide ? 1 : 0, src, dst);
  }
  return env.mem.domain.branchPredict(op, wide ? 1 : 0, dst, src);
}

/** `may_goto`: out of the loop here, the body is queued. */
function simulateMayGoto(env: Env, at: InsnIndex): InsnIndex {
  const { code } = env;
  const bad =
    code.opcode[at] !== (isa.BPF_JMP | isa.BPF_JCOND) ||
    code.src[at] !== 0 ||
    code.dst[at] !== 0 ||
    code.imm[at] !== 0 ||
    code.off[at] === 0;
  if (bad) env.fail(Errno.EINVAL, `invalid may_goto off ${code.off[at]} imm ${code.imm[at]}`);
  const body = pushBranch(env, at + 1, at);
  body.mayGotoDepth++;
  widenForLoop(env, at, body);
  return at + code.off[at] + 1;
}

function checkFields(env: Env, at: InsnIndex, wide: boolean): void {
  const { code, regs } = env;
  const fromReg = (code.opcode[at] & 8) !== 0;
  if (!env.legacy) readReg(env, code.dst[at], !wide);
  if (fromReg) {
    if (code.imm[at] !== 0) env.fail(Errno.EINVAL, 'BPF_JMP/JMP32 uses reserved fields');
    readReg(env, code.src[at], !wide);
    const src = regs.type(env.reg(code.src[at]));
    const dst = regs.type(env.reg(code.dst[at]));
    if (!env.privileged && src !== RegType.SCALAR && !(isAnyPacket(src) && isAnyPacket(dst))) {
      env.fail(Errno.EACCES, `R${code.src[at]} pointer comparison prohibited`);
    }
  } else if (code.src[at] !== 0) {
    env.fail(Errno.EINVAL, 'BPF_JMP/JMP32 uses reserved fields');
  }
  if (env.legacy) readReg(env, code.dst[at], !wide);
}

/** Linux 6.1: everything that carries the id becomes the same. */
function syncSameId(env: Env, state: State, known: HostAddress): void {
  const { regs } = env;
  const id = regs.id(known);
  forEachPlaceOf(env, state, (place) => {
    if (place !== known && regs.isScalar(place) && regs.id(place) === id) regs.copy(place, known);
  });
}

function refineScalars(env: Env, at: InsnIndex, op: number, wide: boolean, here: State, taken: State): void {
  const { code, regs, mem } = env;
  const fromReg = (code.opcode[at] & 8) !== 0;
  const dst = code.dst[at];
  const src = code.src[at];
  const opposite = OPPOSITE.get(op) ?? op;
  const both = regs.isScalar(env.reg(dst)) && (!fromReg || regs.isScalar(env.reg(src)));
  if (!both) return;
  for (const state of [taken, here]) {
    const a = regAddress(state.frame, dst);
    let b: HostAddress;
    if (fromReg) {
      b = regAddress(state.frame, src);
    } else {
      b = env.scratch;
      regs.setSmallConst(b, code.imm[at], false);
    }
    const way = state === taken ? op : opposite;
    if (env.legacy && fromReg && !legacyRefines(env, a, b, op, wide, way)) continue;
    mem.domain.branchRefine(way, wide ? 1 : 0, a, b);
  }
}

/** Linux 6.1 learns nothing from two unknown registers, except that equal ones are equal. */
function legacyRefines(
  env: Env,
  a: HostAddress,
  b: HostAddress,
  op: number,
  wide: boolean,
  way: number,
): boolean {
  if (isScalarConst(env, b, wide) || isScalarConst(env, a, wide)) return true;
  if (!wide || (op !== isa.BPF_JEQ && op !== isa.BPF_JNE)) return false;
  return way === isa.BPF_JEQ;
}

/** Comparing a possibly NULL pointer with one of its kind that is not: equal means not NULL. */
function settleEqualPointers(env: Env, at: InsnIndex, op: number, here: State, taken: State): void {
  const { code, regs } = env;
  const dst = code.dst[at];
  const src = code.src[at];
  const a = regs.type(env.reg(dst));
  const b = regs.type(env.reg(src));
  if (baseType(a) !== baseType(b) || mayBeNull(a) === mayBeNull(b)) return;
  if (baseType(a) === RegType.BTF_ID) return;
  if (op !== isa.BPF_JEQ && op !== isa.BPF_JNE) return;
  const equal = op === isa.BPF_JEQ ? taken : here;
  markNotNull(env, regAddress(equal.frame, mayBeNull(a) ? dst : src));
}

/** A conditional jump; the instruction that the current path goes on with. */
export function simulateBranch(env: Env, at: InsnIndex): InsnIndex {
  const { code, regs } = env;
  const opcode = code.opcode[at];
  const op = opcode & 0xf0;
  const wide = (opcode & 7) === isa.BPF_JMP;
  const known = OPPOSITE.has(op) || (op === isa.BPF_JCOND && !env.legacy);
  if (!known) env.fail(Errno.EINVAL, `invalid BPF_JMP/JMP32 opcode ${op.toString(16)}`);
  if (op === isa.BPF_JCOND) return simulateMayGoto(env, at);
  checkFields(env, at, wide);
  const fromReg = (opcode & 8) !== 0;
  const dst = code.dst[at];
  const src = code.src[at];
  const target = at + code.off[at] + 1;
  let right = env.scratch;
  if (fromReg) right = env.reg(src);
  else regs.setSmallConst(right, code.imm[at], false);
  const left = env.reg(dst);
  const way = predict(env, left, right, op, wide);
  if (way >= 0) {
    if (regs.isScalar(left)) markPrecise(env, dst);
    if (fromReg && regs.isScalar(right)) markPrecise(env, src);
    pushMispredicted(env, at, way === 1 ? at + 1 : target);
    printChanges(env);
    return way === 1 ? target : at + 1;
  }
  const linked: number[] = [];
  if (!env.legacy) {
    if (fromReg && regs.isScalar(right) && regs.id(right) !== 0)
      collectLinked(env, env.state, regs.id(right), linked);
    if (regs.isScalar(left) && regs.id(left) !== 0) collectLinked(env, env.state, regs.id(left), linked);
    if (linked.length > 1) pushHistory(env, NO_SLOT, 0, linked);
  }
  const taken = pushBranch(env, target, at);
  const here = env.state;
  refineScalars(env, at, op, wide, here, taken);
  for (const state of [here, taken]) {
    for (const regno of fromReg ? [src, dst] : [dst]) {
      const reg = regAddress(state.frame, regno);
      if (!regs.isScalar(reg) || regs.get(reg, W_ID) === 0) continue;
      if (env.legacy) syncSameId(env, state, reg);
      else syncLinked(env, state, reg, linked);
    }
  }
  if (wide && fromReg) settleEqualPointers(env, at, op, here, taken);
  const type = regs.type(env.reg(dst));
  const nullTest =
    wide && !fromReg && code.imm[at] === 0 && (op === isa.BPF_JEQ || op === isa.BPF_JNE) && mayBeNull(type);
  if (nullTest) {
    settleNull(env, here, dst, op === isa.BPF_JNE);
    settleNull(env, taken, dst, op === isa.BPF_JEQ);
  } else if (!matchPacketPointers(env, at, here, taken) && !env.privileged && type !== RegType.SCALAR) {
    env.fail(Errno.EACCES, `R${dst} pointer comparison prohibited`);
  }
  printChanges(env);
  return at + 1;
}

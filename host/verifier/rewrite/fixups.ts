import {
  BPF_ALU,
  BPF_ALU64,
  BPF_DW,
  BPF_JCOND,
  BPF_JEQ,
  BPF_JMP,
  BPF_K,
  BPF_MOV,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_REG_AX,
  BPF_REG_FP,
  BPF_SUB,
  BPF_X,
} from '../../../assembly/isa.js';
import type { InsnIndex } from '../../quantities.js';
import { Errno, VerifierError } from '../verifier-error.js';
import { guardDivision, isDivision } from './division.js';
import type { RewriteEnvironment } from './environment.js';
import { rewriteHelperCall } from './helper-call.js';
import { rewriteKfuncCall } from './kfunc-call.js';
import { maskPointerArithmetic } from './pointer-mask.js';
import { callPacketLoad, isPacketLoad } from './packet-load.js';
import { type Code, Pass } from './pass.js';
import { CALL } from './stream.js';
import type { TailCallPoke } from './tail-call.js';

const MAY_GOTO = BPF_JMP | BPF_JCOND;
const COUNTER_SIZE = 8;
const MAX_STACK = 512;
const MAY_GOTO_LIMIT = 8 * 1024 * 1024;
const CAST_TO_USER = 1 << 16;
const BPF_F_NO_USER_CONV = 1 << 18;
const MAP_TYPE_ARENA = 33;

const roundUp8 = (bytes: number): number => (bytes + 7) & ~7;

/**
 * The last rewrite of single instructions: divisions, packet loads, arena casts, may_goto, calls of helpers and kernel
 * functions. Grows `stackDepth` of functions that count may_goto.
 */
export function fixUp(
  env: RewriteEnvironment,
  code: Code,
  stackDepth: number[],
  pokes: TailCallPoke[],
): Code {
  const counted = functionsWithMayGoto(code);
  const { functions } = code;
  const arenaIsKernelOnly = env.spec.maps.some(
    (map) => map.type === MAP_TYPE_ARENA && (map.flags & BPF_F_NO_USER_CONV) !== 0,
  );
  const result = Pass.run(code, (pass, at) => {
    const counter = -(roundUp8(stackDepth[pass.function]) + COUNTER_SIZE);
    if (counted.has(pass.function) && functions[pass.function] === at) {
      pass.storeImm(BPF_DW, BPF_REG_FP, counter, MAY_GOTO_LIMIT);
      pass.land();
    }
    fixUpInsn(env, pass, at, counter, arenaIsKernelOnly, pokes);
  });
  for (const index of counted) {
    stackDepth[index] = roundUp8(stackDepth[index]) + COUNTER_SIZE;
    if (env.prepared.jit || stackDepth[index] <= MAX_STACK) continue;
    const text = `stack size ${stackDepth[index]}(extra ${COUNTER_SIZE}) is too large`;
    throw new VerifierError(Errno.EINVAL, text, undefined, []);
  }
  return result;
}

function fixUpInsn(
  env: RewriteEnvironment,
  pass: Pass,
  at: InsnIndex,
  counter: number,
  arenaIsKernelOnly: boolean,
  pokes: TailCallPoke[],
): void {
  const { input } = pass;
  const code = input.code[at];
  const cls = code & 7;
  if (cls === BPF_ALU64 && code === (BPF_ALU64 | BPF_MOV | BPF_X) && input.off[at] === 1) {
    if (input.imm[at] === 1 || (input.imm[at] === CAST_TO_USER && arenaIsKernelOnly)) {
      return pass.mov32(input.dst[at], input.src[at]);
    }
    return pass.copy();
  }
  if (input.inserted[at] === 0) {
    if (cls === BPF_ALU64 && env.aux.needsZext[input.origin[at]] === 1) {
      pass.insn((code & ~7) | BPF_ALU, input.dst[at], input.src[at], input.off[at], input.imm[at]);
      return;
    }
    if (maskPointerArithmetic(env, pass, at)) return;
  }
  if (isDivision(code)) return guardDivision(pass, at);
  if (isPacketLoad(code)) return callPacketLoad(pass, at, env.immediateOf);
  if (code === MAY_GOTO) return countMayGoto(pass, at, counter);
  if (code !== CALL || input.src[at] === BPF_PSEUDO_CALL) return pass.copy();
  if (input.src[at] === BPF_PSEUDO_KFUNC_CALL) return rewriteKfuncCall(env, pass, at);
  rewriteHelperCall(env, pass, at, pokes);
}

/** Branches away when the function's budget is used up. */
function countMayGoto(pass: Pass, at: InsnIndex, counter: number): void {
  pass.load(BPF_DW, BPF_REG_AX, BPF_REG_FP, counter);
  pass.leadTo(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_AX, 0, 0, pass.input.target[at]);
  pass.aluImm(BPF_SUB, BPF_REG_AX, 1);
  pass.store(BPF_DW, BPF_REG_FP, BPF_REG_AX, counter);
}

function functionsWithMayGoto({ stream, functions }: Code): Set<number> {
  const found = new Set<number>();
  let index = 0;
  for (let at = 0; at < stream.length; at++) {
    while (index + 1 < functions.length && functions[index + 1] <= at) index++;
    if (stream.code[at] === MAY_GOTO) found.add(index);
  }
  return found;
}

import * as isa from '../../assembly/isa.js';
import type { InsnIndex } from '../quantities.js';
import type { Env } from './env.js';
import { Errno } from './verifier-error.js';

const LIMIT = 512;
const TAIL_CALL_LIMIT = 256;
const MAX_FRAMES = 8;

function rounded(env: Env, depth: number): number {
  if (env.legacy || !env.jit) return Math.ceil(Math.max(depth, 1) / 32) * 32;
  return Math.ceil(depth / 16) * 16;
}

interface Walk extends Approach {
  readonly function: number;
  /** Where the function goes on after the call being walked. */
  next: InsnIndex;
}

/** How a function was come to: what its callers use of the stack, how many they are, whether one calls back. */
interface Approach {
  readonly below: number;
  readonly frames: number;
  readonly inCallback: boolean;
}

/** A function that passed with callers that ask for more passes again: chains of calls are many, functions few. */
function hasPassed(
  passed: readonly Approach[] | undefined,
  { below, frames, inCallback }: Approach,
): boolean {
  return (
    passed?.some((one) => one.below >= below && one.frames >= frames && (one.inCallback || !inCallback)) ??
    false
  );
}

/** bpf_throw unwinds to the main program: not through a helper that called back. */
function checkThrow(env: Env, at: InsnIndex, chain: readonly Walk[]): void {
  const { code, program } = env;
  const isThrow =
    code.opcode[at] === (isa.BPF_JMP | isa.BPF_CALL) &&
    program.kfuncs.get(code.imm[at])?.name === 'bpf_throw';
  if (!isThrow || !chain[chain.length - 1].inCallback) return;
  const subprogram = chain[chain.length - 1].function;
  env.fail(Errno.EINVAL, `bpf_throw kfunc (insn ${at}) cannot be called from callback subprog ${subprogram}`);
}

/** What functions that the kernel calls may not contain. */
function checkCallbackBodies(env: Env): void {
  if (env.legacy) return;
  env.program.subprograms.forEach((subprogram, index) => {
    if (subprogram.hasLdAbs && env.callbacks.has(index)) {
      env.fail(Errno.EINVAL, 'cannot use BPF_LD_[ABS|IND] within callback');
    }
    if (subprogram.isExceptionCallback === true && reachesTailCall(env, index)) {
      env.fail(Errno.EINVAL, 'cannot tail call within exception cb');
    }
  });
}

/** A function, or one that it calls at any depth, has a tail call. */
function reachesTailCall(env: Env, start: number): boolean {
  const { calleeOf, subprograms } = env.program;
  const reached = [start];
  for (let i = 0; i < reached.length; i++) {
    const subprogram = subprograms[reached[i]];
    if (subprogram.hasTailCall) return true;
    for (let at = subprogram.start; at < subprogram.end; at++) {
      const callee = calleeOf[at];
      if (callee >= 0 && !reached.includes(callee)) reached.push(callee);
    }
  }
  return false;
}

/** Sums the stack of every chain of calls (through static functions and synchronous callbacks). */
function walkFrom(env: Env, start: number): void {
  const { code, program } = env;
  const { subprograms } = program;
  const enter = (at: number, below: number, frames: number, inCallback: boolean): Walk => ({
    function: at,
    next: subprograms[at].start,
    ...{ below, frames, inCallback: inCallback || env.callbacks.has(at) },
  });
  const passed = new Map<number, Approach[]>();
  const chain: Walk[] = [enter(start, 0, 1, false)];
  let depth = rounded(env, env.stackDepth[start]);
  const check = (): void => {
    if (depth > LIMIT) {
      env.fail(Errno.EACCES, `combined stack size of ${chain.length} calls is ${depth}. Too large`);
    }
  };
  check();
  while (chain.length > 0) {
    const top = chain[chain.length - 1];
    const { end } = subprograms[top.function];
    let called = -1;
    for (; top.next < end && called < 0; top.next++) {
      const at = top.next;
      if (code.src[at] === isa.BPF_PSEUDO_KFUNC_CALL) checkThrow(env, at, chain);
      const isCall = code.opcode[at] === (isa.BPF_JMP | isa.BPF_CALL) && code.src[at] === isa.BPF_PSEUDO_CALL;
      const isFunc =
        code.opcode[at] === (isa.BPF_LD | isa.BPF_IMM | isa.BPF_DW) && code.src[at] === isa.BPF_PSEUDO_FUNC;
      if (!isCall && !isFunc) continue;
      if (isFunc && env.asyncCallbacks.has(program.calleeOf[at])) continue;
      called = program.calleeOf[at];
      if (isCall && subprograms[called].isExceptionCallback === true) {
        env.fail(Errno.EINVAL, `insn ${at} cannot call exception cb directly`);
      }
    }
    if (called >= 0) {
      const callee = enter(called, depth, chain.length + 1, top.inCallback);
      if (hasPassed(passed.get(called), callee)) continue;
      chain.push(callee);
      if (chain.length > MAX_FRAMES) {
        env.fail(Errno.E2BIG, `the call stack of ${chain.length} frames is too deep !`);
      }
      if (depth >= TAIL_CALL_LIMIT && subprograms[called].hasTailCall) {
        env.fail(
          Errno.EACCES,
          `tail_calls are not allowed when call stack of previous frames is ${depth} bytes. Too large`,
        );
      }
      depth += rounded(env, env.stackDepth[called]);
      check();
      continue;
    }
    depth -= rounded(env, env.stackDepth[top.function]);
    chain.pop();
    const known = passed.get(top.function);
    if (known === undefined) passed.set(top.function, [top]);
    else known.push(top);
  }
}

/** Checks that no chain of calls needs more than 512 bytes of stack. */
export function checkStackDepth(env: Env): void {
  checkCallbackBodies(env);
  walkFrom(env, 0);
  for (const subprogram of env.asyncCallbacks) walkFrom(env, subprogram);
  env.program.subprograms.forEach((subprogram, index) => {
    if (subprogram.isExceptionCallback === true) walkFrom(env, index);
  });
}

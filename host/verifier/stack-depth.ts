import * as isa from '../../assembly/isa.js';
import type { InsnIndex } from '../quantities.js';
import type { Env } from './env.js';
import { Errno } from './verifier-error.js';

const LIMIT = 512;
const TAIL_CALL_LIMIT = 256;
const MAX_FRAMES = 8;

function rounded(env: Env, depth: number): number {
  if (env.legacy) return Math.ceil(Math.max(depth, 1) / 32) * 32;
  return Math.ceil(depth / 16) * 16;
}

interface Walk {
  readonly function: number;
  /** Where the function goes on after the call being walked. */
  next: InsnIndex;
}

/** Sums the stack of every chain of calls (through static functions and synchronous callbacks). */
function walkFrom(env: Env, start: number): void {
  const { code, program } = env;
  const { subprograms } = program;
  const chain: Walk[] = [{ function: start, next: subprograms[start].start }];
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
      const isCall = code.opcode[at] === (isa.BPF_JMP | isa.BPF_CALL) && code.src[at] === isa.BPF_PSEUDO_CALL;
      const isFunc =
        code.opcode[at] === (isa.BPF_LD | isa.BPF_IMM | isa.BPF_DW) && code.src[at] === isa.BPF_PSEUDO_FUNC;
      if (!isCall && !isFunc) continue;
      if (isFunc && env.asyncCallbacks.has(program.calleeOf[at])) continue;
      called = program.calleeOf[at];
    }
    if (called >= 0) {
      if (depth >= TAIL_CALL_LIMIT && subprograms[called].hasTailCall) {
        env.fail(
          Errno.EACCES,
          `tail_calls are not allowed when call stack of previous frames is ${depth} bytes. Too large`,
        );
      }
      chain.push({ function: called, next: subprograms[called].start });
      if (chain.length > MAX_FRAMES) {
        env.fail(Errno.E2BIG, `the call stack of ${chain.length} frames is too deep !`);
      }
      depth += rounded(env, env.stackDepth[called]);
      check();
      continue;
    }
    depth -= rounded(env, env.stackDepth[top.function]);
    chain.pop();
  }
}

/** Checks that no chain of calls needs more than 512 bytes of stack. */
export function checkStackDepth(env: Env): void {
  walkFrom(env, 0);
  for (const subprogram of env.asyncCallbacks) walkFrom(env, subprogram);
}

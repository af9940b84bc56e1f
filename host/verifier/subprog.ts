import {
  FRAME_CALLSITE,
  FRAME_IN_CALLBACK,
  FRAME_REGS,
  FRAME_RET_MAX,
  FRAME_RET_MIN,
  FRAME_SUBPROGRAM,
  REG_SIZE,
} from '../../assembly/layout/verifier.js';
import type { InsnIndex } from '../quantities.js';
import { checkGlobalCall } from './call/global-functions.js';
import type { Env } from './env.js';
import { clobberReg, markRead } from './liveness.js';
import { LOG_LEVEL2 } from './log.js';
import { frameText } from './log-text.js';
import { markPrecise } from './precision.js';
import { W_FRAME } from './registers.js';
import { RegType } from './reg-type.js';
import { type State, regAddress } from './state.js';
import { failRange, withinRange } from './return-range.js';
import { Errno } from './verifier-error.js';
import { widenForLoop } from './widen.js';

const MAX_FRAMES = 8;

/** Prepares the arguments of a new frame. */
export type ArgumentSetter = (caller: number, callee: number) => void;

function checkDepth(env: Env, state: State): void {
  if (state.frames.length < MAX_FRAMES) return;
  env.fail(Errno.E2BIG, `the call stack of ${state.frames.length + 1} frames is too deep`);
}

/** A new frame on top of a state, its stack pointer set and nothing else known. */
export function enterFrame(env: Env, state: State, subprogram: number, callsite: InsnIndex): number {
  checkDepth(env, state);
  const number = state.frames.length;
  const frame = env.frames.create(number, subprogram, callsite);
  for (let i = 0; i < 10; i++) env.regs.setNotInit(regAddress(frame, i));
  const fp = regAddress(frame, 10);
  env.regs.setPointer(fp, RegType.STACK);
  env.regs.set(fp, W_FRAME, number);
  state.frames.push(frame);
  if (state === env.state) env.frame = frame;
  env.touchAll();
  return frame;
}

/** Arguments of a called function are the caller's r1 to r5, marks included. */
function copyArguments(env: Env, caller: number, callee: number): void {
  const from = caller + FRAME_REGS + REG_SIZE;
  env.mem.copy(callee + FRAME_REGS + REG_SIZE, from, 5 * REG_SIZE);
}

/** A call of a function of the program; the next instruction. */
export function simulateCall(env: Env, at: InsnIndex): InsnIndex {
  const callee = env.program.calleeOf[at];
  const target = env.program.subprograms[callee];
  const { state } = env;
  // Linux 6.1 counts global functions, which it does not enter.
  if (env.legacy) checkDepth(env, state);
  if (checkGlobalCall(env, at, callee)) return at + 1;
  const caller = env.frame;
  const frame = enterFrame(env, state, callee, at);
  copyArguments(env, caller, frame);
  env.frame = caller;
  for (let i = 0; i < 6; i++) clobberReg(env, i);
  env.frame = frame;
  if (env.log.verbose) {
    const depth = state.frames.length - 1;
    env.log.line('caller:', at, LOG_LEVEL2);
    env.log.line(frameText(env, state, depth - 1, true), at, LOG_LEVEL2);
    env.log.line('callee:', at, LOG_LEVEL2);
    env.log.line(frameText(env, state, depth, true), at, LOG_LEVEL2);
  }
  env.touchAll();
  return target.start;
}

/** The end of a function that was called: back in its caller, at the next instruction. */
export function leaveFrame(env: Env): InsnIndex {
  const { state, regs, frames, mem } = env;
  const callee = env.frame;
  const depth = state.frames.length - 1;
  const caller = state.frames[depth - 1];
  const r0 = regAddress(callee, 0);
  if (regs.type(r0) === RegType.STACK) env.fail(Errno.EINVAL, 'cannot return stack pointer to the caller');
  const inCallback = (frames.flags(callee) & FRAME_IN_CALLBACK) !== 0;
  const callsite = frames.get(callee, FRAME_CALLSITE);
  if (inCallback) {
    if (regs.type(r0) !== RegType.SCALAR) env.fail(Errno.EACCES, 'R0 not a scalar value');
    markRead(env, r0, false);
    markPrecise(env, 0);
    const min = frames.get(callee, FRAME_RET_MIN);
    const max = frames.get(callee, FRAME_RET_MAX);
    if (!withinRange(env, r0, min, max, false)) failRange(env, r0, min, max, 'At callback return', 0);
  } else {
    mem.copy(regAddress(caller, 0), r0, REG_SIZE);
  }
  const next = inCallback && !env.legacy ? callsite : callsite + 1;
  if (env.log.verbose) {
    env.log.line('returning from callee:', env.insn, LOG_LEVEL2);
    env.log.line(frameText(env, state, depth, true), env.insn, LOG_LEVEL2);
    env.log.line(`to caller at ${next}:`, env.insn, LOG_LEVEL2);
    env.log.line(frameText(env, state, depth - 1, true), env.insn, LOG_LEVEL2);
  }
  state.frames.pop();
  frames.free(callee);
  env.frame = caller;
  if (inCallback && !env.legacy) widenForLoop(env, callsite, state);
  return next;
}

/** Frame's function. */
export function subprogramOf(env: Env, frame: number): number {
  return env.frames.get(frame, FRAME_SUBPROGRAM);
}

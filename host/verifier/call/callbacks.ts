import {
  FRAME_CALLBACK_DEPTH,
  FRAME_IN_ASYNC_CALLBACK,
  FRAME_IN_CALLBACK,
  FRAME_RET_MAX,
  FRAME_RET_MIN,
  LIVE_WRITTEN,
  REG_SIZE,
} from '../../../assembly/layout/verifier.js';
import { BtfKind } from '../../btf/types.js';
import type { HostAddress, InsnIndex } from '../../quantities.js';
import { pushBranch } from '../branch-stack.js';
import { setBtfPointer } from '../btf-access.js';
import type { Env } from '../env.js';
import { clobberReg } from '../liveness.js';
import { LOG_LEVEL2 } from '../log.js';
import { frameText } from '../log-text.js';
import { W_A, W_C, W_LIVE } from '../registers.js';
import { RegType } from '../reg-type.js';
import { State, regAddress } from '../state.js';
import { enterFrame } from '../subprog.js';
import { Errno } from '../verifier-error.js';
import type { CallMeta } from './call-meta.js';
import { setNodePointer, setNonOwning } from './kfunc-objects.js';

/** Which helper or kfunc calls back, and so what the function is given. */
export type CallbackKind = 'for_each' | 'loop' | 'find_vma' | 'timer' | 'ringbuf' | 'rbtree' | 'wq';

/** Hash and array maps, per CPU or not, can be walked. */
const ITERABLE = new Set([1, 2, 5, 6, 9, 10]);

function setMapArguments(env: Env, callee: HostAddress, map: number, uid: number, from: number): void {
  const { regs } = env;
  const kinds = [RegType.CONST_MAP_PTR, RegType.MAP_KEY, RegType.MAP_VALUE];
  for (let i = 0; i < 3; i++) {
    const reg = regAddress(callee, from + i);
    regs.setPointer(reg, kinds[i]);
    regs.set(reg, W_A, map);
    regs.set(reg, W_C, uid);
  }
}

/** Copies a register with its marks: reading the copy is reading the original. */
function copyPlace(env: Env, to: HostAddress, from: HostAddress): void {
  env.mem.copy(to, from, REG_SIZE);
}

function setArguments(
  env: Env,
  kind: CallbackKind,
  caller: HostAddress,
  callee: HostAddress,
  meta: CallMeta,
): void {
  const { regs } = env;
  const at = (reg: number): HostAddress => regAddress(callee, reg);
  switch (kind) {
    case 'loop':
      regs.setUnknown(at(1));
      copyPlace(env, at(2), regAddress(caller, 3));
      break;
    case 'for_each':
      setMapArguments(env, callee, meta.map, meta.mapUid, 1);
      copyPlace(env, at(4), regAddress(caller, 3));
      break;
    case 'timer':
    case 'wq':
      setMapArguments(env, callee, meta.map, meta.mapUid, 1);
      break;
    case 'find_vma':
      copyPlace(env, at(1), regAddress(caller, 1));
      setBtfPointer(env, at(2), 0, env.kernel.btf.find('vm_area_struct', BtfKind.STRUCT), 0);
      copyPlace(env, at(3), regAddress(caller, 4));
      break;
    case 'ringbuf':
      regs.setPointer(at(1), RegType.CONST_DYNPTR);
      regs.set(at(1), W_A, 1);
      regs.set(at(1), W_C, 1);
      copyPlace(env, at(2), regAddress(caller, 3));
      break;
    default:
      for (const regno of meta.graph === null ? [] : [1, 2]) {
        setNodePointer(env, at(regno), meta.graph!);
        setNonOwning(env, at(regno));
      }
  }
  const async = kind === 'timer' || kind === 'wq';
  env.frames.addFlags(callee, async ? FRAME_IN_ASYNC_CALLBACK : FRAME_IN_CALLBACK);
  env.frames.set(callee, FRAME_RET_MIN, 0);
  env.frames.set(callee, FRAME_RET_MAX, async ? 0 : 1);
}

/** A function that runs later, on its own: queued with a state of its own. */
function pushAsync(env: Env, kind: CallbackKind, subprogram: number, meta: CallMeta): void {
  env.asyncCallbacks.add(subprogram);
  const state = new State();
  const frame = enterFrame(env, state, subprogram, -1);
  state.branches = 1;
  state.inSleepable = kind === 'wq';
  state.nextInsn = env.program.subprograms[subprogram].start;
  state.previousInsn = env.insn;
  env.stack.push(state);
  if (env.stack.length > 8192) {
    env.fail(
      env.legacy ? Errno.EFAULT : Errno.E2BIG,
      `The sequence of ${env.stack.length} jumps is too complex for async cb.`,
    );
  }
  setArguments(env, kind, env.frame, frame, meta);
}

/**
 * A helper that calls a function of the program. Linux 6.12 queues the function and goes on; it comes back to the
 * call, until states converge. Linux 6.1 steps into it once. Returns the next instruction, or -1 to go on.
 */
export function simulateCallback(env: Env, at: InsnIndex, kind: CallbackKind, meta: CallMeta): InsnIndex {
  const subprogram = meta.callback;
  if (subprogram < 0) return -1;
  if (kind === 'for_each' && !ITERABLE.has(env.maps[meta.map].spec.type)) {
    env.fail(Errno.ENOTSUPP, 'callback function not allowed for map');
  }
  env.callbacks.add(subprogram);
  if (kind === 'timer' || kind === 'wq') {
    pushAsync(env, kind, subprogram, meta);
    return -1;
  }
  if (env.legacy) return enterOnce(env, at, kind, subprogram, meta);
  const queued = pushBranch(env, env.program.subprograms[subprogram].start, at);
  const caller = queued.frame;
  const callee = enterFrame(env, queued, subprogram, at);
  setArguments(env, kind, caller, callee, meta);
  queued.callbackUnroll++;
  env.frames.set(caller, FRAME_CALLBACK_DEPTH, env.frames.callbackDepth(caller) + 1);
  env.frames.set(env.frame, FRAME_CALLBACK_DEPTH, 0);
  return -1;
}

function enterOnce(
  env: Env,
  at: InsnIndex,
  kind: CallbackKind,
  subprogram: number,
  meta: CallMeta,
): InsnIndex {
  const { state } = env;
  const caller = env.frame;
  const callee = enterFrame(env, state, subprogram, at);
  setArguments(env, kind, caller, callee, meta);
  env.frame = caller;
  for (let i = 0; i < 6; i++) clobberReg(env, i);
  env.frame = callee;
  if (env.log.verbose) {
    const depth = state.frames.length - 1;
    env.log.line('caller:', at, LOG_LEVEL2);
    env.log.line(frameText(env, state, depth - 1, true), at, LOG_LEVEL2);
    env.log.line('callee:', at, LOG_LEVEL2);
    env.log.line(frameText(env, state, depth, true), at, LOG_LEVEL2);
  }
  // Linux 6.1 marks the scratch registers of the frame it is in by then as written.
  for (let i = 0; i < 6; i++) {
    const reg = regAddress(callee, i);
    env.regs.set(reg, W_LIVE, env.regs.get(reg, W_LIVE) | LIVE_WRITTEN);
  }
  env.touchAll();
  return env.program.subprograms[subprogram].start;
}

import { BPF_CALL, BPF_JMP } from '../../../assembly/isa.js';
import type { InsnIndex } from '../../quantities.js';
import type { Env } from '../env.js';

/** Helpers that call a function of the program before they return. */
const SYNC_CALLBACK_HELPERS = new Set([164, 180, 181, 209]);
const TIMER_SET_CALLBACK = 170;
const SYNC_CALLBACK_KFUNCS = new Set(['bpf_rbtree_add_impl']);
const ASYNC_CALLBACK_KFUNCS = new Set(['bpf_wq_set_callback_impl']);

export function isSyncCallbackHelper(id: number): boolean {
  return SYNC_CALLBACK_HELPERS.has(id);
}

export function isAsyncCallbackHelper(id: number): boolean {
  return id === TIMER_SET_CALLBACK;
}

export function isSyncCallbackKfunc(name: string): boolean {
  return SYNC_CALLBACK_KFUNCS.has(name);
}

export function isAsyncCallbackKfunc(name: string): boolean {
  return ASYNC_CALLBACK_KFUNCS.has(name);
}

/** Whether the instruction calls a helper or kfunc that runs a callback before it returns. */
export function isSyncCallbackCall(env: Env, at: InsnIndex): boolean {
  const { code } = env;
  if (code.opcode[at] !== (BPF_JMP | BPF_CALL)) return false;
  if (code.src[at] === 0) return isSyncCallbackHelper(code.imm[at]);
  if (code.src[at] !== 2) return false;
  const kfunc = env.program.kfuncs.get(code.imm[at]);
  return kfunc !== undefined && isSyncCallbackKfunc(kfunc.name);
}

/** Same test under the name of its other use: loops through callbacks converge at such a call. */
export const callsCallback = isSyncCallbackCall;

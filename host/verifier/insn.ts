import * as isa from '../../assembly/isa.js';
import type { InsnIndex } from '../quantities.js';
import { simulateAlu } from './alu.js';
import { simulateBranch } from './branch.js';
import { checkCallFields, simulateHelper } from './call/helpers.js';
import { simulateKfunc } from './call/kfuncs.js';
import type { Env } from './env.js';
import { checkExitFields, checkResources, checkReturn } from './exit.js';
import { simulateAtomic, simulateLoad, simulateStore } from './load-store.js';
import { simulateLd } from './ld.js';
import { leaveFrame, simulateCall } from './subprog.js';
import { Errno } from './verifier-error.js';

const STEP_END = -1;

function simulateJa(env: Env, at: InsnIndex): InsnIndex {
  const { code } = env;
  const narrow = (code.opcode[at] & 7) === isa.BPF_JMP32;
  const bad =
    (code.opcode[at] & 8) !== 0 ||
    code.src[at] !== 0 ||
    code.dst[at] !== 0 ||
    (narrow ? code.off[at] !== 0 : code.imm[at] !== 0);
  if (bad) env.fail(Errno.EINVAL, 'BPF_JA uses reserved fields');
  return at + 1 + (narrow ? code.imm[at] : code.off[at]);
}

function simulateJump(env: Env, at: InsnIndex): InsnIndex {
  const { code } = env;
  const op = code.opcode[at] & 0xf0;
  env.jumps++;
  if (op === isa.BPF_CALL) {
    checkCallFields(env, at);
    if (code.src[at] === isa.BPF_PSEUDO_CALL) return simulateCall(env, at);
    if (code.src[at] !== isa.BPF_PSEUDO_KFUNC_CALL) return simulateHelper(env, at);
    const next = simulateKfunc(env, at);
    return next < 0 ? STEP_END : next;
  }
  if (op === isa.BPF_JA) return simulateJa(env, at);
  if (op !== isa.BPF_EXIT) return simulateBranch(env, at);
  checkExitFields(env, at);
  checkResources(env);
  if (env.state.frames.length > 1) return -leaveFrame(env) - 2;
  checkReturn(env);
  return STEP_END;
}

/** Simulates one instruction; the next one, STEP_END, or -n - 2 for a return to instruction n. */
export function step(env: Env, at: InsnIndex): InsnIndex {
  const opcode = env.code.opcode[at];
  switch (opcode & 7) {
    case isa.BPF_ALU:
    case isa.BPF_ALU64:
      simulateAlu(env, at);
      return at + 1;
    case isa.BPF_LDX:
      simulateLoad(env, at);
      return at + 1;
    case isa.BPF_STX:
      if ((opcode & 0xe0) === isa.BPF_ATOMIC) simulateAtomic(env, at);
      else simulateStore(env, at);
      return at + 1;
    case isa.BPF_ST:
      simulateStore(env, at);
      return at + 1;
    case isa.BPF_JMP:
    case isa.BPF_JMP32:
      return simulateJump(env, at);
    default:
      return simulateLd(env, at);
  }
}

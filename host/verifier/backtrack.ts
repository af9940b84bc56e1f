import * as isa from '../../assembly/isa.js';
import type { InsnIndex } from '../quantities.js';
import { callsCallback, isSyncCallbackCall } from './call/callback-kinds.js';
import { disassembleAt } from './disasm-names.js';
import type { Env } from './env.js';
import { MAX_LINKED, NO_SLOT, NO_STEP } from './history.js';
import { LOG_LEVEL2 } from './log.js';
import { FIRST_SLOT, depthOf, inFrameOf } from './place.js';
import { MAX_FRAMES, type Wanted } from './wanted.js';

const ARGUMENTS = 0x3e;

const DONE = 0;
export const UNSUPPORTED = 1;

/** Linked scalars of a conditional jump: when one is wanted, all are. */
function addLinked(env: Env, wanted: Wanted, entry: number): void {
  const { history } = env;
  if (entry === NO_STEP || !history.hasLinked(entry)) return;
  let some = false;
  for (let i = 0; i < MAX_LINKED && !some; i++) {
    const place = history.linked(entry, i);
    if (place < 0) break;
    const inFrame = inFrameOf(place);
    some =
      inFrame >= FIRST_SLOT
        ? wanted.hasSlot(depthOf(place), inFrame - FIRST_SLOT)
        : ((wanted.regs[depthOf(place)] >> inFrame) & 1) !== 0;
  }
  if (!some) return;
  for (let i = 0; i < MAX_LINKED; i++) {
    const place = history.linked(entry, i);
    if (place < 0) break;
    const inFrame = inFrameOf(place);
    if (inFrame >= FIRST_SLOT) wanted.addSlot(depthOf(place), inFrame - FIRST_SLOT);
    else wanted.regs[depthOf(place)] |= 1 << inFrame;
  }
}

function stepAlu(env: Env, at: InsnIndex, wanted: Wanted): number {
  const { code } = env;
  const opcode = code.opcode[at];
  const dst = code.dst[at];
  const src = code.src[at];
  if (!wanted.has(dst)) return DONE;
  const op = opcode & 0xf0;
  if (op === isa.BPF_END || op === isa.BPF_NEG) return DONE;
  const fromReg = (opcode & 8) !== 0;
  if (op === isa.BPF_MOV) wanted.drop(dst);
  if (fromReg && src !== isa.BPF_REG_FP) wanted.add(src);
  return DONE;
}

function stepLoad(env: Env, at: InsnIndex, entry: number, wanted: Wanted): number {
  const { code } = env;
  const dst = code.dst[at];
  if (!wanted.has(dst)) return DONE;
  wanted.drop(dst);
  if (env.legacy) {
    if (code.src[at] !== isa.BPF_REG_FP) return DONE;
    const slot = (-code.off[at] - 1) >> 3;
    if (slot >= 64) return UNSUPPORTED;
    wanted.addSlot(wanted.frame, slot);
    return DONE;
  }
  const slot = entry === NO_STEP ? NO_SLOT : env.history.slot(entry);
  if (slot >= 0) wanted.addSlot(env.history.frame(entry), slot);
  return DONE;
}

function stepStore(env: Env, at: InsnIndex, entry: number, wanted: Wanted): number {
  const { code } = env;
  if (wanted.has(code.dst[at])) return UNSUPPORTED;
  let frame = wanted.frame;
  let slot: number;
  if (env.legacy) {
    if (code.dst[at] !== isa.BPF_REG_FP) return DONE;
    slot = (-code.off[at] - 1) >> 3;
    if (slot >= 64) return UNSUPPORTED;
  } else {
    slot = entry === NO_STEP ? NO_SLOT : env.history.slot(entry);
    if (slot < 0) return DONE;
    frame = env.history.frame(entry);
  }
  if (!wanted.hasSlot(frame, slot)) return DONE;
  wanted.dropSlot(frame, slot);
  if ((code.opcode[at] & 7) === isa.BPF_STX) wanted.add(code.src[at]);
  return DONE;
}

function leaveCallee(wanted: Wanted): void {
  wanted.regs[wanted.frame] = 0;
  wanted.slotsLow[wanted.frame] = 0;
  wanted.slotsHigh[wanted.frame] = 0;
  wanted.frame--;
}

function stepCall(env: Env, at: InsnIndex, after: InsnIndex, wanted: Wanted): number {
  const { code } = env;
  const src = code.src[at];
  if (env.legacy) {
    if (src === isa.BPF_PSEUDO_CALL || callsCallback(env, at)) return UNSUPPORTED;
    wanted.drop(0);
    return (wanted.regs[wanted.frame] & 0x3f) !== 0 ? UNSUPPORTED : DONE;
  }
  if (src === isa.BPF_PSEUDO_CALL) {
    const callee = env.program.calleeOf[at];
    if (env.program.subprograms[callee].isGlobal) {
      if ((wanted.regs[wanted.frame] & ARGUMENTS) !== 0) return UNSUPPORTED;
      wanted.drop(0);
      return DONE;
    }
    // Walking back out of the callee: its arguments are the caller's.
    const args = wanted.regs[wanted.frame];
    if ((args & ~ARGUMENTS) !== 0 || !wanted.noSlots || wanted.frame === 0) return UNSUPPORTED;
    leaveCallee(wanted);
    wanted.regs[wanted.frame] |= args;
    return DONE;
  }
  if (isSyncCallbackCall(env, at) && at !== after - 1) {
    // Walking back out of the callback: its arguments were made by the helper.
    if ((wanted.regs[wanted.frame] & ~ARGUMENTS) !== 0 || !wanted.noSlots || wanted.frame === 0)
      return UNSUPPORTED;
    leaveCallee(wanted);
    return DONE;
  }
  if (src === isa.BPF_PSEUDO_KFUNC_CALL && code.imm[at] === 0) return UNSUPPORTED;
  wanted.drop(0);
  return (wanted.regs[wanted.frame] & ARGUMENTS) !== 0 ? UNSUPPORTED : DONE;
}

function stepExit(env: Env, after: InsnIndex, wanted: Wanted): number {
  if (env.legacy) return UNSUPPORTED;
  // Arguments of a call that calls back are the caller's: the callback does not make them.
  const calledBack = after >= 0 && callsCallback(env, after);
  if (!calledBack && (wanted.regs[wanted.frame] & ARGUMENTS) !== 0) return UNSUPPORTED;
  const returned =
    after >= 1 &&
    env.code.opcode[after - 1] === (isa.BPF_JMP | isa.BPF_CALL) &&
    env.code.src[after - 1] === isa.BPF_PSEUDO_CALL &&
    wanted.has(0);
  wanted.drop(0);
  if (wanted.frame + 1 >= MAX_FRAMES) return UNSUPPORTED;
  wanted.frame++;
  if (returned) wanted.add(0);
  return DONE;
}

/** Whether walking back over an instruction that noted nothing may change what is wanted. */
export function isRelevant(env: Env, at: InsnIndex, wanted: Wanted): boolean {
  if (env.log.verbose || env.legacy) return true;
  const { code } = env;
  const opcode = code.opcode[at];
  const klass = opcode & 7;
  if (klass !== isa.BPF_JMP && klass !== isa.BPF_JMP32) return wanted.has(code.dst[at]);
  const op = opcode & 0xf0;
  if (op === isa.BPF_CALL || op === isa.BPF_EXIT) return true;
  return (opcode & 8) !== 0 && (wanted.has(code.dst[at]) || wanted.has(code.src[at]));
}

/** One instruction backwards; `after` = the one that followed it on the path. */
export function step(env: Env, at: InsnIndex, after: InsnIndex, entry: number, wanted: Wanted): number {
  const { code, log } = env;
  const opcode = code.opcode[at];
  if (opcode === 0) return DONE;
  if (log.verbose) {
    const text = disassembleAt(env, at);
    const { frame } = wanted;
    log.line(
      env.legacy
        ? `regs=${(wanted.regs[frame] >>> 0).toString(16)} stack=${slotMask(wanted, frame)} before ${at}: ${text}`
        : `mark_precise: frame${frame}: regs=${wanted.regsText(frame)} stack=${wanted.slotsText(frame)} before ${at}: ${text}`,
      at,
      LOG_LEVEL2,
    );
  }
  addLinked(env, wanted, entry);
  switch (opcode & 7) {
    case isa.BPF_ALU:
    case isa.BPF_ALU64:
      return stepAlu(env, at, wanted);
    case isa.BPF_LDX:
      return stepLoad(env, at, entry, wanted);
    case isa.BPF_ST:
    case isa.BPF_STX:
      return stepStore(env, at, entry, wanted);
    case isa.BPF_LD: {
      if (!wanted.has(code.dst[at])) return DONE;
      wanted.drop(code.dst[at]);
      const mode = opcode & 0xe0;
      return mode === isa.BPF_ABS || mode === isa.BPF_IND ? UNSUPPORTED : DONE;
    }
    default:
      break;
  }
  const op = opcode & 0xf0;
  if (op === isa.BPF_CALL) return stepCall(env, at, after, wanted);
  if (op === isa.BPF_EXIT) return stepExit(env, after, wanted);
  if (op !== isa.BPF_JA && op !== isa.BPF_JCOND && (opcode & 8) !== 0 && !env.legacy) {
    const dst = code.dst[at];
    const src = code.src[at];
    if (!wanted.has(dst) && !wanted.has(src)) return DONE;
    wanted.add(dst);
    wanted.add(src);
  }
  addLinked(env, wanted, entry);
  return DONE;
}

export function slotMask(wanted: Wanted, frame: number): string {
  return ((BigInt(wanted.slotsHigh[frame] >>> 0) << 32n) | BigInt(wanted.slotsLow[frame] >>> 0)).toString(16);
}

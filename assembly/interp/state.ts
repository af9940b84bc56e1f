// State of the interpreter outside its loop: registers, frames, settings.
import {
  FRAME_FUNC,
  FRAME_HOST,
  FRAME_REGISTERS,
  FRAME_RETURN,
  FRAME_SIZE,
  FRAME_TAIL_CALLS,
  FUNC_ENTRY,
  FUNC_FRAME,
  MAX_FRAMES,
  SET_STACK,
  SET_STACK_LINEAR,
  SET_VERSION,
  STACK_REACH,
  VERSION_6_12,
} from '../layout/interp';

/** R0 to R11, 8 bytes each, then the gate or bpf_prog address of the last stop. */
export const regs: usize = memory.data(104, 16);
export const settings: usize = memory.data(56, 16);

const R10: usize = 80;
const GATE: usize = 96;
const frames: usize = memory.data(14336, 16);
let depth: u32 = 0;

/** Record to go on with. */
export let statePc: usize = 0;
/** Function that runs (layout/interp.ts). */
export let stateFunc: usize = 0;
/** Successful tail calls since the outer entry, as the profile counts them. */
export let tailCalls: u32 = 0;
export function setPc(pc: usize): void {
  statePc = pc;
}

export function setGate(gate: u64): void {
  store<u64>(regs, gate, GATE);
}

export function countTailCall(): void {
  tailCalls++;
}

export function frameDepth(): u32 {
  return depth;
}

/** Linear address of R10. */
export function framePointer(): usize {
  return (
    <usize>(load<u64>(regs, R10) - load<u64>(settings, SET_STACK)) + load<u32>(settings, SET_STACK_LINEAR)
  );
}

// Inline copies: memory.copy is a call out of the module's code.
function saveRegisters(at: usize): void {
  store<u64>(at, load<u64>(regs, 48));
  store<u64>(at, load<u64>(regs, 56), 8);
  store<u64>(at, load<u64>(regs, 64), 16);
  store<u64>(at, load<u64>(regs, 72), 24);
  store<u64>(at, load<u64>(regs, 80), 32);
}

function restoreRegisters(at: usize): void {
  store<u64>(regs, load<u64>(at), 48);
  store<u64>(regs, load<u64>(at, 8), 56);
  store<u64>(regs, load<u64>(at, 16), 64);
  store<u64>(regs, load<u64>(at, 24), 72);
  store<u64>(regs, load<u64>(at, 32), 80);
}

/**
 * Enters `func`; `back` is the record to return to. A frame of the host starts below all others' stack. False when
 * frames or stack are used up.
 */
export function pushFrame(func: usize, back: usize, host: bool): bool {
  if (depth === MAX_FRAMES) return false;
  const base = load<u64>(settings, SET_STACK);
  let top = load<u64>(regs, R10);
  if (stateFunc !== 0) {
    const frame = <u64>load<u32>(stateFunc, FUNC_FRAME);
    if (top - base < frame + STACK_REACH) return false;
    top -= frame;
  }
  const at = frames + <usize>depth * FRAME_SIZE;
  store<u32>(at, <u32>back, FRAME_RETURN);
  store<u32>(at, <u32>stateFunc, FRAME_FUNC);
  store<u32>(at, host ? 1 : 0, FRAME_HOST);
  store<u32>(at, tailCalls, FRAME_TAIL_CALLS);
  saveRegisters(at + FRAME_REGISTERS);
  depth++;
  if (host) tailCalls = 0;
  stateFunc = func;
  statePc = load<u32>(func, FUNC_ENTRY);
  store<u64>(regs, top, R10);
  return true;
}

/** Leaves the current frame: the record to return to, or 0 when the host entered it (statePc is then set). */
export function popFrame(): usize {
  depth--;
  const at = frames + <usize>depth * FRAME_SIZE;
  const back = <usize>load<u32>(at, FRAME_RETURN);
  const host = load<u32>(at, FRAME_HOST) !== 0;
  stateFunc = load<u32>(at, FRAME_FUNC);
  restoreRegisters(at + FRAME_REGISTERS);
  // 6.12 passes the counter by address; before, each callee had a copy.
  if (host || load<u32>(settings, SET_VERSION) !== VERSION_6_12) tailCalls = load<u32>(at, FRAME_TAIL_CALLS);
  if (!host) return back;
  statePc = back;
  return 0;
}

/** The current frame goes on in another function from its start. */
export function replaceFrame(func: usize): void {
  stateFunc = func;
  statePc = load<u32>(func, FUNC_ENTRY);
}

// The BPF interpreter as the host drives it.
import { execute, fuelLeft } from './interp/execute';
import {
  frameDepth,
  popFrame,
  pushFrame,
  regs,
  replaceFrame,
  settings,
  stateFunc,
  statePc,
} from './interp/state';
import { FUNC_CODE, REC_SIZE, SET_STACK, SET_STACK_SIZE } from './layout/interp';
import { faultAddress, faultCode, faultVector } from './mm/tlb';

export { interpPredecode } from './interp/predecode';

/** R0 to R11, 8 bytes each, then the gate or bpf_prog address of the last stop. */
export function interpRegisters(): usize {
  return regs;
}

/** Settings record; interpReset follows every change. */
export function interpSettings(): usize {
  return settings;
}

/** Drops all frames and puts R10 at the top of the stack. */
export function interpReset(): void {
  while (frameDepth() !== 0) popFrame();
  const top = load<u64>(settings + SET_STACK) + load<u32>(settings + SET_STACK_SIZE);
  store<u64>(regs + 80, top);
}

/** The host calls a function; false when frames or stack are used up. R1 to R5 are set by the caller. */
export function interpEnter(func: usize): bool {
  return pushFrame(func, statePc, true);
}

/** The current frame goes on in another program: a tail call that the host resolved. */
export function interpTailEnter(func: usize): void {
  replaceFrame(func);
}

/** Runs until a stop (STOP_*), with fuel for about this many instructions. */
export function interpRun(fuel: u32): u32 {
  return execute(fuel);
}

/** Instructions of fuel left at the last stop; negative when the last stretch passed it. */
export function interpFuelLeft(): i32 {
  return fuelLeft / REC_SIZE;
}

/** Slot of the record that execution stands at. */
export function interpSlot(): u32 {
  if (stateFunc === 0) return 0;
  return <u32>((statePc - load<u32>(stateFunc + FUNC_CODE)) / REC_SIZE);
}

/** Function that runs, 0 = none. */
export function interpFunction(): usize {
  return stateFunc;
}

export function interpDepth(): u32 {
  return frameDepth();
}

/** Leaves frames until `depth` are left. */
export function interpUnwind(depth: u32): void {
  while (frameDepth() > depth) popFrame();
}

export function interpFaultVector(): u32 {
  return faultVector;
}

export function interpFaultAddress(): u64 {
  return faultAddress;
}

export function interpFaultCode(): u32 {
  return faultCode;
}

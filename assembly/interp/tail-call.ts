// Tail call through a prog array: R2 = array, R3 = index.
import { MAX_TAIL_CALL_CNT } from '../isa';
import { SET_ARRAY_PTRS, SET_MAX_ENTRIES, SET_VERSION, VERSION_6_12 } from '../layout/interp';
import { readAddress } from '../mm/tlb';
import { countTailCall, regs, setGate, settings, tailCalls } from './state';

const R2: usize = 16;
const R3: usize = 24;

export const TAIL_FAILS: u32 = 0;
export const TAIL_TAKEN: u32 = 1;
export const TAIL_FAULTS: u32 = 2;

/** Decides a tail call; the target bpf_prog goes to stateGate. 6.12 counts only calls that are taken. */
export function tailCall(): u32 {
  const array = load<u64>(regs, R2);
  const index = load<u32>(regs, R3);
  const bound = readAddress(array + load<u32>(settings, SET_MAX_ENTRIES), 4);
  if (bound === 0) return TAIL_FAULTS;
  if (index >= load<u32>(bound)) return TAIL_FAILS;
  if (tailCalls >= <u32>MAX_TAIL_CALL_CNT) return TAIL_FAILS;
  const late = load<u32>(settings, SET_VERSION) === VERSION_6_12;
  if (!late) countTailCall();
  const slot = readAddress(array + load<u32>(settings, SET_ARRAY_PTRS) + ((<u64>index) << 3), 8);
  if (slot === 0) return TAIL_FAULTS;
  const target = load<u64>(slot);
  if (target === 0) return TAIL_FAILS;
  if (late) countTailCall();
  setGate(target);
  return TAIL_TAKEN;
}

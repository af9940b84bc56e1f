// Calls between the host and code: entering a function, and returning from a gate.
import { CPU_AX, CPU_IP, CPU_SP } from '../layout/cpu';
import { readAddress, writeAddress } from '../mm/tlb';
import { REGS } from './state';

/** Pushes a return address and puts ip on `entry`; false when the stack cannot be written. */
export function cpuEnter(entry: u64, returnTo: u64): bool {
  const sp = load<u64>(REGS, CPU_SP) - 8;
  const at = writeAddress(sp, 8);
  if (at === 0) return false;
  store<u64>(at, returnTo);
  store<u64>(REGS, sp, CPU_SP);
  store<u64>(REGS, entry, CPU_IP);
  return true;
}

/** Returns `value` from the gate that ip stands on; false when the stack cannot be read. */
export function cpuReturn(value: u64): bool {
  const sp = load<u64>(REGS, CPU_SP);
  const at = readAddress(sp, 8);
  if (at === 0) return false;
  store<u64>(REGS, load<u64>(at), CPU_IP);
  store<u64>(REGS, sp + 8, CPU_SP);
  store<u64>(REGS, value, CPU_AX);
  return true;
}

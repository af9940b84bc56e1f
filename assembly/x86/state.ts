// Registers of the CPU and how it left its loop (layout/cpu.ts).
import {
  CPU_ERROR_CODE,
  CPU_FAULT_ADDRESS,
  CPU_GS,
  CPU_IP,
  CPU_STATE_BYTES,
  CPU_VECTOR,
  CPU_ZERO,
} from '../layout/cpu';
import { ptRegsOffset } from './reg';

export const REGS: usize = memory.data(208, 16);

/** Instructions still allowed when the CPU last left its loop, in bytes of micro-ops. */
let fuelLeft: i32 = 0;

export function cpuFuelLeft(): i32 {
  return fuelLeft;
}

export function cpuState(): usize {
  return REGS;
}

/** Offset of a 64-bit register in the state. */
export function registerOffset(reg: u32): u32 {
  return reg === 4 ? 152 : ptRegsOffset(reg);
}

/** Zeroes every register. */
export function cpuReset(): void {
  memory.fill(REGS, 0, CPU_STATE_BYTES);
}

export function getGs(): u64 {
  return load<u64>(REGS, CPU_GS);
}

export function getIp(): u64 {
  return load<u64>(REGS, CPU_IP);
}

/** Notes where and with what fuel the loop is left; answers `reason`. */
export function park(ip: u64, fuel: i32, reason: u32): u32 {
  store<u64>(REGS, ip, CPU_IP);
  store<u64>(REGS, 0, CPU_ZERO);
  fuelLeft = fuel;
  return reason;
}

/** Notes the fault that ends the run. */
export function setExitFault(vector: u32, address: u64, code: u32): void {
  store<u32>(REGS, vector, CPU_VECTOR);
  store<u64>(REGS, address, CPU_FAULT_ADDRESS);
  store<u32>(REGS, code, CPU_ERROR_CODE);
}

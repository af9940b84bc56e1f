// Delivery of a fault that a micro-op met: repaired through the exception table of the program it happened in, or
// noted as the fault that ends the run.
import { extableSearch } from '../extable';
import { faultProgram } from '../fault';
import { faultIndexPosition } from '../fault-index';
import { faultLogPush } from '../fault-log';
import { detailCell, faultMapLookup } from '../fault-map';
import { CPU_BP, CPU_SP } from '../layout/cpu';
import {
  EXTABLE_ENTRY_SIZE,
  EXTABLE_FIXUP,
  FIXUP_LENGTH_MASK,
  FIXUP_NO_REGISTER,
  FIXUP_REGISTER_SHIFT,
} from '../layout/extable';
import {
  DETAIL_LENGTH_MASK,
  DETAIL_NO_REGISTER,
  DETAIL_REGISTER_SHIFT,
  FAULT_MISS,
} from '../layout/fault-map';
import { FAULT_KIND_GP, FAULT_KIND_GUARD, FAULT_KIND_PF, FAULT_NONE } from '../layout/fault-log';
import { KSYM_ENTRIES, KSYM_TABLE, KSYM_TABLE_GUEST } from '../layout/kallsyms';
import { PF_FETCH, PF_PRESENT, RIGHT_GATE, VECTOR_GP, VECTOR_PF, VECTOR_SS } from '../layout/mmu';
import { EXIT_FAULT, EXIT_GATE, EXIT_MEMORY, VECTOR_REPAIRED } from '../layout/cpu';
import { isCanonical, pageEntry } from '../mm/page-table';
import { faultAddress, faultCode, faultVector } from '../mm/tlb';
import { codeLookup, outOfMemory } from './block';
import { FLAGS_LOGIC, setFlags } from './flags';
import { REGS, setExitFault } from './state';
import {
  OP_CALL,
  OP_CALLG,
  OP_CALLR,
  OP_LEAVE,
  OP_POP,
  OP_PUSH,
  OP_RET,
  U_A,
  U_B,
  U_C,
  U_DISP,
  U_IMM,
  U_IP,
  U_LEN,
  U_LIVE,
  UOP,
} from './uop';

/** Lowest 4-level user address that is not a user's: TASK_SIZE_MAX. */
const TASK_SIZE_MAX: u64 = 0x7ffffffff000;
const VSYSCALL: u64 = 0xffffffffff600000;

let smap: bool = false;
let reporting: bool = false;

/** On: a repaired fault leaves the loop too, at the instruction that met it, with vector VECTOR_REPAIRED. */
export function cpuReportFaults(on: bool): void {
  reporting = on;
}

/** With SMAP a fault on a user address is never repaired (the kernel refuses before it searches any table). */
export function cpuSetSmap(on: bool): void {
  smap = on;
}

function isUserAddress(address: u64): bool {
  return address < TASK_SIZE_MAX || address - VSYSCALL < 4096;
}

/** Accesses through rsp or rbp raise #SS where others raise #GP (Intel SDM vol. 3, 6.15). */
function isStackAccess(u: usize): bool {
  const op = load<u8>(u, U_LIVE);
  if (op === OP_PUSH || op === OP_POP || op === OP_LEAVE || op === OP_RET) return true;
  if (op === OP_CALL || op === OP_CALLG || op === OP_CALLR) return true;
  const base = load<u8>(u, U_B);
  return base === CPU_SP || base === CPU_BP;
}

function unrepaired(u: usize): usize {
  const vector = faultVector === VECTOR_GP && isStackAccess(u) ? VECTOR_SS : faultVector;
  setExitFault(vector, faultAddress, faultCode);
  return 0;
}

/** Repairs the memory fault just met at `u`: the micro-op to go on with, or 0 when nothing repairs it. */
export function repair(u: usize): usize {
  const ip = load<u64>(u, U_IP);
  if (smap && faultVector === VECTOR_PF && isUserAddress(faultAddress)) return unrepaired(u);
  let register: u32;
  let length: u32;
  let index: u32;
  const id = faultMapLookup(ip);
  if (id !== FAULT_MISS) {
    const detail = <u32>load<u8>(detailCell);
    length = detail & DETAIL_LENGTH_MASK;
    register =
      detail >> DETAIL_REGISTER_SHIFT === DETAIL_NO_REGISTER
        ? FAULT_NONE
        : (detail >> DETAIL_REGISTER_SHIFT) << 3;
    index = faultIndexPosition(id);
  } else {
    // Not in the map: fixupException in two steps, as the log wants the entry's index in the table of its function.
    const node = faultProgram(ip);
    if (node === 0) return unrepaired(u);
    const table = <usize>load<u32>(node + KSYM_TABLE);
    const entry = extableSearch(
      table,
      load<u64>(node + KSYM_TABLE_GUEST),
      load<u32>(node + KSYM_ENTRIES),
      ip,
    );
    if (entry === 0) return unrepaired(u);
    const fixup = load<u32>(entry + EXTABLE_FIXUP);
    length = fixup & FIXUP_LENGTH_MASK;
    register = fixup >> FIXUP_REGISTER_SHIFT;
    if (register === FIXUP_NO_REGISTER || register > <u32>CPU_SP) register = FAULT_NONE;
    index = <u32>(entry - table) / EXTABLE_ENTRY_SIZE;
  }
  if (register !== FAULT_NONE) store<u64>(REGS + register, 0);
  const kind: u32 = faultVector === VECTOR_PF ? FAULT_KIND_PF : FAULT_KIND_GP;
  faultLogPush(ip, faultAddress, kind, register, index, length);
  if (reporting) {
    setExitFault(VECTOR_REPAIRED, faultAddress, length);
    return 0;
  }
  if (length === load<u8>(u, U_LEN)) return u + UOP;
  const next = codeLookup(ip + length);
  if (next === 0) setExitFault(VECTOR_PF, ip + length, PF_FETCH);
  return next;
}

/** The guard's xor: zeroes the register and logs the load it refused. */
export function refuse(u: usize): void {
  const base = load<u64>(REGS + load<u8>(u, U_B)) + load<u64>(REGS + load<u8>(u, U_C));
  const register = <u32>load<u8>(u, U_A);
  const address = base + <u64>(<i64>load<i32>(u, U_DISP));
  store<u64>(REGS + register, 0);
  setFlags(FLAGS_LOGIC, 2, 0, 0, 0);
  faultLogPush(load<u64>(u, U_IMM), address, FAULT_KIND_GUARD, register, FAULT_NONE, 0);
}

/** Why `address` cannot be fetched for the instruction at `ip`: a gate, memory, or a fault, which is noted. */
export function badFetch(ip: u64, address: u64): u32 {
  if (outOfMemory) return EXIT_MEMORY;
  const entry = pageEntry(address);
  if ((entry & RIGHT_GATE) !== 0 && ip === address) return EXIT_GATE;
  if (!isCanonical(address)) setExitFault(VECTOR_GP, address, 0);
  else setExitFault(VECTOR_PF, address, entry === 0 ? PF_FETCH : PF_FETCH | PF_PRESENT);
  return EXIT_FAULT;
}

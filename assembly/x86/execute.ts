// The CPU loop: one br_table over the micro-ops of a straight run, one exit test per branch. Registers stay in linear
// memory, so a fault finds them as struct pt_regs. Handlers stand in the order of uop.ts.
//
// A straight record steps u and continues; a branch record leaves the switch with u = end of the run just done and
// next = where to go on. start = where that run began: the distance counts the instructions.
import { CPU_AX, CPU_BP, CPU_CX, CPU_DX, CPU_SP, EXIT_FAULT, EXIT_MEMORY, EXIT_SLICE } from '../layout/cpu';
import { TLB_ADDEND, TLB_ENTRIES, TLB_ENTRY_SHIFT, VECTOR_BP, VECTOR_DE, VECTOR_UD } from '../layout/mmu';
import { PAGE_MASK, readMiss, tlbRead, tlbWrite, writeMiss } from '../mm/tlb';
import { branchTarget, codeLookup, outOfMemory, unfetchableOp } from './block';
import { BUCKET_MASK, BUCKETS, RECORD_OPS, refreshCode } from './code-cache';
import { cold, COLD_DIVIDE, COLD_DONE } from './cold';
import { condition, FLAGS_LOGIC, FLAGS_SUB, setFlags } from './flags';
import { divide, quotient, remainder } from './muldiv';
import { getIp, park, REGS, setExitFault } from './state';
import { badFetch, refuse, repair } from './trap';
import {
  OP_CALL,
  OP_CALLG,
  OP_RESOLVE,
  OP_STOP,
  U_A,
  U_B,
  U_C,
  U_DISP,
  U_IMM,
  U_IP,
  U_LEN,
  U_LIVE,
  U_OP,
  U_TARGET,
  UOP,
} from './uop';

const JUMP_TARGET: usize = 60;
const scratch: usize = memory.data(64, 16);

function regA(u: usize): u64 {
  return load<u64>(<usize>load<u8>(u, U_A), REGS);
}

function regB(u: usize): u64 {
  return load<u64>(<usize>load<u8>(u, U_B), REGS);
}

function regC(u: usize): u64 {
  return load<u64>(<usize>load<u8>(u, U_C), REGS);
}

function setA(u: usize, value: u64): void {
  store<u64>(<usize>load<u8>(u, U_A), value, REGS);
}

function imm(u: usize): u64 {
  return load<u64>(u, U_IMM);
}

function displacement(u: usize): u64 {
  return <u64>load<i32>(u, U_DISP);
}

function slotFor(tlb: usize, va: u64): usize {
  return tlb + (((<usize>(va >> 12)) & (TLB_ENTRIES - 1)) << TLB_ENTRY_SHIFT);
}

function hits(slot: usize, last: u64): bool {
  return load<u64>(slot) === (last & PAGE_MASK);
}

function linearOf(slot: usize, va: u64): usize {
  return <usize>(<u32>va + load<u32>(slot, TLB_ADDEND));
}

/** Micro-op of a call's or return's target when it is decoded and first in its hash chain; else 0. */
function decodedFast(ip: u64): usize {
  const record = <usize>load<u32>(BUCKETS + ((<usize>((ip >> 12) & BUCKET_MASK)) << 2));
  if (record === 0 || load<u64>(record) !== (ip & PAGE_MASK)) return 0;
  return <usize>load<u32>(record + ((<usize>(ip & 4095)) << 2), RECORD_OPS);
}

/** Looks the target of a direct branch up and puts the branch in its final form; false when memory is exhausted. */
function resolve(u: usize): bool {
  const to = branchTarget(u);
  let op: u32 = load<u8>(u, U_LIVE);
  let target = codeLookup(to);
  if (target === 0 && !outOfMemory) {
    if (op === OP_CALL) op = OP_CALLG;
    else target = unfetchableOp(to);
  }
  if (outOfMemory) return false;
  store<u64>(u, load<u64>(u, U_IP) + load<u8>(u, U_LEN), U_IMM);
  store<u32>(u, <u32>target, U_TARGET);
  store<u8>(u, op, U_OP);
  return true;
}

/** Runs about `slice` instructions from ip, past it by less than RUN_MAX; answers EXIT_*. */
export function cpuRun(slice: u32): u32 {
  refreshCode();
  const u = codeLookup(getIp());
  if (u === 0) return park(getIp(), <i32>(slice * UOP), badFetch(getIp(), getIp()));
  return execute(u, <i32>(slice * UOP));
}

/** Runs exactly one instruction; answers EXIT_*. */
export function cpuStep(): u32 {
  refreshCode();
  const u = codeLookup(getIp());
  if (u === 0) return park(getIp(), 0, badFetch(getIp(), getIp()));
  memory.copy(scratch, u, UOP);
  memory.fill(scratch + UOP, 0, UOP);
  if (load<u8>(scratch, U_OP) !== OP_RESOLVE) store<u8>(scratch, load<u8>(scratch, U_LIVE), U_OP);
  store<u8>(scratch + UOP, OP_STOP, U_OP);
  store<u64>(scratch + UOP, load<u64>(u, U_IP) + load<u8>(u, U_LEN), U_IP);
  return execute(scratch, 0);
}

function execute(first: usize, budget: i32): u32 {
  let u = first;
  let start = first;
  let next: usize = 0;
  let fuel = budget;
  do {
    for (;;) {
      switch (load<u8>(u, U_OP)) {
        case 0:
          u += UOP;
          continue;
        case 1:
          setA(u, regB(u));
          u += UOP;
          continue;
        case 2:
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          continue;
        case 3:
          setA(u, imm(u));
          u += UOP;
          continue;
        case 4:
          setA(u, <u64>(<i64>load<i8>(<usize>load<u8>(u, U_B), REGS)));
          u += UOP;
          continue;
        case 5:
          setA(u, <u64>(<i64>load<i16>(<usize>load<u8>(u, U_B), REGS)));
          u += UOP;
          continue;
        case 6:
          setA(u, <u64>(<i64>load<i32>(<usize>load<u8>(u, U_B), REGS)));
          u += UOP;
          continue;
        case 7:
          setA(u, <u64>(<u32>(<i32>load<i8>(<usize>load<u8>(u, U_B), REGS))));
          u += UOP;
          continue;
        case 8:
          setA(u, <u64>(<u32>(<i32>load<i16>(<usize>load<u8>(u, U_B), REGS))));
          u += UOP;
          continue;
        case 9:
          setA(u, <u64>load<u8>(<usize>load<u8>(u, U_B), REGS));
          u += UOP;
          continue;
        case 10:
          setA(u, <u64>load<u16>(<usize>load<u8>(u, U_B), REGS));
          u += UOP;
          continue;
        case 11:
          setA(u, regA(u) + regB(u));
          u += UOP;
          continue;
        case 12:
          setA(u, <u64>(<u32>(regA(u) + regB(u))));
          u += UOP;
          continue;
        case 13:
          setA(u, regA(u) + imm(u));
          u += UOP;
          continue;
        case 14:
          setA(u, <u64>(<u32>(regA(u) + imm(u))));
          u += UOP;
          continue;
        case 15:
          setA(u, regA(u) | regB(u));
          u += UOP;
          continue;
        case 16:
          setA(u, <u64>(<u32>(regA(u) | regB(u))));
          u += UOP;
          continue;
        case 17:
          setA(u, regA(u) | imm(u));
          u += UOP;
          continue;
        case 18:
          setA(u, <u64>(<u32>(regA(u) | imm(u))));
          u += UOP;
          continue;
        case 19:
          setA(u, regA(u) & regB(u));
          u += UOP;
          continue;
        case 20:
          setA(u, <u64>(<u32>(regA(u) & regB(u))));
          u += UOP;
          continue;
        case 21:
          setA(u, regA(u) & imm(u));
          u += UOP;
          continue;
        case 22:
          setA(u, <u64>(<u32>(regA(u) & imm(u))));
          u += UOP;
          continue;
        case 23:
          setA(u, regA(u) - regB(u));
          u += UOP;
          continue;
        case 24:
          setA(u, <u64>(<u32>(regA(u) - regB(u))));
          u += UOP;
          continue;
        case 25:
          setA(u, regA(u) - imm(u));
          u += UOP;
          continue;
        case 26:
          setA(u, <u64>(<u32>(regA(u) - imm(u))));
          u += UOP;
          continue;
        case 27:
          setA(u, regA(u) ^ regB(u));
          u += UOP;
          continue;
        case 28:
          setA(u, <u64>(<u32>(regA(u) ^ regB(u))));
          u += UOP;
          continue;
        case 29:
          setA(u, regA(u) ^ imm(u));
          u += UOP;
          continue;
        case 30:
          setA(u, <u64>(<u32>(regA(u) ^ imm(u))));
          u += UOP;
          continue;
        case 31:
          setA(u, regB(u) << imm(u));
          u += UOP;
          continue;
        case 32:
          setA(u, <u64>((<u32>regB(u)) << (<u32>imm(u))));
          u += UOP;
          continue;
        case 33:
          setA(u, regB(u) << regC(u));
          u += UOP;
          continue;
        case 34:
          setA(u, <u64>((<u32>regB(u)) << (<u32>regC(u))));
          u += UOP;
          continue;
        case 35:
          setA(u, regB(u) >> imm(u));
          u += UOP;
          continue;
        case 36:
          setA(u, <u64>((<u32>regB(u)) >> (<u32>imm(u))));
          u += UOP;
          continue;
        case 37:
          setA(u, regB(u) >> regC(u));
          u += UOP;
          continue;
        case 38:
          setA(u, <u64>((<u32>regB(u)) >> (<u32>regC(u))));
          u += UOP;
          continue;
        case 39:
          setA(u, <u64>((<i64>regB(u)) >> (<i64>imm(u))));
          u += UOP;
          continue;
        case 40:
          setA(u, <u64>(<u32>((<i32>regB(u)) >> (<i32>imm(u)))));
          u += UOP;
          continue;
        case 41:
          setA(u, <u64>((<i64>regB(u)) >> (<i64>regC(u))));
          u += UOP;
          continue;
        case 42:
          setA(u, <u64>(<u32>((<i32>regB(u)) >> (<i32>regC(u)))));
          u += UOP;
          continue;
        case 43:
          setA(u, regA(u) * regB(u));
          u += UOP;
          continue;
        case 44:
          setA(u, <u64>(<u32>(regA(u) * regB(u))));
          u += UOP;
          continue;
        case 45:
          setA(u, regB(u) * imm(u));
          u += UOP;
          continue;
        case 46:
          setA(u, <u64>(<u32>(regB(u) * imm(u))));
          u += UOP;
          continue;
        case 47:
          setA(u, 0 - regA(u));
          u += UOP;
          continue;
        case 48:
          setA(u, <u64>(<u32>(0 - regA(u))));
          u += UOP;
          continue;
        case 49: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbRead, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va)) {
            p = readMiss(va, 1);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          setA(u, <u64>load<u8>(p));
          u += UOP;
          continue;
        }
        case 50: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbRead, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 1)) {
            p = readMiss(va, 2);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          setA(u, <u64>load<u16>(p));
          u += UOP;
          continue;
        }
        case 51: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbRead, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 3)) {
            p = readMiss(va, 4);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          setA(u, <u64>load<u32>(p));
          u += UOP;
          continue;
        }
        case 52: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbRead, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 7)) {
            p = readMiss(va, 8);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          setA(u, <u64>load<u64>(p));
          u += UOP;
          continue;
        }
        case 53: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbRead, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va)) {
            p = readMiss(va, 1);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          setA(u, <u64>(<i64>load<i8>(p)));
          u += UOP;
          continue;
        }
        case 54: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbRead, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 1)) {
            p = readMiss(va, 2);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          setA(u, <u64>(<i64>load<i16>(p)));
          u += UOP;
          continue;
        }
        case 55: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbRead, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 3)) {
            p = readMiss(va, 4);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          setA(u, <u64>(<i64>load<i32>(p)));
          u += UOP;
          continue;
        }
        case 56: {
          const va = regB(u) + regC(u) + displacement(u);
          const slot = slotFor(tlbRead, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va)) {
            p = readMiss(va, 1);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          setA(u, <u64>load<u8>(p));
          u += UOP;
          continue;
        }
        case 57: {
          const va = regB(u) + regC(u) + displacement(u);
          const slot = slotFor(tlbRead, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 1)) {
            p = readMiss(va, 2);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          setA(u, <u64>load<u16>(p));
          u += UOP;
          continue;
        }
        case 58: {
          const va = regB(u) + regC(u) + displacement(u);
          const slot = slotFor(tlbRead, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 3)) {
            p = readMiss(va, 4);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          setA(u, <u64>load<u32>(p));
          u += UOP;
          continue;
        }
        case 59: {
          const va = regB(u) + regC(u) + displacement(u);
          const slot = slotFor(tlbRead, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 7)) {
            p = readMiss(va, 8);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          setA(u, <u64>load<u64>(p));
          u += UOP;
          continue;
        }
        case 60: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va)) {
            p = writeMiss(va, 1);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u8>(p, load<u8>(<usize>load<u8>(u, U_A), REGS));
          u += UOP;
          continue;
        }
        case 61: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 1)) {
            p = writeMiss(va, 2);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u16>(p, load<u16>(<usize>load<u8>(u, U_A), REGS));
          u += UOP;
          continue;
        }
        case 62: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 3)) {
            p = writeMiss(va, 4);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u32>(p, load<u32>(<usize>load<u8>(u, U_A), REGS));
          u += UOP;
          continue;
        }
        case 63: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 7)) {
            p = writeMiss(va, 8);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u64>(p, load<u64>(<usize>load<u8>(u, U_A), REGS));
          u += UOP;
          continue;
        }
        case 64: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va)) {
            p = writeMiss(va, 1);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u8>(p, load<u8>(u, U_IMM));
          u += UOP;
          continue;
        }
        case 65: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 1)) {
            p = writeMiss(va, 2);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u16>(p, load<u16>(u, U_IMM));
          u += UOP;
          continue;
        }
        case 66: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 3)) {
            p = writeMiss(va, 4);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u32>(p, load<u32>(u, U_IMM));
          u += UOP;
          continue;
        }
        case 67: {
          const va = regB(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 7)) {
            p = writeMiss(va, 8);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u64>(p, load<u64>(u, U_IMM));
          u += UOP;
          continue;
        }
        case 68: {
          const va = regB(u) + regC(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va)) {
            p = writeMiss(va, 1);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u8>(p, load<u8>(<usize>load<u8>(u, U_A), REGS));
          u += UOP;
          continue;
        }
        case 69: {
          const va = regB(u) + regC(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 1)) {
            p = writeMiss(va, 2);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u16>(p, load<u16>(<usize>load<u8>(u, U_A), REGS));
          u += UOP;
          continue;
        }
        case 70: {
          const va = regB(u) + regC(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 3)) {
            p = writeMiss(va, 4);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u32>(p, load<u32>(<usize>load<u8>(u, U_A), REGS));
          u += UOP;
          continue;
        }
        case 71: {
          const va = regB(u) + regC(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 7)) {
            p = writeMiss(va, 8);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u64>(p, load<u64>(<usize>load<u8>(u, U_A), REGS));
          u += UOP;
          continue;
        }
        case 72: {
          const va = regB(u) + regC(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va)) {
            p = writeMiss(va, 1);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u8>(p, load<u8>(u, U_IMM));
          u += UOP;
          continue;
        }
        case 73: {
          const va = regB(u) + regC(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 1)) {
            p = writeMiss(va, 2);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u16>(p, load<u16>(u, U_IMM));
          u += UOP;
          continue;
        }
        case 74: {
          const va = regB(u) + regC(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 3)) {
            p = writeMiss(va, 4);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u32>(p, load<u32>(u, U_IMM));
          u += UOP;
          continue;
        }
        case 75: {
          const va = regB(u) + regC(u) + displacement(u);
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 7)) {
            p = writeMiss(va, 8);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u64>(p, load<u64>(u, U_IMM));
          u += UOP;
          continue;
        }
        case 76: {
          const va = load<u64>(REGS, CPU_SP) - 8;
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 7)) {
            p = writeMiss(va, 8);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u64>(p, regA(u) + imm(u));
          store<u64>(REGS, va, CPU_SP);
          u += UOP;
          continue;
        }
        case 77: {
          const va = load<u64>(REGS, CPU_SP);
          const slot = slotFor(tlbRead, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 7)) {
            p = readMiss(va, 8);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u64>(REGS, va + 8, CPU_SP);
          setA(u, load<u64>(p));
          u += UOP;
          continue;
        }
        case 78: {
          const va = load<u64>(REGS, CPU_BP);
          const slot = slotFor(tlbRead, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 7)) {
            p = readMiss(va, 8);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u64>(REGS, va + 8, CPU_SP);
          store<u64>(REGS, load<u64>(p), CPU_BP);
          u += UOP;
          continue;
        }
        case 79: {
          const y = regB(u);
          const high = load<u64>(REGS, CPU_DX);
          if (high === 0 && y !== 0) {
            const x = load<u64>(REGS, CPU_AX);
            store<u64>(REGS, x / y, CPU_AX);
            store<u64>(REGS, x % y, CPU_DX);
            u += UOP;
            continue;
          }
          if (!divide(high, load<u64>(REGS, CPU_AX), y)) {
            setExitFault(VECTOR_DE, 0, 0);
            return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
          }
          store<u64>(REGS, quotient, CPU_AX);
          store<u64>(REGS, remainder, CPU_DX);
          u += UOP;
          continue;
        }
        case 80: {
          const y = <u64>(<u32>regB(u));
          const x = (<u64>load<u32>(REGS, CPU_AX)) | ((<u64>load<u32>(REGS, CPU_DX)) << 32);
          if (y === 0 || x / y > 0xffffffff) {
            setExitFault(VECTOR_DE, 0, 0);
            return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
          }
          store<u64>(REGS, x / y, CPU_AX);
          store<u64>(REGS, x % y, CPU_DX);
          u += UOP;
          continue;
        }
        case 81:
          refuse(u);
          u += UOP;
          continue;
        case 82: {
          const how = cold(u);
          if (how !== COLD_DONE) {
            if (how === COLD_DIVIDE) {
              setExitFault(VECTOR_DE, 0, 0);
              return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
            }
            {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          u += UOP;
          continue;
        }
        case 83:
          setFlags(FLAGS_SUB, 3, regA(u), regB(u), regA(u) - regB(u));
          u += UOP;
          continue;
        case 84:
          setFlags(FLAGS_SUB, 3, regA(u), imm(u), regA(u) - imm(u));
          u += UOP;
          continue;
        case 85:
          setFlags(FLAGS_SUB, 2, regA(u), regB(u), regA(u) - regB(u));
          u += UOP;
          continue;
        case 86:
          setFlags(FLAGS_SUB, 2, regA(u), imm(u), regA(u) - imm(u));
          u += UOP;
          continue;
        case 87:
          setFlags(FLAGS_LOGIC, 3, regA(u), regB(u), regA(u) & regB(u));
          u += UOP;
          continue;
        case 88:
          setFlags(FLAGS_LOGIC, 3, regA(u), imm(u), regA(u) & imm(u));
          u += UOP;
          continue;
        case 89:
          setFlags(FLAGS_LOGIC, 2, regA(u), regB(u), regA(u) & regB(u));
          u += UOP;
          continue;
        case 90:
          setFlags(FLAGS_LOGIC, 2, regA(u), imm(u), regA(u) & imm(u));
          u += UOP;
          continue;
        case 91:
          next = load<u32>(u, U_TARGET);
          u += UOP;
          break;
        case 92:
          next = condition(load<u8>(u, U_C)) ? <usize>load<u32>(u, U_TARGET) : u + UOP;
          u += UOP;
          break;
        case 93: {
          const va = load<u64>(REGS, CPU_SP) - 8;
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 7)) {
            p = writeMiss(va, 8);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u64>(p, imm(u));
          store<u64>(REGS, va, CPU_SP);
          next = load<u32>(u, U_TARGET);
          u += UOP;
          break;
        }
        case 94: {
          const va = load<u64>(REGS, CPU_SP);
          const slot = slotFor(tlbRead, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 7)) {
            p = readMiss(va, 8);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u64>(REGS, va + 8, CPU_SP);
          const to = load<u64>(p);
          next = decodedFast(to);
          if (next === 0) {
            next = codeLookup(to);
            if (next === 0) return park(to, fuel - <i32>(u + UOP - start), badFetch(to, to));
          }
          u += UOP;
          break;
        }
        case 95: {
          const to = regB(u);
          next = decodedFast(to);
          if (next === 0) {
            next = codeLookup(to);
            if (next === 0) return park(to, fuel - <i32>(u + UOP - start), badFetch(to, to));
          }
          u += UOP;
          break;
        }
        case 96:
          next = load<u32>(u, U_TARGET);
          break;
        case 97:
          if (!resolve(u)) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_MEMORY);
          continue;
        case 98: {
          const va = load<u64>(REGS, CPU_SP) - 8;
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 7)) {
            p = writeMiss(va, 8);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          store<u64>(p, imm(u));
          store<u64>(REGS, va, CPU_SP);
          const to = branchTarget(u);
          return park(to, fuel - <i32>(u + UOP - start), badFetch(to, to));
        }
        case 99:
          return park(load<u64>(u, U_IP), fuel - <i32>(u - start), badFetch(load<u64>(u, U_IP), imm(u)));
        case 100:
          return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_SLICE);
        case 101:
          setExitFault(VECTOR_BP, 0, 0);
          return park(load<u64>(u, U_IP) + 1, fuel - <i32>(u + UOP - start), EXIT_FAULT);
        case 102:
          setExitFault(VECTOR_UD, 0, 0);
          return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
        case 103: {
          const va = load<u64>(REGS, CPU_SP) - 8;
          const slot = slotFor(tlbWrite, va);
          let p = linearOf(slot, va);
          if (!hits(slot, va + 7)) {
            p = writeMiss(va, 8);
            if (p === 0) {
              next = repair(u);
              if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              u += UOP;
              break;
            }
          }
          const to = regB(u);
          store<u64>(p, load<u64>(u, U_IP) + load<u8>(u, U_LEN));
          store<u64>(REGS, va, CPU_SP);
          next = decodedFast(to);
          if (next === 0) {
            next = codeLookup(to);
            if (next === 0) return park(to, fuel - <i32>(u + UOP - start), badFetch(to, to));
          }
          u += UOP;
          break;
        }
        case 104:
          next = regA(u) < regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 105:
          next = regA(u) >= regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 106:
          next = regA(u) === regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 107:
          next = regA(u) !== regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 108:
          next = regA(u) <= regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 109:
          next = regA(u) > regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 110:
          next = <i64>regA(u) < <i64>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 111:
          next = <i64>regA(u) >= <i64>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 112:
          next = <i64>regA(u) <= <i64>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 113:
          next = <i64>regA(u) > <i64>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 114:
          next = regA(u) < imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 115:
          next = regA(u) >= imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 116:
          next = regA(u) === imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 117:
          next = regA(u) !== imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 118:
          next = regA(u) <= imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 119:
          next = regA(u) > imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 120:
          next = <i64>regA(u) < <i64>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 121:
          next = <i64>regA(u) >= <i64>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 122:
          next = <i64>regA(u) <= <i64>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 123:
          next = <i64>regA(u) > <i64>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 124:
          next = <u32>regA(u) < <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 125:
          next = <u32>regA(u) >= <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 126:
          next = <u32>regA(u) === <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 127:
          next = <u32>regA(u) !== <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 128:
          next = <u32>regA(u) <= <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 129:
          next = <u32>regA(u) > <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 130:
          next = <i32>regA(u) < <i32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 131:
          next = <i32>regA(u) >= <i32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 132:
          next = <i32>regA(u) <= <i32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 133:
          next = <i32>regA(u) > <i32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 134:
          next = <u32>regA(u) < <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 135:
          next = <u32>regA(u) >= <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 136:
          next = <u32>regA(u) === <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 137:
          next = <u32>regA(u) !== <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 138:
          next = <u32>regA(u) <= <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 139:
          next = <u32>regA(u) > <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 140:
          next = <i32>regA(u) < <i32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 141:
          next = <i32>regA(u) >= <i32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 142:
          next = <i32>regA(u) <= <i32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 143:
          next = <i32>regA(u) > <i32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 144:
          next = (regA(u) & regB(u)) === 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 145:
          next = (regA(u) & regB(u)) !== 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 146:
          next = (regA(u) & imm(u)) === 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 147:
          next = (regA(u) & imm(u)) !== 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 148:
          next = <u32>(regA(u) & regB(u)) === 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 149:
          next = <u32>(regA(u) & regB(u)) !== 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 150:
          next = <u32>(regA(u) & imm(u)) === 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        case 151:
          next = <u32>(regA(u) & imm(u)) !== 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        default:
          unreachable();
      }
      break;
    }
    fuel -= <i32>(u - start);
    u = next;
    start = next;
  } while (fuel >= 0);
  return park(load<u64>(u, U_IP), fuel, EXIT_SLICE);
}

// Written by scripts/cpu-loop/write.js from ops.js.
//
// The CPU loop: one br_table over the micro-ops of a straight run, one exit test per branch. Registers stay in linear
// memory, so a fault finds them as struct pt_regs.
//
// A straight record steps u and continues; a branch record leaves the switch with u = end of the run just done and
// next = where to go on. start = where that run began: the distance counts the instructions.
import { CPU_AX, CPU_BP, CPU_DX, CPU_SP, EXIT_FAULT, EXIT_MEMORY, EXIT_SLICE } from '../layout/cpu';
import { VECTOR_BP, VECTOR_DE, VECTOR_UD } from '../layout/mmu';
import { readMiss, writeMiss } from '../mm/tlb';
import {
  decodedFast,
  displacement,
  imm,
  JUMP_TARGET,
  readHits,
  readLinear,
  regA,
  regB,
  regC,
  setA,
  tlbOffset,
  writeHits,
  writeLinear,
} from './access';
import { branchTarget, codeLookup } from './block';
import { cold, COLD_DIVIDE, COLD_DONE } from './cold';
import { condition, FLAGS_LOGIC, FLAGS_SUB, setFlags } from './flags';
import { divide, quotient, remainder } from './muldiv';
import { afterRegion, enterRegion } from './regions';
import { resolve } from './resolve';
import { getIp, park, REGS, setExitFault } from './state';
import { badFetch, refuse, repair } from './trap';
import { U_A, U_B, U_C, U_IMM, U_IP, U_LEN, U_OP, U_TARGET, UOP } from './uop';

/** Runs from the micro-op `first` until `budget` (bytes of micro-ops) is used up; answers EXIT_*. */
export function execute(first: usize, budget: i32): u32 {
  let u = first;
  let start = first;
  let next: usize = 0;
  let fuel = budget;
  do {
    for (;;) {
      switch (load<u8>(u, U_OP)) {
        // nop
        case 0:
          u += UOP;
          continue;
        // mov64
        case 1:
          setA(u, regB(u));
          u += UOP;
          continue;
        // mov32
        case 2:
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          continue;
        // movi
        case 3:
          setA(u, imm(u));
          u += UOP;
          continue;
        // movsx8_64
        case 4:
          setA(u, <u64>(<i64>load<i8>(<usize>load<u8>(u, U_B), REGS)));
          u += UOP;
          continue;
        // movsx16_64
        case 5:
          setA(u, <u64>(<i64>load<i16>(<usize>load<u8>(u, U_B), REGS)));
          u += UOP;
          continue;
        // movsx32_64
        case 6:
          setA(u, <u64>(<i64>load<i32>(<usize>load<u8>(u, U_B), REGS)));
          u += UOP;
          continue;
        // movsx8_32
        case 7:
          setA(u, <u64>(<u32>(<i32>load<i8>(<usize>load<u8>(u, U_B), REGS))));
          u += UOP;
          continue;
        // movsx16_32
        case 8:
          setA(u, <u64>(<u32>(<i32>load<i16>(<usize>load<u8>(u, U_B), REGS))));
          u += UOP;
          continue;
        // movzx8
        case 9:
          setA(u, <u64>load<u8>(<usize>load<u8>(u, U_B), REGS));
          u += UOP;
          continue;
        // movzx16
        case 10:
          setA(u, <u64>load<u16>(<usize>load<u8>(u, U_B), REGS));
          u += UOP;
          continue;
        // add64r
        case 11:
          setA(u, regA(u) + regB(u));
          u += UOP;
          continue;
        // add32r
        case 12:
          setA(u, <u64>(<u32>(regA(u) + regB(u))));
          u += UOP;
          continue;
        // add64i
        case 13:
          setA(u, regA(u) + imm(u));
          u += UOP;
          continue;
        // add32i
        case 14:
          setA(u, <u64>(<u32>(regA(u) + imm(u))));
          u += UOP;
          continue;
        // or64r
        case 15:
          setA(u, regA(u) | regB(u));
          u += UOP;
          continue;
        // or32r
        case 16:
          setA(u, <u64>(<u32>(regA(u) | regB(u))));
          u += UOP;
          continue;
        // or64i
        case 17:
          setA(u, regA(u) | imm(u));
          u += UOP;
          continue;
        // or32i
        case 18:
          setA(u, <u64>(<u32>(regA(u) | imm(u))));
          u += UOP;
          continue;
        // and64r
        case 19:
          setA(u, regA(u) & regB(u));
          u += UOP;
          continue;
        // and32r
        case 20:
          setA(u, <u64>(<u32>(regA(u) & regB(u))));
          u += UOP;
          continue;
        // and64i
        case 21:
          setA(u, regA(u) & imm(u));
          u += UOP;
          continue;
        // and32i
        case 22:
          setA(u, <u64>(<u32>(regA(u) & imm(u))));
          u += UOP;
          continue;
        // sub64r
        case 23:
          setA(u, regA(u) - regB(u));
          u += UOP;
          continue;
        // sub32r
        case 24:
          setA(u, <u64>(<u32>(regA(u) - regB(u))));
          u += UOP;
          continue;
        // sub64i
        case 25:
          setA(u, regA(u) - imm(u));
          u += UOP;
          continue;
        // sub32i
        case 26:
          setA(u, <u64>(<u32>(regA(u) - imm(u))));
          u += UOP;
          continue;
        // xor64r
        case 27:
          setA(u, regA(u) ^ regB(u));
          u += UOP;
          continue;
        // xor32r
        case 28:
          setA(u, <u64>(<u32>(regA(u) ^ regB(u))));
          u += UOP;
          continue;
        // xor64i
        case 29:
          setA(u, regA(u) ^ imm(u));
          u += UOP;
          continue;
        // xor32i
        case 30:
          setA(u, <u64>(<u32>(regA(u) ^ imm(u))));
          u += UOP;
          continue;
        // shl64i
        case 31:
          setA(u, regB(u) << imm(u));
          u += UOP;
          continue;
        // shl32i
        case 32:
          setA(u, <u64>((<u32>regB(u)) << (<u32>imm(u))));
          u += UOP;
          continue;
        // shl64r
        case 33:
          setA(u, regB(u) << regC(u));
          u += UOP;
          continue;
        // shl32r
        case 34:
          setA(u, <u64>((<u32>regB(u)) << (<u32>regC(u))));
          u += UOP;
          continue;
        // shr64i
        case 35:
          setA(u, regB(u) >> imm(u));
          u += UOP;
          continue;
        // shr32i
        case 36:
          setA(u, <u64>((<u32>regB(u)) >> (<u32>imm(u))));
          u += UOP;
          continue;
        // shr64r
        case 37:
          setA(u, regB(u) >> regC(u));
          u += UOP;
          continue;
        // shr32r
        case 38:
          setA(u, <u64>((<u32>regB(u)) >> (<u32>regC(u))));
          u += UOP;
          continue;
        // sar64i
        case 39:
          setA(u, <u64>((<i64>regB(u)) >> (<i64>imm(u))));
          u += UOP;
          continue;
        // sar32i
        case 40:
          setA(u, <u64>(<u32>((<i32>regB(u)) >> (<i32>imm(u)))));
          u += UOP;
          continue;
        // sar64r
        case 41:
          setA(u, <u64>((<i64>regB(u)) >> (<i64>regC(u))));
          u += UOP;
          continue;
        // sar32r
        case 42:
          setA(u, <u64>(<u32>((<i32>regB(u)) >> (<i32>regC(u)))));
          u += UOP;
          continue;
        // imul64r
        case 43:
          setA(u, regA(u) * regB(u));
          u += UOP;
          continue;
        // imul32r
        case 44:
          setA(u, <u64>(<u32>(regA(u) * regB(u))));
          u += UOP;
          continue;
        // imul64i
        case 45:
          setA(u, regB(u) * imm(u));
          u += UOP;
          continue;
        // imul32i
        case 46:
          setA(u, <u64>(<u32>(regB(u) * imm(u))));
          u += UOP;
          continue;
        // neg64
        case 47:
          setA(u, 0 - regA(u));
          u += UOP;
          continue;
        // neg32
        case 48:
          setA(u, <u64>(<u32>(0 - regA(u))));
          u += UOP;
          continue;
        // load8
        case 49: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = readLinear(entry, va);
          if (!readHits(entry, va)) {
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
        // load16
        case 50: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = readLinear(entry, va);
          if (!readHits(entry, va + 1)) {
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
        // load32
        case 51: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = readLinear(entry, va);
          if (!readHits(entry, va + 3)) {
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
        // load64
        case 52: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = readLinear(entry, va);
          if (!readHits(entry, va + 7)) {
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
        // loads8
        case 53: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = readLinear(entry, va);
          if (!readHits(entry, va)) {
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
        // loads16
        case 54: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = readLinear(entry, va);
          if (!readHits(entry, va + 1)) {
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
        // loads32
        case 55: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = readLinear(entry, va);
          if (!readHits(entry, va + 3)) {
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
        // loadx8
        case 56: {
          const va = regB(u) + regC(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = readLinear(entry, va);
          if (!readHits(entry, va)) {
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
        // loadx16
        case 57: {
          const va = regB(u) + regC(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = readLinear(entry, va);
          if (!readHits(entry, va + 1)) {
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
        // loadx32
        case 58: {
          const va = regB(u) + regC(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = readLinear(entry, va);
          if (!readHits(entry, va + 3)) {
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
        // loadx64
        case 59: {
          const va = regB(u) + regC(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = readLinear(entry, va);
          if (!readHits(entry, va + 7)) {
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
        // store8
        case 60: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va)) {
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
        // store16
        case 61: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 1)) {
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
        // store32
        case 62: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 3)) {
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
        // store64
        case 63: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 7)) {
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
        // storei8
        case 64: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va)) {
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
        // storei16
        case 65: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 1)) {
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
        // storei32
        case 66: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 3)) {
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
        // storei64
        case 67: {
          const va = regB(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 7)) {
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
        // storex8
        case 68: {
          const va = regB(u) + regC(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va)) {
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
        // storex16
        case 69: {
          const va = regB(u) + regC(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 1)) {
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
        // storex32
        case 70: {
          const va = regB(u) + regC(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 3)) {
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
        // storex64
        case 71: {
          const va = regB(u) + regC(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 7)) {
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
        // storexi8
        case 72: {
          const va = regB(u) + regC(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va)) {
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
        // storexi16
        case 73: {
          const va = regB(u) + regC(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 1)) {
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
        // storexi32
        case 74: {
          const va = regB(u) + regC(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 3)) {
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
        // storexi64
        case 75: {
          const va = regB(u) + regC(u) + displacement(u);
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 7)) {
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
        // push
        case 76: {
          const va = load<u64>(REGS, CPU_SP) - 8;
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 7)) {
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
        // pop
        case 77: {
          const va = load<u64>(REGS, CPU_SP);
          const entry = tlbOffset(va);
          let p = readLinear(entry, va);
          if (!readHits(entry, va + 7)) {
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
        // leave
        case 78: {
          const va = load<u64>(REGS, CPU_BP);
          const entry = tlbOffset(va);
          let p = readLinear(entry, va);
          if (!readHits(entry, va + 7)) {
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
        // div64
        case 79: {
          const y = regB(u);
          const low = load<u64>(REGS, CPU_AX);
          const high = load<u64>(REGS, CPU_DX);
          if (high === 0 && y !== 0) {
            store<u64>(REGS, low / y, CPU_AX);
            store<u64>(REGS, low % y, CPU_DX);
          } else {
            if (!divide(high, low, y)) {
              setExitFault(VECTOR_DE, 0, 0);
              return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
            }
            store<u64>(REGS, quotient, CPU_AX);
            store<u64>(REGS, remainder, CPU_DX);
          }
          u += UOP;
          continue;
        }
        // div32
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
        // guard
        case 81:
          refuse(u);
          u += UOP;
          continue;
        // cold
        case 82: {
          const how = cold(u);
          if (how === COLD_DIVIDE) {
            setExitFault(VECTOR_DE, 0, 0);
            return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
          }
          if (how !== COLD_DONE) {
            next = repair(u);
            if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
            u += UOP;
            break;
          }
          u += UOP;
          continue;
        }
        // cmp64r
        case 83:
          setFlags(FLAGS_SUB, 3, regA(u), regB(u), regA(u) - regB(u));
          u += UOP;
          continue;
        // cmp64i
        case 84:
          setFlags(FLAGS_SUB, 3, regA(u), imm(u), regA(u) - imm(u));
          u += UOP;
          continue;
        // cmp32r
        case 85:
          setFlags(FLAGS_SUB, 2, regA(u), regB(u), regA(u) - regB(u));
          u += UOP;
          continue;
        // cmp32i
        case 86:
          setFlags(FLAGS_SUB, 2, regA(u), imm(u), regA(u) - imm(u));
          u += UOP;
          continue;
        // test64r
        case 87:
          setFlags(FLAGS_LOGIC, 3, regA(u), regB(u), regA(u) & regB(u));
          u += UOP;
          continue;
        // test64i
        case 88:
          setFlags(FLAGS_LOGIC, 3, regA(u), imm(u), regA(u) & imm(u));
          u += UOP;
          continue;
        // test32r
        case 89:
          setFlags(FLAGS_LOGIC, 2, regA(u), regB(u), regA(u) & regB(u));
          u += UOP;
          continue;
        // test32i
        case 90:
          setFlags(FLAGS_LOGIC, 2, regA(u), imm(u), regA(u) & imm(u));
          u += UOP;
          continue;
        // jmp
        case 91:
          next = load<u32>(u, U_TARGET);
          u += UOP;
          break;
        // jcc
        case 92:
          next = condition(load<u8>(u, U_C)) ? <usize>load<u32>(u, U_TARGET) : u + UOP;
          u += UOP;
          break;
        // call
        case 93: {
          const va = load<u64>(REGS, CPU_SP) - 8;
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 7)) {
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
        // ret
        case 94: {
          const va = load<u64>(REGS, CPU_SP);
          const entry = tlbOffset(va);
          let p = readLinear(entry, va);
          if (!readHits(entry, va + 7)) {
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
        // jmpr
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
        // link
        case 96:
          next = load<u32>(u, U_TARGET);
          break;
        // resolve
        case 97:
          if (!resolve(u)) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_MEMORY);
          continue;

        // callg
        case 98: {
          const va = load<u64>(REGS, CPU_SP) - 8;
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 7)) {
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
        // fetch
        case 99:
          return park(load<u64>(u, U_IP), fuel - <i32>(u - start), badFetch(load<u64>(u, U_IP), imm(u)));

        // stop
        case 100:
          return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_SLICE);

        // int3
        case 101:
          setExitFault(VECTOR_BP, 0, 0);
          return park(load<u64>(u, U_IP) + 1, fuel - <i32>(u + UOP - start), EXIT_FAULT);

        // ud
        case 102:
          setExitFault(VECTOR_UD, 0, 0);
          return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);

        // callr
        case 103: {
          const va = load<u64>(REGS, CPU_SP) - 8;
          const entry = tlbOffset(va);
          let p = writeLinear(entry, va);
          if (!writeHits(entry, va + 7)) {
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
        // cmpj64r_b
        case 104:
          next = regA(u) < regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64r_ae
        case 105:
          next = regA(u) >= regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64r_e
        case 106:
          next = regA(u) === regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64r_ne
        case 107:
          next = regA(u) !== regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64r_be
        case 108:
          next = regA(u) <= regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64r_a
        case 109:
          next = regA(u) > regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64r_l
        case 110:
          next = <i64>regA(u) < <i64>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64r_ge
        case 111:
          next = <i64>regA(u) >= <i64>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64r_le
        case 112:
          next = <i64>regA(u) <= <i64>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64r_g
        case 113:
          next = <i64>regA(u) > <i64>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64i_b
        case 114:
          next = regA(u) < imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64i_ae
        case 115:
          next = regA(u) >= imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64i_e
        case 116:
          next = regA(u) === imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64i_ne
        case 117:
          next = regA(u) !== imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64i_be
        case 118:
          next = regA(u) <= imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64i_a
        case 119:
          next = regA(u) > imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64i_l
        case 120:
          next = <i64>regA(u) < <i64>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64i_ge
        case 121:
          next = <i64>regA(u) >= <i64>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64i_le
        case 122:
          next = <i64>regA(u) <= <i64>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj64i_g
        case 123:
          next = <i64>regA(u) > <i64>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32r_b
        case 124:
          next = <u32>regA(u) < <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32r_ae
        case 125:
          next = <u32>regA(u) >= <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32r_e
        case 126:
          next = <u32>regA(u) === <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32r_ne
        case 127:
          next = <u32>regA(u) !== <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32r_be
        case 128:
          next = <u32>regA(u) <= <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32r_a
        case 129:
          next = <u32>regA(u) > <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32r_l
        case 130:
          next = <i32>regA(u) < <i32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32r_ge
        case 131:
          next = <i32>regA(u) >= <i32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32r_le
        case 132:
          next = <i32>regA(u) <= <i32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32r_g
        case 133:
          next = <i32>regA(u) > <i32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32i_b
        case 134:
          next = <u32>regA(u) < <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32i_ae
        case 135:
          next = <u32>regA(u) >= <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32i_e
        case 136:
          next = <u32>regA(u) === <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32i_ne
        case 137:
          next = <u32>regA(u) !== <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32i_be
        case 138:
          next = <u32>regA(u) <= <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32i_a
        case 139:
          next = <u32>regA(u) > <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32i_l
        case 140:
          next = <i32>regA(u) < <i32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32i_ge
        case 141:
          next = <i32>regA(u) >= <i32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32i_le
        case 142:
          next = <i32>regA(u) <= <i32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // cmpj32i_g
        case 143:
          next = <i32>regA(u) > <i32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // testj64r_e
        case 144:
          next = (regA(u) & regB(u)) === 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // testj64r_ne
        case 145:
          next = (regA(u) & regB(u)) !== 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // testj64i_e
        case 146:
          next = (regA(u) & imm(u)) === 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // testj64i_ne
        case 147:
          next = (regA(u) & imm(u)) !== 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // testj32r_e
        case 148:
          next = <u32>(regA(u) & regB(u)) === 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // testj32r_ne
        case 149:
          next = <u32>(regA(u) & regB(u)) !== 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // testj32i_e
        case 150:
          next = <u32>(regA(u) & imm(u)) === 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // testj32i_ne
        case 151:
          next = <u32>(regA(u) & imm(u)) !== 0 ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // enter
        case 152:
          fuel = enterRegion(u, fuel - <i32>(u - start));
          next = afterRegion();
          if (next === 0) return park(getIp(), fuel, badFetch(getIp(), getIp()));
          start = u;
          break;

        // mov64 + mov64
        case 153:
          setA(u, regB(u));
          u += UOP;
          setA(u, regB(u));
          u += UOP;
          continue;
        // mov64 + movi
        case 154:
          setA(u, regB(u));
          u += UOP;
          setA(u, imm(u));
          u += UOP;
          continue;
        // mov64 + mov32
        case 155:
          setA(u, regB(u));
          u += UOP;
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          continue;
        // mov64 + add64r
        case 156:
          setA(u, regB(u));
          u += UOP;
          setA(u, regA(u) + regB(u));
          u += UOP;
          continue;
        // mov64 + add64i
        case 157:
          setA(u, regB(u));
          u += UOP;
          setA(u, regA(u) + imm(u));
          u += UOP;
          continue;
        // mov64 + sub64r
        case 158:
          setA(u, regB(u));
          u += UOP;
          setA(u, regA(u) - regB(u));
          u += UOP;
          continue;
        // mov64 + shl64i
        case 159:
          setA(u, regB(u));
          u += UOP;
          setA(u, regB(u) << imm(u));
          u += UOP;
          continue;
        // mov64 + shr64i
        case 160:
          setA(u, regB(u));
          u += UOP;
          setA(u, regB(u) >> imm(u));
          u += UOP;
          continue;
        // mov64 + and64i
        case 161:
          setA(u, regB(u));
          u += UOP;
          setA(u, regA(u) & imm(u));
          u += UOP;
          continue;
        // mov64 + jmp
        case 162:
          setA(u, regB(u));
          u += UOP;
          next = load<u32>(u, U_TARGET);
          u += UOP;
          break;
        // mov64 + load64
        case 163:
          setA(u, regB(u));
          u += UOP;
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
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
        // mov64 + store64
        case 164:
          setA(u, regB(u));
          u += UOP;
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = writeLinear(entry, va);
            if (!writeHits(entry, va + 7)) {
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
        // mov64 + cmpj64i_e
        case 165:
          setA(u, regB(u));
          u += UOP;
          next = regA(u) === imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // mov64 + cmpj64i_ne
        case 166:
          setA(u, regB(u));
          u += UOP;
          next = regA(u) !== imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // mov64 + cmpj64r_e
        case 167:
          setA(u, regB(u));
          u += UOP;
          next = regA(u) === regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // mov32 + movi
        case 168:
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          setA(u, imm(u));
          u += UOP;
          continue;
        // mov32 + mov64
        case 169:
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          setA(u, regB(u));
          u += UOP;
          continue;
        // mov32 + mov32
        case 170:
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          continue;
        // mov32 + push
        case 171:
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          {
            const va = load<u64>(REGS, CPU_SP) - 8;
            const entry = tlbOffset(va);
            let p = writeLinear(entry, va);
            if (!writeHits(entry, va + 7)) {
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
        // mov32 + pop
        case 172:
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          {
            const va = load<u64>(REGS, CPU_SP);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
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
        // mov32 + shr32i
        case 173:
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          setA(u, <u64>((<u32>regB(u)) >> (<u32>imm(u))));
          u += UOP;
          continue;
        // mov32 + and32i
        case 174:
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          setA(u, <u64>(<u32>(regA(u) & imm(u))));
          u += UOP;
          continue;
        // mov32 + add32r
        case 175:
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          setA(u, <u64>(<u32>(regA(u) + regB(u))));
          u += UOP;
          continue;
        // mov32 + imul32r
        case 176:
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          setA(u, <u64>(<u32>(regA(u) * regB(u))));
          u += UOP;
          continue;
        // mov32 + cmpj64i_e
        case 177:
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          next = regA(u) === imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // mov32 + shl64i
        case 178:
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          setA(u, regB(u) << imm(u));
          u += UOP;
          continue;
        // movi + mov64
        case 179:
          setA(u, imm(u));
          u += UOP;
          setA(u, regB(u));
          u += UOP;
          continue;
        // movi + movi
        case 180:
          setA(u, imm(u));
          u += UOP;
          setA(u, imm(u));
          u += UOP;
          continue;
        // movi + div32
        case 181:
          setA(u, imm(u));
          u += UOP;
          {
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
        // movi + div64
        case 182:
          setA(u, imm(u));
          u += UOP;
          {
            const y = regB(u);
            const low = load<u64>(REGS, CPU_AX);
            const high = load<u64>(REGS, CPU_DX);
            if (high === 0 && y !== 0) {
              store<u64>(REGS, low / y, CPU_AX);
              store<u64>(REGS, low % y, CPU_DX);
            } else {
              if (!divide(high, low, y)) {
                setExitFault(VECTOR_DE, 0, 0);
                return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
              }
              store<u64>(REGS, quotient, CPU_AX);
              store<u64>(REGS, remainder, CPU_DX);
            }
            u += UOP;
            continue;
          }
        // movi + jmp
        case 183:
          setA(u, imm(u));
          u += UOP;
          next = load<u32>(u, U_TARGET);
          u += UOP;
          break;
        // movi + cmpj64r_a
        case 184:
          setA(u, imm(u));
          u += UOP;
          next = regA(u) > regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // movi + cmpj32i_ne
        case 185:
          setA(u, imm(u));
          u += UOP;
          next = <u32>regA(u) !== <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // movi + cmpj32r_a
        case 186:
          setA(u, imm(u));
          u += UOP;
          next = <u32>regA(u) > <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // movi + store64
        case 187:
          setA(u, imm(u));
          u += UOP;
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = writeLinear(entry, va);
            if (!writeHits(entry, va + 7)) {
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
        // add64r + add64i
        case 188:
          setA(u, regA(u) + regB(u));
          u += UOP;
          setA(u, regA(u) + imm(u));
          u += UOP;
          continue;
        // add64r + mov64
        case 189:
          setA(u, regA(u) + regB(u));
          u += UOP;
          setA(u, regB(u));
          u += UOP;
          continue;
        // add64r + mov32
        case 190:
          setA(u, regA(u) + regB(u));
          u += UOP;
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          continue;
        // add64r + load8
        case 191:
          setA(u, regA(u) + regB(u));
          u += UOP;
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va)) {
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
        // add64r + load32
        case 192:
          setA(u, regA(u) + regB(u));
          u += UOP;
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 3)) {
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
        // add64r + load64
        case 193:
          setA(u, regA(u) + regB(u));
          u += UOP;
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
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
        // add64r + store8
        case 194:
          setA(u, regA(u) + regB(u));
          u += UOP;
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = writeLinear(entry, va);
            if (!writeHits(entry, va)) {
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
        // add64r + store32
        case 195:
          setA(u, regA(u) + regB(u));
          u += UOP;
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = writeLinear(entry, va);
            if (!writeHits(entry, va + 3)) {
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
        // add64r + store64
        case 196:
          setA(u, regA(u) + regB(u));
          u += UOP;
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = writeLinear(entry, va);
            if (!writeHits(entry, va + 7)) {
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
        // add64r + shr32i
        case 197:
          setA(u, regA(u) + regB(u));
          u += UOP;
          setA(u, <u64>((<u32>regB(u)) >> (<u32>imm(u))));
          u += UOP;
          continue;
        // add64r + imul64i
        case 198:
          setA(u, regA(u) + regB(u));
          u += UOP;
          setA(u, regB(u) * imm(u));
          u += UOP;
          continue;
        // add64i + add64i
        case 199:
          setA(u, regA(u) + imm(u));
          u += UOP;
          setA(u, regA(u) + imm(u));
          u += UOP;
          continue;
        // add64i + mov64
        case 200:
          setA(u, regA(u) + imm(u));
          u += UOP;
          setA(u, regB(u));
          u += UOP;
          continue;
        // add64i + mov32
        case 201:
          setA(u, regA(u) + imm(u));
          u += UOP;
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          continue;
        // add64i + add64r
        case 202:
          setA(u, regA(u) + imm(u));
          u += UOP;
          setA(u, regA(u) + regB(u));
          u += UOP;
          continue;
        // add64i + sub64r
        case 203:
          setA(u, regA(u) + imm(u));
          u += UOP;
          setA(u, regA(u) - regB(u));
          u += UOP;
          continue;
        // add64i + cmpj64i_e
        case 204:
          setA(u, regA(u) + imm(u));
          u += UOP;
          next = regA(u) === imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // add64i + cmpj64i_ne
        case 205:
          setA(u, regA(u) + imm(u));
          u += UOP;
          next = regA(u) !== imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // add64i + cmpj64r_ne
        case 206:
          setA(u, regA(u) + imm(u));
          u += UOP;
          next = regA(u) !== regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // add32i + cmpj32i_e
        case 207:
          setA(u, <u64>(<u32>(regA(u) + imm(u))));
          u += UOP;
          next = <u32>regA(u) === <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // add32i + cmpj32i_ne
        case 208:
          setA(u, <u64>(<u32>(regA(u) + imm(u))));
          u += UOP;
          next = <u32>regA(u) !== <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // add32i + mov32
        case 209:
          setA(u, <u64>(<u32>(regA(u) + imm(u))));
          u += UOP;
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          continue;
        // add32r + mov32
        case 210:
          setA(u, <u64>(<u32>(regA(u) + regB(u))));
          u += UOP;
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          continue;
        // add32i + cmpj32r_b
        case 211:
          setA(u, <u64>(<u32>(regA(u) + imm(u))));
          u += UOP;
          next = <u32>regA(u) < <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // sub64r + movi
        case 212:
          setA(u, regA(u) - regB(u));
          u += UOP;
          setA(u, imm(u));
          u += UOP;
          continue;
        // imul64r + add64i
        case 213:
          setA(u, regA(u) * regB(u));
          u += UOP;
          setA(u, regA(u) + imm(u));
          u += UOP;
          continue;
        // imul64r + add64r
        case 214:
          setA(u, regA(u) * regB(u));
          u += UOP;
          setA(u, regA(u) + regB(u));
          u += UOP;
          continue;
        // imul64i + add32i
        case 215:
          setA(u, regB(u) * imm(u));
          u += UOP;
          setA(u, <u64>(<u32>(regA(u) + imm(u))));
          u += UOP;
          continue;
        // imul32r + movi
        case 216:
          setA(u, <u64>(<u32>(regA(u) * regB(u))));
          u += UOP;
          setA(u, imm(u));
          u += UOP;
          continue;
        // and64i + shl64i
        case 217:
          setA(u, regA(u) & imm(u));
          u += UOP;
          setA(u, regB(u) << imm(u));
          u += UOP;
          continue;
        // and64i + xor64r
        case 218:
          setA(u, regA(u) & imm(u));
          u += UOP;
          setA(u, regA(u) ^ regB(u));
          u += UOP;
          continue;
        // shl64i + mov64
        case 219:
          setA(u, regB(u) << imm(u));
          u += UOP;
          setA(u, regB(u));
          u += UOP;
          continue;
        // shl64i + add64r
        case 220:
          setA(u, regB(u) << imm(u));
          u += UOP;
          setA(u, regA(u) + regB(u));
          u += UOP;
          continue;
        // shl64i + shr64i
        case 221:
          setA(u, regB(u) << imm(u));
          u += UOP;
          setA(u, regB(u) >> imm(u));
          u += UOP;
          continue;
        // shl64i + sar64i
        case 222:
          setA(u, regB(u) << imm(u));
          u += UOP;
          setA(u, <u64>((<i64>regB(u)) >> (<i64>imm(u))));
          u += UOP;
          continue;
        // shr32i + store32
        case 223:
          setA(u, <u64>((<u32>regB(u)) >> (<u32>imm(u))));
          u += UOP;
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = writeLinear(entry, va);
            if (!writeHits(entry, va + 3)) {
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
        // shr32i + load32
        case 224:
          setA(u, <u64>((<u32>regB(u)) >> (<u32>imm(u))));
          u += UOP;
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 3)) {
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
        // xor32r + and64i
        case 225:
          setA(u, <u64>(<u32>(regA(u) ^ regB(u))));
          u += UOP;
          setA(u, regA(u) & imm(u));
          u += UOP;
          continue;
        // xor32r + mov32
        case 226:
          setA(u, <u64>(<u32>(regA(u) ^ regB(u))));
          u += UOP;
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          continue;
        // xor32r + and32i
        case 227:
          setA(u, <u64>(<u32>(regA(u) ^ regB(u))));
          u += UOP;
          setA(u, <u64>(<u32>(regA(u) & imm(u))));
          u += UOP;
          continue;
        // and32i + add64r
        case 228:
          setA(u, <u64>(<u32>(regA(u) & imm(u))));
          u += UOP;
          setA(u, regA(u) + regB(u));
          u += UOP;
          continue;
        // load8 + xor64r
        case 229:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va)) {
              p = readMiss(va, 1);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u8>(p));
          }
          u += UOP;
          setA(u, regA(u) ^ regB(u));
          u += UOP;
          continue;
        // load8 + xor32r
        case 230:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va)) {
              p = readMiss(va, 1);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u8>(p));
          }
          u += UOP;
          setA(u, <u64>(<u32>(regA(u) ^ regB(u))));
          u += UOP;
          continue;
        // load8 + cmpj32i_e
        case 231:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va)) {
              p = readMiss(va, 1);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u8>(p));
          }
          u += UOP;
          next = <u32>regA(u) === <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // load8 + cmpj32i_ne
        case 232:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va)) {
              p = readMiss(va, 1);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u8>(p));
          }
          u += UOP;
          next = <u32>regA(u) !== <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // load16 + cmpj32i_e
        case 233:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 1)) {
              p = readMiss(va, 2);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u16>(p));
          }
          u += UOP;
          next = <u32>regA(u) === <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // load16 + cmpj32i_ne
        case 234:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 1)) {
              p = readMiss(va, 2);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u16>(p));
          }
          u += UOP;
          next = <u32>regA(u) !== <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // load32 + xor32r
        case 235:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 3)) {
              p = readMiss(va, 4);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u32>(p));
          }
          u += UOP;
          setA(u, <u64>(<u32>(regA(u) ^ regB(u))));
          u += UOP;
          continue;
        // load32 + mov32
        case 236:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 3)) {
              p = readMiss(va, 4);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u32>(p));
          }
          u += UOP;
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          continue;
        // load32 + cmpj32r_be
        case 237:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 3)) {
              p = readMiss(va, 4);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u32>(p));
          }
          u += UOP;
          next = <u32>regA(u) <= <u32>regB(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // load32 + cmpj32i_e
        case 238:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 3)) {
              p = readMiss(va, 4);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u32>(p));
          }
          u += UOP;
          next = <u32>regA(u) === <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // load32 + cmpj32i_ne
        case 239:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 3)) {
              p = readMiss(va, 4);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u32>(p));
          }
          u += UOP;
          next = <u32>regA(u) !== <u32>imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // load64 + imul64r
        case 240:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
              p = readMiss(va, 8);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u64>(p));
          }
          u += UOP;
          setA(u, regA(u) * regB(u));
          u += UOP;
          continue;
        // load64 + load64
        case 241:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
              p = readMiss(va, 8);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u64>(p));
          }
          u += UOP;
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
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
        // load64 + mov64
        case 242:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
              p = readMiss(va, 8);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u64>(p));
          }
          u += UOP;
          setA(u, regB(u));
          u += UOP;
          continue;
        // load64 + cmpj64i_e
        case 243:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
              p = readMiss(va, 8);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u64>(p));
          }
          u += UOP;
          next = regA(u) === imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // load64 + cmpj64i_ne
        case 244:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
              p = readMiss(va, 8);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u64>(p));
          }
          u += UOP;
          next = regA(u) !== imm(u) ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;
          u += 2 * UOP;
          break;
        // load64 + add64r
        case 245:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
              p = readMiss(va, 8);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            setA(u, <u64>load<u64>(p));
          }
          u += UOP;
          setA(u, regA(u) + regB(u));
          u += UOP;
          continue;
        // push + push
        case 246:
          {
            const va = load<u64>(REGS, CPU_SP) - 8;
            const entry = tlbOffset(va);
            let p = writeLinear(entry, va);
            if (!writeHits(entry, va + 7)) {
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
          }
          u += UOP;
          {
            const va = load<u64>(REGS, CPU_SP) - 8;
            const entry = tlbOffset(va);
            let p = writeLinear(entry, va);
            if (!writeHits(entry, va + 7)) {
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
        // push + mov64
        case 247:
          {
            const va = load<u64>(REGS, CPU_SP) - 8;
            const entry = tlbOffset(va);
            let p = writeLinear(entry, va);
            if (!writeHits(entry, va + 7)) {
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
          }
          u += UOP;
          setA(u, regB(u));
          u += UOP;
          continue;
        // pop + pop
        case 248:
          {
            const va = load<u64>(REGS, CPU_SP);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
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
          }
          u += UOP;
          {
            const va = load<u64>(REGS, CPU_SP);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
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
        // pop + movi
        case 249:
          {
            const va = load<u64>(REGS, CPU_SP);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
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
          }
          u += UOP;
          setA(u, imm(u));
          u += UOP;
          continue;
        // pop + leave
        case 250:
          {
            const va = load<u64>(REGS, CPU_SP);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
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
          }
          u += UOP;
          {
            const va = load<u64>(REGS, CPU_BP);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
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
        // leave + ret
        case 251:
          {
            const va = load<u64>(REGS, CPU_BP);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
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
          }
          u += UOP;
          {
            const va = load<u64>(REGS, CPU_SP);
            const entry = tlbOffset(va);
            let p = readLinear(entry, va);
            if (!readHits(entry, va + 7)) {
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
        // store64 + store64
        case 252:
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = writeLinear(entry, va);
            if (!writeHits(entry, va + 7)) {
              p = writeMiss(va, 8);
              if (p === 0) {
                next = repair(u);
                if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
                u += UOP;
                break;
              }
            }
            store<u64>(p, load<u64>(<usize>load<u8>(u, U_A), REGS));
          }
          u += UOP;
          {
            const va = regB(u) + displacement(u);
            const entry = tlbOffset(va);
            let p = writeLinear(entry, va);
            if (!writeHits(entry, va + 7)) {
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
        // div32 + mov32
        case 253:
          {
            const y = <u64>(<u32>regB(u));
            const x = (<u64>load<u32>(REGS, CPU_AX)) | ((<u64>load<u32>(REGS, CPU_DX)) << 32);
            if (y === 0 || x / y > 0xffffffff) {
              setExitFault(VECTOR_DE, 0, 0);
              return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
            }
            store<u64>(REGS, x / y, CPU_AX);
            store<u64>(REGS, x % y, CPU_DX);
          }
          u += UOP;
          setA(u, <u64>(<u32>regB(u)));
          u += UOP;
          continue;
        // nop + nop
        case 254:
          u += UOP;

          u += UOP;
          continue;
        // nop + push
        case 255:
          u += UOP;
          {
            const va = load<u64>(REGS, CPU_SP) - 8;
            const entry = tlbOffset(va);
            let p = writeLinear(entry, va);
            if (!writeHits(entry, va + 7)) {
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

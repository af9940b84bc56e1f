// Micro-ops of the operand forms that several opcodes share. ALU, shift and multiply records come out in their
// flag-writing form; the block pass (block.ts) replaces those whose flags nothing reads.
import { CPU_CX, CPU_ZERO } from '../layout/cpu';
import { base, disp, index, isRegister, lock, memForm, registerAt, regNumber, rmNumber } from './operand';
import {
  ALU_CMP,
  COLD_ALU_I,
  COLD_ALU_MI,
  COLD_ALU_MR,
  COLD_ALU_R,
  COLD_ALU_RM,
  COLD_CMPXCHG_M,
  COLD_GROUP3_M,
  COLD_IMUL,
  COLD_IMUL_M,
  COLD_LOAD,
  COLD_MOV,
  COLD_SHIFT,
  COLD_SHIFT_M,
  COLD_STORE,
  COLD_XADD_M,
  COLD_XCHG_M,
  FORM_ALT,
  FORM_KIND,
  FORM_WIDTH,
  LOAD_MERGE,
  LOAD_SX64,
  LOAD_ZX,
  OP_CMP,
  OP_COLD,
  OP_LOAD,
  OP_LOADX,
  OP_MOV32,
  OP_MOV64,
  OP_STORE,
  OP_STOREX,
  OP_TEST,
  OP_UD,
  U_A,
  U_B,
  U_C,
  U_DISP,
  U_FORM,
  U_IMM,
  U_LEN,
  U_LIVE,
  U_OP,
} from './uop';

export function put(u: usize, op: u32, a: u32, b: u32, c: u32): void {
  store<u8>(u, op, U_OP);
  store<u8>(u, a, U_A);
  store<u8>(u, b, U_B);
  store<u8>(u, c, U_C);
}

export function putCold(u: usize, form: u32, a: u32, b: u32, width: u32): void {
  put(u, OP_COLD, a, b, CPU_ZERO);
  store<u16>(u, form | (width << FORM_WIDTH), U_FORM);
}

/** Cold operation on the memory operand just read. */
export function putMemory(u: usize, form: u32, a: u32, width: u32): void {
  put(u, OP_COLD, a, base, index);
  store<u16>(u, form | (width << FORM_WIDTH) | memForm, U_FORM);
  store<i32>(u, disp, U_DISP);
}

export function emitUndefined(u: usize): void {
  put(u, OP_UD, 0, 0, 0);
}

export function emitMove(u: usize, to: u32, from: u32, width: u32): void {
  const a = registerAt(to, width);
  const b = registerAt(from, width);
  if (width === 3) put(u, OP_MOV64, a, b, 0);
  else if (width === 2) put(u, OP_MOV32, a, b, 0);
  else putCold(u, COLD_MOV, a, b, width);
}

/** `width` is that of the memory operand. */
export function emitLoad(u: usize, reg: u32, width: u32, extend: u32): void {
  const a = registerAt(reg, extend === LOAD_MERGE ? width : 3);
  let op: u32 = OP_COLD;
  if (memForm === 0) {
    if (extend === LOAD_ZX) op = (index === CPU_ZERO ? OP_LOAD : OP_LOADX) + width;
    else if (extend === LOAD_SX64 && index === CPU_ZERO) op = OP_LOAD + 4 + width;
  }
  putMemory(u, COLD_LOAD | (extend << FORM_KIND), a, width);
  store<u8>(u, op, U_OP);
}

export function emitStore(u: usize, a: u32, width: u32): void {
  putMemory(u, COLD_STORE, a, width);
  if (memForm === 0) store<u8>(u, (index === CPU_ZERO ? OP_STORE : OP_STOREX) + width, U_OP);
}

export function emitAlu(u: usize, kind: u32, width: u32, toRegister: bool): void {
  const reg = registerAt(regNumber, width);
  const form = kind << FORM_KIND;
  if (!isRegister) return putMemory(u, (toRegister ? COLD_ALU_RM : COLD_ALU_MR) | form, reg, width);
  const rm = registerAt(rmNumber, width);
  putCold(u, COLD_ALU_R | form, toRegister ? reg : rm, toRegister ? rm : reg, width);
}

/** Shift or rotate of the r/m operand by a constant or by cl. */
export function emitShift(u: usize, width: u32, count: u32, byCl: bool): void {
  const kind = regNumber & 7;
  if (kind === 2 || kind === 3) return emitUndefined(u);
  if (!isRegister) {
    if (byCl) return emitUndefined(u);
    return putMemory(u, COLD_SHIFT_M | (kind << FORM_KIND), count & 63, width);
  }
  const at = registerAt(rmNumber, width);
  putCold(u, COLD_SHIFT | (kind << FORM_KIND) | (byCl ? FORM_ALT : 0), at, at, width);
  if (byCl) store<u8>(u, CPU_CX, U_C);
  store<i64>(u, <i64>(count & (width === 3 ? 63 : 31)), U_IMM);
}

export function emitImul(u: usize, width: u32, withImmediate: bool, value: i64): void {
  const a = registerAt(regNumber, width);
  const alt: u32 = withImmediate ? FORM_ALT : 0;
  if (isRegister) putCold(u, COLD_IMUL | alt, a, registerAt(rmNumber, width), width);
  else putMemory(u, COLD_IMUL_M | alt, a, width);
  store<i64>(u, value, U_IMM);
}

/** Instructions that may carry lock: read-modify-write of memory (Intel SDM vol. 2, LOCK). */
function isLockable(u: usize): bool {
  if (load<u8>(u, U_OP) !== OP_COLD) return false;
  const form: u32 = load<u16>(u, U_FORM);
  const kind = (form >> FORM_KIND) & 15;
  switch (form & 63) {
    case COLD_ALU_MR:
    case COLD_ALU_MI:
      return kind < ALU_CMP;
    case COLD_XCHG_M:
    case COLD_XADD_M:
    case COLD_CMPXCHG_M:
      return true;
    case COLD_GROUP3_M:
      return kind === 2 || kind === 3;
    default:
      return false;
  }
}

/** Register compares and tests of 32 and 64 bits have handlers of their own; test r,r sets the flags of cmp r,0. */
function promoteCompare(u: usize): void {
  const form: u32 = load<u16>(u, U_FORM);
  const operation = form & 63;
  const width = (form >> FORM_WIDTH) & 3;
  const kind = (form >> FORM_KIND) & 15;
  if (operation > COLD_ALU_I || width < 2 || kind < ALU_CMP) return;
  const narrow: u32 = width === 3 ? 0 : 2;
  if (kind === ALU_CMP) store<u8>(u, OP_CMP + narrow + (operation === COLD_ALU_I ? 1 : 0), U_OP);
  else if (operation === COLD_ALU_I) store<u8>(u, OP_TEST + narrow + 1, U_OP);
  else if (load<u8>(u, U_A) === load<u8>(u, U_B)) store<u8>(u, OP_CMP + narrow + 1, U_OP);
  else store<u8>(u, OP_TEST + narrow, U_OP);
}

/** Last touch: lock prefix, length, live form. */
export function finish(u: usize, length: u32): void {
  if (lock && !isLockable(u)) emitUndefined(u);
  if (load<u8>(u, U_OP) === OP_COLD) promoteCompare(u);
  store<u8>(u, load<u8>(u, U_OP), U_LIVE);
  store<u8>(u, length, U_LEN);
}

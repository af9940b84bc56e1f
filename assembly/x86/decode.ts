// One x86-64 instruction to one micro-op: the forms the BPF JIT of Linux emits, and their natural neighbours
// (Intel SDM vol. 2). What is not here is an undefined opcode.
import { CPU_AX, CPU_ZERO } from '../layout/cpu';
import { decodeTwoByte } from './decode-0f';
import {
  emitAlu,
  emitImul,
  emitLoad,
  emitMove,
  emitShift,
  emitStore,
  emitUndefined,
  finish,
  put,
  putCold,
  putMemory,
} from './emit';
import {
  fetch16,
  fetch64,
  fetch8,
  fetchFailed,
  fetchI32,
  fetchI8,
  fetchLength,
  fetchStart,
  fetchTooLong,
} from './fetch';
import {
  index,
  isRegister,
  memForm,
  operandWidth,
  prefixUnknown,
  readModRm,
  readPrefixes,
  registerAt,
  regNumber,
  rep,
  rex,
  rmNumber,
  setRex,
} from './operand';
import {
  ALU_TEST,
  COLD_ALU_I,
  COLD_ALU_MI,
  COLD_CWD,
  COLD_DIV,
  COLD_GROUP3_M,
  COLD_IDIV,
  COLD_INC,
  COLD_LEA,
  COLD_MOV_I,
  COLD_MUL,
  COLD_NEG,
  COLD_NOT,
  COLD_STORE_I,
  COLD_XCHG,
  COLD_XCHG_M,
  FORM_ALT,
  FORM_KIND,
  LOAD_MERGE,
  LOAD_SX64,
  LOAD_ZX,
  OP_CALL,
  OP_CALLR,
  OP_DIV32,
  OP_DIV64,
  OP_INT3,
  OP_JCC,
  OP_JMP,
  OP_JMPR,
  OP_LEAVE,
  OP_MOVI,
  OP_MOVSX32_64,
  OP_NOP,
  OP_POP,
  OP_PUSH,
  OP_RET,
  OP_SHIFT,
  OP_STOREI,
  OP_STOREXI,
  SHIFT_SAR,
  SHIFT_SHL,
  SHIFT_SHR,
  U_DISP,
  U_IMM,
  U_IP,
  U_OP,
  UOP,
} from './uop';

export const DECODED = 0;
export const DECODE_FETCH = 1;

/** Decodes the instruction at `ip` into the micro-op at `u`; DECODE_FETCH when a byte of it cannot be fetched. */
export function decode(ip: u64, u: usize): u32 {
  fetchStart(ip);
  memory.fill(u, 0, UOP);
  store<u64>(u, ip, U_IP);
  const opcode = readPrefixes();
  oneByte(u, opcode);
  if (fetchFailed) return DECODE_FETCH;
  if (prefixUnknown || fetchTooLong) emitUndefined(u);
  finish(u, fetchLength());
  return DECODED;
}

function immediate(width: u32): i64 {
  if (width === 0) return <i64>fetchI8();
  if (width === 1) return <i64>(<i16>fetch16());
  return <i64>fetchI32();
}

function oneByte(u: usize, opcode: u32): void {
  const width = (opcode & 1) === 0 ? 0 : operandWidth();
  if (opcode < 0x40 && (opcode & 7) < 6) return alu(u, opcode, width);
  switch (opcode & 0xf8) {
    case 0x50:
      return put(u, OP_PUSH, registerAt((opcode & 7) | ((rex & 1) << 3), 3), 0, 0);
    case 0x58:
      return put(u, OP_POP, registerAt((opcode & 7) | ((rex & 1) << 3), 3), 0, 0);
    case 0x70:
    case 0x78:
      put(u, OP_JCC, 0, 0, opcode & 15);
      return branch(u, fetchI8());
    case 0xb0:
      return moveImmediate(u, (opcode & 7) | ((rex & 1) << 3), 0, <i64>fetchI8());
    case 0xb8:
      return moveWide(u, (opcode & 7) | ((rex & 1) << 3));
  }
  switch (opcode) {
    case 0x0f:
      return decodeTwoByte(u);
    case 0x63:
      readModRm();
      if ((rex & 8) === 0) return emitUndefined(u);
      if (!isRegister) return emitLoad(u, regNumber, 2, LOAD_SX64);
      return put(u, OP_MOVSX32_64, registerAt(regNumber, 3), registerAt(rmNumber, 2), 0);
    case 0x68:
      return pushImmediate(u, <i64>fetchI32());
    case 0x6a:
      return pushImmediate(u, <i64>fetchI8());
    case 0x69:
      readModRm();
      return emitImul(u, operandWidth(), true, immediate(operandWidth()));
    case 0x6b:
      readModRm();
      return emitImul(u, operandWidth(), true, <i64>fetchI8());
    case 0x80:
    case 0x81:
    case 0x83:
      return group1(u, opcode, width);
    case 0x84:
    case 0x85:
      readModRm();
      return emitAlu(u, ALU_TEST, width, false);
    case 0x86:
    case 0x87:
      return exchange(u, width);
    case 0x88:
    case 0x89:
      readModRm();
      if (isRegister) return emitMove(u, rmNumber, regNumber, width);
      return emitStore(u, registerAt(regNumber, width), width);
    case 0x8a:
    case 0x8b:
      readModRm();
      if (isRegister) return emitMove(u, regNumber, rmNumber, width);
      return emitLoad(u, regNumber, width, width < 2 ? LOAD_MERGE : LOAD_ZX);
    case 0x8d:
      readModRm();
      if (isRegister) return emitUndefined(u);
      return putMemory(u, COLD_LEA, registerAt(regNumber, operandWidth()), operandWidth());
    case 0x90:
      // With REX.B it is xchg r8,rax.
      return (rex & 1) !== 0 ? emitUndefined(u) : put(u, OP_NOP, 0, 0, 0);
    case 0x99:
      return putCold(u, COLD_CWD, 0, 0, operandWidth());
    case 0xa8:
    case 0xa9:
      putCold(u, COLD_ALU_I | (ALU_TEST << FORM_KIND), CPU_AX, CPU_AX, width);
      return setImmediate(u, immediate(width));
    case 0xc0:
    case 0xc1:
      readModRm();
      return emitShift(u, width, fetch8(), false);
    case 0xd0:
    case 0xd1:
      readModRm();
      return emitShift(u, width, 1, false);
    case 0xd2:
    case 0xd3:
      readModRm();
      return emitShift(u, width, 0, true);
    case 0xc3:
      return put(u, OP_RET, 0, 0, 0);
    case 0xc4:
      return vex(u);
    case 0xc6:
    case 0xc7:
      return moveToRm(u, width);
    case 0xc9:
      return put(u, OP_LEAVE, 0, 0, 0);
    case 0xcc:
      return put(u, OP_INT3, 0, 0, 0);
    case 0xe8:
      put(u, OP_CALL, 0, 0, 0);
      return branch(u, fetchI32());
    case 0xe9:
      put(u, OP_JMP, 0, 0, 0);
      return branch(u, fetchI32());
    case 0xeb:
      put(u, OP_JMP, 0, 0, 0);
      return branch(u, fetchI8());
    case 0xf6:
    case 0xf7:
      return group3(u, width);
    case 0xfe:
    case 0xff:
      return group5(u, opcode, width);
    default:
      return emitUndefined(u);
  }
}

function branch(u: usize, distance: i32): void {
  store<i32>(u, distance, U_DISP);
}

function setImmediate(u: usize, value: i64): void {
  store<i64>(u, value, U_IMM);
}

function alu(u: usize, opcode: u32, width: u32): void {
  const kind = opcode >> 3;
  if (kind === 2 || kind === 3) return emitUndefined(u);
  if ((opcode & 7) < 4) {
    readModRm();
    return emitAlu(u, kind, width, (opcode & 2) !== 0);
  }
  putCold(u, COLD_ALU_I | (kind << FORM_KIND), CPU_AX, CPU_AX, width);
  setImmediate(u, immediate(width));
}

function group1(u: usize, opcode: u32, width: u32): void {
  readModRm();
  const kind = regNumber & 7;
  const value = opcode === 0x81 ? immediate(width) : <i64>fetchI8();
  if (kind === 2 || kind === 3) return emitUndefined(u);
  if (!isRegister) {
    putMemory(u, COLD_ALU_MI | (kind << FORM_KIND), 0, width);
    return setImmediate(u, value);
  }
  const at = registerAt(rmNumber, width);
  putCold(u, COLD_ALU_I | (kind << FORM_KIND), at, at, width);
  setImmediate(u, value);
}

function exchange(u: usize, width: u32): void {
  readModRm();
  const reg = registerAt(regNumber, width);
  if (!isRegister) return putMemory(u, COLD_XCHG_M, reg, width);
  putCold(u, COLD_XCHG, reg, registerAt(rmNumber, width), width);
}

function pushImmediate(u: usize, value: i64): void {
  put(u, OP_PUSH, CPU_ZERO, 0, 0);
  setImmediate(u, value);
}

/** Register moves of a constant: 8 and 16 bits leave the rest of the register. */
function moveImmediate(u: usize, number: u32, width: u32, value: i64): void {
  const at = registerAt(number, width);
  if (width >= 2) put(u, OP_MOVI, at, 0, 0);
  else putCold(u, COLD_MOV_I, at, at, width);
  setImmediate(u, width === 2 ? value & 0xffffffff : value);
}

function moveWide(u: usize, number: u32): void {
  const width = operandWidth();
  if (width === 3) return moveImmediate(u, number, 3, <i64>fetch64());
  moveImmediate(u, number, width, width === 1 ? <i64>fetch16() : <i64>(<u32>fetchI32()));
}

function moveToRm(u: usize, width: u32): void {
  readModRm();
  const value = immediate(width);
  if ((regNumber & 7) !== 0) return emitUndefined(u);
  if (isRegister) return moveImmediate(u, rmNumber, width, value);
  putMemory(u, COLD_STORE_I, 0, width);
  setImmediate(u, value);
  if (memForm === 0) store<u8>(u, (index === CPU_ZERO ? OP_STOREI : OP_STOREXI) + width, U_OP);
}

/** test, not, neg, mul, imul, div, idiv. */
function group3(u: usize, width: u32): void {
  readModRm();
  const digit = regNumber & 7;
  if (digit < 2) {
    const value = immediate(width);
    if (!isRegister) {
      putMemory(u, COLD_ALU_MI | (ALU_TEST << FORM_KIND), 0, width);
      return setImmediate(u, value);
    }
    const at = registerAt(rmNumber, width);
    putCold(u, COLD_ALU_I | (ALU_TEST << FORM_KIND), at, at, width);
    return setImmediate(u, value);
  }
  if (!isRegister) return putMemory(u, COLD_GROUP3_M | (digit << FORM_KIND), 0, width);
  const at = registerAt(rmNumber, width);
  switch (digit) {
    case 2:
      return putCold(u, COLD_NOT, at, at, width);
    case 3:
      return putCold(u, COLD_NEG, at, at, width);
    case 4:
      return putCold(u, COLD_MUL, 0, at, width);
    case 5:
      return putCold(u, COLD_MUL | FORM_ALT, 0, at, width);
    case 6:
      if (width >= 2) return put(u, width === 3 ? OP_DIV64 : OP_DIV32, 0, at, 0);
      return putCold(u, COLD_DIV, 0, at, width);
    default:
      return putCold(u, COLD_IDIV, 0, at, width);
  }
}

/** inc, dec, and the indirect call, jump and push of a register. */
function group5(u: usize, opcode: u32, width: u32): void {
  readModRm();
  const digit = regNumber & 7;
  if (digit < 2) {
    if (!isRegister) return emitUndefined(u);
    const at = registerAt(rmNumber, width);
    return putCold(u, COLD_INC | (digit === 1 ? FORM_ALT : 0), at, at, width);
  }
  if (opcode === 0xfe || !isRegister) return emitUndefined(u);
  const at = registerAt(rmNumber, 3);
  if (digit === 2) return put(u, OP_CALLR, 0, at, 0);
  if (digit === 4) return put(u, OP_JMPR, 0, at, 0);
  if (digit === 6) return put(u, OP_PUSH, at, 0, 0);
  emitUndefined(u);
}

/** shlx, sarx, shrx: map 0f38, opcode f7. */
function vex(u: usize): void {
  const first = fetch8();
  const second = fetch8();
  const opcode = fetch8();
  const legacy = rex !== 0 || rep !== 0;
  setRex(0x40 | ((second & 0x80) !== 0 ? 8 : 0) | ((~first & 0xe0) >> 5));
  readModRm();
  const pp = second & 3;
  if (legacy || (first & 31) !== 2 || opcode !== 0xf7 || pp === 0 || (second & 4) !== 0 || !isRegister)
    return emitUndefined(u);
  const kind = pp === 1 ? SHIFT_SHL : pp === 2 ? SHIFT_SAR : SHIFT_SHR;
  const width: u32 = (second & 0x80) !== 0 ? 3 : 2;
  const count = registerAt((~second >> 3) & 15, 3);
  // No flags: the loop's own shift is the whole instruction.
  const row: u32 = kind === SHIFT_SHL ? 0 : kind === SHIFT_SHR ? 1 : 2;
  put(
    u,
    OP_SHIFT + row * 4 + (width === 3 ? 2 : 3),
    registerAt(regNumber, 3),
    registerAt(rmNumber, 3),
    count,
  );
}

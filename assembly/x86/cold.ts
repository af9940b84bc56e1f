// Micro-ops off the hot path: flag-writing ALU forms, memory operands of ALU operations, locked operations, wide
// multiply and divide (Intel SDM vol. 2, one page each).
import { CPU_AX, CPU_DX } from '../layout/cpu';
import { readAddress, writeAddress } from '../mm/tlb';
import {
  bitsOf,
  CF,
  condition,
  FLAGS_ADD,
  FLAGS_LOGIC,
  FLAGS_SUB,
  OF,
  readFlags,
  setFlags,
  writeFlags,
} from './flags';
import { divide, divideSigned, mulHigh, mulHighSigned, quotient, remainder } from './muldiv';
import { REGS } from './state';
import {
  ALU_ADD,
  ALU_AND,
  ALU_CMP,
  ALU_OR,
  ALU_SUB,
  ALU_TEST,
  COLD_ALU_I,
  COLD_ALU_MI,
  COLD_ALU_MR,
  COLD_ALU_R,
  COLD_ALU_RM,
  COLD_BSWAP,
  COLD_CMOV,
  COLD_CMPXCHG_M,
  COLD_CWD,
  COLD_DIV,
  COLD_GROUP3_M,
  COLD_IDIV,
  COLD_IMUL,
  COLD_IMUL_M,
  COLD_INC,
  COLD_LEA,
  COLD_LOAD,
  COLD_MOV,
  COLD_MOV_I,
  COLD_MUL,
  COLD_NEG,
  COLD_NOT,
  COLD_SETCC,
  COLD_SHIFT,
  COLD_SHIFT_M,
  COLD_STORE,
  COLD_STORE_I,
  COLD_XADD_M,
  COLD_XCHG,
  COLD_XCHG_M,
  FORM_ALT,
  FORM_KIND,
  FORM_RIP,
  FORM_SCALE,
  FORM_WIDTH,
  LOAD_MERGE,
  LOAD_SX32,
  LOAD_SX64,
  U_A,
  U_B,
  U_C,
  U_DISP,
  U_FORM,
  U_IMM,
  U_IP,
  U_LEN,
} from './uop';
import { rotate, shift } from './shift';

export const COLD_DONE = 0;
/** A memory operand faulted (mm/tlb.ts says how); nothing was changed. */
export const COLD_FAULT = 1;
/** Divide error. */
export const COLD_DIVIDE = 2;

function read(at: usize, width: u32): u64 {
  if (width === 3) return load<u64>(at);
  if (width === 2) return load<u32>(at);
  return width === 1 ? load<u16>(at) : load<u8>(at);
}

function write(at: usize, width: u32, value: u64): void {
  if (width === 3) store<u64>(at, value);
  else if (width === 2) store<u32>(at, <u32>value);
  else if (width === 1) store<u16>(at, <u16>value);
  else store<u8>(at, <u8>value);
}

/** Register write: 32 bits clear the upper half, 8 and 16 bits leave the rest. */
function writeRegister(at: usize, width: u32, value: u64): void {
  if (width === 2) store<u64>(at, value & 0xffffffff);
  else write(at, width, value);
}

function signed(value: u64, width: u32): u64 {
  const lift = 64 - bitsOf(width);
  return <u64>((<i64>(value << lift)) >> lift);
}

function effective(u: usize, form: u32): u64 {
  const scale: u64 = (form >> FORM_SCALE) & 3;
  const index = load<u64>(REGS + load<u8>(u, U_C)) << scale;
  const address = load<u64>(REGS + load<u8>(u, U_B)) + index + <u64>(<i64>load<i32>(u, U_DISP));
  return (form & FORM_RIP) !== 0 ? address + load<u64>(u, U_IP) + load<u8>(u, U_LEN) : address;
}

/** Result of an ALU operation, flags written. */
function alu(kind: u32, width: u32, x: u64, y: u64): u64 {
  switch (kind) {
    case ALU_ADD:
      setFlags(FLAGS_ADD, width, x, y, x + y);
      return x + y;
    case ALU_SUB:
    case ALU_CMP:
      setFlags(FLAGS_SUB, width, x, y, x - y);
      return x - y;
    default: {
      const r = kind === ALU_OR ? x | y : kind === ALU_AND || kind === ALU_TEST ? x & y : x ^ y;
      setFlags(FLAGS_LOGIC, width, x, y, r);
      return r;
    }
  }
}

/** Product of the width, CF and OF set when the full signed product does not fit it. */
function imul(width: u32, x: u64, y: u64): u64 {
  const r = x * y;
  const lost =
    width === 3
      ? mulHighSigned(x, y) !== <u64>((<i64>r) >> 63)
      : signed(x, width) * signed(y, width) !== signed(r, width);
  writeFlags(lost ? CF | OF : 0);
  return r;
}

/** rdx:rax (ax for bytes) = rax * y. */
function multiply(width: u32, y: u64, isSigned: bool): void {
  const x = read(REGS + CPU_AX, width);
  let low = x * y;
  let high = isSigned ? mulHighSigned(x, y) : mulHigh(x, y);
  if (width < 3) {
    if (isSigned) low = signed(x, width) * signed(y, width);
    high = low >> bitsOf(width);
  }
  if (width === 0) write(REGS + CPU_AX, 1, low);
  else {
    writeRegister(REGS + CPU_AX, width, low);
    writeRegister(REGS + CPU_DX, width, high);
  }
  const filler = isSigned ? signed(low, width) >> 63 : 0;
  const mask = width === 3 ? ~(<u64>0) : ((<u64>1) << bitsOf(width)) - 1;
  const spill = isSigned && filler !== 0 ? mask : 0;
  writeFlags((high & mask) !== spill ? CF | OF : 0);
}

/** rax, rdx = quotient and remainder of rdx:rax / y; false on a divide error. */
function divideRegisters(width: u32, y: u64, isSigned: bool): bool {
  let low = read(REGS + CPU_AX, width === 0 ? 1 : width);
  let high: u64 = width === 0 ? 0 : read(REGS + CPU_DX, width);
  if (width === 0) low = isSigned ? signed(low, 1) : low;
  else if (width < 3) {
    low |= high << bitsOf(width);
    if (isSigned) low = signed(low, width + 1);
  }
  if (width < 3) high = isSigned ? <u64>((<i64>low) >> 63) : 0;
  const ok = isSigned ? divideSigned(high, low, signed(y, width)) : divide(high, low, y);
  if (!ok) return false;
  if (width < 3) {
    if (isSigned ? signed(quotient, width) !== quotient : quotient >> bitsOf(width) !== 0) return false;
  }
  if (width === 0) {
    store<u8>(REGS + CPU_AX, <u8>quotient);
    store<u8>(REGS + CPU_AX + 1, <u8>remainder);
  } else {
    writeRegister(REGS + CPU_AX, width, quotient);
    writeRegister(REGS + CPU_DX, width, remainder);
  }
  return true;
}

function group3(kind: u32, at: usize, width: u32): u32 {
  const value = read(at, width);
  switch (kind) {
    case 2:
      write(at, width, ~value);
      return COLD_DONE;
    case 3:
      write(at, width, alu(ALU_SUB, width, 0, value));
      return COLD_DONE;
    case 4:
    case 5:
      multiply(width, value, kind === 5);
      return COLD_DONE;
    default:
      return divideRegisters(width, value, kind === 7) ? COLD_DONE : COLD_DIVIDE;
  }
}

/** Reads and writes memory in one operation: xchg, xadd, cmpxchg, ALU with a memory destination. */
function modify(u: usize, operation: u32, kind: u32, width: u32, at: usize, a: usize): void {
  const old = read(at, width);
  switch (operation) {
    case COLD_ALU_MR:
      write(at, width, alu(kind, width, old, read(a, width)));
      return;
    case COLD_ALU_MI:
      write(at, width, alu(kind, width, old, load<u64>(u, U_IMM)));
      return;
    case COLD_SHIFT_M: {
      const count = (<u64>load<u8>(u, U_A)) & (width === 3 ? 63 : 31);
      write(at, width, kind < 4 ? rotate(kind, width, old, count) : shift(kind, width, old, count));
      return;
    }
    case COLD_XCHG_M:
      write(at, width, read(a, width));
      writeRegister(a, width, old);
      return;
    case COLD_XADD_M: {
      const sum = alu(ALU_ADD, width, old, read(a, width));
      writeRegister(a, width, old);
      write(at, width, sum);
      return;
    }
    case COLD_CMPXCHG_M:
      alu(ALU_CMP, width, read(REGS + CPU_AX, width), old);
      if (read(REGS + CPU_AX, width) === old) write(at, width, read(a, width));
      else writeRegister(REGS + CPU_AX, width, old);
      return;
  }
}

function loadInto(a: usize, at: usize, kind: u32, width: u32): void {
  const value = read(at, width);
  if (kind === LOAD_SX64) store<u64>(a, signed(value, width));
  else if (kind === LOAD_SX32) store<u64>(a, signed(value, width) & 0xffffffff);
  else if (kind === LOAD_MERGE) write(a, width, value);
  else store<u64>(a, value);
}

function onMemory(u: usize, form: u32): u32 {
  const operation = form & 63;
  const width = (form >> FORM_WIDTH) & 3;
  const kind = (form >> FORM_KIND) & 15;
  const a = REGS + load<u8>(u, U_A);
  const size = (<u64>1) << (<u64>width);
  const address = effective(u, form);
  if (operation === COLD_LEA) {
    writeRegister(a, width, address);
    return COLD_DONE;
  }
  const compares = kind >= ALU_CMP && (operation === COLD_ALU_MR || operation === COLD_ALU_MI);
  const reads =
    compares ||
    operation === COLD_LOAD ||
    operation === COLD_ALU_RM ||
    operation === COLD_IMUL_M ||
    (operation === COLD_GROUP3_M && kind > 3);
  const at = reads ? readAddress(address, size) : writeAddress(address, size);
  if (at === 0) return COLD_FAULT;
  if (operation === COLD_STORE) write(at, width, read(a, width));
  else if (operation === COLD_STORE_I) write(at, width, load<u64>(u, U_IMM));
  else if (operation === COLD_LOAD) loadInto(a, at, kind, width);
  else if (operation === COLD_GROUP3_M) return group3(kind, at, width);
  else if (operation === COLD_IMUL_M) {
    const y = (form & FORM_ALT) !== 0 ? load<u64>(u, U_IMM) : read(a, width);
    writeRegister(a, width, imul(width, read(at, width), y));
  } else if (compares)
    alu(kind, width, read(at, width), operation === COLD_ALU_MR ? read(a, width) : load<u64>(u, U_IMM));
  else if (operation === COLD_ALU_RM) {
    const r = alu(kind, width, read(a, width), read(at, width));
    if (kind < ALU_CMP) writeRegister(a, width, r);
  } else modify(u, operation, kind, width, at, a);
  return COLD_DONE;
}

/** Runs the cold micro-op at `u`; COLD_FAULT and COLD_DIVIDE leave the registers as they were. */
export function cold(u: usize): u32 {
  const form = <u32>load<u16>(u, U_FORM);
  const width = (form >> FORM_WIDTH) & 3;
  const kind = (form >> FORM_KIND) & 15;
  const alternative = (form & FORM_ALT) !== 0;
  const a = REGS + load<u8>(u, U_A);
  const b = REGS + load<u8>(u, U_B);
  switch (form & 63) {
    case COLD_ALU_R:
    case COLD_ALU_I: {
      const y = (form & 63) === COLD_ALU_R ? read(b, width) : load<u64>(u, U_IMM);
      const r = alu(kind, width, read(a, width), y);
      if (kind < ALU_CMP) writeRegister(a, width, r);
      return COLD_DONE;
    }
    case COLD_SHIFT: {
      const mask: u64 = width === 3 ? 63 : 31;
      const count = (alternative ? load<u64>(REGS + load<u8>(u, U_C)) : load<u64>(u, U_IMM)) & mask;
      const value = read(b, width);
      writeRegister(
        a,
        width,
        kind < 4 ? rotate(kind, width, value, count) : shift(kind, width, value, count),
      );
      return COLD_DONE;
    }
    case COLD_IMUL:
      writeRegister(
        a,
        width,
        imul(width, read(b, width), alternative ? load<u64>(u, U_IMM) : read(a, width)),
      );
      return COLD_DONE;
    case COLD_MUL:
      multiply(width, read(b, width), alternative);
      return COLD_DONE;
    case COLD_DIV:
      return divideRegisters(width, read(b, width), false) ? COLD_DONE : COLD_DIVIDE;
    case COLD_IDIV:
      return divideRegisters(width, read(b, width), true) ? COLD_DONE : COLD_DIVIDE;
    case COLD_CWD:
      writeRegister(REGS + CPU_DX, width, <u64>((<i64>signed(read(REGS + CPU_AX, width), width)) >> 63));
      return COLD_DONE;
    case COLD_BSWAP:
      if (width === 3) store<u64>(a, bswap<u64>(load<u64>(a)));
      else store<u64>(a, <u64>bswap<u32>(load<u32>(a)));
      return COLD_DONE;
    case COLD_CMOV:
      writeRegister(a, width, condition(kind) ? read(b, width) : read(a, width));
      return COLD_DONE;
    case COLD_SETCC:
      store<u8>(a, condition(kind) ? 1 : 0);
      return COLD_DONE;
    case COLD_NEG:
      writeRegister(a, width, alu(ALU_SUB, width, 0, read(a, width)));
      return COLD_DONE;
    case COLD_NOT:
      writeRegister(a, width, ~read(a, width));
      return COLD_DONE;
    case COLD_MOV:
      writeRegister(a, width, read(b, width));
      return COLD_DONE;
    case COLD_MOV_I:
      writeRegister(a, width, load<u64>(u, U_IMM));
      return COLD_DONE;
    case COLD_XCHG: {
      const old = read(a, width);
      writeRegister(a, width, read(b, width));
      writeRegister(b, width, old);
      return COLD_DONE;
    }
    case COLD_INC: {
      // CF is the one flag inc and dec leave alone.
      const carry = readFlags() & CF;
      writeRegister(a, width, alu(alternative ? ALU_SUB : ALU_ADD, width, read(a, width), 1));
      writeFlags((readFlags() & 0x8d4) | carry);
      return COLD_DONE;
    }
    default:
      return onMemory(u, form);
  }
}

// Two-byte opcodes (Intel SDM vol. 2, table A-3).
import { CPU_ZERO } from '../layout/cpu';
import { emitImul, emitLoad, emitUndefined, put, putCold, putMemory } from './emit';
import { fetch8, fetchI32 } from './fetch';
import { isRegister, opsize, operandWidth, readModRm, registerAt, regNumber, rex, rmNumber } from './operand';
import { registerOffset } from './state';
import {
  COLD_BSWAP,
  COLD_CMOV,
  COLD_CMPXCHG_M,
  COLD_SETCC,
  COLD_XADD_M,
  FORM_KIND,
  LOAD_SX32,
  LOAD_SX64,
  LOAD_ZX,
  OP_JCC,
  OP_MOVSX16_32,
  OP_MOVSX16_64,
  OP_MOVSX8_32,
  OP_MOVSX8_64,
  OP_MOVZX16,
  OP_MOVZX8,
  OP_NOP,
  U_DISP,
} from './uop';

export function decodeTwoByte(u: usize): void {
  const opcode = fetch8();
  const width = operandWidth();
  switch (opcode & 0xf8) {
    // Hints and nops, among them endbr64 and the branch-history barrier.
    case 0x18:
      readModRm();
      return put(u, OP_NOP, 0, 0, 0);
    case 0x40:
    case 0x48:
      readModRm();
      if (!isRegister) return emitUndefined(u);
      putCold(u, COLD_CMOV | ((opcode & 15) << FORM_KIND), registerAt(regNumber, width), at(width), width);
      return;
    case 0x80:
    case 0x88:
      put(u, OP_JCC, 0, 0, opcode & 15);
      return store<i32>(u, fetchI32(), U_DISP);
    case 0x90:
    case 0x98:
      readModRm();
      if (!isRegister) return emitUndefined(u);
      return putCold(u, COLD_SETCC | ((opcode & 15) << FORM_KIND), at(0), CPU_ZERO, 0);
    case 0xc8: {
      const reg = registerOffset((opcode & 7) | ((rex & 1) << 3));
      return width === 1 ? emitUndefined(u) : putCold(u, COLD_BSWAP, reg, reg, width);
    }
  }
  switch (opcode) {
    case 0x0d:
      readModRm();
      return put(u, OP_NOP, 0, 0, 0);
    case 0xae:
      // lfence, mfence, sfence; the rest of the group saves and restores state there is none of here.
      readModRm();
      return isRegister && (regNumber & 7) >= 5 ? put(u, OP_NOP, 0, 0, 0) : emitUndefined(u);
    case 0xaf:
      readModRm();
      return emitImul(u, width, false, 0);
    case 0xb0:
    case 0xb1:
      return exchange(u, COLD_CMPXCHG_M, (opcode & 1) === 0 ? 0 : width);
    case 0xc0:
    case 0xc1:
      return exchange(u, COLD_XADD_M, (opcode & 1) === 0 ? 0 : width);
    case 0xb6:
      return extend(u, OP_MOVZX8, 0, LOAD_ZX);
    case 0xb7:
      return extend(u, OP_MOVZX16, 1, LOAD_ZX);
    case 0xbe:
      return extend(u, width === 3 ? OP_MOVSX8_64 : OP_MOVSX8_32, 0, width === 3 ? LOAD_SX64 : LOAD_SX32);
    case 0xbf:
      return extend(u, width === 3 ? OP_MOVSX16_64 : OP_MOVSX16_32, 1, width === 3 ? LOAD_SX64 : LOAD_SX32);
    default:
      // 0b is ud2.
      return emitUndefined(u);
  }
}

function at(width: u32): u32 {
  return registerAt(rmNumber, width);
}

/** movzx and movsx; the forms with a 16-bit destination are left out. */
function extend(u: usize, op: u32, width: u32, kind: u32): void {
  readModRm();
  if (opsize && operandWidth() === 1) return emitUndefined(u);
  if (!isRegister) return emitLoad(u, regNumber, width, kind);
  put(u, op, registerAt(regNumber, 3), at(width), 0);
}

/** cmpxchg and xadd on memory; on registers they are left out. */
function exchange(u: usize, operation: u32, width: u32): void {
  readModRm();
  if (isRegister) return emitUndefined(u);
  putMemory(u, operation, registerAt(regNumber, width), width);
}

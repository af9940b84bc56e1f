// Micro-ops that load and store.
import { CPU_BP, CPU_SP } from '../../../assembly/layout/cpu.js';
import * as U from '../../../assembly/layout/uop.js';
import * as W from '../opcodes.js';
import type { MicroOp } from './micro-op.js';
import type { RegionCode } from './region-code.js';

/** Zero-extending 8 16 32 64, sign-extending 8 16 32. */
const LOADS = [
  W.I64_LOAD8_U,
  W.I64_LOAD16_U,
  W.I64_LOAD32_U,
  W.I64_LOAD,
  W.I64_LOAD8_S,
  W.I64_LOAD16_S,
  W.I64_LOAD32_S,
];
const STORES = [W.I64_STORE8, W.I64_STORE16, W.I64_STORE32, W.I64_STORE];
const WORD = 8;

/** False for an operation that is none of them. */
export function memoryOp(code: RegionCode, uop: MicroOp): boolean {
  const { out } = code;
  const { op, a, b, c, imm, displacement } = uop;
  const address = (isIndexed: boolean): void => {
    code.get(b);
    if (isIndexed) {
      code.get(c);
      out.u8(W.I64_ADD);
    }
    if (displacement === 0) return;
    out.i64(displacement);
    out.u8(W.I64_ADD);
  };
  const load = (kind: number, isIndexed: boolean): void => {
    address(isIndexed);
    code.translate(uop, 1 << (kind & 3), false);
    out.memory(LOADS[kind], 0);
    code.set(a);
  };
  const store = (widthLog: number, isIndexed: boolean, isImmediate: boolean): void => {
    address(isIndexed);
    code.translate(uop, 1 << widthLog, true);
    if (isImmediate) out.big(imm);
    else code.get(a);
    out.memory(STORES[widthLog], 0);
  };
  /** Loads the word that rsp or rbp points to; rsp goes behind it. */
  const popFrom = (register: number): void => {
    code.get(register);
    code.translate(uop, WORD, false);
    out.memory(W.I64_LOAD, 0);
    code.getAddress();
    out.i64(WORD);
    out.u8(W.I64_ADD);
    code.set(CPU_SP);
  };
  const push = (value: () => void): void => {
    code.get(CPU_SP);
    out.i64(WORD);
    out.u8(W.I64_SUB);
    code.translate(uop, WORD, true);
    value();
    out.memory(W.I64_STORE, 0);
    code.getAddress();
    code.set(CPU_SP);
  };
  if (op >= U.OP_LOAD && op < U.OP_LOADX) load(op - U.OP_LOAD, false);
  else if (op >= U.OP_LOADX && op < U.OP_STORE) load(op - U.OP_LOADX, true);
  else if (op >= U.OP_STORE && op < U.OP_PUSH) {
    const form = (op - U.OP_STORE) >> 2;
    store((op - U.OP_STORE) & 3, form >= 2, (form & 1) === 1);
  } else if (op === U.OP_PUSH)
    push(() => {
      code.get(a);
      if (imm === 0n) return;
      out.big(imm);
      out.u8(W.I64_ADD);
    });
  else if (op === U.OP_CALL) push(() => out.big(imm));
  else if (op === U.OP_POP) {
    popFrom(CPU_SP);
    code.set(a);
  } else if (op === U.OP_LEAVE) {
    popFrom(CPU_BP);
    code.set(CPU_BP);
  } else if (op === U.OP_RET) {
    popFrom(CPU_SP);
    code.setReturn();
  } else return false;
  return true;
}

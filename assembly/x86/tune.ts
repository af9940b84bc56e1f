// Second pass over decoded runs. Flags are taken to be dead at call, return and indirect jump: no calling
// convention keeps them across.
import { branchTarget } from './block';
import { decodedAt } from './code-cache';
import { pairOf } from './pairs';
import {
  ALU_ADD,
  ALU_AND,
  ALU_CMP,
  ALU_OR,
  ALU_SUB,
  ALU_XOR,
  COLD_ALU_I,
  COLD_ALU_R,
  COLD_CMOV,
  COLD_IMUL,
  COLD_INC,
  COLD_NEG,
  COLD_SETCC,
  COLD_SHIFT,
  FORM_ALT,
  FORM_KIND,
  FORM_WIDTH,
  OP_ALU,
  OP_CALL,
  OP_CALLR,
  OP_CMP,
  OP_CMPJ,
  OP_COLD,
  OP_FETCH,
  OP_GUARD,
  OP_IMUL,
  OP_INT3,
  OP_JCC,
  OP_JMP,
  OP_JMPR,
  OP_LINK,
  OP_MOVI,
  OP_NEG64,
  OP_RESOLVE,
  OP_RET,
  OP_SHIFT,
  OP_TEST,
  OP_TESTJ,
  OP_UD,
  SHIFT_SAR,
  SHIFT_SHL,
  SHIFT_SHR,
  U_A,
  U_B,
  U_C,
  U_FORM,
  U_IMM,
  U_LIVE,
  U_OP,
  U_TARGET,
  UOP,
} from './uop';

/** Records looked at before flags are taken to be read. */
const LOOKAHEAD = 24;

/** Index of a condition code among the ten fused ones, 0xff for the others. */
function fusedCondition(cc: u32): u32 {
  if (cc >= 2 && cc <= 7) return cc - 2;
  return cc >= 12 ? cc - 6 : 0xff;
}

/** The cold operation overwrites every flag, whatever its operands, and cannot fault. */
function overwritesFlags(form: u32, u: usize): bool {
  switch (form & 63) {
    case COLD_ALU_R:
    case COLD_ALU_I:
    case COLD_IMUL:
    case COLD_NEG:
      return true;
    case COLD_SHIFT:
      return (form & FORM_ALT) === 0 && load<u64>(u, U_IMM) !== 0 && ((form >> FORM_KIND) & 15) >= SHIFT_SHL;
    default:
      return false;
  }
}

/** Whether an instruction from `u` on may read the flags as they are before it. */
function flagsRead(from: usize): bool {
  let u = from;
  for (let i = 0; i < LOOKAHEAD; i++) {
    const op: u32 = load<u8>(u, U_LIVE);
    switch (op) {
      case OP_RET:
      case OP_JMPR:
      case OP_CALL:
      case OP_CALLR:
      case OP_GUARD:
        return false;
      case OP_JCC:
      case OP_FETCH:
      case OP_INT3:
      case OP_UD:
        return true;
      case OP_JMP:
      case OP_LINK:
        u = load<u32>(u, U_TARGET);
        if (u === 0) return true;
        continue;
      case OP_COLD: {
        const form: u32 = load<u16>(u, U_FORM);
        const operation = form & 63;
        if (overwritesFlags(form, u)) return false;
        if (operation === COLD_CMOV || operation === COLD_SETCC || operation === COLD_INC) return true;
        break;
      }
      default:
        if (op >= OP_CMP && op < OP_JMP) return false;
    }
    u += UOP;
  }
  return true;
}

function aluRow(kind: u32): u32 {
  switch (kind) {
    case ALU_ADD:
      return 0;
    case ALU_OR:
      return 1;
    case ALU_AND:
      return 2;
    case ALU_SUB:
      return 3;
    default:
      return 4;
  }
}

/** The form of a cold record that writes no flags; the record's own op when there is none. */
function plainForm(u: usize): u32 {
  const form: u32 = load<u16>(u, U_FORM);
  const kind = (form >> FORM_KIND) & 15;
  const width = (form >> FORM_WIDTH) & 3;
  if (width < 2) return OP_COLD;
  const narrow: u32 = width === 3 ? 0 : 1;
  switch (form & 63) {
    case COLD_ALU_R:
      if (kind >= ALU_CMP) return OP_COLD;
      if ((kind === ALU_XOR || kind === ALU_SUB) && load<u8>(u, U_A) === load<u8>(u, U_B)) return OP_MOVI;
      return OP_ALU + aluRow(kind) * 4 + narrow;
    case COLD_ALU_I:
      return kind >= ALU_CMP ? OP_COLD : OP_ALU + aluRow(kind) * 4 + 2 + narrow;
    case COLD_SHIFT: {
      if (kind < SHIFT_SHL) return OP_COLD;
      const row: u32 = kind === SHIFT_SHR ? 1 : kind === SHIFT_SAR ? 2 : 0;
      return OP_SHIFT + row * 4 + ((form & FORM_ALT) !== 0 ? 2 : 0) + narrow;
    }
    case COLD_IMUL:
      return OP_IMUL + ((form & FORM_ALT) !== 0 ? 2 : 0) + narrow;
    case COLD_NEG:
      return OP_NEG64 + narrow;
    default:
      return OP_COLD;
  }
}

/** Handler that does the compare at `u` and the jump behind it, or 0. */
function fusedForm(u: usize): u32 {
  const jump = u + UOP;
  if (load<u8>(jump, U_OP) !== OP_JCC) return 0;
  const cc: u32 = load<u8>(jump, U_C);
  const live: u32 = load<u8>(u, U_LIVE);
  const condition = fusedCondition(cc);
  if (condition === 0xff) return 0;
  if (live >= OP_TEST) return cc === 4 || cc === 5 ? OP_TESTJ + (live - OP_TEST) * 2 + (cc - 4) : 0;
  return OP_CMPJ + (live - OP_CMP) * 10 + condition;
}

/** Looks up the targets of one run; every run of a batch gets them before any of them is tuned. */
export function linkRun(first: usize, end: usize): void {
  for (let u = first; u < end; u += UOP) {
    const op: u32 = load<u8>(u, U_OP);
    if (op === OP_CALL) store<u8>(u, OP_RESOLVE, U_OP);
    if (op !== OP_JMP && op !== OP_JCC) continue;
    const target = decodedAt(branchTarget(u));
    store<u32>(u, <u32>target, U_TARGET);
    if (target === 0) store<u8>(u, OP_RESOLVE, U_OP);
  }
}

/** Handlers for two records at once, chosen from the front so that the second is still a single one. */
function pairRun(first: usize, end: usize): void {
  for (let u = first; u + UOP < end; u += UOP) {
    const pair = pairOf(load<u8>(u, U_OP), load<u8>(u + UOP, U_OP));
    if (pair !== 0) store<u8>(u, pair, U_OP);
  }
}

export function tuneRun(first: usize, end: usize): void {
  for (let u = first; u < end; u += UOP) {
    const op: u32 = load<u8>(u, U_OP);
    if (op === OP_COLD) {
      const plain = plainForm(u);
      if (plain !== OP_COLD && !flagsRead(u + UOP)) store<u8>(u, plain, U_OP);
    } else if (op >= OP_CMP && op < OP_JMP && u + UOP < end) {
      const fused = fusedForm(u);
      if (fused !== 0 && !flagsRead(u + 2 * UOP) && !flagsRead(load<u32>(u + UOP, U_TARGET)))
        store<u8>(u, fused, U_OP);
    }
  }
  pairRun(first, end);
}

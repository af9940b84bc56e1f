// Micro-op: one decoded x86 instruction. A straight run of instructions is a straight run of records, so the
// distance between two records counts the instructions between them.
//
//   0   1    2  3  4  5    6      8          16         24      28       32
//   +---+----+--+--+--+----+------+----------+----------+-------+--------+
//   |op |live|a |b |c |len | form | imm i64  | ip u64   |disp   | target |
//   +---+----+--+--+--+----+------+----------+----------+-------+--------+
//
// op:     handler in the CPU loop. live: the same instruction with every flag written and nothing fused.
// a b c:  offsets of registers in the CPU state: destination, source or base, index or shift count.
// len:    bytes of the instruction; 0 for the linking records that are no instruction.
// form:   what the handlers off the hot path need (picture below).
// disp:   displacement of an operand, or of a branch from the end of the instruction.
// target: linear address of the micro-op a branch goes to; 0 = not looked up yet.
//
//   form   15    14   13   12  11   8  7   6  5      0
//        +-----+----+---------+------+------+---------+
//        | alt | rip| scale   | kind | width| cold op |     width: log2 of bytes
//        +-----+----+---------+------+------+---------+
export const UOP = 32;
export const U_OP = 0;
export const U_LIVE = 1;
export const U_A = 2;
export const U_B = 3;
export const U_C = 4;
export const U_LEN = 5;
export const U_FORM = 6;
export const U_IMM = 8;
export const U_IP = 16;
export const U_DISP = 24;
export const U_TARGET = 28;

export const FORM_WIDTH = 6;
export const FORM_KIND = 8;
export const FORM_SCALE = 12;
export const FORM_RIP: u32 = 1 << 14;
export const FORM_ALT: u32 = 1 << 15;

// Operations of the CPU loop. Suffix: operand width in bits; R register, I immediate; the plain ones write no flags.
export const OP_NOP: u32 = 0;
export const OP_MOV64: u32 = 1;
export const OP_MOV32: u32 = 2;
export const OP_MOVI: u32 = 3;
export const OP_MOVSX8_64: u32 = 4;
export const OP_MOVSX16_64: u32 = 5;
export const OP_MOVSX32_64: u32 = 6;
export const OP_MOVSX8_32: u32 = 7;
export const OP_MOVSX16_32: u32 = 8;
export const OP_MOVZX8: u32 = 9;
export const OP_MOVZX16: u32 = 10;
/** Four handlers (64R 32R 64I 32I) for each of add, or, and, sub, xor. */
export const OP_ALU: u32 = 11;
/** Four handlers (64I 32I 64R 32R) for each of shl, shr, sar: a = b shifted by imm or by c. */
export const OP_SHIFT: u32 = 31;
/** 64R 32R 64I 32I; the immediate form is a = b * imm. */
export const OP_IMUL: u32 = 43;
export const OP_NEG64: u32 = 47;
export const OP_NEG32: u32 = 48;
/** Loads a = [b + disp]: zero-extending 8 16 32 64, sign-extending to 64: 8 16 32. */
export const OP_LOAD: u32 = 49;
/** Loads a = [b + c + disp]: zero-extending 8 16 32 64. */
export const OP_LOADX: u32 = 56;
/** Stores [b + disp] = a: 8 16 32 64. */
export const OP_STORE: u32 = 60;
/** Stores [b + disp] = imm. */
export const OP_STOREI: u32 = 64;
/** Stores [b + c + disp] = a, then = imm. */
export const OP_STOREX: u32 = 68;
export const OP_STOREXI: u32 = 72;
export const OP_PUSH: u32 = 76;
export const OP_POP: u32 = 77;
export const OP_LEAVE: u32 = 78;
export const OP_DIV64: u32 = 79;
export const OP_DIV32: u32 = 80;
/** Zeroes a register as the probe guard does, and logs the refused load. */
export const OP_GUARD: u32 = 81;
/** Everything off the hot path: form says what. */
export const OP_COLD: u32 = 82;
/** Flag writers: cmp 64R 64I 32R 32I, test 64R 64I 32R 32I. */
export const OP_CMP: u32 = 83;
export const OP_TEST: u32 = 87;
export const OP_JMP: u32 = 91;
/** Condition code in c. */
export const OP_JCC: u32 = 92;
export const OP_CALL: u32 = 93;
export const OP_RET: u32 = 94;
export const OP_JMPR: u32 = 95;
/** No instruction: goes on at target. */
export const OP_LINK: u32 = 96;
/** A branch (live says which) whose target is not looked up yet. */
export const OP_RESOLVE: u32 = 97;
/** Call of a page of gates. */
export const OP_CALLG: u32 = 98;
/** No instruction: the fetch at imm does not work. */
export const OP_FETCH: u32 = 99;
/** No instruction: end of a single step. */
export const OP_STOP: u32 = 100;
export const OP_INT3: u32 = 101;
export const OP_UD: u32 = 102;
export const OP_CALLR: u32 = 103;
/** Compare and jump in one, ten conditions (b ae e ne be a l ge le g) for each of cmp 64R 64I 32R 32I. */
export const OP_CMPJ: u32 = 104;
/** test and je / jne for each of 64R 64I 32R 32I. */
export const OP_TESTJ: u32 = 144;
/** Runs the region of translated code that begins here (regions.ts). */
export const OP_ENTER: u32 = 152;

/** A compare and the jump behind it in one. */
export function isFused(op: u32): bool {
  return op >= OP_CMPJ && op < OP_ENTER;
}

// From 153 on: two neighbouring records at once (pairs.ts). scripts/cpu-loop/ops.js has a handler for every number and
// checks them against this file.

// Cold operations (form bits 0-5).
export const COLD_ALU_R: u32 = 1;
export const COLD_ALU_I: u32 = 2;
export const COLD_ALU_MR: u32 = 3;
export const COLD_ALU_MI: u32 = 4;
export const COLD_ALU_RM: u32 = 5;
/** Count: imm, or c with alt. */
export const COLD_SHIFT: u32 = 6;
/** [m] shifted by a constant that stands in a. */
export const COLD_SHIFT_M: u32 = 7;
/** a = b * imm with alt, else a *= b. */
export const COLD_IMUL: u32 = 8;
/** rdx:rax = rax * b, signed with alt. */
export const COLD_MUL: u32 = 9;
export const COLD_IDIV: u32 = 10;
export const COLD_DIV: u32 = 11;
export const COLD_CWD: u32 = 12;
export const COLD_BSWAP: u32 = 13;
export const COLD_XCHG_M: u32 = 14;
export const COLD_XADD_M: u32 = 15;
export const COLD_CMPXCHG_M: u32 = 16;
export const COLD_CMOV: u32 = 17;
export const COLD_SETCC: u32 = 18;
export const COLD_LEA: u32 = 19;
export const COLD_NEG: u32 = 20;
export const COLD_NOT: u32 = 21;
/** Load of any width: kind says how it is extended. */
export const COLD_LOAD: u32 = 22;
export const COLD_STORE: u32 = 23;
export const COLD_STORE_I: u32 = 24;
/** Moves of 8 and 16 bits, which leave the rest of the register alone. */
export const COLD_MOV: u32 = 25;
export const COLD_MOV_I: u32 = 26;
export const COLD_XCHG: u32 = 27;
export const COLD_INC: u32 = 28;
export const COLD_IMUL_M: u32 = 29;
/** mul, imul, div, idiv with a memory operand: the kind is the ModRM digit. */
export const COLD_GROUP3_M: u32 = 30;

export const LOAD_ZX: u32 = 0;
export const LOAD_SX64: u32 = 1;
export const LOAD_SX32: u32 = 2;
export const LOAD_MERGE: u32 = 3;

// ALU kinds: bits 3-5 of the opcode (Intel SDM vol. 2, table A-2); TEST stands behind them.
export const ALU_ADD: u32 = 0;
export const ALU_OR: u32 = 1;
export const ALU_ADC: u32 = 2;
export const ALU_SBB: u32 = 3;
export const ALU_AND: u32 = 4;
export const ALU_SUB: u32 = 5;
export const ALU_XOR: u32 = 6;
export const ALU_CMP: u32 = 7;
export const ALU_TEST: u32 = 8;

// Shift kinds: ModRM reg field of group 2.
export const SHIFT_ROL: u32 = 0;
export const SHIFT_ROR: u32 = 1;
export const SHIFT_SHL: u32 = 4;
export const SHIFT_SHR: u32 = 5;
export const SHIFT_SAL: u32 = 6;
export const SHIFT_SAR: u32 = 7;

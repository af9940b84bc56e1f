import {
  BPF_ABS,
  BPF_ALU,
  BPF_ALU64,
  BPF_ARSH,
  BPF_ATOMIC,
  BPF_B,
  BPF_CALL,
  BPF_DW,
  BPF_END,
  BPF_EXIT,
  BPF_H,
  BPF_IMM,
  BPF_IND,
  BPF_JA,
  BPF_JCOND,
  BPF_JEQ,
  BPF_JMP,
  BPF_JMP32,
  BPF_JSLE,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOV,
  BPF_NEG,
  BPF_ST,
  BPF_STX,
  BPF_W,
  BPF_X,
} from '../../../assembly/isa.js';

const STEP = 0x10;
const SIZES = [BPF_W, BPF_H, BPF_B, BPF_DW];

/** 1 for each opcode that a submitted program may contain. */
function table(isModern: boolean): Uint8Array {
  const known = new Uint8Array(256);
  const add = (...codes: readonly number[]): void => codes.forEach((code) => (known[code] = 1));
  for (const cls of [BPF_ALU, BPF_ALU64]) {
    for (let op = 0; op <= BPF_ARSH; op += STEP) {
      add(cls | op | BPF_K);
      if (op !== BPF_NEG) add(cls | op | BPF_X);
    }
  }
  add(BPF_ALU | BPF_MOV | BPF_K, BPF_ALU | BPF_END | BPF_K, BPF_ALU | BPF_END | BPF_X);
  for (const cls of [BPF_JMP, BPF_JMP32]) {
    for (let op = BPF_JEQ; op <= BPF_JSLE; op += STEP) {
      if (op !== BPF_CALL && op !== BPF_EXIT) add(cls | op | BPF_K, cls | op | BPF_X);
    }
    add(cls | BPF_JA);
  }
  add(BPF_JMP | BPF_CALL, BPF_JMP | BPF_EXIT);
  for (const size of SIZES) add(BPF_LDX | BPF_MEM | size, BPF_ST | BPF_MEM | size, BPF_STX | BPF_MEM | size);
  add(BPF_STX | BPF_ATOMIC | BPF_W, BPF_STX | BPF_ATOMIC | BPF_DW);
  for (const mode of [BPF_ABS, BPF_IND]) {
    for (const size of [BPF_W, BPF_H, BPF_B]) add(BPF_LD | mode | size);
  }
  add(BPF_LD | BPF_IMM | BPF_DW);
  if (isModern) {
    for (const size of [BPF_W, BPF_H, BPF_B]) add(BPF_LDX | BPF_MEMSX | size);
    add(BPF_ALU64 | BPF_END | BPF_K, BPF_JMP | BPF_JCOND);
  }
  return known;
}

const MODERN = table(true);
const OLDER = table(false);

/** Does this kernel know the opcode? */
export function isKnownOpcode(code: number, isModern: boolean): boolean {
  return (isModern ? MODERN : OLDER)[code] === 1;
}

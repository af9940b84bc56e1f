import * as isa from '../../assembly/isa.js';
import type { InsnIndex } from '../quantities.js';
import type { Code } from './env.js';

/** Names that instructions are printed with: of helpers and kfuncs, and 64-bit constants as resolved. */
export interface DisasmNames {
  helper(id: number): string;
  kfunc(id: number): string;
  imm64(insn: InsnIndex): bigint;
  /** Linux 6.1 does not know signed division and sign-extending moves. */
  readonly legacy: boolean;
}

const ALU = new Map<number, string>([
  [isa.BPF_ADD, '+='],
  [isa.BPF_SUB, '-='],
  [isa.BPF_MUL, '*='],
  [isa.BPF_DIV, '/='],
  [isa.BPF_OR, '|='],
  [isa.BPF_AND, '&='],
  [isa.BPF_LSH, '<<='],
  [isa.BPF_RSH, '>>='],
  [isa.BPF_MOD, '%='],
  [isa.BPF_XOR, '^='],
  [isa.BPF_MOV, '='],
  [isa.BPF_ARSH, 's>>='],
]);

const JUMP = new Map<number, string>([
  [isa.BPF_JEQ, '=='],
  [isa.BPF_JGT, '>'],
  [isa.BPF_JGE, '>='],
  [isa.BPF_JSET, '&'],
  [isa.BPF_JNE, '!='],
  [isa.BPF_JSGT, 's>'],
  [isa.BPF_JSGE, 's>='],
  [isa.BPF_JLT, '<'],
  [isa.BPF_JLE, '<='],
  [isa.BPF_JSLT, 's<'],
  [isa.BPF_JSLE, 's<='],
]);

const BITS: Record<number, number> = { [isa.BPF_W]: 32, [isa.BPF_H]: 16, [isa.BPF_B]: 8, [isa.BPF_DW]: 64 };

const signed = (value: number): string => (value < 0 ? `${value}` : `+${value}`);
const hex = (code: number): string => code.toString(16).padStart(2, '0');

/** The operator of an ALU instruction as it is printed: `+=`, `s>>=`, ... */
export function aluOperator(opcode: number): string {
  return ALU.get(opcode & 0xf0) ?? '?';
}

function alu(code: Code, at: InsnIndex, legacy: boolean): string {
  const opcode = code.opcode[at];
  const wide = (opcode & 7) === isa.BPF_ALU64;
  const letter = wide ? 'r' : 'w';
  const op = opcode & 0xf0;
  const dst = code.dst[at];
  const src = code.src[at];
  const off = legacy ? 0 : code.off[at];
  if (op === isa.BPF_END) {
    const name = wide ? 'bswap' : (opcode & 8) !== 0 ? 'be' : 'le';
    return `r${dst} = ${name}${code.imm[at]} r${dst}`;
  }
  if (op === isa.BPF_NEG) return `${letter}${dst} = -${letter}${dst}`;
  const fromReg = (opcode & 8) !== 0;
  if (op === isa.BPF_MOV && fromReg && off === 1) {
    const imm = code.imm[at];
    return `r${dst} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`;
  }
  if (op === isa.BPF_MOV && fromReg && off !== 0) return `${letter}${dst} = (s${off})${letter}${src}`;
  const sign = off === 1 && (op === isa.BPF_DIV || op === isa.BPF_MOD) ? 's' : '';
  const operator = ALU.get(op);
  if (operator === undefined) return `BUG_alu${wide ? '64' : ''}_${hex(opcode)}`;
  return `${letter}${dst} ${sign}${operator} ${fromReg ? `${letter}${src}` : code.imm[at]}`;
}

function atomic(code: Code, at: InsnIndex): string {
  const opcode = code.opcode[at];
  const wide = (opcode & 0x18) === isa.BPF_DW;
  const bits = wide ? 64 : 32;
  const place = `(u${bits} *)(r${code.dst[at]} ${signed(code.off[at])})`;
  const name = wide ? 'atomic64' : 'atomic';
  const src = `r${code.src[at]}`;
  const imm = code.imm[at];
  if (imm === isa.BPF_CMPXCHG) return `r0 = ${name}_cmpxchg(${place}, r0, ${src})`;
  if (imm === isa.BPF_XCHG) return `${src} = ${name}_xchg(${place}, ${src})`;
  const op = imm & ~isa.BPF_FETCH;
  const names = new Map([
    [isa.BPF_ADD, 'add'],
    [isa.BPF_AND, 'and'],
    [isa.BPF_OR, 'or'],
    [isa.BPF_XOR, 'xor'],
  ]);
  const word = names.get(op);
  if (word === undefined) return `BUG_${hex(opcode)}`;
  if ((imm & isa.BPF_FETCH) !== 0) return `${src} = ${name}_fetch_${word}(${place}, ${src})`;
  return `lock *${place} ${ALU.get(op)} ${src}`;
}

function jump(code: Code, at: InsnIndex, names: DisasmNames): string {
  const opcode = code.opcode[at];
  const op = opcode & 0xf0;
  const narrow = (opcode & 7) === isa.BPF_JMP32;
  if (op === isa.BPF_CALL) {
    if (code.src[at] === isa.BPF_PSEUDO_CALL) return `call pc${signed(code.imm[at])}`;
    if (code.src[at] === isa.BPF_PSEUDO_KFUNC_CALL)
      return `call ${names.kfunc(code.imm[at])}#${code.imm[at]}`;
    return `call ${names.helper(code.imm[at])}#${code.imm[at]}`;
  }
  if (op === isa.BPF_EXIT) return 'exit';
  if (op === isa.BPF_JA) return narrow ? `gotol pc${signed(code.imm[at])}` : `goto pc${signed(code.off[at])}`;
  if (op === isa.BPF_JCOND) return `may_goto pc${signed(code.off[at])}`;
  const operator = JUMP.get(op);
  if (operator === undefined) return `BUG_jmp${narrow ? '32' : ''}_${hex(opcode)}`;
  const letter = narrow ? 'w' : 'r';
  const right = (opcode & 8) !== 0 ? `${letter}${code.src[at]}` : `0x${(code.imm[at] >>> 0).toString(16)}`;
  return `if ${letter}${code.dst[at]} ${operator} ${right} goto pc${signed(code.off[at])}`;
}

function load(code: Code, at: InsnIndex, names: DisasmNames): string {
  const opcode = code.opcode[at];
  const mode = opcode & 0xe0;
  const bits = BITS[opcode & 0x18];
  if (mode === isa.BPF_ABS) return `r0 = *(u${bits} *)skb[${code.imm[at]}]`;
  if (mode === isa.BPF_IND) return `r0 = *(u${bits} *)skb[r${code.src[at]} + ${code.imm[at]}]`;
  if (opcode === (isa.BPF_LD | isa.BPF_IMM | isa.BPF_DW)) {
    return `r${code.dst[at]} = 0x${BigInt.asUintN(64, names.imm64(at)).toString(16)}`;
  }
  return `BUG_ld_${hex(opcode)}`;
}

/** An instruction as Linux prints it in verifier logs, opcode first. */
export function disassemble(code: Code, at: InsnIndex, names: DisasmNames): string {
  const opcode = code.opcode[at];
  const text = body(code, at, names);
  return text.startsWith('BUG_') ? text : `(${hex(opcode)}) ${text}`;
}

function body(code: Code, at: InsnIndex, names: DisasmNames): string {
  const opcode = code.opcode[at];
  const bits = BITS[opcode & 0x18];
  const mode = opcode & 0xe0;
  switch (opcode & 7) {
    case isa.BPF_ALU:
    case isa.BPF_ALU64:
      return alu(code, at, names.legacy);
    case isa.BPF_JMP:
    case isa.BPF_JMP32:
      return jump(code, at, names);
    case isa.BPF_LD:
      return load(code, at, names);
    case isa.BPF_LDX: {
      if (mode !== isa.BPF_MEM && mode !== isa.BPF_MEMSX) return `BUG_ldx_${hex(opcode)}`;
      const sign = mode === isa.BPF_MEMSX ? 's' : 'u';
      return `r${code.dst[at]} = *(${sign}${bits} *)(r${code.src[at]} ${signed(code.off[at])})`;
    }
    case isa.BPF_ST:
      if (mode !== isa.BPF_MEM) return `BUG_st_${hex(opcode)}`;
      return `*(u${bits} *)(r${code.dst[at]} ${signed(code.off[at])}) = ${code.imm[at]}`;
    default:
      if (mode === isa.BPF_ATOMIC) return atomic(code, at);
      if (mode !== isa.BPF_MEM) return `BUG_${hex(opcode)}`;
      return `*(u${bits} *)(r${code.dst[at]} ${signed(code.off[at])}) = r${code.src[at]}`;
  }
}

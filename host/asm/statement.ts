import * as isa from '../../assembly/isa.js';
import { helperId } from './helper-names.js';
import type { Insn } from './insn.js';
import { ALU_OPERATOR, ATOMIC_OPERATION, JUMP_OPERATOR, SIZE_BITS } from './operators.js';

/** One parsed instruction; `target` is a label still to be placed, `high` the upper half of a 64-bit immediate. */
export interface Statement {
  readonly insn: Insn;
  readonly high: number | null;
  readonly target: { readonly label: string; readonly field: 'off' | 'imm' } | null;
}

type Parsed = Partial<Insn> & {
  readonly high?: number;
  readonly label?: string;
  readonly labelField?: 'off' | 'imm';
};
type Form = readonly [RegExp, (groups: Record<string, string>, opcode: number | null) => Parsed | string];

const LD_IMM64 = isa.BPF_LD | isa.BPF_IMM | isa.BPF_DW;
const CALL = isa.BPF_JMP | isa.BPF_CALL;

const inverse = (table: Readonly<Record<number, string>>): ReadonlyMap<string, number> =>
  new Map(Object.entries(table).map(([code, text]) => [text, Number(code)]));
const ALU_CODE = inverse(ALU_OPERATOR);
const JUMP_CODE = inverse(JUMP_OPERATOR);
const SIZE_CODE = new Map(Object.entries(SIZE_BITS).map(([code, bits]) => [String(bits), Number(code)]));
const ATOMIC_BY_SIGN = new Map(
  Object.entries(ATOMIC_OPERATION).map(([code, { sign }]) => [sign, Number(code)]),
);
const ATOMIC_BY_NAME = new Map(
  Object.entries(ATOMIC_OPERATION).map(([code, { name }]) => [name, Number(code)]),
);

const NUMBER = String.raw`-?(?:0x[0-9a-f]+|\d+)`;
const MEMORY = String.raw`\(\s*r(?<base>\d+)\s*(?<off>[+-]\s*(?:0x[0-9a-f]+|\d+))?\s*\)`;
const TARGET = String.raw`(?:pc)?(?<rel>[+-](?:0x[0-9a-f]+|\d+))|(?<label>[A-Za-z_.$][\w.$]*)`;
const form = (pattern: string, read: Form[1]): Form => [new RegExp(`^(?:${pattern})$`), read];

const FORMS: readonly Form[] = [
  form('exit', () => ({ opcode: isa.BPF_JMP | isa.BPF_EXIT })),
  form('nospec', () => ({ opcode: isa.BPF_ST | isa.BPF_NOSPEC })),
  form(`goto (?:${TARGET})`, (g) => ({ opcode: isa.BPF_JMP | isa.BPF_JA, ...target(g, 'off') })),
  form(`gotol (?:${TARGET})`, (g) => ({ opcode: isa.BPF_JMP32 | isa.BPF_JA, ...target(g, 'imm') })),
  form(`may_goto (?:${TARGET})`, (g) => ({ opcode: isa.BPF_JMP | isa.BPF_JCOND, ...target(g, 'off') })),
  form(
    String.raw`if (?<reg>[rw])(?<dst>\d+) (?<op>\S+) (?:(?<reg2>[rw])(?<src>\d+)|(?<imm>${NUMBER})) goto (?:${TARGET})`,
    (g) => {
      const code = JUMP_CODE.get(g.op!);
      if (code === undefined) return 'a comparison operator';
      const kind = g.reg === 'w' ? isa.BPF_JMP32 : isa.BPF_JMP;
      return { opcode: kind | code | source(g), dst: Number(g.dst), ...operand(g), ...target(g, 'off') };
    },
  ),
  form(`call (?<name>\\w+)#(?<id>${NUMBER})`, (g) => {
    const isHelper = g.name === 'unknown' || helperId(g.name!) === Number(g.id);
    return { opcode: CALL, src: isHelper ? 0 : isa.BPF_PSEUDO_KFUNC_CALL, imm: signedNumber(g.id!) };
  }),
  form(`call kfunc (?<id>${NUMBER})`, (g) => ({
    opcode: CALL,
    src: isa.BPF_PSEUDO_KFUNC_CALL,
    imm: signedNumber(g.id!),
  })),
  form(`call (?<id>${NUMBER})`, (g) => ({ opcode: CALL, imm: signedNumber(g.id!) })),
  form(`call (?:${TARGET})`, (g) => {
    const id = g.label === undefined ? undefined : helperId(g.label);
    if (id !== undefined && g.label!.startsWith('bpf_')) return { opcode: CALL, imm: id };
    return { opcode: CALL, src: isa.BPF_PSEUDO_CALL, ...target(g, 'imm') };
  }),
  form(String.raw`r(?<dst>\d+) = map_fd (?<imm>${NUMBER})`, (g) => pseudo(g, isa.BPF_PSEUDO_MAP_FD, 0)),
  form(String.raw`r(?<dst>\d+) = map_value (?<imm>${NUMBER})(?: (?<high>[+-](?:0x[0-9a-f]+|\d+)))?`, (g) =>
    pseudo(g, isa.BPF_PSEUDO_MAP_VALUE, signedNumber(g.high ?? '0')),
  ),
  form(String.raw`r(?<dst>\d+) = btf_id (?<imm>${NUMBER})`, (g) => pseudo(g, isa.BPF_PSEUDO_BTF_ID, 0)),
  form(String.raw`r(?<dst>\d+) = func (?:${TARGET})`, (g) => ({
    ...pseudo(g, isa.BPF_PSEUDO_FUNC, 0),
    ...target(g, 'imm'),
  })),
  form(String.raw`r(?<dst>\d+) = (?<imm>${NUMBER})(?<wide> ll)?`, (g, opcode) => {
    const value = signedBig(g.imm!);
    const fits = BigInt.asIntN(32, value) === value;
    if (BigInt.asUintN(64, value) !== value && BigInt.asIntN(64, value) !== value)
      return 'a number of 64 bits';
    if (opcode === LD_IMM64 || g.wide !== undefined || (opcode === null && !fits)) {
      const low = Number(BigInt.asIntN(32, value));
      return {
        opcode: LD_IMM64,
        dst: Number(g.dst),
        imm: low,
        high: Number(BigInt.asIntN(32, value >> 32n)),
      };
    }
    return { opcode: isa.BPF_ALU64 | isa.BPF_MOV, dst: Number(g.dst), imm: signedNumber(g.imm!) };
  }),
  form(String.raw`(?<reg>[rw])(?<dst>\d+) = -[rw](?<again>\d+)`, (g) => {
    if (g.dst !== g.again) return 'the same register on both sides of a negation';
    return { opcode: aluClass(g) | isa.BPF_NEG, dst: Number(g.dst) };
  }),
  form(String.raw`r(?<dst>\d+) = (?<swap>le|be|bswap)(?<bits>16|32|64) r(?<again>\d+)`, (g) => {
    if (g.dst !== g.again) return 'the same register on both sides of a byte swap';
    const kind = g.swap === 'bswap' ? isa.BPF_ALU64 : isa.BPF_ALU | (g.swap === 'be' ? isa.BPF_X : 0);
    return { opcode: kind | isa.BPF_END, dst: Number(g.dst), imm: Number(g.bits) };
  }),
  form(String.raw`r(?<dst>\d+) = addr_space_cast\(r(?<src>\d+), (?<to>\d+), (?<from>\d+)\)`, (g) => ({
    ...{ opcode: isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, dst: Number(g.dst), src: Number(g.src), off: 1 },
    imm: (Number(g.to) << 16) | Number(g.from),
  })),
  form(String.raw`r(?<dst>\d+) = &\(void __percpu \*\)\(r(?<src>\d+)\)`, (g) => ({
    ...{ opcode: isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, dst: Number(g.dst), src: Number(g.src), off: -1 },
  })),
  form(String.raw`(?<reg>[rw])(?<dst>\d+) = \(s(?<bits>8|16|32)\)(?<reg2>[rw])(?<src>\d+)`, (g) => ({
    ...{
      opcode: aluClass(g) | isa.BPF_MOV | isa.BPF_X,
      dst: Number(g.dst),
      src: Number(g.src),
      off: Number(g.bits),
    },
  })),
  form(String.raw`r0 = \*\(u(?<bits>\d+) \*\)skb\[(?<imm>${NUMBER})\]`, (g) => ({
    ...{ opcode: isa.BPF_LD | isa.BPF_ABS | sizeCode(g), imm: signedNumber(g.imm!) },
  })),
  form(String.raw`r0 = \*\(u(?<bits>\d+) \*\)skb\[r(?<src>\d+)(?: \+ (?<imm>${NUMBER}))?\]`, (g) => ({
    ...{
      opcode: isa.BPF_LD | isa.BPF_IND | sizeCode(g),
      src: Number(g.src),
      imm: signedNumber(g.imm ?? '0'),
    },
  })),
  form(String.raw`[rw](?<dst>\d+) = \*\((?<sign>[us])(?<bits>\d+) \*\)${MEMORY}`, (g) => ({
    opcode: isa.BPF_LDX | (g.sign === 'u' ? isa.BPF_MEM : isa.BPF_MEMSX) | sizeCode(g),
    ...{ dst: Number(g.dst), src: Number(g.base), off: offset(g) },
  })),
  form(String.raw`\*\(u(?<bits>\d+) \*\)${MEMORY} = (?:[rw](?<src>\d+)|(?<imm>${NUMBER}))`, (g) => ({
    opcode: (g.src === undefined ? isa.BPF_ST : isa.BPF_STX) | isa.BPF_MEM | sizeCode(g),
    ...{ dst: Number(g.base), off: offset(g), ...operand(g) },
  })),
  form(String.raw`lock \*\(u(?<bits>32|64) \*\)${MEMORY} (?<op>\S+) [rw](?<src>\d+)`, (g) => {
    const operation = ATOMIC_BY_SIGN.get(g.op!);
    return operation === undefined ? 'an atomic operator' : atomic(g, operation);
  }),
  form(
    String.raw`[rw](?<src>\d+) = atomic(?:64)?_fetch_(?<op>\w+)\(\(u(?<bits>32|64) \*\)${MEMORY}, [rw]\d+\)`,
    (g) => {
      const operation = ATOMIC_BY_NAME.get(g.op!);
      return operation === undefined ? 'an atomic operation' : atomic(g, operation | isa.BPF_FETCH);
    },
  ),
  form(String.raw`[rw](?<src>\d+) = atomic(?:64)?_xchg\(\(u(?<bits>32|64) \*\)${MEMORY}, [rw]\d+\)`, (g) =>
    atomic(g, isa.BPF_XCHG),
  ),
  form(
    String.raw`[rw]0 = atomic(?:64)?_cmpxchg\(\(u(?<bits>32|64) \*\)${MEMORY}, [rw]0, [rw](?<src>\d+)\)`,
    (g) => atomic(g, isa.BPF_CMPXCHG),
  ),
  form(String.raw`(?<reg>[rw])(?<dst>\d+) (?<op>\S+) (?:[rw](?<src>\d+)|(?<imm>${NUMBER}))`, (g) => {
    const isSigned = g.op === 's/=' || g.op === 's%=';
    const code = ALU_CODE.get(isSigned ? g.op!.slice(1) : g.op!);
    if (code === undefined) return 'an ALU operator';
    return {
      opcode: aluClass(g) | code | source(g),
      dst: Number(g.dst),
      off: isSigned ? 1 : 0,
      ...operand(g),
    };
  }),
];

/** Parses one instruction without label and comment; a string says what was expected. */
export function parseStatement(text: string, prefix?: string): Statement | string {
  const opcode = prefix === undefined ? null : parseInt(prefix, 16);
  for (const [pattern, read] of FORMS) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const parsed = read((match.groups ?? {}) as Record<string, string>, opcode);
    if (typeof parsed === 'string') return parsed;
    const { high = null, label, labelField = 'off', ...fields } = parsed;
    const insn: Insn = { opcode: 0, dst: 0, src: 0, off: 0, imm: 0, ...fields };
    if (insn.dst > isa.BPF_REG_AX || insn.src > isa.BPF_REG_AX) return `a register of 0 to ${isa.BPF_REG_AX}`;
    if (insn.off < -0x8000 || insn.off > 0x7fff) return 'an offset of 16 bits';
    if (insn.imm < -0x80000000 || insn.imm > 0xffffffff) return 'an immediate of 32 bits';
    if (opcode !== null && (opcode & 7) !== (insn.opcode & 7)) return `an opcode of this instruction's class`;
    return {
      insn: { ...insn, opcode: opcode ?? insn.opcode, imm: insn.imm | 0 },
      high,
      target: label === undefined ? null : { label, field: labelField },
    };
  }
  return 'an instruction';
}

function target(g: Record<string, string | undefined>, field: 'off' | 'imm'): Parsed {
  if (g.rel !== undefined) return { [field]: signedNumber(g.rel) };
  return { label: g.label!, labelField: field };
}

function pseudo(g: Record<string, string | undefined>, src: number, high: number): Parsed {
  return {
    opcode: LD_IMM64,
    dst: Number(g.dst),
    src,
    imm: g.imm === undefined ? 0 : signedNumber(g.imm),
    high,
  };
}

function atomic(g: Record<string, string | undefined>, operation: number): Parsed {
  const opcode = isa.BPF_STX | isa.BPF_ATOMIC | sizeCode(g);
  return { opcode, dst: Number(g.base), src: Number(g.src), off: offset(g), imm: operation };
}

function operand(g: Record<string, string | undefined>): Parsed {
  return g.src === undefined ? { imm: signedNumber(g.imm!) } : { src: Number(g.src) };
}

function source(g: Record<string, string | undefined>): number {
  return g.src === undefined ? isa.BPF_K : isa.BPF_X;
}

function aluClass(g: Record<string, string | undefined>): number {
  return g.reg === 'w' ? isa.BPF_ALU : isa.BPF_ALU64;
}

function sizeCode(g: Record<string, string | undefined>): number {
  return SIZE_CODE.get(g.bits!) ?? isa.BPF_DW;
}

function offset(g: Record<string, string | undefined>): number {
  return g.off === undefined ? 0 : signedNumber(g.off.replace(/\s/g, ''));
}

/** Decimal or hexadecimal with a sign, which Number refuses before 0x. */
function signedNumber(text: string): number {
  const magnitude = Number(text.replace(/^[+-]/, ''));
  return text.startsWith('-') ? -magnitude : magnitude;
}

function signedBig(text: string): bigint {
  const magnitude = BigInt(text.replace('-', ''));
  return text.startsWith('-') ? -magnitude : magnitude;
}

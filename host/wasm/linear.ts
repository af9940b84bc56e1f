// What registers hold, in terms of what they held where a region of code begins.
import * as I from '../../assembly/isa.js';
import type { Insn } from './insn.js';

/** A register of the beginning, times a factor. */
export interface Term {
  readonly register: number;
  readonly factor: number;
}

/** Sum of the terms and of a number from `least` to `most`, modulo 2^64. Terms are sorted by register. */
export interface Linear {
  readonly terms: readonly Term[];
  readonly least: number;
  readonly most: number;
}

const REGISTERS = 12;
const MAX_TERMS = 3;
const MAX_FACTOR = 1 << 16;
/** Far below what a number of JavaScript holds exactly. */
const MAX_NUMBER = 2 ** 48;
const U32: Linear = { terms: [], least: 0, most: 2 ** 32 - 1 };
const LOADED = [U32, { terms: [], least: 0, most: 0xffff }, { terms: [], least: 0, most: 0xff }, null];

const constant = (value: number): Linear => ({ terms: [], least: value, most: value });
const isNumber = (value: Linear | null): value is Linear => value !== null && value.terms.length === 0;
const isU32 = (value: Linear | null): value is Linear =>
  isNumber(value) && value.least >= 0 && value.most <= U32.most;

/** Registers at one place of a region; null = anything. */
export class LinearState {
  /** Pages are what they were at the beginning. */
  isIntact = true;
  readonly #values: (Linear | null)[] = [];

  /** `callsOut`: calls may change pages. */
  constructor(private readonly callsOut: boolean) {
    for (let register = 0; register < REGISTERS; register++)
      this.#values.push({ terms: [{ register, factor: 1 }], least: 0, most: 0 });
  }

  at(register: number): Linear | null {
    return this.#values[register];
  }

  copy(): LinearState {
    const made = new LinearState(this.callsOut);
    made.isIntact = this.isIntact;
    this.#values.forEach((value, register) => (made.#values[register] = value));
    return made;
  }

  /** Keeps what holds on both ways. */
  meet(other: LinearState): void {
    this.isIntact &&= other.isIntact;
    for (let register = 0; register < REGISTERS; register++) {
      const mine = this.#values[register];
      const others = other.#values[register];
      if (mine === others) continue;
      this.#values[register] =
        mine && others && keyOf(mine) === keyOf(others)
          ? { ...mine, least: Math.min(mine.least, others.least), most: Math.max(mine.most, others.most) }
          : null;
    }
  }

  apply(insn: Insn): void {
    const values = this.#values;
    const { dst } = insn;
    switch (insn.klass) {
      case I.BPF_ALU64:
        values[dst] = this.#wide(insn);
        return;
      case I.BPF_ALU:
        values[dst] = this.#narrow(insn);
        return;
      case I.BPF_LD:
        values[dst] = null;
        return;
      case I.BPF_LDX: {
        const isSigned = insn.mode === I.BPF_MEMSX || insn.mode === I.BPF_PROBE_MEMSX;
        values[dst] = isSigned ? null : LOADED[(insn.opcode >> 3) & 3];
        return;
      }
      case I.BPF_STX:
        if (insn.mode !== I.BPF_ATOMIC && insn.mode !== I.BPF_PROBE_ATOMIC) return;
        values[insn.imm === I.BPF_CMPXCHG ? 0 : insn.src] = null;
        values[I.BPF_REG_FP] = { terms: [{ register: I.BPF_REG_FP, factor: 1 }], least: 0, most: 0 };
        return;
      case I.BPF_JMP:
        if (insn.operation !== I.BPF_CALL && insn.operation !== I.BPF_TAIL_CALL) return;
        values.fill(null, 0, 6);
        this.isIntact &&= !this.callsOut;
    }
  }

  #wide(insn: Insn): Linear | null {
    const own = this.#values[insn.dst];
    const operand = insn.isX ? this.#values[insn.src] : constant(insn.imm);
    const shift = insn.imm & 63;
    switch (insn.operation) {
      case I.BPF_MOV:
        return insn.off === 0 ? operand : null;
      case I.BPF_ADD:
        return sum(own, operand);
      case I.BPF_SUB:
        return sum(own, times(operand, -1));
      case I.BPF_LSH:
        return insn.isX || shift > 16 ? null : times(own, 1 << shift);
      case I.BPF_MUL:
        return insn.isX ? null : times(own, insn.imm);
      case I.BPF_AND:
        return masked(own, operand);
      case I.BPF_MOD:
        return insn.isX || insn.off !== 0 || insn.imm <= 0 ? null : { ...U32, most: insn.imm - 1 };
      case I.BPF_RSH:
        return insn.isX || !isNumber(own) || own.least < 0 ? null : shifted(own, shift);
      default:
        return null;
    }
  }

  #narrow(insn: Insn): Linear | null {
    // Byte swaps and sign extensions of 32 bits fill no more than the lower half, swaps of 64 do.
    if (insn.operation === I.BPF_END) return null;
    const own = this.#values[insn.dst];
    const operand = insn.isX ? this.#values[insn.src] : constant(insn.imm >>> 0);
    switch (insn.operation) {
      case I.BPF_MOV:
        return insn.off === 0 && isU32(operand) ? operand : U32;
      case I.BPF_ADD: {
        if (!isU32(own) || !isU32(operand)) return U32;
        const total = sum(own, operand);
        return isU32(total) ? total : U32;
      }
      case I.BPF_AND:
        return masked(isU32(own) ? own : U32, isU32(operand) ? operand : U32);
      case I.BPF_MOD:
        return insn.isX || insn.off !== 0 || insn.imm <= 0 ? U32 : { ...U32, most: insn.imm - 1 };
      case I.BPF_RSH:
        return insn.isX ? U32 : shifted(isU32(own) ? own : U32, insn.imm & 31);
      case I.BPF_LSH: {
        if (insn.isX || !isU32(own)) return U32;
        const product = times(own, 2 ** (insn.imm & 31));
        return isU32(product) ? product : U32;
      }
      default:
        return U32;
    }
  }
}

/** Two values with the same key differ by a number. */
export function keyOf({ terms }: Linear): string {
  return terms.map(({ register, factor }) => `${register}*${factor}`).join('+');
}

function sum(a: Linear | null, b: Linear | null): Linear | null {
  if (a === null || b === null) return null;
  const factors = new Map(a.terms.map(({ register, factor }) => [register, factor]));
  for (const { register, factor } of b.terms) factors.set(register, (factors.get(register) ?? 0) + factor);
  const terms = [...factors]
    .filter(([, factor]) => factor !== 0)
    .map(([register, factor]) => ({ register, factor }))
    .sort((one, other) => one.register - other.register);
  return checked({ terms, least: a.least + b.least, most: a.most + b.most });
}

function times(value: Linear | null, factor: number): Linear | null {
  if (value === null) return null;
  if (factor === 0) return constant(0);
  const ends = [value.least * factor, value.most * factor];
  return checked({
    terms: value.terms.map((term) => ({ register: term.register, factor: term.factor * factor })),
    least: Math.min(...ends),
    most: Math.max(...ends),
  });
}

function masked(a: Linear | null, b: Linear | null): Linear | null {
  const tops = [a, b].flatMap((value) => (isNumber(value) && value.least >= 0 ? [value.most] : []));
  return tops.length === 0 ? null : { terms: [], least: 0, most: Math.min(...tops) };
}

function shifted({ terms, least, most }: Linear, bits: number): Linear {
  return { terms, least: Math.floor(least / 2 ** bits), most: Math.floor(most / 2 ** bits) };
}

function checked(value: Linear): Linear | null {
  const { terms, least, most } = value;
  const fits =
    terms.length <= MAX_TERMS &&
    terms.every(({ factor }) => Math.abs(factor) <= MAX_FACTOR) &&
    Math.abs(least) <= MAX_NUMBER &&
    Math.abs(most) <= MAX_NUMBER;
  return fits ? value : null;
}

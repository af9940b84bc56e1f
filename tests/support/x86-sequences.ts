// Random straight x86-64 code without memory operands: every register form that the CPU has, in runs of a few.

import type { Random } from './random.js';

/** Numbers of the registers in use: all but rsp. */
export const USED = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] as const;

const EDGES = [0n, 1n, (1n << 64n) - 1n, 1n << 63n, (1n << 63n) - 1n, 0x7fffffffn, 0x80000000n, 0xffffffffn];
/** Group 1 digits without adc and sbb. */
const ALU = [0, 1, 4, 5, 6, 7] as const;

export interface Sequence {
  readonly code: readonly number[];
  /** By register number. */
  readonly registers: readonly bigint[];
  /** The last instruction defines all six flags. */
  readonly definesFlags: boolean;
}

export class SequenceSource {
  constructor(readonly random: Random) {}

  next(): Sequence {
    const code = this.#alu();
    for (let count = 1 + this.random.below(4); count > 0; count--) {
      code.push(...(this.#coin() ? this.#other() : this.#alu()));
      if (this.#coin()) code.push(...this.#alu(), ...this.#flagReader());
    }
    const definesFlags = this.#coin();
    if (definesFlags) code.push(...(this.random.below(5) === 0 ? this.#neg() : this.#alu()));
    return { code, registers: Array.from({ length: 16 }, () => this.#word()), definesFlags };
  }

  #coin(): boolean {
    return this.random.below(2) === 0;
  }

  #word(): bigint {
    return this.random.below(3) === 0 ? this.random.pick(EDGES) : this.random.u64();
  }

  #imm8(): number {
    return this.random.below(256);
  }

  #imm32(): number[] {
    const value = this.random.pick([this.random.u32(), this.#imm8(), 0xffffffff, 0x80000000, 0]);
    return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
  }

  #operands(): { a: number; b: number; w: number } {
    return { a: this.random.pick(USED), b: this.random.pick(USED), w: this.random.below(2) };
  }

  #alu(): number[] {
    const { a, b, w } = this.#operands();
    const digit = this.random.pick(ALU);
    return this.random.pick([
      [rex(w, b, a), (digit << 3) | 1, modRm(b, a)],
      [rex(w, a, b), (digit << 3) | 3, modRm(a, b)],
      [rex(w, 0, a), 0x83, modRm(digit, a), this.#imm8()],
      [rex(w, 0, a), 0x81, modRm(digit, a), ...this.#imm32()],
      [0x66, rex(0, b, a), (digit << 3) | 1, modRm(b, a)],
      [rex(0, b, a), digit << 3, modRm(b, a)],
      [rex(0, 0, a), 0x80, modRm(digit, a), this.#imm8()],
      [rex(w, b, a), 0x85, modRm(b, a)],
      [rex(w, 0, a), 0xf7, modRm(0, a), ...this.#imm32()],
    ]);
  }

  #neg(): number[] {
    const { a, w } = this.#operands();
    return [rex(w, 0, a), 0xf7, modRm(3, a)];
  }

  #other(): number[] {
    const { a, b, w } = this.#operands();
    const count = this.random.pick(USED);
    // lea with disp32: rsp and r12 as base would need a SIB byte.
    const base = (b & 7) === 4 ? 5 : b;
    return this.random.pick([
      [rex(w, b, a), 0x89, modRm(b, a)],
      [rex(w, a, b), 0x0f, this.random.pick([0xb6, 0xb7, 0xbe, 0xbf]), modRm(a, b)],
      [rex(1, a, b), 0x63, modRm(a, b)],
      [rex(w, 0, a), 0xb8 | (a & 7), ...this.#imm32(), ...(w ? this.#imm32() : [])],
      [rex(w, 0, a), 0x0f, 0xc8 | (a & 7)],
      [rex(w, b, a), 0x87, modRm(b, a)],
      [rex(w, 0, a), 0xc1, modRm(this.random.pick([0, 1, 4, 5, 7]), a), this.#imm8()],
      [rex(w, 0, a), 0xd1, modRm(this.random.pick([0, 1, 4, 5, 7]), a)],
      [rex(w, 0, a), 0xd3, modRm(this.random.pick([0, 1, 4, 5, 7]), a)],
      [0x66, rex(0, 0, a), 0xc1, modRm(this.random.pick([0, 1]), a), this.random.below(16)],
      [0xc4, vex(a, b), (w << 7) | ((~count & 15) << 3) | this.random.pick([1, 2, 3]), 0xf7, modRm(a, b)],
      [rex(w, a, b), 0x0f, 0xaf, modRm(a, b)],
      [rex(w, a, b), 0x69, modRm(a, b), ...this.#imm32()],
      [rex(w, a, b), 0x6b, modRm(a, b), this.#imm8()],
      [rex(w, 0, a), 0xf7, modRm(this.random.pick([4, 5]), a)],
      [rex(w, 0, a), 0xf7, modRm(2, a)],
      [rex(w, 0, a), 0xff, modRm(this.random.below(2), a)],
      [rex(w, 0, 0), 0x99],
      [rex(w, a, base), 0x8d, 0x80 | ((a & 7) << 3) | (base & 7), ...this.#imm32()],
    ]);
  }

  /** cmovcc, setcc, or jcc over an addition. */
  #flagReader(): number[] {
    const { a, b, w } = this.#operands();
    const cc = this.random.below(16);
    return this.random.pick([
      [rex(w, a, b), 0x0f, 0x40 | cc, modRm(a, b)],
      [rex(0, 0, a), 0x0f, 0x90 | cc, modRm(0, a)],
      [0x70 | cc, 3, rex(1, a, b), 0x01, modRm(a, b)],
    ]);
  }
}

function rex(w: number, reg: number, rm: number): number {
  return 0x40 | (w << 3) | ((reg >> 3) << 2) | (rm >> 3);
}

function modRm(reg: number, rm: number): number {
  return 0xc0 | ((reg & 7) << 3) | (rm & 7);
}

/** Second byte of a three-byte VEX prefix, map 0f38. */
function vex(reg: number, rm: number): number {
  return (reg < 8 ? 0x80 : 0) | 0x40 | (rm < 8 ? 0x20 : 0) | 2;
}

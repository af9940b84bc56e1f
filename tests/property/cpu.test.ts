import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { REGISTERS, type RegisterName, TestCpu, WORD } from '../support/cpu.js';
import {
  add,
  divide,
  imul,
  logic,
  type Outcome,
  shift,
  type ShiftKind,
  sub,
  wideMul,
} from '../support/x86-model.js';

const RUNS = 400;
const SEED = 20191013;
function check<T>(property: fc.IProperty<T>): void {
  fc.assert(property, { numRuns: RUNS, seed: SEED });
}

let cpu: TestCpu;
before(async () => {
  cpu = await TestCpu.create();
});

const EDGES = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  1n << 32n,
  1n << 63n,
  (1n << 63n) - 1n,
  (1n << 64n) - 1n,
];
const word = fc.oneof(fc.constantFrom(...EDGES), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
/** Register numbers without rsp. */
const register = fc.constantFrom(0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
const wide = fc.boolean();
const imm8 = fc.integer({ min: -128, max: 127 });
const imm32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

const name = (number: number): RegisterName => REGISTERS[number] as RegisterName;
const hex = (...bytes: number[]): string => Buffer.from(bytes.map((byte) => byte & 255)).toString('hex');
const rex = (w: boolean, reg: number, rm: number): number =>
  0x40 | (w ? 8 : 0) | ((reg >> 3) << 2) | (rm >> 3);
const modRm = (reg: number, rm: number): number => 0xc0 | ((reg & 7) << 3) | (rm & 7);
const le32 = (value: number): number[] => [value, value >> 8, value >> 16, value >> 24];
const cut = (value: bigint, bits: bigint): bigint => BigInt.asUintN(Number(bits), value);
const bitsOf = (w: boolean): bigint => (w ? 64n : 32n);

/** Runs one instruction; its flags once written (int3 reads them) and once dropped (xor overwrites them). */
function both(code: string, before: Record<string, bigint>, number: number, want: Outcome): void {
  const live = cpu.registersAfter(code, before);
  assert.equal(live[WORD[name(number)]], want.value, 'result');
  assert.equal(live[WORD.flags] & want.defined, want.flags & want.defined, 'flags');
  const scratch = number === 15 ? 14 : 15;
  const dead = cpu.registersAfter(
    code + hex(rex(true, scratch, scratch), 0x31, modRm(scratch, scratch)),
    before,
  );
  assert.equal(dead[WORD[name(number)]], want.value, 'result when the flags are dead');
}

type Model = (x: bigint, y: bigint, bits: bigint) => Outcome;
const ALU: readonly (readonly [string, number, Model, boolean])[] = [
  ['add', 0, add, true],
  ['or', 1, (x, y, bits) => logic(x | y, bits), true],
  ['and', 4, (x, y, bits) => logic(x & y, bits), true],
  ['sub', 5, sub, true],
  ['xor', 6, (x, y, bits) => logic(x ^ y, bits), true],
  ['cmp', 7, sub, false],
];

describe('the CPU against a model', () => {
  for (const [mnemonic, kind, model, writes] of ALU) {
    const outcome = (x: bigint, y: bigint, w: boolean): Outcome => {
      const bits = bitsOf(w);
      const full = model(cut(x, bits), cut(y, bits), bits);
      return writes ? full : { ...full, value: x };
    };

    it(`${mnemonic} register, register`, () =>
      check(
        fc.property(register, register, wide, word, word, (d, s, w, x, second) => {
          const y = d === s ? x : second;
          const code = hex(rex(w, s, d), (kind << 3) | 1, modRm(s, d));
          both(code, { [name(d)]: x, [name(s)]: y }, d, outcome(x, y, w));
        }),
      ));

    it(`${mnemonic} register, imm8 and imm32`, () =>
      check(
        fc.property(register, wide, word, fc.boolean(), imm8, imm32, (d, w, x, short, small, large) => {
          const value = short ? small : large;
          const tail = short ? [value] : le32(value);
          const code = hex(rex(w, 0, d), short ? 0x83 : 0x81, modRm(kind, d), ...tail);
          both(code, { [name(d)]: x }, d, outcome(x, BigInt(value), w));
        }),
      ));
  }

  it('test register, register', () =>
    check(
      fc.property(register, register, wide, word, word, (d, s, w, x, second) => {
        const y = d === s ? x : second;
        const bits = bitsOf(w);
        const want = { ...logic(cut(x & y, bits), bits), value: x };
        both(hex(rex(w, s, d), 0x85, modRm(s, d)), { [name(d)]: x, [name(s)]: y }, d, want);
      }),
    ));

  const SHIFTS: readonly (readonly [ShiftKind, number, number])[] = [
    ['shl', 4, 1],
    ['shr', 5, 3],
    ['sar', 7, 2],
  ];
  for (const [kind, digit, pp] of SHIFTS) {
    const outcome = (x: bigint, count: bigint, w: boolean): Outcome =>
      shift(kind, cut(x, bitsOf(w)), count, bitsOf(w));

    it(`${kind} by a constant`, () =>
      check(
        fc.property(register, wide, word, fc.integer({ min: 0, max: 255 }), (d, w, x, count) => {
          const code = hex(rex(w, 0, d), 0xc1, modRm(digit, d), count);
          both(code, { [name(d)]: x }, d, outcome(x, BigInt(count), w));
        }),
      ));

    it(`${kind} by cl`, () =>
      check(
        fc.property(register, wide, word, word, (d, w, first, count) => {
          const x = d === 1 ? count : first;
          both(
            hex(rex(w, 0, d), 0xd3, modRm(digit, d)),
            { [name(d)]: x, rcx: count },
            d,
            outcome(x, count, w),
          );
        }),
      ));

    it(`${kind}x`, () =>
      check(
        fc.property(register, register, wide, word, word, (d, c, w, first, count) => {
          const x = d === c ? count : first;
          const byte1 = (d < 8 ? 0x80 : 0) | 0x40 | (d < 8 ? 0x20 : 0) | 2;
          const byte2 = (w ? 0x80 : 0) | ((~c & 15) << 3) | pp;
          const code = hex(0xc4, byte1, byte2, 0xf7, modRm(d, d));
          both(code, { [name(d)]: x, [name(c)]: count }, d, { ...outcome(x, count, w), defined: 0n });
        }),
      ));
  }

  it('imul register, register', () =>
    check(
      fc.property(register, register, wide, word, word, (d, s, w, x, second) => {
        const y = d === s ? x : second;
        const bits = bitsOf(w);
        const code = hex(rex(w, d, s), 0x0f, 0xaf, modRm(d, s));
        both(code, { [name(d)]: x, [name(s)]: y }, d, imul(cut(x, bits), cut(y, bits), bits));
      }),
    ));

  it('imul register, register, imm', () =>
    check(
      fc.property(
        register,
        register,
        wide,
        word,
        fc.boolean(),
        imm8,
        imm32,
        (d, s, w, y, short, small, large) => {
          const value = short ? small : large;
          const bits = bitsOf(w);
          const code = hex(
            rex(w, d, s),
            short ? 0x6b : 0x69,
            modRm(d, s),
            ...(short ? [value] : le32(value)),
          );
          both(code, { [name(s)]: y }, d, imul(cut(y, bits), cut(BigInt(value), bits), bits));
        },
      ),
    ));

  /** Registers other than rax and rdx. */
  const other = register.filter((number) => number !== 0 && number !== 2);

  for (const [mnemonic, digit, isSigned] of [
    ['mul', 4, false],
    ['imul', 5, true],
  ] as const)
    it(`${mnemonic} of rdx:rax`, () =>
      check(
        fc.property(other, wide, word, word, word, (s, w, rax, rdx, y) => {
          const bits = bitsOf(w);
          const want = wideMul(cut(rax, bits), cut(y, bits), bits, isSigned);
          const code = hex(rex(w, 0, s), 0xf7, modRm(digit, s));
          const after = cpu.registersAfter(code, { rax, rdx, [name(s)]: y });
          assert.equal(after[WORD.rax], want.low, 'rax');
          assert.equal(after[WORD.rdx], want.high, 'rdx');
          assert.equal(after[WORD.flags] & 0x801n, want.flags, 'flags');
        }),
      ));

  for (const [mnemonic, digit, isSigned] of [
    ['div', 6, false],
    ['idiv', 7, true],
  ] as const)
    it(`${mnemonic} of rdx:rax`, () =>
      check(
        fc.property(other, wide, word, word, word, fc.boolean(), (s, w, rax, random, y, extend) => {
          const bits = bitsOf(w);
          const sign = isSigned && (cut(rax, bits) >> (bits - 1n)) & 1n ? (1n << 64n) - 1n : 0n;
          const rdx = extend ? sign : random;
          const want = divide(cut(rdx, bits), cut(rax, bits), cut(y, bits), bits, isSigned);
          const code = hex(rex(w, 0, s), 0xf7, modRm(digit, s));
          const given = { rax, rdx, [name(s)]: y };
          const oops = cpu.oopsOf(code, given);
          assert.equal(oops.kind, want === null ? 'de' : 'bp');
          assert.equal(oops.registers?.[WORD.rax], want === null ? rax : want.quotient, 'rax');
          assert.equal(oops.registers?.[WORD.rdx], want === null ? rdx : want.remainder, 'rdx');
        }),
      ));

  it('neg', () =>
    check(
      fc.property(register, wide, word, (d, w, x) => {
        const bits = bitsOf(w);
        both(hex(rex(w, 0, d), 0xf7, modRm(3, d)), { [name(d)]: x }, d, sub(0n, cut(x, bits), bits));
      }),
    ));

  const CONDITIONS: readonly (readonly [string, number, (x: bigint, y: bigint, bits: number) => boolean])[] =
    [
      ['jb', 2, (x, y) => x < y],
      ['jae', 3, (x, y) => x >= y],
      ['je', 4, (x, y) => x === y],
      ['jne', 5, (x, y) => x !== y],
      ['jbe', 6, (x, y) => x <= y],
      ['ja', 7, (x, y) => x > y],
      ['jl', 12, (x, y, bits) => BigInt.asIntN(bits, x) < BigInt.asIntN(bits, y)],
      ['jge', 13, (x, y, bits) => BigInt.asIntN(bits, x) >= BigInt.asIntN(bits, y)],
      ['jle', 14, (x, y, bits) => BigInt.asIntN(bits, x) <= BigInt.asIntN(bits, y)],
      ['jg', 15, (x, y, bits) => BigInt.asIntN(bits, x) > BigInt.asIntN(bits, y)],
    ];
  for (const [mnemonic, cc, holds] of CONDITIONS)
    it(`cmp; ${mnemonic}`, () =>
      check(
        fc.property(wide, word, word, fc.boolean(), imm8, (w, x, second, immediate, small) => {
          const bits = bitsOf(w);
          const y = cut(immediate ? BigInt(small) : second, bits);
          const compare = immediate
            ? hex(rex(w, 0, 7), 0x83, modRm(7, 7), small)
            : hex(rex(w, 6, 7), 0x39, modRm(6, 7));
          // Over mov ebx,1; the xor behind makes the flags dead, so the pair runs as one.
          const code = `${compare}${hex(0x70 | cc, 5)}bb0100000031c0`;
          const after = cpu.registersAfter(code, { rdi: x, rsi: second, rbx: 0n });
          assert.equal(after[WORD.rbx], holds(cut(x, bits), y, Number(bits)) ? 0n : 1n);
        }),
      ));
});

import { code, insn, ldImm64 } from './interp.js';
import type { Random } from './random.js';

const ALU = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0];
const JUMPS = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
const ATOMICS = [0x00, 0x40, 0x50, 0xa0, 0x01, 0x41, 0x51, 0xa1, 0xe1, 0xf1];
const LOADS: readonly (readonly [number, number])[] = [
  [0x71, 1],
  [0x69, 2],
  [0x61, 4],
  [0x79, 8],
];
const SIGNED_LOADS: readonly (readonly [number, number])[] = [
  [0x91, 1],
  [0x89, 2],
  [0x81, 4],
];
/** Numbers at the edges of their widths. */
export const CONSTANTS = [0n, 1n, 0x80n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 1n << 63n, (1n << 64n) - 1n];

function immediate(random: Random): number {
  const kind = random.below(4);
  if (kind === 0) return random.below(256) - 128;
  if (kind === 1) return random.pick([0, 1, -1, 0x7fffffff, -0x80000000]);
  return random.u32() | 0;
}

/** What random programs are made of. */
export interface ProgramShape {
  /** Instructions before clearing and dumping. */
  readonly longest: number;
  /** Registers that instructions may write. */
  readonly writable: readonly number[];
  /** v4 instructions: movsx, sign-extending loads, bswap, signed division. */
  readonly v4: boolean;
  /** Atomics that fetch. */
  readonly fetch: boolean;
  /** Division by registers and shifts by any immediate: instructions a verifier changes or refuses. */
  readonly unverified: boolean;
  /** More instructions, each of any number of slots. */
  readonly extra?: (random: Random) => Uint8Array;
}

/** R9 points to a block of this many bytes, of which the first DATA are read and written at random. */
export const BLOCK = 256;
const DATA = 64;

function memoryOperand(random: Random, size: number): { base: number; off: number } {
  return random.below(2) === 0
    ? { base: 9, off: random.below(DATA - size + 1) }
    : { base: 10, off: random.below(DATA - size + 1) - DATA };
}

function randomAlu(random: Random, dst: number, src: number, isX: number, shape: ProgramShape): Uint8Array {
  const op = random.pick(ALU);
  const klass = random.pick([4, 7]);
  const divides = op === 0x30 || op === 0x90;
  const shifts = op === 0x60 || op === 0x70 || op === 0xc0;
  const off = shape.v4 && divides && random.below(2) === 0 ? 1 : 0;
  if (shape.unverified || (!divides && !shifts) || (shifts && isX))
    return insn(op | klass | isX, dst, isX ? src : 0, off, isX ? 0 : immediate(random));
  const imm = shifts ? random.below(klass === 7 ? 64 : 32) : 1 + random.below(1000);
  return insn(op | klass, dst, 0, off, imm);
}

/** One random instruction of one or two slots; `left` = slots that may be jumped over. */
function randomInsn(random: Random, left: number, shape: ProgramShape): Uint8Array {
  const dst = random.pick(shape.writable);
  const src = random.below(10);
  const isX = random.below(2) * 8;
  if (shape.extra !== undefined && random.below(4) === 0) return shape.extra(random);
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return randomAlu(random, dst, src, isX, shape);
    case 4: {
      const which = random.below(shape.v4 ? 4 : 2);
      if (which === 0) return insn(random.pick([0x84, 0x87]), dst);
      if (which === 1)
        return insn(
          random.pick(shape.v4 ? [0xd4, 0xdc, 0xd7] : [0xd4, 0xdc]),
          dst,
          0,
          0,
          random.pick([16, 32, 64]),
        );
      if (which === 2) return insn(0xbf, dst, src, random.pick([8, 16, 32]));
      return insn(0xbc, dst, src, random.pick([8, 16]));
    }
    case 5:
      return ldImm64(dst, random.below(2) ? random.pick(CONSTANTS) : random.u64());
    case 6: {
      const [opcode, size] = random.pick(shape.v4 ? [...LOADS, ...SIGNED_LOADS] : LOADS);
      const { base, off } = memoryOperand(random, size);
      return insn(opcode, dst, base, off);
    }
    case 7: {
      const log = random.below(4);
      const { base, off } = memoryOperand(random, 1 << log);
      return isX
        ? insn([0x73, 0x6b, 0x63, 0x7b][log], base, src, off)
        : insn([0x72, 0x6a, 0x62, 0x7a][log], base, 0, off, immediate(random));
    }
    case 8: {
      const wide = random.below(2);
      const { base, off } = memoryOperand(random, wide ? 8 : 4);
      const imm = shape.fetch ? random.pick(ATOMICS) : 0;
      const atomic = insn(wide ? 0xdb : 0xc3, base, (imm & 1) === 1 && imm !== 0xf1 ? dst : src, off, imm);
      // A verifier zero-extends R0 after a 32-bit compare and exchange; x86 leaves it when they are equal.
      return imm === 0xf1 && !wide && !shape.unverified ? code(atomic, insn(0xbc, 0, 0)) : atomic;
    }
    default: {
      const klass = random.pick([5, 6]);
      const off = random.below(Math.min(left, 6) + 1);
      return insn(random.pick(JUMPS) | klass | isX, dst, isX ? src : 0, off, isX ? 0 : immediate(random));
    }
  }
}

/**
 * A random program that ends: jumps only go forwards, and never into the middle of an instruction. R1 is the block;
 * at the end R0 to R8 and the frame are written to it.
 */
export function randomProgram(random: Random, shape: ProgramShape, start: Uint8Array = code()): Uint8Array {
  const body: Uint8Array[] = [];
  const count = 1 + random.below(shape.longest);
  for (let i = 0; i < count; i++) body.push(randomInsn(random, count - 1 - i, shape));
  // Turn distances counted in instructions into slots.
  const slots = body.map((part) => part.length / 8);
  body.forEach((part, i) => {
    const klass = part[0] & 7;
    if (klass !== 5 && klass !== 6) return;
    const view = new DataView(part.buffer);
    const over = slots.slice(i + 1, i + 1 + view.getInt16(2, true));
    view.setInt16(
      2,
      over.reduce((sum, each) => sum + each, 0),
      true,
    );
  });
  const clear = Array.from({ length: DATA / 8 }, (_, i) => insn(0x7a, 10, 0, -8 * (i + 1), i * 0x01010101));
  const dump = Array.from({ length: 9 }, (_, i) => insn(0x7b, 9, i, DATA + 8 * i));
  const keep = Array.from({ length: DATA / 8 }, (_, i) => [
    insn(0x79, 0, 10, -8 * (i + 1)),
    insn(0x7b, 9, 0, DATA + 72 + 8 * i),
  ]).flat();
  return code(insn(0xbf, 9, 1), start, ...clear, ...body, ...dump, ...keep, insn(0x95));
}

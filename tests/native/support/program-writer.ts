import type { Random } from '../../support/random.js';
import { ARENA, BASE, DATA, OBJECTS, PAGE } from './layout.js';

/** Numbers at the edges of their widths, as low and high words. */
const EDGES: readonly (readonly [number, number])[] = [
  [0, 0],
  [1, 0],
  [0x7f, 0],
  [0x80, 0],
  [0x7fff_ffff, 0],
  [-0x8000_0000, 0],
  [-1, 0],
  [0, -0x8000_0000],
  [-1, 0x7fff_ffff],
  [-1, -1],
  [-0x8000_0000, -1],
];
/** Upper half of the addresses of everything in the area. */
const HIGH = Number(BASE >> 32n);
const low = (address: bigint): number => Number(address - BASE);
const DATA_LOW = low(DATA);
const ARENA_LOW = low(ARENA);
export const OBJECTS_LOW = low(OBJECTS);
/** Displacements of memory operands: none, one byte, four. */
const DISPLACEMENTS = [0, 0, 8, -8, 127, -128, 128, -129, 1000, -32768, 32767];

/** Where a memory operand points. */
export type Target = 'good' | 'hole' | 'anywhere';

/** Writes one function of random instructions, slot by slot. */
export class ProgramWriter {
  readonly #bytes = new Uint8Array(8 * 4096);
  readonly #view = new DataView(this.#bytes.buffer);
  /** Slots written. */
  slots = 0;
  /** Exits written. */
  exits = 0;
  /** 1 for slots that run only if a branch goes their way. */
  readonly unsure = new Uint8Array(4096);

  constructor(readonly random: Random) {}

  reset(): void {
    this.unsure.fill(0, 0, this.slots);
    this.slots = 0;
    this.exits = 0;
  }

  /** A copy of the instructions written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, 8 * this.slots);
  }

  emit(opcode: number, dst = 0, src = 0, off = 0, imm = 0): void {
    const at = 8 * this.slots++;
    this.#bytes[at] = opcode;
    this.#bytes[at + 1] = dst | (src << 4);
    this.#view.setInt16(at + 2, off, true);
    this.#view.setInt32(at + 4, imm, true);
  }

  /** ld_imm64. */
  load64(dst: number, lowWord: number, highWord: number, src = 0): void {
    this.emit(0x18, dst, src, 0, lowWord);
    this.emit(0, 0, 0, 0, highWord);
  }

  /** Makes a jump written at `slot` lead to the next slot written; the class decides where its distance is. */
  landHere(slot: number): void {
    this.jumpTo(slot, this.slots);
  }

  jumpTo(slot: number, target: number): void {
    const distance = target - slot - 1;
    if (this.#bytes[8 * slot] === 0x06) this.#view.setInt32(8 * slot + 4, distance, true);
    else this.#view.setInt16(8 * slot + 2, distance, true);
  }

  coin(): boolean {
    return (this.random.u32() & 0x10000) !== 0;
  }

  /** A register that may be written. */
  writable(): number {
    return this.random.below(10);
  }

  readable(): number {
    return this.random.below(11);
  }

  immediate(): number {
    const kind = this.random.below(4);
    if (kind === 0) return this.random.below(256) - 128;
    if (kind === 1) return this.random.pick([0, 1, -1, 127, 128, -128, -129, 0x7fffffff, -0x80000000]);
    return this.random.u32() | 0;
  }

  /** Puts a random number into a register. */
  number(dst: number): void {
    if (this.coin()) this.load64(dst, this.random.u32() | 0, this.random.u32() | 0);
    else {
      const [lowWord, highWord] = this.random.pick(EDGES);
      this.load64(dst, lowWord, highWord);
    }
  }

  /** Points a register at `size` bytes and answers the displacement to reach them. */
  pointer(dst: number, size: number, target: Target, aligned = false): number {
    const { random } = this;
    if (target === 'anywhere') {
      const off = random.pick(DISPLACEMENTS);
      const [lowWord, highWord] = random.pick(ELSEWHERE);
      this.load64(dst, lowWord, highWord);
      return off;
    }
    const off = random.pick(DISPLACEMENTS);
    const at = target === 'good' ? this.#good(size) : this.#hole(size);
    const address = DATA_LOW + (aligned ? at & ~7 : at);
    this.load64(dst, (address - off) | 0, HIGH);
    return off;
  }

  /** Offset in the data pages of bytes that can be read and written. */
  #good(size: number): number {
    const { random } = this;
    const kind = random.below(6);
    if (kind === 0) return 2 * PAGE + random.below(64 - size + 1);
    if (kind === 1) return PAGE - size - random.below(64 - size + 1);
    return random.below(256 - size + 1);
  }

  /** Offset in the data pages of bytes of which some are missing. */
  #hole(size: number): number {
    const { random } = this;
    const kind = random.below(3);
    if (kind === 0 && size > 1) return PAGE - 1 - random.below(size - 1);
    if (kind === 1) return 3 * PAGE + random.below(PAGE - size);
    return PAGE + random.below(PAGE - size);
  }

  /** Offset in the page that can only be read. */
  readOnly(dst: number): void {
    this.load64(dst, DATA_LOW + 4 * PAGE + 8 * this.random.below(64), HIGH);
  }

  /** Puts an offset into the arena into a register; answers the displacement. */
  arenaPointer(dst: number, size: number, faulting: boolean, aligned: boolean): number {
    const { random } = this;
    const off = random.pick(DISPLACEMENTS);
    let at = random.below(256 - size + 1);
    if (faulting) at = 2 * PAGE + random.below(0x30000);
    else if (random.below(4) === 0) at = 2 * PAGE - size - random.below(64 - size + 1);
    if (aligned) at &= ~7;
    const base = at - off;
    if (base >= 0) this.emit(0xb4, dst, 0, 0, base);
    else this.load64(dst, base, -1);
    return off;
  }

  /** Address of something in the objects page. */
  object(dst: number, offset: number): void {
    this.load64(dst, OBJECTS_LOW + offset, HIGH);
  }
}

/** Addresses where nothing is, as low and high words: null page, non-canonical, kernel half, end of the user half. */
const ELSEWHERE: readonly (readonly [number, number])[] = [
  [0, 0],
  [8, 0],
  [0x200, 0],
  [ARENA_LOW - 0x10000, HIGH],
  [0, 0x8000],
  [0x100, -0x21530000],
  [-1, -0x8001],
  [0, -0x8000],
  [0x12345678, -0x7800],
  [-0x1000, -1],
  [-0xa00000, -1],
  [-0xa01000, -1],
  [8, 0x7ffe],
];

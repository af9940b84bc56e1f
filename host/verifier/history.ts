import type { InsnIndex } from '../quantities.js';

// Step of a path, 5 words of 32 bits; a place is 10 bits, 1023 = none:
//
//   0                                        1          2      3                    4
//   +------------+------------+------------+----------+------+--------------------+--------------------+
//   | insn 20    | slot + 1, 7| frame 3    | previous | up   | linked places 0-2  | linked places 3-5  |
//   +------------+------------+------------+----------+------+--------------------+--------------------+

const WORDS = 5;
const INSN_BITS = 20;
const SLOT_BITS = 7;
const INSN_MASK = (1 << INSN_BITS) - 1;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const SEGMENT_BITS = 12;
const SEGMENT = 1 << SEGMENT_BITS;
/** Segments to use again, of verifications that have ended. */
const POOLED = 64;
const pool: Int32Array[] = [];

/** Scalars linked at one conditional jump that are noted. */
export const MAX_LINKED = 6;
const PLACE_BITS = 10;
const NO_PLACE = (1 << PLACE_BITS) - 1;
const NO_PLACES = (1 << (3 * PLACE_BITS)) - 1;

/** No step: what comes before the first one. */
export const NO_STEP = 0;
/** No stack slot. */
export const NO_SLOT = -1;

/**
 * Steps of all paths: where control came from, and what it touched. A step names the one before it, so paths share
 * what they have in common. Steps are numbers, and none is given back before the verification ends: there are no more
 * than processed instructions.
 */
export class History {
  private readonly segments: Int32Array[] = [];
  private count = 1;

  /** A step that touched nothing yet. */
  push(insn: InsnIndex, previous: InsnIndex, up: number): number {
    const step = this.count++;
    const which = step >> SEGMENT_BITS;
    if (which === this.segments.length) {
      this.segments.push(pool.pop() ?? new Int32Array(SEGMENT * WORDS));
    }
    const segment = this.segments[which];
    const at = (step & (SEGMENT - 1)) * WORDS;
    segment[at] = insn;
    segment[at + 1] = previous;
    segment[at + 2] = up;
    segment[at + 3] = NO_PLACES;
    segment[at + 4] = NO_PLACES;
    return step;
  }

  private word(step: number, which: number): number {
    return this.segments[step >> SEGMENT_BITS][(step & (SEGMENT - 1)) * WORDS + which];
  }

  insn(step: number): InsnIndex {
    return this.word(step, 0) & INSN_MASK;
  }

  /** The instruction control came from. */
  previous(step: number): InsnIndex {
    return this.word(step, 1);
  }

  /** The step before; NO_STEP = none. */
  up(step: number): number {
    return this.word(step, 2);
  }

  /** Stack slot touched, or NO_SLOT. */
  slot(step: number): number {
    return ((this.word(step, 0) >> INSN_BITS) & SLOT_MASK) - 1;
  }

  /** Depth of the frame of that slot. */
  frame(step: number): number {
    return (this.word(step, 0) >> (INSN_BITS + SLOT_BITS)) & 7;
  }

  hasLinked(step: number): boolean {
    return this.word(step, 3) !== NO_PLACES;
  }

  /** One of the scalars linked at a conditional jump, up to MAX_LINKED; -1 = no more. */
  linked(step: number, which: number): number {
    const place = (this.word(step, which < 3 ? 3 : 4) >> ((which % 3) * PLACE_BITS)) & NO_PLACE;
    return place === NO_PLACE ? -1 : place;
  }

  touchSlot(step: number, slot: number, frame: number): void {
    const segment = this.segments[step >> SEGMENT_BITS];
    const at = (step & (SEGMENT - 1)) * WORDS;
    segment[at] = (segment[at] & INSN_MASK) | ((slot + 1) << INSN_BITS) | (frame << (INSN_BITS + SLOT_BITS));
  }

  link(step: number, places: readonly number[]): void {
    const segment = this.segments[step >> SEGMENT_BITS];
    const at = (step & (SEGMENT - 1)) * WORDS;
    for (let i = 0; i < MAX_LINKED; i++) {
      const word = at + (i < 3 ? 3 : 4);
      const shift = (i % 3) * PLACE_BITS;
      const place = i < places.length ? places[i] : NO_PLACE;
      segment[word] = (segment[word] & ~(NO_PLACE << shift)) | (place << shift);
    }
  }

  /** Forgets all steps. */
  dispose(): void {
    for (const segment of this.segments) if (pool.length < POOLED) pool.push(segment);
    this.segments.length = 0;
    this.count = 1;
  }
}

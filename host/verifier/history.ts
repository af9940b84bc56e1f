import type { InsnIndex } from '../quantities.js';
import type { LinkedPlace } from './state.js';

// Step of a path, 4 words of 32 bits:
//
//   0                                        1          2          3
//   +------------+------------+------------+----------+----------+--------------+
//   | insn 20    | slot + 1, 7| frame 3    | previous | up       | linked set   |
//   +------------+------------+------------+----------+----------+--------------+

const WORDS = 4;
const INSN_BITS = 20;
const SLOT_BITS = 7;
const INSN_MASK = (1 << INSN_BITS) - 1;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const SEGMENT_BITS = 12;
const SEGMENT = 1 << SEGMENT_BITS;
/** Segments to use again, of verifications that have ended. */
const POOLED = 64;
const pool: Int32Array[] = [];

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
  private readonly linkedSets: (readonly LinkedPlace[])[] = [];
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
    segment[at + 3] = 0;
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

  /** Scalars linked at a conditional jump; null = none. */
  linked(step: number): readonly LinkedPlace[] | null {
    const which = this.word(step, 3);
    return which === 0 ? null : this.linkedSets[which - 1];
  }

  touchSlot(step: number, slot: number, frame: number): void {
    const segment = this.segments[step >> SEGMENT_BITS];
    const at = (step & (SEGMENT - 1)) * WORDS;
    segment[at] = (segment[at] & INSN_MASK) | ((slot + 1) << INSN_BITS) | (frame << (INSN_BITS + SLOT_BITS));
  }

  link(step: number, places: readonly LinkedPlace[]): void {
    this.segments[step >> SEGMENT_BITS][(step & (SEGMENT - 1)) * WORDS + 3] = this.linkedSets.push(places);
  }

  /** Forgets all steps. */
  dispose(): void {
    for (const segment of this.segments) if (pool.length < POOLED) pool.push(segment);
    this.segments.length = 0;
    this.linkedSets.length = 0;
    this.count = 1;
  }
}

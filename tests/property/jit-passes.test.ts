import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { Core } from '../../host/core/core.js';
import { JitError } from '../../host/errors.js';
import { compile } from '../../host/jit/compile.js';
import type { KernelVersion } from '../../host/profiles/profile.js';
import { profile } from '../../host/profiles/profiles.js';
import { FakeImages, jitInput, loadCore } from '../support/jit.js';

// The passes as Linux runs them: every instruction in every pass, over an array of addresses. The core only looks at
// branches; addresses, number of passes and padding must come out the same.

type Kind = 'filler' | 'move' | 'cond' | 'jump' | 'exit';

interface Step {
  readonly kind: Kind;
  /** Slot counted from 1, the end of the slot before: 0 = the first instruction. */
  readonly target: number;
}

const FILLER = 5;
const MOVE = 3;
const COMPARE = 3;
const PROLOGUES = { '6.12': 12, '6.1': 11, '5.5': 20 };
const EPILOGUES = { '6.12': 3, '6.1': 3, '5.5': 10 };
const SHORT_MAX = { '6.12': 123, '6.1': 123, '5.5': 127 };

interface Result {
  readonly offsets: number[];
  readonly passes: number;
}

class Model {
  readonly #addrs: number[];
  #cleanup: number;
  #first = true;

  constructor(
    readonly steps: readonly Step[],
    readonly version: KernelVersion,
  ) {
    this.#addrs = Array.from({ length: steps.length + 1 }, (_, i) => 64 * (i + 1));
    this.#cleanup = 64 * (steps.length + 1);
  }

  run(): Result | null {
    let old = 0;
    let image = false;
    for (let pass = 0; pass < 20 || image; pass++) {
      const length = this.#pass(this.version !== '5.5' && pass >= 15, image);
      if (length === null) return null;
      if (image && length !== old) return null;
      if (image) return { offsets: this.#addrs, passes: pass + 1 };
      image = length === old;
      old = length;
    }
    return null;
  }

  #pass(padding: boolean, image: boolean): number | null {
    let length = PROLOGUES[this.version];
    this.#addrs[0] = length;
    this.#first = true;
    for (const [index, step] of this.steps.entries()) {
      const size = this.#size(step, index + 1, padding, length);
      if (size === null) return null;
      length += size;
      if (image && this.version !== '5.5' && length !== this.#addrs[index + 1]) return null;
      this.#addrs[index + 1] = length;
    }
    return length;
  }

  #size({ kind, target }: Step, i: number, padding: boolean, length: number): number | null {
    if (kind === 'filler') return FILLER;
    if (kind === 'move') return MOVE;
    if (kind === 'exit' && this.#first) {
      this.#first = false;
      this.#cleanup = length;
      return EPILOGUES[this.version];
    }
    const previous = this.#addrs[i] - this.#addrs[i - 1];
    const goal = kind === 'exit' ? this.#cleanup : this.#addrs[target];
    const rel = kind === 'jump' && target === i - 1 ? -2 : goal - this.#addrs[i];
    const short = rel >= -128 && rel <= SHORT_MAX[this.version];
    if (kind === 'cond') {
      if (!short) return COMPARE + 6;
      if (!padding) return COMPARE + 2;
      return [2, 6].includes(previous - COMPARE) ? previous : null;
    }
    if (kind === 'jump' && rel === 0) {
      if (!padding) return 0;
      return [0, 2, 5].includes(previous) ? previous : null;
    }
    if (!short) return 5;
    if (!padding) return 2;
    return [2, 5].includes(previous) ? previous : null;
  }
}

function encode(steps: readonly Step[]): Uint8Array {
  const insns = new Uint8Array(steps.length * 8);
  const view = new DataView(insns.buffer);
  for (const [slot, { kind, target }] of steps.entries()) {
    const at = slot * 8;
    // w1 = 7 (5 bytes); r1 = r2 (3 bytes); if r1 > r2 (3 bytes of compare); goto; exit
    insns[at] = { filler: 0xb4, move: 0xbf, cond: 0x2d, jump: 0x05, exit: 0x95 }[kind];
    if (kind === 'filler') view.setInt32(at + 4, 7, true);
    insns[at + 1] = { filler: 0x01, move: 0x21, cond: 0x21, jump: 0, exit: 0 }[kind];
    if (kind === 'cond' || kind === 'jump') view.setInt16(at + 2, target - slot - 1, true);
  }
  return insns;
}

const KINDS = { filler: 4, move: 1, cond: 5, jump: 4, exit: 1 };

const program = fc
  .array(
    fc.record({
      kind: fc.oneof(
        ...Object.entries(KINDS).map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind as Kind) })),
      ),
      distance: fc.oneof(
        fc.integer({ min: -40, max: 40 }),
        fc.integer({ min: 15, max: 35 }),
        fc.integer({ min: -400, max: 400 }),
      ),
    }),
    { minLength: 1, maxLength: 600, size: 'max' },
  )
  .map((all) => [
    ...all.map(({ kind, distance }, slot) => ({
      kind,
      target: Math.min(Math.max(slot + 1 + distance, 0), all.length),
    })),
    { kind: 'exit' as const, target: 0 },
  ]);

/** Branches each of which is just too long until the next one has shrunk; `gap` bytes lie between two. */
function cascade(length: number, gap: number): Step[] {
  const moves = (((2 * gap) % 5) + 5) % 5;
  const between: Step[] = [
    ...Array.from({ length: moves }, () => ({ kind: 'move' as const, target: 0 })),
    ...Array.from({ length: (gap - MOVE * moves) / FILLER }, () => ({ kind: 'filler' as const, target: 0 })),
  ];
  const steps: Step[] = [];
  for (let k = 0; k < length; k++) {
    steps.push({ kind: 'cond', target: steps.length + between.length + 2 }, ...between);
  }
  steps.push({ kind: 'move', target: 0 }, { kind: 'exit', target: 0 });
  return steps;
}

let core: Core;

before(async () => {
  core = await loadCore();
});

function check(steps: readonly Step[], version: KernelVersion): number {
  const { jit } = profile(`linux-${version}`);
  const knobs = { ...jit, sls: version !== '5.5', ibt: false };
  const want = new Model(steps, version).run();
  try {
    const [image] = compile(core, knobs, [jitInput(encode(steps))], new FakeImages([0xffffffffc0000000n]));
    assert.ok(want !== null, 'the model refuses the program');
    assert.deepEqual([...image.offsets], want.offsets);
    assert.equal(image.passes, want.passes);
    return image.passes;
  } catch (error) {
    if (!(error instanceof JitError) || want !== null) throw error;
    return 0;
  }
}

describe('passes over branches alone are the passes over all instructions', () => {
  for (const version of ['6.12', '6.1', '5.5'] as const) {
    it(`random programs, ${version}`, () => {
      let most = 0;
      fc.assert(
        fc.property(program, (steps) => {
          most = Math.max(most, check(steps, version));
        }),
        { numRuns: 300 },
      );
      assert.ok(most >= 5, `no program took more than ${most} passes`);
    });

    it(`a cascade of branches that shrink one after the other, ${version}`, () => {
      const gap = SHORT_MAX[version] - COMPARE - 2;
      assert.equal(check(cascade(5, gap), version), 8);
      // Beyond pass 15 branches keep their size; 5.5, which does not pad, never comes to an end.
      assert.equal(check(cascade(30, gap), version), version === '5.5' ? 0 : 17);
    });
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VerifierError } from '../../host/verifier/verifier-error.js';
import { RegType } from '../../host/verifier/reg-type.js';
import { InsnStream, LD_IMM64, NO_TARGET } from '../../host/verifier/rewrite/stream.js';
import { type RewriteCase, rewriteCase } from '../support/rewriting.js';

const INSN = 8;
const EXIT = [0x95, 0, 0, 0, 0, 0, 0, 0];
const RUNS = 300;

/** Instructions that rewrites replace, in all lengths, and branches over them. */
const plain = fc.constantFrom<readonly number[]>(
  [0x3f, 0x10, 0, 0, 0, 0, 0, 0], // r0 /= r1
  [0x9c, 0x10, 1, 0, 0, 0, 0, 0], // w0 s%= w1
  [0x85, 0, 0, 0, 8, 0, 0, 0], // call get_smp_processor_id
  [0x85, 0, 0, 0, 118, 0, 0, 0], // call jiffies64
  [0x50, 0x70, 0, 0, 4, 0, 0, 0], // r0 = *(u8 *)skb[r7 + 4]
  [0x61, 0x10, 0, 0, 0, 0, 0, 0], // r0 = *(u32 *)(r1 +0)
  [0xb7, 0, 0, 0, 1, 0, 0, 0], // r0 = 1
  [0x18, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0], // r2 = 0x200000001 ll
);
const branch = fc.record({ code: fc.constantFrom(0x05, 0x15, 0x56, 0xa5), to: fc.nat() });

interface Program {
  readonly insns: Uint8Array;
  readonly dead: readonly number[];
}

/** Any mix of the above with branches to starts of instructions, ended by an exit. */
const programs: fc.Arbitrary<Program> = fc
  .tuple(fc.array(fc.oneof(plain, branch), { maxLength: 40 }), fc.array(fc.nat(), { maxLength: 5 }))
  .map(([parts, dead]) => {
    const starts: number[] = [];
    let slots = 0;
    for (const part of parts) {
      starts.push(slots);
      slots += 'code' in part ? 1 : part.length / INSN;
    }
    starts.push(slots);
    const bytes = parts.flatMap((part, index) => {
      if (!('code' in part)) return [...part];
      const off = starts[part.to % starts.length] - starts[index] - 1;
      return [part.code, 0, off & 0xff, (off >> 8) & 0xff, 0, 0, 0, 0];
    });
    return {
      insns: Uint8Array.from([...bytes, ...EXIT]),
      dead: dead.map((at) => starts[at % starts.length]),
    };
  });

const caseOf = ({ insns, dead }: Program): RewriteCase => ({
  before: 'exit',
  spec: { insns },
  facts: (aux) => {
    for (const at of dead) aux.seen[at] = 0;
    aux.seen[0] = 1;
    for (let at = 0; at < aux.length; at++) if (insns[at * INSN] === 0x61) aux.pointerType[at] = RegType.CTX;
  },
});

test('rewritten branches lead to the start of what they led to, or to what replaced it', () => {
  fc.assert(
    fc.property(programs, (program) => {
      let verified;
      try {
        verified = rewriteCase({ ...caseOf({ ...program, dead: [] }) });
      } catch (error) {
        assert(error instanceof VerifierError, String(error));
        return;
      }
      const before = InsnStream.parse(program.insns);
      const after = InsnStream.parse(verified.insns);
      const { origin } = verified;
      for (let at = 1; at < after.length; at++) assert.ok(origin[at] >= origin[at - 1]);
      for (let at = 0; at < after.length; at++) {
        const target = after.target[at];
        if (after.code[at] === LD_IMM64) at++;
        if (target === NO_TARGET) continue;
        assert.ok(target >= 0 && target <= after.length);
        const wanted = before.target[origin[at]];
        const isOwn = after.code[at] === before.code[origin[at]] && wanted !== NO_TARGET;
        if (isOwn) assert.equal(target, firstFrom(origin, wanted));
      }
    }),
    { numRuns: RUNS },
  );
});

/** First slot that came from this one or, when it is gone, from the next that is left. */
function firstFrom(origin: Int32Array, slot: number): number {
  const found = origin.findIndex((from) => from >= slot);
  return found < 0 ? origin.length : found;
}

test('whatever is found dead, what is left leads only to itself', () => {
  fc.assert(
    fc.property(programs, fc.boolean(), (program, privileged) => {
      let verified;
      try {
        verified = rewriteCase({ ...caseOf(program), privileged });
      } catch (error) {
        assert(error instanceof VerifierError, String(error));
        return;
      }
      assert.equal(verified.insns.length, verified.xlated.length);
      assert.equal(verified.origin.length * INSN, verified.insns.length);
      const after = InsnStream.parse(verified.insns);
      for (let at = 0; at < after.length; at++) {
        if (after.target[at] === NO_TARGET) continue;
        assert.ok(after.target[at] >= 0 && after.target[at] <= after.length);
      }
    }),
    { numRuns: RUNS },
  );
});

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { basicBlocks } from '../../../host/wasm/flow-graph.js';
import { Insn } from '../../../host/wasm/insn.js';
import { translateProgram } from '../../../host/wasm/module.js';
import { CONTEXT, Provenance, provenance } from '../../../host/wasm/provenance.js';
import { code, insn } from '../../support/interp.js';
import { bodiesOf, type WasmOp } from '../../support/wasm-code.js';
import { BothEngines } from '../../support/wasm.js';

const EXIT = insn(0x95);
const I64_LOAD = 0x29;
const I64_LT_U = 0x54;
const I64_GE_U = 0x5a;
const UNREACHABLE = 0;
/** Functions of every module in front of the program's: translate, trap, log. */
const HELPERS = 3;
const TRAP = 1;

describe('what generated code consists of', () => {
  let both: BothEngines;
  before(async () => {
    both = await BothEngines.create();
  });
  const bodyOf = (verified: boolean, ...parts: Uint8Array[]): WasmOp[] => {
    const source = { insns: code(...parts), functions: [{ start: 0, stackDepth: 8 }], arena: null };
    const options = { handle: 1, addresses: [0n], raw: false, verified, gate: () => 0 };
    return bodiesOf(translateProgram(both.wasm.environment, source, options))[HELPERS];
  };
  const count = (body: readonly WasmOp[], ...opcodes: number[]): number =>
    body.filter(({ opcode }) => opcodes.includes(opcode)).length;
  /** `body` sixteen times over R1, which moves on by `step`. */
  const loop = (step: Uint8Array, ...body: Uint8Array[]): Uint8Array[] => [
    insn(0xb7, 9, 0, 0, 16),
    ...body,
    step,
    insn(0x17, 9, 0, 0, 1),
    insn(0x55, 9, 0, -(body.length + 3)),
    EXIT,
  ];
  const NEXT = insn(0x07, 1, 0, 0, 8);
  const CHASE = insn(0x39, 1, 1, 0);

  for (const [name, parts] of [
    ['in a loop', loop(NEXT, insn(0x39, 0, 1, 8))],
    ['of a pointer chase', loop(insn(0xbf, 0, 1), CHASE)],
    ['once', [insn(0x39, 0, 1, 8), EXIT]],
  ] as const)
    it(`a PROBE load ${name} calls nothing but what ends the run for lack of steps`, () => {
      const body = bodyOf(true, ...parts);
      const calls = body.flatMap(({ opcode, callee }, at) => (opcode === 0x10 ? [{ callee, at }] : []));
      for (const { callee, at } of calls) {
        assert.equal(callee, TRAP);
        assert.equal(body[at + 1].opcode, UNREACHABLE);
      }
      assert.equal(calls.length, name === 'once' ? 0 : 1);
      assert.ok(count(body, I64_LOAD) > 1);
    });

  it('a round compares the first and the last address of all its accesses', () => {
    const loads = [0, 8, 16, 24].map((off) => insn(0x79, 0, 1, off));
    const one = bodyOf(false, ...loop(NEXT, ...loads.slice(0, 1)));
    const four = bodyOf(false, ...loop(NEXT, ...loads));
    /** Checks of the copy without guards, one for each load. */
    const ROUNDS_OF_ONE = 8;
    const ROUNDS_OF_FOUR = 8;
    assert.equal(count(one, I64_LT_U), 2 + ROUNDS_OF_ONE);
    assert.equal(count(four, I64_LT_U), 2 + 4 * ROUNDS_OF_FOUR);
  });

  it('an access inside the frame at an index that is bounded needs no check', () => {
    const access = [
      insn(0xbf, 2, 9),
      insn(0x57, 2, 0, 0, 56),
      insn(0xbf, 3, 10),
      insn(0x0f, 3, 2),
      insn(0x79, 0, 3, -64),
    ];
    const inside = bodyOf(false, ...loop(NEXT, ...access));
    assert.equal(count(inside, I64_LT_U, I64_GE_U), 0);
    const outside = bodyOf(false, ...loop(NEXT, ...access.slice(0, 4), insn(0x79, 0, 3, -56)));
    assert.ok(count(outside, I64_LT_U, I64_GE_U) > 0);
  });
});

describe('a context pointer in the frame', () => {
  const SPILL = insn(0x7b, 10, 1, -16);
  const FILL = insn(0x79, 2, 10, -16);
  const CALL = insn(0x85, 0, 0, 0, 7);
  const cases: [string, Uint8Array[], boolean, boolean?][] = [
    ['comes back', [SPILL, FILL], true],
    ['comes back through a copy of R10', [insn(0xbf, 3, 10), insn(0x7b, 3, 1, -16), FILL], true],
    ['survives a store beside it', [SPILL, insn(0x7a, 10, 0, -8), insn(0x7a, 10, 0, -24), FILL], true],
    ['survives a store through the context', [SPILL, insn(0x7a, 1, 0, -16), FILL], true],
    ['is gone behind a store over it', [SPILL, insn(0x7a, 10, 0, -16), FILL], false],
    ['is gone behind a byte over it', [SPILL, insn(0x72, 10, 0, -9), FILL], false],
    ['is gone behind a store across two places', [SPILL, insn(0x7a, 10, 0, -12), FILL], false],
    ['is gone behind a store through an unknown pointer', [SPILL, insn(0x7a, 5, 0, 0), FILL], false],
    ['is not half of it', [SPILL, insn(0x61, 2, 10, -16)], false],
    ['is not beside it', [SPILL, insn(0x79, 2, 10, -8)], false],
    ['survives a helper', [SPILL, CALL, FILL], true, true],
    ['is gone behind a call where functions are', [SPILL, CALL, FILL], false, false],
    ['is no other pointer', [insn(0x7b, 10, 5, -16), FILL], false],
  ];
  for (const [name, parts, want, keepsSpills = true] of cases)
    it(name, () => {
      const insns = code(...parts, EXIT);
      const view = new DataView(insns.buffer);
      const start = new Provenance(keepsSpills);
      start.set(1, CONTEXT);
      const { nodes } = basicBlocks(view, 0, insns.length / 8);
      const state = (provenance(view, nodes, start).get(0) as Provenance).copy();
      for (let slot = 0; slot < parts.length; slot++) state.apply(new Insn(view).at(slot));
      assert.equal(state.kind(2) === CONTEXT, want);
    });
});

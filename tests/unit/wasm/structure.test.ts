import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByteWriter } from '../../../host/wasm/byte-writer.js';
import { CodeWriter } from '../../../host/wasm/code-writer.js';
import { orderOf } from '../../../host/wasm/dominators.js';
import { basicBlocks, type FlowNode } from '../../../host/wasm/flow-graph.js';
import { isReducible, makeReducible } from '../../../host/wasm/reducible.js';
import { planSteps } from '../../../host/wasm/steps.js';
import { unrollLoops } from '../../../host/wasm/unroll.js';
import { code, insn, ldImm64 } from '../../support/interp.js';

describe('numbers in LEB128', () => {
  const cases: [string, (out: ByteWriter) => void, string][] = [
    ['u32 0', (out) => out.u32(0), '00'],
    ['u32 127', (out) => out.u32(127), '7f'],
    ['u32 128', (out) => out.u32(128), '8001'],
    ['u32 2^32 - 1', (out) => out.u32(0xffffffff), 'ffffffff0f'],
    ['s32 63', (out) => out.s32(63), '3f'],
    ['s32 64', (out) => out.s32(64), 'c000'],
    ['s32 -1', (out) => out.s32(-1), '7f'],
    ['s32 -2^31', (out) => out.s32(-0x80000000), '8080808078'],
    ['s64 -1', (out) => out.s64(-1, -1), '7f'],
    ['s64 2^31', (out) => out.s64(-0x80000000, 0), '8080808008'],
    ['s64 2^63 - 1', (out) => out.s64(-1, 0x7fffffff), 'ffffffffffffffffff00'],
    ['s64 -2^63', (out) => out.s64(0, -0x80000000), '8080808080808080807f'],
  ];
  for (const [name, write, want] of cases)
    it(name, () => {
      const out = new ByteWriter();
      write(out);
      assert.equal(Buffer.from(out.view()).toString('hex'), want);
    });
});

describe('a local that is read right behind its local.set', () => {
  const cases: [string, (out: CodeWriter) => void, string][] = [
    ['once', (out) => out.get(3), '2203'],
    ['twice', (out) => (out.get(3), out.get(3)), '22032003'],
    ['is another one', (out) => out.get(4), '21032004'],
    ['behind an end', (out) => (out.u8(0x0b), out.get(3)), '21030b2003'],
  ];
  for (const [name, write, want] of cases)
    it(name, () => {
      const out = new CodeWriter();
      out.set(3);
      write(out);
      assert.equal(Buffer.from(out.view()).toString('hex'), want);
    });
});

const viewOf = (insns: Uint8Array): DataView => new DataView(insns.buffer);

it('blocks end at jumps and before their targets; a wide load is one instruction', () => {
  const insns = code(
    insn(0x15, 1, 0, 3),
    ldImm64(0, 0x9595959595959595n),
    insn(0x05, 0, 0, 1),
    insn(0xb7, 0),
    insn(0x95),
  );
  const { nodes } = basicBlocks(viewOf(insns), 0, insns.length / 8);
  assert.deepEqual(
    nodes.map(({ start, end, edges }) => [start, end, edges.map(({ to }) => nodes[to].start)]),
    [
      [0, 1, [4, 1]],
      [1, 4, [5]],
      [4, 5, [5]],
      [5, 6, []],
    ],
  );
});

/** A graph from lists of successors; every node has `size` slots. */
const graph = (successors: number[][], size = 1): FlowNode[] =>
  successors.map((to, index) => ({
    kind: 'code',
    start: index * size,
    end: (index + 1) * size,
    edges: to.map((node) => ({ to: node, label: -1 })),
  }));

describe('cycles with several ways in', () => {
  const cases: { name: string; successors: number[][]; dispatchers: number[][] }[] = [
    { name: 'a loop', successors: [[1], [2], [1, 3], []], dispatchers: [] },
    { name: 'two ways in', successors: [[1, 2], [2, 3], [1], []], dispatchers: [[1, 2]] },
    {
      name: 'only the inner cycle',
      successors: [[1], [2, 3], [3, 4], [2], [1, 5], []],
      dispatchers: [[2, 3]],
    },
    {
      name: 'beside a plain loop',
      successors: [[1], [1, 2], [3, 4], [4], [3, 5], []],
      dispatchers: [[3, 4]],
    },
  ];
  for (const { name, successors, dispatchers } of cases)
    it(name, () => {
      const nodes = graph(successors);
      assert.equal(isReducible(nodes, 0), dispatchers.length === 0);
      makeReducible(nodes, 0);
      assert.ok(isReducible(nodes, 0));
      const made = nodes.slice(successors.length);
      assert.deepEqual(
        made.map(({ kind, edges }) => [kind, edges.map(({ to }) => to).sort()]),
        dispatchers.map((entries) => ['dispatch', entries]),
      );
      // Edges that lead elsewhere are untouched.
      const entries = new Set(dispatchers.flat());
      nodes.slice(0, successors.length).forEach(({ edges }, from) =>
        edges.forEach(({ to, label }, at) => {
          if (entries.has(successors[from][at]))
            assert.equal(nodes[to].edges[label].to, successors[from][at]);
          else assert.deepEqual([to, label], [successors[from][at], -1]);
        }),
      );
    });
});

describe('counting steps', () => {
  const shapes: [string, number[][]][] = [
    ['a straight line', [[1], [2], []]],
    ['a choice', [[1, 2], [3], [3], []]],
    ['a loop', [[1], [2], [1, 3], []]],
    ['a loop with a choice', [[1], [2, 3], [4], [4], [1, 5], []]],
    ['nested loops', [[1], [2], [2, 3], [1, 4], []]],
    ['two loops after each other', [[1], [1, 2], [2, 3], []]],
    ['a loop left in the middle', [[1], [2, 4], [3, 4], [1], []]],
  ];
  for (const [name, successors] of shapes)
    for (const unrolled of [false, true])
      it(`${name}${unrolled ? ', unrolled' : ''}: the debt is the difference everywhere`, () => {
        const nodes = graph(successors, 3);
        if (unrolled) unrollLoops(nodes, 0);
        const order = orderOf(nodes, 0);
        const counts = Int32Array.from(nodes, ({ start, end }) => end - start);
        const plan = planSteps(nodes, 0, order, counts);
        for (let way = 0; way < 64; way++) {
          let executed = 0;
          let paid = 0;
          let node = 0;
          for (let step = 0; step < 200; step++) {
            paid += plan.payment[node];
            assert.equal(executed - paid, plan.debt[node]);
            executed += counts[node];
            const { edges } = nodes[node];
            if (edges.length === 0) break;
            const edge = edges[(way >> (step % 6)) & 1 & (edges.length - 1)];
            paid += plan.due(node, edge);
            node = edge.to;
          }
        }
        const straight = successors.every((to) => to.length < 2);
        if (straight) assert.ok(plan.payment.every((payment) => payment === 0));
      });
});

import { orderOf } from './dominators.js';
import type { FlowNode } from './flow-graph.js';
import { innermostLoops } from './loops.js';

/** Slots of the largest loops, and how many rounds of them stand behind each other, so that counting steps costs less. */
const SIZES: readonly { readonly slots: number; readonly rounds: number }[] = [
  { slots: 8, rounds: 8 },
  { slots: 32, rounds: 4 },
];

/** Repeats the bodies of small innermost loops of a reducible graph. Nodes are added at the end. */
export function unrollLoops(nodes: FlowNode[], root: number): void {
  for (const { header, body, slots } of innermostLoops(nodes, orderOf(nodes, root))) {
    const size = SIZES.find((each) => slots <= each.slots);
    if (size) repeat(nodes, header, body, size.rounds);
  }
}

function repeat(nodes: FlowNode[], header: number, members: readonly number[], rounds: number): void {
  const base = nodes.length;
  const place = new Map(members.map((node, at) => [node, at]));
  /** Where a node of the body stands in a round; round 0 is the loop itself. */
  const inRound = (node: number, round: number): number =>
    round % rounds === 0
      ? node
      : base + ((round % rounds) - 1) * members.length + (place.get(node) as number);
  for (let round = 1; round < rounds; round++)
    for (const node of members)
      nodes.push({
        ...nodes[node],
        edges: nodes[node].edges.map(({ to, label }) => ({
          to: to === header ? inRound(header, round + 1) : place.has(to) ? inRound(to, round) : to,
          label,
        })),
      });
  for (const node of members)
    for (const edge of nodes[node].edges) if (edge.to === header) edge.to = inRound(header, 1);
}

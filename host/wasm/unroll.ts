import { orderOf } from './dominators.js';
import type { FlowNode } from './flow-graph.js';

/** Slots of the largest loops, and how many rounds of them stand behind each other, so that counting steps costs less. */
const SIZES: readonly { readonly slots: number; readonly rounds: number }[] = [
  { slots: 8, rounds: 8 },
  { slots: 32, rounds: 4 },
];

/** Repeats the bodies of small innermost loops of a reducible graph. Nodes are added at the end. */
export function unrollLoops(nodes: FlowNode[], root: number): void {
  const { order, position, predecessors } = orderOf(nodes, root);
  const isHeader = (node: number): boolean =>
    predecessors[node].some((from) => position[from] >= position[node]);
  for (const header of order) {
    if (!isHeader(header)) continue;
    const body = loopBody(header, predecessors, position);
    let slots = 0;
    for (const node of body) slots += nodes[node].end - nodes[node].start;
    const isInnermost = [...body].every((node) => node === header || !isHeader(node));
    const size = SIZES.find((each) => slots <= each.slots);
    if (isInnermost && size) repeat(nodes, header, body, size.rounds);
  }
}

function loopBody(
  header: number,
  predecessors: readonly (readonly number[])[],
  position: Int32Array,
): Set<number> {
  const body = new Set([header]);
  const work = predecessors[header].filter((from) => position[from] >= position[header]);
  for (let node = work.pop(); node !== undefined; node = work.pop()) {
    if (body.has(node)) continue;
    body.add(node);
    work.push(...predecessors[node].filter((from) => position[from] >= 0));
  }
  return body;
}

function repeat(nodes: FlowNode[], header: number, body: ReadonlySet<number>, rounds: number): void {
  const members = [...body];
  const base = nodes.length;
  /** Where a node of the body stands in a round; round 0 is the loop itself. */
  const inRound = (node: number, round: number): number =>
    round % rounds === 0 ? node : base + ((round % rounds) - 1) * members.length + members.indexOf(node);
  for (let round = 1; round < rounds; round++)
    for (const node of members)
      nodes.push({
        ...nodes[node],
        edges: nodes[node].edges.map(({ to, label }) => ({
          to: to === header ? inRound(header, round + 1) : body.has(to) ? inRound(to, round) : to,
          label,
        })),
      });
  for (const node of members)
    for (const edge of nodes[node].edges) if (edge.to === header) edge.to = inRound(header, 1);
}

import { orderOf } from './dominators.js';
import type { FlowNode } from './flow-graph.js';

/** Rounds that stand behind each other, so that counting steps costs a fraction of them. */
const ROUNDS = 4;
/** Slots of the largest loop that is worth it. */
const LARGEST = 32;

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
    if (isInnermost && slots <= LARGEST) repeat(nodes, header, body);
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

function repeat(nodes: FlowNode[], header: number, body: ReadonlySet<number>): void {
  const members = [...body];
  const base = nodes.length;
  /** Where a node of the body stands in a round; round 0 is the loop itself. */
  const inRound = (node: number, round: number): number =>
    round % ROUNDS === 0 ? node : base + ((round % ROUNDS) - 1) * members.length + members.indexOf(node);
  for (let round = 1; round < ROUNDS; round++)
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

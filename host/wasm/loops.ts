import type { Order } from './dominators.js';
import type { FlowNode } from './flow-graph.js';

/** A loop of a reducible graph that no other loop lies in. */
export interface Loop {
  readonly header: number;
  /** Its nodes, the header first, in reverse postorder. */
  readonly body: readonly number[];
  /** Nodes of the body that go back to the header. */
  readonly latches: readonly number[];
  readonly slots: number;
}

export function innermostLoops(nodes: readonly FlowNode[], { order, position, predecessors }: Order): Loop[] {
  const latchesOf = (node: number): number[] =>
    predecessors[node].filter((from) => position[from] >= position[node]);
  const loops: Loop[] = [];
  for (const header of order) {
    const latches = latchesOf(header);
    if (latches.length === 0) continue;
    const body = new Set([header]);
    const work = [...latches];
    for (let node = work.pop(); node !== undefined; node = work.pop()) {
      if (body.has(node)) continue;
      body.add(node);
      work.push(...predecessors[node].filter((from) => position[from] >= 0));
    }
    const members = [...body].sort((a, b) => position[a] - position[b]);
    if (members.some((node) => node !== header && latchesOf(node).length > 0)) continue;
    const slots = members.reduce((sum, node) => sum + nodes[node].end - nodes[node].start, 0);
    loops.push({ header, body: members, latches, slots });
  }
  return loops;
}

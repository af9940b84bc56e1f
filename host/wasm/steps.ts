import type { Order } from './dominators.js';
import type { Edge, FlowNode } from './flow-graph.js';

/**
 * Where a function counts its steps. The fuel local lags behind the truth by a debt that is known everywhere, so that
 * a path through a loop pays once: at the loop's head, for a whole round. Where paths of different length meet, the
 * edges make up the difference.
 */
export interface StepPlan {
  /** Debt at the start of each node, after its payment. */
  readonly debt: Int32Array;
  /** What a node pays at its start: a round of the loop that it heads. */
  readonly payment: Int32Array;
  /** What an edge pays; negative = gives back. */
  due(from: number, edge: Edge): number;
}

/** `counts` are the instructions of each node. */
export function planSteps(
  nodes: readonly FlowNode[],
  root: number,
  order: Order,
  counts: Int32Array,
): StepPlan {
  const { position, predecessors } = order;
  const parent = new Int32Array(nodes.length).fill(-1);
  const latch = new Int32Array(nodes.length).fill(-1);
  for (const node of order.order)
    for (const from of predecessors[node]) {
      if (position[from] < position[node]) {
        if (parent[node] < 0 || position[from] > position[parent[node]]) parent[node] = from;
      } else if (latch[node] < 0 || position[from] > position[latch[node]]) latch[node] = from;
    }
  const payment = new Int32Array(nodes.length);
  // Inner loops first: a round of the outer one is the path without what they pay for.
  for (let at = order.order.length - 1; at >= 0; at--) {
    const head = order.order[at];
    if (latch[head] < 0) continue;
    let round = counts[head];
    for (let node = latch[head]; node !== head; node = parent[node]) round += counts[node] - payment[node];
    payment[head] = round;
  }
  const debt = new Int32Array(nodes.length);
  const before = new Int32Array(nodes.length);
  for (const node of order.order) {
    before[node] = node === root ? 0 : debt[parent[node]] + counts[parent[node]];
    debt[node] = before[node] - payment[node];
  }
  return {
    debt,
    payment,
    due: (from, { to }) => debt[from] + counts[from] - before[to],
  };
}

import type { FlowNode } from './flow-graph.js';

/** Order and dominance of the nodes that the first node reaches. */
export interface Order {
  /** Nodes in reverse postorder. */
  readonly order: Int32Array;
  /** Position of each node in `order`; -1 = not reached. */
  readonly position: Int32Array;
  /** Immediate dominator of each node. */
  readonly dominator: Int32Array;
  /** Predecessors of each node, once per edge. */
  readonly predecessors: readonly (readonly number[])[];
}

/** Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm. */
export function orderOf(nodes: readonly FlowNode[], root: number): Order {
  const order = reversePostorder(nodes, root);
  const position = new Int32Array(nodes.length).fill(-1);
  order.forEach((node, at) => (position[node] = at));
  const predecessors: number[][] = nodes.map(() => []);
  for (const node of order) for (const { to } of nodes[node].edges) predecessors[to].push(node);
  const dominator = new Int32Array(nodes.length).fill(-1);
  dominator[root] = root;
  for (let changed = true; changed;) {
    changed = false;
    for (const node of order) {
      if (node === root) continue;
      let found = -1;
      for (const from of predecessors[node]) {
        if (dominator[from] < 0) continue;
        found = found < 0 ? from : common(dominator, position, from, found);
      }
      if (dominator[node] !== found) {
        dominator[node] = found;
        changed = true;
      }
    }
  }
  return { order, position, dominator, predecessors };
}

function common(dominator: Int32Array, position: Int32Array, a: number, b: number): number {
  while (a !== b) {
    while (position[a] > position[b]) a = dominator[a];
    while (position[b] > position[a]) b = dominator[b];
  }
  return a;
}

function reversePostorder(nodes: readonly FlowNode[], root: number): Int32Array {
  const seen = new Uint8Array(nodes.length);
  const next = new Int32Array(nodes.length);
  const path = [root];
  const post: number[] = [];
  seen[root] = 1;
  while (path.length > 0) {
    const node = path[path.length - 1];
    const { edges } = nodes[node];
    // The last edge first: what a jump falls through to comes right behind it.
    const left = edges.length - 1 - next[node]++;
    if (left < 0) {
      post.push(node);
      path.pop();
    } else if (seen[edges[left].to] === 0) {
      seen[edges[left].to] = 1;
      path.push(edges[left].to);
    }
  }
  return Int32Array.from(post.reverse());
}

/** Whether `a` dominates `b`. */
export function dominates({ position, dominator }: Order, a: number, b: number): boolean {
  while (position[b] > position[a]) b = dominator[b];
  return a === b;
}

/** Nodes that lie on a cycle: 1 each. */
export function nodesInLoops(order: Order): Uint8Array {
  const inside = new Uint8Array(order.position.length);
  const mark = new Int32Array(order.position.length).fill(-1);
  for (const header of order.order) {
    const work: number[] = [];
    for (const from of order.predecessors[header])
      if (order.position[from] >= order.position[header] && mark[from] !== header) {
        mark[from] = header;
        work.push(from);
      }
    if (work.length === 0) continue;
    mark[header] = header;
    inside[header] = 1;
    for (let node = work.pop(); node !== undefined; node = work.pop()) {
      inside[node] = 1;
      if (node === header) continue;
      for (const from of order.predecessors[node])
        if (mark[from] !== header && order.position[from] >= 0) {
          mark[from] = header;
          work.push(from);
        }
    }
  }
  return inside;
}

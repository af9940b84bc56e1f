import { dominates, orderOf } from './dominators.js';
import type { FlowNode } from './flow-graph.js';

/** Whether every cycle has one way in. */
export function isReducible(nodes: readonly FlowNode[], root: number): boolean {
  const order = orderOf(nodes, root);
  for (const from of order.order)
    for (const { to } of nodes[from].edges)
      if (order.position[to] <= order.position[from] && !dominates(order, to, from)) return false;
  return true;
}

/**
 * Gives each cycle that has several ways in a dispatcher as its only one. Only edges to those entries change; nodes
 * are added at the end.
 */
export function makeReducible(nodes: FlowNode[], root: number): void {
  if (isReducible(nodes, root)) return;
  const work: number[][] = [reachable(nodes, root)];
  for (let region = work.pop(); region !== undefined; region = work.pop()) {
    for (const cycle of cycles(nodes, region)) {
      const members = new Set(cycle);
      const entries = entriesOf(nodes, members, root);
      let header = entries[0];
      if (entries.length > 1) {
        header = nodes.length;
        redirect(nodes, entries, header);
        nodes.push({
          kind: 'dispatch',
          start: 0,
          end: 0,
          edges: entries.map((to) => ({ to, label: -1 })),
        });
      }
      work.push(cycle.filter((node) => node !== header));
    }
  }
}

function redirect(nodes: readonly FlowNode[], entries: readonly number[], dispatcher: number): void {
  const label = new Map(entries.map((node, index) => [node, index]));
  for (const { edges } of nodes)
    for (const edge of edges) {
      const index = label.get(edge.to);
      if (index === undefined) continue;
      edge.to = dispatcher;
      edge.label = index;
    }
}

function entriesOf(nodes: readonly FlowNode[], members: ReadonlySet<number>, root: number): number[] {
  const entries = new Set<number>();
  if (members.has(root)) entries.add(root);
  nodes.forEach(({ edges }, from) => {
    if (members.has(from)) return;
    for (const { to } of edges) if (members.has(to)) entries.add(to);
  });
  return [...entries];
}

function reachable(nodes: readonly FlowNode[], root: number): number[] {
  const seen = new Set([root]);
  for (const node of seen) for (const { to } of nodes[node].edges) seen.add(to);
  return [...seen];
}

/** Strongly connected components with a cycle, of the graph restricted to `region` (Tarjan, without recursion). */
function cycles(nodes: readonly FlowNode[], region: readonly number[]): number[][] {
  const inside = new Set(region);
  const index = new Map<number, number>();
  const low = new Map<number, number>();
  const onStack = new Set<number>();
  const stack: number[] = [];
  const found: number[][] = [];
  for (const first of region) {
    if (index.has(first)) continue;
    const path: { node: number; edge: number }[] = [{ node: first, edge: 0 }];
    while (path.length > 0) {
      const top = path[path.length - 1];
      const { node } = top;
      if (top.edge === 0) {
        index.set(node, index.size);
        low.set(node, index.get(node)!);
        stack.push(node);
        onStack.add(node);
      }
      const edge = nodes[node].edges[top.edge++];
      if (edge !== undefined) {
        if (!inside.has(edge.to)) continue;
        if (!index.has(edge.to)) path.push({ node: edge.to, edge: 0 });
        else if (onStack.has(edge.to)) low.set(node, Math.min(low.get(node)!, index.get(edge.to)!));
        continue;
      }
      path.pop();
      const parent = path[path.length - 1];
      if (parent) low.set(parent.node, Math.min(low.get(parent.node)!, low.get(node)!));
      if (low.get(node) !== index.get(node)) continue;
      const component: number[] = [];
      for (let member = -1; member !== node;) {
        member = stack.pop()!;
        onStack.delete(member);
        component.push(member);
      }
      if (component.length > 1 || nodes[node].edges.some(({ to }) => to === node)) found.push(component);
    }
  }
  return found;
}

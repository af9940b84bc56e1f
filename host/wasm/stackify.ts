import type { ByteWriter } from './byte-writer.js';
import type { Order } from './dominators.js';
import type { Edge, FlowNode } from './flow-graph.js';
import { BLOCK, BR, BR_IF, BR_TABLE, ELSE, END, I32_EQZ, IF, LOOP, VOID } from './opcodes.js';

/** What a node's instructions become. */
export interface NodeCode {
  /** Everything but the jump at the end. */
  body(node: FlowNode, index: number): void;
  /** Puts whether the jump is taken on the stack. */
  condition(node: FlowNode, index: number): void;
  /** Whether an edge does something on the way. */
  isBusy(from: number, edge: Edge): boolean;
  along(from: number, edge: Edge): void;
  getLabel(): void;
}

type Task =
  | { readonly kind: 'tree'; readonly node: number }
  | { readonly kind: 'within'; readonly node: number; readonly children: readonly number[]; at: number }
  | { readonly kind: 'edge'; readonly from: number; readonly edge: Edge }
  | { readonly kind: 'else' }
  | { readonly kind: 'end' };

/**
 * Writes a reducible graph as nested blocks and loops: a node that several edges reach forwards comes behind a block,
 * a node that edges reach backwards begins a loop (Ramsey, Beyond Relooper, ICFP 2022; here without recursion).
 */
export function stackify(
  out: ByteWriter,
  nodes: readonly FlowNode[],
  root: number,
  order: Order,
  code: NodeCode,
): void {
  const { position, dominator, predecessors } = order;
  const isBackward = (from: number, to: number): boolean => position[from] >= position[to];
  const isHeader = (node: number): boolean => predecessors[node].some((from) => isBackward(from, node));
  const isMerge = new Uint8Array(nodes.length);
  const children: number[][] = nodes.map(() => []);
  for (const node of order.order) {
    const forward = predecessors[node].filter((from) => !isBackward(from, node)).length;
    if (forward < 2) continue;
    isMerge[node] = 1;
    children[dominator[node]].push(node);
  }
  // Heights of the labels that are open: where a branch to a node goes.
  const blockHeight = new Int32Array(nodes.length).fill(-1);
  const loopHeight = new Int32Array(nodes.length).fill(-1);
  let height = 0;
  const open = (opcode: number): void => {
    out.op(opcode, VOID);
    height++;
  };
  const depthOf = (from: number, to: number): number =>
    height - 1 - (isBackward(from, to) ? loopHeight[to] : blockHeight[to]);
  const isJump = (from: number, to: number): boolean => isBackward(from, to) || isMerge[to] === 1;

  const tasks: Task[] = [{ kind: 'tree', node: root }];
  for (let task = tasks.pop(); task !== undefined; task = tasks.pop())
    switch (task.kind) {
      case 'end':
        out.u8(END);
        height--;
        break;
      case 'else':
        out.u8(ELSE);
        break;
      case 'tree': {
        const { node } = task;
        if (isHeader(node)) {
          loopHeight[node] = height;
          open(LOOP);
          tasks.push({ kind: 'end' });
        }
        // The last one in order stands in the outermost block.
        const merges = children[node].sort((a, b) => position[b] - position[a]);
        tasks.push({ kind: 'within', node, children: merges, at: 0 });
        break;
      }
      case 'within': {
        const { node, children: merges } = task;
        for (let at = 0; at < merges.length; at++) {
          blockHeight[merges[at]] = height;
          open(BLOCK);
          tasks.push({ kind: 'tree', node: merges[at] }, { kind: 'end' });
        }
        finish(node);
        break;
      }
      case 'edge':
        follow(task.from, task.edge);
        break;
    }

  /** The node itself and the way on; tasks are done in reverse. */
  function finish(index: number): void {
    const node = nodes[index];
    code.body(node, index);
    const { edges } = node;
    if (node.kind === 'dispatch') return dispatch(index);
    if (edges.length === 1) tasks.push({ kind: 'edge', from: index, edge: edges[0] });
    if (edges.length !== 2) return;
    const [taken, other] = edges;
    code.condition(node, index);
    if (isJump(index, taken.to) && !code.isBusy(index, taken)) {
      out.u8(BR_IF);
      out.u32(depthOf(index, taken.to));
      tasks.push({ kind: 'edge', from: index, edge: other });
    } else if (isJump(index, other.to) && !code.isBusy(index, other)) {
      out.op(I32_EQZ, BR_IF);
      out.u32(depthOf(index, other.to));
      tasks.push({ kind: 'edge', from: index, edge: taken });
    } else {
      open(IF);
      tasks.push(
        { kind: 'end' },
        { kind: 'edge', from: index, edge: other },
        { kind: 'else' },
        { kind: 'edge', from: index, edge: taken },
      );
    }
  }

  function dispatch(index: number): void {
    const { edges } = nodes[index];
    for (let at = 0; at < edges.length; at++) open(BLOCK);
    code.getLabel();
    out.u8(BR_TABLE);
    out.u32(edges.length - 1);
    for (let at = 0; at < edges.length; at++) out.u32(at);
    for (let at = edges.length - 1; at >= 0; at--)
      tasks.push({ kind: 'edge', from: index, edge: edges[at] }, { kind: 'end' });
  }

  function follow(from: number, edge: Edge): void {
    code.along(from, edge);
    if (isJump(from, edge.to)) {
      out.u8(BR);
      out.u32(depthOf(from, edge.to));
    } else tasks.push({ kind: 'tree', node: edge.to });
  }
}

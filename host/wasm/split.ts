import type { Blocks, Edge, FlowNode } from './flow-graph.js';

/** A piece of a function that runs on its own: it takes registers from the state record and leaves them there. */
export interface Part {
  readonly nodes: FlowNode[];
  /** Dispatcher that the part begins with. */
  readonly root: number;
}

/** Bits of an entry's number; above stands the part's. */
export const ENTRY_BITS = 16;

/** Cuts a function's blocks into parts of about `slots` slots; `entry` names the function's first block. */
export function partsOf({ starts, nodes }: Blocks, slots: number): { parts: Part[]; entry: number } {
  const partOf = new Int32Array(nodes.length);
  let parts = 0;
  let begun = starts[0];
  nodes.forEach(({ end }, index) => {
    if (end - begun > slots && index > 0 && starts[index] > begun) {
      parts++;
      begun = starts[index];
    }
    partOf[index] = parts;
  });
  // Blocks that a part is entered at, in order.
  const entries: number[][] = Array.from({ length: parts + 1 }, () => []);
  const entryOf = new Int32Array(nodes.length).fill(-1);
  const enter = (block: number): void => {
    if (entryOf[block] >= 0) return;
    entryOf[block] = entries[partOf[block]].length;
    entries[partOf[block]].push(block);
  };
  enter(0);
  nodes.forEach(({ edges }, from) => {
    for (const { to } of edges) if (partOf[to] !== partOf[from]) enter(to);
  });
  const place = (block: number): number => (partOf[block] << ENTRY_BITS) | entryOf[block];
  const first = new Int32Array(parts + 1).fill(-1);
  nodes.forEach((_, index) => {
    if (first[partOf[index]] < 0) first[partOf[index]] = index;
  });
  const made = entries.map((blocks, part): Part => {
    const base = first[part];
    const own = nodes.slice(base, part === parts ? nodes.length : first[part + 1]);
    const leave = own.length;
    const root = leave + 1;
    const local = ({ to }: Edge): Edge =>
      partOf[to] === part ? { to: to - base, label: -1 } : { to: leave, label: place(to) };
    return {
      nodes: [
        ...own.map((node) => ({ ...node, edges: node.edges.map(local) })),
        { kind: 'leave', start: 0, end: 0, edges: [] },
        {
          kind: 'dispatch',
          start: 0,
          end: 0,
          edges: blocks.map((block) => ({ to: block - base, label: -1 })),
        },
      ],
      root,
    };
  });
  return { parts: made, entry: place(0) };
}

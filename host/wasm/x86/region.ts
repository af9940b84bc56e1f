// Decoded code as a graph: everything that is reached from one instruction without an indirect jump.
import * as U from '../../../assembly/layout/uop.js';
import type { GuestAddress, HostAddress } from '../../quantities.js';
import type { FlowNode } from '../flow-graph.js';
import { type MicroOp, recordsOf } from './micro-op.js';

/** Micro-ops of the largest region. */
const LARGEST = 1500;

/** What a node does at its end, apart from its micro-ops. */
export interface NodeEnd {
  /** A jump decides between the edges. */
  readonly jump?: MicroOp;
  /** A return compares the address it returns to with this one. */
  readonly returnsTo?: GuestAddress;
  /** The region is left in front of this instruction, which the CPU runs by itself. */
  readonly leaves?: GuestAddress;
  /** The region is left to where the return goes. */
  readonly isReturn?: boolean;
}

export interface Region {
  /** start and end count micro-ops in `ops`. */
  readonly nodes: FlowNode[];
  readonly ends: readonly NodeEnd[];
  readonly ops: readonly MicroOp[];
  readonly root: number;
}

/** Reads a record; its operation is a single one. */
export type Read = (at: HostAddress) => MicroOp;

const STRAIGHT_END = U.OP_GUARD;

/** Whether the region runs an instruction and goes on behind it. */
const isStraight = (op: number): boolean => op < STRAIGHT_END || op === U.OP_COLD;

/** The region that begins at a record; null when nothing in it comes back to the beginning. */
export function regionAt(root: HostAddress, read: Read): Region | null {
  const known = new Map<HostAddress, MicroOp>();
  const leaders = new Set([root]);
  const returns = new Map<HostAddress, GuestAddress>();
  const work = [root];
  let isLoop = false;
  const lead = (at: HostAddress): void => {
    if (at === root) isLoop = true;
    leaders.add(at);
    work.push(at);
  };
  for (let at = work.pop(); at !== undefined; at = work.pop()) {
    let isOpen = true;
    while (isOpen && !known.has(at) && known.size < LARGEST) {
      const op = read(at);
      known.set(at, op);
      const next: HostAddress = at + recordsOf(op.op) * U.UOP;
      if (isStraight(op.op)) at = next;
      else {
        if (hasTarget(op)) lead(op.target);
        if (recordsOf(op.op) === 2) lead(next);
        else if (op.op === U.OP_CALL && op.target !== 0) {
          returns.set(next, op.imm);
          lead(next);
        }
        isOpen = false;
      }
    }
    // Straight code that runs into a block seen before.
    if (isOpen && known.has(at)) leaders.add(at);
    isLoop ||= isOpen && at === root && known.size > 1;
  }
  if (!isLoop) return null;
  return graphOf(root, read, known, leaders, returns);
}

const hasTarget = ({ op, target }: MicroOp): boolean =>
  target !== 0 && (op === U.OP_JMP || op === U.OP_LINK || op === U.OP_CALL || recordsOf(op) === 2);

function graphOf(
  root: HostAddress,
  read: Read,
  known: ReadonlyMap<HostAddress, MicroOp>,
  leaders: ReadonlySet<HostAddress>,
  returns: ReadonlyMap<HostAddress, GuestAddress>,
): Region {
  const nodes: FlowNode[] = [];
  const ends: NodeEnd[] = [];
  const ops: MicroOp[] = [];
  const starts = [...leaders].filter((at) => known.has(at));
  const nodeOf = new Map(starts.map((at, index) => [at, index]));
  for (let index = 0; index < starts.length; index++) {
    nodes.push({ kind: 'code', start: 0, end: 0, edges: [] });
    ends.push({});
  }
  const add = (end: NodeEnd, to: readonly number[]): number => {
    ends.push(end);
    return (
      nodes.push({ kind: 'code', start: 0, end: 0, edges: to.map((node) => ({ to: node, label: -1 })) }) - 1
    );
  };
  /** Node of a record, or one that leaves the region there. */
  const goTo = (at: HostAddress): number => nodeOf.get(at) ?? add({ leaves: read(at).ip }, []);
  let returning = -1;
  /** Compares where a return goes with all places behind calls. */
  const returnNode = (): number => {
    if (returning >= 0) return returning;
    let next = add({ isReturn: true }, []);
    for (const [at, address] of returns) {
      const node = nodeOf.get(at);
      if (node !== undefined) next = add({ returnsTo: address }, [node, next]);
    }
    return (returning = next);
  };
  starts.forEach((first, index) => {
    const start = ops.length;
    let end: NodeEnd = {};
    const edges: number[] = [];
    for (let at = first; ;) {
      const op = known.get(at);
      if (op === undefined) {
        // Too large: the rest is left to the CPU.
        end = { leaves: (ops[ops.length - 1] as MicroOp).ip };
        ops.pop();
        break;
      }
      const next = at + recordsOf(op.op) * U.UOP;
      if (isStraight(op.op)) {
        ops.push(op);
        at = next;
        if (!leaders.has(at) || !known.has(at)) continue;
        edges.push(nodeOf.get(at) as number);
        break;
      }
      if (recordsOf(op.op) === 2 && op.target !== 0) {
        ops.push(op);
        end = { jump: op };
        edges.push(goTo(op.target), goTo(next));
      } else if ((op.op === U.OP_JMP || op.op === U.OP_CALL) && op.target !== 0) {
        ops.push(op);
        edges.push(goTo(op.target));
      } else if (op.op === U.OP_LINK && op.target !== 0) edges.push(goTo(op.target));
      else if (op.op === U.OP_RET) {
        ops.push(op);
        edges.push(returnNode());
      } else end = { leaves: op.ip };
      break;
    }
    nodes[index] = { kind: 'code', start, end: ops.length, edges: edges.map((to) => ({ to, label: -1 })) };
    ends[index] = end;
  });
  return { nodes, ends, ops, root: nodeOf.get(root) as number };
}

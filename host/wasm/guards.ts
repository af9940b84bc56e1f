// Checks of a loop in one place: innermost loops exist twice, once with accesses that were checked where a round or a
// block begins, and once as they were for when that check fails.
import * as I from '../../assembly/isa.js';
import { STACK_REACH } from '../../assembly/layout/interp.js';
import type { InsnIndex } from '../quantities.js';
import { checkOf } from './access.js';
import { dominates, orderOf, type Order } from './dominators.js';
import type { FlowNode, Place } from './flow-graph.js';
import { Insn } from './insn.js';
import { keyOf, type Linear, LinearState } from './linear.js';
import { innermostLoops, type Loop } from './loops.js';
import { Provenance } from './provenance.js';

/** Slots of the largest loops that are doubled. */
const LARGEST = 384;
/** Bytes between the first and the last address that one guard stands for. */
const REACH = 1 << 16;
const GUARDS_OF_ROUND = 6;
const GUARDS_OF_BLOCK = 2;
/** Accesses that make a guard of a block worth its comparisons. */
const WORTH = 2;

/** A load or store, and the addresses that it may have: those of its register and with its offset. */
interface Access {
  readonly node: number;
  readonly slot: InsnIndex;
  readonly reach: Linear;
}

/** Addresses that differ by numbers. */
interface Group {
  readonly reach: Linear;
  readonly count: number;
}

/** What is known of the function. */
export interface Checks {
  /** What registers point to at the start of a block. */
  readonly pointers: ReadonlyMap<InsnIndex, Provenance>;
  /** A verifier proved every plain access. */
  readonly isVerified: boolean;
  /** Calls may change pages. */
  readonly callsOut: boolean;
}

/** Guards the innermost loops of a reducible graph. Nodes are added at the end. */
export function guardLoops(nodes: FlowNode[], root: number, insns: DataView, checks: Checks): void {
  const order = orderOf(nodes, root);
  const insn = new Insn(insns);
  for (const loop of innermostLoops(nodes, order)) {
    if (loop.slots > LARGEST || loop.body.some((node) => nodes[node].kind !== 'code')) continue;
    guard(nodes, order, loop, insn, checks);
  }
}

function guard(nodes: FlowNode[], order: Order, loop: Loop, insn: Insn, checks: Checks): void {
  const { header, body, latches } = loop;
  const known = new Map<number, Map<InsnIndex, Place>>(body.map((node) => [node, new Map()]));
  const note = (node: number, slot: InsnIndex, place: Place): void => void known.get(node)?.set(slot, place);

  // The round: addresses in terms of registers at the header.
  const states = new Map([[header, new LinearState(checks.callsOut)]]);
  const accesses: Access[] = [];
  for (const node of body) {
    const state = states.get(node) as LinearState;
    scan(nodes[node], state, insn, checks, (slot, base, check) => {
      const reach = withOffset(base, insn.off);
      if (isInFrame(base, insn)) note(node, slot, 'frame');
      else if (state.isIntact && check === 'window') accesses.push({ node, slot, reach });
    });
    for (const { to } of nodes[node].edges) {
      if (to === header || !known.has(to)) continue;
      const there = states.get(to);
      if (there) there.meet(state);
      else states.set(to, state.copy());
    }
  }
  const always = accesses.filter(({ node }) => latches.every((latch) => dominates(order, node, latch)));
  const ofRound = groupsOf(always, 1, GUARDS_OF_ROUND);
  for (const { node, slot, reach } of accesses)
    if (ofRound.some((group) => covers(group.reach, reach))) note(node, slot, 'window');

  // Blocks: the same in terms of registers where each begins, for what is left.
  const ofBlock = new Map<number, readonly Group[]>();
  for (const node of body) {
    const left: Access[] = [];
    const state = new LinearState(checks.callsOut);
    scan(nodes[node], state, insn, checks, (slot, base, check) => {
      if (check === 'window' && state.isIntact && !known.get(node)?.has(slot))
        left.push({ node, slot, reach: withOffset(base, insn.off) });
    });
    const groups = groupsOf(left, WORTH, GUARDS_OF_BLOCK);
    if (groups.length === 0) continue;
    ofBlock.set(node, groups);
    for (const { slot, reach } of left)
      if (groups.some((group) => covers(group.reach, reach))) note(node, slot, 'window');
  }
  if (ofRound.length + ofBlock.size > 0) return double(nodes, loop, known, ofRound, ofBlock);
  for (const node of body) nodes[node] = { ...nodes[node], known: known.get(node) };
}

/** Calls `found` for each access that is checked and whose address is known, with what its register holds. */
function scan(
  { start, end }: FlowNode,
  state: LinearState,
  insn: Insn,
  { pointers, isVerified }: Checks,
  found: (slot: InsnIndex, base: Linear, check: 'stack' | 'window') => void,
): void {
  const atStart = pointers.get(start);
  const pointing = atStart ? atStart.copy() : new Provenance();
  for (let slot = start; slot < end; slot++) {
    insn.at(slot);
    const check = checkOf(insn, pointing, isVerified);
    const base = check && state.at(insn.klass === I.BPF_LDX ? insn.src : insn.dst);
    if (check && base) found(slot, base, check);
    state.apply(insn);
    pointing.apply(insn);
    if (insn.opcode === LD_IMM64) slot++;
  }
}

const LD_IMM64 = 0x18;

const withOffset = (base: Linear, off: number): Linear => ({
  ...base,
  least: base.least + Math.min(off, 0),
  most: base.most + Math.max(off, 0),
});

/** The register itself stays near the frame too, so that its low half and the offset do not run over 2^32. */
function isInFrame({ terms, least, most }: Linear, { off, widthLog }: Insn): boolean {
  const onStack = terms.length === 1 && terms[0].register === I.BPF_REG_FP && terms[0].factor === 1;
  const isNear = least >= -STACK_REACH && most <= STACK_REACH;
  return onStack && isNear && least + off >= -STACK_REACH && most + off + (1 << widthLog) <= 0;
}

function covers(group: Linear, { terms, least, most }: Linear): boolean {
  return keyOf(group) === keyOf({ terms, least, most }) && least >= group.least && most <= group.most;
}

/** The groups of at least `worth` accesses, largest first. Addresses without a register are none. */
function groupsOf(accesses: readonly Access[], worth: number, limit: number): Group[] {
  const groups = new Map<string, Group>();
  for (const { reach } of accesses) {
    if (reach.terms.length === 0) continue;
    const key = keyOf(reach);
    const group = groups.get(key);
    const least = Math.min(reach.least, group?.reach.least ?? Infinity);
    const most = Math.max(reach.most, group?.reach.most ?? -Infinity);
    if (most - least > REACH) continue;
    groups.set(key, { reach: { ...reach, least, most }, count: (group?.count ?? 0) + 1 });
  }
  return [...groups.values()]
    .filter(({ count }) => count >= worth)
    .sort((a, b) => b.count - a.count)
    .slice(0, limit);
}

/** Adds the loop again with what is known, and guards in front of its rounds and blocks. */
function double(
  nodes: FlowNode[],
  { header, body }: Loop,
  known: ReadonlyMap<number, ReadonlyMap<InsnIndex, Place>>,
  ofRound: readonly Group[],
  ofBlock: ReadonlyMap<number, readonly Group[]>,
): void {
  const base = nodes.length;
  const fast = new Map(body.map((node, at) => [node, base + at]));
  for (const node of body) nodes.push({ ...nodes[node], known: known.get(node) });
  /** Guards in front of the fast copy of a node; the first one. */
  const guarded = (node: number, groups: readonly Group[], inside: number): number =>
    groups
      .flatMap(({ reach }) =>
        reach.least === reach.most ? [reach] : [reach, { ...reach, least: reach.most }],
      )
      .reduce((next, { terms, least }) => {
        const { start } = nodes[node];
        const address = { terms, least, most: least };
        const edges = [
          { to: next, label: -1 },
          { to: node, label: -1 },
        ];
        return nodes.push({ kind: 'guard', start, end: start, edges, address }) - 1;
      }, inside);
  const entries = new Map(
    body.map((node) => [node, guarded(node, ofBlock.get(node) ?? [], fast.get(node) as number)]),
  );
  const entry = guarded(header, ofRound, entries.get(header) as number);
  for (const [node, copy] of fast)
    nodes[copy] = {
      ...nodes[copy],
      edges: nodes[node].edges.map(({ to, label }) => ({
        to: to === header ? entry : (entries.get(to) ?? to),
        label,
      })),
    };
  for (let at = 0; at < nodes.length; at++) {
    if (nodes[at].kind === 'guard' && at > base) continue;
    for (const edge of nodes[at].edges) if (edge.to === header) edge.to = entry;
  }
}

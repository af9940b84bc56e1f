import {
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_TAIL_CALL,
  INSN_SIZE,
} from '../../assembly/isa.js';
import type { InsnIndex } from '../quantities.js';
import type { Linear } from './linear.js';

/** Where control may go next; `label` = what the dispatcher there is told, -1 for other nodes. */
export interface Edge {
  to: number;
  label: number;
}

/** Where an access is known to lie: in the frame, or in the window of the direct map. */
export type Place = 'frame' | 'window';

/**
 * Instructions without a jump inside (`code`), a choice among its edges by the label (`dispatch`), a comparison of an
 * address with the window (`guard`), or the way out of a part of a function (`leave`).
 */
export interface FlowNode {
  readonly kind: 'code' | 'dispatch' | 'guard' | 'leave';
  readonly start: InsnIndex;
  /** One past the last slot. */
  readonly end: InsnIndex;
  /** Of a conditional jump: taken, then not. Of a guard: inside, then outside. */
  readonly edges: Edge[];
  /** Of a guard: the address, `least` and `most` being the same. */
  readonly address?: Linear;
  /** Instructions that need no check of their own in this node. */
  readonly known?: ReadonlyMap<InsnIndex, Place>;
}

/** Basic blocks by first slot. */
export interface Blocks {
  readonly starts: readonly InsnIndex[];
  readonly nodes: readonly FlowNode[];
}

/** Splits [start, end) into basic blocks; the edges name blocks of the same list. */
export function basicBlocks(insns: DataView, start: InsnIndex, end: InsnIndex): Blocks {
  const leads = new Uint8Array(end - start + 1);
  /** Second halves of ld_imm64. */
  const wideEnds = new Uint8Array(end - start + 1);
  leads[0] = 1;
  for (let slot = start; slot < end; slot++) {
    const opcode = insns.getUint8(slot * INSN_SIZE);
    if (opcode === WIDE) {
      slot++;
      if (slot < end) wideEnds[slot - start] = 1;
    } else if (isJump(opcode)) {
      const target = jumpTarget(insns, slot);
      if (target >= start && target < end) leads[target - start] = 1;
      leads[slot + 1 - start] = 1;
    }
  }
  // A jump to a second half ends the program; the way from the first half goes around it.
  for (let at = 0; at < end - start; at++) if (leads[at] === 1 && wideEnds[at] === 1) leads[at + 1] = 1;
  const starts: InsnIndex[] = [];
  for (let at = 0; at < end - start; at++) if (leads[at] === 1) starts.push(start + at);
  const blockAt = new Int32Array(end - start + 1).fill(-1);
  starts.forEach((slot, index) => (blockAt[slot - start] = index));
  const edge = (slot: InsnIndex): Edge[] =>
    slot < start || slot >= end ? [] : [{ to: blockAt[slot - start], label: -1 }];
  const nodes = starts.map((first, index): FlowNode => {
    const after = starts[index + 1] ?? end;
    const last = after - 1;
    const opcode = insns.getUint8(last * INSN_SIZE);
    const edges: Edge[] = [];
    if (wideEnds[first - start] === 1) return { kind: 'code', start: first, end: after, edges };
    const isWide = wideEnds[last - start] === 1 || (after < end && wideEnds[after - start] === 1);
    if (isWide) edges.push(...edge(wideEnds[last - start] === 1 ? after : after + 1));
    else if (!isJump(opcode)) edges.push(...edge(after));
    else if ((opcode & 0xf0) !== BPF_EXIT) {
      edges.push(...edge(jumpTarget(insns, last)));
      if ((opcode & 0xf0) !== BPF_JA) edges.push(...edge(last + 1));
    }
    return { kind: 'code', start: first, end: after, edges };
  });
  return { starts, nodes };
}

/** Jumps and exits; calls and tail calls go on behind themselves. */
export function isJump(opcode: number): boolean {
  const klass = opcode & 7;
  if (klass !== BPF_JMP && klass !== BPF_JMP32) return false;
  const operation = opcode & 0xf0;
  return operation !== BPF_CALL && operation !== BPF_TAIL_CALL;
}

export function jumpTarget(insns: DataView, slot: InsnIndex): InsnIndex {
  const at = slot * INSN_SIZE;
  const opcode = insns.getUint8(at);
  const far = (opcode & 7) === BPF_JMP32 && (opcode & 0xf0) === BPF_JA;
  return slot + 1 + (far ? insns.getInt32(at + 4, true) : insns.getInt16(at + 2, true));
}

const WIDE = 0x18;

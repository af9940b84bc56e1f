import * as I from '../../assembly/isa.js';
import type { InsnIndex } from '../quantities.js';
import type { FlowNode } from './flow-graph.js';
import { Insn } from './insn.js';

/** Nothing is known. */
export const UNKNOWN = 0;
/** R10 plus a constant. */
export const FRAME = 1;
/** Points into the stack. */
export const STACK = 2;
/** Derived from the context: the direct map. */
export const CONTEXT = 3;

const REGISTERS = 12;
const KIND_BITS = 2;
const KIND_MASK = 3;
/** Constants from here on are too large to follow. */
const FARTHEST = 1 << 20;
/** Places for registers in a frame. */
const SPILL_SIZE = 8;
const SPILLS = 64;

/** What registers point to: a kind, and for FRAME the constant. */
export class Provenance {
  /** kind | constant << KIND_BITS. */
  readonly #facts = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, FRAME, 0];
  /** Which places of the frame hold a CONTEXT pointer, as bits from R10 down. */
  readonly #spilled = [0, 0];

  /** No call can put another pointer into the frame. */
  #keepsSpills: boolean;

  constructor(keepsSpills = false) {
    this.#keepsSpills = keepsSpills;
  }

  kind(register: number): number {
    return this.#facts[register] & KIND_MASK;
  }

  /** Of FRAME: the constant. */
  offset(register: number): number {
    return this.#facts[register] >> KIND_BITS;
  }

  copy(): Provenance {
    const made = new Provenance();
    made.assign(this);
    return made;
  }

  assign(other: Provenance): void {
    for (let register = 0; register < REGISTERS; register++) this.#facts[register] = other.#facts[register];
    for (let word = 0; word < this.#spilled.length; word++) this.#spilled[word] = other.#spilled[word];
    this.#keepsSpills = other.#keepsSpills;
  }

  /** Keeps what both know; true when that is less than before. */
  meet(other: Provenance): boolean {
    let changed = false;
    for (let word = 0; word < this.#spilled.length; word++) {
      const both = this.#spilled[word] & other.#spilled[word];
      changed ||= both !== this.#spilled[word];
      this.#spilled[word] = both;
    }
    for (let register = 0; register < REGISTERS; register++) {
      const mine = this.#facts[register];
      const others = other.#facts[register];
      if (mine === others) continue;
      const onStack = isOnStack(mine & KIND_MASK) && isOnStack(others & KIND_MASK);
      const met = onStack ? STACK : UNKNOWN;
      if (met === mine) continue;
      this.#facts[register] = met;
      changed = true;
    }
    return changed;
  }

  set(register: number, kind: number, offset = 0): void {
    this.#facts[register] = kind | (offset << KIND_BITS);
  }

  /** What an instruction leaves. */
  apply(insn: Insn): void {
    const { klass, dst } = insn;
    switch (klass) {
      case I.BPF_ALU64:
        return this.#alu(insn);
      case I.BPF_ALU:
      case I.BPF_LD:
        this.#facts[dst] = UNKNOWN;
        return;
      case I.BPF_LDX:
        this.#facts[dst] = this.#fills(insn) ? CONTEXT : UNKNOWN;
        return;
      case I.BPF_ST:
        return this.#overwrite(insn);
      case I.BPF_STX:
        this.#overwrite(insn);
        if (insn.mode !== I.BPF_ATOMIC && insn.mode !== I.BPF_PROBE_ATOMIC) return;
        this.#facts[insn.imm === I.BPF_CMPXCHG ? 0 : insn.src] = UNKNOWN;
        this.#facts[I.BPF_REG_FP] = FRAME;
        return;
      case I.BPF_JMP:
        if (insn.operation === I.BPF_CALL || insn.operation === I.BPF_TAIL_CALL)
          this.#facts.fill(UNKNOWN, 0, 6);
        if (insn.operation === I.BPF_CALL && !this.#keepsSpills) this.#spilled.fill(0);
    }
  }

  /** Whether a load takes a CONTEXT pointer from the frame. */
  #fills(insn: Insn): boolean {
    if (insn.opcode !== LDX_DW || this.kind(insn.src) !== FRAME) return false;
    const place = this.offset(insn.src) + insn.off;
    const at = -place / SPILL_SIZE - 1;
    return (
      Number.isInteger(at) && at >= 0 && at < SPILLS && (this.#spilled[at >> 5] & (1 << (at & 31))) !== 0
    );
  }

  /** What a store does to pointers in the frame. */
  #overwrite(insn: Insn): void {
    const kind = this.kind(insn.dst);
    if (kind === CONTEXT) return;
    if (kind !== FRAME) return void this.#spilled.fill(0);
    const place = this.offset(insn.dst) + insn.off;
    const first = Math.ceil(-place / SPILL_SIZE) - 1;
    const last = Math.ceil((1 - place - (1 << insn.widthLog)) / SPILL_SIZE) - 1;
    for (let at = Math.max(last, 0); at <= first && at < SPILLS; at++)
      this.#spilled[at >> 5] &= ~(1 << (at & 31));
    if (insn.opcode !== STX_DW || this.kind(insn.src) !== CONTEXT || first !== last) return;
    if (first >= 0 && first < SPILLS) this.#spilled[first >> 5] |= 1 << (first & 31);
  }

  #alu({ operation, dst, src, isX, imm, off }: Insn): void {
    const facts = this.#facts;
    const kind = facts[dst] & KIND_MASK;
    if (operation === I.BPF_MOV) {
      facts[dst] = isX && off === 0 ? facts[src] : UNKNOWN;
    } else if (operation !== I.BPF_ADD && operation !== I.BPF_SUB) facts[dst] = UNKNOWN;
    else if (!isX) {
      if (kind !== FRAME) return;
      const moved = this.offset(dst) + (operation === I.BPF_ADD ? imm : -imm);
      if (Math.abs(moved) < FARTHEST) this.set(dst, FRAME, moved);
      else this.set(dst, STACK);
    } else {
      const other = facts[src] & KIND_MASK;
      const pointer = kind === UNKNOWN && operation === I.BPF_ADD ? other : kind;
      // A pointer and a number; of two pointers nothing is left.
      facts[dst] = kind !== UNKNOWN && other !== UNKNOWN ? UNKNOWN : blurred(pointer);
    }
  }
}

const LDX_DW = 0x79;
const STX_DW = 0x7b;
const isOnStack = (kind: number): boolean => kind === FRAME || kind === STACK;
const blurred = (kind: number): number => (kind === FRAME ? STACK : kind);

/** What is known at the start of each block, by its first slot. */
export function provenance(
  insns: DataView,
  nodes: readonly FlowNode[],
  start: Provenance,
): Map<InsnIndex, Provenance> {
  const insn = new Insn(insns);
  const state = new Provenance();
  const known: (Provenance | undefined)[] = [start];
  const work = [0];
  for (let node = work.pop(); node !== undefined; node = work.pop()) {
    const { start: first, end, edges } = nodes[node];
    state.assign(known[node] as Provenance);
    for (let slot = first; slot < end; slot++) {
      state.apply(insn.at(slot));
      if (insn.opcode === 0x18) slot++;
    }
    for (const { to } of edges) {
      const there = known[to];
      if (there === undefined) known[to] = state.copy();
      else if (!there.meet(state)) continue;
      work.push(to);
    }
  }
  const byStart = new Map<InsnIndex, Provenance>();
  known.forEach((state, node) => {
    if (state) byStart.set(nodes[node].start, state);
  });
  return byStart;
}

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

/** What registers point to. */
export class Provenance {
  readonly kind = new Uint8Array(REGISTERS);
  /** Of FRAME: the constant. */
  readonly offset = new Int32Array(REGISTERS);

  constructor() {
    this.kind[I.BPF_REG_FP] = FRAME;
  }

  copy(): Provenance {
    const made = new Provenance();
    made.kind.set(this.kind);
    made.offset.set(this.offset);
    return made;
  }

  /** Keeps what both know; true when that is less than before. */
  meet(other: Provenance): boolean {
    let changed = false;
    for (let register = 0; register < REGISTERS; register++) {
      const [mine, others] = [this.kind[register], other.kind[register]];
      if (mine === others && this.offset[register] === other.offset[register]) continue;
      const bothStack = (mine === FRAME || mine === STACK) && (others === FRAME || others === STACK);
      const met = bothStack ? STACK : mine === others ? mine : UNKNOWN;
      if (met !== mine || met === STACK) {
        changed ||= met !== mine;
        this.set(register, met);
      }
    }
    return changed;
  }

  set(register: number, kind: number, offset = 0): void {
    this.kind[register] = kind;
    this.offset[register] = kind === FRAME ? offset : 0;
  }

  /** What an instruction leaves. */
  apply(insn: Insn): void {
    const { klass, dst, src } = insn;
    switch (klass) {
      case I.BPF_ALU64:
        return this.#alu(insn);
      case I.BPF_ALU:
      case I.BPF_LD:
      case I.BPF_LDX:
        return this.set(dst, UNKNOWN);
      case I.BPF_STX:
        if (insn.mode !== I.BPF_ATOMIC && insn.mode !== I.BPF_PROBE_ATOMIC) return;
        this.set(insn.imm === I.BPF_CMPXCHG ? 0 : src, UNKNOWN);
        return;
      case I.BPF_JMP:
        if (insn.operation !== I.BPF_CALL && insn.operation !== I.BPF_TAIL_CALL) return;
        for (let register = 0; register <= 5; register++) this.set(register, UNKNOWN);
    }
  }

  #alu({ operation, dst, src, isX, imm, off }: Insn): void {
    const mine = this.kind[dst];
    if (operation === I.BPF_MOV && isX && off === 0) return this.set(dst, this.kind[src], this.offset[src]);
    if (operation !== I.BPF_ADD && operation !== I.BPF_SUB) return this.set(dst, UNKNOWN);
    if (!isX && mine === FRAME) {
      const moved = this.offset[dst] + (operation === I.BPF_ADD ? imm : -imm);
      return Math.abs(moved) < 1 << 20 ? this.set(dst, FRAME, moved) : this.set(dst, STACK);
    }
    if (!isX) return;
    const others = this.kind[src];
    if (operation === I.BPF_SUB) return this.set(dst, others === UNKNOWN ? blurred(mine) : UNKNOWN);
    // One of the two is the pointer.
    if (mine !== UNKNOWN && others !== UNKNOWN) return this.set(dst, UNKNOWN);
    this.set(dst, blurred(mine === UNKNOWN ? others : mine));
  }
}

const blurred = (kind: number): number => (kind === FRAME ? STACK : kind);

/** What is known at the start of each block, by its first slot. */
export function provenance(
  insns: DataView,
  nodes: readonly FlowNode[],
  start: Provenance,
): Map<InsnIndex, Provenance> {
  const insn = new Insn(insns);
  const known: (Provenance | undefined)[] = [start];
  const work = [0];
  for (let node = work.pop(); node !== undefined; node = work.pop()) {
    const { start: first, end, edges } = nodes[node];
    const state = (known[node] as Provenance).copy();
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

import * as I from '../../assembly/isa.js';
import { basicBlocks } from './flow-graph.js';
import { Insn } from './insn.js';

/** Sets of R0 to R11 as bits. */
type RegisterSet = number;

const ARGUMENTS: RegisterSet = 0b111110;

/**
 * How many of R1 to R5 each function of a verified program is given: those that it reads before it writes them.
 * Function 0 takes `main` of them, which all targets of a tail call have in common.
 */
export function parameterCounts(
  insns: DataView,
  functions: readonly { readonly start: number; readonly end: number }[],
  main: number,
): number[] {
  const known: number[] = [];
  const countOf = (func: number): number => {
    if (known[func] !== undefined) return known[func];
    known[func] = 5;
    const live = liveAtStart(insns, functions[func].start, functions[func].end, countOf);
    for (let register = 5; register > 0; register--) {
      known[func] = register;
      if ((live & (1 << register)) !== 0) return register;
    }
    return (known[func] = 0);
  };
  known[0] = main;
  return functions.map((_, func) => countOf(func));
}

function liveAtStart(
  insns: DataView,
  start: number,
  end: number,
  countOf: (func: number) => number,
): RegisterSet {
  const { nodes } = basicBlocks(insns, start, end);
  const insn = new Insn(insns);
  const live = new Int32Array(nodes.length);
  // Per block: what it reads first, and what it overwrites.
  const uses = new Int32Array(nodes.length);
  const kills = new Int32Array(nodes.length);
  nodes.forEach((node, index) => {
    for (let slot = node.start; slot < node.end; slot++) {
      insn.at(slot);
      uses[index] |= reads(insn, countOf) & ~kills[index];
      kills[index] |= writes(insn);
      if (insn.opcode === 0x18) slot++;
    }
  });
  for (let changed = true; changed;) {
    changed = false;
    for (let index = nodes.length - 1; index >= 0; index--) {
      let after = 0;
      for (const { to } of nodes[index].edges) after |= live[to];
      const before = uses[index] | (after & ~kills[index]);
      changed ||= before !== live[index];
      live[index] = before;
    }
  }
  return live[0];
}

function reads(insn: Insn, countOf: (func: number) => number): RegisterSet {
  const { klass, operation, isX } = insn;
  const dst = 1 << insn.dst;
  const src = 1 << insn.src;
  switch (klass) {
    case I.BPF_ALU:
    case I.BPF_ALU64:
      if (operation === I.BPF_MOV) return isX ? src : 0;
      return isX && operation !== I.BPF_END ? dst | src : dst;
    case I.BPF_LDX:
      return src;
    case I.BPF_ST:
      return dst;
    case I.BPF_STX:
      return dst | src | (insn.mode === I.BPF_ATOMIC || insn.mode === I.BPF_PROBE_ATOMIC ? 1 : 0);
    case I.BPF_LD:
      return 0;
  }
  if (operation === I.BPF_EXIT) return 1;
  if (operation === I.BPF_CALL) {
    const count = insn.src === I.BPF_PSEUDO_CALL ? countOf(insn.off) : 5;
    return ARGUMENTS & ((2 << count) - 1);
  }
  if (operation === I.BPF_TAIL_CALL) return ARGUMENTS;
  return isX ? dst | src : dst;
}

function writes(insn: Insn): RegisterSet {
  const { klass, operation } = insn;
  if (klass === I.BPF_ALU || klass === I.BPF_ALU64 || klass === I.BPF_LD || klass === I.BPF_LDX)
    return 1 << insn.dst;
  if (klass === I.BPF_STX && insn.mode === I.BPF_ATOMIC && (insn.imm & I.BPF_FETCH) !== 0)
    return insn.imm === I.BPF_CMPXCHG ? 0 : 1 << insn.src;
  const isCall = klass === I.BPF_JMP && operation === I.BPF_CALL;
  // Calls leave R1 to R5 undefined; here a helper keeps them, so that they stay live.
  return isCall ? 1 : 0;
}

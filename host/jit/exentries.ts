import {
  BPF_DW,
  BPF_LD,
  BPF_LDX,
  BPF_PROBE_ATOMIC,
  BPF_PROBE_MEM,
  BPF_PROBE_MEM32,
  BPF_PROBE_MEMSX,
  BPF_ST,
  BPF_STX,
  INSN_SIZE,
} from '../../assembly/isa.js';

function mayFault(opcode: number): boolean {
  const mode = opcode & 0xe0;
  switch (opcode & 7) {
    case BPF_LDX:
      return mode === BPF_PROBE_MEM || mode === BPF_PROBE_MEMSX || mode === BPF_PROBE_MEM32;
    case BPF_ST:
      return mode === BPF_PROBE_MEM32;
    case BPF_STX:
      return mode === BPF_PROBE_MEM32 || mode === BPF_PROBE_ATOMIC;
    default:
      return false;
  }
}

/** Number of rewritten instructions that need an exception entry. */
export function countExentries(insns: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < insns.length; at += INSN_SIZE) {
    if (insns[at] === (BPF_LD | BPF_DW)) at += INSN_SIZE;
    else if (mayFault(insns[at])) count++;
  }
  return count;
}

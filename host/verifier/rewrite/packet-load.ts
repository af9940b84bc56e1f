import { BPF_ABS, BPF_ADD, BPF_B, BPF_H, BPF_IND, BPF_JSGE, BPF_LD, BPF_XOR } from '../../../assembly/isa.js';
import type { Pass } from './pass.js';

/** LD_ABS or LD_IND. */
export function isPacketLoad(code: number): boolean {
  const mode = code & 0xe0;
  return (code & 7) === BPF_LD && (mode === BPF_ABS || mode === BPF_IND);
}

/** Loads from the packet (skb in r6) become calls; a refused load ends the function with 0. */
export function callPacketLoad(pass: Pass, at: number, immediateOf: (symbol: string) => number): void {
  const { input } = pass;
  const code = input.code[at];
  const imm = input.imm[at];
  if ((code & 0xe0) === BPF_ABS) {
    pass.movImm(2, imm);
  } else {
    pass.mov(2, input.src[at]);
    if (imm !== 0) pass.aluImm(BPF_ADD, 2, imm);
  }
  const size = code & 0x18;
  const bits = size === BPF_B ? 8 : size === BPF_H ? 16 : 32;
  pass.mov(1, 6);
  pass.call(immediateOf(`bpf_skb_load_helper_${bits}_no_cache`));
  pass.skipIfImm(BPF_JSGE, 0, 0, 2);
  pass.alu32(BPF_XOR, 0, 0);
  pass.exit();
}

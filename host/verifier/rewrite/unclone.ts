import { BPF_ALU64, BPF_AND, BPF_B, BPF_JEQ, BPF_X, BPF_XOR } from '../../../assembly/isa.js';
import { ProgType } from '../prog-type.js';
import type { RewriteEnvironment } from './environment.js';
import type { Pass } from './pass.js';

const HELPER_SKB_PULL_DATA = 39;
const TC_ACT_SHOT = 2;
const SK_DROP = 0;

/** What a program of each type returns to drop a packet. */
const DROP = new Map<number, number>([
  [ProgType.SCHED_CLS, TC_ACT_SHOT],
  [ProgType.SCHED_ACT, TC_ACT_SHOT],
  [ProgType.LWT_XMIT, TC_ACT_SHOT],
  [ProgType.SK_SKB, SK_DROP],
]);

/** Must a program of this type own the packet's data before it writes them? */
export const needsOwnPacket = (programType: number): boolean => DROP.has(programType);

/** Before the first instruction: takes a private copy of a cloned packet, or drops it. */
export function uncloneOnEntry(env: RewriteEnvironment, pass: Pass): void {
  const { byte, bit } = env.offsets.place('sk_buff', 'cloned');
  pass.load(BPF_B, 6, 1, byte);
  pass.alu32Imm(BPF_AND, 6, 1 << bit);
  pass.skipIfImm(BPF_JEQ, 6, 0, 7);
  pass.mov(6, 1);
  pass.insn(BPF_ALU64 | BPF_XOR | BPF_X, 2, 2, 0, 0);
  pass.call(HELPER_SKB_PULL_DATA);
  pass.skipIfImm(BPF_JEQ, 0, 0, 2);
  pass.mov32Imm(0, DROP.get(env.spec.type)!);
  pass.exit();
  pass.mov(1, 6);
  pass.land();
}

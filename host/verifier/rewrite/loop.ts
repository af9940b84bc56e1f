import {
  BPF_ADD,
  BPF_DW,
  BPF_JEQ,
  BPF_JGE,
  BPF_JLE,
  BPF_JMP,
  BPF_PSEUDO_CALL,
  BPF_REG_FP,
} from '../../../assembly/isa.js';
import type { InsnAux } from '../insn-aux.js';
import { type Code, Pass } from './pass.js';
import { CALL } from './stream.js';

const HELPER_LOOP = 181;
const MAX_LOOPS = 8 * 1024 * 1024;
const E2BIG = 7;
/** r6, r7 and r8 of the caller are kept below its stack. */
const SAVED_BYTES = 24;

const roundUp8 = (bytes: number): number => (bytes + 7) & ~7;

/**
 * bpf_loop with flags 0 and one callback becomes a loop around a call of the callback. `starts` are the functions of
 * the submitted program. Grows `stackDepth` of each function that has such a loop.
 */
export function inlineLoops(code: Code, aux: InsnAux, starts: readonly number[], stackDepth: number[]): Code {
  if (aux.loopCall.size === 0) return code;
  const grows = new Set<number>();
  const result = Pass.run(code, (pass, at) => {
    const { input } = pass;
    const state = aux.loopCall.get(input.origin[at]);
    const isLoop = input.code[at] === CALL && input.src[at] === 0 && input.imm[at] === HELPER_LOOP;
    if (!isLoop || state === undefined || !state.fitsInline) return pass.copy();
    grows.add(pass.function);
    const saved = -(roundUp8(stackDepth[pass.function]) + SAVED_BYTES);
    pass.skipIfImm(BPF_JLE, 1, MAX_LOOPS, 2);
    pass.mov32Imm(0, -E2BIG);
    pass.skipAlways(16);
    for (const register of [6, 7, 8]) pass.store(BPF_DW, BPF_REG_FP, register, saved + (register - 6) * 8);
    pass.mov(6, 1);
    pass.mov32Imm(7, 0);
    pass.mov(8, 3);
    pass.skipIf(BPF_JGE, 7, 6, 5);
    pass.mov(1, 7);
    pass.mov(2, 8);
    pass.leadTo(CALL, 0, BPF_PSEUDO_CALL, 0, starts[state.callback]);
    pass.aluImm(BPF_ADD, 7, 1);
    pass.skip(BPF_JMP | BPF_JEQ, 0, 0, 0, -6);
    pass.mov(0, 7);
    for (const register of [6, 7, 8]) pass.load(BPF_DW, register, BPF_REG_FP, saved + (register - 6) * 8);
  });
  for (const index of grows) stackDepth[index] = roundUp8(stackDepth[index]) + SAVED_BYTES;
  return result;
}

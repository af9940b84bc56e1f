import { BPF_CALL, BPF_EXIT, BPF_JA, BPF_JMP, BPF_JMP32 } from '../../../assembly/isa.js';
import type { InsnAux } from '../insn-aux.js';
import { type Code, Pass } from './pass.js';
import { type InsnStream, JA, LD_IMM64 } from './stream.js';

function isConditional(code: number): boolean {
  const cls = code & 7;
  const op = code & 0xf0;
  return (cls === BPF_JMP || cls === BPF_JMP32) && op !== BPF_JA && op !== BPF_CALL && op !== BPF_EXIT;
}

const isNop = (stream: InsnStream, at: number): boolean =>
  stream.code[at] === JA && stream.src[at] === 0 && stream.imm[at] === 0 && stream.target[at] === at + 1;

/** Was the slot, or the one it was put in for, ever simulated? */
function isAlive(stream: InsnStream, aux: InsnAux, at: number): boolean {
  return aux.seen[stream.origin[at]] === 1;
}

/** Conditional branches with a side that no path takes become jumps, unreached code goes, and then jumps to the next. */
export function removeDeadCode(code: Code, aux: InsnAux): Code {
  const reached = isAllAlive(code.stream, aux) ? code : removeUnreached(code, aux);
  if (!hasNop(reached.stream)) return reached;
  return Pass.run(reached, (pass, at) => {
    if (!isNop(pass.input, at)) pass.copy();
  });
}

function removeUnreached(code: Code, aux: InsnAux): Code {
  const hardWired = Pass.run(code, (pass, at) => {
    const { input } = pass;
    if (!isConditional(input.code[at])) return pass.copy();
    const target = input.target[at];
    if (!isAlive(input, aux, at + 1)) pass.leadTo(JA, 0, 0, 0, target);
    else if (!isAlive(input, aux, target)) pass.leadTo(JA, 0, 0, 0, at + 1);
    else pass.copy();
  });
  return Pass.run(hardWired, (pass, at) => {
    if (isAlive(pass.input, aux, at)) pass.copy();
  });
}

function isAllAlive(stream: InsnStream, aux: InsnAux): boolean {
  for (let at = 0; at < stream.length; at++) {
    if (!isAlive(stream, aux, at)) return false;
    if (stream.code[at] === LD_IMM64) at++;
  }
  return true;
}

function hasNop(stream: InsnStream): boolean {
  for (let at = 0; at < stream.length; at++) if (isNop(stream, at)) return true;
  return false;
}

/** Without privileges dead instructions stay in place, as jumps to themselves. */
export function trapDeadCode(code: Code, aux: InsnAux): Code {
  return Pass.run(code, (pass, at) => {
    const { input } = pass;
    if (isAlive(input, aux, at)) return pass.copy();
    pass.leadTo(JA, 0, 0, 0, at);
    if (input.code[at] === LD_IMM64) pass.leadTo(JA, 0, 0, 0, at + 1);
  });
}

import { UsageError } from '../errors.js';
import type { InsnIndex } from '../quantities.js';
import { EXIT, GOTOL, InsnStream, JA, LD_IMM64, NO_TARGET } from '../verifier/rewrite/stream.js';
import { callTargets } from './interpreter.js';

const isSecondHalf = (stream: InsnStream, at: InsnIndex): boolean =>
  at > 0 && stream.code[at - 1] === LD_IMM64;

/** Whether the processor can be sent there: an instruction begins at `at`. */
export const isInsn = (stream: InsnStream, at: InsnIndex): boolean =>
  at < stream.length && !isSecondHalf(stream, at);

/** Finds what functions reach; the marks of one serve the next. */
export class Flow {
  readonly #seen: Int32Array;
  #mark = 0;

  constructor(private readonly stream: InsnStream) {
    this.#seen = new Int32Array(stream.length + 1);
  }

  /** Slots control can get to from `start` without calls, ascending; those where no instruction begins among them. */
  reachable(start: InsnIndex): InsnIndex[] {
    const { stream } = this;
    const seen = this.#seen;
    const mark = ++this.#mark;
    const work: InsnIndex[] = [];
    const reached: InsnIndex[] = [];
    const visit = (at: InsnIndex): void => {
      if (seen[at] === mark) return;
      seen[at] = mark;
      work.push(at);
    };
    visit(start);
    for (let at = work.pop(); at !== undefined; at = work.pop()) {
      reached.push(at);
      const opcode = stream.code[at];
      if (!isInsn(stream, at) || opcode === EXIT) continue;
      if (stream.target[at] !== NO_TARGET && !stream.leadsToFunction(at)) visit(stream.target[at]);
      if (opcode !== JA && opcode !== GOTOL) visit(at + (opcode === LD_IMM64 ? 2 : 1));
    }
    return reached.sort((a, b) => a - b);
  }
}

/**
 * Refuses what runs out of a function, other than by calls and exit: into another one, or behind the last.
 *
 * @throws UsageError USAGE_INSN.
 */
export function checkFlow(insns: Uint8Array): void {
  const stream = InsnStream.parse(insns);
  const starts = callTargets(insns);
  const flow = new Flow(stream);
  starts.forEach((start, index) => {
    const end = starts[index + 1] ?? stream.length;
    const reached = flow.reachable(start);
    const out = reached[0] < start ? reached[0] : reached[reached.length - 1];
    if (out >= start && out < end) return;
    throw new UsageError(
      'USAGE_INSN',
      `raw program: the function at instruction ${start}: expected exit or a jump inside ${start} to ${end - 1}, found a way to ${out}`,
      { insn: start },
    );
  });
}

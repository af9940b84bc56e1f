import { INSN_SIZE } from '../../../assembly/isa.js';
import type { Prepared } from '../prepared.js';
import { LD_IMM64 } from './stream.js';

/**
 * Which functions keep a tail-call counter: those that make a tail call, and those on the way to one. As in the
 * kernel's walks of the call graph, from the main program and from each callback that runs on its own, the mark is
 * never taken back: once a tail call was met, every caller of a function that returns later is marked too. The
 * function with the tail call marks itself from 6.12 on; older JITs look.
 */
export function tailCallReachable(prepared: Prepared, asyncCallbacks: ReadonlySet<number>): boolean[] {
  const reachable = prepared.subprograms.map((subprogram) => subprogram.hasTailCall);
  const callees = calledFunctions(prepared, asyncCallbacks);
  for (const start of [0, ...asyncCallbacks]) walkFrom(start, prepared, callees, reachable);
  return reachable;
}

function walkFrom(
  start: number,
  { subprograms }: Prepared,
  callees: readonly (readonly number[])[],
  reachable: boolean[],
): void {
  const walked = [new Set<number>(), new Set<number>()];
  const stack: { readonly index: number; next: number; readonly met: boolean }[] = [];
  let met = false;
  const enter = (index: number): void => {
    met ||= subprograms[index].hasTailCall;
    stack.push({ index, next: 0, met });
  };
  enter(start);
  while (stack.length > 0) {
    const frame = stack[stack.length - 1];
    const callee = callees[frame.index][frame.next++];
    if (callee === undefined) {
      walked[frame.met ? 1 : 0].add(frame.index);
      stack.pop();
      if (met) for (const caller of stack) reachable[caller.index] = true;
    } else if (walked[met ? 1 : 0].has(callee)) {
      if (met) for (const caller of stack) reachable[caller.index] = true;
    } else if (!stack.some((caller) => caller.index === callee)) {
      enter(callee);
    }
  }
}

/** Functions that each function calls, itself or through a helper, in instruction order. */
function calledFunctions(prepared: Prepared, asyncCallbacks: ReadonlySet<number>): number[][] {
  return prepared.subprograms.map(({ start, end }) => {
    const callees: number[] = [];
    for (let at = start; at < end; at++) {
      const callee = prepared.calleeOf[at];
      if (callee < 0) continue;
      const isReference = prepared.insns[at * INSN_SIZE] === LD_IMM64;
      if (!isReference || !asyncCallbacks.has(callee)) callees.push(callee);
    }
    return callees;
  });
}

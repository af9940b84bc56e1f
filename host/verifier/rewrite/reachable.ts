import type { Prepared } from '../prepared.js';

/**
 * Which functions keep a tail-call counter: those that make a tail call, and those on the way to one. As in the
 * kernel's walk of the call graph, the mark is never taken back: once a tail call was met, every caller of a function
 * that returns later is marked too. The function with the tail call marks itself from 6.12 on; older JITs look.
 */
export function tailCallReachable(prepared: Prepared): boolean[] {
  const { subprograms } = prepared;
  const reachable = subprograms.map((subprogram) => subprogram.hasTailCall);
  const callees = calledFunctions(prepared);
  const walked = [new Set<number>(), new Set<number>()];
  const stack: { readonly index: number; next: number; readonly met: boolean }[] = [];
  let met = false;
  const enter = (index: number): void => {
    met ||= subprograms[index].hasTailCall;
    stack.push({ index, next: 0, met });
  };
  enter(0);
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
  return reachable;
}

/** Functions that each function calls or takes the address of, in instruction order. */
function calledFunctions(prepared: Prepared): number[][] {
  return prepared.subprograms.map(({ start, end }) => {
    const callees: number[] = [];
    for (let at = start; at < end; at++) if (prepared.calleeOf[at] >= 0) callees.push(prepared.calleeOf[at]);
    return callees;
  });
}

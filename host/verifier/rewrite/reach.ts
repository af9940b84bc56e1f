import { Errno, VerifierError } from '../verifier-error.js';
import { GOTOL, type InsnStream, NO_TARGET } from './stream.js';

/** Slots that a branch reaches forward; one less than it reaches back. */
export const REACH = 0x7fff;

/**
 * Refuses the code when a branch no longer reaches its target. The kernel replaces one instruction after the other:
 * it names the one whose replacement was too much. `entries`: where each slot of the input went.
 */
export function checkReach(input: InsnStream, entries: Int32Array): void {
  let first = input.length;
  for (let from = 0; from < input.length; from++) {
    const target = input.target[from];
    if (target === NO_TARGET || input.code[from] === GOTOL || input.leadsToFunction(from)) continue;
    const distance = entries[target] - entries[from] - 1;
    if (distance > REACH || distance < -REACH - 1)
      first = Math.min(first, breakingPoint(entries, from, target));
  }
  if (first === input.length) return;
  const insn = input.origin[first];
  throw new VerifierError(Errno.ENOMEM, `insn ${insn} cannot be patched due to 16-bit range`, insn, []);
}

/** The slot whose growth, added to that of the slots before it, takes a branch out of reach; past the end: none does. */
function breakingPoint(entries: Int32Array, from: number, target: number): number {
  const isForward = target > from;
  const [low, high] = isForward ? [from + 1, target] : [target, from];
  const room = isForward ? REACH : REACH + 1;
  let distance = isForward ? target - from - 1 : from - target + 1;
  for (let at = low; at < high; at++) {
    distance += entries[at + 1] - entries[at] - 1;
    if (distance > room) return at;
  }
  return entries.length - 1;
}

import { BPF_PSEUDO_CALL } from '../../../assembly/isa.js';
import type { InsnIndex } from '../../quantities.js';
import { changesPacket } from '../call/packet-changes.js';
import { CALL } from '../rewrite/stream.js';
import type { Prepass } from './prepass.js';

/** By function: whether it, or a function that it calls, calls a helper that may change packet data. */
export function packetChangers(
  { stream, count }: Prepass,
  starts: readonly InsnIndex[],
  calleeOf: Int32Array,
): boolean[] {
  const changing = starts.map(() => false);
  const callers: Set<number>[] = starts.map(() => new Set());
  starts.forEach((start, index) => {
    const end = starts[index + 1] ?? count;
    for (let at = start; at < end; at++) {
      if (stream.code[at] !== CALL) continue;
      if (stream.src[at] === 0 && changesPacket(stream.imm[at])) changing[index] = true;
      if (stream.src[at] === BPF_PSEUDO_CALL && calleeOf[at] >= 0) callers[calleeOf[at]].add(index);
    }
  });
  const open = changing.flatMap((changes, index) => (changes ? [index] : []));
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    for (const caller of callers[index]) {
      if (changing[caller]) continue;
      changing[caller] = true;
      open.push(caller);
    }
  }
  return changing;
}

import {
  BPF_CALL,
  BPF_EXIT,
  BPF_JMP,
  BPF_JMP32,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
} from '../../../assembly/isa.js';
import type { InsnIndex } from '../../quantities.js';
import type { Kfunc } from '../prepared.js';
import { isPacketLoad } from '../rewrite/packet-load.js';
import { CALL, EXIT, GOTOL, JA, LD_IMM64 } from '../rewrite/stream.js';
import { Errno } from '../verifier-error.js';
import { KernelCalls } from './kernel-calls.js';
import type { Prepass } from './prepass.js';

const MAX_SUBPROGRAMS = 256;
const HELPER_TAIL_CALL = 12;

/** Starts of the functions, and the kernel functions that are called. */
export interface Collected {
  readonly starts: number[];
  /** By {@link kfuncKey}. */
  readonly kfuncs: ReadonlyMap<number, Kfunc>;
}

/** Finds functions by the calls and loads that name them, and kernel functions by their BTF ids. */
export function collectSubprograms(pass: Prepass, exceptionCallback: InsnIndex | null): Collected {
  const { stream } = pass;
  const starts = new Set<number>([0]);
  const kfuncs = new KernelCalls(pass);
  if (exceptionCallback !== null) starts.add(exceptionCallback);
  for (let at = 0; at < pass.count; at++) {
    const isCall = stream.code[at] === CALL;
    const isFunction =
      (isCall && stream.src[at] === BPF_PSEUDO_CALL) ||
      (stream.code[at] === LD_IMM64 && stream.src[at] === BPF_PSEUDO_FUNC);
    const isKfunc = isCall && stream.src[at] === BPF_PSEUDO_KFUNC_CALL;
    if (!isFunction && !isKfunc) continue;
    if (!pass.privileged) {
      const text = 'loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN';
      pass.fail(Errno.EPERM, text, at);
    }
    if (isKfunc) kfuncs.add(at);
    else addSubprogram(pass, at, starts);
  }
  const sorted = [...starts].sort((a, b) => a - b);
  sorted.forEach((start, index) => pass.trace(`func#${index} @${start}`));
  return { starts: sorted, kfuncs: kfuncs.found };
}

function addSubprogram(pass: Prepass, at: InsnIndex, starts: Set<number>): void {
  const target = pass.stream.target[at];
  if (target < 0 || target >= pass.count) pass.fail(Errno.EINVAL, 'call to invalid destination', at);
  if (starts.has(target)) return;
  if (starts.size >= MAX_SUBPROGRAMS) pass.fail(Errno.E2BIG, 'too many subprograms', at);
  starts.add(target);
}

/** What the layout check notes about a function. */
export interface Traits {
  hasTailCall: boolean;
  hasLdAbs: boolean;
}

/** Branches stay in their function; a function ends where nothing falls out of it. */
export function checkLayout(pass: Prepass, starts: readonly number[]): Traits[] {
  const { stream, count } = pass;
  return starts.map((start, index) => {
    const end = starts[index + 1] ?? count;
    const traits = { hasTailCall: false, hasLdAbs: false };
    for (let at = start; at < end; at++) {
      const code = stream.code[at];
      const isHelper = code === CALL && stream.src[at] === 0;
      if (isHelper && stream.imm[at] === HELPER_TAIL_CALL) traits.hasTailCall = true;
      if (isPacketLoad(code)) traits.hasLdAbs = true;
      // Opcode 0xf0 has no meaning; it is refused later, for what it is.
      const target = (code & 0xf0) === 0xf0 ? at + 1 + stream.off[at] : stream.target[at];
      if (isBranch(code) && (target < start || target >= end)) {
        pass.fail(Errno.EINVAL, `jump out of range from insn ${at} to ${target}`, at);
      }
    }
    const last = stream.code[end - 1];
    if (last !== EXIT && last !== GOTOL && last !== JA) {
      pass.fail(Errno.EINVAL, 'last insn is not an exit or jmp', end - 1);
    }
    return traits;
  });
}

function isBranch(code: number): boolean {
  const cls = code & 7;
  const op = code & 0xf0;
  return (cls === BPF_JMP || cls === BPF_JMP32) && op !== BPF_CALL && op !== BPF_EXIT;
}

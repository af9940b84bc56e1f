import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_DW,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MOV,
  BPF_PROBE_ATOMIC,
  BPF_ST,
  BPF_STX,
  BPF_W,
  BPF_X,
} from '../../../assembly/isa.js';
import type { InsnIndex } from '../../quantities.js';
import { type Code, Pass } from './pass.js';
import { type InsnStream, NO_TARGET } from './stream.js';

/** A 32-bit compare-and-exchange leaves the upper half of r0 as it was when the comparison succeeds. */
function isCompareExchange32(stream: InsnStream, at: InsnIndex): boolean {
  const code = stream.code[at];
  return (
    (code === (BPF_STX | BPF_ATOMIC | BPF_W) || code === (BPF_STX | BPF_PROBE_ATOMIC | BPF_W)) &&
    stream.imm[at] === BPF_CMPXCHG
  );
}

/** Puts `w0 = w0` (marked by imm 1) after each 32-bit compare-and-exchange whose r0 is read as 64 bits. */
export function zeroExtend(code: Code): Code {
  const { stream } = code;
  let any = false;
  for (let at = 0; at < stream.length && !any; at++) any = isCompareExchange32(stream, at);
  if (!any) return code;
  const wide = wideReads(stream);
  return Pass.run(code, (pass, at) => {
    pass.copy();
    if (isCompareExchange32(stream, at) && wide[at + 1] === 1)
      pass.insn(BPF_ALU | BPF_MOV | BPF_X, 0, 0, 0, 1);
  });
}

/** For each slot: may r0, as it is there, be read as 64 bits before it is set again? */
function wideReads(stream: InsnStream): Uint8Array {
  const wide = new Uint8Array(stream.length + 1);
  const jumpsTo = incomingBranches(stream);
  const work: number[] = [];
  const mark = (at: number): void => {
    if (wide[at] === 0) {
      wide[at] = 1;
      work.push(at);
    }
  };
  for (let at = 0; at < stream.length; at++) if (readsWide(stream, at)) mark(at);
  for (let at = work.pop(); at !== undefined; at = work.pop()) {
    if (at > 0 && fallsThrough(stream, at - 1) && !setsR0(stream, at - 1)) mark(at - 1);
    for (let from = jumpsTo.first[at]; from !== NO_TARGET; from = jumpsTo.next[from]) mark(from);
  }
  return wide;
}

/** Branches to each slot, as chains. */
function incomingBranches(stream: InsnStream): { first: Int32Array; next: Int32Array } {
  const first = new Int32Array(stream.length + 1).fill(NO_TARGET);
  const next = new Int32Array(stream.length + 1).fill(NO_TARGET);
  for (let at = 0; at < stream.length; at++) {
    const target = stream.target[at];
    if (target < 0 || stream.leadsToFunction(at)) continue;
    next[at] = first[target];
    first[target] = at;
  }
  return { first, next };
}

function fallsThrough(stream: InsnStream, at: InsnIndex): boolean {
  const cls = stream.code[at] & 7;
  const op = stream.code[at] & 0xf0;
  if (cls !== BPF_JMP && cls !== BPF_JMP32) return true;
  return op !== BPF_JA && op !== BPF_EXIT;
}

function setsR0(stream: InsnStream, at: InsnIndex): boolean {
  const code = stream.code[at];
  switch (code & 7) {
    case BPF_LD:
    case BPF_LDX:
    case BPF_ALU:
    case BPF_ALU64:
      return stream.dst[at] === 0 && code !== 0;
    case BPF_STX: {
      const mode = code & 0xe0;
      if (mode !== BPF_ATOMIC && mode !== BPF_PROBE_ATOMIC) return false;
      if (stream.imm[at] === BPF_CMPXCHG) return true;
      return (stream.imm[at] & BPF_FETCH) !== 0 && stream.src[at] === 0;
    }
    case BPF_JMP:
      return (code & 0xf0) === BPF_CALL;
    default:
      return false;
  }
}

function readsWide(stream: InsnStream, at: InsnIndex): boolean {
  const code = stream.code[at];
  const op = code & 0xf0;
  const isDst = stream.dst[at] === 0;
  const isSrc = stream.src[at] === 0;
  switch (code & 7) {
    case BPF_ALU64:
      if (op === BPF_END) return isDst && stream.imm[at] === 64;
      return (isDst && op !== BPF_MOV) || ((code & BPF_X) !== 0 && isSrc);
    case BPF_ALU:
      return op === BPF_END && isDst && stream.imm[at] === 64;
    case BPF_JMP:
      if (op === BPF_EXIT) return true;
      if (op === BPF_CALL || op === BPF_JA || op >= 0xe0) return false;
      return isDst || ((code & BPF_X) !== 0 && isSrc);
    case BPF_LDX:
      return isSrc;
    case BPF_ST:
      return isDst;
    case BPF_STX:
      return isDst || (isSrc && (code & 0x18) === BPF_DW) || comparesWide(stream, at);
    default:
      return false;
  }
}

function comparesWide(stream: InsnStream, at: InsnIndex): boolean {
  const mode = stream.code[at] & 0xe0;
  return (
    (mode === BPF_ATOMIC || mode === BPF_PROBE_ATOMIC) &&
    (stream.code[at] & 0x18) === BPF_DW &&
    stream.imm[at] === BPF_CMPXCHG
  );
}

// Atomic operations (RFC 9669 section 5.3). One thread runs a guest, so each is a plain read, modify, write.
import {
  BPF_ADD,
  BPF_AND,
  BPF_CMPXCHG,
  BPF_FETCH,
  BPF_OR,
  BPF_REG_FP,
  BPF_XCHG,
  BPF_XOR,
} from '../../assembly/isa.js';
import type { CodeWriter } from './code-writer.js';
import type { Insn } from './insn.js';
import * as W from './opcodes.js';
import type { Locals } from './registers.js';

const COMBINE = new Map<number, number>([
  [BPF_ADD, W.I64_ADD],
  [BPF_OR, W.I64_OR],
  [BPF_AND, W.I64_AND],
  [BPF_XOR, W.I64_XOR],
]);

export function isAtomic(insn: Insn): boolean {
  const { imm, src, widthLog } = insn;
  if (widthLog < 2) return false;
  if ((imm & BPF_FETCH) !== 0 && src === BPF_REG_FP && imm !== BPF_CMPXCHG) return false;
  return imm === BPF_XCHG || imm === BPF_CMPXCHG || COMBINE.has(imm & ~BPF_FETCH);
}

/** The operation at the linear address in the place local. */
export function atomicAt(
  out: CodeWriter,
  locals: Locals,
  insn: Insn,
  push: (register: number) => void,
  pop: (register: number) => void,
): void {
  const { imm, src } = insn;
  const wide = insn.widthLog === 3;
  const stored = wide ? W.I64_STORE : W.I64_STORE32;
  const old = locals.value;
  out.get(locals.place);
  out.memory(wide ? W.I64_LOAD : W.I64_LOAD32_U, 0);
  out.set(old);
  if (imm === BPF_CMPXCHG) {
    out.get(old);
    push(0);
    if (!wide) {
      out.wrap();
      out.extend();
    }
    out.u8(W.I64_EQ);
    out.op(W.IF, W.VOID);
    out.get(locals.place);
    push(src);
    out.memory(stored, 0);
    out.u8(W.END);
    out.get(old);
    return pop(0);
  }
  out.get(locals.place);
  const combine = imm === BPF_XCHG ? undefined : COMBINE.get(imm & ~BPF_FETCH);
  if (combine !== undefined) out.get(old);
  push(src);
  if (combine !== undefined) out.u8(combine);
  out.memory(stored, 0);
  if ((imm & BPF_FETCH) === 0) return;
  out.get(old);
  pop(src);
}

// Conditions of jumps (RFC 9669 section 4.3).
import * as I from '../../assembly/isa.js';
import type { CodeWriter } from './code-writer.js';
import type { Insn } from './insn.js';
import * as W from './opcodes.js';

const COMPARE = new Map<number, readonly [number, number]>([
  [I.BPF_JEQ, [W.I64_EQ, W.I32_EQ]],
  [I.BPF_JNE, [W.I64_NE, W.I32_NE]],
  [I.BPF_JGT, [W.I64_GT_U, W.I32_GT_U]],
  [I.BPF_JGE, [W.I64_GE_U, W.I32_GE_U]],
  [I.BPF_JLT, [W.I64_LT_U, W.I32_LT_U]],
  [I.BPF_JLE, [W.I64_LE_U, W.I32_LE_U]],
  [I.BPF_JSGT, [W.I64_GT_S, W.I32_GT_S]],
  [I.BPF_JSGE, [W.I64_GE_S, W.I32_GE_S]],
  [I.BPF_JSLT, [W.I64_LT_S, W.I32_LT_S]],
  [I.BPF_JSLE, [W.I64_LE_S, W.I32_LE_S]],
]);

export function isCondition(operation: number): boolean {
  return operation === I.BPF_JSET || COMPARE.has(operation);
}

/** Puts whether a conditional jump is taken on the stack. */
export function condition(out: CodeWriter, insn: Insn, push: (register: number) => void): void {
  const wide = insn.klass === I.BPF_JMP;
  push(insn.dst);
  if (!wide) out.wrap();
  const isZero = !insn.isX && insn.imm === 0;
  if (isZero && insn.operation === I.BPF_JEQ) return out.u8(wide ? W.I64_EQZ : W.I32_EQZ);
  if (isZero && insn.operation === I.BPF_JNE && !wide) return;
  if (insn.isX) {
    push(insn.src);
    if (!wide) out.wrap();
  } else if (wide) out.i64(insn.imm);
  else out.i32(insn.imm);
  const half = wide ? 0 : 1;
  const compare = COMPARE.get(insn.operation);
  if (compare) return out.u8(compare[half]);
  out.u8(wide ? W.I64_AND : W.I32_AND);
  if (!wide) return;
  out.i64(0);
  out.u8(W.I64_NE);
}

import type { CodeWriter } from './code-writer.js';
import * as W from './opcodes.js';

const VECTOR_BYTES = 16;
/** A swizzle gives 0 for it. */
const OUT_OF_RANGE = 0x80;

/** Reverses the lowest bytes of the number on the stack and zeroes those above them. */
export function swapBytes(out: CodeWriter, bytes: number): void {
  out.simd(W.I64X2_SPLAT);
  out.simd(W.V128_CONST);
  for (let at = 0; at < VECTOR_BYTES; at++) out.u8(at < bytes ? bytes - 1 - at : OUT_OF_RANGE);
  out.simd(W.I8X16_SWIZZLE);
  out.simd(W.I64X2_EXTRACT_LANE);
  out.u8(0);
}

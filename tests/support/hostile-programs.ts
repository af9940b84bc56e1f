import { code, insn } from './interp.js';

const movImm = (dst: number, imm: number): Uint8Array => insn(0xb7, dst, 0, 0, imm);
const addImm = (dst: number, imm: number): Uint8Array => insn(0x07, dst, 0, 0, imm);
const orImm = (dst: number, imm: number): Uint8Array => insn(0x47, dst, 0, 0, imm);
const exit = insn(0x95);
const random = insn(0x85, 0, 0, 0, 7);

function repeat(count: number, part: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(count * part.length);
  for (let i = 0; i < count; i++) bytes.set(part, i * part.length);
  return bytes;
}

/** A loop of more rounds than are followed: each has another constant. */
export const countingLoop = (): Uint8Array =>
  code(movImm(0, 0), addImm(0, 1), insn(0xa5, 0, 0, -2, 0x7fffffff), exit);

/** Branches whose two ways leave different bits in a constant that is then compared: 2 to the n paths. */
export function branchBomb(count: number): Uint8Array {
  const parts: Uint8Array[] = [movImm(6, 0)];
  for (let i = 0; i < count; i++) parts.push(random, insn(0x15, 0, 0, 1, 0), orImm(6, 1 << (i % 30)));
  // A forgotten r6 would be the same on all paths.
  parts.push(insn(0x15, 6, 0, 0, 0x40000000), movImm(0, 0), exit);
  return code(...parts);
}

/** More branches one after the other than may wait. */
export function branchChain(count: number): Uint8Array {
  return code(
    random,
    insn(0xbf, 6, 0),
    repeat(count, insn(0x15, 6, 0, 1, 3)),
    movImm(0, 0),
    movImm(0, 0),
    exit,
  );
}

/** Each function calls the next one `calls` times; the last one does nothing. */
export function callTree(depth: number, calls: number): Uint8Array {
  const size = calls + 2;
  const parts: Uint8Array[] = [];
  for (let level = 0; level < depth; level++) {
    for (let i = 0; i < calls; i++) parts.push(insn(0x85, 0, 1, 0, size - i - 1));
    parts.push(movImm(0, 0), exit);
  }
  parts.push(movImm(0, 0), exit);
  return code(...parts);
}

/** Functions with a frame of `bytes` each, each calling the next. */
export function stackTower(depth: number, bytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let level = 0; level < depth; level++) {
    parts.push(insn(0x7a, 10, 0, -bytes, 0));
    if (level < depth - 1) parts.push(insn(0x85, 0, 1, 0, 2));
    parts.push(movImm(0, 0), exit);
  }
  return code(...parts);
}

/** Jumps to the next instruction. */
export const jumps = (count: number): Uint8Array => code(repeat(count, insn(0x05)), movImm(0, 0), exit);

/** A frame full of spilled unknown scalars, and then a branch bomb over them. */
export function fullStacks(branches: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let slot = 1; slot <= 64; slot++) parts.push(random, insn(0x7b, 10, 0, -8 * slot));
  for (let i = 0; i < branches; i++) {
    parts.push(
      insn(0x79, 0, 10, -8 * (1 + (i % 64))),
      insn(0x25, 0, 0, 1, i),
      insn(0x7a, 10, 0, -8 * (1 + (i % 63)), i),
    );
  }
  parts.push(movImm(0, 0), exit);
  return code(...parts);
}

/** may_goto loops, each within the one before, that add to a scalar which is needed exactly. */
export function mayGotoStorm(depth: number): Uint8Array {
  // Each level: may_goto out, body of the next level, jump back.
  let inner = code(addImm(6, 1), insn(0x15, 6, 0, 0, 0x40000000));
  for (let level = 0; level < depth; level++) {
    const size = inner.length / 8;
    inner = code(insn(0xe5, 0, 0, size + 1), inner, insn(0x05, 0, 0, -(size + 2)));
  }
  return code(movImm(6, 0), inner, movImm(0, 0), exit);
}

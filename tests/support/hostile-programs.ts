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

/** Instructions one after the other. */
export const linear = (count: number): Uint8Array =>
  code(movImm(0, 0), repeat(count, insn(0x07, 0, 0, 0, 1)), exit);

/** Calls as deep as they may be, a frame full of unknown scalars in each, and then many paths. */
export function fullFrames(depth: number, slots: number, branches: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let level = 0; level < depth; level++) {
    for (let slot = 1; slot <= slots; slot++) parts.push(random, insn(0x7b, 10, 0, -8 * slot));
    if (level < depth - 1) parts.push(insn(0x85, 0, 1, 0, 2), movImm(0, 0), exit);
  }
  parts.push(random, insn(0xbf, 6, 0));
  for (let i = 0; i < branches; i++) {
    parts.push(insn(0x25, 6, 0, 1, i), insn(0x7a, 10, 0, -8 * (1 + (i % slots)), i));
  }
  parts.push(movImm(0, 0), exit);
  return code(...parts);
}

/** Scalars in all registers and slots that are the same at distances, and comparisons that tell about all. */
export function links(branches: number): Uint8Array {
  const parts: Uint8Array[] = [random, insn(0xbf, 6, 0)];
  for (let slot = 1; slot <= 64; slot++) parts.push(insn(0x7b, 10, 6, -8 * slot));
  for (let i = 0; i < branches; i++) {
    parts.push(insn(0xbf, 7, 6), addImm(7, i), insn(0xbf, 8, 7), addImm(8, 1), insn(0x7b, 10, 8, -8));
    parts.push(insn(0x55, 8, 0, 1, i * 3), movImm(9, i), insn(0x79, 6, 10, -8 * (1 + (i % 64))));
  }
  parts.push(movImm(0, 0), exit);
  return code(...parts);
}

/** Loads from packets, whose results nothing before tells: each time one counts, all scalars of the path do. */
export function lostTracks(count: number): Uint8Array {
  const once = code(insn(0x30), insn(0x57), insn(0x15, 0, 0, 0, 0), insn(0x15, 0, 0, 0, 1));
  return code(insn(0xbf, 6, 1), repeat(count, once), movImm(0, 0), exit);
}

/** Long ways without a jump, each ending in a question about what came first. */
export function longWays(length: number): Uint8Array {
  const parts: Uint8Array[] = [movImm(6, 0), movImm(7, 0)];
  const body = repeat(length, code(insn(0xbf, 8, 6), insn(0xbf, 6, 8)));
  parts.push(addImm(6, 1), body, insn(0xa5, 6, 0, -(body.length / 8 + 2), 0x7fffffff), movImm(0, 0), exit);
  return code(...parts);
}

/** Text of a program that takes a record of a ring buffer again and again and gives none back. */
export const heldRecords = (count: number): string =>
  `${'r1 = map_fd 0\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\n'.repeat(count)}r0 = 0\nexit`;

/** Text of number iterators, each within the one before, with a count of the rounds that is needed exactly. */
export function iteratorStorm(depth: number): string {
  let body = 'r6 += 1\nif r6 == 0x40000000 goto +0\n';
  for (let level = 0; level < depth; level++) {
    const at = `r1 = r10\nr1 += ${-8 * (level + 1)}\n`;
    body = `${at}r2 = 0\nr3 = 100\ncall kfunc bpf_iter_num_new
      again${level}: ${at}call kfunc bpf_iter_num_next\nif r0 == 0x0 goto done${level}
      ${body}goto again${level}
      done${level}: ${at}call kfunc bpf_iter_num_destroy\n`;
  }
  return `r6 = 0\n${body}r0 = 0\nexit`;
}

/** Text of callbacks that call back, with a count in the main program's stack that is needed exactly. */
export function callbackStorm(depth: number): string {
  const call = (level: number): string => `r1 = 100\nr2 = func f${level}\nr3 = r6\nr4 = 0\ncall bpf_loop\n`;
  const functions = Array.from({ length: depth }, (_, level) => {
    const inner = level + 1 < depth ? call(level + 1) : '';
    const count = 'r1 = *(u64 *)(r6 +0)\nr1 += 1\n*(u64 *)(r6 +0) = r1\nif r1 == 0x40000000 goto +0\n';
    return `f${level}: r6 = r2\n${count}${inner}r0 = 0\nexit\n`;
  });
  return `r6 = r10\nr6 += -8\n*(u64 *)(r10 -8) = 0\n${call(0)}r0 = 0\nexit\n${functions.join('')}`;
}

/** Declarations for {@link callbackStorm}. */
export const callbackTypes = (depth: number): string =>
  `int main(u64 a); ${Array.from({ length: depth }, (_, level) => `static u64 f${level}(u64 i, u64 c);`).join(' ')}`;

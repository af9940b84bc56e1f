import type { Random } from '../../support/random.js';

const EDGES = [
  0n,
  1n,
  2n,
  7n,
  0x7fn,
  0x80n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  1n << 32n,
  1n << 63n,
];

/** A 64-bit number: small, at the edge of a width, or any. */
export function number64(random: Random): bigint {
  const kind = random.below(4);
  if (kind === 0) return BigInt(random.below(16));
  if (kind === 3) return random.u64();
  const edge = random.pick(EDGES);
  return BigInt.asUintN(64, random.below(2) === 0 ? edge : -edge);
}

/** The immediate of an instruction. */
export function number32(random: Random): number {
  const kind = random.below(4);
  if (kind === 0) return random.below(64) - 16;
  if (kind === 1) return random.pick([0, 1, -1, 0x7f, -0x80, 0x7fffffff, -0x80000000]);
  return random.u32() | 0;
}

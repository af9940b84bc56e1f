/** Internet checksum arithmetic (RFC 1071) over little-endian words, as the kernel keeps it. */

/** Adds bytes to a 32-bit unfolded sum. */
export function checksumAdd(bytes: Uint8Array, seed: number): number {
  let sum = BigInt(seed >>> 0);
  for (let at = 0; at < bytes.length; at += 2) sum += BigInt(bytes[at]! | ((bytes[at + 1] ?? 0) << 8));
  while (sum > 0xffffffffn) sum = (sum & 0xffffffffn) + (sum >> 32n);
  return Number(sum);
}

/** Sum of two unfolded sums, with the carry added in. */
export function checksumSum(a: number, b: number): number {
  const sum = (a >>> 0) + (b >>> 0);
  return sum > 0xffffffff ? (sum - 0xffffffff) >>> 0 : sum >>> 0;
}

/** 16 bits, not complemented. */
export function checksumFold(sum: number): number {
  let folded = sum >>> 0;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** The checksum field after the data it covers changed by `difference` (an unfolded sum). */
export function checksumReplace(field: number, difference: number): number {
  return ~checksumFold(checksumSum(~field & 0xffff, difference)) & 0xffff;
}

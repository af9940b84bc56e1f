// What x86-64 arithmetic answers, in BigInt (Intel SDM vol. 2). Flags an instruction leaves undefined are not given.

export const CF = 1n;
export const PF = 4n;
export const AF = 16n;
export const ZF = 64n;
export const SF = 128n;
export const OF = 2048n;
const ALL = CF | PF | AF | ZF | SF | OF;

export interface Outcome {
  readonly value: bigint;
  readonly flags: bigint;
  /** Flags that the instruction defines; the others are not to be compared. */
  readonly defined: bigint;
}

const mask = (bits: bigint): bigint => (1n << bits) - 1n;
const isNegative = (value: bigint, bits: bigint): boolean => ((value >> (bits - 1n)) & 1n) === 1n;

function parity(value: bigint): bigint {
  let ones = 0;
  for (let bit = 0n; bit < 8n; bit++) if ((value >> bit) & 1n) ones++;
  return ones % 2 === 0 ? PF : 0n;
}

/** ZF, SF and PF of a result. */
function resultFlags(value: bigint, bits: bigint): bigint {
  return (value === 0n ? ZF : 0n) | (isNegative(value, bits) ? SF : 0n) | parity(value);
}

function overflow(exact: bigint, bits: bigint): bigint {
  return exact !== BigInt.asIntN(Number(bits), exact) ? OF : 0n;
}

const signed = (value: bigint, bits: bigint): bigint => BigInt.asIntN(Number(bits), value);

export function add(x: bigint, y: bigint, bits: bigint): Outcome {
  const value = (x + y) & mask(bits);
  const carry = x + y > mask(bits) ? CF : 0n;
  const half = (x & 15n) + (y & 15n) > 15n ? AF : 0n;
  const flags = carry | half | overflow(signed(x, bits) + signed(y, bits), bits) | resultFlags(value, bits);
  return { value, flags, defined: ALL };
}

export function sub(x: bigint, y: bigint, bits: bigint): Outcome {
  const value = (x - y) & mask(bits);
  const borrow = x < y ? CF : 0n;
  const half = (x & 15n) < (y & 15n) ? AF : 0n;
  const flags = borrow | half | overflow(signed(x, bits) - signed(y, bits), bits) | resultFlags(value, bits);
  return { value, flags, defined: ALL };
}

export function logic(value: bigint, bits: bigint): Outcome {
  return { value, flags: resultFlags(value, bits), defined: ALL & ~AF };
}

export type ShiftKind = 'shl' | 'shr' | 'sar';

/** A count of 0 (masked) changes nothing and defines nothing. */
export function shift(kind: ShiftKind, x: bigint, amount: bigint, bits: bigint): Outcome {
  const count = amount & (bits === 64n ? 63n : 31n);
  if (count === 0n) return { value: x, flags: 0n, defined: 0n };
  const wide = kind === 'sar' ? signed(x, bits) : x;
  const value = (kind === 'shl' ? wide << count : wide >> count) & mask(bits);
  const out = kind === 'shl' ? (x >> (bits - count)) & 1n : (wide >> (count - 1n)) & 1n;
  const hasCarry = kind === 'sar' || count <= bits;
  const one = {
    shl: isNegative(value, bits) !== (out === 1n),
    shr: isNegative(x, bits),
    sar: false,
  }[kind];
  const flags = (out === 1n ? CF : 0n) | (one ? OF : 0n) | resultFlags(value, bits);
  return { value, flags, defined: ZF | SF | PF | (hasCarry ? CF : 0n) | (count === 1n ? OF : 0n) };
}

export function imul(x: bigint, y: bigint, bits: bigint): Outcome {
  const exact = signed(x, bits) * signed(y, bits);
  const lost = overflow(exact, bits) === 0n ? 0n : CF | OF;
  return { value: exact & mask(bits), flags: lost, defined: CF | OF };
}

export interface WideProduct {
  readonly low: bigint;
  readonly high: bigint;
  readonly flags: bigint;
}

export function wideMul(x: bigint, y: bigint, bits: bigint, isSigned: boolean): WideProduct {
  const exact = isSigned ? signed(x, bits) * signed(y, bits) : x * y;
  const low = exact & mask(bits);
  const high = (exact >> bits) & mask(bits);
  const spill = isSigned ? overflow(exact, bits) !== 0n : high !== 0n;
  return { low, high, flags: spill ? CF | OF : 0n };
}

/** Quotient and remainder of high:low / y, or null: divide error. */
export function divide(
  high: bigint,
  low: bigint,
  y: bigint,
  bits: bigint,
  isSigned: boolean,
): { quotient: bigint; remainder: bigint } | null {
  const whole = (high << bits) | low;
  const dividend = isSigned ? signed(whole, bits * 2n) : whole;
  const divisor = isSigned ? signed(y, bits) : y;
  if (divisor === 0n) return null;
  const quotient = dividend / divisor;
  const fits = isSigned ? overflow(quotient, bits) === 0n : quotient <= mask(bits);
  if (!fits) return null;
  return { quotient: quotient & mask(bits), remainder: (dividend % divisor) & mask(bits) };
}

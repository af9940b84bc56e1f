// 128-bit products and quotients (Intel SDM vol. 2: MUL, IMUL, DIV, IDIV).

/** Quotient and remainder of the last division that answered true. */
export let quotient: u64 = 0;
export let remainder: u64 = 0;

/** High half of the unsigned product. */
export function mulHigh(x: u64, y: u64): u64 {
  const x0 = x & 0xffffffff;
  const x1 = x >> 32;
  const y0 = y & 0xffffffff;
  const y1 = y >> 32;
  const middle = x1 * y0 + ((x0 * y0) >> 32);
  const carry = (middle & 0xffffffff) + x0 * y1;
  return x1 * y1 + (middle >> 32) + (carry >> 32);
}

/** High half of the signed product. */
export function mulHighSigned(x: u64, y: u64): u64 {
  let high = mulHigh(x, y);
  if (<i64>x < 0) high -= y;
  if (<i64>y < 0) high -= x;
  return high;
}

/** high:low / divisor, unsigned; false when the quotient does not fit (divide error). */
export function divide(high: u64, low: u64, divisor: u64): bool {
  if (high >= divisor) return false;
  if (high === 0) {
    quotient = low / divisor;
    remainder = low % divisor;
    return true;
  }
  let rest = high;
  let q: u64 = 0;
  for (let bit = 63; bit >= 0; bit--) {
    const carried = <i64>rest < 0;
    rest = (rest << 1) | ((low >> (<u64>bit)) & 1);
    q <<= 1;
    if (carried || rest >= divisor) {
      rest -= divisor;
      q |= 1;
    }
  }
  quotient = q;
  remainder = rest;
  return true;
}

/** high:low / divisor, signed, truncated towards zero; false when the quotient does not fit. */
export function divideSigned(high: u64, low: u64, divisor: u64): bool {
  const negative = <i64>high < 0;
  const opposite = negative !== <i64>divisor < 0;
  if (negative) {
    low = 0 - low;
    high = ~high + (low === 0 ? 1 : 0);
  }
  if (!divide(high, low, <i64>divisor < 0 ? 0 - divisor : divisor)) return false;
  if (opposite ? quotient > 0x8000000000000000 : quotient > 0x7fffffffffffffff) return false;
  if (opposite) quotient = 0 - quotient;
  if (negative) remainder = 0 - remainder;
  return true;
}

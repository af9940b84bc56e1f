// Signed division of RFC 9669 section 4.1: a zero divisor gives 0 (quotient) or the dividend (remainder), and the
// smallest number divided by -1 is itself.

export function signedDiv64(a: u64, b: u64): u64 {
  if (b === 0) return 0;
  if (b === <u64>-1) return 0 - a;
  return <u64>(<i64>a / <i64>b);
}

export function signedMod64(a: u64, b: u64): u64 {
  if (b === 0) return a;
  if (b === <u64>-1) return 0;
  return <u64>(<i64>a % <i64>b);
}

export function signedDiv32(a: u32, b: u32): u32 {
  if (b === 0) return 0;
  if (b === <u32>-1) return 0 - a;
  return <u32>(<i32>a / <i32>b);
}

export function signedMod32(a: u32, b: u32): u32 {
  if (b === 0) return a;
  if (b === <u32>-1) return 0;
  return <u32>(<i32>a % <i32>b);
}

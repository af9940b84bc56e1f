// Tristate numbers: a bit is known when its mask bit is 0, and then has the value's bit. Results of operations are
// left in tnumValue and tnumMask.

export let tnumValue: u64 = 0;
export let tnumMask: u64 = 0;

export function tnumSet(value: u64, mask: u64): void {
  tnumValue = value;
  tnumMask = mask;
}

/** Smallest tnum that holds every number of [min, max]. */
export function tnumRange(min: u64, max: u64): void {
  const differing = min ^ max;
  const bits = 64 - clz<u64>(differing);
  if (bits > 63) {
    tnumValue = 0;
    tnumMask = ~(<u64>0);
    return;
  }
  const delta = ((<u64>1) << bits) - 1;
  tnumValue = min & ~delta;
  tnumMask = delta;
}

export function tnumLsh(value: u64, mask: u64, amount: u64): void {
  tnumValue = value << amount;
  tnumMask = mask << amount;
}

export function tnumRsh(value: u64, mask: u64, amount: u64): void {
  tnumValue = value >> amount;
  tnumMask = mask >> amount;
}

/** `width` is 32 or 64; 32-bit results have a zero upper half. */
export function tnumArsh(value: u64, mask: u64, amount: u64, width: i32): void {
  if (width === 32) {
    tnumValue = <u64>(<u32>((<i32>value) >> (<i32>amount)));
    tnumMask = <u64>(<u32>((<i32>mask) >> (<i32>amount)));
  } else {
    tnumValue = <u64>((<i64>value) >> (<i64>amount));
    tnumMask = <u64>((<i64>mask) >> (<i64>amount));
  }
}

export function tnumAdd(av: u64, am: u64, bv: u64, bm: u64): void {
  const sm = am + bm;
  const sv = av + bv;
  const sigma = sm + sv;
  const mu = (sigma ^ sv) | am | bm;
  tnumValue = sv & ~mu;
  tnumMask = mu;
}

export function tnumSub(av: u64, am: u64, bv: u64, bm: u64): void {
  const dv = av - bv;
  const alpha = dv + am;
  const beta = dv - bm;
  const mu = (alpha ^ beta) | am | bm;
  tnumValue = dv & ~mu;
  tnumMask = mu;
}

export function tnumAnd(av: u64, am: u64, bv: u64, bm: u64): void {
  const v = av & bv;
  tnumValue = v;
  tnumMask = (av | am) & (bv | bm) & ~v;
}

export function tnumOr(av: u64, am: u64, bv: u64, bm: u64): void {
  const v = av | bv;
  tnumValue = v;
  tnumMask = (am | bm) & ~v;
}

export function tnumXor(av: u64, am: u64, bv: u64, bm: u64): void {
  const mu = am | bm;
  tnumValue = (av ^ bv) & ~mu;
  tnumMask = mu;
}

/** Long multiplication over the bits of a; only the uncertainty is accumulated. */
export function tnumMul(av: u64, am: u64, bv: u64, bm: u64): void {
  const product = av * bv;
  tnumValue = 0;
  tnumMask = 0;
  while (av !== 0 || am !== 0) {
    if ((av & 1) !== 0) tnumAdd(tnumValue, tnumMask, 0, bm);
    else if ((am & 1) !== 0) tnumAdd(tnumValue, tnumMask, 0, bv | bm);
    av >>= 1;
    am >>= 1;
    bv <<= 1;
    bm <<= 1;
  }
  tnumAdd(product, 0, tnumValue, tnumMask);
}

export function tnumIntersect(av: u64, am: u64, bv: u64, bm: u64): void {
  const mu = am & bm;
  tnumValue = (av | bv) & ~mu;
  tnumMask = mu;
}

/** Whether every number of b is one of a. */
export function tnumIn(av: u64, am: u64, bv: u64, bm: u64): bool {
  if ((bm & ~am) !== 0) return false;
  return av === (bv & ~am);
}

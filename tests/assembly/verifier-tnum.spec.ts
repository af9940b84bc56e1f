import {
  tnumAdd,
  tnumAnd,
  tnumArsh,
  tnumIn,
  tnumIntersect,
  tnumLsh,
  tnumMask,
  tnumMul,
  tnumOr,
  tnumRange,
  tnumRsh,
  tnumSub,
  tnumValue,
  tnumXor,
} from '../../assembly/verifier/tnum';

// Every tnum of five bits against every number it stands for.
const LIMIT: u64 = 32;
const OPS = 6;

function holds(value: u64, mask: u64, x: u64): bool {
  return (x & ~mask) === value;
}

function apply(op: i32, av: u64, am: u64, bv: u64, bm: u64): void {
  if (op === 0) tnumAdd(av, am, bv, bm);
  else if (op === 1) tnumSub(av, am, bv, bm);
  else if (op === 2) tnumMul(av, am, bv, bm);
  else if (op === 3) tnumAnd(av, am, bv, bm);
  else if (op === 4) tnumOr(av, am, bv, bm);
  else tnumXor(av, am, bv, bm);
}

function concrete(op: i32, x: u64, y: u64): u64 {
  if (op === 0) return x + y;
  if (op === 1) return x - y;
  if (op === 2) return x * y;
  if (op === 3) return x & y;
  if (op === 4) return x | y;
  return x ^ y;
}

/** Pairs of tnums for which some result lies outside of op's answer. */
function unsound(op: i32): i32 {
  let wrong = 0;
  for (let av: u64 = 0; av < LIMIT; av++) {
    for (let am: u64 = 0; am < LIMIT; am++) {
      if ((av & am) !== 0) continue;
      for (let bv: u64 = 0; bv < LIMIT; bv++) {
        for (let bm: u64 = 0; bm < LIMIT; bm++) {
          if ((bv & bm) !== 0) continue;
          apply(op, av, am, bv, bm);
          const value = tnumValue;
          const mask = tnumMask;
          if ((value & mask) !== 0) wrong++;
          for (let x: u64 = 0; x < LIMIT; x++) {
            if (!holds(av, am, x)) continue;
            for (let y: u64 = 0; y < LIMIT; y++) {
              if (holds(bv, bm, y) && !holds(value, mask, concrete(op, x, y))) wrong++;
            }
          }
        }
      }
    }
  }
  return wrong;
}

/** Bits that op leaves unknown although all its results agree on them. */
function wasteful(op: i32): i32 {
  let wrong = 0;
  for (let av: u64 = 0; av < LIMIT; av++) {
    for (let am: u64 = 0; am < LIMIT; am++) {
      if ((av & am) !== 0) continue;
      for (let bv: u64 = 0; bv < LIMIT; bv++) {
        for (let bm: u64 = 0; bm < LIMIT; bm++) {
          if ((bv & bm) !== 0) continue;
          apply(op, av, am, bv, bm);
          let ones: u64 = u64.MAX_VALUE;
          let zeros: u64 = u64.MAX_VALUE;
          for (let x: u64 = 0; x < LIMIT; x++) {
            if (!holds(av, am, x)) continue;
            for (let y: u64 = 0; y < LIMIT; y++) {
              if (!holds(bv, bm, y)) continue;
              ones &= concrete(op, x, y);
              zeros &= ~concrete(op, x, y);
            }
          }
          if ((tnumMask & (ones | zeros)) !== 0) wrong++;
        }
      }
    }
  }
  return wrong;
}

function wrongRanges(): i32 {
  let wrong = 0;
  for (let min: u64 = 0; min < 32; min++) {
    for (let max: u64 = min; max < 32; max++) {
      tnumRange(min, max);
      for (let x = min; x <= max; x++) if (!holds(tnumValue, tnumMask, x)) wrong++;
      if (min === max && tnumMask !== 0) wrong++;
    }
  }
  return wrong;
}

function wrongSets(): i32 {
  let wrong = 0;
  for (let av: u64 = 0; av < LIMIT; av++) {
    for (let am: u64 = 0; am < LIMIT; am++) {
      if ((av & am) !== 0) continue;
      for (let bv: u64 = 0; bv < LIMIT; bv++) {
        for (let bm: u64 = 0; bm < LIMIT; bm++) {
          if ((bv & bm) !== 0) continue;
          tnumIntersect(av, am, bv, bm);
          let subset = true;
          for (let x: u64 = 0; x < LIMIT; x++) {
            if (!holds(bv, bm, x)) continue;
            if (!holds(av, am, x)) subset = false;
            else if (!holds(tnumValue, tnumMask, x)) wrong++;
          }
          if (tnumIn(av, am, bv, bm) !== subset) wrong++;
        }
      }
    }
  }
  return wrong;
}

function wrongShifts(): i32 {
  let wrong = 0;
  const high: u64 = (<u64>1) << 63;
  for (let v: u64 = 0; v < LIMIT; v++) {
    for (let m: u64 = 0; m < LIMIT; m++) {
      if ((v & m) !== 0) continue;
      for (let k: u64 = 0; k < 4; k++) {
        for (let x: u64 = 0; x < LIMIT; x++) {
          if (!holds(v, m, x)) continue;
          tnumLsh(v, m, k);
          if (!holds(tnumValue, tnumMask, x << k)) wrong++;
          tnumRsh(v, m, k);
          if (!holds(tnumValue, tnumMask, x >> k)) wrong++;
          tnumArsh(v | high, m, k, 64);
          if (!holds(tnumValue, tnumMask, <u64>((<i64>(x | high)) >> (<i64>k)))) wrong++;
          tnumArsh(v | 0x80000000, m, k, 32);
          if (!holds(tnumValue, tnumMask, <u64>(<u32>((<i32>(x | 0x80000000)) >> (<i32>k))))) wrong++;
        }
      }
    }
  }
  return wrong;
}

describe('tnum', () => {
  it('holds every result of +, -, *, &, | and ^ (all of five bits)', () => {
    for (let op = 0; op < OPS; op++) expect<i32>(unsound(op)).toBe(0);
  });

  it('loses no bit that +, -, &, | and ^ decide', () => {
    for (let op = 0; op < OPS; op++) if (op !== 2) expect<i32>(wasteful(op)).toBe(0);
  });

  it('holds every number of a range', () => {
    expect<i32>(wrongRanges()).toBe(0);
    tnumRange(0, u64.MAX_VALUE);
    expect<u64>(tnumMask).toBe(u64.MAX_VALUE);
  });

  it('meets and includes as sets do', () => {
    expect<i32>(wrongSets()).toBe(0);
  });

  it('shifts every number it stands for', () => {
    expect<i32>(wrongShifts()).toBe(0);
  });
});

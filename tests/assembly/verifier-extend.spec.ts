import * as layout from '../../assembly/layout/verifier';
import { scalarConst, scalarSync, scalarUnknown, verifierSetLegacy } from '../../assembly/verifier/bounds';
import { scalarSignExtend32, scalarSignExtend64, scalarTruncate } from '../../assembly/verifier/extend';

// Every range of five-bit numbers around each edge of a width, against all the numbers in it.

const a = memory.data(112, 16);
const EDGES: i64[] = [0, 0x80, 0x100, 0x8000, 0x10000, 0x80000000, 0x100000000, 0x180000000];
const LIMIT: i64 = 16;

function rangeAt(low: i64, high: i64): void {
  if (low === high) {
    scalarConst(a, <u64>low);
    return;
  }
  scalarUnknown(a);
  store<i64>(a, low, layout.REG_SMIN);
  store<i64>(a, high, layout.REG_SMAX);
  scalarSync(a);
}

function holds(x: u64): bool {
  if ((x & ~load<u64>(a, layout.REG_MASK)) !== load<u64>(a, layout.REG_VALUE)) return false;
  if (x < load<u64>(a, layout.REG_UMIN) || x > load<u64>(a, layout.REG_UMAX)) return false;
  if (<i64>x < load<i64>(a, layout.REG_SMIN) || <i64>x > load<i64>(a, layout.REG_SMAX)) return false;
  if (<u32>x < load<u32>(a, layout.REG_U32MIN) || <u32>x > load<u32>(a, layout.REG_U32MAX)) return false;
  return <i32>x >= load<i32>(a, layout.REG_S32MIN) && <i32>x <= load<i32>(a, layout.REG_S32MAX);
}

const SIGN64 = 0;
const SIGN32 = 1;
const TRUNCATE = 2;

function apply(how: i32, bits: i32): void {
  if (how === SIGN64) scalarSignExtend64(a, bits);
  else if (how === SIGN32) scalarSignExtend32(a, bits);
  else scalarTruncate(a, bits / 8);
}

function concrete(how: i32, bits: i32, x: u64): u64 {
  if (how === TRUNCATE) return bits === 64 ? x : x & ((1 << (<u64>bits)) - 1);
  const shift = <i64>(64 - bits);
  const extended = <u64>(((<i64>x) << shift) >> shift);
  return how === SIGN64 ? extended : extended & 0xffffffff;
}

/** Numbers that are lost, of all ranges around all edges and their negatives. */
function lost(how: i32, bits: i32): i32 {
  let count = 0;
  for (let i = 0; i < EDGES.length * 2; i++) {
    const edge = i < EDGES.length ? EDGES[i] : -EDGES[i - EDGES.length];
    for (let low = edge - LIMIT; low < edge + LIMIT; low++) {
      for (let high = low; high < edge + LIMIT; high++) {
        rangeAt(low, high);
        apply(how, bits);
        for (let x = low; x <= high; x++) if (!holds(concrete(how, bits, <u64>x))) count++;
      }
    }
  }
  return count;
}

describe('extensions', () => {
  it('hold every number, of all ranges of five bits around the edges of widths', () => {
    for (let legacy = 0; legacy < 2; legacy++) {
      verifierSetLegacy(legacy);
      for (let bits = 8; bits <= 32; bits *= 2) {
        expect<i32>(lost(SIGN64, bits)).toBe(0);
        expect<i32>(lost(TRUNCATE, bits)).toBe(0);
      }
      expect<i32>(lost(SIGN32, 8)).toBe(0);
      expect<i32>(lost(SIGN32, 16)).toBe(0);
    }
    verifierSetLegacy(0);
  });
});

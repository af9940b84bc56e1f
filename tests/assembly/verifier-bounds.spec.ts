import * as isa from '../../assembly/isa';
import * as layout from '../../assembly/layout/verifier';
import { scalarAlu } from '../../assembly/verifier/alu';
import { scalarConst, scalarSync, scalarUnknown, verifierSetLegacy } from '../../assembly/verifier/bounds';
import { BPF_NOT_JSET, branchRefine } from '../../assembly/verifier/branch';
import { branchPredict } from '../../assembly/verifier/predict';

// Every range of five-bit numbers, -16 to 15, with every other, against all the numbers in them; 6.1 in four bits.

const a = memory.data(112, 16);
const b = memory.data(112, 16);
/** A record for each range, made once. */
const RANGES = 32 * 32;
const records = memory.data(RANGES * 112, 16);

function recordOf(low: i64, high: i64): usize {
  return records + <usize>((low + 16) * 32 + high + 16) * layout.REG_SIZE;
}

function makeRecords(): void {
  for (let low: i64 = -16; low < 16; low++) {
    for (let high = low; high < 16; high++) {
      const reg = recordOf(low, high);
      if (low === high) {
        scalarConst(reg, <u64>low);
        continue;
      }
      scalarUnknown(reg);
      store<i64>(reg, low, layout.REG_SMIN);
      store<i64>(reg, high, layout.REG_SMAX);
      store<i32>(reg, <i32>low, layout.REG_S32MIN);
      store<i32>(reg, <i32>high, layout.REG_S32MAX);
      scalarSync(reg);
    }
  }
}

function holds(reg: usize, x: u64): bool {
  if ((x & ~load<u64>(reg, layout.REG_MASK)) !== load<u64>(reg, layout.REG_VALUE)) return false;
  if (x < load<u64>(reg, layout.REG_UMIN) || x > load<u64>(reg, layout.REG_UMAX)) return false;
  if (<i64>x < load<i64>(reg, layout.REG_SMIN) || <i64>x > load<i64>(reg, layout.REG_SMAX)) return false;
  if (<u32>x < load<u32>(reg, layout.REG_U32MIN) || <u32>x > load<u32>(reg, layout.REG_U32MAX)) return false;
  return <i32>x >= load<i32>(reg, layout.REG_S32MIN) && <i32>x <= load<i32>(reg, layout.REG_S32MAX);
}

function concrete64(op: i32, x: u64, y: u64): u64 {
  if (op === isa.BPF_ADD) return x + y;
  if (op === isa.BPF_SUB) return x - y;
  if (op === isa.BPF_MUL) return x * y;
  if (op === isa.BPF_AND) return x & y;
  if (op === isa.BPF_OR) return x | y;
  if (op === isa.BPF_XOR) return x ^ y;
  if (op === isa.BPF_LSH) return x << (y & 63);
  if (op === isa.BPF_RSH) return x >> (y & 63);
  return <u64>((<i64>x) >> (<i64>(y & 63)));
}

function concrete32(op: i32, x: u32, y: u32): u64 {
  if (op === isa.BPF_LSH) return <u64>(x << (y & 31));
  if (op === isa.BPF_RSH) return <u64>(x >> (y & 31));
  if (op === isa.BPF_ARSH) return <u64>(<u32>((<i32>x) >> (<i32>(y & 31))));
  return concrete64(op, <u64>x, <u64>y) & 0xffffffff;
}

// What is known of a growing set of results: bits in all and in any of them, and their extremes.
let all: u64 = 0;
let any: u64 = 0;
let umin: u64 = 0;
let umax: u64 = 0;
let smin: i64 = 0;
let smax: i64 = 0;
let u32min: u32 = 0;
let u32max: u32 = 0;
let s32min: i32 = 0;
let s32max: i32 = 0;

function clearSet(): void {
  all = u64.MAX_VALUE;
  any = 0;
  umin = u64.MAX_VALUE;
  umax = 0;
  smin = i64.MAX_VALUE;
  smax = i64.MIN_VALUE;
  u32min = u32.MAX_VALUE;
  u32max = 0;
  s32min = i32.MAX_VALUE;
  s32max = i32.MIN_VALUE;
}

function addToSet(x: u64): void {
  all &= x;
  any |= x;
  umin = min<u64>(umin, x);
  umax = max<u64>(umax, x);
  smin = min<i64>(smin, <i64>x);
  smax = max<i64>(smax, <i64>x);
  u32min = min<u32>(u32min, <u32>x);
  u32max = max<u32>(u32max, <u32>x);
  s32min = min<i32>(s32min, <i32>x);
  s32max = max<i32>(s32max, <i32>x);
}

/** Whether a record holds every number of the set. */
function holdsSet(reg: usize): bool {
  const known = ~load<u64>(reg, layout.REG_MASK);
  const value = load<u64>(reg, layout.REG_VALUE);
  if ((all & known) !== value || (any & known) !== value) return false;
  if (umin < load<u64>(reg, layout.REG_UMIN) || umax > load<u64>(reg, layout.REG_UMAX)) return false;
  if (smin < load<i64>(reg, layout.REG_SMIN) || smax > load<i64>(reg, layout.REG_SMAX)) return false;
  if (u32min < load<u32>(reg, layout.REG_U32MIN) || u32max > load<u32>(reg, layout.REG_U32MAX)) return false;
  return s32min >= load<i32>(reg, layout.REG_S32MIN) && s32max <= load<i32>(reg, layout.REG_S32MAX);
}

/** Ranges for which a result lies outside of the record; the second operand of shifts is a constant. */
function wrongResults(op: i32, is64: i32, limit: i64): i32 {
  const shifts = op === isa.BPF_LSH || op === isa.BPF_RSH || op === isa.BPF_ARSH;
  let wrong = 0;
  for (let low = -limit; low < limit; low++) {
    for (let high = low; high < limit; high++) {
      for (let from: i64 = shifts ? 0 : -limit; from < limit; from++) {
        const end = shifts ? from + 1 : limit;
        clearSet();
        for (let to = from; to < end; to++) {
          for (let x = low; x <= high; x++) {
            addToSet(is64 !== 0 ? concrete64(op, <u64>x, <u64>to) : concrete32(op, <u32>x, <u32>to));
          }
          memory.copy(a, recordOf(low, high), layout.REG_SIZE);
          scalarAlu(op, is64, a, recordOf(from, to));
          if (!holdsSet(a)) wrong++;
        }
      }
    }
  }
  return wrong;
}

function taken(op: i32, is64: i32, x: u64, y: u64): bool {
  const wide = is64 !== 0;
  const u = wide ? x : x & 0xffffffff;
  const v = wide ? y : y & 0xffffffff;
  const s = wide ? <i64>x : <i64>(<i32>x);
  const t = wide ? <i64>y : <i64>(<i32>y);
  if (op === isa.BPF_JEQ) return u === v;
  if (op === isa.BPF_JNE) return u !== v;
  if (op === isa.BPF_JSET) return (u & v) !== 0;
  if (op === BPF_NOT_JSET) return (u & v) === 0;
  if (op === isa.BPF_JGT) return u > v;
  if (op === isa.BPF_JGE) return u >= v;
  if (op === isa.BPF_JLT) return u < v;
  if (op === isa.BPF_JLE) return u <= v;
  if (op === isa.BPF_JSGT) return s > t;
  if (op === isa.BPF_JSGE) return s >= t;
  if (op === isa.BPF_JSLT) return s < t;
  return s <= t;
}

/** For each y: the x whose jump with it is taken, bit x + 16; and for each x, the y. */
const takenBy = memory.data(32 * 4);
const takenWith = memory.data(32 * 4);

function tabulate(op: i32, is64: i32): void {
  memory.fill(takenWith, 0, 32 * 4);
  for (let y = 0; y < 32; y++) {
    let bits: u32 = 0;
    for (let x = 0; x < 32; x++) {
      if (!taken(op, is64, <u64>(<i64>x - 16), <u64>(<i64>y - 16))) continue;
      bits |= (<u32>1) << x;
      const at = takenWith + <usize>x * 4;
      store<u32>(at, load<u32>(at) | ((<u32>1) << y));
    }
    store<u32>(takenBy + <usize>y * 4, bits);
  }
}

/** Bits of the numbers low to high. */
function rangeBits(low: i64, high: i64): u32 {
  const one: u64 = 1;
  const count = <u64>(high - low + 1);
  const first = <u64>(low + 16);
  return <u32>(((one << count) - 1) << first);
}

function union(table: usize, low: i64, high: i64): u32 {
  let bits: u32 = 0;
  for (let i = low; i <= high; i++) bits |= load<u32>(table + <usize>(i + 16) * 4);
  return bits;
}

/** Numbers, by bits, that a record does not hold. */
function lost(reg: usize, bits: u32): i32 {
  let count = 0;
  for (; bits !== 0; bits &= bits - 1) if (!holds(reg, <u64>(<i64>ctz<u32>(bits) - 16))) count++;
  return count;
}

/** Ranges for which a jump is predicted wrongly, or its refinement loses a number that takes it. */
function wrongBranches(op: i32, is64: i32, limit: i64): i32 {
  let wrong = 0;
  tabulate(op, is64);
  for (let low = -limit; low < limit; low++) {
    for (let high = low; high < limit; high++) {
      const partners = union(takenWith, low, high);
      for (let from = -limit; from < limit; from++) {
        let by: u32 = 0;
        let always: u32 = u32.MAX_VALUE;
        for (let to = from; to < limit; to++) {
          const column = load<u32>(takenBy + <usize>(to + 16) * 4);
          by |= column;
          always &= column;
          const xs = rangeBits(low, high);
          memory.copy(a, recordOf(low, high), layout.REG_SIZE);
          memory.copy(b, recordOf(from, to), layout.REG_SIZE);
          const way = op === BPF_NOT_JSET ? -1 : branchPredict(op, is64, a, b);
          if (way === 0 && (xs & by) !== 0) wrong++;
          if (way === 1 && (xs & ~always) !== 0) wrong++;
          if ((xs & by) === 0) continue;
          branchRefine(op, is64, a, b);
          wrong += lost(a, xs & by) + lost(b, partners & rangeBits(from, to));
        }
      }
    }
  }
  return wrong;
}

const BINARY: i32[] = [
  isa.BPF_ADD,
  isa.BPF_SUB,
  isa.BPF_MUL,
  isa.BPF_AND,
  isa.BPF_OR,
  isa.BPF_XOR,
  isa.BPF_LSH,
  isa.BPF_RSH,
  isa.BPF_ARSH,
];
const JUMPS: i32[] = [
  isa.BPF_JEQ,
  isa.BPF_JNE,
  isa.BPF_JSET,
  BPF_NOT_JSET,
  isa.BPF_JGT,
  isa.BPF_JLE,
  isa.BPF_JGE,
  isa.BPF_JLT,
  isa.BPF_JSGT,
  isa.BPF_JSLE,
  isa.BPF_JSGE,
  isa.BPF_JSLT,
];

describe('bounds', () => {
  it('hold the result of every operation on all ranges of five bits', () => {
    verifierSetLegacy(0);
    makeRecords();
    for (let i = 0; i < BINARY.length; i++) {
      expect<i32>(wrongResults(BINARY[i], 1, 16)).toBe(0);
      expect<i32>(wrongResults(BINARY[i], 0, 16)).toBe(0);
    }
  });

  it('hold every number that takes a jump, of all ranges of five bits', () => {
    for (let i = 0; i < JUMPS.length; i++) {
      expect<i32>(wrongBranches(JUMPS[i], 1, 16)).toBe(0);
      expect<i32>(wrongBranches(JUMPS[i], 0, 16)).toBe(0);
    }
  });

  it('do so by the rules of 6.1 on all ranges of four bits', () => {
    verifierSetLegacy(1);
    makeRecords();
    for (let i = 0; i < BINARY.length; i++) {
      expect<i32>(wrongResults(BINARY[i], 1, 8)).toBe(0);
      expect<i32>(wrongResults(BINARY[i], 0, 8)).toBe(0);
    }
    for (let i = 0; i < JUMPS.length; i++) {
      expect<i32>(wrongBranches(JUMPS[i], 1, 8)).toBe(0);
      expect<i32>(wrongBranches(JUMPS[i], 0, 8)).toBe(0);
    }
    verifierSetLegacy(0);
  });
});

import * as isa from '../../assembly/isa';
import * as layout from '../../assembly/layout/verifier';
import { scalarAlu } from '../../assembly/verifier/alu';
import {
  scalarBroken,
  scalarConst,
  scalarSync,
  scalarUnknown,
  verifierSetLegacy,
} from '../../assembly/verifier/bounds';
import { BPF_NOT_JSET, branchRefine } from '../../assembly/verifier/branch';
import { branchPredict } from '../../assembly/verifier/predict';
import { scalarWithin } from '../../assembly/verifier/compare';
import { scalarSignExtend32, scalarSignExtend64, scalarTruncate } from '../../assembly/verifier/extend';

const ROUNDS = 4000;
const SHAPES: u64 = 7;

const a = memory.data(112, 16);
const b = memory.data(112, 16);
const c = memory.data(112, 16);
const d = memory.data(112, 16);

let seed: u64 = 0x9e3779b97f4a7c15;

function random(): u64 {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

/** A number that is interesting: small, negative, near a power of two, or anything. */
function number(): u64 {
  const kind = random() % 5;
  if (kind === 0) return random() % 16;
  if (kind === 1) return 0 - (random() % 16);
  if (kind === 2) return ((<u64>1) << (random() % 64)) + (random() % 3) - 1;
  if (kind === 3) return random() & 0xffffffff;
  return random();
}

/** Makes `reg` know something true about x. */
function describeNumber(reg: usize, x: u64): void {
  scalarUnknown(reg);
  const shape = random() % SHAPES;
  const other = number();
  if (shape === 0) {
    scalarConst(reg, x);
  } else if (shape === 1) {
    const mask = random() & random();
    store<u64>(reg, x & ~mask, layout.REG_VALUE);
    store<u64>(reg, mask, layout.REG_MASK);
  } else if (shape === 2) {
    store<u64>(reg, min<u64>(x, other), layout.REG_UMIN);
    store<u64>(reg, max<u64>(x, other), layout.REG_UMAX);
  } else if (shape === 3) {
    store<i64>(reg, min<i64>(<i64>x, <i64>other), layout.REG_SMIN);
    store<i64>(reg, max<i64>(<i64>x, <i64>other), layout.REG_SMAX);
  } else if (shape === 4) {
    store<u32>(reg, min<u32>(<u32>x, <u32>other), layout.REG_U32MIN);
    store<u32>(reg, max<u32>(<u32>x, <u32>other), layout.REG_U32MAX);
  } else if (shape === 5) {
    store<i32>(reg, min<i32>(<i32>x, <i32>other), layout.REG_S32MIN);
    store<i32>(reg, max<i32>(<i32>x, <i32>other), layout.REG_S32MAX);
  }
  scalarSync(reg);
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

function isShift(op: i32): bool {
  return op === isa.BPF_LSH || op === isa.BPF_RSH || op === isa.BPF_ARSH;
}

/** Random cases in which an operation's result lies outside of what the record says. */
function wrongResults(op: i32, is64: i32): i32 {
  let wrong = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const x = number();
    const y = isShift(op) ? random() % (is64 !== 0 ? 64 : 32) : number();
    describeNumber(a, x);
    if (isShift(op)) scalarConst(b, y);
    else describeNumber(b, y);
    scalarAlu(op, is64, a, b);
    const result = is64 !== 0 ? concrete64(op, x, y) : concrete32(op, <u32>x, <u32>y);
    if (!holds(a, result)) wrong++;
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

function opposite(op: i32): i32 {
  if (op === isa.BPF_JEQ) return isa.BPF_JNE;
  if (op === isa.BPF_JNE) return isa.BPF_JEQ;
  if (op === isa.BPF_JSET) return BPF_NOT_JSET;
  if (op === isa.BPF_JGT) return isa.BPF_JLE;
  if (op === isa.BPF_JGE) return isa.BPF_JLT;
  if (op === isa.BPF_JLT) return isa.BPF_JGE;
  if (op === isa.BPF_JLE) return isa.BPF_JGT;
  if (op === isa.BPF_JSGT) return isa.BPF_JSLE;
  if (op === isa.BPF_JSGE) return isa.BPF_JSLT;
  if (op === isa.BPF_JSLT) return isa.BPF_JSGE;
  return isa.BPF_JSGT;
}

/** Random jumps that are predicted wrongly, or whose refinement loses the numbers that took them. */
function wrongBranches(op: i32, is64: i32): i32 {
  let wrong = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const x = number();
    const y = random() % 3 === 0 ? x : number();
    describeNumber(a, x);
    describeNumber(b, y);
    const goes = taken(op, is64, x, y);
    const way = branchPredict(op, is64, a, b);
    if (way >= 0 && (way !== 0) !== goes) wrong++;
    branchRefine(goes ? op : opposite(op), is64, a, b);
    if (!holds(a, x) || !holds(b, y)) wrong++;
  }
  return wrong;
}

function wrongConversions(): i32 {
  let wrong = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const x = number();
    const bits = <i32>((<u64>8) << (random() % 3));
    const shift = <i64>(64 - bits);
    describeNumber(a, x);
    memory.copy(c, a, layout.REG_SIZE);
    memory.copy(d, a, layout.REG_SIZE);
    scalarSignExtend64(a, bits);
    scalarSync(a);
    if (!holds(a, <u64>(((<i64>x) << shift) >> shift))) wrong++;
    scalarTruncate(c, bits >> 3);
    if (!holds(c, (x << (<u64>shift)) >> (<u64>shift))) wrong++;
    if (bits > 16) continue;
    scalarSignExtend32(d, bits);
    scalarSync(d);
    const narrow = <i32>(32 - bits);
    if (!holds(d, <u64>(<u32>(((<i32>x) << narrow) >> narrow)))) wrong++;
  }
  return wrong;
}

function wrongInclusions(): i32 {
  let wrong = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const x = number();
    describeNumber(a, x);
    describeNumber(b, number());
    if (scalarWithin(a, a) === 0) wrong++;
    scalarUnknown(c);
    if (scalarWithin(c, a) === 0) wrong++;
    scalarConst(c, x);
    if (scalarWithin(a, c) === 0) wrong++;
    if (scalarWithin(b, c) !== 0 && !holds(b, x)) wrong++;
    if (scalarBroken(a) !== 0) wrong++;
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
  isa.BPF_JGT,
  isa.BPF_JGE,
  isa.BPF_JLT,
  isa.BPF_JLE,
  isa.BPF_JSGT,
  isa.BPF_JSGE,
  isa.BPF_JSLT,
  isa.BPF_JSLE,
];

describe('scalar domain', () => {
  it('holds the result of every operation', () => {
    for (let legacy = 0; legacy < 2; legacy++) {
      verifierSetLegacy(legacy);
      for (let i = 0; i < BINARY.length; i++) {
        expect<i32>(wrongResults(BINARY[i], 1)).toBe(0);
        expect<i32>(wrongResults(BINARY[i], 0)).toBe(0);
      }
    }
    verifierSetLegacy(0);
  });

  it('predicts and refines branches without losing a number that takes them', () => {
    for (let legacy = 0; legacy < 2; legacy++) {
      verifierSetLegacy(legacy);
      for (let i = 0; i < JUMPS.length; i++) {
        expect<i32>(wrongBranches(JUMPS[i], 1)).toBe(0);
        expect<i32>(wrongBranches(JUMPS[i], 0)).toBe(0);
      }
    }
    verifierSetLegacy(0);
  });

  it('extends and truncates', () => {
    expect<i32>(wrongConversions()).toBe(0);
  });

  it('compares what records include', () => {
    expect<i32>(wrongInclusions()).toBe(0);
  });

  it('gives up shifts by unknown amounts, and division', () => {
    scalarConst(a, 100);
    scalarUnknown(b);
    scalarAlu(isa.BPF_LSH, 1, a, b);
    expect<u64>(load<u64>(a, layout.REG_MASK)).toBe(u64.MAX_VALUE);
    scalarConst(a, 100);
    scalarConst(b, 7);
    scalarAlu(isa.BPF_DIV, 1, a, b);
    expect<u64>(load<u64>(a, layout.REG_MASK)).toBe(u64.MAX_VALUE);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VerifiedFunction } from '../../../host/verifier/verified-program.js';
import { kernelBtf } from '../../support/golden-kernel.js';
import { listing, listingOf, map, rewriteCase, symbol } from '../../support/rewriting.js';

const SCHED_CLS = 3;
const PROG_ARRAY = 3;

const reachable = (functions: readonly VerifiedFunction[]): boolean[] =>
  functions.map((one) => one.tailCallReachable);

test('calls and addresses of functions follow the code they lead to', () => {
  const { insns, xlated, functions } = rewriteCase({
    before: `
      r2 = func b
      call a
      exit
      a: r0 /= r1
      call b
      exit
      b: r0 = 1
      exit`,
  });
  assert.deepEqual(
    functions.map(({ start, end }) => [start, end]),
    [
      [0, 4],
      [4, 10],
      [10, 12],
    ],
  );
  const field = (bytes: Uint8Array, slot: number): number[] => {
    const view = new DataView(bytes.buffer);
    return [bytes[slot * 8 + 1] >>> 4, view.getInt16(slot * 8 + 2, true), view.getInt32(slot * 8 + 4, true)];
  };
  // JIT form: callee index in off (call) or imm (address); dump: distance, and the index beside it.
  assert.deepEqual(
    [field(insns, 0), field(insns, 2), field(insns, 8)],
    [
      [4, 0, 2],
      [1, 1, 1],
      [1, 2, 1],
    ],
  );
  assert.deepEqual(
    [field(xlated, 0), field(xlated, 2), field(xlated, 8)],
    [
      [4, 0, 9],
      [1, 1, 1],
      [1, 1, 2],
    ],
  );
  assert.equal(new DataView(xlated.buffer).getInt32(8 + 4, true), 2);
});

test('a function that no path enters is dropped', () => {
  const { functions, insns } = rewriteCase({
    before: `
      if r1 == 0x0 goto out
      call a
      out: call b
      exit
      a: r0 = 1
      exit
      b: r0 = 2
      exit`,
    facts: (aux) => {
      aux.seen[1] = 0;
      aux.seen.fill(0, 4, 6);
    },
  });
  assert.equal(functions.length, 2);
  assert.deepEqual(listing(insns), listingOf('call +1\nexit\nr0 = 2\nexit'));
});

test('bpf_loop with a known callback becomes a loop around it', () => {
  const { insns, functions } = rewriteCase({
    before: `
      r2 = func body
      call bpf_loop
      exit
      body: r0 = 0
      exit`,
    stackDepth: [12, 0],
    facts: (aux) => aux.loopCall.set(2, { callback: 1, fitsInline: true }),
  });
  const loop = listingOf(`
    if r1 <= 0x800000 goto +2
    w0 = -7
    goto +16
    *(u64 *)(r10 -40) = r6
    *(u64 *)(r10 -32) = r7
    *(u64 *)(r10 -24) = r8
    r6 = r1
    w7 = 0
    r8 = r3
    again: if r7 >= r6 goto +5
    r1 = r7
    r2 = r8
    call +1
    r7 += 1
    if r0 == 0x0 goto again
    r0 = r7
    r6 = *(u64 *)(r10 -40)
    r7 = *(u64 *)(r10 -32)
    r8 = *(u64 *)(r10 -24)
    exit`).map((line) => line.replace(/^\d+: /, ''));
  const found = listing(insns)
    .slice(1, 21)
    .map((line) => line.replace(/^\d+: /, ''));
  // The call's distance field holds 1, its callee is in off.
  assert.deepEqual(found, loop);
  assert.equal(functions[0].stackDepth, 40);
});

test('a program that throws gets a callback that returns the cookie', () => {
  const id = kernelBtf('6.12').find('bpf_throw', 12);
  const { insns, functions, exceptionBoundary } = rewriteCase({
    type: SCHED_CLS,
    before: `
      r1 = 0
      call kfunc ${id}
      r0 = 0
      exit`,
    facts: (aux) => aux.seen.fill(0, 2),
  });
  assert.deepEqual(listing(insns), listingOf(`r1 = 0\ncall kfunc ${symbol('bpf_throw')}\nr0 = r1\nexit`));
  assert.equal(exceptionBoundary, true);
  assert.deepEqual(
    functions.map(({ start, end, isExceptionCallback }) => [start, end, isExceptionCallback]),
    [
      [0, 2, false],
      [2, 4, true],
    ],
  );
});

const tail = `
  r0 = 1
  call bpf_tail_call
  r0 = 2
  exit`;

// No BTF is needed for a tail call in the main function only.
test('a tail call marks its function, and asks for a poke when map and slot are known', () => {
  for (const [key, pokes] of [
    [3, [{ map: 0, key: 3, insn: 1 }]],
    [4, []],
    [-1, []],
  ] as const) {
    const verified = rewriteCase({
      before: tail,
      maps: [map(PROG_ARRAY, { maxEntries: 4 })],
      facts: (aux) => aux.tailCall.set(1, { map: 0, key }),
    });
    assert.deepEqual(verified.pokes, pokes);
    assert.deepEqual(reachable(verified.functions), [true]);
    assert.equal(verified.insns[8], 0xf5);
    assert.deepEqual(listing(verified.xlated), listingOf(tail));
  }
});

test('an unprivileged tail call keeps its index inside the array, and asks for no poke', () => {
  const verified = rewriteCase({
    before: tail,
    maps: [map(PROG_ARRAY, { maxEntries: 5 })],
    privileged: false,
    facts: (aux) => {
      aux.map[1] = 0;
      aux.tailCall.set(1, { map: 0, key: 3 });
    },
  });
  assert.deepEqual(verified.pokes, []);
  assert.deepEqual(
    listing(verified.xlated),
    listingOf(tail.replace('call bpf_tail', 'if r3 >= 0x5 goto +2\nw3 &= 7\ncall bpf_tail')),
  );
});

test('a 32-bit compare-and-exchange is extended where its result is read as 64 bits', () => {
  const text = `
    r0 = 5
    w0 = atomic_cmpxchg((u32 *)(r10 -8), r0, r2)
    r0 = 5
    w0 = atomic_cmpxchg((u32 *)(r10 -8), r0, r2)`;
  for (const [read, isExtended] of [
    ['r3 += r0', true],
    ['r0 = bswap64 r0', true],
    ['r0 = be64 r0', true],
    ['*(u64 *)(r10 -16) = r0', true],
    ['if r0 == 0x0 goto +0', true],
    ['w3 += w0\nr0 = 0', false],
    ['r0 = bswap32 r0\nr0 = 0', false],
    ['*(u32 *)(r10 -16) = r0\nr0 = 0', false],
    ['if w0 == 0x0 goto +0\nr0 = 0', false],
  ] as const) {
    const { insns } = rewriteCase({ before: `${text}\n${read}\nexit`, privileged: false });
    assert.deepEqual(listing(insns), listingOf(`${text}\n${isExtended ? 'w0 = w0\n' : ''}${read}\nexit`));
  }
});

test('the tag leaves out maps and nothing else', () => {
  // SHA-1 of `r0 = 0; exit` and `r0 = 1; exit`, first 8 bytes, as real kernels show them.
  assert.equal(rewriteCase({ before: 'r0 = 0\nexit' }).tag, 'a04f5eef06a7f555');
  assert.equal(rewriteCase({ before: 'r0 = 1\nexit' }).tag, '57cd311f2e27366b');
  const tagOf = (before: string): string => rewriteCase({ before, maps: [map(2), map(2)] }).tag;
  assert.equal(tagOf('r1 = map_fd 1000\nexit'), tagOf('r1 = map_fd 1001\nexit'));
  assert.equal(tagOf('r1 = map_value 1000 +4\nexit'), tagOf('r1 = map_value 1001 +0\nexit'));
  assert.notEqual(tagOf('r1 = 1000 ll\nexit'), tagOf('r1 = 1001 ll\nexit'));
});

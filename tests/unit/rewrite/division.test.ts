import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listing, listingOf, rewriteCase } from '../../support/rewriting.js';

// Divisors of zero give 0 (division) or the dividend (remainder); the smallest value by -1 must not trap.
const cases = [
  {
    name: '64-bit division by a register',
    before: 'r0 /= r1',
    after: `
      if r1 != 0x0 goto div
      w0 ^= w0
      goto +1
      div: r0 /= r1`,
  },
  {
    name: '32-bit division by a register',
    before: 'w0 /= w1',
    after: `
      if w1 != 0x0 goto div
      w0 ^= w0
      goto +1
      div: w0 /= w1`,
  },
  {
    name: '64-bit remainder by a register',
    before: 'r0 %= r1',
    after: `
      if r1 == 0x0 goto out
      r0 %= r1
      out:`,
  },
  {
    name: '32-bit remainder by a register',
    before: 'w0 %= w1',
    after: `
      if w1 == 0x0 goto zero
      w0 %= w1
      goto +1
      zero: w0 = w0`,
  },
  {
    name: '64-bit signed division by a register',
    before: 'r0 s/= r1',
    after: `
      r11 = r1
      r11 += 1
      if r11 > 0x1 goto div
      if r11 == 0x0 goto negate
      r0 = 0
      negate: r0 = -r0
      goto +1
      div: r0 s/= r1`,
  },
  {
    name: '32-bit signed remainder by a register',
    before: 'w0 s%= w1',
    after: `
      r11 = r1
      w11 += 1
      if w11 > 0x1 goto rem
      if w11 == 0x1 goto zero
      w0 = 0
      goto +1
      rem: w0 s%= w1
      goto +1
      zero: w0 = w0`,
  },
  { name: 'signed division by -1', before: 'r0 s/= -1', after: 'r0 = -r0' },
  { name: 'signed remainder by -1', before: 'r0 s%= -1', after: 'w0 = 0' },
  { name: 'unsigned division by -1', before: 'r0 /= -1', after: 'r0 /= -1' },
  { name: 'division by a constant', before: 'w0 /= 7', after: 'w0 /= 7' },
];

for (const { name, before, after } of cases) {
  test(name, () => {
    const { insns } = rewriteCase({ before: `${before}\nexit` });
    assert.deepEqual(listing(insns), listingOf(`${after}\nexit`));
  });
}

test('a branch to a division lands on its guard, and one over it still goes past it', () => {
  const { insns, origin } = rewriteCase({
    before: `
      if r2 == 0x0 goto div
      if r2 == 0x1 goto out
      div: r0 /= r1
      out: exit`,
  });
  const want = `
      if r2 == 0x0 goto div
      if r2 == 0x1 goto out
      div: if r1 != 0x0 goto +2
      w0 ^= w0
      goto +1
      r0 /= r1
      out: exit`;
  assert.deepEqual(listing(insns), listingOf(want));
  assert.deepEqual([...origin], [0, 1, 2, 2, 2, 2, 3]);
});

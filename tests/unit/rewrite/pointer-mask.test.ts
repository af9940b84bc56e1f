import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MaskState } from '../../../host/verifier/speculation.js';
import { listing, listingOf, rewriteCase } from '../../support/rewriting.js';

const { SOURCE_IS_SCALAR, DESTINATION_IS_SCALAR, NEGATIVE, IMMEDIATE, NO_POINTER } = MaskState;
const LIMIT = 31;

interface Case {
  readonly name: string;
  readonly before: string;
  readonly state: number;
  readonly after: string;
}

/** r11 = the offset, or 0 when it is past the limit. */
const masked = (offset: string): string => `
  w11 = ${LIMIT}
  r11 -= ${offset}
  r11 |= ${offset}
  r11 = -r11
  r11 s>>= 63
  r11 &= ${offset}`;

const cases: readonly Case[] = [
  {
    name: 'pointer + number',
    before: 'r0 += r6',
    state: SOURCE_IS_SCALAR,
    after: `${masked('r6')}\nr0 += r11`,
  },
  {
    name: 'pointer - number',
    before: 'r0 -= r6',
    state: SOURCE_IS_SCALAR,
    after: `${masked('r6')}\nr0 -= r11`,
  },
  {
    name: 'pointer + negative number',
    before: 'r0 += r6',
    state: SOURCE_IS_SCALAR | NEGATIVE,
    after: `r6 *= -1\n${masked('r6')}\nr0 -= r11\nr6 *= -1`,
  },
  {
    name: 'pointer - negative number',
    before: 'r0 -= r6',
    state: SOURCE_IS_SCALAR | NEGATIVE,
    after: `r6 *= -1\n${masked('r6')}\nr0 += r11\nr6 *= -1`,
  },
  {
    name: 'number + pointer',
    before: 'r6 += r0',
    state: DESTINATION_IS_SCALAR,
    after: `${masked('r6')}\nr6 = r0\nr6 += r11`,
  },
  {
    name: 'pointer + known number',
    before: 'r0 += r6',
    state: SOURCE_IS_SCALAR | IMMEDIATE,
    after: `w11 = ${LIMIT}\nr0 += r11`,
  },
  {
    name: 'pointer + known negative number',
    before: 'r0 += r6',
    state: SOURCE_IS_SCALAR | IMMEDIATE | NEGATIVE,
    after: `w11 = ${LIMIT}\nr0 -= r11`,
  },
  { name: 'number + number', before: 'r0 += r6', state: NO_POINTER, after: 'r0 += r6' },
  { name: 'pointer + constant', before: 'r0 += 8', state: SOURCE_IS_SCALAR, after: 'r0 += 8' },
];

for (const { name, before, state, after } of cases) {
  test(`masked offset: ${name}`, () => {
    const { insns } = rewriteCase({
      before: `${before}\nexit`,
      privileged: false,
      facts: (aux) => aux.aluLimit.set(0, { state, limit: LIMIT }),
    });
    assert.deepEqual(listing(insns), listingOf(`${after}\nexit`));
  });
}

import {
  MAP,
  type Verdict,
  type VerifierCase,
  lastRefused,
  verifierCases,
} from '../../support/verifier-cases.js';

const eacces = (message: string): Verdict => ['EACCES', message];
const MAY_BE_NULL = eacces("R0 invalid mem access 'map_value_or_null'");
const REACHED = eacces('invalid read from stack R10 off=8 size=8');
const lookup = (to: string): string => `
  *(u64 *)(r10 -8) = 0
  r2 = r10
  r2 += -8
  r1 = map_fd 0
  call bpf_map_lookup_elem
  ${to} = r0`;
const row = (name: string, text: string, want: Verdict): VerifierCase => ({
  ...{ rule: "R%d invalid mem access '%s'", name, type: 'SCHED_CLS', maps: [{ type: MAP.HASH, value: 16 }] },
  text: `${lastRefused(text, { want, want61: want })}\nout: r0 = 0\nexit`,
  ...{ want, want61: want },
});

/** Comparisons that show a pointer not to be NULL, and ways that cannot be taken by one that is not. */
const cases: readonly VerifierCase[] = [
  row('compared with 0', `${lookup('r6')}\nif r0 == 0x0 goto out\nr1 = *(u64 *)(r0 +0)`, 'ok'),
  row(
    'its low half compared with 0',
    `${lookup('r6')}\nif w0 == 0x0 goto out\nr1 = *(u64 *)(r0 +0)`,
    MAY_BE_NULL,
  ),
  row('compared with 1', `${lookup('r6')}\nif r0 == 0x1 goto out\nr1 = *(u64 *)(r0 +0)`, MAY_BE_NULL),
  row('greater than 0', `${lookup('r6')}\nif r0 > 0x0 goto +1\ngoto out\nr1 = *(u64 *)(r0 +0)`, MAY_BE_NULL),
  row(
    'equal to one that is not NULL',
    `${lookup('r6')}\nif r6 == 0x0 goto out${lookup('r7')}\nif r0 != r6 goto out\nr1 = *(u64 *)(r0 +0)`,
    'ok',
  ),
  row(
    'not equal to one that is not NULL',
    `${lookup('r6')}\nif r6 == 0x0 goto out${lookup('r7')}\nif r0 == r6 goto out\nr1 = *(u64 *)(r0 +0)`,
    MAY_BE_NULL,
  ),
  row(
    'equal to one that may be NULL as well',
    `${lookup('r6')}${lookup('r7')}\nif r0 != r6 goto out\nr1 = *(u64 *)(r0 +0)`,
    MAY_BE_NULL,
  ),
  row(
    'equal to a pointer of another kind',
    `${lookup('r6')}\nif r0 != r10 goto out\nr1 = *(u64 *)(r0 +0)`,
    MAY_BE_NULL,
  ),
  row(
    'one that is not NULL is not 0',
    `${lookup('r6')}\nif r0 == 0x0 goto out\nif r0 != 0x0 goto out\nr1 = *(u64 *)(r10 +8)`,
    'ok',
  ),
  row(
    'its low half may be 0',
    `${lookup('r6')}\nif r0 == 0x0 goto out\nif w0 != 0x0 goto out\nr1 = *(u64 *)(r10 +8)`,
    REACHED,
  ),
  row(
    'its low half may be a register that is 0',
    `${lookup('r6')}\nr7 = 0\nif r0 == 0x0 goto out\nif w0 != w7 goto out\nr1 = *(u64 *)(r10 +8)`,
    REACHED,
  ),
];

verifierCases('null checks', cases);

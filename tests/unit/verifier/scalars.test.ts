import { type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const UNKNOWN: Verdict = ['EACCES', 'invalid read from stack R10 off=8 size=8'];

/**
 * r6 and r7 are unknown numbers of 64 bits, r8 and r9 of 32. After `code`, `fact` must be known to hold: where it is
 * not, the path on which it fails reads above the stack.
 */
function known(
  rule: string,
  code: string,
  fact: string,
  on612 = true,
  on61: boolean | null = on612,
): VerifierCase {
  return {
    rule,
    name: fact,
    text: `
      r6 = *(u64 *)(r10 -8)
      r7 = *(u64 *)(r10 -16)
      r8 = *(u32 *)(r1 +0)
      r9 = *(u32 *)(r1 +8)
      ${code}
      if ${fact} goto out
      r0 = *(u64 *)(r10 +8)
      out: r0 = 0
      exit`,
    want: on612 ? 'ok' : UNKNOWN,
    ...(on61 === null ? {} : { want61: on61 ? 'ok' : UNKNOWN }),
  };
}

const arithmetic: readonly VerifierCase[] = [
  known('scalar: and', 'r6 &= 15', 'r6 <= 0xf'),
  known('scalar: and', 'r6 &= 15', 'r6 <= 0xe', false),
  known('scalar: 32-bit load', '', 'r8 <= 0xffffffff', true),
  known('scalar: add', 'r6 &= 7\nr6 += 8', 'r6 >= 0x8'),
  known('scalar: add', 'r6 &= 7\nr7 &= 7\nr6 += r7', 'r6 <= 0xe'),
  known('scalar: sub', 'r6 &= 7\nr6 -= 8', 'r6 s< 0x0'),
  known('scalar: mul', 'r6 &= 7\nr6 *= 4', 'r6 <= 0x1c'),
  known('scalar: or', 'r6 &= 3\nr6 |= 4', 'r6 >= 0x4'),
  known('scalar: xor', 'r6 &= 3\nr6 ^= 4', 'r6 >= 0x4'),
  known('scalar: shift left', 'r6 &= 3\nr6 <<= 2', 'r6 <= 0xc'),
  known('scalar: shift right', 'r6 >>= 60', 'r6 <= 0xf'),
  known('scalar: arithmetic shift', 'r6 s>>= 63', 'r6 s>= 0xffffffff'),
  known('scalar: arithmetic shift', 'r6 s>>= 63', 'r6 s<= 0x0'),
  known('scalar: shift by an unknown amount', 'r6 &= 1\nr7 &= 3\nr6 <<= r7', 'r6 <= 0x8', false),
  known('scalar: division is not followed', 'r6 &= 15\nr6 /= 2', 'r6 <= 0xf', false),
  known('scalar: remainder is not followed', 'r6 %= 8', 'r6 <= 0x7', false),
  known('scalar: negation is not followed', 'r6 = 5\nr6 = -r6', 'r6 == 0xfffffffb', false),
  known('scalar: byte swaps are not followed', 'r6 = 1\nr6 = be16 r6', 'r6 == 0x100', false),
  known('scalar: 32-bit operations clear the upper half', 'w6 += 1', 'r6 <= 0xffffffff', true),
  known('scalar: constants', 'r6 = 7\nr6 *= 6', 'r6 == 0x2a'),
  known('scalar: 32-bit constants', 'w6 = -1', 'w6 == 0xffffffff'),
  known(
    'scalar: a byte of the stack that held a small number',
    'if r6 < 0x5 goto out\nif r6 > 0xa goto out\n*(u8 *)(r10 -24) = r6\nr7 = *(u8 *)(r10 -24)',
    'w7 >= 0x5',
  ),
  known(
    'scalar: two bytes of the stack that held a small number',
    'if r6 < 0x5 goto out\nif r6 > 0xa goto out\n*(u16 *)(r10 -24) = r6\nr7 = *(u16 *)(r10 -24)',
    'w7 s<= 0xa',
  ),
  known('scalar: move of 32 bits', 'r6 &= 255\nw7 = w6', 'r7 <= 0xff'),
  {
    ...known('scalar: sign extension', 'r8 &= 127\nr7 = (s8)r8', 'r7 <= 0x7f'),
    want61: ['EINVAL', 'BPF_MOV uses reserved fields'],
  },
  {
    ...known('scalar: sign extension', 'r7 = (s8)r6', 'r7 s<= 0x7f'),
    want61: ['EINVAL', 'BPF_MOV uses reserved fields'],
  },
  {
    ...known('scalar: sign extension', 'r7 = (s16)r6', 'r7 s>= 0xffff8000'),
    want61: ['EINVAL', 'BPF_MOV uses reserved fields'],
  },
  {
    ...known('scalar: sign-extending loads', 'r7 = *(s8 *)(r10 -8)', 'r7 s<= 0x7f'),
    want61: ['EINVAL', 'BPF_LDX uses reserved fields'],
  },
];

const branches: readonly VerifierCase[] = [
  known('branch: ==', 'if r6 != 0x5 goto out', 'r6 == 0x5'),
  known('branch: >', 'if r6 > 0x5 goto out', 'r6 <= 0x5'),
  known('branch: >=', 'if r6 >= 0x5 goto out', 'r6 <= 0x4'),
  known('branch: <', 'if r6 < 0x5 goto out', 'r6 >= 0x5'),
  known('branch: s>', 'if r6 s> 0x5 goto out', 'r6 s<= 0x5'),
  known(
    'branch: s< 0 and s> 5 give unsigned bounds',
    'if r6 s< 0x0 goto out\nif r6 s> 0x5 goto out',
    'r6 <= 0x5',
  ),
  known('branch: !& a power of two', 'if r6 & 0x4 goto out', 'r6 != 0x4', true, null),
  known('branch: & a power of two', 'if r6 & 0x4 goto +1\ngoto out', 'r6 >= 0x4'),
  known('branch: 32 bits', 'if w6 > 0x5 goto out', 'w6 <= 0x5'),
  known('branch: 32 bits say nothing of the upper half', 'if w6 > 0x5 goto out', 'r6 <= 0x5', false),
  known('branch: 32 bits of a number of 32 bits', 'if w8 > 0x5 goto out', 'r8 <= 0x5'),
  known('branch: two registers, equal', 'r7 &= 15\nif r6 != r7 goto out', 'r6 <= 0xf'),
  known('branch: two registers, <', 'r7 &= 15\nif r6 >= r7 goto out', 'r6 <= 0xe', true, false),
  known('branch: two registers, disjoint', 'r6 &= 7\nr7 &= 7\nr7 += 8', 'r6 < r7', true, false),
  known('branch: a register that is constant', 'r7 = 5\nif r6 > r7 goto out', 'r6 <= 0x5'),
  known('branch: != moves a bound', 'r6 &= 7\nif r6 == 0x0 goto out', 'r6 >= 0x1', true, false),
  known('branch: copies learn too', 'r7 = r6\nif r6 > 0x5 goto out', 'r7 <= 0x5'),
  known(
    'branch: copies with an offset learn too',
    'r7 = r8\nr7 += 1\nif r8 > 0x5 goto out',
    'r7 <= 0x6',
    true,
    false,
  ),
  known('branch: changed copies do not', 'r7 = r6\nr7 *= 2\nif r6 > 0x5 goto out', 'r7 <= 0xa', false),
  known(
    'branch: -1 and 0 are followed apart',
    'r6 s>>= 63\nr6 &= 16\nif r6 == 0x0 goto out',
    'r6 == 0x10',
    true,
    false,
  ),
  known(
    'branch: -1 and 0 are followed apart',
    'if w6 s> 0x0 goto out\nif w6 s< 0xffffffff goto out\nw6 &= 16\nif r6 == 0x0 goto out',
    'r6 == 0x10',
    true,
    false,
  ),
  known(
    'branch: -1 and 0 of 32 bits say nothing of the upper half',
    'if w6 s> 0x0 goto out\nif w6 s< 0xffffffff goto out\nr6 &= -1\nw7 = -1',
    'r6 <= r7',
    false,
  ),
  known('branch: known bits conflict', 'r6 |= 1', 'r6 != 0x2', true, null),
  known(
    'branch: spilled copies learn',
    '*(u64 *)(r10 -24) = r6\nif r6 > 0x5 goto out\nr7 = *(u64 *)(r10 -24)',
    'r7 <= 0x5',
    true,
    false,
  ),
];

/** What the kernel does not conclude: most of it is not so. */
const unconcluded: readonly VerifierCase[] = [
  known('branch: a copy with an offset', 'r7 = r6\nr7 += 1\nif r6 > 0x5 goto out', 'r7 <= 0x5', false),
  known(
    'branch: a copy with an offset, low half',
    'r7 = r6\nr7 += 1\nif w6 > 0x5 goto out',
    'r7 <= 0x6',
    false,
  ),
  known(
    'branch: a copy changed in its low half',
    'r7 = r6\nw7 += 1\nif r6 > 0x5 goto out',
    'r7 <= 0x6',
    false,
  ),
  known('branch: a low half of a number', 'w7 = w6\nif w7 > 0x5 goto out', 'r6 <= 0x5', false),
  known('branch: a low half that is 0', 'r7 = r6\nif w7 != 0x0 goto out', 'r6 == 0x0', false),
  known('branch: bits that are 0', 'if r6 & 0x3 goto out', 'r6 == 0x0', false),
  known('branch: the sign of the low half', 'if w6 & 0x80000000 goto out', 'r6 s>= 0x0', false),
  known(
    'branch: a number without its upper half',
    'r7 = r6\nr7 <<= 32\nr7 >>= 32\nif r7 > 0x5 goto out',
    'r6 <= 0x5',
    false,
  ),
  known('scalar: arithmetic shift of a half', 'w6 s>>= 31', 'r6 <= 0x0', false),
];

verifierCases('scalars', arithmetic);
verifierCases('what is not concluded', unconcluded);
verifierCases('branches', branches);

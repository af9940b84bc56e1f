import { MAP, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const VALUE = [{ type: MAP.ARRAY, value: 16 }];

/** Programs that go outside a map value, with what a verifier would have to believe to accept them. */
const cases: readonly VerifierCase[] = [
  {
    rule: 'link of a spilled scalar',
    name: 'a fill that extends the sign is another number',
    maps: VALUE,
    text: `
      r1 = *(u32 *)(r1 +0)
      *(u64 *)(r10 -8) = r1
      r7 = *(s32 *)(r10 -8)
      if r7 s> -1 goto out
      r1 >>= 60
      r1 += -15
      r2 = map_value 0 +0
      r2 += r1
      r0 = *(u8 *)(r2 +0)
      out: r0 = 0
      exit`,
    want: ['EACCES', 'R2 min value is outside of the allowed memory range'],
  },
  {
    rule: 'link of a spilled scalar',
    name: 'a fill that extends a sign that is 0 is the same number',
    maps: VALUE,
    text: `
      r1 = *(u32 *)(r1 +0)
      r1 &= 255
      *(u64 *)(r10 -8) = r1
      r7 = *(s32 *)(r10 -8)
      if r7 s> 15 goto out
      r2 = map_value 0 +0
      r2 += r1
      r0 = *(u8 *)(r2 +0)
      out: r0 = 0
      exit`,
    want: 'ok',
  },
  {
    rule: 'link at a distance',
    name: 'that is lost, with its distance, when too many scalars are linked',
    maps: [{ type: MAP.ARRAY, value: 84 }],
    text: `
      r7 = *(u32 *)(r1 +0)
      r0 = r7
      r1 = r7
      r2 = r7
      r4 = r7
      *(u64 *)(r10 -40) = r1
      r7 += 100
      if r0 == r2 goto next
      next: r3 = r7
      r3 += 17
      if r3 s> 200 goto out
      r7 += -200
      r8 = map_value 0 +0
      r8 += r7
      r0 = *(u8 *)(r8 +0)
      out: r0 = 0
      exit`,
    want: ['EACCES', 'R8 min value is negative, either use unsigned index or do a if (index >=0) check.'],
  },
];

verifierCases('programs that are accepted by mistake', cases);

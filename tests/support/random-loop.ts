import { code, insn } from './interp.js';
import type { Random } from './random.js';

const PLAIN_LOADS = [0x71, 0x69, 0x61, 0x79, 0x91, 0x89, 0x81];
const PROBE_LOADS = [0x31, 0x29, 0x21, 0x39, 0x51, 0x49, 0x41];
const STORES = [0x73, 0x6b, 0x63, 0x7b];
const IMMEDIATE_STORES = [0x72, 0x6a, 0x62, 0x7a];
const ATOMICS = [0x00, 0x01, 0x41, 0xe1, 0xf1];

/** Pointers in R1 to R3, an index in R4, a loop of at most `rounds` rounds (R9) that reaches memory around them. */
export function randomLoop(random: Random, rounds: number): Uint8Array {
  const setUp = [
    insn(0xb7, 9, 0, 0, 1 + random.below(rounds)),
    insn(0xb7, 4, 0, 0, random.below(100)),
    ...Array.from({ length: 64 }, (_, at) => insn(0x7a, 10, 0, -8 * (at + 1), at)),
    ...(random.below(4) === 0 ? [insn(0x7b, 10, 1, -16), insn(0x79, 2, 10, -16)] : []),
  ];
  const body: Uint8Array[] = [];
  const offset = (): number => random.pick([0, 0, 8, -8, 3, 16 * random.below(8), random.below(5000) - 2500]);
  const length = 3 + random.below(random.pick([4, 12, 40]));
  while (body.length < length) {
    const target = random.pick([5, 6, 7]);
    const pointer = random.pick([1, 2, 3, target, target]);
    switch (random.below(14)) {
      case 13: {
        // An array in the frame. Stacks of the engines lie elsewhere: no pointer to it is left behind.
        const bias = random.pick([0, 16, 64]);
        const off = 8 * (bias + random.below(32)) - 512;
        // The guard of 6.1 refuses negative offsets and logs their addresses.
        const opcode = random.pick([...STORES, ...PLAIN_LOADS, ...(off < 0 ? [] : PROBE_LOADS)]);
        const [dst, src] = STORES.includes(opcode) ? [5, random.pick([0, 4, 8])] : [random.pick([0, 8]), 5];
        body.push(
          code(
            insn(0xbf, 6, random.pick([4, 8])),
            insn(0x57, 6, 0, 0, random.pick([7, 63, 248])),
            insn(0xbf, 5, 10),
            insn(0x07, 5, 0, 0, -8 * bias),
            insn(0x0f, 5, 6),
            insn(opcode, dst, src, off),
            insn(0xb7, 5, 0, 0, 0),
          ),
        );
        break;
      }
      case 0:
        body.push(insn(0xbf, target, random.pick([1, 2, 3])));
        break;
      case 1:
        body.push(insn(0x0f, target, random.pick([4, 5, 6, 7, 8])));
        break;
      case 2:
        body.push(
          insn(random.pick([0x07, 0x17]), random.pick([1, 2, 3, 4, target]), 0, 0, 8 * random.below(40)),
        );
        break;
      case 3:
        body.push(
          insn(0xbf, 8, 4),
          insn(random.pick([0x57, 0x54]), 8, 0, 0, random.pick([7, 255, 4088, -1])),
        );
        break;
      case 4:
        body.push(insn(random.pick([0x67, 0x64, 0x27, 0x77, 0x74, 0x97]), 8, 0, 0, 1 + random.below(4)));
        break;
      case 5:
        body.push(insn(random.pick([0x1f, 0x5f, 0x0c, 0xac]), 8, random.pick([4, 5, 9])));
        break;
      case 6:
        // Over what follows, at most to the end of the body.
        body.push(
          insn(random.pick([0x15, 0x25, 0x56]), random.pick([0, 4, 8, 9]), 0, 0x4000, random.below(9)),
        );
        break;
      case 7:
        body.push(insn(random.pick(STORES), pointer, random.pick([0, 4, 8]), offset()));
        break;
      case 8:
        body.push(insn(random.pick(IMMEDIATE_STORES), pointer, 0, offset(), random.u32() | 0));
        break;
      case 9:
        body.push(
          insn(random.pick([0xc3, 0xdb]), pointer, random.pick([0, 8]), offset(), random.pick(ATOMICS)),
        );
        break;
      default:
        body.push(
          insn(
            random.pick([...PLAIN_LOADS, ...PROBE_LOADS, ...PROBE_LOADS]),
            random.pick([0, 8]),
            pointer,
            offset(),
          ),
        );
    }
  }
  for (const [at, bytes] of body.entries()) {
    const view = new DataView(bytes.buffer);
    if (view.getInt16(2, true) !== 0x4000) continue;
    const parts = random.below(body.length - at);
    view.setInt16(2, slotsOf(body.slice(at + 1, at + 1 + parts)), true);
  }
  const slots = slotsOf(body) + 3;
  return code(
    ...setUp,
    ...body,
    insn(0x07, random.pick([1, 4, 4]), 0, 0, random.pick([1, 8, -8, 64])),
    insn(0x17, 9, 0, 0, 1),
    insn(0x55, 9, 0, -slots),
    insn(0x0f, 0, 8),
    insn(0x95),
  );
}

const slotsOf = (parts: readonly Uint8Array[]): number =>
  parts.reduce((sum, { length }) => sum + length / 8, 0);

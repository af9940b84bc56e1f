import type { FaultImage } from '../../host/lookup/fault-index.js';

/** Programs, exception entries of each. */
export interface Size {
  readonly programs: number;
  readonly entries: number;
}

/** A set of images placed as the kernel places them, and addresses to look up in them. */
export interface Load {
  readonly size: Size;
  /** In load order. */
  readonly images: readonly PlacedImage[];
  /** Bytes of the packs in use. */
  readonly packBytes: number;
  readonly sets: Readonly<Record<'uniform' | 'zipf', BigUint64Array>>;
}

export interface PlacedImage extends FaultImage {
  /** From the start of the module space. */
  readonly offset: number;
}

export const MODULES = 0xffffffffc0000000n;
const PACK = 2 << 20;
const CHUNK = 64;
const HEADER = 8;
const ENTRY = 12;
const MISS_INSIDE = 0.03;
const MISS_OUTSIDE = 0.03;

/** Bytes from one faulting instruction to the next. */
const DISTANCE = { least: 4, most: 26 };
/** pt_regs offsets of R0-R9. */
const REGISTERS = [80, 112, 104, 96, 88, 72, 40, 16, 8, 0];

/** xorshift128: the same load for the same seed on every machine. */
export function randomSource(seed: number): (below: number) => number {
  let [x, y, z, w] = [seed, 362436069, 521288629, 88675123];
  const next = (): number => {
    const t = x ^ (x << 11);
    [x, y, z] = [y, z, w];
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    return w >>> 0;
  };
  for (let i = 0; i < 20; i++) next();
  return (below) => Math.floor((next() / 2 ** 32) * below);
}

export function makeLoad(size: Size, addresses: number, seed = 1): Load {
  const random = randomSource(seed);
  const { programs, entries } = size;
  const images: PlacedImage[] = [];
  const starts = new Uint32Array(programs * entries);
  let pack = 0;
  let used = 0;
  for (let p = 0; p < programs; p++) {
    const insns = new Uint32Array(entries);
    let code = 16 + random(32);
    for (let k = 0; k < entries; k++) {
      insns[k] = code;
      code += DISTANCE.least + random(DISTANCE.most - DISTANCE.least + 1);
    }
    code += 8;
    const extableOffset = (code + 3) & ~3;
    const length = extableOffset + ENTRY * entries;
    const room = Math.ceil((length + HEADER + 16) / CHUNK) * CHUNK;
    if (used + room > PACK) {
      pack += PACK;
      used = 0;
    }
    const hole = Math.min(room - (length + HEADER), CHUNK - HEADER);
    const offset = pack + used + HEADER + (random(hole) & ~3);
    used += room;
    const extable = new Uint8Array(ENTRY * entries);
    const view = new DataView(extable.buffer);
    for (let k = 0; k < entries; k++) {
      const length = 3 + random(6);
      const register = random(11);
      view.setInt32(k * ENTRY, insns[k] - (extableOffset + k * ENTRY), true);
      view.setUint32(k * ENTRY + 4, ((register === 10 ? 1 : REGISTERS[register]) << 8) | length, true);
      view.setUint32(k * ENTRY + 8, 7, true);
      starts[p * entries + k] = offset + insns[k];
    }
    images.push({
      address: MODULES + BigInt(offset),
      offset,
      code: { length: code },
      extableOffset,
      extable,
    });
  }
  for (let i = images.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [images[i], images[j]] = [images[j], images[i]];
  }
  const packBytes = pack + PACK;
  const sets = {
    uniform: addressSet(addresses, uniformPicks(starts.length, addresses, random), starts, packBytes, random),
    zipf: addressSet(addresses, zipfPicks(starts.length, random), starts, packBytes, random),
  };
  return { size, images, packBytes, sets };
}

/** Entries without repetition as long as there are more than are asked for. */
function uniformPicks(entries: number, addresses: number, random: (below: number) => number): () => number {
  if (entries < 2 * addresses) return () => random(entries);
  const taken = new Uint8Array(entries);
  return () => {
    for (;;) {
      const pick = random(entries);
      if (taken[pick] !== 0) continue;
      taken[pick] = 1;
      return pick;
    }
  };
}

/** Entry of rank r with a probability in proportion to 1 / r; ranks are spread over all images. */
function zipfPicks(entries: number, random: (below: number) => number): () => number {
  const log = Math.log(entries + 1);
  // A prime: coprime with every number of entries used here.
  const spread = 2654435761n;
  return () => {
    const rank = Math.min(entries - 1, Math.floor(Math.exp((random(2 ** 31) / 2 ** 31) * log)) - 1);
    return Number((BigInt(rank) * spread) % BigInt(entries));
  };
}

function addressSet(
  count: number,
  pick: () => number,
  starts: Uint32Array,
  packBytes: number,
  random: (below: number) => number,
): BigUint64Array {
  const out = new BigUint64Array(count);
  for (let i = 0; i < count; i++) {
    const kind = random(10000) / 10000;
    if (kind < MISS_OUTSIDE) {
      // Past the packs, in the direct map, in the user half.
      const low = BigInt(random(2 ** 24) * 4);
      out[i] = [MODULES + BigInt(packBytes) + low, 0xffff888000000000n + low, low][i % 3];
    } else {
      const inside = kind < MISS_OUTSIDE + MISS_INSIDE ? 1 : 0;
      out[i] = MODULES + BigInt(starts[pick()] + inside);
    }
  }
  return out;
}

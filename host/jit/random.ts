/** Source of random numbers; tests inject one of their own. */
export interface RandomSource {
  /** Uniform integer from 0 to 2^32 - 1. */
  u32(): number;
}

/** Numbers of the platform's cryptographic generator. */
export const systemRandom: RandomSource = {
  u32: () => crypto.getRandomValues(new Uint32Array(1))[0],
};

/** Reproducible numbers: the same seed gives the same images (splitmix32). */
export function seededRandom(seed: number): RandomSource {
  let state = seed >>> 0;
  return {
    u32: () => {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    },
  };
}

/** Integer from 0 to `limit` - 1; `limit` below 2^32. */
export function below(random: RandomSource, limit: number): number {
  return Math.floor((random.u32() / 0x1_0000_0000) * limit);
}

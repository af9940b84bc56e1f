/** Reproducible random numbers (xorshift32); a test names the seed when it fails. */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** 32 random bits, unsigned. */
  u32(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }

  /** 0 to bound - 1. */
  below(bound: number): number {
    return this.u32() % bound;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }
}

/** Seed of this run: SEED in the environment, or the clock. */
export const testSeed = (): number => Number(process.env.SEED ?? Date.now() % 0x7fffffff);

/** Bytes of module area on x86-64: the most images can be allowed to take. */
export const MODULE_AREA_SIZE = 0x3f00_0000;

/** Counts the bytes of all images against net.core.bpf_jit_limit. Loaders with CAP_BPF may pass the limit. */
export class ImageCharge {
  #used = 0;

  /** `limit` in bytes: half of the module area by default, a quarter in 5.5. */
  constructor(
    readonly limit: number = MODULE_AREA_SIZE / 2,
    readonly capable = true,
  ) {}

  /** Bytes charged. */
  get used(): number {
    return this.#used;
  }

  /** False, and nothing is charged, when the limit would be passed. */
  charge(size: number): boolean {
    if (this.#used + size > this.limit && !this.capable) return false;
    this.#used += size;
    return true;
  }

  uncharge(size: number): void {
    this.#used -= size;
  }
}

import type { TypeId } from '../quantities.js';

/** Hash chains from a type's name to its ids in rising order; names are compared as bytes, never decoded. */
export class NameIndex {
  /** Head of each chain and link of each type, as index + 1 (0 ends the chain). */
  private readonly heads: Int32Array;
  private readonly next: Int32Array;
  private readonly encoder = new TextEncoder();

  constructor(
    private readonly bytes: Uint8Array,
    /** Byte offset of each type's name within `bytes`; its string ends with NUL. */
    private readonly nameAt: Uint32Array,
  ) {
    let buckets = 16;
    while (buckets < nameAt.length) buckets *= 2;
    this.heads = new Int32Array(buckets);
    this.next = new Int32Array(nameAt.length);
    for (let i = nameAt.length - 1; i >= 0; i--) {
      let at = nameAt[i]!;
      let hash = 0x811c9dc5;
      for (let byte = bytes[at]!; byte !== 0; byte = bytes[++at]!) hash = Math.imul(hash ^ byte, 0x01000193);
      const bucket = hash & (buckets - 1);
      this.next[i] = this.heads[bucket]!;
      this.heads[bucket] = i + 1;
    }
  }

  /** Positions (not ids) of the types called `name`, rising. */
  *positions(name: string): Generator<TypeId> {
    const wanted = this.encoder.encode(name);
    let hash = 0x811c9dc5;
    for (const byte of wanted) hash = Math.imul(hash ^ byte, 0x01000193);
    for (let link = this.heads[hash & (this.heads.length - 1)]!; link !== 0; link = this.next[link - 1]!) {
      if (this.matches(this.nameAt[link - 1]!, wanted)) yield link - 1;
    }
  }

  private matches(at: number, wanted: Uint8Array): boolean {
    for (let i = 0; i < wanted.length; i++) if (this.bytes[at + i] !== wanted[i]) return false;
    return this.bytes[at + wanted.length] === 0;
  }
}

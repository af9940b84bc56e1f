/** Growing bytes with the number formats of WebAssembly. */
export class ByteWriter {
  #bytes = new Uint8Array(1024);
  length = 0;

  u8(value: number): void {
    if (this.length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.length++] = value;
  }

  /** Overwrites one byte. */
  patch(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  op(a: number, b: number): void {
    this.u8(a);
    this.u8(b);
  }

  /** Unsigned LEB128 of a number below 2^32. */
  u32(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.u8(rest);
  }

  /** Signed LEB128 of a 32-bit number. */
  s32(value: number): void {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return this.u8(low);
      this.u8(low | 0x80);
    }
  }

  /** Signed LEB128 of the 64-bit number with these halves. */
  s64(low: number, high: number): void {
    let lo = low | 0;
    let hi = high | 0;
    for (;;) {
      const bits = lo & 0x7f;
      lo = (lo >>> 7) | (hi << 25);
      hi >>= 7;
      const sign = (bits & 0x40) !== 0;
      if ((!sign && lo === 0 && hi === 0) || (sign && lo === -1 && hi === -1)) return this.u8(bits);
      this.u8(bits | 0x80);
    }
  }

  bytes(source: Uint8Array): void {
    if (this.length + source.length > this.#bytes.length) this.#grow(source.length);
    this.#bytes.set(source, this.length);
    this.length += source.length;
  }

  /** The bytes so far, as a view. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  #grow(room: number): void {
    const bigger = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + room));
    bigger.set(this.#bytes.subarray(0, this.length));
    this.#bytes = bigger;
  }
}

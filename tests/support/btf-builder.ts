/** Builds small .BTF sections for tests: each method returns the new type's id. */
export class BtfBuilder {
  private readonly strings: number[] = [0];
  private readonly known = new Map<string, number>([['', 0]]);
  private readonly words: number[] = [];
  private nextId = 1;

  /** The id that the next type gets. */
  get next(): number {
    return this.nextId;
  }

  string(text: string): number {
    const known = this.known.get(text);
    if (known !== undefined) return known;
    const offset = this.strings.length;
    this.known.set(text, offset);
    this.strings.push(...new TextEncoder().encode(text), 0);
    return offset;
  }

  private add(
    name: string,
    kind: number,
    sizeOrType: number,
    vlen: number,
    flag: boolean,
    extra: number[],
  ): number {
    const info = ((flag ? 1 : 0) << 31) | (kind << 24) | vlen;
    this.words.push(this.string(name), info >>> 0, sizeOrType, ...extra);
    return this.nextId++;
  }

  int(
    name: string,
    size: number,
    options: { signed?: boolean; bool?: boolean; char?: boolean; bits?: number } = {},
  ): number {
    const flags = (options.signed ? 1 : 0) | (options.char ? 2 : 0) | (options.bool ? 4 : 0);
    return this.add(name, 1, size, 0, false, [(flags << 24) | (options.bits ?? size * 8)]);
  }

  pointer(type: number): number {
    return this.add('', 2, type, 0, false, []);
  }

  array(type: number, nelems: number, indexType = type): number {
    return this.add('', 3, 0, 0, false, [type, indexType, nelems]);
  }

  /** Members are [name, type, bit offset] or, of a bit-field, [name, type, bit offset, bits]. */
  struct(
    name: string,
    size: number,
    members: readonly [string, number, number, number?][],
    kind: 4 | 5 = 4,
  ): number {
    const flag = members.some((member) => (member[3] ?? 0) > 0);
    const extra = members.flatMap(([member, type, offset, bits = 0]) => [
      this.string(member),
      type,
      offset | (bits << 24),
    ]);
    return this.add(name, kind, size, members.length, flag, extra);
  }

  union(name: string, size: number, members: readonly [string, number, number, number?][]): number {
    return this.struct(name, size, members, 5);
  }

  enum(name: string, values: readonly [string, number][], signed = false): number {
    return this.add(
      name,
      6,
      4,
      values.length,
      signed,
      values.flatMap(([value, number]) => [this.string(value), number >>> 0]),
    );
  }

  enum64(name: string, values: readonly [string, bigint][], signed = false): number {
    const extra = values.flatMap(([value, number]) => [
      this.string(value),
      Number(BigInt.asUintN(32, number)),
      Number(BigInt.asUintN(32, number >> 32n)),
    ]);
    return this.add(name, 19, 8, values.length, signed, extra);
  }

  forward(name: string, isUnion = false): number {
    return this.add(name, 7, 0, 0, isUnion, []);
  }

  /** Kinds 8 typedef, 9 volatile, 10 const, 11 restrict, 18 type tag. */
  modifier(kind: 8 | 9 | 10 | 11 | 18, type: number, name = ''): number {
    return this.add(name, kind, type, 0, false, []);
  }

  func(name: string, proto: number, linkage = 1): number {
    return this.add(name, 12, proto, linkage, false, []);
  }

  proto(returns: number, params: readonly [string, number][]): number {
    return this.add(
      '',
      13,
      returns,
      params.length,
      false,
      params.flatMap(([name, type]) => [this.string(name), type]),
    );
  }

  variable(name: string, type: number, linkage = 1): number {
    return this.add(name, 14, type, 0, false, [linkage]);
  }

  datasec(name: string, size: number, vars: readonly [number, number, number][]): number {
    return this.add(name, 15, size, vars.length, false, vars.flat());
  }

  float(name: string, size: number): number {
    return this.add(name, 16, size, 0, false, []);
  }

  declTag(name: string, type: number, component = -1): number {
    return this.add(name, 17, type, 0, false, [component >>> 0]);
  }

  bytes(): Uint8Array {
    const typeBytes = this.words.length * 4;
    const bytes = new Uint8Array(24 + typeBytes + this.strings.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 0xeb9f, true);
    bytes[2] = 1;
    [24, 0, typeBytes, typeBytes, this.strings.length].forEach((word, i) =>
      view.setUint32(4 + i * 4, word, true),
    );
    this.words.forEach((word, i) => view.setUint32(24 + i * 4, word >>> 0, true));
    bytes.set(this.strings, 24 + typeBytes);
    return bytes;
  }
}

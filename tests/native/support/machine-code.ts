/** x86-64 code written by hand: bytes, labels, and operands relative to rip. */
export class MachineCode {
  readonly #bytes: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #uses: { at: number; label: string; size: 1 | 4 }[] = [];

  constructor(readonly address: bigint) {}

  /** Address of the next byte. */
  get here(): bigint {
    return this.address + BigInt(this.#bytes.length);
  }

  bytes(...values: number[]): this {
    this.#bytes.push(...values);
    return this;
  }

  label(name: string): this {
    this.#labels.set(name, this.#bytes.length);
    return this;
  }

  /** Address of a label. */
  at(name: string): bigint {
    const offset = this.#labels.get(name);
    if (offset === undefined) throw new Error(`no label ${name}`);
    return this.address + BigInt(offset);
  }

  /** An opcode with a displacement of 1 or 4 bytes to a label behind it. */
  to(opcode: readonly number[], label: string, size: 1 | 4 = 1): this {
    this.bytes(...opcode, ...new Array<number>(size).fill(0));
    this.#uses.push({ at: this.#bytes.length - size, label, size });
    return this;
  }

  /** An instruction whose ModRM byte asks for rip + disp32; `rest` is an immediate behind it. */
  memory(opcode: readonly number[], target: bigint, rest: readonly number[] = []): this {
    this.bytes(...opcode);
    const next = this.here + 4n + BigInt(rest.length);
    return this.bytes(...le(target - next, 4), ...rest);
  }

  finish(): Uint8Array {
    for (const { at, label, size } of this.#uses) {
      const distance = Number(this.at(label) - this.address) - (at + size);
      le(BigInt(distance), size).forEach((byte, i) => (this.#bytes[at + i] = byte));
    }
    return Uint8Array.from(this.#bytes);
  }
}

/** A number as little-endian bytes. */
export function le(value: bigint, size: number): number[] {
  return Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

/** mov r64, [target] and mov [target], r64 as opcodes for MachineCode.memory. */
export const loads = (register: number): number[] => [
  0x48 | ((register >> 3) << 2),
  0x8b,
  ((register & 7) << 3) | 5,
];
export const stores = (register: number): number[] => [
  0x48 | ((register >> 3) << 2),
  0x89,
  ((register & 7) << 3) | 5,
];

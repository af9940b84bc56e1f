import type { Btf } from '../btf/btf.js';
import type { MemberPlace } from '../btf/member.js';
import { type BtfInt, BtfKind, type BtfType } from '../btf/types.js';
import { MemoryError } from '../errors.js';
import type { GuestAddress, TypeId } from '../quantities.js';
import type { GuestMemory } from './guest-memory.js';

/** What a field can be set to: a number or an enumerator's name, an object or address for a pointer, text or bytes for an array. */
export type FieldInput =
  | number
  | bigint
  | boolean
  | string
  | null
  | Uint8Array
  | { readonly address: GuestAddress }
  | readonly FieldInput[]
  | { readonly [member: string]: FieldInput };

/**
 * What a field reads as: a number up to 32 bits, a bigint above, text for char arrays, bytes for what has no better
 * form; pointers are addresses.
 */
export type FieldValue =
  number | bigint | boolean | string | Uint8Array | FieldValue[] | { [member: string]: FieldValue };

/** Kernel memory seen through the kernel's own type information. */
export interface TypedMemory {
  readonly memory: GuestMemory;
  readonly btf: Btf;
}

interface Place {
  readonly address: GuestAddress;
  readonly type: TypeId;
  /** Bit-field only: first bit from `address`, and width. */
  readonly bit: number;
  readonly bits: number;
}

/**
 * A kernel structure in guest memory. Paths are member names joined by `.`, with `[n]` for array elements; they go
 * through pointers.
 *
 * @example task.get('real_parent.comm')
 */
export class KernelObject {
  constructor(
    private readonly space: TypedMemory,
    /** Id of the structure in the kernel's BTF. */
    readonly type: TypeId,
    readonly address: GuestAddress,
  ) {}

  /** Bytes of the structure. */
  get size(): number {
    return this.space.btf.sizeOf(this.type);
  }

  /** @throws BtfError BTF_NO_MEMBER; MemoryError when the path goes through an unmapped pointer. */
  get(path: string): FieldValue {
    return readField(this.space, this.#place(path));
  }

  /** The field as an unsigned number, pointers included. */
  uint(path: string): bigint {
    const value = this.get(path);
    if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean')
      return BigInt.asUintN(64, BigInt(value));
    throw new MemoryError('MM_FIELD', `${this.#name()}.${path}: expected a number, found ${typeof value}`);
  }

  set(path: string, value: FieldInput): this {
    writeField(this.space, this.#place(path), value, `${this.#name()}.${path}`);
    return this;
  }

  /** Sets several members; members of members as nested objects. */
  assign(fields: { readonly [path: string]: FieldInput }): this {
    for (const [path, value] of Object.entries(fields)) this.set(path, value);
    return this;
  }

  /** The structure a pointer member points to, or that a member is. */
  follow(path: string): KernelObject {
    const place = this.#place(path);
    const { btf, memory } = this.space;
    const type = btf.type(btf.skipModifiers(place.type));
    if (type.kind === BtfKind.PTR)
      return new KernelObject(this.space, btf.skipModifiers(type.type), memory.readUint(place.address, 8));
    return new KernelObject(this.space, type.id, place.address);
  }

  /** Address of a member. */
  addressOf(path: string): GuestAddress {
    return this.#place(path).address;
  }

  /** A copy of the structure's bytes. */
  bytes(): Uint8Array {
    return this.space.memory.read(this.address, this.size);
  }

  #place(path: string): Place {
    const { btf, memory } = this.space;
    let place: Place = { address: this.address, type: this.type, bit: 0, bits: 0 };
    for (const part of path.match(/\[\d+\]|[^.[\]]+/g) ?? []) {
      const type = btf.type(btf.skipModifiers(place.type));
      let base = place.address;
      let id = type.id;
      if (type.kind === BtfKind.PTR) {
        base = memory.readUint(place.address, 8);
        id = btf.skipModifiers(type.type);
        if (part.startsWith('[')) {
          const step = BigInt(Number(part.slice(1, -1)) * btf.sizeOf(id));
          place = { address: base + step, type: id, bit: 0, bits: 0 };
          continue;
        }
      }
      place = stepInto(base, btf, id, part);
    }
    return place;
  }

  #name(): string {
    return this.space.btf.format(this.type);
  }
}

function stepInto(base: GuestAddress, btf: Btf, id: TypeId, part: string): Place {
  const type = btf.type(id);
  if (part.startsWith('[') && type.kind === BtfKind.ARRAY) {
    const offset = Number(part.slice(1, -1)) * btf.sizeOf(type.type);
    return { address: base + BigInt(offset), type: type.type, bit: 0, bits: 0 };
  }
  return placeOf(base, memberOf(btf, id, part));
}

/** Members are looked up by name once for each BTF. */
const members = new WeakMap<Btf, Map<string, MemberPlace>>();

function memberOf(btf: Btf, id: TypeId, name: string): MemberPlace {
  let known = members.get(btf);
  if (!known) members.set(btf, (known = new Map()));
  const key = `${id}.${name}`;
  const found = known.get(key) ?? btf.member(id, name);
  known.set(key, found);
  return found;
}

function placeOf(base: GuestAddress, member: MemberPlace): Place {
  const byte = base + BigInt(member.bitOffset >> 3);
  return { address: byte, type: member.type, bit: member.bitOffset & 7, bits: member.bitSize };
}

/** Creates nothing: writes `value` over the field. */
function writeField(space: TypedMemory, place: Place, value: FieldInput, where: string): void {
  const { btf, memory } = space;
  const type = btf.type(btf.skipModifiers(place.type));
  const size = btf.sizeOf(type.id);
  const wrong = (expected: string): MemoryError =>
    new MemoryError('MM_FIELD', `${where}: expected ${expected}, found ${describe(value)}`);
  if (value instanceof Uint8Array) {
    if (value.length > size && size !== 0) throw wrong(`at most ${size} bytes`);
    memory.write(place.address, value);
    return;
  }
  switch (type.kind) {
    case BtfKind.STRUCT:
    case BtfKind.UNION: {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw wrong('an object of members');
      for (const [name, field] of Object.entries(value as { [member: string]: FieldInput }))
        writeField(space, placeOf(place.address, memberOf(btf, type.id, name)), field, `${where}.${name}`);
      return;
    }
    case BtfKind.ARRAY: {
      const step = btf.sizeOf(type.type);
      if (typeof value === 'string' && step === 1) {
        const text = new TextEncoder().encode(value);
        if (text.length + 1 > type.nelems && type.nelems !== 0)
          throw wrong(`at most ${type.nelems - 1} bytes of text`);
        memory.write(place.address, text);
        memory.writeUint(place.address + BigInt(text.length), 1, 0n);
        return;
      }
      if (!Array.isArray(value)) throw wrong('an array');
      if (value.length > type.nelems && type.nelems !== 0) throw wrong(`at most ${type.nelems} elements`);
      value.forEach((element: FieldInput, at: number) => {
        const address = place.address + BigInt(at * step);
        writeField(space, { address, type: type.type, bit: 0, bits: 0 }, element, `${where}[${at}]`);
      });
      return;
    }
    default:
      writeScalar(memory, place, size, scalarOf(type, value, wrong));
  }
}

function scalarOf(type: BtfType, value: FieldInput, wrong: (expected: string) => MemoryError): bigint {
  if (type.kind === BtfKind.PTR) {
    if (value === null) return 0n;
    if (typeof value === 'object' && 'address' in value) return (value as { address: GuestAddress }).address;
  }
  if ((type.kind === BtfKind.ENUM || type.kind === BtfKind.ENUM64) && typeof value === 'string') {
    const found = type.values.find(({ name }) => name === value);
    if (!found) throw wrong(`an enumerator of ${type.name || 'the enum'}`);
    return found.value;
  }
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return BigInt(value);
  throw wrong(type.kind === BtfKind.PTR ? 'an address, an object or null' : 'a number');
}

function writeScalar(memory: GuestMemory, place: Place, size: number, value: bigint): void {
  if (place.bits === 0) {
    memory.writeUint(place.address, size as 1 | 2 | 4 | 8, value);
    return;
  }
  const bytes = Math.ceil((place.bit + place.bits) / 8);
  const mask = ((1n << BigInt(place.bits)) - 1n) << BigInt(place.bit);
  const old = readBytes(memory, place.address, bytes);
  let merged = (old & ~mask) | ((value << BigInt(place.bit)) & mask);
  for (let at = 0; at < bytes; at++, merged >>= 8n)
    memory.writeUint(place.address + BigInt(at), 1, merged & 0xffn);
}

function readBytes(memory: GuestMemory, address: GuestAddress, bytes: number): bigint {
  let value = 0n;
  for (let at = bytes - 1; at >= 0; at--) value = (value << 8n) | memory.readUint(address + BigInt(at), 1);
  return value;
}

function readField(space: TypedMemory, place: Place): FieldValue {
  const { btf, memory } = space;
  const type = btf.type(btf.skipModifiers(place.type));
  switch (type.kind) {
    case BtfKind.STRUCT:
    case BtfKind.UNION: {
      const value: { [member: string]: FieldValue } = {};
      for (const member of type.members) {
        const field = readField(space, placeOf(place.address, member));
        if (member.name !== '') value[member.name] = field;
        else Object.assign(value, field);
      }
      return value;
    }
    case BtfKind.ARRAY: {
      const element = btf.type(btf.skipModifiers(type.type));
      if (element.kind === BtfKind.INT && isText(btf, type.type, element)) {
        const bytes = memory.read(place.address, type.nelems);
        const end = bytes.indexOf(0);
        return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
      }
      const step = btf.sizeOf(type.type);
      if (step === 1) return memory.read(place.address, type.nelems);
      return Array.from({ length: type.nelems }, (_, at) =>
        readField(space, { address: place.address + BigInt(at * step), type: type.type, bit: 0, bits: 0 }),
      );
    }
    case BtfKind.PTR:
      return memory.readUint(place.address, 8);
    case BtfKind.INT:
    case BtfKind.ENUM:
    case BtfKind.ENUM64:
      return readScalar(memory, place, type);
    default:
      return memory.read(place.address, btf.sizeOf(type.id));
  }
}

type Scalar = Extract<BtfType, { readonly signed: boolean }>;

function readScalar(memory: GuestMemory, place: Place, type: Scalar): FieldValue {
  const bits = place.bits || type.size * 8;
  const raw = readBytes(memory, place.address, Math.ceil((place.bit + bits) / 8)) >> BigInt(place.bit);
  const value = type.signed ? BigInt.asIntN(bits, raw) : BigInt.asUintN(bits, raw);
  if (type.kind === BtfKind.INT && type.bool) return value !== 0n;
  return bits <= 32 ? Number(value) : value;
}

/** `char`, not u8 or another typedef of it: what holds text. */
function isText(btf: Btf, id: TypeId, element: BtfInt): boolean {
  return element.size === 1 && element.name === 'char' && btf.type(btf.skipQualifiers(id)).id === element.id;
}

function describe(value: FieldInput): string {
  if (value === null) return 'null';
  if (typeof value === 'object') return value instanceof Uint8Array ? `${value.length} bytes` : 'an object';
  return typeof value === 'string' ? `"${value.slice(0, 40)}"` : String(value);
}

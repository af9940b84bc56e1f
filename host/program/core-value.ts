import { BtfKind, type BtfComposite, type BtfEnum } from '../btf/types.js';
import type { TypeId } from '../quantities.js';
import { CoreReloKind, isEnumKind, isFieldKind } from './core-kinds.js';
import type { AccessSpec } from './core-spec.js';

/** What a relocation yields in one BTF. */
export interface CoreValue {
  readonly value: bigint;
  /** False when the compiler could not have put the local value into the instruction. */
  readonly validate: boolean;
  /** Bytes and type of the field, given for its byte offset: the access may have to change its size. */
  readonly size: number;
  readonly type: TypeId;
}

const MAX_UNIT = 8;

/** The value of a relocation kind for an access; a string says why there is none. */
export function coreValue(spec: AccessSpec, kind: number): CoreValue | string {
  const { btf } = spec;
  const plain = (value: bigint | number, validate = true): CoreValue => ({
    value: BigInt(value),
    validate,
    size: 0,
    type: 0,
  });
  if (isFieldKind(kind)) return kind === CoreReloKind.FIELD_EXISTS ? plain(1) : fieldValue(spec, kind);
  if (isEnumKind(kind)) {
    if (kind === CoreReloKind.ENUMVAL_EXISTS) return plain(1);
    const { type, index } = spec.accessors[0]!;
    return plain((btf.type(type) as BtfEnum).values[index]!.value);
  }
  switch (kind) {
    case CoreReloKind.TYPE_ID_LOCAL:
    case CoreReloKind.TYPE_ID_TARGET:
      return plain(spec.root, false);
    case CoreReloKind.TYPE_EXISTS:
    case CoreReloKind.TYPE_MATCHES:
      return plain(1);
    case CoreReloKind.TYPE_SIZE:
      return plain(btf.sizeOf(spec.root));
    default:
      return `a relocation kind of 0 to 12, found ${kind}`;
  }
}

/** The smallest aligned unit, from the size of the bit-field's type up, that holds the whole bit-field. */
function bitFieldUnit(
  bitOffset: number,
  bits: number,
  typeSize: number,
): { offset: number; size: number } | null {
  for (let size = typeSize; size > 0 && size <= MAX_UNIT; size *= 2) {
    const offset = Math.floor(bitOffset / 8 / size) * size;
    if (bitOffset + bits - offset * 8 <= size * 8) return { offset, size };
  }
  return null;
}

/** Bits of the bit-field that an access ends in, 0 = another field. */
export function bitFieldWidth(spec: AccessSpec): number {
  const last = spec.accessors.at(-1)!;
  return last.name === '' ? 0 : (spec.btf.type(last.type) as BtfComposite).members[last.index]!.bitSize;
}

function fieldValue(spec: AccessSpec, kind: number): CoreValue | string {
  const { btf, bitOffset } = spec;
  const last = spec.accessors.at(-1)!;
  if (last.name === '') {
    const size = btf.sizeOf(last.type);
    if (kind === CoreReloKind.FIELD_BYTE_OFFSET) {
      return { value: BigInt(Math.floor(bitOffset / 8)), validate: true, size, type: last.type };
    }
    if (kind === CoreReloKind.FIELD_BYTE_SIZE)
      return { value: BigInt(size), validate: true, size: 0, type: 0 };
    return 'a named field, found an element';
  }
  const member = (btf.type(last.type) as BtfComposite).members[last.index]!;
  const type = btf.type(btf.skipModifiers(member.type));
  const typeSize = btf.sizeOf(member.type);
  const isBitField = member.bitSize > 0;
  const unit = isBitField
    ? bitFieldUnit(bitOffset, member.bitSize, typeSize)
    : { offset: Math.floor(bitOffset / 8), size: typeSize };
  if (unit === null)
    return `a bit-field within ${MAX_UNIT} bytes, found ${member.bitSize} bits at ${bitOffset}`;
  const bits = isBitField ? member.bitSize : unit.size * 8;
  const value = (number: number): CoreValue => ({
    value: BigInt(number),
    validate: !isBitField,
    size: 0,
    type: 0,
  });
  switch (kind) {
    case CoreReloKind.FIELD_BYTE_OFFSET:
      return {
        value: BigInt(unit.offset),
        validate: !isBitField,
        size: isBitField ? 0 : unit.size,
        type: member.type,
      };
    case CoreReloKind.FIELD_BYTE_SIZE:
      return value(unit.size);
    case CoreReloKind.FIELD_SIGNED: {
      const isSignedType =
        (type.kind === BtfKind.INT || type.kind === BtfKind.ENUM || type.kind === BtfKind.ENUM64) &&
        type.signed;
      return { ...value(isSignedType ? 1 : 0), validate: true };
    }
    case CoreReloKind.FIELD_LSHIFT_U64:
      return value(64 - (bitOffset + bits - unit.offset * 8));
    default:
      return value(64 - bits);
  }
}

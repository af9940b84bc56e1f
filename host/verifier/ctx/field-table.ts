import type { ContextAccess, ContextField } from '../context.js';
import { RegType } from '../reg-type.js';

/** One field of a context or socket structure. Offsets and sizes in bytes. */
export interface Field {
  readonly offset: number;
  /** Of one element. */
  readonly size: number;
  /** Elements of an array; default 1. */
  readonly count?: number;
  /** Reads of 1, 2 and 4 bytes inside an element are allowed. */
  readonly narrow?: boolean;
  /** Type of what a load yields; default a scalar. */
  readonly type?: number;
  /** Sizes a store may have; default none. */
  readonly write?: readonly number[];
  /** Sizes a load may have besides `size` and narrow ones, wherever aligned inside the field. */
  readonly read?: readonly number[];
  /** Attach types that see the field; default all. */
  readonly attach?: ReadonlySet<number>;
  /** Attach types that may write it; default those that see it. */
  readonly writeAttach?: ReadonlySet<number>;
}

/** A structure as programs see it. */
export interface FieldTable {
  readonly size: number;
  readonly fields: readonly Field[];
}

export const scalar = (fieldSize: number): ContextField => ({ regType: RegType.SCALAR, fieldSize });

/** A power of two that fits, at its place, in a field of `fieldSize` bytes. */
export function isNarrowAccess(offset: number, size: number, fieldSize: number): boolean {
  const within = offset & (fieldSize - 1);
  return size <= fieldSize && (size & (size - 1)) === 0 && within + size <= fieldSize;
}

/** What an access yields, by the table; null = refused. */
export function accessField(
  table: FieldTable,
  access: ContextAccess,
  attachType: number,
): ContextField | null {
  const { offset, size, isWrite } = access;
  if (offset < 0 || offset + size > table.size || offset % size !== 0) return null;
  const field = table.fields.find(
    (one) => offset >= one.offset && offset < one.offset + one.size * (one.count ?? 1),
  );
  if (field === undefined || field.attach?.has(attachType) === false) return null;
  const end = field.offset + field.size * (field.count ?? 1);
  if (field.count !== undefined && offset + size > end) return null;
  if (isWrite) {
    if (field.writeAttach?.has(attachType) === false) return null;
    return field.write?.includes(size) === true ? result(field, size) : null;
  }
  const within = (offset - field.offset) % field.size;
  if (within === 0 && size === field.size) return result(field, size);
  if (field.read?.includes(size) === true) return result(field, size);
  return field.narrow === true && isNarrowAccess(within, size, field.size) ? result(field, field.size) : null;
}

function result(field: Field, fieldSize: number): ContextField {
  const regType = field.type ?? RegType.SCALAR;
  const isPacket =
    regType === RegType.PACKET || regType === RegType.PACKET_END || regType === RegType.PACKET_META;
  return isPacket ? { regType, fieldSize, noSignExtend: true } : { regType, fieldSize };
}

/** Fields of `size` bytes one after the other. */
export function consecutive(
  start: number,
  size: number,
  count: number,
  options: Partial<Field> = {},
): Field[] {
  return Array.from({ length: count }, (_, index) => ({ offset: start + index * size, size, ...options }));
}

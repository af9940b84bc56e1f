import { BtfError } from '../errors.js';
import type { TypeId } from '../quantities.js';
import { BtfKind, type BtfMember, type BtfType } from './types.js';

/*
 * Header of a .BTF section, 24 bytes; offsets count from the end of the header:
 *
 *   0        2        3       4        8         12        16       20       24
 *   | magic  | version| flags | hdr_len| type_off| type_len| str_off| str_len|
 *
 * A type record, 12 bytes and what its kind adds:
 *
 *   0         4                                            8             12
 *   | name_off| kind_flag:1 .. kind:5 (24-28) .. vlen:16   | size or type | ...
 */
export const BTF_MAGIC = 0xeb9f;
export const BTF_HEADER_SIZE = 24;
export const TYPE_RECORD_SIZE = 12;

export const INT_SIGNED = 1;
export const INT_CHAR = 2;
export const INT_BOOL = 4;

const UNDERSCORE = 0x5f;
const LAST_KIND = BtfKind.ENUM64;

/** Bytes after the 12-byte record: fixed part and bytes per vlen, by kind. */
export const FIXED_EXTRA = Uint8Array.of(0, 4, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 4, 0, 0);
export const VLEN_EXTRA = Uint8Array.of(0, 0, 0, 0, 12, 12, 8, 0, 0, 0, 0, 0, 0, 8, 0, 12, 0, 0, 0, 12);

export function btfError(code: string, offset: number, what: string): BtfError {
  return new BtfError(code, `.BTF+0x${offset.toString(16)}: ${what}`, { section: '.BTF', offset });
}

/** Where the parts of a .BTF section lie, in bytes from its start. */
export interface BtfLayout {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly typesStart: number;
  readonly typesEnd: number;
  readonly stringsStart: number;
  readonly stringsEnd: number;
}

export function readLayout(bytes: Uint8Array, isSplit: boolean): BtfLayout {
  if (bytes.length < BTF_HEADER_SIZE) {
    throw btfError(
      'BTF_TRUNCATED',
      0,
      `expected a header of ${BTF_HEADER_SIZE} bytes, found ${bytes.length} bytes`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint16(0, true);
  if (magic !== BTF_MAGIC) {
    throw btfError(
      'BTF_MAGIC',
      0,
      `expected magic 0xeb9f in little-endian order, found 0x${magic.toString(16)}`,
    );
  }
  if (bytes[2] !== 1) throw btfError('BTF_VERSION', 2, `expected version 1, found ${bytes[2]}`);
  if (bytes[3] !== 0) throw btfError('BTF_FLAGS', 3, `expected flags 0, found ${bytes[3]}`);
  const headerLength = view.getUint32(4, true);
  if (headerLength < BTF_HEADER_SIZE || headerLength > bytes.length) {
    throw btfError(
      'BTF_HEADER',
      4,
      `expected a header length of ${BTF_HEADER_SIZE} to ${bytes.length}, found ${headerLength}`,
    );
  }
  const part = (field: number, name: string): [number, number] => {
    const start = headerLength + view.getUint32(field, true);
    const end = start + view.getUint32(field + 4, true);
    if (end > bytes.length) {
      throw btfError(
        'BTF_TRUNCATED',
        field,
        `expected the ${name} to end within ${bytes.length} bytes, found end ${end}`,
      );
    }
    return [start, end];
  };
  const [typesStart, typesEnd] = part(8, 'types');
  const [stringsStart, stringsEnd] = part(16, 'strings');
  if (typesStart % 4 !== 0)
    throw btfError('BTF_ALIGNMENT', 8, `expected types aligned to 4, found offset ${typesStart}`);
  const isEmptySplit = isSplit && stringsEnd === stringsStart;
  if (
    !isEmptySplit &&
    (stringsEnd === stringsStart || bytes[stringsEnd - 1] !== 0 || (!isSplit && bytes[stringsStart] !== 0))
  ) {
    throw btfError('BTF_STRINGS', stringsStart, 'expected strings that start and end with NUL, found none');
  }
  return { view, bytes, typesStart, typesEnd, stringsStart, stringsEnd };
}

/** Offsets of the type records, in order. */
export function indexTypes(layout: BtfLayout): Uint32Array {
  const { view, typesStart, typesEnd } = layout;
  const offsets = new Uint32Array(Math.floor((typesEnd - typesStart) / TYPE_RECORD_SIZE));
  let count = 0;
  let at = typesStart;
  while (at < typesEnd) {
    if (at + TYPE_RECORD_SIZE > typesEnd) {
      throw btfError(
        'BTF_TRUNCATED',
        at,
        `expected a type record of ${TYPE_RECORD_SIZE} bytes, found ${typesEnd - at}`,
      );
    }
    const info = view.getUint32(at + 4, true);
    const kind = (info >>> 24) & 0x1f;
    if (kind === 0 || kind > LAST_KIND) {
      throw btfError('BTF_KIND', at + 4, `expected a type kind of 1 to ${LAST_KIND}, found ${kind}`);
    }
    offsets[count++] = at;
    const length = TYPE_RECORD_SIZE + FIXED_EXTRA[kind]! + (info & 0xffff) * VLEN_EXTRA[kind]!;
    if (at + length > typesEnd) {
      throw btfError(
        'BTF_TRUNCATED',
        at,
        `expected a type record of ${length} bytes, found ${typesEnd - at}`,
      );
    }
    at += length;
  }
  return offsets.subarray(0, count);
}

/** Strings that hold `___`: names that may have a CO-RE flavour. */
export function stringsWithFlavour({ bytes, stringsStart, stringsEnd }: BtfLayout): string[] {
  const found: string[] = [];
  let start = stringsStart;
  let run = 0;
  let longest = 0;
  for (let at = stringsStart; at < stringsEnd; at++) {
    const byte = bytes[at]!;
    run = byte === UNDERSCORE ? run + 1 : 0;
    if (run > longest) longest = run;
    if (byte !== 0) continue;
    if (longest >= 3) found.push(new TextDecoder().decode(bytes.subarray(start, at)));
    start = at + 1;
    longest = 0;
  }
  return found;
}

/** Decodes the record at `at`; `string` resolves a name offset. Bounds were checked by indexTypes. */
export function decodeType(
  view: DataView,
  at: number,
  id: TypeId,
  string: (offset: number) => string,
): BtfType {
  const u32 = (offset: number): number => view.getUint32(at + offset, true);
  const name = string(u32(0));
  const info = u32(4);
  const kind = ((info >>> 24) & 0x1f) as BtfKind;
  const vlen = info & 0xffff;
  const flag = info >>> 31 === 1;
  const sizeOrType = u32(8);
  const each = <T>(size: number, read: (offset: number) => T): T[] => {
    const out = new Array<T>(vlen);
    for (let i = 0; i < vlen; i++) out[i] = read(TYPE_RECORD_SIZE + i * size);
    return out;
  };
  switch (kind) {
    case BtfKind.INT: {
      const encoding = u32(12);
      const flags = (encoding >>> 24) & 0xf;
      return {
        id,
        name,
        kind,
        size: sizeOrType,
        bits: encoding & 0xff,
        bitOffset: (encoding >>> 16) & 0xff,
        signed: (flags & INT_SIGNED) !== 0,
        char: (flags & INT_CHAR) !== 0,
        bool: (flags & INT_BOOL) !== 0,
      };
    }
    case BtfKind.PTR:
    case BtfKind.TYPEDEF:
    case BtfKind.VOLATILE:
    case BtfKind.CONST:
    case BtfKind.RESTRICT:
    case BtfKind.TYPE_TAG:
      return { id, name, kind, type: sizeOrType };
    case BtfKind.ARRAY:
      return { id, name, kind, type: u32(12), indexType: u32(16), nelems: u32(20) };
    case BtfKind.STRUCT:
    case BtfKind.UNION: {
      const members = each<BtfMember>(12, (m) => {
        const offset = u32(m + 8);
        return {
          name: string(u32(m)),
          type: u32(m + 4),
          bitOffset: flag ? offset & 0xffffff : offset,
          bitSize: flag ? offset >>> 24 : 0,
        };
      });
      return { id, name, kind, size: sizeOrType, members };
    }
    case BtfKind.ENUM: {
      const values = each(8, (m) => ({
        name: string(u32(m)),
        value: BigInt(flag ? view.getInt32(at + m + 4, true) : u32(m + 4)),
      }));
      return { id, name, kind, size: sizeOrType, signed: flag, values };
    }
    case BtfKind.ENUM64: {
      const values = each(12, (m) => {
        const value = (BigInt(u32(m + 8)) << 32n) | BigInt(u32(m + 4));
        return { name: string(u32(m)), value: flag ? BigInt.asIntN(64, value) : value };
      });
      return { id, name, kind, size: sizeOrType, signed: flag, values };
    }
    case BtfKind.FWD:
      return { id, name, kind, isUnion: flag };
    case BtfKind.FUNC:
      return { id, name, kind, type: sizeOrType, linkage: vlen };
    case BtfKind.FUNC_PROTO: {
      const params = each(8, (m) => ({ name: string(u32(m)), type: u32(m + 4) }));
      return { id, name, kind, type: sizeOrType, params };
    }
    case BtfKind.VAR:
      return { id, name, kind, type: sizeOrType, linkage: u32(12) };
    case BtfKind.DATASEC: {
      const vars = each(12, (m) => ({ type: u32(m), offset: u32(m + 4), size: u32(m + 8) }));
      return { id, name, kind, size: sizeOrType, vars };
    }
    case BtfKind.FLOAT:
      return { id, name, kind, size: sizeOrType };
    case BtfKind.DECL_TAG:
      return { id, name, kind, type: sizeOrType, component: view.getInt32(at + 12, true) };
    default:
      throw btfError('BTF_KIND', at + 4, `expected a type kind of 1 to ${LAST_KIND}, found ${kind}`);
  }
}

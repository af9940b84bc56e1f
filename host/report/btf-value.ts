import type { Btf } from '../btf/btf.js';
import { BtfKind } from '../btf/types.js';
import type { TypeId } from '../quantities.js';

export type BtfValue = number | bigint | string | boolean | BtfValue[] | { [member: string]: BtfValue };

/** Bytes read as the type says, as `bpftool map dump` shows them: structs by member, char arrays as text. */
export function btfValue(btf: Btf, id: TypeId, bytes: Uint8Array): BtfValue {
  const type = btf.type(btf.skipModifiers(id));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type.kind) {
    case BtfKind.INT:
      return type.bool ? bytes[0] !== 0 : integer(view, type.size, type.signed);
    case BtfKind.ENUM:
    case BtfKind.ENUM64: {
      const value = BigInt(integer(view, type.size, type.signed));
      return type.values.find((each) => each.value === value)?.name ?? value;
    }
    case BtfKind.PTR:
      return `0x${view.getBigUint64(0, true).toString(16)}`;
    case BtfKind.ARRAY: {
      const element = btf.type(btf.skipModifiers(type.type));
      if (element.kind === BtfKind.INT && element.size === 1 && isText(bytes)) return text(bytes);
      const size = btf.sizeOf(type.type);
      return Array.from({ length: type.nelems }, (_, at) =>
        btfValue(btf, type.type, bytes.subarray(at * size, (at + 1) * size)),
      );
    }
    case BtfKind.STRUCT:
    case BtfKind.UNION:
      return Object.fromEntries(
        type.members
          .filter(({ bitSize, bitOffset }) => bitSize === 0 && bitOffset % 8 === 0)
          .map(({ name, type: member, bitOffset }) => [
            name,
            btfValue(btf, member, bytes.subarray(bitOffset / 8, bitOffset / 8 + btf.sizeOf(member))),
          ]),
      );
    default:
      return hex(bytes);
  }
}

function integer(view: DataView, size: number, signed: boolean): number | bigint {
  switch (size) {
    case 1:
      return signed ? view.getInt8(0) : view.getUint8(0);
    case 2:
      return signed ? view.getInt16(0, true) : view.getUint16(0, true);
    case 4:
      return signed ? view.getInt32(0, true) : view.getUint32(0, true);
    default:
      return signed ? view.getBigInt64(0, true) : view.getBigUint64(0, true);
  }
}

/** Printable characters, then nothing or only zeros. */
function isText(bytes: Uint8Array): boolean {
  const end = textEnd(bytes);
  return (
    bytes.subarray(0, end).every((byte) => byte >= 0x20 && byte < 0x7f) &&
    bytes.subarray(end).every((byte) => byte === 0)
  );
}

function textEnd(bytes: Uint8Array): number {
  const zero = bytes.indexOf(0);
  return zero < 0 ? bytes.length : zero;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, textEnd(bytes)));
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** A value on one line, numbers as they are, text in quotes. */
export function renderValue(value: BtfValue): string {
  if (typeof value === 'string') return value.startsWith('0x') ? value : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(renderValue).join(', ')}]`;
  if (typeof value !== 'object') return String(value);
  return `{ ${Object.entries(value)
    .map(([name, member]) => `${name}: ${renderValue(member)}`)
    .join(', ')} }`;
}

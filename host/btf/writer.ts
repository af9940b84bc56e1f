import type { TypeId } from '../quantities.js';
import {
  BTF_HEADER_SIZE,
  BTF_MAGIC,
  FIXED_EXTRA,
  INT_BOOL,
  INT_CHAR,
  INT_SIGNED,
  TYPE_RECORD_SIZE,
  VLEN_EXTRA,
} from './encoding.js';
import { BtfKind, type BtfType } from './types.js';

/** Writes a .BTF section type by type; ids count from 1 in the order of writing. */
export class BtfWriter {
  private readonly words: number[] = [];
  private readonly strings = new Map<string, number>([['', 0]]);
  private readonly stringParts: Uint8Array[] = [Uint8Array.of(0)];
  private stringsLength = 1;
  private count = 0;

  /** Appends a type whose references are already those of this section; its own id is ignored. */
  add(type: Exclude<BtfType, { readonly kind: typeof BtfKind.VOID }>): TypeId {
    const before = this.words.length;
    const { flag, vlen, sizeOrType } = head(type);
    const info = ((flag ? 0x80000000 : 0) | (type.kind << 24) | vlen) >>> 0;
    this.words.push(this.string(type.name), info, sizeOrType, ...this.extra(type));
    const length = (this.words.length - before) * 4;
    const expected =
      TYPE_RECORD_SIZE +
      FIXED_EXTRA[type.kind]! +
      (type.kind === BtfKind.FUNC ? 0 : vlen * VLEN_EXTRA[type.kind]!);
    if (length !== expected) throw new Error(`BTF record of ${expected} bytes, wrote ${length}`);
    return ++this.count;
  }

  /** The section: header, types, strings. */
  bytes(): Uint8Array {
    const typesLength = this.words.length * 4;
    const bytes = new Uint8Array(BTF_HEADER_SIZE + typesLength + this.stringsLength);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, BTF_MAGIC, true);
    view.setUint8(2, 1);
    [BTF_HEADER_SIZE, 0, typesLength, typesLength, this.stringsLength].forEach((word, i) =>
      view.setUint32(4 + i * 4, word, true),
    );
    this.words.forEach((word, i) => view.setUint32(BTF_HEADER_SIZE + i * 4, word, true));
    let at = BTF_HEADER_SIZE + typesLength;
    for (const part of this.stringParts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  private string(text: string): number {
    const known = this.strings.get(text);
    if (known !== undefined) return known;
    const part = new TextEncoder().encode(`${text}\0`);
    const offset = this.stringsLength;
    this.strings.set(text, offset);
    this.stringParts.push(part);
    this.stringsLength += part.length;
    return offset;
  }

  private extra(type: BtfType): number[] {
    switch (type.kind) {
      case BtfKind.INT: {
        const flags =
          (type.signed ? INT_SIGNED : 0) | (type.char ? INT_CHAR : 0) | (type.bool ? INT_BOOL : 0);
        return [(flags << 24) | (type.bitOffset << 16) | type.bits];
      }
      case BtfKind.ARRAY:
        return [type.type, type.indexType, type.nelems];
      case BtfKind.STRUCT:
      case BtfKind.UNION:
        return type.members.flatMap((member) => [
          this.string(member.name),
          member.type,
          ((member.bitSize << 24) | member.bitOffset) >>> 0,
        ]);
      case BtfKind.ENUM:
        return type.values.flatMap(({ name, value }) => [
          this.string(name),
          Number(BigInt.asUintN(32, value)),
        ]);
      case BtfKind.ENUM64:
        return type.values.flatMap(({ name, value }) => [
          this.string(name),
          Number(BigInt.asUintN(32, value)),
          Number(BigInt.asUintN(32, value >> 32n)),
        ]);
      case BtfKind.FUNC_PROTO:
        return type.params.flatMap(({ name, type: param }) => [this.string(name), param]);
      case BtfKind.VAR:
        return [type.linkage];
      case BtfKind.DATASEC:
        return type.vars.flatMap((each) => [each.type, each.offset, each.size]);
      case BtfKind.DECL_TAG:
        return [type.component >>> 0];
      default:
        return [];
    }
  }
}

function head(type: BtfType): { flag: boolean; vlen: number; sizeOrType: number } {
  switch (type.kind) {
    case BtfKind.STRUCT:
    case BtfKind.UNION:
      return {
        flag: type.members.some(({ bitSize }) => bitSize > 0),
        vlen: type.members.length,
        sizeOrType: type.size,
      };
    case BtfKind.ENUM:
    case BtfKind.ENUM64:
      return { flag: type.signed, vlen: type.values.length, sizeOrType: type.size };
    case BtfKind.FWD:
      return { flag: type.isUnion, vlen: 0, sizeOrType: 0 };
    case BtfKind.FUNC:
      return { flag: false, vlen: type.linkage, sizeOrType: type.type };
    case BtfKind.FUNC_PROTO:
      return { flag: false, vlen: type.params.length, sizeOrType: type.type };
    case BtfKind.DATASEC:
      return { flag: false, vlen: type.vars.length, sizeOrType: type.size };
    case BtfKind.INT:
    case BtfKind.FLOAT:
      return { flag: false, vlen: 0, sizeOrType: type.size };
    case BtfKind.ARRAY:
    case BtfKind.VOID:
      return { flag: false, vlen: 0, sizeOrType: 0 };
    default:
      return { flag: false, vlen: 0, sizeOrType: type.type };
  }
}

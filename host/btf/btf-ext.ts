import { BtfError } from '../errors.js';
import type { ByteOffset, TypeId } from '../quantities.js';
import type { Btf } from './btf.js';
import { BTF_MAGIC } from './encoding.js';

/*
 * .BTF.ext: header { magic 2 | version 1 | flags 1 | hdr_len 4 | (offset 4, length 4) of func_info, line_info, and
 * from hdr_len 32 on core_relo }; a block is { record size 4 } and, per section,
 * { name 4 | count 4 | records }. Offsets count from the end of the header.
 */
const MIN_HEADER = 24;
const HEADER_WITH_CORE_RELO = 32;
const SECTION_NAME = '.BTF.ext';

/** Instruction offsets are in bytes from the start of the section that holds the code. */
export interface FuncInfoRecord {
  readonly offset: ByteOffset;
  readonly type: TypeId;
}

export interface LineInfoRecord {
  readonly offset: ByteOffset;
  readonly file: string;
  readonly source: string;
  readonly line: number;
  readonly column: number;
}

export interface CoreReloRecord {
  readonly offset: ByteOffset;
  readonly type: TypeId;
  /** Indexes of the accessed members: `0:1:2`. */
  readonly access: string;
  /** CoreReloKind. */
  readonly kind: number;
}

/** What .BTF.ext says about the code, by section name. */
export interface BtfExt {
  readonly funcInfo: ReadonlyMap<string, readonly FuncInfoRecord[]>;
  readonly lineInfo: ReadonlyMap<string, readonly LineInfoRecord[]>;
  readonly coreRelo: ReadonlyMap<string, readonly CoreReloRecord[]>;
}

function fail(code: string, offset: number, expected: string, found: string): BtfError {
  const message = `${SECTION_NAME}+0x${offset.toString(16)}: expected ${expected}, found ${found}`;
  return new BtfError(code, message, { section: SECTION_NAME, offset });
}

/**
 * Reads a .BTF.ext section; `btf` holds its strings.
 *
 * @throws BtfError when header, blocks or strings pass their end.
 */
export function parseBtfExt(bytes: Uint8Array, btf: Btf): BtfExt {
  if (bytes.length < MIN_HEADER)
    throw fail('BTF_TRUNCATED', 0, `a header of ${MIN_HEADER} bytes`, `${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint16(0, true);
  if (magic !== BTF_MAGIC) throw fail('BTF_MAGIC', 0, 'magic 0xeb9f', `0x${magic.toString(16)}`);
  if (bytes[2] !== 1) throw fail('BTF_VERSION', 2, 'version 1', `${bytes[2]}`);
  const headerLength = view.getUint32(4, true);
  if (headerLength < MIN_HEADER || headerLength > bytes.length) {
    throw fail('BTF_HEADER', 4, `a header length of ${MIN_HEADER} to ${bytes.length}`, `${headerLength}`);
  }
  const block = <T>(field: number, size: number, read: (at: number) => T): Map<string, T[]> => {
    if (field + 8 > headerLength) return new Map();
    return readBlock(view, headerLength, field, size, btf, read);
  };
  return {
    funcInfo: block(8, 8, (at) => ({ offset: view.getUint32(at, true), type: view.getUint32(at + 4, true) })),
    lineInfo: block(16, 16, (at) => {
      const position = view.getUint32(at + 12, true);
      return {
        offset: view.getUint32(at, true),
        file: btf.string(view.getUint32(at + 4, true)),
        source: btf.string(view.getUint32(at + 8, true)),
        line: position >>> 10,
        column: position & 0x3ff,
      };
    }),
    coreRelo:
      headerLength < HEADER_WITH_CORE_RELO
        ? new Map()
        : block(24, 16, (at) => ({
            offset: view.getUint32(at, true),
            type: view.getUint32(at + 4, true),
            access: btf.string(view.getUint32(at + 8, true)),
            kind: view.getUint32(at + 12, true),
          })),
  };
}

function readBlock<T>(
  view: DataView,
  headerLength: number,
  field: number,
  minRecord: number,
  btf: Btf,
  read: (at: number) => T,
): Map<string, T[]> {
  const records = new Map<string, T[]>();
  let at = headerLength + view.getUint32(field, true);
  const length = view.getUint32(field + 4, true);
  const end = at + length;
  if (end > view.byteLength)
    throw fail('BTF_TRUNCATED', field, `a block within ${view.byteLength} bytes`, `end ${end}`);
  if (length === 0) return records;
  if (length < 4) throw fail('BTF_TRUNCATED', at, 'a record size', `${length} bytes`);
  const recordSize = view.getUint32(at, true);
  if (recordSize < minRecord || recordSize % 4 !== 0) {
    throw fail('BTF_RECORD', at, `records of ${minRecord} bytes or more, in words`, `${recordSize}`);
  }
  at += 4;
  while (at < end) {
    if (at + 8 > end) throw fail('BTF_TRUNCATED', at, 'a section head of 8 bytes', `${end - at}`);
    const name = btf.string(view.getUint32(at, true));
    const count = view.getUint32(at + 4, true);
    at += 8;
    if (at + count * recordSize > end) {
      throw fail(
        'BTF_TRUNCATED',
        at - 4,
        `${count} records of ${recordSize} bytes for "${name}"`,
        `${end - at} bytes`,
      );
    }
    const list = records.get(name) ?? [];
    for (let i = 0; i < count; i++, at += recordSize) list.push(read(at));
    records.set(name, list);
  }
  return records;
}

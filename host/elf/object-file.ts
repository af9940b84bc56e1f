import { ElfError } from '../errors.js';
import type { ByteOffset } from '../quantities.js';
import * as elf from './format.js';

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** SHT_*. */
  readonly type: number;
  readonly isExecutable: boolean;
  readonly size: number;
  readonly info: number;
  readonly link: number;
  /** Contents; empty for a section without bytes in the file (.bss). */
  readonly data: Uint8Array;
}

export interface ElfSymbol {
  readonly name: string;
  /** Offset within the symbol's section. */
  readonly value: ByteOffset;
  readonly size: number;
  /** STT_*. */
  readonly type: number;
  /** STB_*. */
  readonly binding: number;
  /** Index of its section; 0 = undefined (extern), from 0xff00 reserved. */
  readonly section: number;
}

export interface ElfRelocation {
  readonly offset: ByteOffset;
  /** R_BPF_*. */
  readonly type: number;
  readonly symbol: ElfSymbol;
}

/** A relocatable BPF object file: its sections, symbols and relocations. Immutable; shares the bytes it was parsed from. */
export class ObjectFile {
  private readonly sectionsByName = new Map<string, ElfSection>();
  private readonly symbolsByName: ReadonlyMap<string, ElfSymbol>[];

  private constructor(
    readonly sections: readonly ElfSection[],
    readonly symbols: readonly ElfSymbol[],
    private readonly relocationTables: ReadonlyMap<number, readonly ElfRelocation[]>,
  ) {
    for (const section of sections) {
      if (!this.sectionsByName.has(section.name)) this.sectionsByName.set(section.name, section);
    }
    const byName = sections.map(() => new Map<string, ElfSymbol>());
    for (const symbol of symbols) {
      const names = byName[symbol.section];
      if (names !== undefined && !names.has(symbol.name)) names.set(symbol.name, symbol);
    }
    this.symbolsByName = byName;
  }

  /**
   * Reads an ELF64 little-endian ET_REL file for BPF (or of no machine).
   *
   * @throws ElfError naming section and offset: another kind of file, or anything that lies outside of it.
   */
  static parse(bytes: Uint8Array): ObjectFile {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const sections = readSections(bytes, view);
    const symbols = readSymbols(sections);
    return new ObjectFile(sections, symbols, readRelocations(sections, symbols));
  }

  /** The first section of this name. */
  section(name: string): ElfSection | undefined {
    return this.sectionsByName.get(name);
  }

  /** The first symbol of this name in a section. */
  symbol(section: number, name: string): ElfSymbol | undefined {
    return this.symbolsByName[section]?.get(name);
  }

  /** Relocations that apply to a section, in the order of the file. */
  relocations(section: number): readonly ElfRelocation[] {
    return this.relocationTables.get(section) ?? [];
  }
}

function fail(code: string, section: string, offset: number, expected: string, found: string): ElfError {
  const where = `${section || 'ELF'}+0x${offset.toString(16)}`;
  return new ElfError(code, `${where}: expected ${expected}, found ${found}`, { section, offset });
}

function readSections(bytes: Uint8Array, view: DataView): ElfSection[] {
  const { tableOffset, count, nameSection } = readHeader(bytes, view);
  const raw = [];
  for (let index = 0; index < count; index++) {
    const at = tableOffset + index * elf.SECTION_HEADER_SIZE;
    const type = view.getUint32(at + 4, true);
    const offset = smallU64(view, at + 24, 'offset of a section');
    const size = smallU64(view, at + 32, 'size of a section');
    const isInFile = type !== elf.SHT_NOBITS && type !== elf.SHT_NULL;
    if (isInFile && offset + size > bytes.length) {
      throw fail(
        'ELF_TRUNCATED',
        '',
        at + 24,
        `section ${index} within ${bytes.length} bytes`,
        `end ${offset + size}`,
      );
    }
    raw.push({
      index,
      nameOffset: view.getUint32(at, true),
      type,
      isExecutable: (view.getUint32(at + 8, true) & elf.SHF_EXECINSTR) !== 0,
      size,
      link: view.getUint32(at + 40, true),
      info: view.getUint32(at + 44, true),
      data: isInFile ? bytes.subarray(offset, offset + size) : new Uint8Array(0),
    });
  }
  const names = raw[nameSection]?.data ?? new Uint8Array(0);
  return raw.map(({ nameOffset, ...section }) => ({
    ...section,
    name: stringAt(names, nameOffset, 'section names'),
  }));
}

function readHeader(
  bytes: Uint8Array,
  view: DataView,
): { tableOffset: number; count: number; nameSection: number } {
  if (bytes.length < elf.HEADER_SIZE) {
    throw fail('ELF_TRUNCATED', '', 0, `a header of ${elf.HEADER_SIZE} bytes`, `${bytes.length} bytes`);
  }
  const magic = view.getUint32(0, false);
  if (magic !== elf.MAGIC)
    throw fail('ELF_MAGIC', '', 0, 'magic 7f454c46', magic.toString(16).padStart(8, '0'));
  if (bytes[4] !== elf.CLASS_64) throw fail('ELF_CLASS', '', 4, 'class 2 (64-bit)', `${bytes[4]}`);
  if (bytes[5] !== elf.DATA_LITTLE)
    throw fail('ELF_BYTE_ORDER', '', 5, 'data 1 (little-endian)', `${bytes[5]}`);
  const type = view.getUint16(16, true);
  if (type !== elf.ET_REL) throw fail('ELF_TYPE', '', 16, 'type 1 (relocatable)', `${type}`);
  const machine = view.getUint16(18, true);
  if (machine !== elf.EM_BPF && machine !== elf.EM_NONE) {
    throw fail('ELF_MACHINE', '', 18, `machine ${elf.EM_BPF} (BPF) or 0`, `${machine}`);
  }
  const entrySize = view.getUint16(58, true);
  if (entrySize !== elf.SECTION_HEADER_SIZE) {
    throw fail('ELF_HEADER', '', 58, `section headers of ${elf.SECTION_HEADER_SIZE} bytes`, `${entrySize}`);
  }
  const tableOffset = smallU64(view, 40, 'offset of the section headers');
  const ends = (count: number): void => {
    const end = tableOffset + count * elf.SECTION_HEADER_SIZE;
    if (tableOffset < elf.HEADER_SIZE || end > bytes.length) {
      throw fail(
        'ELF_TRUNCATED',
        '',
        40,
        `section headers within ${bytes.length} bytes`,
        `${tableOffset} to ${end}`,
      );
    }
  };
  ends(1);
  // A count or index that does not fit in 16 bits is in the first section header.
  const count = view.getUint16(60, true) || smallU64(view, tableOffset + 32, 'number of sections');
  ends(count);
  const nameIndex = view.getUint16(62, true);
  const nameSection = nameIndex === elf.SHN_XINDEX ? view.getUint32(tableOffset + 40, true) : nameIndex;
  if (nameSection >= count) throw fail('ELF_SECTION', '', 62, `a section below ${count}`, `${nameSection}`);
  return { tableOffset, count, nameSection };
}

function readSymbols(sections: readonly ElfSection[]): ElfSymbol[] {
  const table = sections.find((section) => section.type === elf.SHT_SYMTAB);
  if (table === undefined) return [];
  const { data, name } = table;
  if (data.length % elf.SYMBOL_SIZE !== 0) {
    throw fail(
      'ELF_SYMBOL',
      name,
      data.length,
      `entries of ${elf.SYMBOL_SIZE} bytes`,
      `${data.length} bytes in all`,
    );
  }
  const strings = sections[table.link]?.data;
  if (strings === undefined)
    throw fail('ELF_SECTION', name, 0, `a string section below ${sections.length}`, `${table.link}`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const symbols: ElfSymbol[] = [];
  for (let at = 0; at < data.length; at += elf.SYMBOL_SIZE) {
    const section = view.getUint16(at + 6, true);
    if (section >= sections.length && section < elf.SHN_LORESERVE) {
      throw fail('ELF_SYMBOL', name, at + 6, `a section below ${sections.length}`, `${section}`);
    }
    symbols.push({
      name: stringAt(strings, view.getUint32(at, true), 'symbol names'),
      type: data[at + 4]! & 0xf,
      binding: data[at + 4]! >> 4,
      section,
      value: smallU64(view, at + 8, 'value of a symbol', name),
      size: smallU64(view, at + 16, 'size of a symbol', name),
    });
  }
  return symbols;
}

function readRelocations(
  sections: readonly ElfSection[],
  symbols: readonly ElfSymbol[],
): Map<number, readonly ElfRelocation[]> {
  const tables = new Map<number, ElfRelocation[]>();
  for (const { type, name, data, info } of sections) {
    if (type === elf.SHT_RELA)
      throw fail('ELF_RELOCATION', name, 0, 'relocations without addends (REL)', 'RELA');
    if (type !== elf.SHT_REL) continue;
    const target = sections[info];
    if (target === undefined)
      throw fail('ELF_RELOCATION', name, 0, `a section below ${sections.length}`, `${info}`);
    if (data.length % elf.REL_SIZE !== 0) {
      throw fail(
        'ELF_RELOCATION',
        name,
        data.length,
        `entries of ${elf.REL_SIZE} bytes`,
        `${data.length} bytes in all`,
      );
    }
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const table = tables.get(info) ?? [];
    for (let at = 0; at < data.length; at += elf.REL_SIZE) {
      const offset = smallU64(view, at, 'offset of a relocation', name);
      if (offset >= target.size) {
        throw fail(
          'ELF_RELOCATION',
          name,
          at,
          `an offset below ${target.size} in ${target.name}`,
          `${offset}`,
        );
      }
      const number = view.getUint32(at + 12, true);
      const symbol = symbols[number];
      if (symbol === undefined) {
        throw fail('ELF_RELOCATION', name, at + 12, `a symbol below ${symbols.length}`, `${number}`);
      }
      table.push({ offset, type: view.getUint32(at + 8, true), symbol });
    }
    tables.set(info, table);
  }
  return tables;
}

/** A 64-bit field whose sensible values are far below 2^53. */
function smallU64(view: DataView, at: number, what: string, section = ''): number {
  const high = view.getUint32(at + 4, true);
  const low = view.getUint32(at, true);
  if (high !== 0) {
    const found = ((BigInt(high) << 32n) | BigInt(low)).toString();
    throw fail('ELF_FIELD', section, at, `${what} below 4 GiB`, found);
  }
  return low;
}

const decoder = new TextDecoder();

function stringAt(strings: Uint8Array, offset: number, what: string): string {
  if (offset === 0 && strings.length === 0) return '';
  const end = offset < strings.length ? strings.indexOf(0, offset) : -1;
  if (end < 0)
    throw fail(
      'ELF_STRING',
      '',
      offset,
      `a NUL-terminated string in ${strings.length} bytes of ${what}`,
      'none',
    );
  return decoder.decode(strings.subarray(offset, end));
}

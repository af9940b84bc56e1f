import type { TypeId } from '../quantities.js';
import {
  type BtfLayout,
  btfError,
  decodeType,
  indexTypes,
  readLayout,
  stringsWithFlavour,
} from './encoding.js';
import { essentialName } from './essential-name.js';
import { formatType } from './format.js';
import { type MemberPlace, resolveMember } from './member.js';
import { NameIndex } from './name-index.js';
import {
  type BtfDatasec,
  type BtfDeclTag,
  BtfKind,
  type BtfReference,
  type BtfType,
  type BtfVoid,
} from './types.js';

/** Modifier and typedef chains, arrays of arrays: longer ones are loops in broken input. */
const MAX_CHAIN = 64;
const POINTER_SIZE = 8;
const MAX_SIZE = 0xffffffff;
const VOID: BtfVoid = { id: 0, name: '', kind: BtfKind.VOID };

/**
 * The types of a program or a kernel (.BTF). Types are decoded when first asked for and kept.
 *
 * @example
 * const btf = Btf.parse(bytes);
 * const task = btf.find('task_struct', BtfKind.STRUCT);
 * btf.member(task, 'se.run_node').bitOffset / 8;
 */
export class Btf {
  private readonly decoder = new TextDecoder();
  private readonly cache: (BtfType | undefined)[] = [];
  private readonly strings = new Map<number, string>();
  private names: NameIndex | null = null;
  private flavours: ReadonlyMap<string, readonly string[]> | null = null;
  private tags: Map<TypeId, BtfDeclTag[]> | null = null;

  private constructor(
    private readonly layout: BtfLayout,
    private readonly offsets: Uint32Array,
    /** BTF that this one (of a module) continues: ids and string offsets go on where it ends. */
    readonly base: Btf | null,
    private readonly firstId: TypeId,
    private readonly firstString: number,
  ) {}

  /**
   * Reads a .BTF section (not compressed).
   *
   * @throws BtfError when header, records or strings pass the end or have unknown kinds.
   */
  static parse(bytes: Uint8Array, base: Btf | null = null): Btf {
    const layout = readLayout(bytes, base !== null);
    const firstId = base === null ? 1 : base.count;
    const firstString = base === null ? 0 : base.stringsLength;
    return new Btf(layout, indexTypes(layout), base, firstId, firstString);
  }

  /** The section as it was parsed. */
  get bytes(): Uint8Array {
    return this.layout.bytes;
  }

  /** Number of types, void included: ids run from 0 to count - 1. */
  get count(): number {
    return this.firstId + this.offsets.length;
  }

  private get stringsLength(): number {
    return this.firstString + this.layout.stringsEnd - this.layout.stringsStart;
  }

  /** The type with this id. @throws BtfError when there is none. */
  type(id: TypeId): BtfType {
    const known = this.cache[id];
    if (known !== undefined) return known;
    if (id === 0) return VOID;
    if (this.base !== null && id < this.firstId) return this.base.type(id);
    const at = this.offsets[id - this.firstId];
    if (at === undefined) {
      throw btfError(
        'BTF_TYPE_ID',
        this.layout.typesStart,
        `expected a type id below ${this.count}, found ${id}`,
      );
    }
    const type = decodeType(this.layout.view, at, id, (offset) => this.string(offset));
    this.cache[id] = type;
    return type;
  }

  /** Where a type's record starts in `bytes`, of a type that is not of the base. */
  offsetOf(id: TypeId): number {
    const at = this.offsets[id - this.firstId];
    if (at === undefined) this.type(id);
    return at ?? 0;
  }

  /** The string at an offset of the string section. @throws BtfError when it lies outside. */
  string(offset: number): string {
    if (offset === 0) return '';
    if (this.base !== null && offset < this.firstString) return this.base.string(offset);
    const known = this.strings.get(offset);
    if (known !== undefined) return known;
    const { bytes, stringsStart, stringsEnd } = this.layout;
    const at = stringsStart + offset - this.firstString;
    if (at >= stringsEnd) {
      throw btfError(
        'BTF_STRING',
        stringsStart,
        `expected a string offset below ${this.stringsLength}, found ${offset}`,
      );
    }
    const text = this.decoder.decode(bytes.subarray(at, bytes.indexOf(0, at)));
    this.strings.set(offset, text);
    return text;
  }

  /** The string at an offset; null = it lies outside. */
  stringOrNull(offset: number): string | null {
    return offset < this.stringsLength ? this.string(offset) : null;
  }

  /** First id with this name and one of these kinds (any kind when none is given); 0 = none. */
  find(name: string, ...kinds: readonly BtfKind[]): TypeId {
    for (const id of this.ids(name)) {
      if (kinds.length === 0 || kinds.includes(this.kind(id))) return id;
    }
    return 0;
  }

  /** Every id with this name, rising. */
  findAll(name: string): TypeId[] {
    return [...this.ids(name)];
  }

  /** Every id whose name, without a CO-RE flavour, is that of `name`. */
  findEssential(name: string): TypeId[] {
    const wanted = essentialName(name);
    if (wanted === '') return [];
    this.flavours ??= this.indexFlavours();
    return [wanted, ...(this.flavours.get(wanted) ?? [])]
      .flatMap((each) => this.findAll(each))
      .sort((a, b) => a - b);
  }

  /** Kind of a type without decoding it. */
  kind(id: TypeId): BtfKind {
    if (id === 0) return BtfKind.VOID;
    if (this.base !== null && id < this.firstId) return this.base.kind(id);
    const at = this.offsets[id - this.firstId];
    if (at === undefined) return this.type(id).kind;
    return ((this.layout.view.getUint32(at + 4, true) >>> 24) & 0x1f) as BtfKind;
  }

  /** The type under const, volatile, restrict, typedef and type tags. */
  skipModifiers(id: TypeId): TypeId {
    return this.skip(id, true);
  }

  /** The type under const, volatile, restrict and type tags; a typedef stays. */
  skipQualifiers(id: TypeId): TypeId {
    return this.skip(id, false);
  }

  /** Size in bytes; void, functions and forward declarations have 0. @throws BtfError on a loop or an overflow. */
  sizeOf(id: TypeId): number {
    let factor = 1;
    let at = id;
    for (let step = 0; step < MAX_CHAIN; step++) {
      const type = this.type(this.skipModifiers(at));
      if (type.kind === BtfKind.ARRAY) {
        factor *= type.nelems;
        if (factor > MAX_SIZE) break;
        at = type.type;
        continue;
      }
      const size = type.kind === BtfKind.PTR ? POINTER_SIZE : 'size' in type ? type.size : 0;
      if (type.kind === BtfKind.VAR) {
        at = type.type;
        continue;
      }
      if (factor * size > MAX_SIZE) break;
      return factor * size;
    }
    throw this.badType(id, `a size below 4 GiB in at most ${MAX_CHAIN} nested arrays`, 'more');
  }

  /** Type tags met while skipping modifiers from `id` (of a tagged pointer: pass the id that it points to). */
  typeTags(id: TypeId): string[] {
    const tags: string[] = [];
    let at = id;
    for (let step = 0; step < MAX_CHAIN; step++) {
      const type = this.type(at);
      if (!isModifier(type)) return tags;
      if (type.kind === BtfKind.TYPE_TAG) tags.push(type.name);
      at = type.type;
    }
    throw this.badType(id, `at most ${MAX_CHAIN} modifiers`, 'a loop');
  }

  /** Declaration tags on a type and, with their component index, on its members or parameters. */
  declTags(id: TypeId): readonly BtfDeclTag[] {
    if (this.tags === null) {
      this.tags = new Map();
      for (let tag = 1; tag < this.count; tag++) {
        if (this.kind(tag) !== BtfKind.DECL_TAG) continue;
        const type = this.type(tag) as BtfDeclTag;
        const known = this.tags.get(type.type);
        if (known === undefined) this.tags.set(type.type, [type]);
        else known.push(type);
      }
    }
    return this.tags.get(id) ?? [];
  }

  /** C-like name: `struct task_struct *`, `char [16]`, `int (*)(void *)`. */
  format(id: TypeId): string {
    return formatType(this, id);
  }

  /**
   * Resolves `a.b[3].c` within a struct or union, through anonymous members, arrays and typedefs, not through pointers.
   *
   * @throws BtfError BTF_NO_MEMBER naming the part that does not exist.
   */
  member(structId: TypeId, path: string): MemberPlace {
    return resolveMember(this, structId, path);
  }

  /** The DATASEC of this name, or null. */
  datasec(name: string): BtfDatasec | null {
    const id = this.find(name, BtfKind.DATASEC);
    return id === 0 ? null : (this.type(id) as BtfDatasec);
  }

  private *ids(name: string): Generator<TypeId> {
    if (this.base !== null) yield* this.base.ids(name);
    this.names ??= this.indexNames();
    for (const position of this.names.positions(name)) yield this.firstId + position;
  }

  private indexNames(): NameIndex {
    const { bytes, view, stringsStart, stringsEnd } = this.layout;
    // A split BTF may name a type by a string of its base: such names are few, so they are copied behind the section.
    const borrowed: number[] = [];
    const nameAt = new Uint32Array(this.offsets.length);
    for (let i = 0; i < nameAt.length; i++) {
      const name = view.getUint32(this.offsets[i]!, true);
      if (name < this.firstString) {
        nameAt[i] = bytes.length + borrowed.length;
        borrowed.push(...new TextEncoder().encode(this.string(name)), 0);
      } else {
        nameAt[i] = stringsStart + name - this.firstString;
        if (nameAt[i]! >= stringsEnd) this.string(name);
      }
    }
    if (borrowed.length === 0) return new NameIndex(bytes, nameAt);
    const joined = new Uint8Array(bytes.length + borrowed.length);
    joined.set(bytes);
    joined.set(borrowed, bytes.length);
    return new NameIndex(joined, nameAt);
  }

  /** Strings with a flavour by their essential name. */
  private indexFlavours(): Map<string, readonly string[]> {
    const flavours = new Map<string, readonly string[]>();
    for (const name of stringsWithFlavour(this.layout)) {
      const essential = essentialName(name);
      if (essential !== name) flavours.set(essential, [...(flavours.get(essential) ?? []), name]);
    }
    return flavours;
  }

  private skip(id: TypeId, typedefs: boolean): TypeId {
    let at = id;
    for (let step = 0; step < MAX_CHAIN; step++) {
      const type = this.type(at);
      if (!isModifier(type) || (!typedefs && type.kind === BtfKind.TYPEDEF)) return at;
      at = type.type;
    }
    throw this.badType(id, `at most ${MAX_CHAIN} modifiers`, 'a loop');
  }

  private badType(id: TypeId, expected: string, found: string): Error {
    const at = this.offsets[id - this.firstId] ?? this.layout.typesStart;
    return btfError('BTF_TYPE', at, `type ${id}: expected ${expected}, found ${found}`);
  }
}

interface Modifier extends BtfReference {
  readonly kind: Exclude<BtfReference['kind'], typeof BtfKind.PTR>;
}

function isModifier(type: BtfType): type is Modifier {
  return (
    type.kind === BtfKind.CONST ||
    type.kind === BtfKind.TYPEDEF ||
    type.kind === BtfKind.VOLATILE ||
    type.kind === BtfKind.RESTRICT ||
    type.kind === BtfKind.TYPE_TAG
  );
}

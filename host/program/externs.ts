import type { Btf } from '../btf/btf.js';
import { essentialName } from '../btf/essential-name.js';
import { BtfKind, type BtfType } from '../btf/types.js';
import { STB_WEAK } from '../elf/format.js';
import type { ObjectFile } from '../elf/object-file.js';
import { ProgramError } from '../errors.js';
import type { ByteOffset, GuestAddress, TypeId } from '../quantities.js';
import { areTypesCompatible } from './core-compat.js';
import { dataMap, dataMapName, MAX_DATA_SIZE } from './data-maps.js';
import { kconfigBytes } from './kconfig.js';
import type { MapSpec } from './program-spec.js';

/** What the kernel that the object is loaded into offers to externs. */
export interface ExternSources {
  /** CONFIG_* as in the kernel's .config: y, n, m, a number or a string in double quotes. */
  readonly kconfig: Readonly<Record<string, string>>;
  /** Address of a kernel symbol, for `extern ... __ksym` without a type. */
  readonly symbols: (name: string) => GuestAddress | undefined;
}

/** An extern as an instruction refers to it. */
export type Extern =
  | { readonly kind: 'kconfig'; readonly name: string; readonly offset: ByteOffset }
  /** Kernel function or variable with a BTF id; 0 = weak and missing. */
  | {
      readonly kind: 'function' | 'variable';
      readonly name: string;
      readonly btfId: TypeId;
      readonly index: number;
    }
  | { readonly kind: 'address'; readonly name: string; readonly address: GuestAddress };

export interface Externs {
  readonly byName: ReadonlyMap<string, Extern>;
  /** The read-only map that holds all kconfig externs. */
  readonly kconfigMap: MapSpec | null;
}

const KCONFIG = '.kconfig';
const KSYMS = '.ksyms';

interface KconfigVariable {
  readonly name: string;
  readonly type: TypeId;
  readonly align: number;
  readonly size: number;
  readonly isWeak: boolean;
}

/**
 * Resolves the externs that the object declares in `.kconfig` and `.ksyms`; `objectName` starts the map's name.
 *
 * @throws ProgramError PROGRAM_EXTERN when one that is not weak is missing or has another type.
 */
export function readExterns(
  object: ObjectFile,
  btf: Btf | null,
  kernel: Btf | null,
  sources: ExternSources,
  objectName: string,
): Externs {
  const byName = new Map<string, Extern>();
  if (btf === null) return { byName, kconfigMap: null };
  const weak = new Set(
    object.symbols.filter((s) => s.section === 0 && s.binding === STB_WEAK).map((s) => s.name),
  );
  const kconfigMap = readKconfig(btf, weak, sources, objectName, byName);
  const ksyms = (btf.datasec(KSYMS)?.vars ?? []).map(({ type }) => btf.type(type)).sort(byTheirName);
  for (const extern of ksyms) {
    const index = byName.size;
    const resolved = resolveKsym(btf, kernel, extern, index, sources);
    if (resolved === null) {
      if (!weak.has(extern.name))
        throw missing(KSYMS, extern.name, 'a kernel symbol of this name and type', 'none');
      byName.set(extern.name, weakKsym(btf, extern, index));
    } else byName.set(extern.name, resolved);
  }
  return { byName, kconfigMap };
}

function missing(section: string, name: string, expected: string, found: string): ProgramError {
  const message = `${section}: extern ${name}: expected ${expected}, found ${found}`;
  return new ProgramError('PROGRAM_EXTERN', message, { section });
}

function byTheirName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function readKconfig(
  btf: Btf,
  weak: ReadonlySet<string>,
  sources: ExternSources,
  objectName: string,
  byName: Map<string, Extern>,
): MapSpec | null {
  const datasec = btf.datasec(KCONFIG);
  if (datasec === null || datasec.vars.length === 0) return null;
  const variables = datasec.vars.map(({ type }): KconfigVariable => {
    const variable = btf.type(type);
    if (variable.kind !== BtfKind.VAR) throw missing(KCONFIG, variable.name, 'a variable', btf.format(type));
    const size = btf.sizeOf(variable.type);
    return {
      name: variable.name,
      type: variable.type,
      align: alignOf(btf, variable.type),
      size,
      isWeak: weak.has(variable.name),
    };
  });
  variables.sort((a, b) => b.align - a.align || a.size - b.size || byTheirName(a, b));
  let end = 0;
  const placed = variables.map((variable) => {
    const offset = Math.ceil(end / variable.align) * variable.align;
    end = offset + variable.size;
    return { variable, offset };
  });
  if (end > MAX_DATA_SIZE)
    throw missing(KCONFIG, variables[0]!.name, `at most ${MAX_DATA_SIZE} bytes of externs`, `${end}`);
  const initial = new Uint8Array(end);
  for (const { variable, offset } of placed) {
    const { name, type, isWeak } = variable;
    const text = sources.kconfig[name];
    if (text === undefined && !isWeak) throw missing(KCONFIG, name, 'a value from the kernel', 'none');
    if (text !== undefined) {
      const bytes = kconfigBytes(btf, type, text);
      if (typeof bytes === 'string') throw missing(KCONFIG, name, bytes, text);
      initial.set(bytes, offset);
    }
    byName.set(name, { kind: 'kconfig', name, offset });
  }
  return dataMap(dataMapName(objectName, KCONFIG), end, true, datasec.id, initial);
}

function alignOf(btf: Btf, id: TypeId): number {
  const type = btf.type(btf.skipModifiers(id));
  if (type.kind === BtfKind.ARRAY) return alignOf(btf, type.type);
  return Math.max(1, Math.min(8, btf.sizeOf(id)));
}

function isTypeless(btf: Btf, extern: BtfType): boolean {
  return extern.kind === BtfKind.VAR && btf.skipModifiers(extern.type) === 0;
}

function resolveKsym(
  btf: Btf,
  kernel: Btf | null,
  extern: BtfType,
  index: number,
  sources: ExternSources,
): Extern | null {
  const { name } = extern;
  if (extern.kind !== BtfKind.FUNC && extern.kind !== BtfKind.VAR) {
    throw missing(KSYMS, name, 'a function or a variable', btf.format(extern.id));
  }
  if (isTypeless(btf, extern)) {
    const address = sources.symbols(name);
    return address === undefined ? null : { kind: 'address', name, address };
  }
  const btfId = kernel?.find(essentialName(name), extern.kind) ?? 0;
  if (kernel === null || btfId === 0) return null;
  const target = kernel.type(btfId);
  if (target.kind !== extern.kind) return null;
  if (!areTypesCompatible(btf, extern.type, kernel, target.type)) {
    throw missing(KSYMS, name, `type ${btf.format(extern.id)}`, kernel.format(btfId));
  }
  return { kind: extern.kind === BtfKind.FUNC ? 'function' : 'variable', name, btfId, index };
}

function weakKsym(btf: Btf, extern: BtfType, index: number): Extern {
  const { name } = extern;
  if (isTypeless(btf, extern)) return { kind: 'address', name, address: 0n };
  return { kind: extern.kind === BtfKind.FUNC ? 'function' : 'variable', name, btfId: 0, index };
}

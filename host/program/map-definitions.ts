import type { Btf } from '../btf/btf.js';
import { BtfKind, type BtfMember } from '../btf/types.js';
import type { ElfSection, ObjectFile } from '../elf/object-file.js';
import { ProgramError } from '../errors.js';
import type { ByteOffset, TypeId } from '../quantities.js';
import { isComposite, isEnum } from './core-spec.js';
import { MapType } from './map-types.js';
import type { MapSpec } from './program-spec.js';

const SECTION = '.maps';
const PAGE_SIZE = 4096;
const POINTER_SIZE = 8;
const MAX_ENTRIES = 0xffffffff;

/** A map of the `.maps` section, with what its relocations need. */
export interface MapDefinition {
  readonly spec: MapSpec;
  /** Of its variable in the section. */
  readonly offset: ByteOffset;
  /** Where its `values` array starts in the section, when it has one. */
  readonly valuesOffset: ByteOffset | null;
}

/** Numbers that a definition may leave to the machine. */
export interface MapDefaults {
  /** Entries of a perf_event_array that names none. */
  readonly cpus: number;
}

/**
 * The maps of `.maps` in the order of their places in it.
 *
 * @throws ProgramError naming map and member.
 */
export function readMapDefinitions(
  object: ObjectFile,
  btf: Btf | null,
  defaults: MapDefaults,
): MapDefinition[] {
  const legacy = object.section('maps');
  if (legacy !== undefined) {
    throw fail(
      'PROGRAM_LEGACY_MAPS',
      0,
      'maps',
      'maps defined with BTF in section .maps',
      'a legacy "maps" section',
    );
  }
  const section = object.section(SECTION);
  if (section === undefined) return [];
  const datasec = btf?.datasec(SECTION);
  if (btf === null || datasec === null || datasec === undefined) {
    throw fail('PROGRAM_MAP_BTF', 0, SECTION, 'a DATASEC .maps in .BTF', 'none');
  }
  return datasec.vars.map(({ type }) => {
    const variable = btf.type(type);
    const symbol = object.symbol(section.index, variable.name);
    if (variable.kind !== BtfKind.VAR || symbol === undefined) {
      throw fail('PROGRAM_MAP_SYMBOL', 0, variable.name, 'a variable with a symbol in .maps', 'none');
    }
    return readDefinition(btf, variable.name, variable.type, symbol.value, section, defaults, false);
  });
}

function fail(code: string, offset: ByteOffset, name: string, expected: string, found: string): ProgramError {
  const where = `${SECTION}+0x${offset.toString(16)}`;
  return new ProgramError(code, `${where}: map ${name}: expected ${expected}, found ${found}`, {
    section: SECTION,
    offset,
  });
}

function readDefinition(
  btf: Btf,
  name: string,
  typeId: TypeId,
  offset: ByteOffset,
  section: ElfSection | null,
  defaults: MapDefaults,
  isInner: boolean,
): MapDefinition {
  const type = btf.type(btf.skipModifiers(typeId));
  if (!isComposite(type)) throw fail('PROGRAM_MAP_TYPE', offset, name, 'a struct', btf.format(typeId));
  if (section !== null && offset + type.size > section.size) {
    throw fail(
      'PROGRAM_MAP_SYMBOL',
      offset,
      name,
      `an end within ${section.size} bytes`,
      `${offset + type.size}`,
    );
  }
  const numbers = new Map<string, bigint>();
  const types: { key?: TypeId; value?: TypeId } = {};
  let inner: MapSpec | undefined;
  let valuesOffset: ByteOffset | null = null;
  for (const member of type.members) {
    const wrong = (expected: string, found: string): ProgramError =>
      fail('PROGRAM_MAP_MEMBER', offset, `${name}.${member.name}`, expected, found);
    switch (member.name) {
      case 'type':
      case 'max_entries':
      case 'map_flags':
      case 'numa_node':
      case 'map_extra':
      case 'pinning':
      case 'key_size':
      case 'value_size': {
        const number = memberNumber(btf, member);
        if (number === null) throw wrong('a number made by __uint or __ulong', btf.format(member.type));
        if (member.name !== 'map_extra' && (number < 0n || number > BigInt(MAX_ENTRIES)))
          throw wrong('32 bits', `${number}`);
        const key = member.name;
        const known = numbers.get(key);
        if (known !== undefined && known !== number) throw wrong(`${known} as before`, `${number}`);
        numbers.set(key, number);
        break;
      }
      case 'key':
      case 'value': {
        const pointer = btf.type(btf.skipModifiers(member.type));
        if (pointer.kind !== BtfKind.PTR) throw wrong('a type made by __type', btf.format(member.type));
        const size = BigInt(btf.sizeOf(pointer.type));
        const known = numbers.get(`${member.name}_size`);
        if (known !== undefined && known !== size) throw wrong(`a size of ${known}`, `${size}`);
        numbers.set(`${member.name}_size`, size);
        types[member.name] = pointer.type;
        break;
      }
      case 'values': {
        if (isInner) throw wrong('no values of an inner map', 'some');
        const target = valuesTarget(btf, member);
        if (target === null) throw wrong('an array of pointers made by __array', btf.format(member.type));
        const targetType = btf.type(btf.skipModifiers(target));
        if (isComposite(targetType)) {
          inner = readDefinition(btf, `${name}.inner`, target, offset, null, defaults, true).spec;
        } else if (targetType.kind !== BtfKind.FUNC_PROTO) {
          throw wrong('pointers to maps or programs', btf.format(target));
        }
        numbers.set('value_size', 4n);
        valuesOffset = offset + member.bitOffset / 8;
        break;
      }
      default:
        throw wrong('a member that defines a map', `"${member.name}"`);
    }
  }
  const mapType = Number(numbers.get('type') ?? 0n);
  if (mapType === 0) throw fail('PROGRAM_MAP_TYPE', offset, name, 'a map type', 'none');
  const isMapInMap = mapType === MapType.ARRAY_OF_MAPS || mapType === MapType.HASH_OF_MAPS;
  if (inner !== undefined && !isMapInMap) {
    throw fail(
      'PROGRAM_MAP_MEMBER',
      offset,
      name,
      'a map of maps for values that are maps',
      `type ${mapType}`,
    );
  }
  const spec: MapSpec = {
    name,
    type: mapType,
    keySize: Number(numbers.get('key_size') ?? BigInt(defaultSize(mapType, 'key'))),
    valueSize: Number(numbers.get('value_size') ?? BigInt(defaultSize(mapType, 'value'))),
    maxEntries: maxEntries(mapType, Number(numbers.get('max_entries') ?? 0n), defaults),
    flags: Number(numbers.get('map_flags') ?? 0n),
    extra: BigInt.asUintN(64, numbers.get('map_extra') ?? 0n),
    ...(types.key === undefined ? {} : { keyType: types.key }),
    ...(types.value === undefined ? {} : { valueType: types.value }),
    ...(inner === undefined ? {} : { inner }),
  };
  return { spec, offset, valuesOffset };
}

/** `__uint(name, v)` points to an array of v elements, `__ulong(name, v)` is an enum with the one value v. */
function memberNumber(btf: Btf, member: BtfMember): bigint | null {
  const type = btf.type(btf.skipModifiers(member.type));
  if (isEnum(type)) return type.values[0]?.value ?? null;
  if (type.kind !== BtfKind.PTR) return null;
  const array = btf.type(btf.skipModifiers(type.type));
  return array.kind === BtfKind.ARRAY ? BigInt(array.nelems) : null;
}

/** `__array(values, T)` is an array without a size of pointers to T. */
function valuesTarget(btf: Btf, member: BtfMember): TypeId | null {
  const array = btf.type(btf.skipModifiers(member.type));
  if (array.kind !== BtfKind.ARRAY || array.nelems !== 0) return null;
  const pointer = btf.type(btf.skipModifiers(array.type));
  return pointer.kind === BtfKind.PTR ? pointer.type : null;
}

function defaultSize(type: number, part: 'key' | 'value'): number {
  switch (type) {
    case MapType.PROG_ARRAY:
    case MapType.PERF_EVENT_ARRAY:
    case MapType.CGROUP_ARRAY:
    case MapType.ARRAY_OF_MAPS:
      return 4;
    case MapType.STACK_TRACE:
      return part === 'key' ? 4 : 0;
    case MapType.HASH_OF_MAPS:
      return part === 'value' ? 4 : 0;
    default:
      return 0;
  }
}

function maxEntries(type: number, wanted: number, defaults: MapDefaults): number {
  if (type === MapType.PERF_EVENT_ARRAY && wanted === 0) return defaults.cpus;
  if ((type !== MapType.RINGBUF && type !== MapType.USER_RINGBUF) || wanted === 0) return wanted;
  // A ring buffer has a power of two pages.
  let size = PAGE_SIZE;
  while (size < wanted) size *= 2;
  return size > MAX_ENTRIES ? wanted : size;
}

/** Index of the element that a relocation at `at` in `.maps` fills, or null when it is not in this map's values. */
export function valuesIndex(map: MapDefinition, at: ByteOffset): number | null {
  if (map.valuesOffset === null || at < map.valuesOffset) return null;
  const distance = at - map.valuesOffset;
  return distance % POINTER_SIZE === 0 ? distance / POINTER_SIZE : null;
}

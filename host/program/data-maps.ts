import type { Btf } from '../btf/btf.js';
import { SHT_NOBITS, SHT_PROGBITS } from '../elf/format.js';
import type { ElfSection, ObjectFile } from '../elf/object-file.js';
import { ProgramError } from '../errors.js';
import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG, MapType } from './map-types.js';
import type { MapSpec } from './program-spec.js';

/** Longest name of a map that the kernel takes. */
const MAX_NAME = 15;
const MIN_SUFFIX = 7;
/** Bytes of a data section or of all kconfig externs. */
export const MAX_DATA_SIZE = 64 * 1024 * 1024;

/** A data section and the array map of one element that holds it. */
export interface DataMap {
  readonly section: ElfSection;
  readonly spec: MapSpec;
}

/** Maps for .data, .rodata and .bss with their dotted variants, in section order; empty sections get none. */
export function readDataMaps(object: ObjectFile, btf: Btf | null, objectName: string): DataMap[] {
  return object.sections.flatMap((section): DataMap[] => {
    const kind = dataKind(section);
    if (kind === null || section.size === 0) return [];
    if (section.size > MAX_DATA_SIZE) {
      const message = `${section.name}+0x0: expected at most ${MAX_DATA_SIZE} bytes of data, found ${section.size}`;
      throw new ProgramError('PROGRAM_DATA_SIZE', message, { section: section.name, offset: 0 });
    }
    const name = dataMapName(objectName, section.name);
    const initial = kind === '.bss' ? undefined : section.data;
    return [
      {
        section,
        spec: dataMap(name, section.size, kind === '.rodata', btf?.datasec(section.name)?.id, initial),
      },
    ];
  });
}

/** An array map whose only element is a section. */
export function dataMap(
  name: string,
  size: number,
  isReadOnly: boolean,
  valueType: number | undefined,
  initial: Uint8Array | undefined,
): MapSpec {
  return {
    name,
    type: MapType.ARRAY,
    keySize: 4,
    valueSize: size,
    maxEntries: 1,
    flags: isReadOnly ? BPF_F_MMAPABLE | BPF_F_RDONLY_PROG : BPF_F_MMAPABLE,
    extra: 0n,
    ...(valueType === undefined ? {} : { valueType }),
    ...(initial === undefined ? {} : { initial }),
    ...(isReadOnly ? { frozen: true } : {}),
  };
}

function dataKind(section: ElfSection): '.data' | '.rodata' | '.bss' | null {
  const { name, type } = section;
  const is = (kind: string): boolean => name === kind || name.startsWith(`${kind}.`);
  if (type === SHT_PROGBITS && !section.isExecutable)
    return is('.data') ? '.data' : is('.rodata') ? '.rodata' : null;
  return type === SHT_NOBITS && is('.bss') ? '.bss' : null;
}

/** `task.rodata`: the object's name, cut, and the section's; a section with a second dot stands alone. */
export function dataMapName(objectName: string, section: string): string {
  const suffix = Math.min(Math.max(MIN_SUFFIX, section.length), MAX_NAME);
  const prefix = section.indexOf('.', 1) >= 0 ? '' : objectName.slice(0, MAX_NAME + 1 - suffix - 1);
  return `${prefix}${section}`.slice(0, MAX_NAME).replace(/[^A-Za-z0-9_.]/g, '_');
}

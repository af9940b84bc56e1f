import { INSN_SIZE } from '../../assembly/isa.js';
import { type BtfExt, parseBtfExt } from '../btf/btf-ext.js';
import type { Btf } from '../btf/btf.js';
import { ObjectFile } from '../elf/object-file.js';
import { ProgramError } from '../errors.js';
import type { GuestAddress } from '../quantities.js';
import { attachTarget } from './attach-target.js';
import { CoreRelocator } from './core-relocation.js';
import { readDataMaps } from './data-maps.js';
import { type Externs, readExterns } from './externs.js';
import { type CodeFunction, FunctionTable, programError, TEXT_SECTION } from './functions.js';
import { CodeInfo, linkProgram, programsOf } from './link.js';
import { readMapDefinitions } from './map-definitions.js';
import { mapContents } from './map-contents.js';
import { MapType } from './map-types.js';
import { programBtf } from './program-btf.js';
import type { MapSpec, ObjectSpec, ProgramSpec } from './program-spec.js';
import { type MapPlaces, relocateSection } from './relocate.js';
import { sectionRule } from './section-table.js';
import { readStructOps, type StructOpsMember } from './struct-ops.js';

const ARENA_SECTION = '.addr_space.1';
/** Every program has its own copy of the subprograms it uses. */
const MAX_LINKED_BYTES = 256 * 1024 * 1024;

/** What an object file does not say itself. */
export interface ObjectOptions {
  /** File name of the object: names of data maps start with it. Default `object`. */
  readonly fileName?: string;
  /** Entries of a perf_event_array that names none. Default 1. */
  readonly cpus?: number;
  /** Values of kconfig externs as .config writes them; LINUX_KERNEL_VERSION and the like too. */
  readonly kconfig?: Readonly<Record<string, string>>;
  /** Address of a kernel symbol, for externs without a type. */
  readonly symbols?: (name: string) => GuestAddress | undefined;
}

/**
 * Reads an object file and adapts it to a kernel: what libbpf does between open and load.
 *
 * @param kernel BTF of the kernel; null only for objects that need nothing from it.
 * @throws ElfError, BtfError, ProgramError naming section and offset.
 * @example
 * const object = readObjectSpec(bytes, Btf.parse(vmlinux), { fileName: 'task_walk.bpf.o' });
 * object.programs[0].insns;
 */
export function readObjectSpec(
  bytes: Uint8Array,
  kernel: Btf | null,
  options: ObjectOptions = {},
): ObjectSpec {
  const object = ObjectFile.parse(bytes);
  const btf = programBtf(object);
  const extSection = object.section('.BTF.ext');
  const ext = btf === null || extSection === undefined ? null : parseBtfExt(extSection.data, btf);
  const name = objectName(options.fileName ?? 'object');
  const sources = { kconfig: options.kconfig ?? {}, symbols: options.symbols ?? (() => undefined) };
  const externs = readExterns(object, btf, kernel, sources, name);
  const functions = new FunctionTable(object);
  const { maps, places } = readMaps(object, btf, name, options.cpus ?? 1, externs, functions);
  const structOps = readStructOps(object, btf, kernel, functions);
  const license = cString(object.section('license')?.data);

  relocateCore(object, functions, btf, ext, kernel);
  for (const section of object.sections) {
    if (section.isExecutable) relocateSection(object, section, functions, places, externs);
  }
  const info = new CodeInfo(object, functions, ext);
  let linkedBytes = 0;
  const programs = programsOf(functions).map((code): ProgramSpec => {
    const linked = linkProgram(code, functions, btf, info);
    linkedBytes += linked.insns.length;
    if (linkedBytes > MAX_LINKED_BYTES) {
      const expected = `at most ${MAX_LINKED_BYTES} bytes of linked programs, found more`;
      throw programError('PROGRAM_SIZE', code.section.name, code.start * INSN_SIZE, expected);
    }
    return { ...identity(code, kernel, structOps.get(code)), license, maps, btf, ...linked };
  });
  return { name, license, maps, programs, btf };
}

/** `task` of `/some/where/task.bpf.o`. */
function objectName(fileName: string): string {
  return fileName.replace(/^.*[/\\]/, '').replace(/\..*$/, '');
}

function cString(bytes: Uint8Array = new Uint8Array(0)): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function readMaps(
  object: ObjectFile,
  btf: Btf | null,
  name: string,
  cpus: number,
  externs: Externs,
  functions: FunctionTable,
): { maps: MapSpec[]; places: MapPlaces } {
  const defined = readMapDefinitions(object, btf, { cpus });
  const data = readDataMaps(object, btf, name);
  const maps: MapSpec[] = mapContents(object, defined, functions);
  const sections = new Map<number, number>();
  for (const { section, spec } of data) sections.set(section.index, maps.push(spec) - 1);
  const arenaSection = object.section(ARENA_SECTION);
  if (arenaSection !== undefined && arenaSection.size > 0) {
    const arena = maps.findIndex(({ type }) => type === MapType.ARENA);
    if (arena < 0) throw programError('PROGRAM_ARENA', ARENA_SECTION, 0, 'an arena map in .maps, found none');
    sections.set(arenaSection.index, arena);
    maps[arena] = { ...maps[arena]!, initial: arenaSection.data };
  }
  const kconfig = externs.kconfigMap === null ? -1 : maps.push(externs.kconfigMap) - 1;
  const definitions = new Map(defined.map(({ offset }, index) => [offset, index]));
  const mapsSection = object.section('.maps')?.index ?? -1;
  return { maps, places: { definitions, sections, mapsSection, kconfig } };
}

function relocateCore(
  object: ObjectFile,
  functions: FunctionTable,
  btf: Btf | null,
  ext: BtfExt | null,
  kernel: Btf | null,
): void {
  if (btf === null || ext === null) return;
  const relocator = kernel === null ? null : new CoreRelocator(btf, kernel);
  for (const [sectionName, records] of ext.coreRelo) {
    const section = object.section(sectionName);
    for (const record of records) {
      const slot = record.offset / INSN_SIZE;
      const holder = section && functions.at(section.index, slot);
      if (holder === undefined || !Number.isInteger(slot)) {
        throw programError(
          'PROGRAM_CORE_INSN',
          sectionName,
          record.offset,
          'an instruction of a function, found none',
        );
      }
      if (relocator === null) {
        const message = `${sectionName}+0x${record.offset.toString(16)}: expected the kernel's BTF for CO-RE, found none`;
        throw new ProgramError('PROGRAM_NO_KERNEL_BTF', message, {
          section: sectionName,
          offset: record.offset,
        });
      }
      relocator.apply(holder.insns, slot - holder.start, record, sectionName);
    }
  }
}

function identity(
  code: CodeFunction,
  kernel: Btf | null,
  implemented: StructOpsMember | undefined,
): Pick<ProgramSpec, 'name' | 'section' | 'type' | 'expectedAttachType' | 'flags' | 'attach'> {
  const section = code.section.name;
  const rule = sectionRule(section);
  if (rule === null) {
    const expected = `a section name that says the program's type, found "${section}" with ${code.name}`;
    throw programError('PROGRAM_SECTION', section || TEXT_SECTION, code.start * INSN_SIZE, expected);
  }
  return {
    name: code.name,
    section,
    type: rule.type,
    expectedAttachType: implemented?.index ?? rule.attachType,
    flags: rule.flags,
    attach:
      implemented?.attach ?? (rule.attach === null ? null : attachTarget(rule.attach, rule.target, kernel)),
  };
}

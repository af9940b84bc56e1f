import * as isa from '../../assembly/isa.js';
import { type Insn, readInsn, writeInsn } from '../asm/insn.js';
import type { ElfRelocation, ElfSection, ObjectFile } from '../elf/object-file.js';
import type { ProgramError } from '../errors.js';
import type { InsnIndex } from '../quantities.js';
import { poisonInsn } from './core-patch.js';
import type { Externs } from './externs.js';
import { type CodeFunction, type FunctionTable, programError } from './functions.js';
import { MAP_FD_BASE } from './program-spec.js';

/** imm of the call that stands for a weak kernel function which does not exist, plus the extern's index. */
export const KFUNC_POISON_BASE = 2002000000;

const CALL = isa.BPF_JMP | isa.BPF_CALL;
const LD_IMM64 = isa.BPF_LD | isa.BPF_IMM | isa.BPF_DW;

/** Where relocations find maps: indexes into the object's maps. */
export interface MapPlaces {
  /** By offset in `.maps`. */
  readonly definitions: ReadonlyMap<number, number>;
  /** By section index, of data sections and initial arena contents. */
  readonly sections: ReadonlyMap<number, number>;
  readonly mapsSection: number;
  readonly kconfig: number;
}

/**
 * Applies the relocations of a section to the functions in it; calls and addresses of functions are only recorded,
 * the linker places them.
 *
 * @throws ProgramError naming section and offset.
 */
export function relocateSection(
  object: ObjectFile,
  section: ElfSection,
  functions: FunctionTable,
  maps: MapPlaces,
  externs: Externs,
): void {
  for (const relocation of object.relocations(section.index)) {
    const { offset } = relocation;
    const slot = offset / isa.INSN_SIZE;
    const holder = functions.at(section.index, slot);
    if (!Number.isInteger(slot) || holder === undefined) {
      throw programError(
        'PROGRAM_RELOCATION',
        section.name,
        offset,
        'an instruction of a function, found none',
      );
    }
    applyRelocation(object, holder, slot - holder.start, relocation, maps, externs);
  }
}

function applyRelocation(
  object: ObjectFile,
  holder: CodeFunction,
  index: InsnIndex,
  relocation: ElfRelocation,
  maps: MapPlaces,
  externs: Externs,
): void {
  const { symbol } = relocation;
  const { insns } = holder;
  const insn = readInsn(insns, index);
  const wrong = (expected: string): ProgramError =>
    programError('PROGRAM_RELOCATION', holder.section.name, relocation.offset, expected);
  const isWide = insn.opcode === LD_IMM64;
  if (insn.opcode !== CALL && !isWide) {
    throw wrong(`a call or ld_imm64 to relocate, found opcode 0x${insn.opcode.toString(16)}`);
  }
  if (isWide && (index + 2) * isa.INSN_SIZE > insns.length) throw wrong('both slots of ld_imm64, found one');

  if (symbol.section === 0) {
    const extern = externs.byName.get(symbol.name);
    if (extern === undefined) throw wrong(`a declared extern, found "${symbol.name}"`);
    const problem = placeExtern(insns, index, insn, extern, maps.kconfig);
    if (problem !== null) throw wrong(`${problem} for extern ${symbol.name}`);
    return;
  }
  const target = object.sections[symbol.section];
  if (target === undefined) throw wrong(`a symbol in a section, found "${symbol.name}" in ${symbol.section}`);
  if (target.isExecutable) {
    if (!isWide && insn.src !== isa.BPF_PSEUDO_CALL) throw wrong(`a call with src 1, found ${insn.src}`);
    const start = isWide
      ? (symbol.value + insn.imm) / isa.INSN_SIZE
      : symbol.value / isa.INSN_SIZE + insn.imm + 1;
    holder.references.set(index, { section: target.index, start });
    return;
  }
  if (!isWide) throw wrong(`a call to a function, found "${symbol.name}" in ${target.name}`);
  if (target.index === maps.mapsSection) {
    const map = maps.definitions.get(symbol.value);
    if (map === undefined) throw wrong(`a map at .maps+${symbol.value}, found none`);
    writePair(insns, index, isa.BPF_PSEUDO_MAP_FD, MAP_FD_BASE + map, 0);
    return;
  }
  const map = maps.sections.get(target.index);
  if (map === undefined)
    throw wrong(`a map or data section, found "${symbol.name}" in ${target.name || 'none'}`);
  writePair(insns, index, isa.BPF_PSEUDO_MAP_VALUE, MAP_FD_BASE + map, insn.imm + symbol.value);
}

/** A string says which kind of instruction the extern expects. */
function placeExtern(
  insns: Uint8Array,
  index: InsnIndex,
  insn: Insn,
  extern: NonNullable<ReturnType<Externs['byName']['get']>>,
  kconfigMap: number,
): string | null {
  if ((insn.opcode === CALL) !== (extern.kind === 'function') && extern.kind !== 'function') {
    return 'ld_imm64, found a call';
  }
  switch (extern.kind) {
    case 'kconfig':
      writePair(insns, index, isa.BPF_PSEUDO_MAP_VALUE, MAP_FD_BASE + kconfigMap, insn.imm + extern.offset);
      return null;
    case 'address':
      writePair(
        insns,
        index,
        0,
        Number(BigInt.asIntN(32, extern.address)),
        Number(BigInt.asIntN(32, extern.address >> 32n)),
      );
      return null;
    default:
      if (insn.opcode === LD_IMM64) {
        writePair(insns, index, extern.btfId === 0 ? 0 : isa.BPF_PSEUDO_BTF_ID, extern.btfId, 0);
      } else if (extern.btfId === 0) {
        poisonInsn(insns, index, KFUNC_POISON_BASE + extern.index);
      } else {
        writeInsn(insns, index, { ...insn, src: isa.BPF_PSEUDO_KFUNC_CALL, off: 0, imm: extern.btfId });
      }
      return null;
  }
}

function writePair(insns: Uint8Array, index: InsnIndex, src: number, low: number, high: number): void {
  writeInsn(insns, index, { ...readInsn(insns, index), src, imm: low });
  writeInsn(insns, index + 1, { ...readInsn(insns, index + 1), imm: high });
}

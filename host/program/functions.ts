import { INSN_SIZE } from '../../assembly/isa.js';
import { SHN_LORESERVE, STB_LOCAL, STT_FUNC } from '../elf/format.js';
import type { ElfSection, ObjectFile } from '../elf/object-file.js';
import { ProgramError } from '../errors.js';
import type { ByteOffset, InsnIndex } from '../quantities.js';

/** Another function that an instruction calls or takes the address of. */
export interface FunctionReference {
  readonly section: number;
  /** Where the function starts, in slots of its section. */
  readonly start: InsnIndex;
}

/** One FUNC symbol: its own copy of its instructions, changed in place by relocation. */
export interface CodeFunction {
  readonly name: string;
  readonly section: ElfSection;
  /** In slots of the section. */
  readonly start: InsnIndex;
  readonly insns: Uint8Array;
  /** Not seen by other objects. */
  readonly isStatic: boolean;
  /** By instruction of this function. */
  readonly references: Map<InsnIndex, FunctionReference>;
}

export const TEXT_SECTION = '.text';

/** All functions of an object, by section, then by place. */
export class FunctionTable {
  private readonly bySection = new Map<number, CodeFunction[]>();

  constructor(object: ObjectFile) {
    for (const symbol of object.symbols) {
      if (symbol.type !== STT_FUNC || symbol.section === 0 || symbol.section >= SHN_LORESERVE) continue;
      const section = object.sections[symbol.section]!;
      if (!section.isExecutable) continue;
      const { value, size } = symbol;
      if (
        size === 0 ||
        value % INSN_SIZE !== 0 ||
        size % INSN_SIZE !== 0 ||
        value + size > section.data.length
      ) {
        const place = `${value} to ${value + size}`;
        const message = `function ${symbol.name} in whole slots within ${section.data.length} bytes, found ${place}`;
        throw programError('PROGRAM_FUNCTION', section.name, value, message);
      }
      const list = this.bySection.get(section.index) ?? [];
      list.push({
        name: symbol.name,
        section,
        start: value / INSN_SIZE,
        insns: section.data.slice(value, value + size),
        isStatic: symbol.binding === STB_LOCAL,
        references: new Map(),
      });
      this.bySection.set(section.index, list);
    }
    for (const list of this.bySection.values()) {
      list.sort((a, b) => a.start - b.start);
      for (let i = 1; i < list.length; i++) {
        const before = list[i - 1]!;
        if (before.start + before.insns.length / INSN_SIZE > list[i]!.start) {
          const message = `functions apart from each other, found ${before.name} over ${list[i]!.name}`;
          throw programError('PROGRAM_FUNCTION', before.section.name, list[i]!.start * INSN_SIZE, message);
        }
      }
    }
  }

  get all(): CodeFunction[] {
    return [...this.bySection.entries()].sort(([a], [b]) => a - b).flatMap(([, list]) => list);
  }

  /** The function that holds a slot of a section. */
  at(section: number, slot: InsnIndex): CodeFunction | undefined {
    const list = this.bySection.get(section) ?? [];
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (list[middle]!.start <= slot) low = middle + 1;
      else high = middle;
    }
    const found = list[low - 1];
    return found !== undefined && slot < found.start + found.insns.length / INSN_SIZE ? found : undefined;
  }
}

export function programError(
  code: string,
  section: string,
  offset: ByteOffset,
  expected: string,
): ProgramError {
  const message = `${section}+0x${offset.toString(16)}: expected ${expected}`;
  return new ProgramError(code, message, { section, offset });
}

import { INSN_SIZE } from '../../assembly/isa.js';
import type { ObjectFile } from '../elf/object-file.js';
import { type FunctionTable, programError } from './functions.js';
import { type MapDefinition, valuesIndex } from './map-definitions.js';
import type { MapElement, MapSpec } from './program-spec.js';

const SECTION = '.maps';

/** The defined maps with the elements that relocations of `.maps` fill: other maps, or programs by name. */
export function mapContents(
  object: ObjectFile,
  defined: readonly MapDefinition[],
  functions: FunctionTable,
): MapSpec[] {
  const contents = defined.map((): MapElement[] => []);
  const section = object.section(SECTION);
  const relocations = section === undefined ? [] : object.relocations(section.index);
  for (const { offset, symbol } of relocations) {
    const wrong = (expected: string): Error => programError('PROGRAM_RELOCATION', SECTION, offset, expected);
    const owner = defined.findIndex((map) => {
      const next = defined.map((each) => each.offset).filter((each) => each > map.offset);
      return offset >= map.offset && offset < Math.min(section!.size, ...next);
    });
    const index = owner < 0 ? null : valuesIndex(defined[owner]!, offset, section!.size);
    if (index === null) throw wrong('an element of the values of a map, found none');
    if (symbol.section === section!.index) {
      const map = defined.findIndex((each) => each.offset === symbol.value);
      if (map < 0) throw wrong(`a map at ${SECTION}+${symbol.value}, found none`);
      contents[owner]!.push({ index, map });
    } else {
      const program = functions.at(symbol.section, symbol.value / INSN_SIZE);
      if (program === undefined) throw wrong(`a map or a program, found "${symbol.name}"`);
      contents[owner]!.push({ index, program: program.name });
    }
  }
  return defined.map(({ spec }, i) =>
    contents[i]!.length === 0 ? spec : { ...spec, contents: contents[i]! },
  );
}

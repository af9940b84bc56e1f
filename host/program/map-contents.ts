import { INSN_SIZE } from '../../assembly/isa.js';
import type { ObjectFile } from '../elf/object-file.js';
import type { ByteOffset } from '../quantities.js';
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
  const byOffset = new Map(defined.map(({ offset }, index) => [offset, index]));
  const starts = [...byOffset.keys()].sort((x, y) => x - y);
  const section = object.section(SECTION);
  const relocations = section === undefined ? [] : object.relocations(section.index);
  for (const { offset, symbol } of relocations) {
    const wrong = (expected: string): Error => programError('PROGRAM_RELOCATION', SECTION, offset, expected);
    const owner = byOffset.get(startBefore(starts, offset)) ?? -1;
    const index = owner < 0 ? null : valuesIndex(defined[owner]!, offset);
    if (index === null) throw wrong('an element of the values of a map, found none');
    if (symbol.section === section!.index) {
      const map = byOffset.get(symbol.value);
      if (map === undefined) throw wrong(`a map at ${SECTION}+${symbol.value}, found none`);
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

/** The last of the rising `starts` that is not above `offset`, or -1. */
function startBefore(starts: readonly ByteOffset[], offset: ByteOffset): ByteOffset {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= offset) low = middle + 1;
    else high = middle;
  }
  return starts[low - 1] ?? -1;
}

import { Btf } from '../btf/btf.js';
import { TYPE_RECORD_SIZE } from '../btf/encoding.js';
import { BtfKind } from '../btf/types.js';
import type { ObjectFile } from '../elf/object-file.js';

/**
 * The object's BTF as a loader hands it to the kernel: sizes and offsets of sections, which the compiler leaves 0,
 * filled in from the symbols, and variables in the order of their offsets, as the kernel wants them.
 */
export function programBtf(object: ObjectFile): Btf | null {
  const section = object.section('.BTF');
  if (section === undefined) return null;
  const bytes = section.data.slice();
  const btf = Btf.parse(bytes);
  const view = new DataView(bytes.buffer);
  for (let id = 1; id < btf.count; id++) {
    if (btf.kind(id) !== BtfKind.DATASEC) continue;
    const datasec = btf.type(id);
    const target = object.section(datasec.name);
    if (datasec.kind !== BtfKind.DATASEC || target === undefined) continue;
    const at = btf.offsetOf(id);
    view.setUint32(at + 8, target.size, true);
    const placed = datasec.vars.map(({ type, offset, size }) => {
      const symbol = object.symbol(target.index, btf.type(type).name);
      return [type, symbol?.value ?? offset, size] as const;
    });
    placed.sort((a, b) => a[1] - b[1]);
    placed.flat().forEach((word, index) => view.setUint32(at + TYPE_RECORD_SIZE + index * 4, word, true));
  }
  return Btf.parse(bytes);
}

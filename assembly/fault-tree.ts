// The faithful path to an entry id: latch tree, then binary search in the table.
import { extableSearch } from './extable';
import { faultProgram } from './fault';
import { EXTABLE_ENTRY_SIZE, EXTABLE_FIXUP } from './layout/extable';
import { FAULT_MISS } from './layout/fault-map';
import { KSYM_ENTRIES, KSYM_IDS, KSYM_TABLE, KSYM_TABLE_GUEST } from './layout/kallsyms';

/** Detail byte (layout/fault-map.ts) of a fixup word. */
export function fixupDetail(fixup: u32): u32 {
  const register = fixup >> 8;
  return (fixup & 15) | ((register === 1 ? 15 : register >> 3) << 4);
}

/** As faultMapLookup, by tree and search. */
export function faultTreeLookup(pc: u64, detail: usize): u32 {
  const node = faultProgram(pc);
  if (node !== 0 && load<u32>(node + KSYM_IDS) !== FAULT_MISS) {
    const table = <usize>load<u32>(node + KSYM_TABLE);
    const entry = extableSearch(
      table,
      load<u64>(node + KSYM_TABLE_GUEST),
      load<u32>(node + KSYM_ENTRIES),
      pc,
    );
    if (entry !== 0) {
      store<u8>(detail, fixupDetail(load<u32>(entry + EXTABLE_FIXUP)));
      return load<u32>(node + KSYM_IDS) + <u32>(entry - table) / EXTABLE_ENTRY_SIZE;
    }
  }
  store<u8>(detail, 0);
  return FAULT_MISS;
}

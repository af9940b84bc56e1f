// Search in an exception table: entries with relative addresses, ascending.
import { EXTABLE_ENTRY_SIZE, EXTABLE_INSN } from './layout/extable';

/**
 * Linear address of the entry whose instruction starts exactly at `ip`, or 0. `table` and `tableGuest` are the
 * linear and the guest address of the first entry.
 */
export function extableSearch(table: usize, tableGuest: u64, entries: u32, ip: u64): usize {
  // What an entry's linear address plus its distance comes to when it is the one for `ip`.
  const key = ip - tableGuest + <u64>table - EXTABLE_INSN;
  let base = table;
  let n = <usize>entries;
  while (n !== 0) {
    const half = n >> 1;
    const pivot = base + ((half + (half << 1)) << 2);
    const address = <u64>pivot + <u64>(<i64>load<i32>(pivot + EXTABLE_INSN));
    if (key === address) return pivot;
    if (key > address) {
      base = pivot + EXTABLE_ENTRY_SIZE;
      n--;
    }
    n >>= 1;
  }
  return 0;
}

// Search in an exception table: entries with relative addresses, ascending.
import { EXTABLE_ENTRY_SIZE, EXTABLE_INSN } from './layout/extable';

/**
 * Linear address of the entry whose instruction starts exactly at `ip`, or 0. `table` and `tableGuest` are the
 * linear and the guest address of the first entry.
 */
export function extableSearch(table: usize, tableGuest: u64, entries: u32, ip: u64): usize {
  const toGuest = tableGuest - <u64>table;
  let base = table;
  let n = <usize>entries;
  while (n !== 0) {
    const pivot = base + (n >> 1) * EXTABLE_ENTRY_SIZE;
    const address = <u64>(pivot + EXTABLE_INSN) + toGuest + <u64>(<i64>load<i32>(pivot + EXTABLE_INSN));
    if (ip === address) return pivot;
    if (ip > address) {
      base = pivot + EXTABLE_ENTRY_SIZE;
      n--;
    }
    n >>= 1;
  }
  return 0;
}

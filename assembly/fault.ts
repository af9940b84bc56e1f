// From a faulting instruction to its exception entry: the program whose text contains it, then that program's
// table. Only programs are asked: other text of this kind has no table.
import { extableSearch } from './extable';
import { kallsymsFind } from './kallsyms';
import { KSYM_ENTRIES, KSYM_FLAGS, KSYM_FLAG_PROGRAM, KSYM_TABLE, KSYM_TABLE_GUEST } from './layout/kallsyms';

/** Node (layout/kallsyms.ts) of the program function whose text contains `ip`, or 0. */
export function faultProgram(ip: u64): usize {
  const node = kallsymsFind(ip);
  if (node === 0 || (load<u16>(node + KSYM_FLAGS) & KSYM_FLAG_PROGRAM) === 0) return 0;
  return node;
}

/** Linear address of the exception entry for an instruction that starts at `ip`, or 0: nothing repairs it. */
export function fixupException(ip: u64): usize {
  const node = faultProgram(ip);
  if (node === 0) return 0;
  return extableSearch(
    load<u32>(node + KSYM_TABLE),
    load<u64>(node + KSYM_TABLE_GUEST),
    load<u32>(node + KSYM_ENTRIES),
    ip,
  );
}

/** Looks up `count` addresses (u64 each at `ips`); the linear address of each entry, or 0, goes to u32s at `out`. */
export function fixupBatch(ips: usize, count: u32, out: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(out, <u32>fixupException(load<u64>(ips)));
    ips += 8;
    out += 4;
  }
}

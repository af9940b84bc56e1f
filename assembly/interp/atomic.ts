// Atomic operations (RFC 9669 section 5.3) at a translated address. One thread runs a guest, so each is a plain
// read, modify, write.
import { BPF_ADD, BPF_AND, BPF_CMPXCHG, BPF_FETCH, BPF_OR, BPF_XCHG, BPF_XOR } from '../isa';
import { REC_IMM, REC_SRC } from '../layout/interp';
import { readMiss, writeMiss } from '../mm/tlb';
import { regs } from './state';

/** Address of an atomic that missed the TLB, 0 = fault. A fetching and, or, xor begins with a plain load. */
export function atomicMiss(record: usize, address: u64, size: u64): usize {
  const operation = load<i32>(record, REC_IMM);
  const reads = (operation & BPF_FETCH) !== 0 && operation < BPF_XCHG && operation !== (BPF_ADD | BPF_FETCH);
  if (reads && readMiss(address, size) === 0) return 0;
  return writeMiss(address, size);
}

function combine(operation: i32, old: u64, operand: u64): u64 {
  switch (operation & ~BPF_FETCH) {
    case BPF_ADD:
      return old + operand;
    case BPF_OR:
      return old | operand;
    case BPF_AND:
      return old & operand;
    case BPF_XOR:
      return old ^ operand;
    default:
      return operand;
  }
}

export function atomic64(record: usize, at: usize): void {
  const operation = load<i32>(record, REC_IMM);
  const source = <usize>load<u8>(record, REC_SRC) + regs;
  const old = load<u64>(at);
  if (operation === BPF_CMPXCHG) {
    if (old === load<u64>(regs)) store<u64>(at, load<u64>(source));
    store<u64>(regs, old);
    return;
  }
  store<u64>(at, combine(operation, old, load<u64>(source)));
  if ((operation & BPF_FETCH) !== 0) store<u64>(source, old);
}

export function atomic32(record: usize, at: usize): void {
  const operation = load<i32>(record, REC_IMM);
  const source = <usize>load<u8>(record, REC_SRC) + regs;
  const old = load<u32>(at);
  if (operation === BPF_CMPXCHG) {
    if (old === load<u32>(regs)) store<u32>(at, load<u32>(source));
    store<u64>(regs, old);
    return;
  }
  store<u32>(at, <u32>combine(operation, old, load<u32>(source)));
  if ((operation & BPF_FETCH) !== 0) store<u64>(source, old);
}

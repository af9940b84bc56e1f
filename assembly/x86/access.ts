// Fields of micro-ops and memory operands as the CPU loop reads them: all of it is inlined there.
import { PAGE_SHIFT, TLB_ADDEND, TLB_BYTES, TLB_ENTRY_SHIFT } from '../layout/mmu';
import { PAGE_MASK, tlbRead, tlbWrite } from '../mm/tlb';
import { BUCKET_MASK, BUCKETS, RECORD_OPS } from './code-cache';
import { REGS } from './state';
import { U_A, U_B, U_C, U_DISP, U_IMM } from './uop';

/** Target of the jump behind a compare, seen from the compare. */
export const JUMP_TARGET: usize = 60;

export function regA(u: usize): u64 {
  return load<u64>(<usize>load<u8>(u, U_A), REGS);
}

export function regB(u: usize): u64 {
  return load<u64>(<usize>load<u8>(u, U_B), REGS);
}

export function regC(u: usize): u64 {
  return load<u64>(<usize>load<u8>(u, U_C), REGS);
}

export function setA(u: usize, value: u64): void {
  store<u64>(<usize>load<u8>(u, U_A), value, REGS);
}

export function imm(u: usize): u64 {
  return load<u64>(u, U_IMM);
}

export function displacement(u: usize): u64 {
  return <u64>load<i32>(u, U_DISP);
}

/** Offset of the TLB entry of a page in either array. */
export function tlbOffset(va: u64): usize {
  return (<usize>(va >> (PAGE_SHIFT - TLB_ENTRY_SHIFT))) & (TLB_BYTES - (1 << TLB_ENTRY_SHIFT));
}

/** The entry answers for an access whose last byte is at `last`. */
export function readHits(entry: usize, last: u64): bool {
  return load<u64>(entry, tlbRead) === (last & PAGE_MASK);
}

export function writeHits(entry: usize, last: u64): bool {
  return load<u64>(entry, tlbWrite) === (last & PAGE_MASK);
}

export function readLinear(entry: usize, va: u64): usize {
  return <usize>(<u32>va + load<u32>(entry, tlbRead + TLB_ADDEND));
}

export function writeLinear(entry: usize, va: u64): usize {
  return <usize>(<u32>va + load<u32>(entry, tlbWrite + TLB_ADDEND));
}

/** Micro-op of a call's or return's target when it is decoded and first in its hash chain; else 0. */
export function decodedFast(ip: u64): usize {
  const record = <usize>load<u32>(BUCKETS + ((<usize>((ip >> 12) & BUCKET_MASK)) << 2));
  if (record === 0 || load<u64>(record) !== (ip & PAGE_MASK)) return 0;
  return <usize>load<u32>(record + ((<usize>(ip & 4095)) << 2), RECORD_OPS);
}

// Fields of micro-ops and memory operands as the CPU loop reads them: all of it is inlined there.
import { TLB_ADDEND, TLB_ENTRIES, TLB_ENTRY_SHIFT } from '../layout/mmu';
import { PAGE_MASK } from '../mm/tlb';
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

export function slotFor(tlb: usize, va: u64): usize {
  return tlb + (((<usize>(va >> 12)) & (TLB_ENTRIES - 1)) << TLB_ENTRY_SHIFT);
}

export function hits(slot: usize, last: u64): bool {
  return load<u64>(slot) === (last & PAGE_MASK);
}

export function linearOf(slot: usize, va: u64): usize {
  return <usize>(<u32>va + load<u32>(slot, TLB_ADDEND));
}

/** Micro-op of a call's or return's target when it is decoded and first in its hash chain; else 0. */
export function decodedFast(ip: u64): usize {
  const record = <usize>load<u32>(BUCKETS + ((<usize>((ip >> 12) & BUCKET_MASK)) << 2));
  if (record === 0 || load<u64>(record) !== (ip & PAGE_MASK)) return 0;
  return <usize>load<u32>(record + ((<usize>(ip & 4095)) << 2), RECORD_OPS);
}

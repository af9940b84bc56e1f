// Prologue and epilogue.
//
//   rbp + 8              return address
//   rbp                  saved rbp
//   rbp - stack .. -1    BPF stack
//   then                 tail-call slots (6.12: two, 6.1: one), r12, rbx, r13, r14, r15 where saved

import {
  JIT_ARENA_KERNEL,
  JIT_CALL_PADDING,
  JIT_CFI,
  JIT_CFI_FINEIBT,
  JIT_CFI_HASH,
  JIT_CFI_KCFI,
  JIT_CLASSIC,
  JIT_EXCEPTION_BOUNDARY,
  JIT_EXCEPTION_CALLBACK,
  JIT_FIX_REL32,
  JIT_IBT,
  JIT_RETURN_THUNK,
  JIT_SLS,
  JIT_SUBPROGRAM,
  JIT_TAIL_CALL_REACHABLE,
  JIT_V5_5,
  JIT_V6_1,
  JIT_V6_12,
} from '../layout/jit';
import { aluImm32, endbr64, movImm64, nop, pop, push } from '../x86/encode';
import { R12, R13, R14, R15, RAX, RBX, RSP } from '../x86/reg';
import { put1, put2, put3, put4 } from '../x86/sink';
import { flags, noteFix, record, stack, usedRegisters, version } from './state';

const CALLEE_SAVED: u32 = (1 << 6) | (1 << 7) | (1 << 8) | (1 << 9);

function savedRegisters(): u32 {
  if (version === JIT_V5_5 || exceptionBoundary()) return CALLEE_SAVED;
  return usedRegisters & CALLEE_SAVED;
}

function exceptionBoundary(): bool {
  return version === JIT_V6_12 && (flags & JIT_EXCEPTION_BOUNDARY) !== 0;
}

/** Base of the arena that r12 holds; 0 = none. */
function arenaBase(): u64 {
  return version === JIT_V6_12 ? load<u64>(record + JIT_ARENA_KERNEL) : 0;
}

function savesR12(): bool {
  return exceptionBoundary() || arenaBase() !== 0;
}

function pushSaved(p: usize, saved: u32): usize {
  if ((saved & (1 << 6)) !== 0) p = push(p, RBX);
  if ((saved & (1 << 7)) !== 0) p = push(p, R13);
  if ((saved & (1 << 8)) !== 0) p = push(p, R14);
  if ((saved & (1 << 9)) !== 0) p = push(p, R15);
  return p;
}

function popSaved(p: usize, saved: u32): usize {
  if ((saved & (1 << 9)) !== 0) p = pop(p, R15);
  if ((saved & (1 << 8)) !== 0) p = pop(p, R14);
  if ((saved & (1 << 7)) !== 0) p = pop(p, R13);
  if ((saved & (1 << 6)) !== 0) p = pop(p, RBX);
  return p;
}

/** Restores what the prologue saved: the start of the epilogue, also of a tail call's jump. */
export function popCallee(p: usize): usize {
  p = popSaved(p, savedRegisters());
  return savesR12() ? pop(p, R12) : p;
}

function cfiPreamble(p: usize): usize {
  const cfi = load<u32>(record + JIT_CFI);
  const ibt = (flags & JIT_IBT) !== 0;
  const hash = load<u32>(record + JIT_CFI_HASH);
  if (cfi === JIT_CFI_FINEIBT) {
    p = put4(put3(endbr64(p), 0xea_8141), hash);
    p = put1(put2(put2(p, 0x0774), 0x0b0f), 0x90);
    return put4(p, 0x001f_0f66);
  }
  if (cfi === JIT_CFI_KCFI) {
    p = put4(put1(p, 0xb8), hash);
    if ((flags & JIT_CALL_PADDING) !== 0) for (let i = 0; i < 11; i++) p = nop(p, 1);
  }
  return ibt ? endbr64(p) : p;
}

function pushTailCallCount(p: usize): usize {
  if (version === JIT_V6_1) return push(p, RAX);
  if ((flags & JIT_SUBPROGRAM) !== 0) return put2(p, 0x5050);
  // cmp rax, 33; ja +6; push rax; mov rax, rsp; jmp +1; push rax; push rax
  p = put2(put4(p, 0x21f8_8348), 0x0677);
  return put4(put4(p, 0xe0_8948_50), 0x5050_01eb);
}

export function prologue(p: usize): usize {
  if (version === JIT_V5_5) return prologue55(p);
  const main = (flags & JIT_SUBPROGRAM) === 0;
  const tailCalls = (flags & JIT_TAIL_CALL_REACHABLE) !== 0;
  p = nop(cfiPreamble(p), 5);
  if ((flags & JIT_CLASSIC) === 0) {
    if (version === JIT_V6_1) p = tailCalls && main ? put2(p, 0xc031) : nop(p, 2);
    else p = tailCalls && main ? put3(p, 0xc0_3148) : nop(p, 3);
  }
  if (version === JIT_V6_12 && (flags & JIT_EXCEPTION_CALLBACK) !== 0) {
    // mov rsp, rsi; mov rbp, rdx; ...; mov rsp, rbp
    p = popSaved(put3(put3(p, 0xf4_8948), 0xd5_8948), CALLEE_SAVED);
    p = put3(pop(p, R12), 0xec_8948);
  } else p = put4(p, 0xe589_4855);
  if ((flags & JIT_IBT) !== 0) p = endbr64(p);
  if (stack !== 0) p = aluImm32(p, 0x29, 1, RSP, stack);
  if (tailCalls) p = pushTailCallCount(p);
  if (savesR12()) p = push(p, R12);
  p = pushSaved(p, savedRegisters());
  const arena = arenaBase();
  return arena !== 0 ? movImm64(p, R12, arena, true) : p;
}

function prologue55(p: usize): usize {
  p = aluImm32(put4(p, 0xe589_4855), 0x29, 1, RSP, stack);
  p = pushSaved(p, CALLEE_SAVED);
  return (flags & JIT_CLASSIC) === 0 ? put2(p, 0x006a) : p;
}

export function epilogue(p: usize): usize {
  if (version === JIT_V5_5 && (flags & JIT_CLASSIC) === 0) p = pop(p, RBX);
  p = put1(popCallee(p), 0xc9);
  const thunk = load<u64>(record + JIT_RETURN_THUNK);
  if (thunk !== 0) {
    p = put1(p, 0xe9);
    noteFix(p, JIT_FIX_REL32, thunk);
    return put4(p, 0);
  }
  p = put1(p, 0xc3);
  return (flags & JIT_SLS) !== 0 ? put1(p, 0xcc) : p;
}

/** Offset of the tail-call landing point from the function's address. */
export function landingOffset(): u32 {
  if (version === JIT_V5_5) return 20;
  return (version === JIT_V6_1 ? 11 : 12) + ((flags & JIT_IBT) !== 0 ? 4 : 0);
}

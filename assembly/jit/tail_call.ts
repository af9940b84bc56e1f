// Tail calls: ctx in rdi, the array map in rsi, the index in edx. The target lands behind its own frame setup and
// goes on in this frame. Jumps inside a sequence lead to its end.

import { MAX_TAIL_CALL_CNT } from '../isa';
import {
  JIT_FIX_DIRECT,
  JIT_FIX_REL32,
  JIT_INDIRECT,
  JIT_INDIRECT_ITS,
  JIT_INDIRECT_LFENCE,
  JIT_INDIRECT_PLAIN,
  JIT_INDIRECT_RETPOLINE,
  JIT_INDIRECT_THUNK,
  JIT_OFF_ARRAY_PTRS,
  JIT_OFF_MAX_ENTRIES,
  JIT_OFF_PROG_FUNC,
  JIT_RETPOLINE_CONFIG,
  JIT_SLS,
  JIT_V5_5,
  JIT_V6_1,
} from '../layout/jit';
import { aluImm32, lfence, nop, pop } from '../x86/encode';
import { RAX, RSP } from '../x86/reg';
import { put1, put2, put3, put4 } from '../x86/sink';
import { loadTailCallCount } from './call';
import { landingOffset, popCallee } from './frame';
import { flags, noteFix, record, stack, template, version } from './state';

/** Appends a jcc rel8 whose distance endOf() fills in. */
function jccEnd(p: usize, cc: u32): usize {
  return put2(p, cc);
}

function endOf(jcc: usize, end: usize): void {
  store<u8>(jcc - 1, <u32>(end - jcc));
}

/** mov edx, edx; cmp [rsi + max_entries], edx; jbe end */
function checkIndex(p: usize): usize {
  p = put2(p, 0xd289);
  p = put3(p, 0x5639 | (load<u32>(record + JIT_OFF_MAX_ENTRIES) << 16));
  return jccEnd(p, 0x76);
}

/** Bound check of the count; `p` comes back behind the jae. */
function checkCount(p: usize): usize {
  if (version === JIT_V6_1) {
    // mov eax, [rbp - 4 - stack]; cmp eax, 33
    p = put4(put2(p, 0x858b), <u32>(-4 - stack));
    p = put3(p, 0xf883 | (MAX_TAIL_CALL_CNT << 16));
  } else {
    // cmp qword [rax], 33
    p = put4(loadTailCallCount(p), 0x0038_8348 | (MAX_TAIL_CALL_CNT << 24));
  }
  return jccEnd(p, 0x73);
}

function incrementCount(p: usize): usize {
  if (version !== JIT_V6_1) return put4(p, 0x0100_8348);
  // add eax, 1; mov [rbp - 4 - stack], eax
  return put4(put2(put3(p, 0x01_c083), 0x8589), <u32>(-4 - stack));
}

/** Undoes the frame down to the BPF stack's end, which is where the target's own stack starts. */
function leaveFrame(p: usize): usize {
  p = pop(popCallee(p), RAX);
  if (version !== JIT_V6_1) p = pop(p, RAX);
  return stack !== 0 ? aluImm32(p, 0x01, 1, RSP, stack) : p;
}

function jumpRcx(p: usize): usize {
  const kind = load<u32>(record + JIT_INDIRECT);
  if (kind === JIT_INDIRECT_ITS || kind === JIT_INDIRECT_RETPOLINE) {
    p = put1(p, 0xe9);
    noteFix(p, JIT_FIX_REL32, load<u64>(record + JIT_INDIRECT_THUNK));
    return put4(p, 0);
  }
  if (kind === JIT_INDIRECT_LFENCE) return put2(lfence(p), 0xe1ff);
  p = put2(p, 0xe1ff);
  return (flags & (JIT_RETPOLINE_CONFIG | JIT_SLS)) !== 0 ? put1(p, 0xcc) : p;
}

export function tailCall(p: usize): usize {
  if (version === JIT_V5_5) return tailCall55(p);
  p = checkIndex(p);
  const index = p;
  p = checkCount(p);
  const count = p;
  if (version === JIT_V6_1) p = incrementCount(p);
  // mov rcx, [rsi + rdx * 8 + ptrs]; test rcx, rcx; je end
  p = put4(put4(p, 0xd68c_8b48), load<u32>(record + JIT_OFF_ARRAY_PTRS));
  p = jccEnd(put3(p, 0xc9_8548), 0x74);
  const slot = p;
  if (version !== JIT_V6_1) p = incrementCount(p);
  p = leaveFrame(p);
  // mov rcx, [rcx + bpf_func]; add rcx, landing
  p = put4(p, 0x0049_8b48 | (load<u32>(record + JIT_OFF_PROG_FUNC) << 24));
  p = jumpRcx(put4(p, 0x00c1_8348 | (landingOffset() << 24)));
  endOf(index, p);
  endOf(count, p);
  endOf(slot, p);
  return p;
}

/** Tail call with constant map and index: a bypass jump and a jump target, both patched as the map changes. */
export function directTailCall(p: usize): usize {
  if (version === JIT_V5_5) return tailCall55(p);
  p = checkCount(p);
  const count = p;
  if (version === JIT_V6_1) p = incrementCount(p);
  const bypass = p;
  p = put4(put1(p, 0xe9), 0);
  if (version !== JIT_V6_1) p = incrementCount(p);
  p = leaveFrame(p);
  noteFix(bypass, JIT_FIX_DIRECT, <u64>(p - template));
  p = nop(p, 5);
  store<u32>(bypass + 1, <u32>(p - bypass - 5));
  endOf(count, p);
  return p;
}

/** 5.5: count at [rbp - 548], everything through rax; the frame is left to the target. */
function tailCall55(p: usize): usize {
  p = checkIndex(p);
  const index = p;
  // mov eax, [rbp - 548]; cmp eax, 32; ja end; add eax, 1; mov [rbp - 548], eax
  p = put4(put2(p, 0x858b), <u32>-548);
  p = jccEnd(put3(p, 0x20_f883), 0x77);
  const count = p;
  p = put4(put2(put3(p, 0x01_c083), 0x8589), <u32>-548);
  // mov rax, [rsi + rdx * 8 + ptrs]; test rax, rax; je end
  p = put4(put4(p, 0xd684_8b48), load<u32>(record + JIT_OFF_ARRAY_PTRS));
  p = jccEnd(put3(p, 0xc0_8548), 0x74);
  const slot = p;
  p = put4(p, 0x0040_8b48 | (load<u32>(record + JIT_OFF_PROG_FUNC) << 24));
  p = put4(p, 0x00c0_8348 | (landingOffset() << 24));
  if (load<u32>(record + JIT_INDIRECT) === JIT_INDIRECT_PLAIN) p = put2(p, 0xe0ff);
  else {
    // call +7; pause; lfence; jmp pause; mov [rsp], rax; ret
    p = put4(put1(p, 0xe8), 7);
    p = lfence(put2(p, 0x90f3));
    p = put1(put4(put2(p, 0xf9eb), 0x2404_8948), 0xc3);
  }
  endOf(index, p);
  endOf(count, p);
  endOf(slot, p);
  return p;
}

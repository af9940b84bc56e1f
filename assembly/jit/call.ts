// Calls of helpers, kfuncs and functions of the program: target = call base + imm.

import {
  JIT_CALL_DEPTH,
  JIT_CALL_NULL,
  JIT_FIX_CALL,
  JIT_FIX_RIP32,
  JIT_TAIL_CALL_REACHABLE,
  JIT_V5_5,
  JIT_V6_1,
  JIT_V6_12,
} from '../layout/jit';
import { put1, put3, put4 } from '../x86/sink';
import { fail, flags, noteFix, record, stack, version } from './state';

export function call(p: usize, imm: i32): usize {
  if (version !== JIT_V5_5 && (flags & JIT_TAIL_CALL_REACHABLE) !== 0) p = loadTailCallCount(p);
  if (imm === 0) return fail(JIT_CALL_NULL, 0);
  const depth = version === JIT_V6_12 ? load<u64>(record + JIT_CALL_DEPTH) : 0;
  if (depth !== 0) {
    // sar qword gs:[rip + disp], 5
    p = put4(p, 0x3dc1_4865);
    noteFix(p, JIT_FIX_RIP32, depth);
    p = put1(put4(p, 0), 5);
  }
  p = put1(p, 0xe8);
  noteFix(p, JIT_FIX_CALL, 0);
  return put4(p, 0);
}

/** mov rax, [rbp + slot]: the address of the count (6.12) or the slot that holds it (6.1). */
export function loadTailCallCount(p: usize): usize {
  const slot = version === JIT_V6_1 ? -8 - stack : -16 - stack;
  return put4(put3(p, 0x85_8b48), <u32>slot);
}

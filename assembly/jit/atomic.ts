// Atomic operations (RFC 9669 section 5.3). `d` is the base, `s` the operand.

import { BPF_CMPXCHG, BPF_DW, BPF_FETCH, BPF_OR, BPF_W, BPF_XCHG, BPF_XOR } from '../isa';
import { JIT_UNKNOWN_ATOMIC, JIT_V5_5 } from '../layout/jit';
import { aluRR, mov64, movRR } from '../x86/encode';
import { mem } from '../x86/modrm';
import { R10, R11, RAX } from '../x86/reg';
import { rexOpt } from '../x86/rex';
import { put1, put2 } from '../x86/sink';
import { loadMem } from './load_store';
import { fail, version } from './state';

/** Opcode of a locked one-instruction form, two-byte ones with 0f in the low byte; 0 = there is none. */
export function lockedOpcode(operation: i32): u32 {
  switch (operation) {
    case 0x00:
      return 0x01;
    case 0x40:
      return 0x09;
    case 0x50:
      return 0x21;
    case 0xa0:
      return 0x31;
    case BPF_FETCH:
      return 0xc10f;
    case BPF_XCHG:
      return 0x87;
    case BPF_CMPXCHG:
      return 0xb10f;
    default:
      return 0;
  }
}

export function putOpcode(p: usize, opcode: u32): usize {
  return opcode < 0x100 ? put1(p, opcode) : put2(p, opcode);
}

export function atomic(p: usize, w: u32, d: u32, s: u32, off: i32, operation: i32): usize {
  if (version === JIT_V5_5) operation = 0;
  const opcode = lockedOpcode(operation);
  if (opcode !== 0) return mem(putOpcode(rexOpt(put1(p, 0xf0), w, s, d), opcode), s, d, off);
  if (operation === 0x51) return fetchLoop(p, 0x21, w, d, s, off);
  if (operation === (BPF_OR | BPF_FETCH)) return fetchLoop(p, 0x09, w, d, s, off);
  if (operation === (BPF_XOR | BPF_FETCH)) return fetchLoop(p, 0x31, w, d, s, off);
  return fail(JIT_UNKNOWN_ATOMIC, <u64>((<u32>operation) & 0xff));
}

/** fetch-and, fetch-or, fetch-xor: a compare-exchange loop around `op`; R0 is kept in r10. */
function fetchLoop(p: usize, op: u32, w: u32, d: u32, s: u32, off: i32): usize {
  p = mov64(p, R10, RAX);
  const value = s === RAX ? R10 : s;
  const base = d === RAX ? R10 : d;
  const loop = p;
  p = loadMem(p, w !== 0 ? BPF_DW : BPF_W, RAX, base, off);
  p = aluRR(movRR(p, w, R11, RAX), op, w, R11, value);
  p = mem(put2(rexOpt(put1(p, 0xf0), w, R11, base), 0xb10f), R11, base, off);
  // jne loop
  p = put2(p, 0x75 | ((<u32>((loop - p - 2) & 0xff)) << 8));
  return mov64(movRR(p, w, value, RAX), RAX, R10);
}

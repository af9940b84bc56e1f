// Arena accesses (modes PROBE_MEM32 and PROBE_ATOMIC): r12 + base + off, every one with an exception entry.

import { BPF_B, BPF_DW, BPF_H, BPF_LDX, BPF_REG_FP, BPF_ST } from '../isa';
import { FIXUP_NO_REGISTER } from '../layout/extable';
import { JIT_UNKNOWN_ATOMIC } from '../layout/jit';
import { memIndexed } from '../x86/modrm';
import { ptRegsOffset } from '../x86/reg';
import { rexIndexed } from '../x86/rex';
import { put1, put2, put4 } from '../x86/sink';
import { lockedOpcode, putOpcode } from './atomic';
import { NO_PROBE_REGISTER } from './probe';
import { fail, noteFault } from './state';

export function arenaAccess(p: usize, op: u32, bpfD: u32, d: u32, s: u32, off: i32, imm: i32): usize {
  const start = p;
  const size = op & 0x18;
  if ((op & 7) === BPF_LDX) {
    p = arenaLoad(p, size, d, s, off);
    noteFault(start, p, bpfD < <u32>BPF_REG_FP ? ptRegsOffset(d) : NO_PROBE_REGISTER);
    return p;
  }
  if (size === BPF_H) p = put1(p, 0x66);
  const w: u32 = size === BPF_DW ? 1 : 0;
  if ((op & 7) === BPF_ST) {
    p = put1(rexIndexed(p, w, 0, d), size === BPF_B ? 0xc6 : 0xc7);
    p = memIndexed(p, 0, d, off);
    if (size === BPF_B) p = put1(p, <u32>imm);
    else p = size === BPF_H ? put2(p, <u32>imm) : put4(p, <u32>imm);
  } else {
    p = put1(rexIndexed(p, w, s, d), size === BPF_B ? 0x88 : 0x89);
    p = memIndexed(p, s, d, off);
  }
  noteFault(start, p, FIXUP_NO_REGISTER);
  return p;
}

function arenaLoad(p: usize, size: u32, d: u32, s: u32, off: i32): usize {
  p = rexIndexed(p, size === BPF_DW ? 1 : 0, d, s);
  if (size === BPF_B) p = put2(p, 0xb60f);
  else if (size === BPF_H) p = put2(p, 0xb70f);
  else p = put1(p, 0x8b);
  return memIndexed(p, d, s, off);
}

export function arenaAtomic(p: usize, w: u32, d: u32, s: u32, off: i32, operation: i32): usize {
  const opcode = lockedOpcode(operation);
  if (opcode === 0) return fail(JIT_UNKNOWN_ATOMIC, <u64>((<u32>operation) & 0xff));
  const start = p;
  p = memIndexed(putOpcode(rexIndexed(put1(p, 0xf0), w, s, d), opcode), s, d, off);
  noteFault(start, p, FIXUP_NO_REGISTER);
  return p;
}

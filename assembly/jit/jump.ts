// Branches. The comparison is emitted at once; the jump itself becomes a site (sizing.ts) with room for its longest
// form in the template.

import {
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_X,
} from '../isa';
import { JIT_UNKNOWN_OPCODE } from '../layout/jit';
import { aluRR } from '../x86/encode';
import { digitR } from '../x86/modrm';
import { rexOpt } from '../x86/rex';
import { fits8, put1, put4 } from '../x86/sink';
import { addSite } from './sizing';
import { fail } from './state';

/** Short opcode of the condition, 0x70 + cc (Intel SDM vol. 2, Jcc); 0 = no such operation. */
function condition(operation: u32): u32 {
  switch (operation) {
    case BPF_JEQ:
      return 0x74;
    case BPF_JNE:
    case BPF_JSET:
      return 0x75;
    case BPF_JGT:
      return 0x77;
    case BPF_JGE:
      return 0x73;
    case BPF_JLT:
      return 0x72;
    case BPF_JLE:
      return 0x76;
    case BPF_JSGT:
      return 0x7f;
    case BPF_JSGE:
      return 0x7d;
    case BPF_JSLT:
      return 0x7c;
    case BPF_JSLE:
      return 0x7e;
    default:
      return 0;
  }
}

/** Compare and branch to slot `target` (counted from 1, the end of the slot before); w = 1 for class JMP. */
export function condJump(p: usize, op: u32, w: u32, d: u32, s: u32, imm: i32, target: i64): usize {
  const cc = condition(op & 0xf0);
  if (cc === 0) return fail(JIT_UNKNOWN_OPCODE, op);
  const jset = (op & 0xf0) === BPF_JSET;
  if ((op & BPF_X) !== 0) p = aluRR(p, jset ? 0x85 : 0x39, w, d, s);
  else if (jset) p = put4(digitR(put1(rexOpt(p, w, 0, d), 0xf7), 0, d), <u32>imm);
  else if (imm === 0) p = aluRR(p, 0x85, w, d, d);
  else {
    p = rexOpt(p, w, 0, d);
    if (fits8(imm)) p = put1(digitR(put1(p, 0x83), 7, d), <u32>imm);
    else p = put4(digitR(put1(p, 0x81), 7, d), <u32>imm);
  }
  return addSite(p, target, cc);
}

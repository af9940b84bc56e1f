import {
  BPF_ADD,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_REG_AX,
  BPF_SUB,
  BPF_X,
} from '../../../assembly/isa.js';
import type { InsnIndex } from '../../quantities.js';
import { MaskState } from '../speculation.js';
import type { RewriteEnvironment } from './environment.js';
import type { Pass } from './pass.js';

/**
 * Pointer + or - register of an unprivileged program: an offset past the limit becomes 0, on mispredicted paths too.
 * False: nothing to do for this instruction.
 */
export function maskPointerArithmetic(env: RewriteEnvironment, pass: Pass, at: InsnIndex): boolean {
  const { input } = pass;
  const code = input.code[at];
  if (code !== (BPF_ALU64 | BPF_ADD | BPF_X) && code !== (BPF_ALU64 | BPF_SUB | BPF_X)) return false;
  const limit = env.aux.aluLimit.get(input.origin[at]);
  if (
    limit === undefined ||
    (limit.state & (MaskState.SOURCE_IS_SCALAR | MaskState.DESTINATION_IS_SCALAR)) === 0
  ) {
    return false;
  }
  const isSource = (limit.state & MaskState.SOURCE_IS_SCALAR) !== 0;
  const isNegative = (limit.state & MaskState.NEGATIVE) !== 0;
  const isImmediate = (limit.state & MaskState.IMMEDIATE) !== 0;
  const dst = input.dst[at];
  const src = input.src[at];
  const offset = isSource ? src : dst;
  if (isImmediate) {
    pass.mov32Imm(BPF_REG_AX, limit.limit);
  } else {
    if (isNegative) pass.aluImm(BPF_MUL, offset, -1);
    pass.mov32Imm(BPF_REG_AX, limit.limit);
    pass.alu(BPF_SUB, BPF_REG_AX, offset);
    pass.alu(BPF_OR, BPF_REG_AX, offset);
    pass.insn(BPF_ALU64 | BPF_NEG, BPF_REG_AX, 0, 0, 0);
    pass.aluImm(BPF_ARSH, BPF_REG_AX, 63);
    pass.alu(BPF_AND, BPF_REG_AX, offset);
  }
  if (!isSource) pass.mov(dst, src);
  const isAdd = (code & 0xf0) === BPF_ADD;
  pass.alu(isNegative === isAdd ? BPF_SUB : BPF_ADD, dst, BPF_REG_AX);
  if (isNegative && !isImmediate) pass.aluImm(BPF_MUL, offset, -1);
  return true;
}

import { LIVE_READ32, LIVE_READ64, LIVE_WRITTEN } from '../../assembly/layout/verifier.js';
import type { HostAddress } from '../quantities.js';
import type { Env } from './env.js';
import { W_LIVE, W_PARENT, W_SUBREG, W_TYPE } from './registers.js';
import { RegType } from './reg-type.js';
import { Errno } from './verifier-error.js';

/** r0 to r10: what programs may name. */
const REGISTERS = 11;

/** Marks a place read, up through the parents until one wrote it. */
export function markRead(env: Env, reg: HostAddress, half: boolean): void {
  const parent = env.regs.get(reg, W_PARENT);
  if (parent === 0) return;
  const marked = env.mem.domain.liveMarkRead(reg, parent, half ? LIVE_READ32 : LIVE_READ64);
  if (marked < 0) env.fail(Errno.EFAULT, 'verifier BUG type live mark after done');
  if (marked > env.longestMark) env.longestMark = marked;
}

/** A register is about to be read; `half` = only its low 32 bits. */
export function readReg(env: Env, index: number, half = false): HostAddress {
  if (index >= REGISTERS) env.fail(Errno.EINVAL, `R${index} is invalid`);
  const reg = env.reg(index);
  env.touchedRegs |= 1 << index;
  const w = env.mem.words;
  const at = reg >> 2;
  if (w[at + W_TYPE] === RegType.NOT_INIT) env.fail(Errno.EACCES, `R${index} !read_ok`);
  if (index === 10) return reg;
  if (w[at + W_PARENT] !== 0) markRead(env, reg, half);
  return reg;
}

/** A register is about to be written; its value is still to be set. */
export function writeReg(env: Env, index: number, mark = true): HostAddress {
  if (index >= REGISTERS) env.fail(Errno.EINVAL, `R${index} is invalid`);
  if (index === 10) env.fail(Errno.EACCES, 'frame pointer is read only');
  const reg = env.reg(index);
  env.touchedRegs |= 1 << index;
  const w = env.mem.words;
  w[(reg >> 2) + W_LIVE] |= LIVE_WRITTEN;
  w[(reg >> 2) + W_SUBREG] = 0;
  if (mark) env.regs.setUnknown(reg);
  return reg;
}

/** A helper call or an exit leaves a register unusable. */
export function clobberReg(env: Env, index: number): void {
  const reg = env.reg(index);
  env.regs.setNotInit(reg);
  env.touchedRegs |= 1 << index;
  const at = (reg >> 2) + W_LIVE;
  env.mem.words[at] |= LIVE_WRITTEN;
}

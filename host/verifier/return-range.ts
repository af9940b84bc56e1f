import { REG_S32MAX, REG_S32MIN } from '../../assembly/layout/verifier.js';
import type { HostAddress } from '../quantities.js';
import type { Env } from './env.js';
import { tnumText } from './log-text.js';
import { Errno } from './verifier-error.js';

const S64_MIN = -(1n << 63n);
const S64_MAX = (1n << 63n) - 1n;
const U64_MAX = (1n << 64n) - 1n;

/** Whether a scalar lies in a range; Linux 6.1 asks its tnum, and 32-bit results their low half. */
export function withinRange(env: Env, reg: HostAddress, min: number, max: number, low: boolean): boolean {
  const { regs, mem } = env;
  if (env.legacy) {
    const [value, mask] = rangeTnum(min, max);
    if ((regs.mask(reg) & ~mask & U64_MAX) !== 0n) return false;
    return value === (regs.value(reg) & ~mask & U64_MAX);
  }
  if (low) return mem.words[(reg + REG_S32MIN) >> 2] >= min && mem.words[(reg + REG_S32MAX) >> 2] <= max;
  return regs.smin(reg) >= BigInt(min) && regs.smax(reg) <= BigInt(max);
}

function rangeTnum(min: number, max: number): [bigint, bigint] {
  const differing = BigInt.asUintN(64, BigInt(min) ^ BigInt(max));
  const bits = differing === 0n ? 0n : BigInt(differing.toString(2).length);
  if (bits > 63n) return [0n, U64_MAX];
  const delta = (1n << bits) - 1n;
  return [BigInt.asUintN(64, BigInt(min)) & ~delta, delta];
}

/** Refuses a value outside its range; `when` starts the line, `note` (a line of its own) ends it. */
export function failRange(
  env: Env,
  reg: HostAddress,
  min: number,
  max: number,
  when: string,
  regno: number,
  note = '',
): never {
  const { regs } = env;
  let text = `${when} the register R${regno} has`;
  if (env.legacy) {
    const [value, mask] = rangeTnum(min, max);
    text += regs.isUnknown(reg)
      ? ' unknown scalar value'
      : ` value ${tnumText(regs.value(reg), regs.mask(reg))}`;
    env.fail(Errno.EINVAL, `${text} should have been in ${tnumText(value, mask)}${note}`);
  }
  const smin = regs.smin(reg);
  const smax = regs.smax(reg);
  if (smin > S64_MIN) text += ` smin=${smin}`;
  if (smax < S64_MAX) text += ` smax=${smax}`;
  if (smin === S64_MIN && smax === S64_MAX) text += ' unknown scalar value';
  env.fail(Errno.EINVAL, `${text} should have been in [${min}, ${max}]${note}`);
}

import * as isa from '../../assembly/isa.js';
import type { HostAddress, InsnIndex } from '../quantities.js';
import { pushBranch } from './branch-stack.js';
import type { Env } from './env.js';
import { tnumText } from './log-text.js';
import { checkRegion } from './memory-region.js';
import { W_A } from './registers.js';
import { RegType, baseType } from './reg-type.js';
import { type State, regAddress } from './state.js';
import { Errno, VerifierError } from './verifier-error.js';

/** How unprivileged pointer arithmetic is masked: which operand is the number, its sign, whether it is constant. */
export const MaskState = {
  SOURCE_IS_SCALAR: 1,
  DESTINATION_IS_SCALAR: 2,
  NEGATIVE: 4,
  IMMEDIATE: 8,
  NO_POINTER: 16,
} as const;

const STACK_SIZE = 512;
const PROHIBITED = 'pointer arithmetic with it prohibited for !root';

/** The masking that an instruction needs on the current path, until the result is known. */
export interface Mask {
  readonly state: number;
  readonly limit: number;
  readonly toLeft: boolean;
}

function refuse(env: Env, text: string): never {
  return env.fail(Errno.EACCES, `${text}, ${PROHIBITED}`);
}

function isRegisterForm(env: Env, at: InsnIndex): boolean {
  return (env.code.opcode[at] & 8) !== 0;
}

/** Bytes between the pointer and the end it moves towards. */
function limitOf(env: Env, at: InsnIndex, ptr: HostAddress, toLeft: boolean): number {
  const { regs, code } = env;
  const type = regs.type(ptr);
  let limit: number;
  let max: number;
  if (type === RegType.STACK) {
    // Offset 0 is where the frame ends: a start for moving left.
    max = STACK_SIZE + (toLeft ? 1 : 0);
    limit = -(regs.valueNumber(ptr) + regs.off(ptr));
  } else if (type === RegType.MAP_VALUE) {
    max = env.maps[regs.get(ptr, W_A)].spec.valueSize;
    limit = Number(toLeft ? regs.smin(ptr) : regs.umax(ptr)) + regs.off(ptr);
  } else {
    const regno = ptr === env.reg(code.dst[at]) ? code.dst[at] : code.src[at];
    return refuse(env, `R${regno} has pointer with unsupported alu operation`);
  }
  if (limit >>> 0 >= max) {
    refuse(env, `R${code.dst[at]} tried to ${operation(env, at)} beyond pointer bounds`);
  }
  return limit;
}

function operation(env: Env, at: InsnIndex): string {
  return (env.code.opcode[at] & 0xf0) === isa.BPF_ADD ? 'add' : 'sub';
}

/** Every path must mask an instruction the same way. */
function note(env: Env, at: InsnIndex, state: number, limit: number): void {
  const known = env.aux.aluLimit.get(at);
  if (known !== undefined && (known.state !== state || known.limit !== limit)) {
    const text = `R${env.code.dst[at]} tried to ${operation(env, at)} from different maps, paths or scalars`;
    refuse(env, text);
  }
  env.aux.aluLimit.set(at, { state, limit });
}

/** Scalar + or - scalar: the instruction may not be pointer arithmetic on another path. */
export function noteScalarArithmetic(env: Env, at: InsnIndex): void {
  const op = env.code.opcode[at] & 0xf0;
  if (env.privileged || !isRegisterForm(env, at) || (op !== isa.BPF_ADD && op !== isa.BPF_SUB)) return;
  note(env, at, MaskState.NO_POINTER, 0);
}

/**
 * Before pointer + or - register: what the processor may compute when it mispredicts. A path on which the number is
 * masked to 0 is queued.
 */
export function beginMask(
  env: Env,
  at: InsnIndex,
  to: number,
  ptr: HostAddress,
  scalar: HostAddress,
): Mask | null {
  const { regs, state } = env;
  if (env.privileged || !isRegisterForm(env, at)) return null;
  const pointerIsDestination = env.reg(to) === ptr;
  const known = regs.isConst(scalar);
  let mask: Mask | null = null;
  if (!state.speculative) {
    const isNegative = regs.smin(scalar) < 0n;
    if (!known && isNegative !== regs.smax(scalar) < 0n) {
      const regno = pointerIsDestination ? env.code.src[at] : env.code.dst[at];
      refuse(env, `R${regno} has unknown scalar with mixed signed bounds`);
    }
    const adds = (env.code.opcode[at] & 0xf0) === isa.BPF_ADD;
    const toLeft = adds === isNegative;
    const limit = limitOf(env, at, ptr, toLeft);
    const operand = pointerIsDestination ? MaskState.SOURCE_IS_SCALAR : MaskState.DESTINATION_IS_SCALAR;
    const sign = isNegative ? MaskState.NEGATIVE : 0;
    mask = { state: operand | sign | (known ? MaskState.IMMEDIATE : 0), limit, toLeft };
  }
  if (known) return mask;
  const masked = pushGuess(env, at);
  masked.speculative = true;
  if (!pointerIsDestination) regs.copy(regAddress(masked.frame, to), ptr);
  return mask;
}

/** Queues the path on which the processor guesses. */
function pushGuess(env: Env, at: InsnIndex): State {
  try {
    return pushBranch(env, at + 1, at);
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    return refuse(env, `R${env.code.dst[at]} could not be pushed for speculative verification`);
  }
}

/** After it: the window narrows to what the pointer really moved. */
export function endMask(env: Env, at: InsnIndex, to: number, mask: Mask | null): void {
  if (mask === null) return;
  const limit = limitOf(env, at, env.reg(to), mask.toLeft);
  note(env, at, mask.state, Math.abs(mask.limit - limit));
}

/** Unprivileged pointers stay inside what they point to. */
export function checkPointerBounds(env: Env, to: number): void {
  const { regs } = env;
  if (env.privileged) return;
  const reg = env.reg(to);
  const off = regs.off(reg);
  if (baseType(regs.type(reg)) === RegType.STACK) {
    if (!regs.isConst(reg)) {
      const range = tnumText(regs.value(reg), regs.mask(reg));
      env.fail(
        Errno.EACCES,
        `R${to} variable stack access prohibited for !root, var_off=${range} off=${off}`,
      );
    }
    const place = off + regs.valueNumber(reg);
    if (place >= 0 || place < -STACK_SIZE) {
      env.fail(
        Errno.EACCES,
        `R${to} stack pointer arithmetic goes out of range, prohibited for !root; off=${place}`,
      );
    }
  } else if (regs.type(reg) === RegType.MAP_VALUE) {
    try {
      checkRegion(env, to, off, 1, env.maps[regs.get(reg, W_A)].spec.valueSize, false);
    } catch (error) {
      if (!(error instanceof VerifierError)) throw error;
      env.fail(
        Errno.EACCES,
        `R${to} pointer arithmetic of map value goes out of range, prohibited for !root`,
      );
    }
  }
}

/** A decided branch: the processor may take the other way, and what it compared is not known there. */
export function pushMispredicted(env: Env, at: InsnIndex, target: InsnIndex): void {
  if (env.privileged) return;
  const { code, regs } = env;
  const other = pushBranch(env, target, at);
  other.speculative = true;
  regs.setUnknown(regAddress(other.frame, code.dst[at]));
  if (isRegisterForm(env, at)) regs.setUnknown(regAddress(other.frame, code.src[at]));
}

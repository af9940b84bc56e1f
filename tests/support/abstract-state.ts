import {
  FRAME_SLOTS,
  REG_S32MAX,
  REG_S32MIN,
  REG_SMAX,
  REG_SMIN,
  REG_U32MAX,
  REG_U32MIN,
  REG_UMAX,
  REG_UMIN,
  SLOT_SPILL,
  SLOT_ZERO,
} from '../../assembly/layout/verifier.js';
import type { Env } from '../../host/verifier/env.js';
import { RegType } from '../../host/verifier/reg-type.js';
import { kindAddress, regAddress, slotAddress } from '../../host/verifier/state.js';

/** What a program's run holds at one instruction. */
export interface ConcreteState {
  readonly registers: readonly bigint[];
  /** Bytes below the frame pointer, that at fp - 1 first. */
  readonly stack: Uint8Array;
}

const FP = 10;

/** What of a scalar's record a value is outside of; null = nothing. */
export function outsideScalar(env: Env, place: number, value: bigint): string | null {
  const { mem, regs } = env;
  const mask = regs.mask(place);
  if ((value & ~mask) !== regs.value(place)) return `tnum ${regs.value(place)}/${mask}`;
  const s = BigInt.asIntN(64, value);
  const u32 = Number(value & 0xffffffffn);
  if (s < mem.s64(place + REG_SMIN)) return `smin ${mem.s64(place + REG_SMIN)}`;
  if (s > mem.s64(place + REG_SMAX)) return `smax ${mem.s64(place + REG_SMAX)}`;
  if (value < mem.u64(place + REG_UMIN)) return `umin ${mem.u64(place + REG_UMIN)}`;
  if (value > mem.u64(place + REG_UMAX)) return `umax ${mem.u64(place + REG_UMAX)}`;
  const { words } = mem;
  const s32min = words[(place + REG_S32MIN) >> 2];
  const s32max = words[(place + REG_S32MAX) >> 2];
  const u32min = words[(place + REG_U32MIN) >> 2] >>> 0;
  const u32max = words[(place + REG_U32MAX) >> 2] >>> 0;
  if ((u32 | 0) < s32min) return `s32min ${s32min}`;
  if ((u32 | 0) > s32max) return `s32max ${s32max}`;
  if (u32 < u32min) return `u32min ${u32min}`;
  if (u32 > u32max) return `u32max ${u32max}`;
  return null;
}

function outsidePlace(env: Env, place: number, value: bigint, fp: bigint): string | null {
  const { regs } = env;
  const type = regs.type(place);
  if (type === RegType.SCALAR) return outsideScalar(env, place, value);
  if (type !== RegType.STACK) return null;
  return outsideScalar(env, place, BigInt.asUintN(64, value - fp - BigInt(regs.off(place))));
}

/** What of the current abstract state a concrete one is outside of; null = it is inside. */
export function outside(env: Env, { registers, stack }: ConcreteState): string | null {
  const fp = registers[FP];
  for (let i = 0; i < FP; i++) {
    const where = outsidePlace(env, regAddress(env.frame, i), registers[i], fp);
    if (where !== null) return `r${i} = ${registers[i]}: ${where}`;
  }
  const slots = env.frames.get(env.frame, FRAME_SLOTS);
  for (let slot = 0; slot < slots; slot++) {
    const kinds = env.mem.bytes.subarray(kindAddress(env.frame, slot, 0), kindAddress(env.frame, slot, 8));
    const at = slot * 8;
    for (let i = 0; i < 8; i++) {
      if (kinds[i] === SLOT_ZERO && stack[at + i] !== 0) return `byte fp-${at + i + 1} is not 0`;
    }
    if (kinds[0] !== SLOT_SPILL) continue;
    let value = 0n;
    for (let i = 0; i < 8; i++) value = (value << 8n) | BigInt(stack[at + i]);
    const where = outsidePlace(env, slotAddress(env.frame, slot), value, fp);
    if (where !== null) return `fp-${at + 8} = ${value}: ${where}`;
  }
  return null;
}

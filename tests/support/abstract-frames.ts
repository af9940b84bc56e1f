import {
  FRAME_CALLSITE,
  FRAME_SLOTS,
  ID_ADD_CONST,
  SLOT_SPILL,
  SLOT_ZERO,
} from '../../assembly/layout/verifier.js';
import type { Env } from '../../host/verifier/env.js';
import { RegType, TypeFlag, baseType } from '../../host/verifier/reg-type.js';
import { W_A, W_FRAME, W_ID, W_OFF } from '../../host/verifier/registers.js';
import { kindAddress, regAddress, slotAddress } from '../../host/verifier/state.js';
import { outsideScalar } from './abstract-state.js';
import { CONTEXT, type ConcreteFrame, MAP_VALUES, type Moment } from './concrete-machine.js';
import { MAP_ENTRIES, MAP_VALUE_SIZE } from './random-verified.js';

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);

/** One comparison of a concrete moment with the current abstract state. */
class Comparison {
  /** Values that registers of one id stand for: scalars less their distance, packet starts, NULL or not. */
  private readonly shared = new Map<string, bigint>();

  constructor(
    private readonly env: Env,
    private readonly moment: Moment,
    private readonly frames: readonly ConcreteFrame[],
  ) {}

  private disagrees(kind: string, id: number, value: bigint): string | null {
    if (id === 0) return null;
    const key = `${kind} ${id >>> 0}`;
    const known = this.shared.get(key) ?? value;
    this.shared.set(key, value);
    return known === value ? null : `${key} is ${known} elsewhere, not ${value}`;
  }

  /** The variable part of a pointer: `rest` = its value less the fixed offset. */
  private variable(place: number, rest: bigint, base: bigint): string | null {
    return outsideScalar(this.env, place, wrap(rest - base));
  }

  /** What of the record at `place` a value is outside of; null = nothing. */
  outside(place: number, value: bigint): string | null {
    const { env, moment } = this;
    const { regs } = env;
    const type = regs.type(place);
    const id = regs.get(place, W_ID);
    const off = BigInt(regs.get(place, W_OFF));
    const rest = wrap(value - off);
    switch (baseType(type)) {
      case RegType.SCALAR: {
        const where = outsideScalar(env, place, value);
        if (where !== null) return where;
        const distance = (id & ID_ADD_CONST) !== 0 ? off : 0n;
        return this.disagrees('scalar', id & ~ID_ADD_CONST, wrap(value - distance));
      }
      case RegType.STACK:
        return this.variable(place, rest, this.frames[regs.get(place, W_FRAME)].fp);
      case RegType.CTX:
        return this.variable(place, rest, CONTEXT);
      case RegType.PACKET: {
        const range = regs.get(place, W_A);
        if (range > 0 && rest + BigInt(range) > moment.packetEnd) return `range ${range} of packet`;
        return this.variable(place, rest, moment.packet) ?? this.disagrees('packet', id, rest);
      }
      case RegType.PACKET_END:
        return value === moment.packetEnd ? null : 'end of packet';
      case RegType.MAP_VALUE: {
        if ((type & TypeFlag.MAYBE_NULL) !== 0) {
          const isNull = this.disagrees('null', id, value === 0n ? 0n : 1n);
          if (isNull !== null || value === 0n) return isNull;
        }
        let where: string | null = 'no element';
        for (let i = 0; i < MAP_ENTRIES && where !== null; i++)
          where = this.variable(place, rest, MAP_VALUES + BigInt(i * MAP_VALUE_SIZE));
        return where;
      }
      default:
        return null;
    }
  }

  private outsideStack(depth: number, { stack }: ConcreteFrame): string | null {
    const { env } = this;
    const frame = env.state.frames[depth];
    const slots = env.frames.get(frame, FRAME_SLOTS);
    for (let slot = 0; slot < slots; slot++) {
      const kinds = env.mem.bytes.subarray(kindAddress(frame, slot, 0), kindAddress(frame, slot, 8));
      const at = slot * 8;
      for (let i = 0; i < 8; i++) {
        if (kinds[i] === SLOT_ZERO && stack[at + i] !== 0) return `byte fp-${at + i + 1} is not 0`;
      }
      if (kinds[0] !== SLOT_SPILL) continue;
      let value = 0n;
      for (let i = 0; i < 8; i++) value = (value << 8n) | BigInt(stack[at + i]);
      const where = this.outside(slotAddress(frame, slot), value);
      if (where !== null) return `frame ${depth} fp-${at + 8} = ${value}: ${where}`;
    }
    return null;
  }

  whole(): string | null {
    const { env, frames } = this;
    const top = frames.length - 1;
    for (let depth = 0; depth <= top; depth++) {
      for (let i = depth < top ? 6 : 0; i < 10; i++) {
        const value = frames[depth].registers[i];
        const where = this.outside(regAddress(env.state.frames[depth], i), value);
        if (where !== null) return `frame ${depth} r${i} = ${value}: ${where}`;
      }
      const where = this.outsideStack(depth, frames[depth]);
      if (where !== null) return where;
    }
    return null;
  }
}

/** What of the current abstract state a moment is outside of; null = it is inside. */
export function outsideFrames(env: Env, moment: Moment, frames: readonly ConcreteFrame[]): string | null {
  const all = env.state.frames;
  if (all.length !== frames.length) return 'other calls';
  for (let depth = 1; depth < all.length; depth++) {
    if (env.frames.get(all[depth], FRAME_CALLSITE) !== frames[depth].callsite) return 'other calls';
  }
  return new Comparison(env, moment, frames).whole();
}

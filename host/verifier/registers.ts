import {
  ID_ADD_CONST,
  LIVE_READ,
  REG_A,
  REG_B,
  REG_C,
  REG_FRAME,
  REG_ID,
  REG_LIVE,
  REG_MASK,
  REG_OFF,
  REG_PARENT,
  REG_PRECISE,
  REG_REF,
  REG_S32MIN,
  REG_SIZE,
  REG_SMAX,
  REG_SMIN,
  REG_SUBREG,
  REG_TYPE,
  REG_U32MIN,
  REG_UMAX,
  REG_UMIN,
  REG_VALUE,
} from '../../assembly/layout/verifier.js';
import type { VerifierMemory } from '../core/verifier.js';
import type { HostAddress } from '../quantities.js';
import { BASE_TYPE_MASK, RegType, TypeFlag } from './reg-type.js';

/** Word indices of a register record's 32-bit fields, relative to (address >> 2). */
export const W_TYPE = REG_TYPE >> 2;
export const W_OFF = REG_OFF >> 2;
export const W_ID = REG_ID >> 2;
export const W_REF = REG_REF >> 2;
export const W_A = REG_A >> 2;
export const W_B = REG_B >> 2;
export const W_C = REG_C >> 2;
export const W_FRAME = REG_FRAME >> 2;
export const W_LIVE = REG_LIVE >> 2;
export const W_PRECISE = REG_PRECISE >> 2;
export const W_SUBREG = REG_SUBREG >> 2;
export const W_PARENT = REG_PARENT >> 2;
const W_VALUE = REG_VALUE >> 2;
const W_MASK = REG_MASK >> 2;

/** Register records of one verification: reading, setting, copying. */
export class Registers {
  constructor(readonly mem: VerifierMemory) {}

  get(reg: HostAddress, field: number): number {
    return this.mem.words[(reg >> 2) + field];
  }

  set(reg: HostAddress, field: number, value: number): void {
    this.mem.words[(reg >> 2) + field] = value;
  }

  type(reg: HostAddress): number {
    return this.mem.words[(reg >> 2) + W_TYPE];
  }

  off(reg: HostAddress): number {
    return this.mem.words[(reg >> 2) + W_OFF];
  }

  id(reg: HostAddress): number {
    return this.mem.words[(reg >> 2) + W_ID];
  }

  /** A scalar is tied to no other: a distance left behind would count from the next id. */
  unlink(scalar: HostAddress): void {
    const at = scalar >> 2;
    this.mem.words[at + W_ID] = 0;
    this.mem.words[at + W_OFF] = 0;
  }

  isScalar(reg: HostAddress): boolean {
    return this.type(reg) === RegType.SCALAR;
  }

  /** Nothing but place (live, parent) survives. */
  private clear(reg: HostAddress): void {
    const w = this.mem.words;
    const at = reg >> 2;
    w[at + W_OFF] = 0;
    w[at + W_ID] = 0;
    w[at + W_REF] = 0;
    w[at + W_A] = 0;
    w[at + W_B] = 0;
    w[at + W_C] = 0;
    w[at + W_FRAME] = 0;
    w[at + W_PRECISE] = 0;
  }

  /** A scalar of which nothing is known. */
  setUnknown(reg: HostAddress): void {
    this.clear(reg);
    this.mem.words[(reg >> 2) + W_TYPE] = RegType.SCALAR;
    this.mem.domain.scalarUnknown(reg);
  }

  setNotInit(reg: HostAddress): void {
    this.setUnknown(reg);
    this.mem.words[(reg >> 2) + W_TYPE] = RegType.NOT_INIT;
  }

  /** A known scalar. */
  setConst(reg: HostAddress, value: bigint): void {
    this.clear(reg);
    this.mem.words[(reg >> 2) + W_TYPE] = RegType.SCALAR;
    this.mem.domain.scalarConst(reg, value);
  }

  /** A known scalar that fits 32 bits signed, sign- or zero-extended. */
  setSmallConst(reg: HostAddress, value: number, zeroExtend: boolean): void {
    this.clear(reg);
    const w = this.mem.words;
    const at = reg >> 2;
    const high = value < 0 && !zeroExtend ? -1 : 0;
    w[at + W_TYPE] = RegType.SCALAR;
    w[at + W_VALUE] = value;
    w[at + W_VALUE + 1] = high;
    w[at + W_MASK] = 0;
    w[at + W_MASK + 1] = 0;
    for (let field = REG_SMIN >> 2; field <= REG_UMAX >> 2; field += 2) {
      w[at + field] = value;
      w[at + field + 1] = high;
    }
    for (let field = REG_S32MIN >> 2; field < W_TYPE; field++) w[at + field] = value;
  }

  /** The low half becomes known; of the upper half nothing is learnt or lost. */
  setLowConst(reg: HostAddress, value: number): void {
    const w = this.mem.words;
    const at = reg >> 2;
    w[at + W_VALUE] = value;
    w[at + W_MASK] = 0;
    for (let field = REG_S32MIN >> 2; field < W_TYPE; field++) w[at + field] = value;
  }

  /** A pointer at offset 0 with nothing variable. */
  setPointer(reg: HostAddress, type: number): void {
    this.setSmallConst(reg, 0, true);
    this.mem.words[(reg >> 2) + W_TYPE] = type;
  }

  /** Copies what is known; the place (live, parent) stays the destination's. */
  copy(to: HostAddress, from: HostAddress): void {
    if (to === from) return;
    const w = this.mem.words;
    const live = w[(to >> 2) + W_LIVE];
    const parent = w[(to >> 2) + W_PARENT];
    const a = to >> 2;
    const b = from >> 2;
    for (let i = 0; i < REG_SIZE >> 2; i++) w[a + i] = w[b + i];
    w[a + W_LIVE] = live;
    w[a + W_PARENT] = parent;
  }

  isConst(reg: HostAddress): boolean {
    const w = this.mem.words;
    const at = (reg >> 2) + W_MASK;
    return w[at] === 0 && w[at + 1] === 0;
  }

  /** Whether it is the constant 0. */
  isZero(reg: HostAddress): boolean {
    const w = this.mem.words;
    const at = reg >> 2;
    return (
      w[at + W_TYPE] === RegType.SCALAR &&
      w[at + W_MASK] === 0 &&
      w[at + W_MASK + 1] === 0 &&
      w[at + W_VALUE] === 0 &&
      w[at + W_VALUE + 1] === 0
    );
  }

  value(reg: HostAddress): bigint {
    return this.mem.u64(reg + REG_VALUE);
  }

  /** Low half of the known value. */
  valueLow(reg: HostAddress): number {
    return this.mem.words[(reg >> 2) + W_VALUE];
  }

  /** Known signed value when it fits 53 bits, as a number. */
  valueNumber(reg: HostAddress): number {
    const w = this.mem.words;
    const at = (reg >> 2) + W_VALUE;
    return w[at + 1] * 4294967296 + (w[at] >>> 0);
  }

  /** Low half of the unknown bits. */
  maskLow(reg: HostAddress): number {
    return this.mem.words[(reg >> 2) + W_MASK];
  }

  mask(reg: HostAddress): bigint {
    return this.mem.u64(reg + REG_MASK);
  }

  umin(reg: HostAddress): bigint {
    return this.mem.u64(reg + REG_UMIN);
  }

  umax(reg: HostAddress): bigint {
    return this.mem.u64(reg + REG_UMAX);
  }

  smin(reg: HostAddress): bigint {
    return this.mem.s64(reg + REG_SMIN);
  }

  smax(reg: HostAddress): bigint {
    return this.mem.s64(reg + REG_SMAX);
  }

  u32max(reg: HostAddress): number {
    return this.mem.words[(reg + REG_U32MIN + 4) >> 2] >>> 0;
  }

  /** Upper half of umax is 0. */
  fits32(reg: HostAddress): boolean {
    return this.mem.words[(reg + REG_UMAX + 4) >> 2] === 0;
  }

  setUnsignedMax(reg: HostAddress, value: bigint): void {
    this.mem.setU64(reg + REG_UMAX, value);
  }

  setSignedRange(reg: HostAddress, min: bigint, max: bigint): void {
    this.mem.setU64(reg + REG_SMIN, min);
    this.mem.setU64(reg + REG_SMAX, max);
  }

  setSigned32Range(reg: HostAddress, min: number, max: number): void {
    this.mem.words[(reg + REG_S32MIN) >> 2] = min;
    this.mem.words[(reg + REG_S32MIN + 4) >> 2] = max;
  }

  /** Nothing known besides being a constant or not. */
  isUnknown(reg: HostAddress): boolean {
    const w = this.mem.words;
    const at = (reg >> 2) + W_MASK;
    return w[at] === -1 && w[at + 1] === -1;
  }
}

export const mayBeNull = (type: number): boolean => (type & TypeFlag.MAYBE_NULL) !== 0;

export const isPacketType = (type: number): boolean => {
  const base = type & BASE_TYPE_MASK;
  return base === RegType.PACKET || base === RegType.PACKET_META;
};

/** Id without the mark of a constant distance. */
export const baseId = (id: number): number => id & ~ID_ADD_CONST;

export const isRead = (live: number): boolean => (live & LIVE_READ) !== 0;

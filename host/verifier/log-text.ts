import {
  FRAME_IN_ASYNC_CALLBACK,
  FRAME_IN_CALLBACK,
  ID_ADD_CONST,
  LIVE_DONE,
  LIVE_READ,
  LIVE_WRITTEN,
  REG_S32MAX,
  REG_S32MIN,
  REG_U32MAX,
  REG_U32MIN,
  SLOT_DYNPTR,
  SLOT_INVALID,
  SLOT_ITER,
  SLOT_MISC,
  SLOT_SPILL,
  SLOT_ZERO,
} from '../../assembly/layout/verifier.js';
import type { HostAddress } from '../quantities.js';
import type { Env } from './env.js';
import { W_A, W_B, W_C, W_FRAME, W_LIVE, W_PRECISE, W_REF } from './registers.js';
import { BASE_TYPE_MASK, RegType, TypeFlag } from './reg-type.js';
import { type State, kindAddress, regAddress, slotAddress } from './state.js';

const S64_MIN = -(1n << 63n);
const S64_MAX = (1n << 63n) - 1n;
const U64_MAX = (1n << 64n) - 1n;
const S32_MIN = -(1n << 31n);
const S32_MAX = (1n << 31n) - 1n;
const U32_MAX = (1n << 32n) - 1n;
/** Numbers beyond 16 bits signed are printed in hex (Linux 6.12 log format). */
const DECIMAL_MIN = -32768n;
const DECIMAL_MAX = 32767n;

const BASE_NAMES: Record<number, string> = {
  [RegType.NOT_INIT]: '?',
  [RegType.SCALAR]: 'scalar',
  [RegType.CTX]: 'ctx',
  [RegType.CONST_MAP_PTR]: 'map_ptr',
  [RegType.MAP_VALUE]: 'map_value',
  [RegType.MAP_KEY]: 'map_key',
  [RegType.STACK]: 'fp',
  [RegType.PACKET_META]: 'pkt_meta',
  [RegType.PACKET]: 'pkt',
  [RegType.PACKET_END]: 'pkt_end',
  [RegType.FLOW_KEYS]: 'flow_keys',
  [RegType.SOCKET]: 'sock',
  [RegType.SOCK_COMMON]: 'sock_common',
  [RegType.TCP_SOCK]: 'tcp_sock',
  [RegType.TP_BUFFER]: 'tp_buffer',
  [RegType.XDP_SOCK]: 'xdp_sock',
  [RegType.BTF_ID]: 'ptr_',
  [RegType.MEM]: 'mem',
  [RegType.ARENA]: 'arena',
  [RegType.BUF]: 'buf',
  [RegType.FUNC]: 'func',
  [RegType.CONST_DYNPTR]: 'dynptr_ptr',
};

/** A register type as messages name it: `trusted_ptr_or_null_`, `map_value`, ...; `legacy` = by Linux 6.1. */
export function typeName(type: number, legacy = false): string {
  const base = type & BASE_TYPE_MASK;
  let prefix = '';
  if (type & TypeFlag.MEM_RDONLY) prefix += 'rdonly_';
  if (type & TypeFlag.MEM_RINGBUF) prefix += legacy ? 'alloc_' : 'ringbuf_';
  if (type & TypeFlag.MEM_USER) prefix += 'user_';
  if (type & TypeFlag.MEM_PERCPU) prefix += 'percpu_';
  if (type & TypeFlag.MEM_RCU) prefix += 'rcu_';
  if (type & TypeFlag.PTR_UNTRUSTED) prefix += 'untrusted_';
  if (type & TypeFlag.PTR_TRUSTED) prefix += 'trusted_';
  const orNull = (type & TypeFlag.MAYBE_NULL) === 0 ? '' : base === RegType.BTF_ID ? 'or_null_' : '_or_null';
  return `${prefix}${BASE_NAMES[base] ?? `type${base}`}${orNull}`;
}

const hex = (value: bigint): string => `0x${BigInt.asUintN(64, value).toString(16)}`;

/** A tnum as `(value; mask)`. */
export function tnumText(value: bigint, mask: bigint): string {
  return `(${hex(value)}; ${hex(mask)})`;
}

function number(value: bigint): string {
  return value >= DECIMAL_MIN && value <= DECIMAL_MAX ? value.toString() : hex(value);
}

function number32(value: bigint): string {
  return value >= DECIMAL_MIN && value <= DECIMAL_MAX
    ? value.toString()
    : `0x${BigInt.asUintN(32, value).toString(16)}`;
}

function ranges(env: Env, reg: HostAddress): string[] {
  const { regs, mem } = env;
  const s32min = BigInt(mem.words[(reg + REG_S32MIN) >> 2]);
  const s32max = BigInt(mem.words[(reg + REG_S32MAX) >> 2]);
  const u32min = BigInt(mem.words[(reg + REG_U32MIN) >> 2] >>> 0);
  const u32max = BigInt(mem.words[(reg + REG_U32MAX) >> 2] >>> 0);
  const all: [string, bigint, boolean][] = [
    ['smin', regs.smin(reg), regs.smin(reg) === S64_MIN],
    ['smax', regs.smax(reg), regs.smax(reg) === S64_MAX],
    ['umin', regs.umin(reg), regs.umin(reg) === 0n],
    ['umax', regs.umax(reg), regs.umax(reg) === U64_MAX],
    ['smin32', s32min, s32min === S32_MIN],
    ['smax32', s32max, s32max === S32_MAX],
    ['umin32', u32min, u32min === 0n],
    ['umax32', u32max, u32max === U32_MAX],
  ];
  const shown = all
    .filter(([, , omit]) => !omit)
    .map(([name, value]) => ({ name, value, text: rangeNumber(name, value) }));
  const out: string[] = [];
  const done = new Set<string>();
  for (const { name, value, text } of shown) {
    if (done.has(name)) continue;
    let names = name;
    done.add(name);
    for (const other of shown) {
      // Minima are joined with minima, maxima with maxima, when they also look the same.
      if (done.has(other.name) || other.name[2] !== name[2] || other.text !== text) continue;
      const narrow = name.endsWith('32') && other.name.endsWith('32');
      if (!narrow && other.value !== value) continue;
      done.add(other.name);
      names += `=${other.name}`;
    }
    out.push(`${names}=${text}`);
  }
  return out;
}

function rangeNumber(name: string, value: bigint): string {
  return name.startsWith('s') && name.endsWith('32') ? number32(value) : number(value);
}

function legacyRanges(env: Env, reg: HostAddress): string[] {
  const { regs, mem } = env;
  const out: string[] = [];
  const smin = regs.smin(reg);
  const smax = regs.smax(reg);
  const umin = regs.umin(reg);
  const umax = regs.umax(reg);
  if (smin !== BigInt.asIntN(64, umin) && smin !== S64_MIN) out.push(`smin=${smin}`);
  if (smax !== BigInt.asIntN(64, umax) && smax !== S64_MAX) out.push(`smax=${smax}`);
  if (umin !== 0n) out.push(`umin=${umin}`);
  if (umax !== U64_MAX) out.push(`umax=${umax}`);
  if (!regs.isUnknown(reg)) out.push(`var_off=${tnumText(regs.value(reg), regs.mask(reg))}`);
  const s32min = BigInt(mem.words[(reg + REG_S32MIN) >> 2]);
  const s32max = BigInt(mem.words[(reg + REG_S32MAX) >> 2]);
  const u32min = BigInt(mem.words[(reg + REG_U32MIN) >> 2] >>> 0);
  const u32max = BigInt(mem.words[(reg + REG_U32MAX) >> 2] >>> 0);
  if (s32min !== smin && s32min !== S32_MIN) out.push(`s32_min=${s32min}`);
  if (s32max !== smax && s32max !== S32_MAX) out.push(`s32_max=${s32max}`);
  if (u32min !== umin && u32min !== 0n) out.push(`u32_min=${BigInt.asIntN(32, u32min)}`);
  if (u32max !== umax && u32max !== U32_MAX) out.push(`u32_max=${BigInt.asIntN(32, u32max)}`);
  return out;
}

function hasMap(base: number): boolean {
  return base === RegType.CONST_MAP_PTR || base === RegType.MAP_VALUE || base === RegType.MAP_KEY;
}

function scalarText(env: Env, reg: HostAddress): string {
  const { regs } = env;
  const parts: string[] = [];
  const id = regs.id(reg);
  if (id !== 0) {
    const distance = (id & ID_ADD_CONST) === 0 ? '' : `+${regs.off(reg)}`;
    parts.push(`id=${id & ~ID_ADD_CONST}${distance}`);
  }
  if (env.legacy) {
    parts.push(...legacyRanges(env, reg));
  } else {
    parts.push(...ranges(env, reg));
    if (!regs.isUnknown(reg)) parts.push(`var_off=${tnumText(regs.value(reg), regs.mask(reg))}`);
  }
  return `scalar(${parts.join(',')})`;
}

function packetRange(value: number): string {
  return value < 0 ? hex(BigInt(value)) : number(BigInt(value));
}

/** What the log says a register holds. `frame` = number of the frame it is printed in. */
export function registerText(env: Env, reg: HostAddress, frame: number): string {
  const { regs, legacy } = env;
  const type = regs.type(reg);
  const base = type & BASE_TYPE_MASK;
  const off = regs.off(reg);
  const precise = regs.get(reg, W_PRECISE) !== 0 ? 'P' : '';
  if (type === RegType.SCALAR) {
    if (!regs.isConst(reg)) return precise + scalarText(env, reg);
    const value = BigInt.asIntN(64, regs.value(reg));
    return precise + (legacy ? value.toString() : number(value));
  }
  let text = typeName(type, legacy);
  if (base === RegType.ARENA) return text;
  if (base === RegType.STACK) {
    const target = regs.get(reg, W_FRAME);
    if (target !== frame && !legacy) text += `[${target}]`;
    if (regs.isConst(reg)) return `${text}${regs.value(reg) + BigInt(off)}`;
  }
  if (base === RegType.BTF_ID) text += env.btfName(regs.get(reg, W_B), regs.get(reg, W_A));
  const parts: string[] = [];
  if (regs.id(reg) !== 0) parts.push(`id=${regs.id(reg)}`);
  if (regs.get(reg, W_REF) !== 0) parts.push(`ref_obj_id=${regs.get(reg, W_REF)}`);
  if ((type & TypeFlag.NON_OWN_REF) !== 0) parts.push('non_own_ref');
  if (legacy) parts.push(`off=${off}`);
  if (hasMap(base)) {
    const { spec } = env.maps[regs.get(reg, W_A)];
    if (!legacy && spec.name !== '') parts.push(`map=${spec.name}`);
    parts.push(`ks=${spec.keySize}`, `vs=${spec.valueSize}`);
  }
  if (!legacy && off !== 0) parts.push(`off=${number(BigInt(off))}`);
  if (base === RegType.PACKET || base === RegType.PACKET_META)
    parts.push(`r=${legacy ? regs.get(reg, W_A) : packetRange(regs.get(reg, W_A))}`);
  if (base === RegType.MEM && !legacy) parts.push(`sz=${regs.get(reg, W_A)}`);
  if (regs.isConst(reg)) {
    const imm = regs.value(reg);
    if (legacy) parts.push(`imm=${imm.toString(16)}`);
    else if (imm !== 0n) parts.push(`imm=${number(BigInt.asIntN(64, imm))}`);
  } else if (legacy) {
    parts.push(...legacyRanges(env, reg));
  } else {
    parts.push(...ranges(env, reg));
    if (!regs.isUnknown(reg)) parts.push(`var_off=${tnumText(regs.value(reg), regs.mask(reg))}`);
  }
  return `${text}(${parts.join(',')})`;
}

function liveText(live: number): string {
  const marks = `${live & LIVE_READ ? 'r' : ''}${live & LIVE_WRITTEN ? 'w' : ''}${live & LIVE_DONE ? 'D' : ''}`;
  return marks === '' ? '' : `_${marks}`;
}

const KIND_LETTERS: Record<number, string> = {
  [SLOT_INVALID]: '?',
  [SLOT_SPILL]: 'r',
  [SLOT_MISC]: 'm',
  [SLOT_ZERO]: '0',
  [SLOT_DYNPTR]: 'd',
  [SLOT_ITER]: 'i',
};

const DYNPTR_NAMES = ['', 'local', 'ringbuf', 'skb', 'xdp'];
const ITER_STATES = ['', 'active', 'drained'];

function slotText(env: Env, frame: HostAddress, slot: number, number: number): string | null {
  const { bytes } = env.mem;
  const kinds = kindAddress(frame, slot, 0);
  let valid = false;
  for (let i = 0; i < 8; i++) if (bytes[kinds + i] !== SLOT_INVALID) valid = true;
  if (!valid) return null;
  const reg = slotAddress(frame, slot);
  const place = ` fp-${(slot + 1) * 8}`;
  const live = liveText(env.regs.get(reg, W_LIVE));
  const last = bytes[kinds + 7];
  if (last === SLOT_SPILL) {
    let prefix = '';
    if (!env.legacy) {
      for (let i = 0; i < 8 && bytes[kinds + i] !== SLOT_SPILL; i++) prefix += KIND_LETTERS[bytes[kinds + i]];
      return `${place}${live}=${prefix}${registerText(env, reg, number)}`;
    }
    return `${place}${live}=${legacySpillText(env, reg)}`;
  }
  if (last === SLOT_DYNPTR) {
    const ref = env.regs.get(reg, W_REF);
    const kind = DYNPTR_NAMES[env.regs.get(reg, W_A)];
    if (env.regs.get(reg, W_C) === 0) return null;
    return `${place}${live}=dynptr_${kind}(${ref !== 0 ? `ref_id=${ref}` : ''})`;
  }
  if (last === SLOT_ITER) {
    const ref = env.regs.get(reg, W_REF);
    if (ref === 0) return null;
    const name = env.iterName(reg);
    return `${place}${live}=iter_${name}(ref_id=${ref},state=${ITER_STATES[env.regs.get(reg, W_C)]},depth=${env.regs.get(reg, W_B)})`;
  }
  let text = '';
  for (let i = 0; i < 8; i++) text += KIND_LETTERS[bytes[kinds + i]];
  return `${place}${live}=${text}`;
}

/** Linux 6.1 names only the type of a spilled pointer. */
function legacySpillText(env: Env, reg: HostAddress): string {
  const { regs } = env;
  const type = regs.type(reg);
  const precise = regs.get(reg, W_PRECISE) !== 0 ? 'P' : '';
  if (type !== RegType.SCALAR) return typeName(type, true);
  return precise + (regs.isConst(reg) ? BigInt.asIntN(64, regs.value(reg)).toString() : '');
}

/** One frame of a state: everything, or what the last instruction touched. */
export function frameText(env: Env, state: State, depth: number, all: boolean): string {
  const frame = state.frames[depth];
  const number = env.frames.number(frame);
  let text = number > 0 ? ` frame${number}:` : '';
  for (let i = 0; i <= 10; i++) {
    const reg = regAddress(frame, i);
    if (env.regs.type(reg) === RegType.NOT_INIT) continue;
    if (!all && ((env.touchedRegs >> i) & 1) === 0) continue;
    text += ` R${i}${liveText(env.regs.get(reg, W_LIVE))}=${registerText(env, reg, number)}`;
  }
  for (let slot = 0; slot < env.frames.slots(frame); slot++) {
    if (!all && !env.isTouchedSlot(slot)) continue;
    text += slotText(env, frame, slot, number) ?? '';
  }
  if (state.references.length > 0) text += ` refs=${Array.from(state.references, (ref) => ref.id).join(',')}`;
  {
    const flags = env.frames.flags(frame);
    if (flags & FRAME_IN_CALLBACK) text += ' cb';
    if (flags & FRAME_IN_ASYNC_CALLBACK) text += ' async_cb';
  }
  return text;
}

import { LIVE_WRITTEN, SLOT_DYNPTR, SLOT_INVALID, SLOT_ITER } from '../../../assembly/layout/verifier.js';
import { BPF_CALL, BPF_JMP } from '../../../assembly/isa.js';
import { BtfKind } from '../../btf/types.js';
import type { HostAddress, InsnIndex } from '../../quantities.js';
import { pushBranch } from '../branch-stack.js';
import { inRcuSection } from '../btf-access.js';
import type { Env } from '../env.js';
import { markRead } from '../liveness.js';
import { acquireReference, releaseReference } from '../references.js';
import { RegType, TypeFlag } from '../reg-type.js';
import { W_A, W_B, W_C, W_FRAME, W_ID, W_LIVE, W_REF, W_TYPE } from '../registers.js';
import { type State, kindAddress, regAddress, slotAddress } from '../state.js';
import { type ObjectPlace, checkObjectRoom, objectPlace } from '../stack-object.js';
import { Errno } from '../verifier-error.js';
import { previousRound, widenScalars } from '../widen.js';
import { kfuncFlags, KfuncFlag } from './kfunc-table.js';

const ACTIVE = 1;
const DRAINED = 2;
/** Iterators whose elements are protected by RCU. */
const RCU_ITERATORS = new Set(['bpf_iter_task', 'bpf_iter_css']);

export function isIterNext(env: Env, at: InsnIndex): boolean {
  const { code } = env;
  if (code.opcode[at] !== (BPF_JMP | BPF_CALL) || code.src[at] !== 2) return false;
  const kfunc = env.program.kfuncs.get(code.imm[at]);
  return kfunc !== undefined && (kfuncFlags(kfunc.name) & KfuncFlag.ITER_NEXT) !== 0;
}

function firstSlot(env: Env, place: ObjectPlace): HostAddress {
  return slotAddress(env.state.frames[place.depth], place.slot);
}

/** Whether the iterator that r1 points to is active. */
export function iterIsActive(env: Env): boolean {
  const { regs } = env;
  const reg = env.reg(1);
  if (regs.type(reg) !== RegType.STACK) return false;
  const off = regs.off(reg) + regs.valueNumber(reg);
  const slot = (-off - 1) >> 3;
  const frame = env.state.frames[regs.get(reg, W_FRAME)];
  if (slot < 0 || slot >= env.frames.slots(frame)) return false;
  return regs.get(slotAddress(frame, slot), W_C) === ACTIVE;
}

/** Whether active iterators have advanced differently: the loop makes progress. */
export function iterDepthsDiffer(env: Env, old: State, cur: State): boolean {
  const { regs, mem } = env;
  for (let depth = old.frames.length - 1; depth >= 0; depth--) {
    const a = old.frames[depth];
    const b = cur.frames[depth];
    const slots = env.frames.slots(a);
    for (let i = 0; i < slots && i < env.frames.slots(b); i++) {
      if (mem.bytes[kindAddress(a, i, 0)] !== SLOT_ITER) continue;
      const place = slotAddress(a, i);
      if (regs.get(place, W_C) !== ACTIVE) continue;
      if (regs.get(place, W_B) !== regs.get(slotAddress(b, i), W_B)) return true;
    }
  }
  return false;
}

/** What a kfunc does to the iterator argument. */
export type IterAction = 'new' | 'next' | 'destroy';

/** Checks an iterator argument; what the call does to it happens in {@link finishIterator}. */
export function checkIterator(
  env: Env,
  regno: number,
  struct: number,
  action: IterAction,
  name: string,
): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const arg = regno - 1;
  if (regs.type(reg) !== RegType.STACK) {
    env.fail(Errno.EINVAL, `arg#${arg} expected pointer to an iterator on stack`);
  }
  const type = env.kernel.btf.type(struct);
  const slots = type.kind === BtfKind.STRUCT ? type.size / 8 : 1;
  const short = type.name.replace(/^bpf_iter_/, '');
  const place = objectPlace(env, regno, 'iter');
  if (action === 'new') {
    if (place === null || holdsObject(env, place, slots)) {
      env.fail(Errno.EINVAL, `expected uninitialized iter_${short} as arg #${arg}`);
    }
    checkObjectRoom(env, regno, slots);
    env.growStack(place.depth, place.slot + 1);
    acquireSlots(env, place, struct, slots, name);
    return;
  }
  if (place === null) return env.fail(Errno.EINVAL, `expected an initialized iter_${short} as arg #${arg}`);
  const frame = env.state.frames[place.depth];
  for (let i = 0; i < slots; i++) {
    const slot = place.slot - i;
    const known = slot >= 0 && slot < env.frames.slots(frame);
    const at = slotAddress(frame, slot);
    const ok =
      known &&
      allBytes(env, frame, slot, SLOT_ITER) &&
      regs.get(at, W_A) === struct &&
      (regs.get(at, W_REF) !== 0) === (i === 0);
    if (!ok) env.fail(Errno.EINVAL, `expected an initialized iter_${short} as arg #${arg}`);
    if ((regs.type(at) & TypeFlag.PTR_UNTRUSTED) !== 0) {
      env.fail(Errno.EPROTO, `expected an RCU CS when using ${name}`);
    }
    markRead(env, at, false);
    if (depthIsTop(env, place)) env.touchSlot(slot);
  }
  if (action === 'destroy') destroySlots(env, place, slots);
}

/** Some byte of the slots belongs to an iterator or a dynptr. Slots outside the frame hold nothing. */
function holdsObject(env: Env, place: ObjectPlace, slots: number): boolean {
  const frame = env.state.frames[place.depth];
  for (let slot = place.slot; slot > place.slot - slots; slot--) {
    if (slot < 0 || slot >= env.frames.slots(frame)) continue;
    for (let byte = 0; byte < 8; byte++) {
      const kind = env.mem.bytes[kindAddress(frame, slot, byte)];
      if (kind === SLOT_ITER || kind === SLOT_DYNPTR) return true;
    }
  }
  return false;
}

function allBytes(env: Env, frame: HostAddress, slot: number, kind: number): boolean {
  for (let byte = 0; byte < 8; byte++) {
    if (env.mem.bytes[kindAddress(frame, slot, byte)] !== kind) return false;
  }
  return true;
}

function depthIsTop(env: Env, place: ObjectPlace): boolean {
  return place.depth === env.state.frames.length - 1;
}

function acquireSlots(env: Env, place: ObjectPlace, struct: number, slots: number, name: string): void {
  const { regs, mem } = env;
  const frame = env.state.frames[place.depth];
  const id = acquireReference(env);
  const rcu = RCU_ITERATORS.has(env.btfName(0, struct)) && inRcuSection(env);
  for (let i = 0; i < slots; i++) {
    const slot = place.slot - i;
    const at = slotAddress(frame, slot);
    regs.setPointer(at, RegType.STACK);
    const protectedByRcu = (kfuncFlags(name) & KfuncFlag.RCU_PROTECTED) !== 0;
    let flag: number = TypeFlag.MEM_RCU;
    if (!protectedByRcu) flag = 0;
    else if (!rcu) flag = TypeFlag.PTR_UNTRUSTED;
    regs.set(at, W_TYPE, RegType.STACK | flag);
    regs.set(at, W_LIVE, regs.get(at, W_LIVE) | LIVE_WRITTEN);
    regs.set(at, W_REF, i === 0 ? id : 0);
    regs.set(at, W_A, struct);
    regs.set(at, W_B, 0);
    regs.set(at, W_C, ACTIVE);
    for (let byte = 0; byte < 8; byte++) mem.bytes[kindAddress(frame, slot, byte)] = SLOT_ITER;
    if (depthIsTop(env, place)) env.touchSlot(slot);
  }
}

function destroySlots(env: Env, place: ObjectPlace, slots: number): void {
  const { regs, mem } = env;
  const frame = env.state.frames[place.depth];
  releaseReference(env, regs.get(firstSlot(env, place), W_REF));
  for (let i = 0; i < slots; i++) {
    const slot = place.slot - i;
    const at = slotAddress(frame, slot);
    regs.setNotInit(at);
    regs.set(at, W_LIVE, regs.get(at, W_LIVE) | LIVE_WRITTEN);
    for (let byte = 0; byte < 8; byte++) mem.bytes[kindAddress(frame, slot, byte)] = SLOT_INVALID;
  }
}

/** After `next`: one path where the iterator is drained (r0 = 0, here), one where it gave an element (queued). */
export function forkIterator(env: Env, at: InsnIndex): void {
  const { regs } = env;
  const { depth, slot } = env.iterOffset;
  const before = previousRound(env, at);
  if (regs.get(slotAddress(env.state.frames[depth], slot), W_C) === ACTIVE) {
    const queued = pushBranch(env, at + 1, at);
    const place = slotAddress(queued.frames[depth], slot);
    regs.set(place, W_C, ACTIVE);
    regs.set(place, W_B, regs.get(place, W_B) + 1);
    if (before !== null) widenScalars(env, before, queued);
    const r0 = regAddress(queued.frame, 0);
    const type = regs.type(r0);
    regs.set(r0, W_TYPE, type & ~TypeFlag.MAYBE_NULL);
    regs.set(r0, W_ID, 0);
  }
  regs.set(slotAddress(env.state.frames[depth], slot), W_C, DRAINED);
  const r0 = env.reg(0);
  regs.setSmallConst(r0, 0, true);
}

/** Reference that the iterator which the call advances holds: numbers it gives lie inside it. */
export function iteratorReference(env: Env): number {
  const { depth, slot } = env.iterOffset;
  return env.regs.get(slotAddress(env.state.frames[depth], slot), W_REF);
}

/** What protects the elements of the iterator that the call advances. */
export function elementFlag(env: Env): number {
  const { depth, slot } = env.iterOffset;
  const type = env.regs.type(slotAddress(env.state.frames[depth], slot));
  return (type & TypeFlag.MEM_RCU) !== 0 ? TypeFlag.MEM_RCU : TypeFlag.PTR_TRUSTED;
}

/** Remembers which iterator r1 names, before the call makes the register unusable. */
export function noteIterator(env: Env, regno: number): void {
  const place = objectPlace(env, regno, 'iter');
  if (place !== null) env.iterOffset = place;
}

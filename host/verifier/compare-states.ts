import {
  FRAME_CALLBACK_DEPTH,
  FRAME_CALLSITE,
  ID_ADD_CONST,
  REG_ID,
  SLOT_DYNPTR,
  SLOT_INVALID,
  SLOT_ITER,
  SLOT_MISC,
  SLOT_SPILL,
  SLOT_ZERO,
} from '../../assembly/layout/verifier.js';
import type { HostAddress } from '../quantities.js';
import type { Env } from './env.js';
import {
  W_A,
  W_B,
  W_C,
  W_FRAME,
  W_ID,
  W_LIVE,
  W_OFF,
  W_PRECISE,
  W_REF,
  W_TYPE,
  isRead,
} from './registers.js';
import { BASE_TYPE_MASK, RegType } from './reg-type.js';
import { type State, kindAddress, regAddress, slotAddress } from './state.js';

/** How closely states must agree. */
export const Exactness = {
  /** What the old state read must include the new state's. */
  NOT_EXACT: 0,
  /** Everything is the same: no progress was made. */
  EXACT: 1,
  /** Every range must include the new one, read or not: loops. */
  RANGE_WITHIN: 2,
} as const;
export type Exactness = (typeof Exactness)[keyof typeof Exactness];

/** Ids of the old state and what they are in the new one: one to one. */
class IdMap {
  private readonly old: number[] = [];
  private readonly cur: number[] = [];

  constructor(private temporary: number) {}

  same(old: number, cur: number): boolean {
    if ((old === 0) !== (cur === 0)) return false;
    if (old === 0) return true;
    for (let i = 0; i < this.old.length; i++) {
      if (this.old[i] === old) return this.cur[i] === cur;
      if (this.cur[i] === cur) return false;
    }
    this.old.push(old);
    this.cur.push(cur);
    return true;
  }

  /** Scalars without an id are linked to nothing: each gets one of its own. */
  sameScalar(old: number, cur: number): boolean {
    return this.same(old === 0 ? ++this.temporary : old, cur === 0 ? ++this.temporary : cur);
  }
}

function sameIdentity(w: Int32Array, a: number, b: number): boolean {
  return (
    w[a + W_TYPE] === w[b + W_TYPE] &&
    w[a + W_OFF] === w[b + W_OFF] &&
    w[a + W_A] === w[b + W_A] &&
    w[a + W_B] === w[b + W_B] &&
    w[a + W_C] === w[b + W_C]
  );
}

function sameExactly(env: Env, old: HostAddress, cur: HostAddress, ids: IdMap): boolean {
  const w = env.mem.words;
  const a = old >> 2;
  const b = cur >> 2;
  return (
    env.mem.domain.recordEqual(old, cur, REG_ID) === 1 &&
    sameIdentity(w, a, b) &&
    ids.same(w[a + W_ID], w[b + W_ID]) &&
    ids.same(w[a + W_REF], w[b + W_REF])
  );
}

function scalarCovers(env: Env, old: HostAddress, cur: HostAddress, ids: IdMap, how: Exactness): boolean {
  const w = env.mem.words;
  const a = old >> 2;
  const b = cur >> 2;
  if (w[a + W_PRECISE] === 0 && how === Exactness.NOT_EXACT && env.privileged) return true;
  if (env.legacy) {
    if (env.mem.domain.scalarWithin(old, cur) !== 1) return false;
    return w[a + W_ID] === 0 || ids.same(w[a + W_ID], w[b + W_ID]);
  }
  const oldId = w[a + W_ID];
  const curId = w[b + W_ID];
  if ((oldId & ID_ADD_CONST) !== (curId & ID_ADD_CONST)) return false;
  if ((oldId & ID_ADD_CONST) !== 0 && w[a + W_OFF] !== w[b + W_OFF]) return false;
  return env.mem.domain.scalarWithin(old, cur) === 1 && ids.sameScalar(oldId, curId);
}

/** Whether what was proved for register `old` holds for `cur`. */
function covers(env: Env, old: HostAddress, cur: HostAddress, ids: IdMap, how: Exactness): boolean {
  const w = env.mem.words;
  const a = old >> 2;
  const b = cur >> 2;
  if (how === Exactness.EXACT) return sameExactly(env, old, cur, ids);
  if (how === Exactness.NOT_EXACT && !isRead(w[a + W_LIVE])) return true;
  const type = w[a + W_TYPE];
  if (type === RegType.NOT_INIT && (how === Exactness.NOT_EXACT || w[b + W_TYPE] === RegType.NOT_INIT))
    return true;
  if (type !== w[b + W_TYPE]) return false;
  switch (type & BASE_TYPE_MASK) {
    case RegType.SCALAR:
      return scalarCovers(env, old, cur, ids, how);
    case RegType.MAP_KEY:
    case RegType.MAP_VALUE:
    case RegType.MEM:
    case RegType.BUF:
    case RegType.TP_BUFFER:
      return (
        sameIdentity(w, a, b) &&
        env.mem.domain.scalarWithin(old, cur) === 1 &&
        ids.same(w[a + W_ID], w[b + W_ID]) &&
        ids.same(w[a + W_REF], w[b + W_REF])
      );
    case RegType.PACKET:
    case RegType.PACKET_META:
      return (
        w[a + W_A] <= w[b + W_A] &&
        w[a + W_OFF] === w[b + W_OFF] &&
        ids.same(w[a + W_ID], w[b + W_ID]) &&
        env.mem.domain.scalarWithin(old, cur) === 1
      );
    case RegType.STACK:
      return sameExactly(env, old, cur, ids) && w[a + W_FRAME] === w[b + W_FRAME];
    case RegType.ARENA:
      return true;
    default:
      return sameExactly(env, old, cur, ids);
  }
}

/** The scalar that a whole slot holds: spilled, or unknown when all bytes are plain. */
function scalarOfSlot(env: Env, frame: HostAddress, slot: number): HostAddress {
  const { bytes } = env.mem;
  const kinds = kindAddress(frame, slot, 0);
  if (bytes[kinds] === SLOT_SPILL && env.regs.isScalar(slotAddress(frame, slot)))
    return slotAddress(frame, slot);
  for (let i = 0; i < 8; i++) {
    const kind = bytes[kinds + i];
    if (kind !== SLOT_MISC && !(kind === SLOT_INVALID && env.privileged)) return 0;
  }
  return env.unknownScalar;
}

function slotsMatch(
  env: Env,
  kind: number,
  old: HostAddress,
  cur: HostAddress,
  ids: IdMap,
  how: Exactness,
): boolean {
  const w = env.mem.words;
  const a = old >> 2;
  const b = cur >> 2;
  if (kind === SLOT_SPILL) return covers(env, old, cur, ids, how);
  if (kind === SLOT_DYNPTR) {
    return w[a + W_A] === w[b + W_A] && w[a + W_C] === w[b + W_C] && ids.same(w[a + W_REF], w[b + W_REF]);
  }
  if (kind === SLOT_ITER) {
    return w[a + W_A] === w[b + W_A] && w[a + W_C] === w[b + W_C] && ids.same(w[a + W_REF], w[b + W_REF]);
  }
  return true;
}

function stackCovers(env: Env, old: HostAddress, cur: HostAddress, ids: IdMap, how: Exactness): boolean {
  const { bytes, words } = env.mem;
  const slots = env.frames.slots(old);
  const curSlots = env.frames.slots(cur);
  for (let slot = 0; slot < slots; slot++) {
    const place = slotAddress(old, slot);
    const oldKinds = kindAddress(old, slot, 0);
    const curKinds = kindAddress(cur, slot, 0);
    if (how !== Exactness.NOT_EXACT) {
      if (slot >= curSlots) return false;
      for (let i = 0; i < 8; i++) if (bytes[oldKinds + i] !== bytes[curKinds + i]) return false;
    } else if (!isRead(words[(place >> 2) + W_LIVE])) {
      continue;
    }
    let pending = false;
    for (let i = 0; i < 8; i++) {
      const kind = bytes[oldKinds + i];
      if (kind === SLOT_INVALID) continue;
      if (env.privileged && !env.legacy && kind === SLOT_MISC) continue;
      if (slot >= curSlots) return false;
      if (!env.legacy) {
        const a = scalarOfSlot(env, old, slot);
        const b = a === 0 ? 0 : scalarOfSlot(env, cur, slot);
        if (a !== 0 && b !== 0) {
          if (!covers(env, a, b, ids, how)) return false;
          pending = false;
          break;
        }
      }
      const curKind = bytes[curKinds + i];
      if (kind === SLOT_MISC && curKind === SLOT_ZERO) continue;
      if (kind !== curKind) return false;
      if (i === 7) pending = true;
    }
    if (pending && !slotsMatch(env, bytes[oldKinds + 7], place, slotAddress(cur, slot), ids, how))
      return false;
  }
  return true;
}

function resourcesMatch(old: State, cur: State, ids: IdMap): boolean {
  if (old.rcuDepth !== cur.rcuDepth || old.preemptDepth !== cur.preemptDepth) return false;
  if (old.inSleepable !== cur.inSleepable || old.speculative !== cur.speculative) return false;
  if ((old.lock === null) !== (cur.lock === null)) return false;
  if (old.lock !== null && cur.lock !== null) {
    if (old.lock.where !== cur.lock.where || !ids.same(old.lock.id, cur.lock.id)) return false;
  }
  if (old.references.length !== cur.references.length) return false;
  return old.references.every((ref, i) => ids.same(ref.id, cur.references[i].id));
}

/** Whether everything proved from `old` on holds from `cur` on as well. */
export function statesEqual(env: Env, old: State, cur: State, how: Exactness): boolean {
  if (old.frames.length !== cur.frames.length) return false;
  const ids = new IdMap(env.ids);
  if (!resourcesMatch(old, cur, ids)) return false;
  const { frames } = env;
  for (let depth = 0; depth < old.frames.length; depth++) {
    const a = old.frames[depth];
    const b = cur.frames[depth];
    if (frames.get(a, FRAME_CALLSITE) !== frames.get(b, FRAME_CALLSITE)) return false;
    if (frames.get(a, FRAME_CALLBACK_DEPTH) > frames.get(b, FRAME_CALLBACK_DEPTH)) return false;
    for (let i = 0; i < 11; i++) {
      if (!covers(env, regAddress(a, i), regAddress(b, i), ids, how)) return false;
    }
    if (!stackCovers(env, a, b, ids, how)) return false;
  }
  return true;
}

/** Cheap test before an exact comparison: registers of the top frame are the same bytes. */
export function mayLoop(env: Env, old: State, cur: State): boolean {
  if (old.frames.length !== cur.frames.length) return false;
  for (let i = 0; i < 11; i++) {
    const a = regAddress(old.frame, i);
    const b = regAddress(cur.frame, i);
    if (env.mem.domain.recordEqual(a, b, W_FRAME * 4) !== 1) return false;
  }
  return true;
}

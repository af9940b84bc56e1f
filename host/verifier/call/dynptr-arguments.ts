import { LIVE_WRITTEN, SLOT_DYNPTR, SLOT_SIZE } from '../../../assembly/layout/verifier.js';
import { destroyDynptr } from '../dynptr.js';
import type { Env } from '../env.js';
import { markRead } from '../liveness.js';
import { checkPointerOffset } from '../memory-region.js';
import { acquireReference } from '../references.js';
import { W_A, W_C, W_ID, W_LIVE, W_REF } from '../registers.js';
import { RegType } from '../reg-type.js';
import { type ObjectPlace, checkObjectRoom, objectPlace } from '../stack-object.js';
import { kindAddress, slotAddress } from '../state.js';
import { Errno } from '../verifier-error.js';
import type { CallMeta } from './call-meta.js';
import type { Argument } from './prototypes.js';

/** Kinds of dynptr, as kept in REG_A. */
export const DynptrKind = { LOCAL: 1, RINGBUF: 2, SKB: 3, XDP: 4 } as const;
/** Slices of such dynptrs are packet data: they end when the packet changes. */
export const isPacketDynptr = (kind: number): boolean => kind === DynptrKind.SKB || kind === DynptrKind.XDP;

const KINDS: Record<string, number> = {
  local: DynptrKind.LOCAL,
  ringbuf: DynptrKind.RINGBUF,
  skb: DynptrKind.SKB,
  xdp: DynptrKind.XDP,
};
const SLOTS = 2;

/** Whether both slots hold the two halves of one dynptr. */
function isInitialized(env: Env, place: ObjectPlace | null): place is ObjectPlace {
  const { mem, regs } = env;
  if (place === null) return false;
  const frame = env.state.frames[place.depth];
  if (place.slot < 1 || place.slot >= env.frames.slots(frame)) return false;
  if (regs.get(slotAddress(frame, place.slot), W_C) === 0) return false;
  for (let i = 0; i < SLOTS; i++) {
    if (mem.bytes[kindAddress(frame, place.slot - i, 7)] !== SLOT_DYNPTR) return false;
  }
  return true;
}

function holdsReference(env: Env, place: ObjectPlace | null): boolean {
  return (
    isInitialized(env, place) &&
    env.regs.get(slotAddress(env.state.frames[place.depth], place.slot), W_REF) !== 0
  );
}

function holdsDynptr(env: Env, place: ObjectPlace): boolean {
  const frame = env.state.frames[place.depth];
  for (let slot = Math.max(place.slot - 1, 0); slot <= place.slot; slot++) {
    if (slot >= env.frames.slots(frame)) return false;
    if (env.mem.bytes[kindAddress(frame, slot, 7)] === SLOT_DYNPTR) return true;
  }
  return false;
}

/** Makes a dynptr in two stack slots; ringbuf ones hold a reference. */
function initDynptr(env: Env, place: ObjectPlace, kind: number, reference = 0): void {
  const { regs, mem } = env;
  const frame = env.growStack(place.depth, place.slot + 1);
  destroyDynptr(env, place.depth, place.slot);
  destroyDynptr(env, place.depth, place.slot - 1);
  const id = env.newId();
  let ref = reference;
  if (kind === DynptrKind.RINGBUF && ref === 0) ref = acquireReference(env);
  for (let i = 0; i < SLOTS; i++) {
    const at = slotAddress(frame, place.slot - i);
    regs.setPointer(at, RegType.CONST_DYNPTR);
    regs.set(at, W_A, kind);
    regs.set(at, W_C, i === 0 ? 1 : 0);
    regs.set(at, W_ID, id);
    regs.set(at, W_REF, ref);
    regs.set(at, W_LIVE, regs.get(at, W_LIVE) | LIVE_WRITTEN);
    for (let byte = 0; byte < 8; byte++) mem.bytes[kindAddress(frame, place.slot - i, byte)] = SLOT_DYNPTR;
    if (place.depth === env.state.frames.length - 1) env.touchSlot(place.slot - i);
  }
}

/** Checks a dynptr argument; uninitialised ones are made by the call. */
export function checkDynptrArgument(
  env: Env,
  regno: number,
  arg: Argument,
  meta: CallMeta,
  mutates = false,
): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  const onStack = type === RegType.STACK;
  if (!onStack && type !== RegType.CONST_DYNPTR) {
    env.fail(Errno.EINVAL, `arg#${regno - 1} expected pointer to stack or const struct bpf_dynptr`);
  }
  if (!onStack) checkPointerOffset(env, regno, false);
  if (arg.kind === 'UNINIT_DYNPTR') {
    const place = onStack ? objectPlace(env, regno, 'dynptr') : null;
    if (place === null || (env.legacy && holdsDynptr(env, place))) {
      env.fail(Errno.EINVAL, 'Dynptr has to be an uninitialized dynptr');
    }
    checkObjectRoom(env, regno, SLOTS);
    if (arg.of === 'clone') initDynptr(env, place, meta.dynptrKind, meta.dynptrReference);
    else initDynptr(env, place, KINDS[arg.of] ?? DynptrKind.LOCAL);
    return;
  }
  if (mutates && !onStack) {
    env.fail(Errno.EINVAL, 'cannot pass pointer to const bpf_dynptr, the helper mutates it');
  }
  const named = env.legacy ? regno : regno - 1;
  let kind = regs.get(reg, W_A);
  meta.dynptrId = regs.id(reg);
  if (onStack) {
    const place = objectPlace(env, regno, 'dynptr');
    if (arg.release && !holdsReference(env, place)) {
      env.fail(Errno.EINVAL, `arg ${regno} is an unacquired reference`);
    }
    if (!isInitialized(env, place)) {
      env.fail(Errno.EINVAL, `Expected an initialized dynptr as arg #${named}`);
    }
    const at = slotAddress(env.state.frames[place.depth], place.slot);
    kind = regs.get(at, W_A);
    meta.dynptrId = regs.id(at);
    meta.dynptrReference = regs.get(at, W_REF);
    if (arg.release || meta.reference === 0) meta.reference = meta.dynptrReference;
    markRead(env, at, false);
    markRead(env, at - SLOT_SIZE, false);
  } else if (arg.release) {
    env.fail(
      Errno.EINVAL,
      env.legacy ? `arg ${regno} is an unacquired reference` : 'cannot release unowned const bpf_dynptr',
    );
  }
  meta.dynptrKind = kind;
  if (arg.of !== '' && kind !== KINDS[arg.of]) {
    env.fail(Errno.EINVAL, `Expected a dynptr of type ${arg.of} as arg #${named}`);
  }
}

import { LIVE_WRITTEN, SLOT_DYNPTR, SLOT_SIZE } from '../../../assembly/layout/verifier.js';
import { destroyDynptr } from '../dynptr.js';
import type { Env } from '../env.js';
import { markRead } from '../liveness.js';
import { acquireReference } from '../references.js';
import { W_A, W_C, W_FRAME, W_ID, W_LIVE, W_REF } from '../registers.js';
import { RegType } from '../reg-type.js';
import { StackUse, checkStackBounds } from '../stack.js';
import { kindAddress, slotAddress } from '../state.js';
import { Errno } from '../verifier-error.js';
import type { CallMeta } from './arguments.js';
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
const SLOT_BYTES = 8;

interface Place {
  readonly depth: number;
  /** Slot at the lower address. */
  readonly slot: number;
}

function placeOf(env: Env, regno: number): Place {
  const { regs } = env;
  const reg = env.reg(regno);
  if (!regs.isConst(reg)) env.fail(Errno.EINVAL, 'dynptr has to be at a constant offset');
  const off = regs.off(reg) + regs.valueNumber(reg);
  if (off % 8 !== 0) env.fail(Errno.EINVAL, `cannot pass in dynptr at an offset=${off}`);
  return { depth: regs.get(reg, W_FRAME), slot: (-off - 1) >> 3 };
}

/** Whether both slots hold the two halves of one dynptr. */
function isInitialized(env: Env, place: Place): boolean {
  const { mem, regs } = env;
  const frame = env.state.frames[place.depth];
  if (place.slot < 1 || place.slot >= env.frames.slots(frame)) return false;
  if (regs.get(slotAddress(frame, place.slot), W_C) === 0) return false;
  for (let i = 0; i < SLOTS; i++) {
    if (mem.bytes[kindAddress(frame, place.slot - i, 7)] !== SLOT_DYNPTR) return false;
  }
  return true;
}

function holdsReference(env: Env, place: Place): boolean {
  return (
    isInitialized(env, place) &&
    env.regs.get(slotAddress(env.state.frames[place.depth], place.slot), W_REF) !== 0
  );
}

/** Makes a dynptr in two stack slots; ringbuf ones hold a reference. */
function initDynptr(env: Env, place: Place, kind: number, reference = 0): void {
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
  if (arg.kind === 'UNINIT_DYNPTR') {
    if (!onStack) env.fail(Errno.EINVAL, 'cannot pass pointer to const bpf_dynptr, the helper mutates it');
    const place = placeOf(env, regno);
    checkStackBounds(env, regno, regs.off(reg), SLOTS * SLOT_BYTES, StackUse.HELPER);
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
    const place = placeOf(env, regno);
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
    env.fail(Errno.EINVAL, 'cannot release unowned const bpf_dynptr');
  }
  meta.dynptrKind = kind;
  if (arg.of !== '' && kind !== KINDS[arg.of]) {
    env.fail(Errno.EINVAL, `Expected a dynptr of type ${arg.of} as arg #${named}`);
  }
}

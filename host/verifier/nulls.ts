import type { HostAddress } from '../quantities.js';
import { isRcuProtected } from './btf-access.js';
import type { Env } from './env.js';
import type { LoadedMap } from './kernel-view.js';
import { mapFields, structFields } from './map-fields.js';
import { W_A, W_B, W_C, W_ID, W_REF, W_TYPE, mayBeNull } from './registers.js';
import { RegType, TypeFlag, baseType } from './reg-type.js';
import { type State, regAddress } from './state.js';
import { forEachSpill } from './stack.js';
import { dropReference } from './references.js';

const XSKMAP = 17;
const SOCKMAP = 15;
const SOCKHASH = 18;

/** Visits every register and spilled register of a state. */
export function forEachPlaceOf(env: Env, state: State, visit: (place: HostAddress) => void): void {
  for (const frame of state.frames) {
    for (let i = 0; i < 11; i++) visit(regAddress(frame, i));
    forEachSpill(env, frame, visit);
  }
}

/** Values that run something later are told apart by the map they are in. */
function hasDeferredCall(env: Env, map: LoadedMap): boolean {
  return mapFields(env, map).some(({ kind }) => kind === 'bpf_timer' || kind === 'bpf_wq');
}

/** A pointer that is known not to be NULL: what a map lookup returned becomes what the map's values are. */
export function markNotNull(env: Env, reg: HostAddress): void {
  const { regs } = env;
  const type = regs.type(reg);
  if (baseType(type) === RegType.MAP_VALUE) {
    const map = env.maps[regs.get(reg, W_A)];
    if (map.inner !== undefined) {
      regs.set(reg, W_TYPE, RegType.CONST_MAP_PTR);
      regs.set(reg, W_A, env.mapIndex(map.inner));
      regs.set(reg, W_C, hasDeferredCall(env, map.inner) ? regs.id(reg) : 0);
    } else if (map.spec.type === XSKMAP) {
      regs.set(reg, W_TYPE, RegType.XDP_SOCK);
    } else if (map.spec.type === SOCKMAP || map.spec.type === SOCKHASH) {
      regs.set(reg, W_TYPE, RegType.SOCKET);
    } else {
      regs.set(reg, W_TYPE, RegType.MAP_VALUE);
    }
    return;
  }
  regs.set(reg, W_TYPE, type & ~TypeFlag.MAYBE_NULL);
}

/** Whether the value or object that a register points to has a lock: such pointers keep an id. */
export function mayHoldLock(env: Env, reg: HostAddress): boolean {
  const { regs } = env;
  const type = regs.type(reg);
  if (baseType(type) === RegType.BTF_ID) {
    if (regs.get(reg, W_B) !== 1) return false;
    return structFields(env, regs.get(reg, W_A)).some((field) => field.kind === 'bpf_spin_lock');
  }
  if (baseType(type) !== RegType.MAP_VALUE) return false;
  return mapFields(env, env.maps[regs.get(reg, W_A)]).some((field) => field.kind === 'bpf_spin_lock');
}

/** One side of a NULL test: every copy of the pointer is NULL, or none is. */
export function settleNull(env: Env, state: State, regno: number, isNull: boolean): void {
  const { regs } = env;
  const tested = regAddress(state.frame, regno);
  const id = regs.id(tested);
  const ref = regs.get(tested, W_REF);
  if (ref !== 0 && ref === id && isNull) dropReference(state, id);
  forEachPlaceOf(env, state, (reg) => {
    if (!mayBeNull(regs.type(reg)) || regs.id(reg) !== id) return;
    if (id === 0 && !isRcuProtected(env, reg)) return;
    if (isNull) {
      regs.set(reg, W_TYPE, RegType.SCALAR);
      regs.set(reg, W_ID, 0);
      regs.set(reg, W_REF, 0);
      return;
    }
    markNotNull(env, reg);
    if (!mayHoldLock(env, reg)) regs.set(reg, W_ID, 0);
  });
}

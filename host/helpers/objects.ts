import type { GuestAddress } from '../quantities.js';
import { type Helper, type HelperTable } from './helper.js';
import { hostState } from './host-state.js';

/** References of objects that have more than one. */
const references = hostState(() => new Map<GuestAddress, number>());

/** The verifier passes the size of the type in R1. */
const newObject: Helper = (env, [size]) => env.memory.alloc('direct', Math.max(Number(size), 1));

const dropObject: Helper = (env, [object]) => {
  const counts = references(env);
  const others = (counts.get(object) ?? 1) - 1;
  if (others > 1) counts.set(object, others);
  else counts.delete(object);
  if (others < 1) env.memory.free(object);
  return 0n;
};

const acquire: Helper = (env, [object]) => {
  const counts = references(env);
  counts.set(object, (counts.get(object) ?? 1) + 1);
  return object;
};

// A pointer to an object of each CPU is an address that a CPU's own offset is still to be added to.
const newPerCpu: Helper = (env, args) => BigInt.asUintN(64, newObject(env, args) - env.perCpuOffset);
const dropPerCpu: Helper = (env, [object]) => {
  env.memory.free(BigInt.asUintN(64, object + env.perCpuOffset));
  return 0n;
};

const exchange: Helper = (env, [place, value]) => {
  const old = env.memory.readUint(place, 8);
  env.memory.writeUint(place, 8, value);
  return old;
};

/** Objects of the program's own types, and kernel pointers in maps. */
export const objectHelpers: HelperTable = {
  bpf_obj_new_impl: newObject,
  bpf_obj_drop_impl: dropObject,
  bpf_refcount_acquire_impl: acquire,
  bpf_percpu_obj_new_impl: newPerCpu,
  bpf_percpu_obj_drop_impl: dropPerCpu,
  bpf_kptr_xchg: exchange,
};

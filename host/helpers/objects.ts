import type { GuestAddress } from '../quantities.js';
import { type Helper, type HelperEnvironment, type HelperTable } from './helper.js';

/** In front of an object: how many hold it. */
const HEADER = 16n;

/** The verifier passes the size of the type in R1. */
const newObject: Helper = (env, [size]) => {
  const place = env.memory.alloc('direct', Math.max(Number(size), 1) + Number(HEADER));
  env.memory.writeUint(place, 8, 1n);
  return place + HEADER;
};

/** Changes the number of holders; answers what it is now. */
function count(env: HelperEnvironment, object: GuestAddress, change: bigint): bigint {
  const now = env.memory.readUint(object - HEADER, 8) + change;
  env.memory.writeUint(object - HEADER, 8, now);
  return now;
}

const dropObject: Helper = (env, [object]) => {
  if (count(env, object, -1n) <= 0n) env.memory.free(object - HEADER);
  return 0n;
};

const acquire: Helper = (env, [object]) => {
  count(env, object, 1n);
  return object;
};

// A pointer to an object of each CPU is an address that a CPU's own offset is still to be added to.
const newPerCpu: Helper = (env, args) => BigInt.asUintN(64, newObject(env, args) - env.perCpuOffset);
const dropPerCpu: Helper = (env, [object]) =>
  dropObject(env, [BigInt.asUintN(64, object + env.perCpuOffset)]);

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

import type { GuestAddress } from '../quantities.js';
import type { MapEnvironment } from './bpf-map.js';

/**
 * Pointers to per-CPU values. The guest has one CPU: a per-CPU pointer plus this_cpu_off is the value's address.
 */
export function perCpuPointer(env: MapEnvironment, value: GuestAddress): GuestAddress {
  return BigInt.asUintN(64, value - env.perCpuOffset);
}

export function thisCpu(env: MapEnvironment, pointer: GuestAddress): GuestAddress {
  return BigInt.asUintN(64, pointer + env.perCpuOffset);
}

import { BtfKind } from '../btf/types.js';
import type { GuestAddress } from '../quantities.js';
import { type Helper, type HelperEnvironment, type HelperTable, u32 } from './helper.js';

/** Processors that the guest machine could have (nr_cpu_ids). */
export const POSSIBLE_CPUS = 64;
const ALL = (1n << BigInt(POSSIBLE_CPUS)) - 1n;

/** The first word holds all processors there can be. */
const bits = (env: HelperEnvironment, mask: GuestAddress): bigint => env.memory.readUint(mask, 8);
const store = (env: HelperEnvironment, mask: GuestAddress, value: bigint): void =>
  env.memory.writeUint(mask, 8, value & ALL);
const yes = (condition: boolean): bigint => (condition ? 1n : 0n);

function first(value: bigint): bigint {
  for (let cpu = 0; cpu < POSSIBLE_CPUS; cpu++) if (((value >> BigInt(cpu)) & 1n) === 1n) return BigInt(cpu);
  return BigInt(POSSIBLE_CPUS);
}

function weight(value: bigint): bigint {
  let count = 0n;
  for (let rest = value; rest !== 0n; rest &= rest - 1n) count++;
  return count;
}

const create: Helper = (env) =>
  env.memory.alloc('direct', env.btf.sizeOf(env.btf.find('bpf_cpumask', BtfKind.STRUCT)));

/** Reads one mask. */
const of =
  (ask: (value: bigint) => bigint): Helper =>
  (env, [mask]) =>
    ask(bits(env, mask));

/** Reads two masks. */
const ofBoth =
  (ask: (a: bigint, b: bigint) => bigint): Helper =>
  (env, [a, b]) =>
    ask(bits(env, a), bits(env, b));

/** Writes the first mask from two others; answers whether a bit is left. */
const combine =
  (join: (a: bigint, b: bigint) => bigint): Helper =>
  (env, [to, a, b]) => {
    const value = join(bits(env, a), bits(env, b));
    store(env, to, value);
    return yes(value !== 0n);
  };

/** One processor's bit: its old value. Processors that cannot be are left alone. */
const change =
  (set: ((value: bigint, bit: bigint) => bigint) | null): Helper =>
  (env, [cpu, mask]) => {
    if (u32(cpu) >= POSSIBLE_CPUS) return 0n;
    const bit = 1n << BigInt(u32(cpu));
    const old = bits(env, mask);
    if (set) store(env, mask, set(old, bit));
    return yes((old & bit) !== 0n);
  };

const fill =
  (value: bigint): Helper =>
  (env, [mask]) => {
    store(env, mask, value);
    return 0n;
  };

const setBit = change((value, bit) => value | bit);
const clearBit = change((value, bit) => value & ~bit);

export const cpumaskHelpers: HelperTable = {
  bpf_cpumask_create: create,
  bpf_cpumask_acquire: (_, [mask]) => mask,
  bpf_cpumask_release: () => 0n,
  bpf_cpumask_first: of(first),
  bpf_cpumask_first_zero: of((value) => first(~value & ALL)),
  bpf_cpumask_first_and: ofBoth((a, b) => first(a & b)),
  bpf_cpumask_any_distribute: of(first),
  bpf_cpumask_any_and_distribute: ofBoth((a, b) => first(a & b)),
  bpf_cpumask_weight: of(weight),
  bpf_cpumask_empty: of((value) => yes(value === 0n)),
  bpf_cpumask_full: of((value) => yes(value === ALL)),
  bpf_cpumask_equal: ofBoth((a, b) => yes(a === b)),
  bpf_cpumask_intersects: ofBoth((a, b) => yes((a & b) !== 0n)),
  bpf_cpumask_subset: ofBoth((a, b) => yes((a & ~b) === 0n)),
  bpf_cpumask_set_cpu: setBit,
  bpf_cpumask_clear_cpu: clearBit,
  bpf_cpumask_test_and_set_cpu: setBit,
  bpf_cpumask_test_and_clear_cpu: clearBit,
  bpf_cpumask_test_cpu: change(null),
  bpf_cpumask_setall: fill(ALL),
  bpf_cpumask_clear: fill(0n),
  bpf_cpumask_copy: (env, [to, from]) => {
    store(env, to, bits(env, from));
    return 0n;
  },
  bpf_cpumask_and: combine((a, b) => a & b),
  bpf_cpumask_or: combine((a, b) => a | b),
  bpf_cpumask_xor: combine((a, b) => a ^ b),
};

import { HelperError } from '../errors.js';
import type { BpfMap } from '../maps/bpf-map.js';
import type { KernelObject, TypedMemory } from '../mm/kernel-object.js';
import type { GuestAddress } from '../quantities.js';

/** What a program is run with, as far as helpers can ask for it. */
export interface RunScope {
  /** Address of the context (R1 of the main program). */
  readonly context: GuestAddress;
  /** bpf_get_attach_cookie. */
  readonly cookie: bigint;
  /** Number of arguments of the traced function; the return value follows them in the context. */
  readonly argumentCount: number;
  /** bpf_get_func_ip. */
  readonly functionAddress: GuestAddress;
  /** Value of bpf_get_retval and bpf_set_retval. */
  returnValue: bigint;
  /** Where bpf_redirect asked the packet to go. */
  redirect: { readonly ifindex: number; readonly flags: bigint } | null;
  /** Text and bytes of bpf_seq_printf and bpf_seq_write. */
  readonly seq: Uint8Array[];
}

/** What helpers work on: the guest machine as the kernel code of a helper would see it. */
export interface HelperEnvironment extends TypedMemory {
  readonly scope: RunScope;
  mapAt(address: GuestAddress): BpfMap | undefined;
  /** Runs a BPF function by its address (a callback); R1 to R5 are `args`, absent ones 0. */
  call(entry: GuestAddress, ...args: readonly bigint[]): bigint;
  /** A structure of the kernel's BTF at an address. */
  object(type: string, address: GuestAddress): KernelObject;
  /** Nanoseconds since boot. */
  now(): bigint;
  /** 32 random bits. */
  random(): number;
  readonly cpu: number;
  readonly perCpuOffset: bigint;
  /** The running task's task_struct. */
  readonly currentTask: GuestAddress;
  /** Lines of bpf_trace_printk. */
  readonly trace: string[];
  /** Name of a kernel symbol at an address, for %pS and the like. */
  symbolName(address: GuestAddress): string | undefined;
  symbolAddress(name: string): GuestAddress;
}

/** R1 to R5 are unsigned 64-bit; so is the result. */
export type Helper = (env: HelperEnvironment, args: readonly bigint[]) => bigint;
export type HelperTable = Readonly<Record<string, Helper>>;

/** -errno as a helper returns it. */
export const fail = (errno: number): bigint => BigInt.asUintN(64, BigInt(-errno));

/** A JavaScript number that may be negative, as a helper returns it. */
export const answer = (value: number): bigint => BigInt.asUintN(64, BigInt(value));

export const u32 = (value: bigint): number => Number(BigInt.asUintN(32, value));
export const s32 = (value: bigint): number => Number(BigInt.asIntN(32, value));

/** The map whose address a program passed. @throws HelperError HELPER_MAP: no open map lies there. */
export function mapArgument(env: HelperEnvironment, address: GuestAddress): BpfMap {
  const map = env.mapAt(address);
  if (!map)
    throw new HelperError('HELPER_MAP', `helper call: expected the address of a map, found ${hex(address)}`, {
      address,
    });
  return map;
}

/** The map, of the class that a helper needs. */
export function mapOf<T extends BpfMap>(
  env: HelperEnvironment,
  address: GuestAddress,
  kind: abstract new (...args: never[]) => T,
): T {
  const map = mapArgument(env, address);
  if (map instanceof kind) return map;
  throw new HelperError(
    'HELPER_MAP',
    `helper call: expected a ${kind.name}, found map "${map.spec.name}" of type ${map.spec.type}`,
    { address },
  );
}

export const hex = (value: bigint): string => `0x${value.toString(16)}`;

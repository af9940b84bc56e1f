import { Errno } from '../maps/errno.js';
import type { GuestMemory } from '../mm/guest-memory.js';
import type { GuestAddress } from '../quantities.js';
import { type Helper, type HelperEnvironment, type HelperTable, fail } from './helper.js';

/** A timer or workqueue in a map value. Times in ns since boot. */
export interface DeferredWork {
  /** Of the struct bpf_timer or bpf_wq. */
  readonly address: GuestAddress;
  readonly map: GuestAddress;
  /** Function of the program, 0 = none yet. */
  callback: GuestAddress;
  /** When it is due; null = it is not started. */
  due: bigint | null;
}

/** What is known of a machine's timers; the word in the map value says whether it still holds. */
const tables = new WeakMap<GuestMemory, Map<GuestAddress, DeferredWork>>();

function tableOf(memory: GuestMemory): Map<GuestAddress, DeferredWork> {
  let table = tables.get(memory);
  if (table === undefined) tables.set(memory, (table = new Map()));
  return table;
}

function workAt(memory: GuestMemory, address: GuestAddress): DeferredWork | null {
  const isInitialized = memory.isMapped(address, 8) && memory.readUint(address, 8) === address;
  return isInitialized ? (tableOf(memory).get(address) ?? null) : null;
}

/** Timers and work that were started and have not run, those due first in front. */
export function pendingWork(memory: GuestMemory): DeferredWork[] {
  return [...tableOf(memory).values()]
    .filter((work) => work.due !== null && workAt(memory, work.address) === work)
    .sort((a, b) => (a.due! < b.due! ? -1 : a.due! > b.due! ? 1 : 0));
}

const CLOCKS = new Set([0n, 1n, 7n]);
const ABSOLUTE = 1n;
const TIMER_FLAGS = 3n;

function init(env: HelperEnvironment, address: GuestAddress, map: GuestAddress): bigint {
  if (env.memory.readUint(address, 8) !== 0n) return fail(Errno.EBUSY);
  env.memory.writeUint(address, 8, address);
  tableOf(env.memory).set(address, { address, map, callback: 0n, due: null });
  return 0n;
}

const setCallback: Helper = (env, [address, callback]) => {
  const work = workAt(env.memory, address);
  if (work === null) return fail(Errno.EINVAL);
  work.callback = callback;
  return 0n;
};

const startTimer: Helper = (env, [address, ns, flags]) => {
  const work = workAt(env.memory, address);
  if ((flags & ~TIMER_FLAGS) !== 0n || work === null || work.callback === 0n) return fail(Errno.EINVAL);
  work.due = (flags & ABSOLUTE) === 0n ? env.now() + ns : ns;
  return 0n;
};

/** Answers 1 when it was started. */
const cancel: Helper = (env, [address]) => {
  const work = workAt(env.memory, address);
  if (work === null) return fail(Errno.EINVAL);
  const wasStarted = work.due !== null;
  work.due = null;
  return wasStarted ? 1n : 0n;
};

const startWork: Helper = (env, [address, flags]) => {
  const work = workAt(env.memory, address);
  if (flags !== 0n || work === null || work.callback === 0n) return fail(Errno.EINVAL);
  work.due = env.now();
  return 0n;
};

/** Timers and workqueues: started here, run by {@link LoadedProgram.runDeferred}. */
export const timerHelpers: HelperTable = {
  bpf_timer_init: (env, [timer, map, clock]) =>
    CLOCKS.has(clock) ? init(env, timer, map) : fail(Errno.EINVAL),
  bpf_timer_set_callback: setCallback,
  bpf_timer_start: startTimer,
  bpf_timer_cancel: cancel,
  bpf_wq_init: (env, [queue, map, flags]) => (flags === 0n ? init(env, queue, map) : fail(Errno.EINVAL)),
  bpf_wq_set_callback_impl: (env, [queue, callback, flags]) =>
    flags === 0n ? setCallback(env, [queue, callback]) : fail(Errno.EINVAL),
  bpf_wq_start: startWork,
};

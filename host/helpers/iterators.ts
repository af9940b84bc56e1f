import { Errno } from '../maps/errno.js';
import type { GuestAddress } from '../quantities.js';
import { tryRead } from './guest-string.js';
import { type Helper, type HelperEnvironment, type HelperTable, fail, s32, u32 } from './helper.js';

const MAX_WORDS = 511;
const WORD = 8;
const word = (env: HelperEnvironment, address: GuestAddress): bigint => env.memory.readUint(address, 8);
const setWord = (env: HelperEnvironment, address: GuestAddress, value: bigint): void =>
  env.memory.writeUint(address, 8, value);

// struct bpf_iter_bits: copy of the bits, then their number and the current one, s32 each.
const BIT_COUNT = 8n;
const BIT = 12n;

const newBits: Helper = (env, [iterator, source, count]) => {
  const words = u32(count);
  setWord(env, iterator, 0n);
  setWord(env, iterator + BIT_COUNT, 0n);
  if (source === 0n || words === 0) return fail(Errno.EINVAL);
  if (words > MAX_WORDS) return fail(Errno.E2BIG);
  const bytes = tryRead(env.memory, source, words * WORD);
  if (!bytes) return fail(Errno.EFAULT);
  const copy = env.memory.alloc('direct', bytes.length);
  env.memory.write(copy, bytes);
  setWord(env, iterator, copy);
  env.memory.writeUint(iterator + BIT_COUNT, 4, BigInt(words * 64));
  env.memory.writeUint(iterator + BIT, 4, 0xffffffffn);
  return 0n;
};

const nextBit: Helper = (env, [iterator]) => {
  const count = s32(word(env, iterator + BIT_COUNT));
  const copy = word(env, iterator);
  for (let bit = s32(env.memory.readUint(iterator + BIT, 4)) + 1; bit < count; bit++) {
    const byte = env.memory.readUint(copy + BigInt(bit >> 3), 1);
    if (((byte >> BigInt(bit & 7)) & 1n) === 0n) continue;
    env.memory.writeUint(iterator + BIT, 4, BigInt(bit));
    return iterator + BIT;
  }
  env.memory.writeUint(iterator + BIT_COUNT, 4, 0n);
  return 0n;
};

const endBits: Helper = (env, [iterator]) => {
  const copy = word(env, iterator);
  if (copy !== 0n) env.memory.free(copy);
  setWord(env, iterator, 0n);
  return 0n;
};

// Iterators over kernel objects: what comes next (0 = nothing more), and where the round began.
const START = 8n;
const ALL_PROCESSES = 0;
const ALL_THREADS = 1;
const THREADS_OF_ONE = 2;

const begin = (env: HelperEnvironment, iterator: GuestAddress, first: GuestAddress): bigint => {
  setWord(env, iterator, first);
  return 0n;
};

const end: Helper = (env, [iterator]) => begin(env, iterator, 0n);

/** Tasks are those in the list that the running task is in; threads are their own processes. */
const newTasks: Helper = (env, [iterator, task, flags]) => {
  begin(env, iterator, 0n);
  switch (u32(flags)) {
    case ALL_PROCESSES:
    case ALL_THREADS:
      setWord(env, iterator + START, env.currentTask);
      return begin(env, iterator, env.currentTask);
    case THREADS_OF_ONE:
      setWord(env, iterator + START, task);
      return task === 0n ? fail(Errno.EINVAL) : begin(env, iterator, task);
    default:
      return fail(Errno.EINVAL);
  }
};

const nextTask: Helper = (env, [iterator]) => {
  const task = word(env, iterator);
  if (task === 0n) return 0n;
  const object = env.object('task_struct', task);
  const list = object.addressOf('tasks');
  const following = object.uint('tasks.next');
  const next = following === 0n ? 0n : following - (list - task);
  const isKnown =
    next !== 0n && next !== word(env, iterator + START) && env.memory.isMapped(next, object.size);
  setWord(env, iterator, isKnown ? next : 0n);
  return task;
};

const once: Helper = (env, [iterator]) => {
  const object = word(env, iterator);
  setWord(env, iterator, 0n);
  return object;
};

const CSS_ORDERS = 3;

/** The cgroup itself: it has no children here. */
const newCgroups: Helper = (env, [iterator, start, order]) => {
  begin(env, iterator, 0n);
  const isOrder = u32(order) >= 1 && u32(order) <= CSS_ORDERS;
  return isOrder ? begin(env, iterator, start) : fail(Errno.EINVAL);
};

export const iteratorHelpers: HelperTable = {
  bpf_iter_bits_new: newBits,
  bpf_iter_bits_next: nextBit,
  bpf_iter_bits_destroy: endBits,
  bpf_iter_task_new: newTasks,
  bpf_iter_task_next: nextTask,
  bpf_iter_task_destroy: end,
  bpf_iter_css_new: newCgroups,
  bpf_iter_css_next: once,
  bpf_iter_css_destroy: end,
  // Tasks of a cgroup and areas of an address space: the running task, and none.
  bpf_iter_css_task_new: (env, [iterator]) => begin(env, iterator, env.currentTask),
  bpf_iter_css_task_next: once,
  bpf_iter_css_task_destroy: end,
  bpf_iter_task_vma_new: (env, [iterator]) => begin(env, iterator, 0n),
  bpf_iter_task_vma_next: () => 0n,
  bpf_iter_task_vma_destroy: end,
};

import { Errno } from '../maps/errno.js';
import { type Helper, type HelperTable, fail, s32, u32 } from './helper.js';

const MAX_LOOPS = 1 << 23;

const loop: Helper = (env, [count, callback, context, flags]) => {
  const rounds = u32(count);
  if (flags !== 0n) return fail(Errno.EINVAL);
  if (rounds > MAX_LOOPS) return fail(Errno.E2BIG);
  for (let round = 0; round < rounds; round++)
    if (env.call(callback, BigInt(round), context) !== 0n) return BigInt(round + 1);
  return BigInt(rounds);
};

// struct bpf_iter_num: current number and end, s32 each.
const newNumbers: Helper = (env, [iterator, start, end]) => {
  const [first, last] = [s32(start), s32(end)];
  const errno = first > last ? Errno.EINVAL : last - first > MAX_LOOPS ? Errno.E2BIG : 0;
  env.memory.writeUint(iterator, 4, BigInt(errno === 0 ? first - 1 : 0));
  env.memory.writeUint(iterator + 4n, 4, BigInt(errno === 0 ? last : 0));
  return errno === 0 ? 0n : fail(errno);
};

const nextNumber: Helper = (env, [iterator]) => {
  const next = s32(env.memory.readUint(iterator, 4)) + 1;
  if (next >= s32(env.memory.readUint(iterator + 4n, 4))) return endNumbers(env, [iterator]);
  env.memory.writeUint(iterator, 4, BigInt(next));
  return iterator;
};

const endNumbers: Helper = (env, [iterator]) => {
  env.memory.writeUint(iterator, 8, 0n);
  return 0n;
};

export const loopHelpers: HelperTable = {
  bpf_loop: loop,
  bpf_iter_num_new: newNumbers,
  bpf_iter_num_next: nextNumber,
  bpf_iter_num_destroy: endNumbers,
};

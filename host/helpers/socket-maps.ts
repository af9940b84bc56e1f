import { MapError } from '../errors.js';
import { keyIndex, littleEndian } from '../maps/bpf-map.js';
import { Errno } from '../maps/errno.js';
import { PointerArrayMap } from '../maps/pointer-array-map.js';
import type { GuestAddress } from '../quantities.js';
import { type Helper, type HelperEnvironment, type HelperTable, fail, mapArgument, u32 } from './helper.js';

const SK_DROP = 0n;
const SK_PASS = 1n;
const INGRESS = 1n;

/** The socket that a map has under a key, 0 = none. */
function socketIn(env: HelperEnvironment, address: GuestAddress, key: Uint8Array): GuestAddress {
  const map = mapArgument(env, address);
  if (map instanceof PointerArrayMap) return map.objectAt(keyIndex(key));
  const cell = map.find(key);
  return cell === 0n ? 0n : env.memory.readUint(cell, map.spec.valueSize === 8 ? 8 : 4);
}

/** Puts the context's socket into the map. */
const update: Helper = (env, [context, address, key, flags]) => {
  const map = mapArgument(env, address);
  const socket = env.object('bpf_sock_ops_kern', context).uint('sk');
  if (socket === 0n) return fail(Errno.EINVAL);
  const place = env.memory.read(key, map.spec.keySize);
  try {
    map.update(place, map instanceof PointerArrayMap ? { address: socket } : socket, flags);
    return 0n;
  } catch (error) {
    if (error instanceof MapError && error.errno !== 0) return fail(error.errno);
    throw error;
  }
};

const isPassed = (socket: GuestAddress, flags: bigint): bigint =>
  (flags & ~INGRESS) === 0n && socket !== 0n ? SK_PASS : SK_DROP;

/** To the socket at an index: passed on when there is one. */
const redirectIndex: Helper = (env, [, map, index, flags]) =>
  isPassed(socketIn(env, map, littleEndian(BigInt(u32(index)), 4)), flags);

const redirectKey: Helper = (env, [, map, key, flags]) =>
  isPassed(socketIn(env, map, env.memory.read(key, mapArgument(env, map).spec.keySize)), flags);

/** One of the listening sockets in a map. */
const select: Helper = (env, [, map, key, flags]) => {
  if (flags !== 0n) return fail(Errno.EINVAL);
  const socket = socketIn(env, map, env.memory.read(key, mapArgument(env, map).spec.keySize));
  return socket === 0n ? fail(Errno.ENOENT) : 0n;
};

const setField =
  (field: string): Helper =>
  (env, [context, bytes]) => {
    env.object('sk_msg', context).set(field, u32(bytes));
    return 0n;
  };

/** Messages here are in one piece: the range must lie in it. */
const pull: Helper = (env, [context, start, end, flags]) => {
  const size = env.object('sk_msg', context).uint('sg.size');
  const [first, last] = [BigInt(u32(start)), BigInt(u32(end))];
  return flags !== 0n || first >= last || last > size ? fail(Errno.EINVAL) : 0n;
};

/** Sockets in maps, and messages sent through them. */
export const socketMapHelpers: HelperTable = {
  bpf_sock_map_update: update,
  bpf_sock_hash_update: update,
  sk_select_reuseport: select,
  bpf_sk_redirect_map: redirectIndex,
  bpf_msg_redirect_map: redirectIndex,
  bpf_sk_redirect_hash: redirectKey,
  bpf_msg_redirect_hash: redirectKey,
  bpf_msg_apply_bytes: setField('apply_bytes'),
  bpf_msg_cork_bytes: setField('cork_bytes'),
  bpf_msg_pull_data: pull,
};

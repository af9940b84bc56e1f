import { Errno } from '../maps/errno.js';
import type { GuestAddress } from '../quantities.js';
import {
  type Helper,
  type HelperEnvironment,
  type HelperTable,
  answer,
  fail,
  mapArgument,
  u32,
} from './helper.js';

const SK_DROP = 0n;
const SK_PASS = 1n;
const INGRESS = 1n;

/** Puts the context's socket into the map, as the number its address gives. */
const update: Helper = (env, [context, address, key, flags]) => {
  const map = mapArgument(env, address);
  const socket = env.object('bpf_sock_ops_kern', context).uint('sk');
  if (socket === 0n) return fail(Errno.EINVAL);
  const value = new Uint8Array(map.spec.valueSize);
  const view = new DataView(value.buffer);
  if (value.length === 8) view.setBigUint64(0, socket, true);
  else view.setUint32(0, u32(socket), true);
  return answer(map.store(env.memory.read(key, map.spec.keySize), value, flags));
};

function hasSocket(env: HelperEnvironment, address: GuestAddress, key: Uint8Array): boolean {
  const cell = mapArgument(env, address).find(key);
  return cell !== 0n && env.memory.readUint(cell, 4) !== 0n;
}

/** To the socket at an index: passed on when there is one. */
const redirectIndex: Helper = (env, [, map, index, flags]) => {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, u32(index), true);
  return (flags & ~INGRESS) === 0n && hasSocket(env, map, key) ? SK_PASS : SK_DROP;
};

const redirectKey: Helper = (env, [, map, key, flags]) => {
  const bytes = env.memory.read(key, mapArgument(env, map).spec.keySize);
  return (flags & ~INGRESS) === 0n && hasSocket(env, map, bytes) ? SK_PASS : SK_DROP;
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
  bpf_sk_redirect_map: redirectIndex,
  bpf_msg_redirect_map: redirectIndex,
  bpf_sk_redirect_hash: redirectKey,
  bpf_msg_redirect_hash: redirectKey,
  bpf_msg_apply_bytes: setField('apply_bytes'),
  bpf_msg_cork_bytes: setField('cork_bytes'),
  bpf_msg_pull_data: pull,
};

import { Errno } from '../maps/errno.js';
import type { GuestAddress } from '../quantities.js';
import { type Helper, type HelperEnvironment, type HelperTable, fail, u32 } from './helper.js';
import { runState } from './run-state.js';

const ENOPROTOOPT = 92;
const CB_FLAGS = 0x7fn;

/** Options that programs set, by socket, level and name. */
const options = runState(() => new Map<string, Uint8Array>());
const nameOf = (socket: GuestAddress, level: bigint, name: bigint): string =>
  `${socket}:${u32(level)}:${u32(name)}`;

type SocketOf = (env: HelperEnvironment, context: GuestAddress) => GuestAddress;
const itself: SocketOf = (_, socket) => socket;
const ofAddress: SocketOf = (env, context) => env.object('bpf_sock_addr_kern', context).uint('sk');
const ofOperations: SocketOf = (env, context) => env.object('bpf_sock_ops_kern', context).uint('sk');

const set =
  (socket: SocketOf): Helper =>
  (env, [context, level, name, value, size]) => {
    options(env).set(nameOf(socket(env, context), level, name), env.memory.read(value, u32(size)));
    return 0n;
  };

/** What was set before; zeros and -ENOPROTOOPT else. */
const get =
  (socket: SocketOf): Helper =>
  (env, [context, level, name, to, size]) => {
    const value = options(env).get(nameOf(socket(env, context), level, name));
    const bytes = new Uint8Array(u32(size));
    if (value !== undefined) bytes.set(value.subarray(0, bytes.length));
    env.memory.write(to, bytes);
    return value === undefined ? fail(ENOPROTOOPT) : 0n;
  };

/** Sets the known flags of the socket; answers those that are not known. */
const callbackFlags: Helper = (env, [context, flags]) => {
  const socket = ofOperations(env, context);
  if (socket === 0n) return fail(Errno.EINVAL);
  env.object('tcp_sock', socket).set('bpf_sock_ops_cb_flags', flags & CB_FLAGS);
  return BigInt(u32(flags)) & ~CB_FLAGS;
};

const SHORT_ADDRESS = 16;

/** Names and options of sockets. */
export const socketOptionHelpers: HelperTable = {
  bpf_sk_setsockopt: set(itself),
  bpf_sk_getsockopt: get(itself),
  bpf_unlocked_sk_setsockopt: set(itself),
  bpf_unlocked_sk_getsockopt: get(itself),
  bpf_sock_addr_setsockopt: set(ofAddress),
  bpf_sock_addr_getsockopt: get(ofAddress),
  bpf_sock_ops_setsockopt: set(ofOperations),
  bpf_sock_ops_getsockopt: get(ofOperations),
  bpf_sock_ops_cb_flags_set: callbackFlags,
  bpf_bind: (_, [, , size]) => (u32(size) < SHORT_ADDRESS ? fail(Errno.EINVAL) : 0n),
};

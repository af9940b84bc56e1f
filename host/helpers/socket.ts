import { Errno } from '../maps/errno.js';
import type { GuestAddress } from '../quantities.js';
import { type Helper, type HelperEnvironment, type HelperTable, fail, s32, u32 } from './helper.js';

const AF_UNIX = 1n;
const AF_INET = 2n;
const AF_INET6 = 10n;
const IPPROTO_TCP = 6n;
const IPPROTO_UDP = 17n;
const TCP_TIME_WAIT = 6n;
const TCP_NEW_SYN_RECV = 12n;
const FIB_NOT_FORWARDED = 4n;
const LOOPBACK_MTU = 65536n;
/** The initial network namespace. */
const NETNS_COOKIE = 1n;

/** Sockets number themselves when first asked: here by where they lie. */
const cookieOf = (socket: GuestAddress): bigint => (socket === 0n ? 0n : (socket >> 4n) & 0xffffffffn);

const cookieFromSkb: Helper = (env, [context]) => cookieOf(env.object('sk_buff', context).uint('sk'));
const cookieOfSocket: Helper = (_, [socket]) => cookieOf(socket);
/** Of the socket that a context is about. */
const cookieBehind =
  (struct: string): Helper =>
  (env, [context]) =>
    cookieOf(env.object(struct, context).uint('sk'));

/** No socket listens in this kernel. */
const noSocket: Helper = () => 0n;

/** The socket when it is of that protocol (and family, when one is named), else NULL. */
function castTo(protocol: bigint, family?: bigint): Helper {
  return (env, [socket]) => {
    if (socket === 0n) return 0n;
    const sock = env.object('sock', socket);
    const families = family === undefined ? [AF_INET, AF_INET6] : [family];
    const fits =
      sock.uint('sk_protocol') === protocol && families.includes(sock.uint('__sk_common.skc_family'));
    return fits ? socket : 0n;
  };
}

function ofFamily(family: bigint): Helper {
  return (env, [socket]) => {
    if (socket === 0n) return 0n;
    return env.object('sock', socket).uint('__sk_common.skc_family') === family ? socket : 0n;
  };
}

function inState(state: bigint): Helper {
  return (env, [socket]) => {
    if (socket === 0n) return 0n;
    return env.object('sock', socket).uint('__sk_common.skc_state') === state ? socket : 0n;
  };
}

/** The socket of a packet has the whole struct sock, unless it waits or is a request. */
const fullSocket: Helper = (env, [socket]) => {
  if (socket === 0n) return 0n;
  const state = env.object('sock', socket).uint('__sk_common.skc_state');
  return state === TCP_TIME_WAIT || state === TCP_NEW_SYN_RECV ? 0n : socket;
};

/** Compares a length with loopback's MTU: 0 fits, 1 does not. */
function checkMtu(length: (env: HelperEnvironment, context: GuestAddress) => bigint): Helper {
  return (env, [context, , result, difference, flags]) => {
    if ((flags & ~1n) !== 0n) return fail(Errno.EINVAL);
    const asked = env.memory.readUint(result, 4);
    env.memory.writeUint(result, 4, LOOPBACK_MTU);
    const size = (asked === 0n ? length(env, context) : asked) + BigInt(s32(difference));
    return size > LOOPBACK_MTU ? 1n : 0n;
  };
}

const skbLength = (env: HelperEnvironment, context: GuestAddress): bigint =>
  env.object('sk_buff', context).uint('len');
const xdpLength = (env: HelperEnvironment, context: GuestAddress): bigint => {
  const xdp = env.object('xdp_buff', context);
  return xdp.uint('data_end') - xdp.uint('data');
};

const namespaceCookie: Helper = () => NETNS_COOKIE;

export const socketHelpers: HelperTable = {
  bpf_get_socket_cookie: cookieFromSkb,
  bpf_get_socket_cookie_sock: cookieOfSocket,
  bpf_get_socket_ptr_cookie: cookieOfSocket,
  bpf_get_socket_cookie_sock_ops: cookieBehind('bpf_sock_ops_kern'),
  bpf_get_socket_cookie_sock_addr: cookieBehind('bpf_sock_addr_kern'),
  bpf_get_netns_cookie: namespaceCookie,
  bpf_get_netns_cookie_sock: namespaceCookie,
  bpf_get_netns_cookie_sock_addr: namespaceCookie,
  bpf_get_netns_cookie_sock_ops: namespaceCookie,
  bpf_get_netns_cookie_sockopt: namespaceCookie,
  bpf_get_netns_cookie_sk_msg: namespaceCookie,
  bpf_sk_lookup_tcp: noSocket,
  bpf_sk_lookup_udp: noSocket,
  bpf_skc_lookup_tcp: noSocket,
  bpf_tc_sk_lookup_tcp: noSocket,
  bpf_tc_sk_lookup_udp: noSocket,
  bpf_tc_skc_lookup_tcp: noSocket,
  bpf_xdp_sk_lookup_tcp: noSocket,
  bpf_xdp_sk_lookup_udp: noSocket,
  bpf_xdp_skc_lookup_tcp: noSocket,
  bpf_sock_addr_sk_lookup_tcp: noSocket,
  bpf_sock_addr_sk_lookup_udp: noSocket,
  bpf_sock_addr_skc_lookup_tcp: noSocket,
  bpf_get_listener_sock: noSocket,
  bpf_sk_release: () => 0n,
  bpf_sk_fullsock: fullSocket,
  bpf_tcp_sock: castTo(IPPROTO_TCP),
  bpf_skc_to_tcp_sock: castTo(IPPROTO_TCP),
  bpf_skc_to_tcp6_sock: castTo(IPPROTO_TCP, AF_INET6),
  bpf_skc_to_udp6_sock: castTo(IPPROTO_UDP, AF_INET6),
  bpf_skc_to_unix_sock: ofFamily(AF_UNIX),
  bpf_skc_to_mptcp_sock: noSocket,
  bpf_skc_to_tcp_timewait_sock: inState(TCP_TIME_WAIT),
  bpf_skc_to_tcp_request_sock: inState(TCP_NEW_SYN_RECV),
  bpf_sock_from_file: (env, [file]) => (file === 0n ? 0n : env.object('file', file).uint('private_data')),
  bpf_fib_lookup: () => FIB_NOT_FORWARDED,
  bpf_skb_fib_lookup: () => FIB_NOT_FORWARDED,
  bpf_xdp_fib_lookup: () => FIB_NOT_FORWARDED,
  bpf_skb_check_mtu: checkMtu(skbLength),
  bpf_xdp_check_mtu: checkMtu(xdpLength),
  bpf_sk_assign: () => 0n,
  bpf_sk_lookup_assign: () => 0n,
  bpf_sk_cgroup_id: () => 0n,
  bpf_sk_ancestor_cgroup_id: () => 0n,
  bpf_skb_ancestor_cgroup_id: () => 0n,
  bpf_skb_cgroup_classid: () => 0n,
  bpf_skb_set_tstamp: (env, [context, time, type]) => {
    if (u32(type) > 1) return fail(Errno.EINVAL);
    env.object('sk_buff', context).set('tstamp', u32(type) === 0 ? 0n : time);
    return 0n;
  },
};

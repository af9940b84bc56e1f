import { Errno } from '../maps/errno.js';
import type { GuestAddress } from '../quantities.js';
import { type Helper, type HelperTable, fail, u32 } from './helper.js';
import { runState } from './run-state.js';
import { setDataEnd, skbAt } from './skb.js';

/** Tunnel keys and options that programs set, by sk_buff. */
const tunnels = runState(() => new Map<GuestAddress, { key?: Uint8Array; options?: Uint8Array }>());
const TUNNEL_FLAGS = 0x1fn;
const KEY_SIZES = new Set([4, 28, 40, 44]);

const setKey: Helper = (env, [context, key, size, flags]) => {
  if ((flags & ~TUNNEL_FLAGS) !== 0n || !KEY_SIZES.has(u32(size))) return fail(Errno.EINVAL);
  tunnels(env).set(context, { key: env.memory.read(key, u32(size)) });
  return 0n;
};

const getKey: Helper = (env, [context, to, size]) => {
  const key = tunnels(env).get(context)?.key;
  const bytes = new Uint8Array(u32(size));
  if (key !== undefined) bytes.set(key.subarray(0, bytes.length));
  env.memory.write(to, bytes);
  return key === undefined ? fail(Errno.EINVAL) : 0n;
};

const setOptions: Helper = (env, [context, options, size]) => {
  const tunnel = tunnels(env).get(context);
  if (tunnel === undefined || u32(size) % 4 !== 0) return fail(Errno.EINVAL);
  tunnel.options = env.memory.read(options, u32(size));
  return 0n;
};

/** Answers how many bytes there are. */
const getOptions: Helper = (env, [context, to, size]) => {
  const options = tunnels(env).get(context)?.options;
  const bytes = new Uint8Array(u32(size));
  const fits = options !== undefined && options.length <= bytes.length;
  if (fits) bytes.set(options);
  env.memory.write(to, bytes);
  if (options === undefined) return fail(Errno.ENOENT);
  return fits ? BigInt(options.length) : fail(Errno.ENOMEM);
};

const ETHERNET = 14;
const IPV4 = 0x0008n;
const IPV6 = 0xdd86n;
const DIFFERENCE = 20;

/** Makes room for the longer header, or takes it away, behind the Ethernet header. */
const changeProtocol: Helper = (env, [context, protocol, flags]) => {
  const skb = skbAt(env, context);
  const [old, fresh] = [skb.uint('protocol'), protocol & 0xffffn];
  const pairs = [old, fresh].every((one) => one === IPV4 || one === IPV6);
  if (flags !== 0n) return fail(Errno.EINVAL);
  if (!pairs || old === fresh) return fail(Errno.ENOTSUPP);
  const change = fresh === IPV6 ? DIFFERENCE : -DIFFERENCE;
  const data = skb.uint('data');
  const start = data - BigInt(change);
  if (start < skb.uint('head')) return fail(Errno.ENOMEM);
  const front = env.memory.read(data, ETHERNET);
  if (change > 0) env.memory.write(start, new Uint8Array(ETHERNET + change));
  env.memory.write(start, front);
  const mac = start - skb.uint('head');
  skb
    .set('data', start)
    .set('len', skb.uint('len') + BigInt(change))
    .set('protocol', fresh)
    .set('mac_header', mac)
    .set('network_header', mac + BigInt(ETHERNET));
  setDataEnd(env, skb);
  return 0n;
};

/** The packet of a flow dissector: an sk_buff, or the bytes between two addresses. */
const dissectorBytes: Helper = (env, [context, offset, to, size]) => {
  const dissector = env.object('bpf_flow_dissector', context);
  const packet = dissector.uint('skb');
  const skb = packet === 0n ? null : skbAt(env, packet);
  const start = skb === null ? dissector.uint('data') : skb.uint('data');
  const end = skb === null ? dissector.uint('data_end') : start + skb.uint('len');
  const from = start + BigInt(u32(offset));
  const fits = u32(offset) <= 0xffff && from + BigInt(u32(size)) <= end;
  env.memory.write(to, fits ? env.memory.read(from, u32(size)) : new Uint8Array(u32(size)));
  return fits ? 0n : fail(Errno.EFAULT);
};

/** Tunnel keys, the protocol, and the packet as other contexts hold it. */
export const packetMetadataHelpers: HelperTable = {
  bpf_skb_set_tunnel_key: setKey,
  bpf_skb_get_tunnel_key: getKey,
  bpf_skb_set_tunnel_opt: setOptions,
  bpf_skb_get_tunnel_opt: getOptions,
  bpf_skb_change_proto: changeProtocol,
  bpf_flow_dissector_load_bytes: dissectorBytes,
};

import { Errno } from '../maps/errno.js';
import type { KernelObject } from '../mm/kernel-object.js';
import type { GuestAddress } from '../quantities.js';
import { checksumAdd, checksumReplace, checksumSum } from './checksum.js';
import { type Helper, type HelperEnvironment, type HelperTable, fail, s32, u32 } from './helper.js';

const SKF_NET_OFF = -0x100000;
const SKF_LL_OFF = -0x200000;
const MAX_OFFSET = 0xffff;
const PSEUDO_HEADER = 0x10n;
const MARK_MANGLED_0 = 0x20n;
const FIELD_SIZE = 0xfn;
/** data_end of packet programs, in the control block of the sk_buff. */
const DATA_END = 40n;

export const skbAt = (env: HelperEnvironment, address: GuestAddress): KernelObject =>
  env.object('sk_buff', address);

/** Address of `size` bytes at an offset from the packet data, or null outside the packet. */
function packetRange(skb: KernelObject, offset: number, size: number): GuestAddress | null {
  if (offset < 0 || offset + size > Number(skb.uint('len'))) return null;
  return skb.uint('data') + BigInt(offset);
}

/** LD_ABS and LD_IND: offsets below 0 count from the network or link header. */
function loader(size: 1 | 2 | 4): Helper {
  return (env, [context, offset]) => {
    const skb = skbAt(env, context);
    const at = s32(offset);
    const address = at >= 0 ? packetRange(skb, at, size) : headerRange(skb, at, size);
    if (address === null) return fail(Errno.EFAULT);
    const bytes = env.memory.read(address, size);
    return BigInt(bytes.reduce((value, byte) => value * 256 + byte, 0));
  };
}

function headerRange(skb: KernelObject, offset: number, size: number): GuestAddress | null {
  if (offset < SKF_LL_OFF) return null;
  const head = skb.uint('head');
  const network = offset >= SKF_NET_OFF;
  const start = head + skb.uint(network ? 'network_header' : 'mac_header');
  const address = start + BigInt(offset - (network ? SKF_NET_OFF : SKF_LL_OFF));
  return address >= head && address + BigInt(size) <= head + skb.uint('tail') ? address : null;
}

const loadBytes: Helper = (env, [context, offset, to, size]) => {
  const length = u32(size);
  const at = u32(offset);
  const address = at > 0x7fffffff ? null : packetRange(skbAt(env, context), at, length);
  env.memory.write(to, address === null ? new Uint8Array(length) : env.memory.read(address, length));
  return address === null ? fail(Errno.EFAULT) : 0n;
};

/** BPF_HDR_START_MAC 0, BPF_HDR_START_NET 1. */
const loadBytesRelative: Helper = (env, [context, offset, to, size, from]) => {
  const skb = skbAt(env, context);
  const length = u32(size);
  const header = from === 0n ? 'mac_header' : from === 1n ? 'network_header' : null;
  const start = header === null ? 0n : skb.uint('head') + skb.uint(header) + BigInt(u32(offset));
  const end = skb.uint('head') + skb.uint('tail');
  const fits = header !== null && u32(offset) <= MAX_OFFSET && start + BigInt(length) <= end;
  env.memory.write(to, fits ? env.memory.read(start, length) : new Uint8Array(length));
  return fits ? 0n : fail(Errno.EFAULT);
};

/** The packet that a listening socket is chosen for. */
function ofReuseport(load: Helper): Helper {
  return (env, [context, ...rest]) =>
    load(env, [env.object('sk_reuseport_kern', context).uint('skb'), ...rest]);
}

const storeBytes: Helper = (env, [context, offset, from, size, flags]) => {
  if (flags > 3n) return fail(Errno.EINVAL);
  if (u32(offset) > 0x7fffffff) return fail(Errno.EFAULT);
  const address = packetRange(skbAt(env, context), u32(offset), u32(size));
  if (address === null) return fail(Errno.EFAULT);
  env.memory.write(address, env.memory.read(from, u32(size)));
  return 0n;
};

/** The difference between two values of 2 or 4 bytes; with size 0 `to` is the difference itself. */
function difference(from: bigint, to: bigint, size: bigint): number | null {
  if (size === 0n) return from === 0n ? u32(to) : null;
  if (size !== 2n && size !== 4n) return null;
  const bits = Number(size) * 8;
  return checksumSum(~Number(BigInt.asUintN(bits, from)) >>> 0, Number(BigInt.asUintN(bits, to)));
}

function checksumReplacer(layer4: boolean): Helper {
  return (env, [context, offset, from, to, flags]) => {
    const at = u32(offset);
    if (at > MAX_OFFSET || at % 2 !== 0) return fail(Errno.EFAULT);
    const address = packetRange(skbAt(env, context), at, 2);
    if (address === null) return fail(Errno.EFAULT);
    const change = difference(from, to, flags & FIELD_SIZE);
    if (change === null || (!layer4 && (flags & PSEUDO_HEADER) !== 0n)) return fail(Errno.EINVAL);
    const field = Number(env.memory.readUint(address, 2));
    const mangled = layer4 && (flags & MARK_MANGLED_0) !== 0n;
    if (mangled && field === 0) return 0n;
    const replaced = checksumReplace(field, change);
    env.memory.writeUint(address, 2, BigInt(mangled && replaced === 0 ? 0xffff : replaced));
    return 0n;
  };
}

const checksumDiff: Helper = (env, [from, fromSize, to, toSize, seed]) => {
  const [old, fresh] = [u32(fromSize), u32(toSize)];
  if (old % 4 !== 0 || fresh % 4 !== 0) return fail(Errno.EINVAL);
  const inverted = old === 0 ? new Uint8Array(0) : env.memory.read(from, old).map((byte) => ~byte & 0xff);
  const sum = checksumAdd(inverted, u32(seed));
  return BigInt(checksumAdd(fresh === 0 ? new Uint8Array(0) : env.memory.read(to, fresh), sum));
};

/** Packets here are in one piece, always writable: only the pointers are set anew. */
const pullData: Helper = (env, [context, size]) => {
  const skb = skbAt(env, context);
  if (u32(size) > Number(skb.uint('len'))) return fail(Errno.ENOMEM);
  setDataEnd(env, skb);
  return 0n;
};

export function setDataEnd(env: Pick<HelperEnvironment, 'memory'>, skb: KernelObject): void {
  env.memory.writeUint(skb.addressOf('cb') + DATA_END, 8, skb.uint('data') + skb.uint('len'));
}

/** Grows with zeros, or cuts, the end of the packet. */
const changeTail: Helper = (env, [context, length, flags]) => {
  const skb = skbAt(env, context);
  const [old, fresh] = [Number(skb.uint('len')), u32(length)];
  if (flags !== 0n) return fail(Errno.EINVAL);
  const start = skb.uint('data') - skb.uint('head');
  if (fresh < 14 || start + BigInt(fresh) > skb.uint('end')) return fail(Errno.ENOMEM);
  if (fresh > old) env.memory.write(skb.uint('data') + BigInt(old), new Uint8Array(fresh - old));
  skb.set('len', fresh).set('tail', start + BigInt(fresh));
  setDataEnd(env, skb);
  return 0n;
};

/** Opens `size` zero bytes in front of the packet. */
const changeHead: Helper = (env, [context, size, flags]) => {
  const skb = skbAt(env, context);
  const room = BigInt(u32(size));
  if (flags !== 0n) return fail(Errno.EINVAL);
  if (skb.uint('data') - skb.uint('head') < room) return fail(Errno.ENOMEM);
  const data = skb.uint('data') - room;
  env.memory.write(data, new Uint8Array(Number(room)));
  skb
    .set('data', data)
    .set('len', skb.uint('len') + room)
    .set('mac_header', data - skb.uint('head'));
  setDataEnd(env, skb);
  return 0n;
};

const ADJUST_NET = 0n;
const ADJUST_MAC = 1n;
const IP_HEADERS: Readonly<Record<number, number>> = { 4: 20, 6: 40 };

/** Opens or closes room behind the Ethernet header, or behind the network header (ADJUST_NET). */
const adjustRoom: Helper = (env, [context, delta, mode, flags]) => {
  const skb = skbAt(env, context);
  const change = s32(delta);
  const data = skb.uint('data');
  const ethernet = 14;
  const version = Number(env.memory.readUint(data + BigInt(ethernet), 1)) >> 4;
  const header = mode === ADJUST_MAC ? 0 : mode === ADJUST_NET ? IP_HEADERS[version] : undefined;
  if (header === undefined || flags > 0xffffn) return fail(Errno.EINVAL);
  const fixed = ethernet + header;
  const length = Number(skb.uint('len')) + change;
  if (length < fixed || Math.abs(change) > 4095) return fail(Errno.ENOTSUPP);
  if (data - BigInt(change) < skb.uint('head')) return fail(Errno.ENOMEM);
  const start = data - BigInt(change);
  const front = env.memory.read(data, fixed);
  if (change > 0) env.memory.write(start, new Uint8Array(fixed + change));
  env.memory.write(start, front);
  const mac = start - skb.uint('head');
  skb
    .set('data', start)
    .set('len', length)
    .set('mac_header', mac)
    .set('network_header', mac + BigInt(ethernet));
  setDataEnd(env, skb);
  return 0n;
};

const vlanPush: Helper = (env, [context, protocol, tci]) => {
  skbAt(env, context)
    .set('vlan_proto', protocol & 0xffffn)
    .set('vlan_tci', tci & 0xffffn);
  return 0n;
};

const vlanPop: Helper = (env, [context]) => {
  skbAt(env, context).set('vlan_proto', 0).set('vlan_tci', 0);
  return 0n;
};

const QUERY_LEVEL = 0n;
const LEVEL_RESET = 3n;

/** No checksum of these packets was found right by hardware: there is no level to change or to ask for. */
const checksumLevel: Helper = (_, [, level]) => {
  if (level > LEVEL_RESET) return fail(Errno.EINVAL);
  return level === QUERY_LEVEL ? fail(Errno.EACCES) : 0n;
};

const ECN = 3n;
const IPV4_CHECKSUM = 10n;

/** Marks a packet whose sender knows ECN (RFC 3168) as having met congestion: 1 when it is marked now. */
const markCongestion: Helper = (env, [context]) => {
  const skb = skbAt(env, context);
  const header = skb.uint('head') + skb.uint('network_header');
  const version = Number(env.memory.readUint(header, 1)) >> 4;
  const shift = version === 6 ? 4n : 0n;
  const field = header + 1n;
  const old = env.memory.readUint(field, 1);
  if (IP_HEADERS[version] === undefined || ((old >> shift) & ECN) === 0n) return 0n;
  const marked = old | (ECN << shift);
  env.memory.writeUint(field, 1, marked);
  if (version === 4 && marked !== old) {
    const change = checksumSum(~Number(old << 8n) >>> 0, Number(marked << 8n));
    const sum = Number(env.memory.readUint(header + IPV4_CHECKSUM, 2));
    env.memory.writeUint(header + IPV4_CHECKSUM, 2, BigInt(checksumReplace(sum, change)));
  }
  return 1n;
};

/** Stands for nobody: the packet has no socket (overflowuid). */
const NOBODY = 65534n;

const socketUid: Helper = (env, [context]) => {
  const socket = skbAt(env, context).uint('sk');
  return socket === 0n ? NOBODY : env.object('sock', socket).uint('sk_uid.val');
};

const setType: Helper = (env, [context, type]) => {
  skbAt(env, context).set('pkt_type', type & 7n);
  return 0n;
};

export const skbHelpers: HelperTable = {
  bpf_skb_load_helper_8_no_cache: loader(1),
  bpf_skb_load_helper_16_no_cache: loader(2),
  bpf_skb_load_helper_32_no_cache: loader(4),
  bpf_skb_load_bytes: loadBytes,
  bpf_skb_load_bytes_relative: loadBytesRelative,
  bpf_skb_store_bytes: storeBytes,
  bpf_l3_csum_replace: checksumReplacer(false),
  bpf_l4_csum_replace: checksumReplacer(true),
  bpf_csum_diff: checksumDiff,
  bpf_csum_update: () => fail(Errno.ENOTSUPP),
  bpf_csum_level: checksumLevel,
  bpf_skb_pull_data: pullData,
  sk_skb_pull_data: pullData,
  bpf_skb_change_tail: changeTail,
  bpf_skb_change_head: changeHead,
  sk_skb_change_tail: changeTail,
  sk_skb_change_head: changeHead,
  bpf_skb_adjust_room: adjustRoom,
  sk_skb_adjust_room: adjustRoom,
  sk_reuseport_load_bytes: ofReuseport(loadBytes),
  sk_reuseport_load_bytes_relative: ofReuseport(loadBytesRelative),
  bpf_skb_change_type: setType,
  bpf_skb_ecn_set_ce: markCongestion,
  bpf_skb_vlan_push: vlanPush,
  bpf_skb_vlan_pop: vlanPop,
  bpf_get_hash_recalc: (env, [context]) => skbAt(env, context).uint('hash'),
  bpf_set_hash_invalid: (env, [context]) => (skbAt(env, context).set('hash', 0), 0n),
  bpf_set_hash: (env, [context, hash]) => (skbAt(env, context).set('hash', hash & 0xffffffffn), 0n),
  bpf_get_socket_uid: socketUid,
  bpf_skb_cgroup_id: () => 0n,
  bpf_skb_under_cgroup: () => 0n,
};

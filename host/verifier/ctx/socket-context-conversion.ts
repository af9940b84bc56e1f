import {
  BPF_ADD,
  BPF_B,
  BPF_DW,
  BPF_JEQ,
  BPF_MEM,
  BPF_REG_AX,
  BPF_ST,
  BPF_STX,
  BPF_W,
} from '../../../assembly/isa.js';
import {
  type Conversion,
  loadField,
  loadThrough,
  plainField,
  sizeCode,
  spareRegister,
} from './conversion.js';
import { loadFromSocket, tcpField } from './sock-conversion.js';

/** struct sk_msg_md is a struct sk_msg. */
export function convertSkMsg(access: Conversion): number {
  const { offsets, offset, src } = access;
  const msg = (name: string): number => offsets.of('sk_msg', name);
  switch (offset) {
    case 0:
      return loadField(access, 8, src, msg('data'));
    case 8:
      return loadField(access, 8, src, msg('data_end'));
    case 16:
      return loadFromSocket(access, msg('sk'), 'family');
    case 20:
      return loadFromSocket(access, msg('sk'), 'remoteIp4');
    case 24:
      return loadFromSocket(access, msg('sk'), 'localIp4');
    case 60:
      return loadFromSocket(access, msg('sk'), 'remotePort');
    case 64:
      return loadFromSocket(access, msg('sk'), 'localPort');
    case 68:
      return loadField(access, 4, src, msg('sg.size'));
    case 72:
      return loadField(access, 8, src, msg('sk'));
  }
  if (offset < 44) return loadFromSocket(access, msg('sk'), 'remoteIp6', offset - 28);
  return loadFromSocket(access, msg('sk'), 'localIp6', offset - 44);
}

/** struct bpf_sk_lookup is a struct bpf_sk_lookup_kern. */
export function convertSkLookup(access: Conversion): number {
  const { offsets, offset, src, sink, dst } = access;
  const kern = (name: string): number => offsets.of('bpf_sk_lookup_kern', name);
  switch (offset) {
    case 0:
      return loadField(access, 8, src, kern('selected_sk'));
    case 8:
      return loadField(access, 2, src, kern('family'));
    case 12:
      return loadField(access, 2, src, kern('protocol'));
    case 16:
      return loadField(access, 4, src, kern('v4.saddr'));
    case 36:
      return loadField(access, 2, src, kern('sport'));
    case 38:
      sink.movImm(dst, 0);
      return 2;
    case 40:
      return loadField(access, 4, src, kern('v4.daddr'));
    case 60:
      return loadField(access, 2, src, kern('dport'));
    case 64:
      return loadField(access, 4, src, kern('ingress_ifindex'));
  }
  const isRemote = offset < 40;
  sink.load(BPF_DW, dst, src, kern(isRemote ? 'v6.saddr' : 'v6.daddr'));
  sink.skipIfImm(BPF_JEQ, dst, 0, 1);
  return loadField(access, 4, dst, offset - (isRemote ? 20 : 44));
}

/** struct sk_reuseport_md is a struct sk_reuseport_kern. */
export function convertReuseport(access: Conversion): number {
  const { offsets, offset, src } = access;
  const kern = (name: string): number => offsets.of('sk_reuseport_kern', name);
  const skb = (bytes: number, name: string): number =>
    loadThrough(access, bytes, kern('skb'), offsets.of('sk_buff', name));
  switch (offset) {
    case 0:
      return skb(8, 'data');
    case 8:
      return loadField(access, 8, src, kern('data_end'));
    case 16:
      return skb(4, 'len');
    case 20:
      return skb(2, 'protocol');
    case 24: {
      const bytes = offsets.sizeAt('sock', 'sk_protocol', 2);
      return loadThrough(access, bytes, kern('sk'), offsets.of('sock', 'sk_protocol'));
    }
    case 28: {
      const bytes = offsets.sizeAt('sk_reuseport_kern', 'bind_inany', 1);
      return loadField(access, bytes, src, kern('bind_inany'));
    }
    case 32:
      return loadField(access, 4, src, kern('hash'));
    case 40:
      return loadField(access, 8, src, kern('sk'));
    default:
      return loadField(access, 8, src, kern('migrating_sk'));
  }
}

/** Fields of struct bpf_sock_ops from offset 76 on that struct tcp_sock has, by offset. */
const TCP_OF_SOCK_OPS = new Map<number, string>([
  [76, 'snd_cwnd'],
  [80, 'srtt_us'],
  [84, 'bpf_sock_ops_cb_flags'],
  ...[
    'rtt_min',
    'snd_ssthresh',
    'rcv_nxt',
    'snd_nxt',
    'snd_una',
    'mss_cache',
    'ecn_flags',
    'rate_delivered',
    'rate_interval_us',
    'packets_out',
    'retrans_out',
    'total_retrans',
    'segs_in',
    'data_segs_in',
    'segs_out',
    'data_segs_out',
    'lost_out',
    'sacked_out',
  ].map((name, index): [number, string] => [92 + index * 4, name]),
  [168, 'bytes_received'],
  [176, 'bytes_acked'],
]);

/** struct bpf_sock_ops is a struct bpf_sock_ops_kern. */
export function convertSockOps(access: Conversion): number {
  const { offsets, offset, src } = access;
  const kern = (name: string): number => offsets.of('bpf_sock_ops_kern', name);
  const skb = (bytes: number, name: string): number =>
    loadFromPacket(access, bytes, offsets.of('sk_buff', name));
  const tcp = TCP_OF_SOCK_OPS.get(offset);
  if (tcp !== undefined) {
    const [place, bytes] = tcpField(offsets, tcp);
    return loadIfFullSocket(access, bytes, place);
  }
  switch (offset) {
    case 0:
      return loadField(access, offsets.sizeAt('bpf_sock_ops_kern', 'op', 4), src, kern('op'));
    case 20:
      return loadFromSocket(access, kern('sk'), 'family');
    case 24:
      return loadFromSocket(access, kern('sk'), 'remoteIp4');
    case 28:
      return loadFromSocket(access, kern('sk'), 'localIp4');
    case 64:
      return loadFromSocket(access, kern('sk'), 'remotePort');
    case 68:
      return loadFromSocket(access, kern('sk'), 'localPort');
    case 72:
      return loadField(access, 1, src, kern('is_fullsock'));
    case 88:
      return loadThrough(access, 1, kern('sk'), offsets.of('sock_common', 'skc_state'));
    case 164: {
      const place = offsets.of('sock', 'sk_txhash');
      return access.isWrite ? storeIfFullSocket(access, 4, place) : loadIfFullSocket(access, 4, place);
    }
    case 184:
      return loadIfFullSocket(access, 8, null);
    case 192:
      return skb(8, 'data');
    case 200:
      return loadField(access, 8, src, kern('skb_data_end'));
    case 208:
      return skb(4, 'len');
    case 212:
      return loadFromPacket(access, 1, offsets.of('sk_buff', 'cb') + offsets.of('tcp_skb_cb', 'tcp_flags'));
    case 216:
      return loadTimestamp(access);
  }
  if (offset < 20) return plainField(access, 4, kern('args') + offset - 4);
  if (offset < 48) return loadFromSocket(access, kern('sk'), 'remoteIp6', offset - 32);
  return loadFromSocket(access, kern('sk'), 'localIp6', offset - 48);
}

/** Fields of a full socket; 0 when the socket is a mini socket. `place` null: the socket itself. */
function loadIfFullSocket(access: Conversion, bytes: number, place: number | null): number {
  const { sink, offsets, dst, src } = access;
  const kern = (name: string): number => offsets.of('bpf_sock_ops_kern', name);
  if (dst !== src) {
    sink.load(BPF_B, dst, src, kern('is_fullsock'));
    sink.skipIfImm(BPF_JEQ, dst, 0, place === null ? 1 : 2);
    sink.load(BPF_DW, dst, src, kern('sk'));
    return place === null ? bytes : loadField(access, bytes, dst, place);
  }
  sink.load(BPF_B, BPF_REG_AX, src, kern('is_fullsock'));
  sink.skipIfImm(BPF_JEQ, BPF_REG_AX, 0, place === null ? 2 : 3);
  sink.load(BPF_DW, dst, src, kern('sk'));
  if (place !== null) loadField(access, bytes, dst, place);
  sink.skipAlways(1);
  sink.movImm(dst, 0);
  return bytes;
}

/** Stores a field of a full socket; nothing happens to a mini socket. A spare register is kept in the context. */
function storeIfFullSocket(access: Conversion, bytes: number, place: number): number {
  const { sink, offsets, dst, src, isImmediate } = access;
  const kern = (name: string): number => offsets.of('bpf_sock_ops_kern', name);
  const spare = spareRegister(access);
  sink.store(BPF_DW, dst, spare, kern('temp'));
  sink.load(BPF_B, spare, dst, kern('is_fullsock'));
  sink.skipIfImm(BPF_JEQ, spare, 0, 2);
  sink.load(BPF_DW, spare, dst, kern('sk'));
  const form = (isImmediate ? BPF_ST : BPF_STX) | BPF_MEM | sizeCode(bytes);
  sink.insn(form, spare, isImmediate ? 0 : src, place, isImmediate ? access.imm : 0);
  sink.load(BPF_DW, spare, dst, kern('temp'));
  return bytes;
}

/** A field of the packet that the operation is about; 0 when there is none. */
function loadFromPacket(access: Conversion, bytes: number, place: number): number {
  const { sink, offsets, dst, src } = access;
  sink.load(BPF_DW, dst, src, offsets.of('bpf_sock_ops_kern', 'skb'));
  sink.skipIfImm(BPF_JEQ, dst, 0, 1);
  return loadField(access, bytes, dst, place);
}

function loadTimestamp(access: Conversion): number {
  const { sink, offsets, dst, src } = access;
  sink.load(BPF_DW, dst, src, offsets.of('bpf_sock_ops_kern', 'skb'));
  sink.skipIfImm(BPF_JEQ, dst, 0, 4);
  sink.load(BPF_W, BPF_REG_AX, dst, offsets.of('sk_buff', 'end'));
  sink.load(BPF_DW, dst, dst, offsets.of('sk_buff', 'head'));
  sink.alu(BPF_ADD, dst, BPF_REG_AX);
  return loadField(access, 8, dst, offsets.of('skb_shared_info', 'hwtstamps'));
}

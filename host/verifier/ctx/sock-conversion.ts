import { BPF_JNE, BPF_LSH } from '../../../assembly/isa.js';
import { baseType, RegType } from '../reg-type.js';
import { type Conversion, type Convert, loadField, loadThrough, plainField } from './conversion.js';
import type { KernelOffsets } from './offsets.js';

const NO_QUEUE = 0xffff;

/** Byte offset and size of what struct bpf_sock has at `offset`, in struct sock; null = not a plain field. */
function sockField(offsets: KernelOffsets, offset: number): readonly [place: number, bytes: number] | null {
  const common = (name: string, bytes: number): readonly [number, number] => [
    offsets.of('sock_common', name),
    bytes,
  ];
  const own = (name: string): readonly [number, number] => [
    offsets.of('sock', name),
    offsets.sizeAt('sock', name, 4),
  ];
  switch (offset) {
    case 0:
      return common('skc_bound_dev_if', 4);
    case 4:
      return common('skc_family', 2);
    case 8:
      return own('sk_type');
    case 12:
      return own('sk_protocol');
    case 16:
      return own('sk_mark');
    case 20:
      return own('sk_priority');
    case 24:
      return common('skc_rcv_saddr', 4);
    case 44:
      return common('skc_num', 2);
    case 48:
      return common('skc_dport', 2);
    case 52:
      return common('skc_daddr', 4);
    case 72:
      return common('skc_state', 1);
  }
  if (offset >= 28 && offset < 44) return [offsets.of('sock_common', 'skc_v6_rcv_saddr') + offset - 28, 4];
  if (offset >= 56 && offset < 72) return [offsets.of('sock_common', 'skc_v6_daddr') + offset - 56, 4];
  return null;
}

/** struct bpf_sock is a struct sock. */
export function convertSock(access: Conversion): number {
  const field = sockField(access.offsets, access.offset);
  if (field !== null) return plainField(access, field[1], field[0]);
  loadField(access, 2, access.src, access.offsets.of('sock_common', 'skc_rx_queue_mapping'));
  access.sink.skipIfImm(BPF_JNE, access.dst, NO_QUEUE, 1);
  access.sink.movImm(access.dst, -1);
  return 2;
}

/** Fields of struct bpf_tcp_sock in order, with the names they have in struct tcp_sock. */
const TCP_FIELDS = [
  'snd_cwnd',
  'srtt_us',
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
] as const;

const TCP_FIELDS_BY_OFFSET = new Map<number, string>([
  ...TCP_FIELDS.map((name, index): [number, string] => [index * 4, name]),
  [80, 'bytes_received'],
  [88, 'bytes_acked'],
  [96, 'dsack_dups'],
  [100, 'delivered'],
  [104, 'delivered_ce'],
]);

const TCP_RTT_MIN = 'rtt_min';

/** Place and size of a field of struct tcp_sock by its name in struct bpf_tcp_sock. */
export function tcpField(offsets: KernelOffsets, name: string): readonly [place: number, bytes: number] {
  const path = name === TCP_RTT_MIN ? 'rtt_min.s[0].v' : name;
  return [offsets.of('tcp_sock', path), offsets.sizeAt('tcp_sock', path, 4)];
}

/** struct bpf_tcp_sock is a struct tcp_sock. */
function convertTcpSock(access: Conversion): number {
  const { offsets } = access;
  const name = TCP_FIELDS_BY_OFFSET.get(access.offset);
  if (name === undefined) {
    return loadField(access, 1, access.src, offsets.of('inet_connection_sock', 'icsk_retransmits'));
  }
  const [place, bytes] = tcpField(offsets, name);
  return loadField(access, bytes, access.src, place);
}

function convertXdpSock(access: Conversion): number {
  return loadField(access, 2, access.src, access.offsets.of('xdp_sock', 'queue_id'));
}

/** How accesses through a socket pointer of this register type are converted; undefined = they are not. */
export function convertSocketAccess(type: number): Convert | undefined {
  switch (baseType(type)) {
    case RegType.SOCKET:
    case RegType.SOCK_COMMON:
      return convertSock;
    case RegType.TCP_SOCK:
      return convertTcpSock;
    case RegType.XDP_SOCK:
      return convertXdpSock;
    default:
      return undefined;
  }
}

/** family, addresses and ports of the socket that the pointer at `socket` in the context points to. */
export function loadFromSocket(access: Conversion, socket: number, field: SocketField, word = 0): number {
  const { offsets } = access;
  const common = (name: string): number => offsets.of('sock_common', name);
  switch (field) {
    case 'family':
      return loadThrough(access, 2, socket, common('skc_family'));
    case 'remoteIp4':
      return loadThrough(access, 4, socket, common('skc_daddr'));
    case 'localIp4':
      return loadThrough(access, 4, socket, common('skc_rcv_saddr'));
    case 'remoteIp6':
      return loadThrough(access, 4, socket, common('skc_v6_daddr') + word);
    case 'localIp6':
      return loadThrough(access, 4, socket, common('skc_v6_rcv_saddr') + word);
    case 'remotePort':
      loadThrough(access, 2, socket, common('skc_dport'));
      access.sink.alu32Imm(BPF_LSH, access.dst, 16);
      return 2;
    case 'localPort':
      return loadThrough(access, 2, socket, common('skc_num'));
  }
}

export type SocketField =
  'family' | 'remoteIp4' | 'localIp4' | 'remoteIp6' | 'localIp6' | 'remotePort' | 'localPort';

import { type Conversion, loadField, loadThrough } from './conversion.js';

/** Offsets in struct xdp_md, bytes. */
export const Xdp = {
  DATA: 0,
  DATA_END: 4,
  DATA_META: 8,
  INGRESS_IFINDEX: 12,
  RX_QUEUE_INDEX: 16,
  EGRESS_IFINDEX: 20,
  SIZE: 24,
} as const;

/** struct xdp_md is a struct xdp_buff. */
export function convertXdp(access: Conversion): number {
  const { offsets } = access;
  const buff = (name: string): number => offsets.of('xdp_buff', name);
  switch (access.offset) {
    case Xdp.DATA:
      return loadField(access, 8, access.src, buff('data'));
    case Xdp.DATA_END:
      return loadField(access, 8, access.src, buff('data_end'));
    case Xdp.DATA_META:
      return loadField(access, 8, access.src, buff('data_meta'));
    case Xdp.INGRESS_IFINDEX:
      return loadThrough(
        access,
        4,
        buff('rxq'),
        offsets.of('xdp_rxq_info', 'dev'),
        offsets.of('net_device', 'ifindex'),
      );
    case Xdp.RX_QUEUE_INDEX:
      return loadThrough(access, 4, buff('rxq'), offsets.of('xdp_rxq_info', 'queue_index'));
    default:
      return loadThrough(
        access,
        4,
        buff('txq'),
        offsets.of('xdp_txq_info', 'dev'),
        offsets.of('net_device', 'ifindex'),
      );
  }
}

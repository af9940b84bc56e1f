import {
  BPF_ADD,
  BPF_AND,
  BPF_B,
  BPF_DW,
  BPF_JA,
  BPF_JEQ,
  BPF_JGE,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_JSET,
  BPF_K,
  BPF_REG_AX,
  BPF_SUB,
  BPF_W,
} from '../../../assembly/isa.js';
import { ProgType } from '../prog-type.js';
import { type Conversion, loadField, plainField, spareRegister, storeField } from './conversion.js';
import { loadFromSocket } from './sock-conversion.js';
import { Skb } from './skb-fields.js';

const PKT_TYPE_MASK = 7;
const NO_QUEUE_MAPPING = 0xffff;

/** struct __sk_buff is a struct sk_buff. */
export function convertSkb(access: Conversion): number {
  const { offsets, offset } = access;
  const field = (name: string): number => offsets.of('sk_buff', name);
  switch (offset) {
    case Skb.LEN:
      return plainField(access, 4, field('len'));
    case Skb.PKT_TYPE:
      loadField(access, 1, access.src, field('pkt_type'));
      access.sink.alu32Imm(BPF_AND, access.dst, PKT_TYPE_MASK);
      return 1;
    case Skb.MARK:
      return plainField(access, 4, field('mark'));
    case Skb.QUEUE_MAPPING:
      return convertQueueMapping(access, field('queue_mapping'));
    case Skb.PROTOCOL:
      return plainField(access, 2, field('protocol'));
    case Skb.VLAN_PRESENT:
      return loadVlanPresent(access);
    case Skb.VLAN_TCI:
      return plainField(access, 2, field('vlan_tci'));
    case Skb.VLAN_PROTO:
      return plainField(access, 2, field('vlan_proto'));
    case Skb.PRIORITY:
      return plainField(access, 4, field('priority'));
    case Skb.INGRESS_IFINDEX:
      return plainField(access, 4, field('skb_iif'));
    case Skb.IFINDEX:
      return loadIfindex(access);
    case Skb.TC_INDEX:
      return plainField(access, 2, field('tc_index'));
    case Skb.HASH:
      return plainField(access, 4, field('hash'));
    case Skb.TC_CLASSID:
      return plainField(access, 2, field('cb') + offsets.of('qdisc_skb_cb', 'tc_classid'));
    case Skb.DATA:
      return loadField(access, 8, access.src, field('data'));
    case Skb.DATA_END:
      return loadDataEnd(access);
    case Skb.DATA_META:
      return loadField(access, 8, access.src, field('cb') + offsets.of('bpf_skb_data_end', 'data_meta'));
    case Skb.NAPI_ID:
      loadField(access, 4, access.src, field('napi_id'));
      access.sink.skipIfImm(BPF_JGE, access.dst, access.maxCpus + 1, 1);
      access.sink.movImm(access.dst, 0);
      return 4;
    case Skb.TSTAMP:
      return access.isWrite ? storeTimestamp(access) : loadTimestamp(access);
    case Skb.WIRE_LEN:
      return plainField(access, 4, field('cb') + offsets.of('qdisc_skb_cb', 'pkt_len'));
    case Skb.GSO_SEGS:
      return loadSharedInfo(access, 2, 'gso_segs');
    case Skb.GSO_SIZE:
      return loadSharedInfo(access, 2, 'gso_size');
    case Skb.HWTSTAMP:
      return loadSharedInfo(access, 8, 'hwtstamps');
    case Skb.SK:
      return loadField(access, 8, access.src, field('sk'));
    case Skb.TSTAMP_TYPE:
      return loadTimestampType(access);
    default:
      if (offset >= Skb.CB && offset < Skb.CB_END) {
        const owner = access.programType === ProgType.SK_SKB ? 'sk_skb_cb' : 'qdisc_skb_cb';
        return plainField(access, access.size, field('cb') + offsets.of(owner, 'data') + offset - Skb.CB);
      }
      return loadSocketField(access, field('sk'));
  }
}

/** struct __sk_buff of a flow dissector is a struct bpf_flow_dissector. */
export function convertFlowDissector(access: Conversion): number {
  const names: Readonly<Record<number, string>> = {
    [Skb.DATA]: 'data',
    [Skb.DATA_END]: 'data_end',
    [Skb.FLOW_KEYS]: 'flow_keys',
  };
  return loadField(access, 8, access.src, access.offsets.of('bpf_flow_dissector', names[access.offset]));
}

function convertQueueMapping(access: Conversion, offset: number): number {
  if (!access.isWrite) return loadField(access, 2, access.src, offset);
  if (access.isImmediate) {
    if (access.imm >>> 0 < NO_QUEUE_MAPPING) return storeField(access, 2, offset);
    access.sink.skip(BPF_JMP | BPF_JA, 0, 0, 0, 0);
    return 2;
  }
  access.sink.skipIfImm(BPF_JGE, access.src, NO_QUEUE_MAPPING, 1);
  return storeField(access, 2, offset);
}

function loadVlanPresent(access: Conversion): number {
  const { sink, offsets, dst } = access;
  if (!access.isModern) {
    loadField(access, 1, access.src, offsets.of('sk_buff', 'vlan_present'));
    sink.alu32Imm(BPF_AND, dst, 1);
    return 1;
  }
  loadField(access, 4, access.src, offsets.of('sk_buff', 'vlan_all'));
  sink.skipIfImm(BPF_JEQ, dst, 0, 1);
  sink.mov32Imm(dst, 1);
  return 4;
}

function loadIfindex(access: Conversion): number {
  const { sink, offsets, dst, programType } = access;
  sink.load(BPF_DW, dst, access.src, offsets.of('sk_buff', 'dev'));
  const hasDevice = programType === ProgType.SCHED_CLS || programType === ProgType.SCHED_ACT;
  if (!hasDevice) sink.skipIfImm(BPF_JEQ, dst, 0, 1);
  return loadField(access, 4, dst, offsets.of('net_device', 'ifindex'));
}

function loadDataEnd(access: Conversion): number {
  const { sink, offsets, dst, src } = access;
  if (access.programType !== ProgType.SK_SKB) {
    const slot = offsets.of('sk_buff', 'cb') + offsets.of('bpf_skb_data_end', 'data_end');
    return loadField(access, 8, src, slot);
  }
  // No slot is kept for the end of the linear part here: data + len - data_len.
  const end = dst === src ? spareRegister(access) : dst;
  const keep = offsets.of('sk_buff', 'cb') + offsets.of('sk_skb_cb', 'temp_reg');
  if (end !== dst) sink.store(BPF_DW, src, end, keep);
  sink.load(BPF_DW, end, src, offsets.of('sk_buff', 'data'));
  sink.load(BPF_W, BPF_REG_AX, src, offsets.of('sk_buff', 'len'));
  sink.alu(BPF_ADD, end, BPF_REG_AX);
  sink.load(BPF_W, BPF_REG_AX, src, offsets.of('sk_buff', 'data_len'));
  sink.alu(BPF_SUB, end, BPF_REG_AX);
  if (end !== dst) {
    sink.mov(BPF_REG_AX, end);
    sink.load(BPF_DW, end, src, keep);
    sink.mov(dst, BPF_REG_AX);
  }
  return 8;
}

function loadSharedInfo(access: Conversion, bytes: number, name: string): number {
  const { sink, offsets, dst, src } = access;
  sink.load(BPF_W, BPF_REG_AX, src, offsets.of('sk_buff', 'end'));
  sink.load(BPF_DW, dst, src, offsets.of('sk_buff', 'head'));
  sink.alu(BPF_ADD, dst, BPF_REG_AX);
  return loadField(access, bytes, dst, offsets.of('skb_shared_info', name));
}

/** Byte of sk_buff with the flags about its time stamp, and their masks in it. */
function timestampFlags(access: Conversion): { byte: number; ingress: number; type: number } {
  const { offsets } = access;
  if (!access.isModern) {
    return { byte: offsets.of('sk_buff', 'vlan_present'), ingress: 0x80, type: 0x20 };
  }
  return { byte: offsets.of('sk_buff', 'tstamp_type'), ingress: 4, type: 3 };
}

function loadTimestamp(access: Conversion): number {
  const { sink, dst, src } = access;
  const stamp = access.offsets.of('sk_buff', 'tstamp');
  if (access.readsTimestampType) return loadField(access, 8, src, stamp);
  const { byte, ingress, type } = timestampFlags(access);
  sink.load(BPF_B, BPF_REG_AX, src, byte);
  if (access.isModern) {
    sink.skip(BPF_JMP32 | BPF_JSET | BPF_K, BPF_REG_AX, 0, ingress, 1);
    sink.skipAlways(4);
    sink.skip(BPF_JMP32 | BPF_JSET | BPF_K, BPF_REG_AX, 0, type, 1);
    sink.skipAlways(2);
  } else {
    sink.alu32Imm(BPF_AND, BPF_REG_AX, ingress | type);
    sink.skip(BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_AX, 0, ingress | type, 2);
  }
  sink.movImm(dst, 0);
  sink.skipAlways(1);
  return loadField(access, 8, src, stamp);
}

function storeTimestamp(access: Conversion): number {
  const { sink, dst } = access;
  const stamp = access.offsets.of('sk_buff', 'tstamp');
  if (!access.readsTimestampType) {
    const { byte, ingress, type } = timestampFlags(access);
    sink.load(BPF_B, BPF_REG_AX, dst, byte);
    sink.skip(BPF_JMP32 | BPF_JSET | BPF_K, BPF_REG_AX, 0, ingress, 1);
    sink.skipAlways(2);
    sink.alu32Imm(BPF_AND, BPF_REG_AX, ~type);
    sink.store(BPF_B, dst, BPF_REG_AX, byte);
  }
  return storeField(access, 8, stamp);
}

function loadTimestampType(access: Conversion): number {
  const { sink, dst } = access;
  const { byte, type } = timestampFlags(access);
  if (access.isModern) {
    loadField(access, 1, access.src, byte);
    sink.alu32Imm(BPF_AND, dst, type);
    return 1;
  }
  sink.load(BPF_B, BPF_REG_AX, access.src, byte);
  sink.skip(BPF_JMP32 | BPF_JSET | BPF_K, BPF_REG_AX, 0, type, 2);
  sink.mov32Imm(dst, 0);
  sink.skipAlways(1);
  sink.mov32Imm(dst, 1);
  return 1;
}

/** family, addresses and ports of the packet's socket. */
function loadSocketField(access: Conversion, socket: number): number {
  const { offset } = access;
  switch (offset) {
    case Skb.FAMILY:
      return loadFromSocket(access, socket, 'family');
    case Skb.REMOTE_IP4:
      return loadFromSocket(access, socket, 'remoteIp4');
    case Skb.LOCAL_IP4:
      return loadFromSocket(access, socket, 'localIp4');
    case Skb.REMOTE_PORT:
      return loadFromSocket(access, socket, 'remotePort');
    case Skb.LOCAL_PORT:
      return loadFromSocket(access, socket, 'localPort');
    default:
      if (offset < Skb.LOCAL_IP6) return loadFromSocket(access, socket, 'remoteIp6', offset - Skb.REMOTE_IP6);
      return loadFromSocket(access, socket, 'localIp6', offset - Skb.LOCAL_IP6);
  }
}

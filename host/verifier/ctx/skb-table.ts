import type { ContextAccess, ContextField } from '../context.js';
import { ProgType } from '../prog-type.js';
import { RegType, TypeFlag } from '../reg-type.js';
import { isNarrowAccess, scalar } from './field-table.js';
import { Skb } from './skb-fields.js';

const DEFAULT_SIZE = 4;
const TSTAMP_TYPE_END = Skb.TSTAMP_TYPE + 1;

/** Where a field starts and ends. */
type Range = readonly [number, number];
const word = (offset: number): Range => [offset, offset + 4];
const SOCKET_FIELDS: Range = [Skb.FAMILY, Skb.DATA_META];
const CB: Range = [Skb.CB, Skb.CB_END];
const TSTAMP: Range = [Skb.TSTAMP, Skb.TSTAMP + 8];
const HWTSTAMP: Range = [Skb.HWTSTAMP, Skb.HWTSTAMP + 8];
const PACKET_POINTERS: readonly Range[] = [word(Skb.DATA), word(Skb.DATA_END), word(Skb.DATA_META)];

interface SkbRules {
  readonly refused: readonly Range[];
  readonly writable: readonly Range[];
  /** Without CAP_BPF not to be touched, not to be stored. */
  readonly guarded?: readonly Range[];
  readonly guardedStores?: readonly Range[];
  /** May read tstamp_type, 1 byte. */
  readonly timestampType?: boolean;
}

const LWT: SkbRules = {
  refused: [word(Skb.TC_CLASSID), word(Skb.DATA_META), SOCKET_FIELDS, TSTAMP, word(Skb.WIRE_LEN), HWTSTAMP],
  writable: [word(Skb.MARK), word(Skb.PRIORITY), CB],
};

const TC: SkbRules = {
  refused: [SOCKET_FIELDS],
  writable: [
    word(Skb.MARK),
    word(Skb.TC_INDEX),
    word(Skb.PRIORITY),
    word(Skb.TC_CLASSID),
    CB,
    TSTAMP,
    word(Skb.QUEUE_MAPPING),
  ],
  timestampType: true,
};

const RULES: Readonly<Record<number, SkbRules>> = {
  [ProgType.SOCKET_FILTER]: {
    refused: [word(Skb.TC_CLASSID), ...PACKET_POINTERS, SOCKET_FIELDS, TSTAMP, word(Skb.WIRE_LEN), HWTSTAMP],
    writable: [CB],
  },
  [ProgType.SCHED_CLS]: TC,
  [ProgType.SCHED_ACT]: TC,
  [ProgType.CGROUP_SKB]: {
    refused: [word(Skb.TC_CLASSID), word(Skb.DATA_META), word(Skb.WIRE_LEN)],
    writable: [word(Skb.MARK), word(Skb.PRIORITY), CB, TSTAMP],
    guarded: [word(Skb.DATA), word(Skb.DATA_END)],
    guardedStores: [TSTAMP],
  },
  [ProgType.LWT_IN]: LWT,
  [ProgType.LWT_OUT]: LWT,
  [ProgType.LWT_XMIT]: LWT,
  [ProgType.LWT_SEG6LOCAL]: LWT,
  [ProgType.SK_SKB]: {
    refused: [
      word(Skb.TC_CLASSID),
      word(Skb.DATA_META),
      TSTAMP,
      word(Skb.WIRE_LEN),
      HWTSTAMP,
      word(Skb.MARK),
    ],
    writable: [word(Skb.TC_INDEX), word(Skb.PRIORITY)],
  },
};

const isIn = (offset: number, [start, end]: Range): boolean => offset >= start && offset < end;

/** struct __sk_buff, as the program type may use it. */
export function accessSkb(
  programType: number,
  access: ContextAccess,
  privileged: boolean,
): ContextField | null {
  const { offset, isWrite } = access;
  const rules = RULES[programType];
  if (rules.refused.some((range) => isIn(offset, range))) return null;
  if (isWrite && !rules.writable.some((range) => isIn(offset, range))) return null;
  const guarded = isWrite ? rules.guardedStores : rules.guarded;
  if (!privileged && guarded?.some((range) => isIn(offset, range)) === true) return null;
  if (offset === Skb.TSTAMP_TYPE && rules.timestampType === true) {
    return !isWrite && access.size === 1 ? scalar(1) : null;
  }
  return accessGeneral(access);
}

/** struct __sk_buff of a flow dissector: the packet and the keys only. */
export function accessFlowDissector({ offset, size, isWrite }: ContextAccess): ContextField | null {
  if (isWrite) return null;
  switch (offset) {
    case Skb.DATA:
      return size === 4 ? packet(RegType.PACKET) : null;
    case Skb.DATA_END:
      return size === 4 ? packet(RegType.PACKET_END) : null;
    case Skb.FLOW_KEYS:
      return size === 8 ? { regType: RegType.FLOW_KEYS, fieldSize: 8 } : null;
    default:
      return null;
  }
}

const packet = (regType: number): ContextField => ({ regType, fieldSize: 4, noSignExtend: true });

function accessGeneral({ offset, size, isWrite }: ContextAccess): ContextField | null {
  if (offset < 0 || offset >= Skb.SIZE || offset % size !== 0) return null;
  if (isIn(offset, CB)) return offset + size <= Skb.CB_END ? scalar(size) : null;
  if (isIn(offset, word(Skb.DATA))) return size === 4 ? packet(RegType.PACKET) : null;
  if (isIn(offset, word(Skb.DATA_END))) return size === 4 ? packet(RegType.PACKET_END) : null;
  if (isIn(offset, word(Skb.DATA_META))) return size === 4 ? packet(RegType.PACKET_META) : null;
  if (isIn(offset, [Skb.REMOTE_IP4, Skb.REMOTE_PORT])) return size === 4 ? scalar(4) : null;
  if (isIn(offset, [Skb.FLOW_KEYS, Skb.TSTAMP])) return null;
  if (isIn(offset, TSTAMP)) return size === 8 ? scalar(8) : null;
  if (isIn(offset, HWTSTAMP)) return size === 8 && !isWrite ? scalar(8) : null;
  if (isIn(offset, [Skb.SK, Skb.SK + 8])) {
    if (isWrite || size !== 8) return null;
    return { regType: RegType.SOCK_COMMON | TypeFlag.MAYBE_NULL, fieldSize: 8 };
  }
  if (isIn(offset, [Skb.TSTAMP_TYPE, TSTAMP_TYPE_END + 3])) return null;
  if (isWrite) return size === DEFAULT_SIZE ? scalar(4) : null;
  return isNarrowAccess(offset, size, DEFAULT_SIZE) ? scalar(DEFAULT_SIZE) : null;
}

import type { ProgType } from '../../host/verifier/prog-type.js';

/**
 * The structures that programs get as their context, in a notation of one line a field: `offset:size`, then `n` when
 * loads of 1, 2 and 4 bytes inside it are allowed, `h` when loads of
 * 2 bytes are, `w` when it may be stored (with its own size), `x` when loads of any
 * aligned size are (byte arrays). `a..b` repeats a 4-byte field. Bytes that no field names are refused.
 */
export interface Structure {
  readonly type: keyof typeof ProgType;
  readonly name?: string;
  readonly attachType?: number | undefined;
  readonly attach?: { kind: string; target: string };
  readonly size: number;
  readonly fields: string;
  /** What the program returns. */
  readonly result?: number;
  readonly sleepable?: boolean;
  /** Fields of Linux 6.1, when others; null = it has no such programs. */
  readonly fields61?: string | null;
}

const SKB_COMMON = '0:4n 4:4n 12:4n 16:4n 20:4n 24:4n 28:4n 36:4n 40:4n 68:4n 84:4n 164:4n 168:8 176:4n';
const SOCKET_WORDS = '88:4n 92:4 96:4 100:4 104:4 108:4 112:4 116:4 120:4 124:4 128:4 132:4n 136:4n';
const CB = '48:4xw 52:4xw 56:4xw 60:4xw 64:4xw';
const TC = `0:4n 4:4n 8:4nw 12:4nw 16:4n 20:4n 24:4n 28:4n 32:4nw 36:4n 40:4n 44:4nw ${CB} 68:4n 72:4nw 76:4 80:4
  84:4n 140:4 152:8w 160:4n 164:4n 168:8 176:4n 180:1 184:8`;
const LWT = `${SKB_COMMON} 8:4nw 32:4nw 44:4n ${CB} 76:4 80:4`;
const SOCK_OPS = '0:4 4:4w 8..160 164:4w 168:8 176:8 184:8 192:8 200:8 208:4 212:4n';
const IP4_ADDRESS = '0:4 4:4nw 24:4nw 28:4 32:4 36:4 64:8';
const IP6_ADDRESS = '0:4 8:4nw 12:4nw 16:4nw 20:4nw 24:4nw 28:4 32:4 36:4 64:8';

export const structures: readonly Structure[] = [
  {
    type: 'SOCKET_FILTER',
    size: 192,
    fields: `${SKB_COMMON} 8:4n 32:4n 44:4n ${CB}`,
  },
  { type: 'SCHED_CLS', size: 192, fields: TC },
  { type: 'SCHED_ACT', size: 192, fields: TC },
  {
    type: 'CGROUP_SKB',
    size: 192,
    fields: `${SKB_COMMON} 8:4nw 32:4nw 44:4n ${CB} 76:4 80:4 ${SOCKET_WORDS} 152:8w 184:8`,
  },
  { type: 'LWT_IN', size: 192, fields: LWT },
  { type: 'LWT_OUT', size: 192, fields: LWT },
  { type: 'LWT_XMIT', size: 192, fields: LWT },
  { type: 'LWT_SEG6LOCAL', size: 192, fields: LWT },
  {
    type: 'SK_SKB',
    size: 192,
    fields: `${SKB_COMMON} 32:4nw 44:4nw 48:4x 52:4x 56:4x 60:4x 64:4x 76:4 80:4 ${SOCKET_WORDS}`,
  },
  { type: 'FLOW_DISSECTOR', size: 192, fields: '76:4 80:4 144:8' },
  { type: 'XDP', size: 24, fields: '0:4 4:4 8:4 12:4 16:4' },
  { type: 'XDP', name: 'of a device map', attachType: 33, size: 24, fields: '0:4 4:4 8:4 12:4 16:4 20:4' },
  {
    type: 'PERF_EVENT',
    size: 184,
    fields: `${Array.from({ length: 21 }, (_, i) => `${i * 8}:8`).join(' ')} 168:8n 176:8n`,
  },
  {
    type: 'CGROUP_SOCK',
    name: 'created',
    attachType: 2,
    size: 80,
    fields: '0:4w 4:4n 8:4n 12:4n 16:4w 20:4w 48:2n 52:4n 56:4n 60:4n 64:4n 68:4n 72:4n 76:4n',
  },
  {
    type: 'CGROUP_SOCK',
    name: 'released',
    attachType: 34,
    size: 80,
    fields: '0:4w 4:4n 8:4n 12:4n 16:4w 20:4w 48:2n 52:4n 56:4n 60:4n 64:4n 68:4n 72:4n 76:4n',
  },
  {
    type: 'CGROUP_SOCK',
    name: 'bound to IPv4',
    attachType: 12,
    size: 80,
    fields: '4:4n 8:4n 12:4n 24:4n 44:4n 48:2n 52:4n 56:4n 60:4n 64:4n 68:4n 72:4n 76:4n',
  },
  {
    type: 'CGROUP_SOCK',
    name: 'bound to IPv6',
    attachType: 13,
    size: 80,
    fields: '4:4n 8:4n 12:4n 28:4n 32:4n 36:4n 40:4n 44:4n 48:2n 52:4n 56:4n 60:4n 64:4n 68:4n 72:4n 76:4n',
  },
  {
    type: 'SOCK_OPS',
    size: 224,
    fields: `${SOCK_OPS} 216:8`,
    fields61: SOCK_OPS,
  },
  { type: 'SK_MSG', size: 80, fields: '0:8 8:8 16..68 72:8' },
  { type: 'CGROUP_DEVICE', size: 12, fields: '0:4n 4:4 8:4' },
  ...[8, 10, 29, 31, 19].map((attachType): Structure => ({
    type: 'CGROUP_SOCK_ADDR',
    name: `IPv4, attach type ${attachType}`,
    attachType,
    size: 72,
    fields: IP4_ADDRESS,
    result: 1,
  })),
  {
    type: 'CGROUP_SOCK_ADDR',
    name: 'sendmsg over IPv4',
    attachType: 14,
    size: 72,
    fields: `${IP4_ADDRESS} 40:4nw`,
    result: 1,
  },
  ...[9, 11, 30, 32, 20].map((attachType): Structure => ({
    type: 'CGROUP_SOCK_ADDR',
    name: `IPv6, attach type ${attachType}`,
    attachType,
    size: 72,
    fields: IP6_ADDRESS,
    result: 1,
  })),
  {
    type: 'CGROUP_SOCK_ADDR',
    name: 'sendmsg over IPv6',
    attachType: 15,
    size: 72,
    fields: `${IP6_ADDRESS} 44:4nw 48:4nw 52:4nw 56:4nw`,
    result: 1,
  },
  {
    type: 'CGROUP_SOCK_ADDR',
    name: 'UNIX connect',
    attachType: 49,
    size: 72,
    fields: '0:4 24:4nw 28:4 32:4 36:4 64:8',
    fields61: null,
    result: 1,
  },
  { type: 'LIRC_MODE2', size: 4, fields: '0:4' },
  {
    type: 'SK_REUSEPORT',
    size: 56,
    fields: '0:8 8:8 16:4n 20:4h 24:4n 28:4n 32:4 40:8 48:8',
  },
  { type: 'CGROUP_SYSCTL', size: 8, fields: '0:4n 4:4nw' },
  {
    type: 'CGROUP_SOCKOPT',
    name: 'set',
    attachType: 22,
    size: 40,
    fields: '0:8 8:8 16:8 24:4w 28:4w 32:4w',
  },
  {
    type: 'CGROUP_SOCKOPT',
    name: 'get',
    attachType: 21,
    size: 40,
    fields: '0:8 8:8 16:8 24:4 28:4 32:4w 36:4w',
  },
  {
    type: 'SK_LOOKUP',
    size: 72,
    fields:
      '0:8 8:4n 12:4n 16:4n 20:4n 24:4n 28:4n 32:4n 36:2n 38:2n 40:4n 44:4n 48:4n 52:4n 56:4n 60:4n 64:4n',
  },
  { type: 'NETFILTER', size: 16, fields: '0:8 8:8', fields61: null },
  { type: 'KPROBE', size: 168, fields: Array.from({ length: 21 }, (_, i) => `${i * 8}:8n`).join(' ') },
  { type: 'RAW_TRACEPOINT', size: 96, fields: Array.from({ length: 12 }, (_, i) => `${i * 8}:8n`).join(' ') },
  { type: 'SYSCALL', size: 65535, fields: '0:8nw 8:8nw 4096:8nw', sleepable: true },
];

export interface Field {
  readonly offset: number;
  readonly size: number;
  readonly narrow: boolean;
  readonly half: boolean;
  readonly any: boolean;
  readonly write: boolean;
}

export function parse(text: string): Field[] {
  return text.split(/\s+/).flatMap((one) => {
    const range = /^(\d+)\.\.(\d+)$/.exec(one);
    if (range !== null) {
      const count = (Number(range[2]) - Number(range[1])) / 4 + 1;
      return Array.from({ length: count }, (_, i) => ({
        ...{
          offset: Number(range[1]) + i * 4,
          size: 4,
          narrow: false,
          half: false,
          any: false,
          write: false,
        },
      }));
    }
    const [, offset, size, flags] = /^(\d+):(\d)([nhxw]*)$/.exec(one)!;
    return [
      {
        ...{ offset: Number(offset), size: Number(size), narrow: flags!.includes('n') },
        ...{ half: flags!.includes('h'), any: flags!.includes('x'), write: flags!.includes('w') },
      },
    ];
  });
}

/** Accesses of more than one field, or of part of one, that the notation does not cover. */
const MORE: Partial<Record<keyof typeof ProgType, readonly string[]>> = {
  CGROUP_SOCK: ['load 48:4'],
  CGROUP_SOCK_ADDR: ['load 8:8', 'store 8:8', 'load 16:8', 'store 16:8', 'load 48:8', 'store 48:8'],
  SK_LOOKUP: ['load 36:4'],
};
const CB_END = 68;

/** Whether the structure lets programs make an access. Offset and size in bytes. */
export function mayAccess(
  structure: Structure,
  fields: readonly Field[],
  offset: number,
  size: number,
  isWrite: boolean,
): boolean {
  const field = fields.find((one) => offset >= one.offset && offset < one.offset + one.size);
  if (field === undefined || offset % size !== 0) return false;
  if (MORE[structure.type]?.includes(`${isWrite ? 'store' : 'load'} ${offset}:${size}`) === true) return true;
  if (field.any && (field.write || !isWrite)) return offset + size <= CB_END;
  const isWhole = offset === field.offset && size === field.size;
  if (isWrite) return field.write && isWhole;
  const isPart = field.narrow || (field.half && size === 2);
  return isWhole || (isPart && offset + size <= field.offset + field.size);
}

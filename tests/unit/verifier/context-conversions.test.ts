import { type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

/** Offsets on the recorded Debian builds: [6.12, 6.1], bytes. */
const SKB = {
  len: [112, 112],
  protocol: [180, 180],
  priority: [144, 140],
  mark: [168, 168],
  hash: [152, 148],
  skb_iif: [148, 144],
  dev: [16, 16],
  cb: [40, 40],
  data: [208, 208],
  head: [200, 200],
  end: [192, 192],
  sk: [24, 24],
  tstamp: [32, 32],
  queue_mapping: [124, 124],
  vlan_tci: [158, 154],
  vlan_proto: [156, 152],
  vlan_all: [156, 0],
  vlan_present: [0, 130],
  tc_index: [134, 134],
  napi_id: [160, 156],
  pkt_type: [128, 128],
  cloned: [126, 126],
  tstamp_type: [129, 130],
  ifindex: [224, 216],
} as const;
const o = (name: keyof typeof SKB, version: 0 | 1): number => SKB[name][version];

type Shape = (version: 0 | 1) => string;

function load(
  name: string,
  type: NonNullable<VerifierCase['type']>,
  access: string,
  shape: Shape,
  shape61: Shape | null = shape,
  more: Partial<VerifierCase> = {},
): VerifierCase {
  const tail = 'r0 = 0\nexit';
  return {
    rule: `context conversion of ${type}`,
    ...{ name, type, text: `${access}\n${tail}`, want: 'ok' },
    ...{ xlated: `${shape(0)}\n${tail}` },
    ...(shape61 === null ? {} : { want61: 'ok', xlated61: `${shape61(1)}\n${tail}` }),
    ...more,
  };
}

const word = (off: number): string => `r2 = *(u32 *)(r1 +${off})`;
const plain = (name: string, off: number, bits: number, field: keyof typeof SKB): VerifierCase =>
  load(name, 'SCHED_CLS', word(off), (v) => `r2 = *(u${bits} *)(r1 +${o(field, v)})`);
const socket = (name: string, off: number, bits: number, place: number): VerifierCase =>
  load(name, 'CGROUP_SKB', word(off), () => `r2 = *(u64 *)(r1 +24)\nr2 = *(u${bits} *)(r2 +${place})`);

const skb: readonly VerifierCase[] = [
  plain('len', 0, 32, 'len'),
  plain('mark', 8, 32, 'mark'),
  plain('queue_mapping', 12, 16, 'queue_mapping'),
  plain('protocol', 16, 16, 'protocol'),
  plain('vlan_tci', 24, 16, 'vlan_tci'),
  plain('vlan_proto', 28, 16, 'vlan_proto'),
  plain('priority', 32, 32, 'priority'),
  plain('ingress_ifindex', 36, 32, 'skb_iif'),
  plain('tc_index', 44, 16, 'tc_index'),
  plain('hash', 68, 32, 'hash'),
  plain('data', 76, 64, 'data'),
  load('data_end', 'SCHED_CLS', word(80), () => 'r2 = *(u64 *)(r1 +80)'),
  load('data_meta', 'SCHED_CLS', word(140), () => 'r2 = *(u64 *)(r1 +72)'),
  load('pkt_type', 'SCHED_CLS', word(4), (v) => `r2 = *(u8 *)(r1 +${o('pkt_type', v)})\nw2 &= 7`),
  load(
    'vlan_present',
    'SCHED_CLS',
    word(20),
    (v) => `r2 = *(u32 *)(r1 +${o('vlan_all', v)})\nif r2 == 0x0 goto pc+1\nw2 = 1`,
    (v) => `r2 = *(u8 *)(r1 +${o('vlan_present', v)})\nw2 &= 1`,
  ),
  load(
    'ifindex',
    'SCHED_CLS',
    word(40),
    (v) => `r2 = *(u64 *)(r1 +16)\nr2 = *(u32 *)(r2 +${o('ifindex', v)})`,
  ),
  load(
    'ifindex, NULL tested',
    'SOCKET_FILTER',
    word(40),
    (v) => `r2 = *(u64 *)(r1 +16)\nif r2 == 0x0 goto pc+1\nr2 = *(u32 *)(r2 +${o('ifindex', v)})`,
  ),
  load('cb', 'SCHED_CLS', word(52), () => 'r2 = *(u32 *)(r1 +52)'),
  load('cb, 8 bytes', 'SCHED_CLS', 'r2 = *(u64 *)(r1 +56)', () => 'r2 = *(u64 *)(r1 +56)'),
  load('cb, a byte', 'SCHED_CLS', 'r2 = *(u8 *)(r1 +49)', () => 'r2 = *(u8 *)(r1 +49)'),
  load('tc_classid', 'SCHED_CLS', word(72), () => 'r2 = *(u16 *)(r1 +46)'),
  load('wire_len', 'SCHED_CLS', word(160), () => 'r2 = *(u32 *)(r1 +40)'),
  load('sk', 'SCHED_CLS', 'r2 = *(u64 *)(r1 +168)', () => 'r2 = *(u64 *)(r1 +24)'),
  load(
    'tstamp',
    'SCHED_CLS',
    'r2 = *(u64 *)(r1 +152)',
    (v) => `
      r11 = *(u8 *)(r1 +${o('tstamp_type', v)})
      if w11 & 0x4 goto pc+1
      goto pc+4
      if w11 & 0x3 goto pc+1
      goto pc+2
      r2 = 0
      goto pc+1
      r2 = *(u64 *)(r1 +32)`,
    (v) => `
      r11 = *(u8 *)(r1 +${o('tstamp_type', v)})
      w11 &= 160
      if w11 != 0xa0 goto pc+2
      r2 = 0
      goto pc+1
      r2 = *(u64 *)(r1 +32)`,
  ),
  load(
    'tstamp_type',
    'SCHED_CLS',
    'r2 = *(u8 *)(r1 +180)',
    (v) => `r2 = *(u8 *)(r1 +${o('tstamp_type', v)})\nw2 &= 3`,
    (v) => `r11 = *(u8 *)(r1 +${o('tstamp_type', v)})\nif w11 & 0x20 goto pc+2\nw2 = 0\ngoto pc+1\nw2 = 1`,
  ),
  load(
    'tstamp with tstamp_type',
    'SCHED_CLS',
    'r3 = *(u8 *)(r1 +180)\nr2 = *(u64 *)(r1 +152)',
    (v) => `r3 = *(u8 *)(r1 +${o('tstamp_type', v)})\nw3 &= 3\nr2 = *(u64 *)(r1 +32)`,
    null,
  ),
  load(
    'tstamp with tstamp_type, sign-extended',
    'SCHED_CLS',
    'r3 = *(s8 *)(r1 +180)\nr2 = *(u64 *)(r1 +152)',
    (v) => `r3 = *(u8 *)(r1 +${o('tstamp_type', v)})\nw3 &= 3\nr3 = (s8)r3\nr2 = *(u64 *)(r1 +32)`,
    null,
  ),
  load(
    'tstamp stored',
    'SCHED_CLS',
    'r2 = 5\n*(u64 *)(r1 +152) = r2',
    (v) => `
      r2 = 5
      r11 = *(u8 *)(r1 +${o('tstamp_type', v)})
      if w11 & 0x4 goto pc+1
      goto pc+2
      w11 &= -4
      *(u8 *)(r1 +${o('tstamp_type', v)}) = r11
      *(u64 *)(r1 +32) = r2`,
    (v) => `
      r2 = 5
      r11 = *(u8 *)(r1 +${o('tstamp_type', v)})
      if w11 & 0x80 goto pc+1
      goto pc+2
      w11 &= -33
      *(u8 *)(r1 +${o('tstamp_type', v)}) = r11
      *(u64 *)(r1 +32) = r2`,
  ),
  load(
    'gso_segs',
    'SCHED_CLS',
    word(164),
    () => 'r11 = *(u32 *)(r1 +192)\nr2 = *(u64 *)(r1 +200)\nr2 += r11\nr2 = *(u16 *)(r2 +6)',
  ),
  load(
    'gso_size',
    'SCHED_CLS',
    word(176),
    () => 'r11 = *(u32 *)(r1 +192)\nr2 = *(u64 *)(r1 +200)\nr2 += r11\nr2 = *(u16 *)(r2 +4)',
  ),
  load(
    'hwtstamp',
    'SCHED_CLS',
    'r2 = *(u64 *)(r1 +184)',
    () => 'r11 = *(u32 *)(r1 +192)\nr2 = *(u64 *)(r1 +200)\nr2 += r11\nr2 = *(u64 *)(r2 +16)',
  ),
  socket('family', 88, 16, 16),
  socket('remote_ip4', 92, 32, 0),
  socket('local_ip4', 96, 32, 4),
  socket('local_port', 136, 16, 14),
  socket('remote_ip6', 104, 32, 60),
  socket('local_ip6', 116, 32, 72),
  load(
    'remote_port',
    'CGROUP_SKB',
    word(132),
    () => 'r2 = *(u64 *)(r1 +24)\nr2 = *(u16 *)(r2 +12)\nw2 <<= 16',
  ),
  load(
    'a byte of mark',
    'SCHED_CLS',
    'r2 = *(u8 *)(r1 +10)',
    () => 'r2 = *(u32 *)(r1 +168)\nw2 >>= 16\nw2 &= 255',
  ),
  load('low half of mark', 'SCHED_CLS', 'r2 = *(u16 *)(r1 +8)', () => 'r2 = *(u32 *)(r1 +168)\nw2 &= 65535'),
  load(
    'mark, sign extended',
    'SCHED_CLS',
    'r2 = *(s32 *)(r1 +8)',
    () => 'r2 = *(u32 *)(r1 +168)\nr2 = (s32)r2',
    null,
  ),
  load('mark stored', 'SCHED_CLS', 'r2 = 5\n*(u32 *)(r1 +8) = r2', () => 'r2 = 5\n*(u32 *)(r1 +168) = r2'),
  load('mark stored, an immediate', 'SCHED_CLS', '*(u32 *)(r1 +8) = 5', () => '*(u32 *)(r1 +168) = 5', null),
  load(
    'priority stored',
    'SCHED_CLS',
    'r2 = 5\n*(u32 *)(r1 +32) = r2',
    (v) => `r2 = 5\n*(u32 *)(r1 +${o('priority', v)}) = r2`,
  ),
  load(
    'tc_index stored',
    'SCHED_CLS',
    'r2 = 5\n*(u32 *)(r1 +44) = r2',
    () => 'r2 = 5\n*(u16 *)(r1 +134) = r2',
  ),
  load(
    'tc_classid stored',
    'SCHED_CLS',
    'r2 = 5\n*(u32 *)(r1 +72) = r2',
    () => 'r2 = 5\n*(u16 *)(r1 +46) = r2',
  ),
  load('cb stored', 'SCHED_CLS', 'r2 = 5\n*(u16 *)(r1 +50) = r2', () => 'r2 = 5\n*(u16 *)(r1 +50) = r2'),
  load(
    'queue_mapping stored',
    'SCHED_CLS',
    'r2 = 5\n*(u32 *)(r1 +12) = r2',
    () => 'r2 = 5\nif r2 >= 0xffff goto pc+1\n*(u16 *)(r1 +124) = r2',
  ),
  load(
    'queue_mapping stored, an immediate',
    'SCHED_CLS',
    '*(u32 *)(r1 +12) = 7',
    () => '*(u16 *)(r1 +124) = 7',
    null,
  ),
  load('queue_mapping stored, too large', 'SCHED_CLS', '*(u32 *)(r1 +12) = 65535', () => 'goto pc+0', null),
];

const rxq = 'r2 = *(u64 *)(r1 +32)';
const others: readonly VerifierCase[] = [
  load('data', 'XDP', word(0), () => 'r2 = *(u64 *)(r1 +0)'),
  load('data_end', 'XDP', word(4), () => 'r2 = *(u64 *)(r1 +8)'),
  load('data_meta', 'XDP', word(8), () => 'r2 = *(u64 *)(r1 +16)'),
  load(
    'ingress_ifindex',
    'XDP',
    word(12),
    (v) => `${rxq}\nr2 = *(u64 *)(r2 +0)\nr2 = *(u32 *)(r2 +${o('ifindex', v)})`,
  ),
  load('rx_queue_index', 'XDP', word(16), () => `${rxq}\nr2 = *(u32 *)(r2 +8)`),
  load(
    'egress_ifindex',
    'XDP',
    word(20),
    (v) => `r2 = *(u64 *)(r1 +40)\nr2 = *(u64 *)(r2 +0)\nr2 = *(u32 *)(r2 +${o('ifindex', v)})`,
    undefined,
    { attachType: 33 },
  ),
  load(
    'a register',
    'PERF_EVENT',
    'r2 = *(u64 *)(r1 +80)',
    () => 'r2 = *(u64 *)(r1 +0)\nr2 = *(u64 *)(r2 +80)',
  ),
  load('kprobe: not converted', 'KPROBE', 'r2 = *(u64 *)(r1 +80)', () => 'r2 = *(u64 *)(r1 +80)'),
  load('tracepoint: not converted', 'TRACEPOINT', 'r2 = *(u64 *)(r1 +16)', () => 'r2 = *(u64 *)(r1 +16)'),
  load('raw_tp: not converted', 'RAW_TRACEPOINT', 'r2 = *(u64 *)(r1 +8)', () => 'r2 = *(u64 *)(r1 +8)'),
];

const prologues: readonly VerifierCase[] = (['SCHED_CLS', 'SCHED_ACT'] as const).map((type) => ({
  rule: 'prologue of programs that write packets',
  type,
  text: 'r2 = *(u32 *)(r1 +76)\nr3 = *(u32 *)(r1 +80)\nr4 = r2\nr4 += 1\nif r4 > r3 goto +1\n*(u8 *)(r2 +0) = 7\nr0 = 0\nexit',
  want: 'ok',
}));

verifierCases('__sk_buff conversions', skb);
verifierCases('other context conversions', others);
verifierCases('prologues', prologues);

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contextTable } from '../../../host/verifier/ctx/table.js';
import { RegType, TypeFlag } from '../../../host/verifier/reg-type.js';
import { kernelOf, type RewriteCase, specOf } from '../../support/rewriting.js';

const { SCALAR, PACKET, PACKET_META, SOCK_COMMON, SOCKET, BTF_ID, TP_BUFFER } = RegType;
const { MAYBE_NULL, PTR_TRUSTED } = TypeFlag;
const REFUSED = null;

interface Access {
  readonly name: string;
  readonly type: number;
  readonly attachType?: number;
  readonly kernel?: '6.12' | '6.1';
  readonly target?: string;
  /** Offset, size and, of a store, 'w'. */
  readonly access: readonly [offset: number, size: number, write?: 'w'];
  /** Register type and bytes of the whole field. */
  readonly want: readonly [regType: number, fieldSize: number] | null;
  readonly log?: string;
}

const accesses: readonly Access[] = [
  { name: 'socket filter: len', type: 1, access: [0, 4], want: [SCALAR, 4] },
  { name: 'socket filter: a byte of len', type: 1, access: [1, 1], want: [SCALAR, 4] },
  { name: 'socket filter: misaligned', type: 1, access: [1, 2], want: REFUSED },
  { name: 'socket filter: data', type: 1, access: [76, 4], want: REFUSED },
  { name: 'socket filter: store to mark', type: 1, access: [8, 4, 'w'], want: REFUSED },
  { name: 'socket filter: store to cb', type: 1, access: [48, 8, 'w'], want: [SCALAR, 8] },
  { name: 'socket filter: past cb', type: 1, access: [64, 8, 'w'], want: REFUSED },
  { name: 'tc: data', type: 3, access: [76, 4], want: [PACKET, 4] },
  { name: 'tc: half of data', type: 3, access: [76, 2], want: REFUSED },
  { name: 'tc: data_meta', type: 3, access: [140, 4], want: [PACKET_META, 4] },
  { name: 'tc: family', type: 3, access: [88, 4], want: REFUSED },
  { name: 'tc: sk', type: 3, access: [168, 8], want: [SOCK_COMMON | MAYBE_NULL, 8] },
  { name: 'tc: store to a byte of mark', type: 3, access: [8, 1, 'w'], want: REFUSED },
  { name: 'tc: tstamp_type', type: 3, access: [180, 1], want: [SCALAR, 1] },
  { name: 'tc: tstamp_type as a word', type: 3, access: [180, 4], want: REFUSED },
  { name: 'cgroup_skb: family', type: 8, access: [88, 4], want: [SCALAR, 4] },
  { name: 'xdp: data', type: 6, access: [0, 4], want: [PACKET, 4] },
  { name: 'xdp: egress_ifindex', type: 6, access: [20, 4], want: REFUSED },
  {
    name: 'xdp of a device map: egress_ifindex',
    type: 6,
    attachType: 33,
    access: [20, 4],
    want: [SCALAR, 4],
  },
  { name: 'kprobe: a register', type: 2, access: [160, 8], want: [SCALAR, 0] },
  { name: 'kprobe: past the registers', type: 2, access: [168, 8], want: REFUSED },
  { name: 'tracepoint: common fields', type: 5, access: [0, 8], want: REFUSED },
  { name: 'tracepoint: record', type: 5, access: [8, 8], want: [SCALAR, 0] },
  { name: 'perf_event: part of sample_period', type: 7, access: [172, 4], want: [SCALAR, 8] },
  { name: 'perf_event: part of a register', type: 7, access: [0, 4], want: REFUSED },
  { name: 'raw_tp: last argument', type: 17, access: [88, 8], want: [SCALAR, 0] },
  { name: 'raw_tp: past the arguments', type: 17, access: [96, 8], want: REFUSED },
  { name: 'writable raw_tp: buffer', type: 24, access: [0, 8], want: [TP_BUFFER, 0] },
  { name: 'syscall: anywhere', type: 31, access: [4096, 8, 'w'], want: [SCALAR, 0] },
  { name: 'cgroup_sock: mark when created', type: 9, attachType: 2, access: [16, 4, 'w'], want: [SCALAR, 4] },
  { name: 'cgroup_sock: mark after bind', type: 9, attachType: 12, access: [16, 4], want: REFUSED },
  {
    name: 'sock_addr: IPv4 address on connect4',
    type: 18,
    attachType: 10,
    access: [4, 2],
    want: [SCALAR, 4],
  },
  { name: 'sock_addr: IPv4 address on connect6', type: 18, attachType: 11, access: [4, 4], want: REFUSED },
  { name: 'sock_addr: half an IPv6 address', type: 18, attachType: 11, access: [16, 8], want: [SCALAR, 8] },
  { name: 'sk_msg: sk', type: 16, access: [72, 8], want: [SOCKET, 8] },
  { name: 'sk_lookup: padding after remote_port', type: 30, access: [38, 2], want: [SCALAR, 2] },
  {
    name: 'fentry: argument, not trusted',
    type: 26,
    attachType: 24,
    target: 'wake_up_new_task',
    access: [0, 8],
    want: [BTF_ID, 0],
    log: "func 'wake_up_new_task' arg0 has btf_id 112 type STRUCT 'task_struct'",
  },
  {
    name: 'fentry: past the arguments',
    type: 26,
    attachType: 24,
    target: 'wake_up_new_task',
    access: [8, 8],
    want: REFUSED,
    log: "func 'wake_up_new_task' doesn't have 3-th argument",
  },
  {
    name: 'fentry: half an argument',
    type: 26,
    attachType: 24,
    target: 'wake_up_new_task',
    access: [4, 4],
    want: REFUSED,
    log: "func 'wake_up_new_task' offset 4 is not multiple of 8",
  },
  {
    name: 'fentry: part of a pointer',
    type: 26,
    attachType: 24,
    target: 'wake_up_new_task',
    access: [0, 4],
    want: REFUSED,
    log: "func 'wake_up_new_task' size 4 must be 8",
  },
  {
    name: 'tp_btf: argument, trusted',
    type: 26,
    attachType: 23,
    target: 'task_newtask',
    access: [0, 8],
    want: [BTF_ID | PTR_TRUSTED, 0],
    log: "func 'task_newtask' arg0 has btf_id 112 type STRUCT 'task_struct'",
  },
  {
    name: 'tp_btf on 6.1: no trust',
    type: 26,
    attachType: 23,
    kernel: '6.1',
    target: 'task_newtask',
    access: [0, 8],
    want: [BTF_ID, 0],
    log: "func 'task_newtask' arg0 has btf_id 192 type STRUCT 'task_struct'",
  },
  {
    name: 'iterator: its object, which may be missing',
    type: 26,
    attachType: 28,
    target: 'task',
    access: [8, 8],
    want: [BTF_ID | PTR_TRUSTED | MAYBE_NULL, 0],
  },
  {
    name: 'lsm: integer argument',
    type: 29,
    attachType: 27,
    target: 'socket_sendmsg',
    access: [16, 8],
    want: [SCALAR, 0],
  },
  {
    name: 'lsm: what the hook returned',
    type: 29,
    attachType: 27,
    target: 'file_open',
    access: [8, 8],
    want: [SCALAR, 0],
  },
];

for (const { name, type, attachType = 0, kernel = '6.12', target = '', access, want, log } of accesses) {
  test(name, () => {
    const given: RewriteCase = {
      before: 'exit',
      type,
      spec: { expectedAttachType: attachType, attach: target === '' ? null : { kind: '', target, btfId: 0 } },
    };
    const lines: string[] = [];
    const [offset, size, write] = access;
    const judge = contextTable(specOf(given), kernelOf(kernel, []));
    const field = judge({ insn: 0, offset, size, isWrite: write === 'w' }, (line) => lines.push(line));
    assert.deepEqual(field && [field.regType, field.fieldSize], want);
    assert.deepEqual(lines, log === undefined ? [] : [log]);
  });
}

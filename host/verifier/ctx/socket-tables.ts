import { AttachType } from '../prog-type.js';
import { RegType, TypeFlag } from '../reg-type.js';
import { consecutive, type Field, type FieldTable } from './field-table.js';

const SOCK_OR_NULL = RegType.SOCKET | TypeFlag.MAYBE_NULL;
const attach = (...types: readonly number[]): ReadonlySet<number> => new Set(types);

const CREATE_OR_RELEASE = attach(AttachType.CGROUP_INET_SOCK_CREATE, AttachType.CGROUP_INET_SOCK_RELEASE);

const SOCK_ADDRESSES: readonly Field[] = [
  { offset: 48, size: 2, narrow: true, read: [4] },
  { offset: 52, size: 4, narrow: true },
  { offset: 56, size: 4, count: 4, narrow: true },
  { offset: 72, size: 4, narrow: true },
  { offset: 76, size: 4, narrow: true },
];

/** struct bpf_sock through a full socket pointer. */
export const SOCK: FieldTable = {
  size: 80,
  fields: [
    { offset: 0, size: 4 },
    ...consecutive(4, 4, 3, { narrow: true }),
    ...consecutive(16, 4, 2),
    { offset: 24, size: 4, narrow: true },
    { offset: 28, size: 4, count: 4, narrow: true },
    { offset: 44, size: 4, narrow: true },
    ...SOCK_ADDRESSES,
  ],
};

/** struct bpf_sock through a pointer to what all sockets share. */
export const SOCK_COMMON: FieldTable = {
  size: 80,
  fields: SOCK.fields.filter((field) => field.offset < 8 || field.offset >= 24),
};

/** struct bpf_sock as the context of cgroup_sock programs. */
export const CGROUP_SOCK: FieldTable = {
  size: 80,
  fields: [
    { offset: 0, size: 4, write: [4], attach: CREATE_OR_RELEASE },
    ...consecutive(4, 4, 3, { narrow: true }),
    ...consecutive(16, 4, 2, { write: [4], attach: CREATE_OR_RELEASE }),
    { offset: 24, size: 4, narrow: true, attach: attach(AttachType.CGROUP_INET4_POST_BIND) },
    { offset: 28, size: 4, count: 4, narrow: true, attach: attach(AttachType.CGROUP_INET6_POST_BIND) },
    {
      offset: 44,
      size: 4,
      narrow: true,
      attach: attach(AttachType.CGROUP_INET4_POST_BIND, AttachType.CGROUP_INET6_POST_BIND),
    },
    ...SOCK_ADDRESSES,
  ],
};

/** struct bpf_tcp_sock. */
export const TCP_SOCK: FieldTable = {
  size: 112,
  fields: [...consecutive(0, 4, 20), ...consecutive(80, 8, 2), ...consecutive(96, 4, 4)],
};

/** struct bpf_xdp_sock. */
export const XDP_SOCK: FieldTable = { size: 4, fields: [{ offset: 0, size: 4 }] };

/** struct bpf_sock_ops of Linux 6.1. */
export const SOCK_OPS_61: FieldTable = {
  size: 216,
  fields: [
    { offset: 0, size: 4 },
    { offset: 4, size: 4, write: [4] },
    ...consecutive(8, 4, 39),
    { offset: 164, size: 4, write: [4] },
    ...consecutive(168, 8, 2),
    { offset: 184, size: 8, type: SOCK_OR_NULL },
    { offset: 192, size: 8, type: RegType.PACKET },
    { offset: 200, size: 8, type: RegType.PACKET_END },
    { offset: 208, size: 4 },
    { offset: 212, size: 4, narrow: true },
  ],
};

/** struct bpf_sock_ops. */
export const SOCK_OPS: FieldTable = {
  size: 224,
  fields: [...SOCK_OPS_61.fields, { offset: 216, size: 8 }],
};

/** struct sk_msg_md. */
export const SK_MSG: FieldTable = {
  size: 80,
  fields: [
    { offset: 0, size: 8, type: RegType.PACKET },
    { offset: 8, size: 8, type: RegType.PACKET_END },
    ...consecutive(16, 4, 14),
    { offset: 72, size: 8, type: RegType.SOCKET },
  ],
};

const IP4 = attach(
  AttachType.CGROUP_INET4_BIND,
  AttachType.CGROUP_INET4_CONNECT,
  AttachType.CGROUP_INET4_GETPEERNAME,
  AttachType.CGROUP_INET4_GETSOCKNAME,
  AttachType.CGROUP_UDP4_SENDMSG,
  AttachType.CGROUP_UDP4_RECVMSG,
);
const IP6 = attach(
  AttachType.CGROUP_INET6_BIND,
  AttachType.CGROUP_INET6_CONNECT,
  AttachType.CGROUP_INET6_GETPEERNAME,
  AttachType.CGROUP_INET6_GETSOCKNAME,
  AttachType.CGROUP_UDP6_SENDMSG,
  AttachType.CGROUP_UDP6_RECVMSG,
);

/** struct bpf_sock_addr. */
export const SOCK_ADDR: FieldTable = {
  size: 72,
  fields: [
    { offset: 0, size: 4 },
    { offset: 4, size: 4, narrow: true, write: [4], attach: IP4 },
    { offset: 8, size: 4, count: 4, narrow: true, read: [8], write: [4, 8], attach: IP6 },
    { offset: 24, size: 4, narrow: true, write: [4] },
    ...consecutive(28, 4, 3),
    { offset: 40, size: 4, narrow: true, write: [4], attach: attach(AttachType.CGROUP_UDP4_SENDMSG) },
    {
      offset: 44,
      size: 4,
      count: 4,
      narrow: true,
      read: [8],
      write: [4, 8],
      attach: attach(AttachType.CGROUP_UDP6_SENDMSG),
    },
    { offset: 64, size: 8, type: RegType.SOCKET },
  ],
};

const GET = attach(AttachType.CGROUP_GETSOCKOPT);
const SET = attach(AttachType.CGROUP_SETSOCKOPT);

/** struct bpf_sockopt. */
export const SOCKOPT: FieldTable = {
  size: 40,
  fields: [
    { offset: 0, size: 8, type: RegType.SOCKET },
    { offset: 8, size: 8, type: RegType.PACKET },
    { offset: 16, size: 8, type: RegType.PACKET_END },
    ...consecutive(24, 4, 2, { write: [4], writeAttach: SET }),
    { offset: 32, size: 4, write: [4] },
    { offset: 36, size: 4, write: [4], attach: GET },
  ],
};

/** struct bpf_sk_lookup. */
export const SK_LOOKUP: FieldTable = {
  size: 72,
  fields: [
    { offset: 0, size: 8, type: SOCK_OR_NULL },
    ...consecutive(8, 4, 3, { narrow: true }),
    { offset: 20, size: 4, count: 4, narrow: true },
    { offset: 36, size: 2, narrow: true, read: [4] },
    { offset: 38, size: 2, narrow: true },
    { offset: 40, size: 4, narrow: true },
    { offset: 44, size: 4, count: 4, narrow: true },
    { offset: 60, size: 4, narrow: true },
    { offset: 64, size: 4, narrow: true },
  ],
};

/** struct sk_reuseport_md. */
export const SK_REUSEPORT: FieldTable = {
  size: 56,
  fields: [
    { offset: 0, size: 8, type: RegType.PACKET },
    { offset: 8, size: 8, type: RegType.PACKET_END },
    { offset: 16, size: 4, narrow: true },
    { offset: 20, size: 4, read: [2] },
    ...consecutive(24, 4, 2, { narrow: true }),
    { offset: 32, size: 4 },
    { offset: 40, size: 8, type: RegType.SOCKET },
    { offset: 48, size: 8, type: RegType.SOCK_COMMON | TypeFlag.MAYBE_NULL },
  ],
};

/** struct bpf_sysctl. */
export const SYSCTL: FieldTable = {
  size: 8,
  fields: [
    { offset: 0, size: 4, narrow: true },
    { offset: 4, size: 4, narrow: true, write: [4] },
  ],
};

/** struct bpf_cgroup_dev_ctx. */
export const CGROUP_DEVICE: FieldTable = {
  size: 12,
  fields: [{ offset: 0, size: 4, narrow: true }, ...consecutive(4, 4, 2)],
};

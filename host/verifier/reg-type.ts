import * as layout from '../../assembly/layout/verifier.js';

/**
 * Register types: a base type in the low byte and flags above it. Plain numbers, because they
 * live in the core's register records.
 */
export const RegType = {
  NOT_INIT: layout.TYPE_NOT_INIT,
  SCALAR: layout.TYPE_SCALAR,
  CTX: 2,
  CONST_MAP_PTR: 3,
  MAP_VALUE: layout.TYPE_MAP_VALUE,
  MAP_KEY: layout.TYPE_MAP_KEY,
  STACK: layout.TYPE_STACK,
  PACKET_META: layout.TYPE_PACKET_META,
  PACKET: layout.TYPE_PACKET,
  PACKET_END: 9,
  FLOW_KEYS: 10,
  SOCKET: 11,
  SOCK_COMMON: 12,
  TCP_SOCK: 13,
  TP_BUFFER: layout.TYPE_TP_BUFFER,
  XDP_SOCK: 15,
  BTF_ID: 16,
  MEM: layout.TYPE_MEM,
  ARENA: layout.TYPE_ARENA,
  BUF: layout.TYPE_BUF,
  FUNC: 20,
  CONST_DYNPTR: 21,
} as const;

export const BASE_TYPE_MASK = layout.TYPE_BASE;

export const TypeFlag = {
  MAYBE_NULL: 1 << 8,
  MEM_RDONLY: 1 << 9,
  MEM_RINGBUF: 1 << 10,
  MEM_USER: 1 << 11,
  MEM_PERCPU: 1 << 12,
  PTR_UNTRUSTED: 1 << 13,
  PTR_TRUSTED: 1 << 14,
  MEM_RCU: 1 << 15,
  NON_OWN_REF: 1 << 16,
  MEM_ALLOC: 1 << 17,
  MEM_UNINIT: 1 << 18,
  OBJ_RELEASE: 1 << 19,
  MEM_FIXED_SIZE: 1 << 20,
} as const;

export const baseType = (type: number): number => type & BASE_TYPE_MASK;
export const hasFlag = (type: number, flag: number): boolean => (type & flag) !== 0;

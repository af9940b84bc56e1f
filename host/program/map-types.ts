/** BPF_MAP_TYPE_*, those that definitions treat in a special way. */
export const MapType = {
  HASH: 1,
  ARRAY: 2,
  PROG_ARRAY: 3,
  PERF_EVENT_ARRAY: 4,
  STACK_TRACE: 7,
  CGROUP_ARRAY: 8,
  ARRAY_OF_MAPS: 12,
  HASH_OF_MAPS: 13,
  RINGBUF: 27,
  USER_RINGBUF: 31,
  ARENA: 33,
} as const;

export const BPF_F_RDONLY_PROG = 0x80;
export const BPF_F_MMAPABLE = 0x400;

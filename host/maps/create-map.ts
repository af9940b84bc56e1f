import { MapError } from '../errors.js';
import type { MapSpec } from '../program/program-spec.js';
import { ArenaMap } from './arena-map.js';
import { ArrayMap } from './array-map.js';
import { BloomMap } from './bloom-map.js';
import type { BpfMap, MapEnvironment } from './bpf-map.js';
import { Errno, mapError } from './errno.js';
import { HashMap } from './hash-map.js';
import { LpmMap } from './lpm-map.js';
import { BPF_F_MMAPABLE, MapType } from '../program/map-types.js';
import { PerCpuArrayMap } from './percpu-array-map.js';
import { PointerArrayMap } from './pointer-array-map.js';
import { QueueMap } from './queue-map.js';
import { RingbufMap } from './ringbuf-map.js';
import { SampleMap } from './sample-map.js';
import { StorageMap } from './storage-map.js';

const PAGE = 4096;
const MAX_KEY = 512;
const MAX_ENTRIES = 0x7fffffff;

type Make = (env: MapEnvironment, spec: MapSpec, inner?: BpfMap) => BpfMap;
type Check = (spec: MapSpec) => string | null;

const needs = (name: string, fine: boolean): string | null => (fine ? null : name);

const array: Check = (spec) =>
  needs('key size 4', spec.keySize === 4) ?? needs('values', spec.valueSize > 0) ?? entries(spec);
const entries: Check = (spec) =>
  needs('max_entries above 0', spec.maxEntries > 0 && spec.maxEntries <= MAX_ENTRIES);
const pointers: Check = (spec) =>
  needs('key size 4', spec.keySize === 4) ??
  needs('value size 4 or 8', spec.valueSize === 4 || spec.valueSize === 8) ??
  entries(spec);
const hash: Check = (spec) =>
  needs('key size 1 to 512', spec.keySize > 0 && spec.keySize <= MAX_KEY) ??
  needs('values', spec.valueSize > 0) ??
  entries(spec);
const values: Check = (spec) =>
  needs('key size 0', spec.keySize === 0) ?? needs('values', spec.valueSize > 0) ?? entries(spec);
const ring: Check = (spec) =>
  needs('no key and no value', spec.keySize === 0 && spec.valueSize === 0) ??
  needs(
    'max_entries that is a power of two of whole pages',
    spec.maxEntries >= PAGE && (spec.maxEntries & (spec.maxEntries - 1)) === 0,
  );
const arena: Check = (spec) =>
  needs('no key and no value', spec.keySize === 0 && spec.valueSize === 0) ??
  needs('flag BPF_F_MMAPABLE', (spec.flags & BPF_F_MMAPABLE) !== 0) ??
  needs('a page-aligned map_extra', (spec.extra & BigInt(PAGE - 1)) === 0n) ??
  entries(spec);
const lpm: Check = (spec) =>
  needs('key size 5 to 260', spec.keySize >= 5 && spec.keySize <= 260) ??
  needs('values', spec.valueSize > 0) ??
  entries(spec);
const storage: Check = (spec) =>
  needs('key size 4', spec.keySize === 4) ??
  needs('values', spec.valueSize > 0) ??
  needs('max_entries 0', spec.maxEntries === 0);

/** Keyed by the cgroup, or by it and the attach type; one element for each attachment. */
const cgroupStorage: Check = (spec) =>
  needs('key size 8 or 16', spec.keySize === 8 || spec.keySize === 16) ??
  needs('values', spec.valueSize > 0) ??
  needs('max_entries 0', spec.maxEntries === 0);

const makeArray: Make = (env, spec) => new ArrayMap(env, spec);
const makeHash: Make = (env, spec, inner) => new HashMap(env, spec, inner);
// There is one cgroup.
const makeCgroupStorage: Make = (env, spec) => new HashMap(env, spec, undefined, 1);
const makePointers: Make = (env, spec, inner) => new PointerArrayMap(env, spec, inner);
const makeStorage: Make = (env, spec) => new StorageMap(env, spec);

const KINDS = new Map<number, readonly [Check, Make]>([
  [MapType.ARRAY, [array, makeArray]],
  [MapType.PERCPU_ARRAY, [array, (env, spec) => new PerCpuArrayMap(env, spec)]],
  [MapType.PROG_ARRAY, [pointers, makePointers]],
  [MapType.PERF_EVENT_ARRAY, [pointers, (env, spec) => new SampleMap(env, spec)]],
  [MapType.CGROUP_ARRAY, [pointers, makePointers]],
  [MapType.ARRAY_OF_MAPS, [pointers, makePointers]],
  [MapType.HASH_OF_MAPS, [hash, makeHash]],
  [MapType.HASH, [hash, makeHash]],
  [MapType.PERCPU_HASH, [hash, makeHash]],
  [MapType.LRU_HASH, [hash, makeHash]],
  [MapType.LRU_PERCPU_HASH, [hash, makeHash]],
  [MapType.STACK_TRACE, [hash, makeHash]],
  [MapType.DEVMAP, [array, makeArray]],
  [MapType.CPUMAP, [array, makeArray]],
  [MapType.XSKMAP, [array, makeArray]],
  [MapType.SOCKMAP, [array, makePointers]],
  [MapType.SOCKHASH, [hash, makeHash]],
  [MapType.DEVMAP_HASH, [hash, makeHash]],
  [MapType.REUSEPORT_SOCKARRAY, [pointers, makePointers]],
  [MapType.CGROUP_STORAGE, [cgroupStorage, makeCgroupStorage]],
  [MapType.PERCPU_CGROUP_STORAGE, [cgroupStorage, makeCgroupStorage]],
  [MapType.LPM_TRIE, [lpm, (env, spec) => new LpmMap(env, spec)]],
  [MapType.QUEUE, [values, (env, spec) => new QueueMap(env, spec)]],
  [MapType.STACK, [values, (env, spec) => new QueueMap(env, spec)]],
  [MapType.BLOOM_FILTER, [values, (env, spec) => new BloomMap(env, spec)]],
  [MapType.RINGBUF, [ring, (env, spec) => new RingbufMap(env, spec)]],
  [MapType.USER_RINGBUF, [ring, (env, spec) => new RingbufMap(env, spec)]],
  [MapType.SK_STORAGE, [storage, makeStorage]],
  [MapType.INODE_STORAGE, [storage, makeStorage]],
  [MapType.TASK_STORAGE, [storage, makeStorage]],
  [MapType.CGRP_STORAGE, [storage, makeStorage]],
  [MapType.ARENA, [arena, (env, spec) => new ArenaMap(env, spec)]],
]);

const isOuter = (type: number): boolean => type === MapType.ARRAY_OF_MAPS || type === MapType.HASH_OF_MAPS;

/**
 * BPF_MAP_CREATE. A map of maps takes `inner` as the form its entries must have.
 *
 * @throws MapError MAP_TYPE for a type Faultline does not have, MAP_EINVAL for sizes or flags the kernel refuses.
 */
export function createMap(env: MapEnvironment, spec: MapSpec, inner?: BpfMap): BpfMap {
  const kind = KINDS.get(spec.type);
  const where = `map "${spec.name}" (type ${spec.type})`;
  if (env.lastType !== undefined && spec.type > env.lastType) {
    throw mapError(Errno.EINVAL, `${where}: expected a map type up to ${env.lastType}, found ${spec.type}`);
  }
  if (!kind) throw new MapError('MAP_TYPE', `${where}: expected a supported map type, found ${spec.type}`);
  const [check, make] = kind;
  const missing = check(spec);
  if (missing !== null)
    throw mapError(
      Errno.EINVAL,
      `${where}: expected ${missing}, found key ${spec.keySize}, value ${spec.valueSize}, max_entries ` +
        `${spec.maxEntries}, flags 0x${spec.flags.toString(16)}`,
    );
  if (isOuter(spec.type) && !inner)
    throw mapError(Errno.EINVAL, `${where}: expected the definition of its inner map, found none`);
  return make(env, spec, isOuter(spec.type) ? inner : undefined);
}

import assert from 'node:assert/strict';
import test from 'node:test';
import { MapError } from '../../../host/errors.js';
import { type BpfMap, littleEndian } from '../../../host/maps/bpf-map.js';
import { BPF_ANY, BPF_EXIST, BPF_NOEXIST, MapType } from '../../../host/program/map-types.js';
import { testMaps } from '../../support/map-env.js';

const { make } = await testMaps();

/** Errno that an operation answers, 0 = it worked. */
function errnoOf(action: () => void): number {
  try {
    action();
    return 0;
  } catch (error) {
    if (error instanceof MapError) return error.errno;
    throw error;
  }
}

const EPERM = 1;
const ENOENT = 2;
const E2BIG = 7;
const EEXIST = 17;
const EINVAL = 22;
const ENOSPC = 28;

interface Case {
  readonly name: string;
  readonly type: number;
  readonly act: (map: BpfMap) => void;
  readonly errno: number;
}

// Every map has 2 entries; key 1 (index 1) is set to 11 before the action.
const cases: Case[] = [
  { name: 'array: any index may be set', type: MapType.ARRAY, act: (m) => m.update(0, 5, BPF_ANY), errno: 0 },
  { name: 'array: every index exists', type: MapType.ARRAY, act: (m) => m.update(0, 5, BPF_EXIST), errno: 0 },
  { name: 'array: none is new', type: MapType.ARRAY, act: (m) => m.update(0, 5, BPF_NOEXIST), errno: EEXIST },
  { name: 'array: index past the end', type: MapType.ARRAY, act: (m) => m.update(2, 5), errno: E2BIG },
  { name: 'array: unknown flags', type: MapType.ARRAY, act: (m) => m.update(0, 5, 8n), errno: EINVAL },
  { name: 'array: nothing can be deleted', type: MapType.ARRAY, act: (m) => m.delete(0), errno: EINVAL },
  { name: 'array: short key', type: MapType.ARRAY, act: (m) => m.lookup(new Uint8Array(3)), errno: EINVAL },
  {
    name: 'array: long value',
    type: MapType.ARRAY,
    act: (m) => m.update(0, new Uint8Array(9)),
    errno: EINVAL,
  },
  {
    name: 'per-CPU array: index past the end',
    type: MapType.PERCPU_ARRAY,
    act: (m) => m.update(2, 5),
    errno: E2BIG,
  },
  { name: 'hash: a new key', type: MapType.HASH, act: (m) => m.update(2, 5, BPF_NOEXIST), errno: 0 },
  {
    name: 'hash: a known key is not new',
    type: MapType.HASH,
    act: (m) => m.update(1, 5, BPF_NOEXIST),
    errno: EEXIST,
  },
  {
    name: 'hash: an unknown key does not exist',
    type: MapType.HASH,
    act: (m) => m.update(2, 5, BPF_EXIST),
    errno: ENOENT,
  },
  { name: 'hash: unknown flags', type: MapType.HASH, act: (m) => m.update(1, 5, 3n), errno: EINVAL },
  { name: 'hash: deletes a key', type: MapType.HASH, act: (m) => m.delete(1), errno: 0 },
  { name: 'hash: deletes no unknown key', type: MapType.HASH, act: (m) => m.delete(2), errno: ENOENT },
  {
    name: 'hash: full',
    type: MapType.HASH,
    act: (m) => {
      m.update(2, 5);
      m.update(3, 5);
    },
    errno: E2BIG,
  },
  {
    name: 'hash: full, but the key is known',
    type: MapType.HASH,
    act: (m) => {
      m.update(2, 5);
      m.update(1, 5);
    },
    errno: 0,
  },
  {
    name: 'LRU hash: never full',
    type: MapType.LRU_HASH,
    act: (m) => {
      for (let key = 2; key < 50; key++) m.update(key, key);
    },
    errno: 0,
  },
  {
    name: 'frozen: no update',
    type: MapType.ARRAY,
    act: (m) => {
      m.freeze();
      m.update(0, 1);
    },
    errno: EPERM,
  },
];

for (const { name, type, act, errno } of cases) {
  test(name, () => {
    const map = make({ type, maxEntries: 2 });
    map.update(1, 11);
    assert.equal(
      errnoOf(() => act(map)),
      errno,
    );
    map.close();
  });
}

test('a map used after close says so', () => {
  const map = make({});
  map.close();
  assert.equal(
    errnoOf(() => map.update(0, 1)),
    EINVAL,
  );
});

test('definitions the kernel refuses', () => {
  for (const spec of [
    { type: MapType.ARRAY, keySize: 8 },
    { type: MapType.ARRAY, maxEntries: 0 },
    { type: MapType.ARRAY, valueSize: 0 },
    { type: MapType.HASH, keySize: 0 },
    { type: MapType.HASH, keySize: 513 },
    { type: MapType.RINGBUF, keySize: 0, valueSize: 0, maxEntries: 4095 },
    { type: MapType.ARENA, keySize: 0, valueSize: 0, flags: 0 },
    { type: MapType.ARENA, keySize: 0, valueSize: 0, flags: 0x400, extra: 1n },
    { type: MapType.ARRAY_OF_MAPS },
  ])
    assert.equal(
      errnoOf(() => make(spec)),
      EINVAL,
      JSON.stringify(spec, (_, v: unknown) => String(v)),
    );
  assert.throws(() => make({ type: 99 }), { code: 'MAP_TYPE' });
});

test('the least recently used element goes first; a looked-up one gets a second chance', () => {
  const map = make({ type: MapType.LRU_HASH, maxEntries: 3 });
  for (const key of [1, 2, 3]) map.update(key, key);
  map.find(littleEndian(1n, 4));
  map.update(4, 4);
  assert.deepEqual(
    [1, 2, 3, 4].map((key) => map.lookup(key) !== undefined),
    [true, false, true, true],
  );
});

test('longest prefix match', () => {
  const map = make({ type: MapType.LPM_TRIE, keySize: 8, maxEntries: 3 });
  const key = (length: number, ...data: number[]): Uint8Array => new Uint8Array([length, 0, 0, 0, ...data]);
  map.update(key(8, 10, 0, 0, 0), 8);
  map.update(key(24, 10, 1, 2, 0), 24);
  map.update(key(0, 0, 0, 0, 0), 0);
  const find = (...data: number[]): bigint | undefined => map.lookupUint(key(32, ...data));
  assert.deepEqual([find(10, 1, 2, 9), find(10, 1, 3, 9), find(11, 0, 0, 1)], [24n, 8n, 0n]);
  assert.equal(
    errnoOf(() => map.update(key(9, 1, 1, 1, 1), 1)),
    ENOSPC,
  );
  map.delete(key(24, 10, 1, 2, 200));
  assert.equal(find(10, 1, 2, 9), 8n);
});

test('cgroup storage is made without max_entries and holds one element for the cgroup', () => {
  for (const type of [MapType.CGROUP_STORAGE, MapType.PERCPU_CGROUP_STORAGE])
    for (const keySize of [8, 16]) {
      const map = make({ type, keySize, maxEntries: 0 });
      assert.equal(map.lookup(new Uint8Array(keySize)), undefined);
      map.update(new Uint8Array(keySize), 7);
      assert.equal(map.lookupUint(new Uint8Array(keySize)), 7n);
    }
  assert.equal(
    errnoOf(() => make({ type: MapType.CGROUP_STORAGE, keySize: 8, maxEntries: 1 })),
    EINVAL,
  );
});

import assert from 'node:assert/strict';
import test from 'node:test';
import type { ArenaMap } from '../../../host/maps/arena-map.js';
import { littleEndian } from '../../../host/maps/bpf-map.js';
import type { HashMap } from '../../../host/maps/hash-map.js';
import { MapType } from '../../../host/program/map-types.js';
import type { PointerArrayMap } from '../../../host/maps/pointer-array-map.js';
import type { RingbufMap } from '../../../host/maps/ringbuf-map.js';
import type { StorageMap } from '../../../host/maps/storage-map.js';
import { LAYOUT_6_12, PER_CPU_OFFSET, testMaps } from '../../support/map-env.js';

const { memory, make } = await testMaps();

test('inlined array lookup: object + value offset + index * element size', () => {
  const map = make({ type: MapType.ARRAY, valueSize: 6, maxEntries: 4 });
  map.update(2, littleEndian(0x060504030201n, 6));
  const at = map.address + BigInt(LAYOUT_6_12.arrayValue + 2 * 8);
  assert.equal(memory.readUint(at, 8), 0x060504030201n);
  assert.equal(memory.readUint(map.address + 36n, 4), 4n, 'bpf_map.max_entries');
  assert.equal(memory.readUint(map.address + 252n, 4), 3n, 'bpf_array.index_mask');
});

test('inlined per-CPU array lookup: slot pointer + this_cpu_off', () => {
  const map = make({ type: MapType.PERCPU_ARRAY });
  map.update(1, 77);
  const pointer = memory.readUint(map.address + BigInt(LAYOUT_6_12.arrayValue + 8), 8);
  assert.equal(memory.readUint(BigInt.asUintN(64, pointer + PER_CPU_OFFSET), 8), 77n);
});

test('inlined hash lookup: element + key offset + padded key', () => {
  const map = make<HashMap>({ type: MapType.HASH, keySize: 5 });
  const key = new Uint8Array([1, 2, 3, 4, 5]);
  map.update(key, 9);
  const element = map.element(key);
  assert.deepEqual(memory.read(element + 48n, 5), key);
  assert.equal(memory.readUint(element + 48n + 8n, 8), 9n);
  map.update(key, 10);
  assert.equal(map.element(key), element, 'an update keeps the address');
});

test('mmapable arrays have their values at a page boundary', () => {
  const map = make({ type: MapType.ARRAY, valueSize: 5000, maxEntries: 1, flags: 0x400 });
  assert.equal(map.valueAddress % 4096n, 0n);
  assert.equal(map.valueAddress, map.address + BigInt(LAYOUT_6_12.arrayValue));
});

test('a frozen read-only section is a constant', () => {
  const initial = new Uint8Array([1, 2, 3, 4]);
  const spec = { type: MapType.ARRAY, valueSize: 4, maxEntries: 1, initial };
  assert.deepEqual(make({ ...spec, flags: 0x480, frozen: true }).constant, initial);
  assert.equal(make({ ...spec, flags: 0x400, frozen: true }).constant, undefined, 'programs may write it');
  assert.equal(make({ ...spec, flags: 0x480 }).constant, undefined, 'the host may write it');
});

test('a kernel has the map types up to its newest', async () => {
  const older = await testMaps(MapType.USER_RINGBUF);
  const storage = { keySize: 4, maxEntries: 0, flags: 1 };
  assert.doesNotThrow(() => older.make({ type: MapType.TASK_STORAGE, ...storage }));
  assert.throws(() => older.make({ type: MapType.CGRP_STORAGE, ...storage }), { code: 'MAP_EINVAL' });
  assert.doesNotThrow(() => make({ type: MapType.CGRP_STORAGE, ...storage }));
});

test('array of maps holds addresses of maps of its form', () => {
  const template = make({});
  const outer = make<PointerArrayMap>({ type: MapType.ARRAY_OF_MAPS, valueSize: 4 }, template);
  const inner = make({});
  outer.update(3, inner);
  assert.equal(outer.find(littleEndian(3n, 4)), inner.address);
  assert.throws(() => outer.update(0, make({ maxEntries: 5 })), { code: 'MAP_EINVAL' });
  assert.throws(() => outer.delete(0), { code: 'MAP_ENOENT' });
});

test('queue and stack order, full and empty', () => {
  const spec = { keySize: 0, maxEntries: 2, valueSize: 1 };
  const bytes = (value: number): Uint8Array => new Uint8Array([value]);
  for (const [type, order] of [
    [MapType.QUEUE, [2, 3]],
    [MapType.STACK, [3, 2]],
  ] as const) {
    const map = make({ ...spec, type });
    assert.equal(map.pop(), -2);
    assert.deepEqual([map.push(bytes(1), 0n), map.push(bytes(2), 0n), map.push(bytes(3), 0n)], [0, 0, -7]);
    assert.equal(map.push(bytes(3), 2n), 0, 'BPF_EXIST drops the oldest');
    assert.deepEqual(map.peek(), bytes(order[0]));
    assert.deepEqual([map.pop(), map.pop(), map.pop()], [bytes(order[0]), bytes(order[1]), -2]);
  }
});

test('bloom filter never forgets', () => {
  const map = make({ type: MapType.BLOOM_FILTER, keySize: 0, valueSize: 4, maxEntries: 64 });
  const values = Array.from({ length: 64 }, (_, at) => littleEndian(BigInt(at * 7919), 4));
  assert.equal(map.peek(values[0]), -2);
  for (const value of values) map.push(value, 0n);
  assert.ok(values.every((value) => typeof map.peek(value) !== 'number'));
});

test('ring buffer: records in order, discarded ones skipped, wrapped ones whole', () => {
  const map = make<RingbufMap>({ type: MapType.RINGBUF, keySize: 0, valueSize: 0, maxEntries: 4096 });
  assert.equal(map.reserve(4096n), 0n, 'no room with the header');
  for (let round = 0; round < 5; round++) {
    const big = new Uint8Array(3000).fill(round + 1);
    assert.equal(map.output(big), 0);
    assert.equal(map.output(big), -11, 'full');
    const dropped = map.reserve(16n);
    map.commit(dropped, true);
    assert.deepEqual(map.consume(), [big]);
  }
  const pending = map.reserve(8n);
  map.output(new Uint8Array(8));
  assert.deepEqual(map.consume(), [], 'a finished record waits for the one before it');
  map.commit(pending, false);
  assert.equal(map.consume().length, 2);
});

test('storage follows the object', () => {
  const map = make<StorageMap>({ type: MapType.TASK_STORAGE, maxEntries: 0 });
  assert.equal(map.of(0x1000n), 0n);
  const place = map.make(0x1000n, littleEndian(5n, 8));
  assert.equal(map.make(0x1000n), place);
  assert.equal(map.lookupUint(0x1000n), 5n);
  assert.deepEqual([map.drop(0x1000n), map.drop(0x1000n)], [true, false]);
});

test('arena pages exist from allocation to freeing', () => {
  const user = 0x1000_0001_0000n;
  const spec = { type: MapType.ARENA, keySize: 0, valueSize: 0, maxEntries: 4, flags: 0x400, extra: user };
  const map = make<ArenaMap>(spec);
  const page = map.allocPages(0n, 2);
  assert.equal(page, user);
  const address = map.kernelAddress(page);
  memory.writeUint(address, 8, 1n);
  assert.ok(memory.isMapped(address, 8192));
  assert.ok(!memory.isMapped(address + 8192n, 1));
  assert.equal(map.allocPages(0n, 3), 0n, 'no run of three');
  assert.equal(map.allocPages(user + 0x1000n, 1), 0n, 'taken');
  assert.equal(map.allocPages(user + 0x3000n, 1), user + 0x3000n);
  map.freePages(page, 1);
  assert.ok(!memory.isMapped(address, 1));
  assert.equal(map.allocPages(0n, 1), user);
  assert.equal(memory.readUint(address, 8), 0n, 'fresh pages are zero');
});

test('nothing lies where arena pointers and offsets reach beside the pages of the arena', () => {
  const spec = { type: MapType.ARENA, keySize: 0, valueSize: 0, maxEntries: 2, flags: 0x400 };
  const [map, next] = [make<ArenaMap>(spec), make<ArenaMap>(spec)];
  const [first, last] = [
    map.kernelAddress(map.allocPages(0n, 2)),
    next.kernelAddress(next.allocPages(0n, 2)),
  ];
  for (const page of [
    first - 0x8000n,
    first - 1n,
    first + 8192n,
    last - 1n,
    last + 8192n,
    last + 8192n + 0x7fffn,
  ])
    assert.ok(!memory.isMapped(page, 1), page.toString(16));
  const reach = 1n << 32n;
  for (const name of ['user', 'direct', 'vmalloc', 'text', 'modules'] as const) {
    const { base, size } = memory.region(name);
    assert.ok(base + BigInt(size) <= first - reach || base >= last + reach, name);
  }
});

test('a snapshot brings back keys, queues and arena pages', () => {
  const hash = make({ type: MapType.HASH });
  const queue = make({ type: MapType.QUEUE, keySize: 0 });
  const arena = make<ArenaMap>({ type: MapType.ARENA, keySize: 0, valueSize: 0, flags: 0x400 });
  hash.update(1, 1);
  queue.push(littleEndian(1n, 8), 0n);
  const restores = [hash, queue, arena].map((map) => map.snapshot());
  for (let round = 0; round < 2; round++) {
    hash.delete(1);
    hash.update(2, 2);
    queue.pop();
    const page = arena.allocPages(0n, 1);
    assert.notEqual(page, 0n);
    for (const restore of restores) restore();
    assert.deepEqual([hash.lookup(1) !== undefined, hash.lookup(2)], [true, undefined]);
    assert.notEqual(queue.peek(), -2);
    assert.ok(!memory.isMapped(arena.kernelAddress(page), 1));
  }
});

test('closing gives the memory back', () => {
  const first = make({ type: MapType.ARRAY, valueSize: 4000 });
  const address = first.address;
  first.close();
  first.close();
  assert.equal(make({ type: MapType.ARRAY, valueSize: 4000 }).address, address);
});

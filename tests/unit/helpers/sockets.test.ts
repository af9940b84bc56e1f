import assert from 'node:assert/strict';
import test from 'node:test';
import { MapType } from '../../../host/program/map-types.js';
import { HelperBench } from '../../support/helper-bench.js';

const bench = await HelperBench.open();
const { kernel } = bench;
const { memory } = kernel;
const EINVAL = -22n;
const EACCES = -13n;
const ENOPROTOOPT = -92n;
const ENOENT = -2n;

const socket = kernel.create('tcp_sock');
const operations = kernel.create('bpf_sock_ops_kern', { sk: socket });
const address = kernel.create('bpf_sock_addr_kern', { sk: socket });

test('options read back as they were set, whichever way the socket is named', () => {
  const value = bench.place(Uint8Array.of(9, 0, 0, 0));
  const to = bench.room(4);
  const ways: readonly (readonly [string, bigint])[] = [
    ['bpf_sk', socket.address],
    ['bpf_unlocked_sk', socket.address],
    ['bpf_sock_addr', address.address],
    ['bpf_sock_ops', operations.address],
  ];
  for (const [at, [name, context]] of ways.entries()) {
    memory.write(to, Uint8Array.of(1, 1, 1, 1));
    assert.equal(bench.call(`${name}_getsockopt`, context, 1, at, to, 4), ENOPROTOOPT, name);
    assert.equal(bench.word(to, 4), 0n, name);
    assert.equal(bench.call(`${name}_setsockopt`, context, 1, at, value, 4), 0n, name);
    for (const [other, same] of ways) {
      assert.equal(bench.call(`${other}_getsockopt`, same, 1, at, to, 4), 0n, `${name}, ${other}`);
      assert.equal(bench.word(to, 4), 9n);
    }
  }
});

test('flags of socket operations: the known are kept, the others answered', () => {
  assert.equal(bench.call('bpf_sock_ops_cb_flags_set', operations.address, 0x85), 0x80n);
  assert.equal(socket.uint('bpf_sock_ops_cb_flags'), 5n);
  const none = kernel.create('bpf_sock_ops_kern');
  assert.equal(bench.call('bpf_sock_ops_cb_flags_set', none.address, 1), EINVAL);
});

test('cookies name sockets', () => {
  const own = bench.call('bpf_get_socket_ptr_cookie', socket.address);
  assert.notEqual(own, 0n);
  assert.equal(bench.call('bpf_get_socket_cookie_sock_ops', operations.address), own);
  assert.equal(bench.call('bpf_get_socket_cookie_sock_addr', address.address), own);
});

test('casts by family', () => {
  const unix = kernel.create('sock', { '__sk_common.skc_family': 1 });
  assert.equal(bench.pointer('bpf_skc_to_unix_sock', unix.address), unix.address);
  assert.equal(bench.call('bpf_skc_to_unix_sock', socket.address), 0n);
  assert.equal(bench.call('bpf_skc_to_unix_sock', 0), 0n);
  assert.equal(bench.call('bpf_skc_to_mptcp_sock', socket.address), 0n);
});

test('sockets in maps', () => {
  const spec = { name: 'socks', keySize: 4, valueSize: 8, maxEntries: 4, flags: 0, extra: 0n };
  const map = kernel.createMap({ ...spec, type: MapType.SOCKMAP });
  const key = bench.place(Uint8Array.of(2, 0, 0, 0));
  for (const helper of ['bpf_sk_redirect_map', 'bpf_msg_redirect_map']) {
    assert.equal(bench.call(helper, 0, map.address, 2, 0), 0n, `${helper}: nothing there`);
  }
  assert.equal(bench.call('bpf_sock_map_update', operations.address, map.address, key, 0), 0n);
  for (const helper of ['bpf_sk_redirect_map', 'bpf_msg_redirect_map']) {
    assert.equal(bench.call(helper, 0, map.address, 2, 1), 1n, helper);
    assert.equal(bench.call(helper, 0, map.address, 2, 2), 0n, `${helper}: unknown flag`);
  }
  const hash = kernel.createMap({ ...spec, type: MapType.SOCKHASH });
  assert.equal(bench.call('bpf_sk_redirect_hash', 0, hash.address, key, 0), 0n);
  assert.equal(bench.call('bpf_sock_hash_update', operations.address, hash.address, key, 0), 0n);
  assert.equal(bench.call('bpf_sk_redirect_hash', 0, hash.address, key, 0), 1n);
  assert.equal(bench.call('bpf_msg_redirect_hash', 0, hash.address, key, 0), 1n);
});

test('a listening socket is chosen from a map', () => {
  const spec = { name: 'group', keySize: 4, valueSize: 8, maxEntries: 2, flags: 0, extra: 0n };
  const map = kernel.createMap({ ...spec, type: MapType.REUSEPORT_SOCKARRAY });
  const key = bench.place(Uint8Array.of(1, 0, 0, 0));
  assert.equal(bench.call('sk_select_reuseport', 0, map.address, key, 0), ENOENT);
  map.update(1, socket);
  assert.equal(bench.call('sk_select_reuseport', 0, map.address, key, 0), 0n);
  assert.equal(bench.call('sk_select_reuseport', 0, map.address, key, 1), EINVAL);
});

test('messages', () => {
  const message = kernel.create('sk_msg', { 'sg.size': 100 });
  assert.equal(bench.call('bpf_msg_apply_bytes', message.address, 40), 0n);
  assert.equal(bench.call('bpf_msg_cork_bytes', message.address, 50), 0n);
  assert.deepEqual([message.uint('apply_bytes'), message.uint('cork_bytes')], [40n, 50n]);
  assert.equal(bench.call('bpf_msg_pull_data', message.address, 0, 100, 0), 0n);
  assert.equal(bench.call('bpf_msg_pull_data', message.address, 0, 101, 0), EINVAL);
  assert.equal(bench.call('bpf_msg_pull_data', message.address, 5, 5, 0), EINVAL);
});

test('binding wants a whole address', () => {
  assert.equal(bench.call('bpf_bind', address.address, bench.room(16), 16), 0n);
  assert.equal(bench.call('bpf_bind', address.address, bench.room(16), 8), EINVAL);
});

test('paths of UNIX addresses', () => {
  const name = bench.room(110);
  address.set('uaddr', name);
  memory.writeUint(name, 2, 1n);
  assert.equal(bench.call('bpf_sock_addr_set_sun_path', address.address, bench.place('/run/x'), 6), 0n);
  assert.equal(bench.text(name + 2n, 20), '/run/x');
  assert.equal(address.uint('uaddrlen'), 8n);
  assert.equal(bench.call('bpf_sock_addr_set_sun_path', address.address, name, 0), EINVAL);
  memory.writeUint(name, 2, 2n);
  assert.equal(bench.call('bpf_sock_addr_set_sun_path', address.address, name, 6), EINVAL);
});

/** A TCP header: ports 1000 and 80, sequence and acknowledged numbers, flags. */
function segment(sequence: number, acknowledged: number, flags: number): bigint {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 1000);
  view.setUint16(2, 80);
  view.setUint32(4, sequence);
  view.setUint32(8, acknowledged);
  bytes[13] = flags;
  return bench.place(bytes);
}

for (const [version, size] of [
  [4, 20],
  [6, 40],
] as const) {
  test(`cookies of connections over IPv${version}`, () => {
    const header = new Uint8Array(size).map((_, at) => at);
    header[0] = version << 4;
    const ip = bench.place(header);
    const cookie = bench.call(`bpf_tcp_raw_gen_syncookie_ipv${version}`, ip, segment(500, 0, 2), 20);
    assert.equal(cookie >> 32n, version === 4 ? 536n : 1220n);
    const answer = segment(501, (Number(cookie & 0xffffffffn) + 1) >>> 0, 0x10);
    const raw = `bpf_tcp_raw_check_syncookie_ipv${version}`;
    assert.equal(bench.call(raw, ip, answer), 0n);
    assert.equal(bench.call(raw, ip, segment(501, 7, 0x10)), EACCES);
    assert.equal(bench.call(`bpf_tcp_raw_gen_syncookie_ipv${version}`, ip, answer, 19), EINVAL);
    const generated = bench.call('bpf_tcp_gen_syncookie', 0, ip, size, segment(500, 0, 2), 20);
    assert.equal(generated, cookie);
    assert.equal(bench.call('bpf_tcp_check_syncookie', 0, ip, size, answer, 20), 0n);
    assert.equal(bench.call('bpf_tcp_check_syncookie', 0, ip, size, segment(501, 7, 0x10), 20), ENOENT);
    assert.equal(bench.call('bpf_tcp_gen_syncookie', 0, ip, size, answer, 20), EINVAL);
  });
}

test('Reno: slow start to the threshold, then one segment a window', () => {
  const tcp = kernel.create('tcp_sock', {
    snd_cwnd: 4,
    snd_ssthresh: 8,
    snd_cwnd_clamp: 100,
    prior_cwnd: 20,
  });
  assert.equal(bench.call('tcp_reno_ssthresh', tcp.address), 2n);
  assert.equal(bench.call('tcp_slow_start', tcp.address, 3), 0n);
  assert.equal(tcp.uint('snd_cwnd'), 7n);
  assert.equal(bench.call('tcp_slow_start', tcp.address, 3), 2n);
  assert.equal(tcp.uint('snd_cwnd'), 8n);
  for (let at = 0; at < 8; at++) bench.call('tcp_reno_cong_avoid', tcp.address, 0, 1);
  assert.equal(tcp.uint('snd_cwnd'), 9n);
  bench.call('tcp_cong_avoid_ai', tcp.address, 2, 4);
  assert.equal(tcp.uint('snd_cwnd'), 11n);
  assert.equal(bench.call('tcp_reno_undo_cwnd', tcp.address), 20n);
});

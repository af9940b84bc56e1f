import assert from 'node:assert/strict';
import test from 'node:test';
import { HelperBench } from '../../support/helper-bench.js';

const bench = await HelperBench.open();
const { kernel } = bench;
const { memory } = kernel;
const EINVAL = -22n;
const ENOENT = -2n;
const ENOTSUPP = -524n;
const EFAULT = -14n;

/** An Ethernet frame of IPv4. */
const frame = Uint8Array.from({ length: 60 }, (_, at) =>
  at === 12 ? 8 : at === 13 ? 0 : at === 14 ? 0x45 : at,
);
const skb = kernel.context.skb(frame);
const object = kernel.at('sk_buff', skb.address);
const to = bench.room(64);

test('tunnel keys and options come back', () => {
  assert.equal(bench.call('bpf_skb_get_tunnel_key', skb.address, to, 28, 0), EINVAL);
  assert.equal(bench.call('bpf_skb_set_tunnel_opt', skb.address, to, 8), EINVAL);
  const key = bench.place(Uint8Array.from({ length: 28 }, (_, at) => at + 1));
  assert.equal(bench.call('bpf_skb_set_tunnel_key', skb.address, key, 27, 0), EINVAL);
  assert.equal(bench.call('bpf_skb_set_tunnel_key', skb.address, key, 28, 0x20), EINVAL);
  assert.equal(bench.call('bpf_skb_set_tunnel_key', skb.address, key, 28, 0), 0n);
  assert.equal(bench.call('bpf_skb_get_tunnel_key', skb.address, to, 28, 0), 0n);
  assert.deepEqual(memory.read(to, 28), memory.read(key, 28));
  assert.equal(bench.call('bpf_skb_get_tunnel_opt', skb.address, to, 8), ENOENT);
  assert.equal(bench.call('bpf_skb_set_tunnel_opt', skb.address, key, 8), 0n);
  assert.equal(bench.call('bpf_skb_get_tunnel_opt', skb.address, to, 16), 8n);
  assert.deepEqual(memory.read(to, 8), memory.read(key, 8));
  assert.equal(bench.call('bpf_skb_get_tunnel_opt', skb.address, to, 4), -12n);
});

test('from IPv4 to IPv6 and back', () => {
  const before = memory.read(object.uint('data'), 60);
  assert.equal(bench.call('bpf_skb_change_proto', skb.address, 0xdd86, 1), EINVAL);
  assert.equal(bench.call('bpf_skb_change_proto', skb.address, 0x0008, 0), ENOTSUPP);
  assert.equal(bench.call('bpf_skb_change_proto', skb.address, 0xdd86, 0), 0n);
  assert.equal(object.uint('len'), 80n);
  assert.deepEqual(memory.read(object.uint('data'), 14), before.subarray(0, 14));
  assert.deepEqual(memory.read(object.uint('data') + 34n, 46), before.subarray(14));
  assert.equal(bench.call('bpf_skb_change_proto', skb.address, 0x0008, 0), 0n);
  assert.equal(object.uint('len'), 60n);
});

test('congestion is marked where the sender knows it, and the checksum follows', () => {
  const bytes = new Uint8Array(60);
  bytes.set([8, 0, 0x45, 0b10, 0, 46], 12);
  const packet = kernel.context.skb(bytes);
  const header = kernel.at('sk_buff', packet.address).uint('data') + 14n;
  const sum = (): number => {
    const view = new DataView(memory.read(header, 20).slice().buffer);
    let total = 0;
    for (let at = 0; at < 20; at += 2) total += view.getUint16(at);
    return (total & 0xffff) + (total >>> 16);
  };
  memory.writeUint(header + 10n, 2, BigInt(~sum() & 0xffff));
  const view = new DataView(memory.read(header + 10n, 2).slice().buffer);
  memory.writeUint(header + 10n, 2, BigInt(view.getUint16(0)));
  assert.equal(sum(), 0xffff);
  assert.equal(bench.call('bpf_skb_ecn_set_ce', packet.address), 1n);
  assert.equal(bench.word(header + 1n, 1), 3n);
  assert.equal(sum(), 0xffff);
  memory.writeUint(header + 1n, 1, 0n);
  assert.equal(bench.call('bpf_skb_ecn_set_ce', packet.address), 0n);
});

test('owners of sockets', () => {
  const owner = kernel.create('sock', { 'sk_uid.val': 1000 });
  const sent = kernel.create('sk_buff', { sk: owner });
  assert.equal(bench.call('bpf_get_socket_uid', sent.address), 1000n);
  assert.equal(bench.call('bpf_get_socket_uid', kernel.create('sk_buff').address), 65534n);
});

test('no hardware has looked at checksums', () => {
  assert.equal(bench.call('bpf_csum_level', skb.address, 0), -13n);
  assert.equal(bench.call('bpf_csum_level', skb.address, 1), 0n);
  assert.equal(bench.call('bpf_csum_level', skb.address, 4), EINVAL);
});

test('packets of flow dissectors and of reuseport groups', () => {
  const data = bench.place(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  const dissector = kernel.create('bpf_flow_dissector', { data, data_end: data + 8n });
  assert.equal(bench.call('bpf_flow_dissector_load_bytes', dissector.address, 2, to, 4), 0n);
  assert.deepEqual(memory.read(to, 4), Uint8Array.of(3, 4, 5, 6));
  assert.equal(bench.call('bpf_flow_dissector_load_bytes', dissector.address, 5, to, 4), EFAULT);
  assert.deepEqual(memory.read(to, 4), new Uint8Array(4));
  dissector.set('skb', skb.address);
  assert.equal(bench.call('bpf_flow_dissector_load_bytes', dissector.address, 56, to, 4), 0n);
  const reuseport = kernel.create('sk_reuseport_kern', { skb: skb.address });
  assert.equal(bench.call('sk_reuseport_load_bytes', reuseport.address, 0, to, 2), 0n);
  assert.deepEqual(memory.read(to, 2), frame.subarray(0, 2));
  assert.equal(bench.call('sk_reuseport_load_bytes', reuseport.address, 59, to, 2), EFAULT);
});

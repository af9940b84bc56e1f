import assert from 'node:assert/strict';
import test from 'node:test';
import { RunEnvironment, runScope } from '../../../host/runtime/environment.js';
import { findHelper, helperNames, missingHelper } from '../../../host/helpers/registry.js';
import { MapType } from '../../../host/program/map-types.js';
import { mapFunction } from '../../../host/verifier/rewrite/map-type.js';
import type { BpfMap } from '../../../host/maps/bpf-map.js';
import type { RingbufMap } from '../../../host/maps/ringbuf-map.js';
import { testKernel } from '../../support/kernel.js';

const kernel = await testKernel();
const { memory } = kernel;

const context = kernel.context.tracing([11n, 22n], { returns: -5n, functionAddress: 0xffffffff81001234n });
const callbacks: (readonly bigint[])[] = [];
let callbackAnswer: (round: number) => bigint = () => 0n;

const env = new RunEnvironment(
  {
    memory,
    btf: kernel.btf,
    text: kernel.text,
    objects: { at: (type: string, address: bigint) => kernel.at(type, address) } as never,
    perCpuOffset: 0n,
    currentTask: kernel.current.address,
    trace: kernel.trace,
    mapAt: (address) => kernel.mapAt(address),
  },
  runScope(context, 77n, 0n),
  (_, args) => {
    callbacks.push(args);
    return callbackAnswer(callbacks.length - 1);
  },
  1,
);

/** Calls a helper and answers R0 as a signed number. */
function call(name: string, ...args: (bigint | number)[]): bigint {
  const helper = findHelper(name);
  assert.ok(helper, `${name} exists`);
  const registers = args.map((arg) => BigInt.asUintN(64, BigInt(arg)));
  while (registers.length < 5) registers.push(0n);
  return BigInt.asIntN(64, helper(env, registers));
}

const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
function place(value: string | Uint8Array): bigint {
  const content = typeof value === 'string' ? bytes(`${value}\0`) : value;
  const address = memory.alloc('direct', content.length);
  memory.write(address, content);
  return address;
}
const text = (address: bigint, size: number): string => {
  const content = memory.read(address, size);
  const end = content.indexOf(0);
  return new TextDecoder().decode(content.subarray(0, end < 0 ? size : end));
};

const EFAULT = -14n;
const EINVAL = -22n;
const ERANGE = -34n;
const E2BIG = -7n;
const USER = 0x7fff00000000n;

const buffer = memory.alloc('direct', 256);
const userText = memory.alloc('user', 64);
memory.write(userText, bytes('user text\0'));

test('probe reads: a bad address zeroes the destination', () => {
  const cases: [string, bigint, bigint][] = [
    ['bpf_probe_read_kernel', kernel.dangling(), EFAULT],
    ['bpf_probe_read_kernel', 0n, ERANGE],
    ['bpf_probe_read_kernel', USER, ERANGE],
    ['bpf_probe_read_kernel', 0x0000_8000_0000_0000n, ERANGE],
    ['bpf_probe_read_kernel', 0xffff_ffff_ff60_0000n, ERANGE],
    ['bpf_probe_read_user', 0x1000n, EFAULT],
    ['bpf_probe_read_user', buffer, EFAULT],
    ['bpf_probe_read_kernel', place(new Uint8Array(8).fill(0x5a)), 0n],
    ['bpf_probe_read_user', userText, 0n],
  ];
  for (const [name, source, want] of cases) {
    memory.write(buffer, new Uint8Array(8).fill(0xff));
    assert.equal(call(name, buffer, 8, source), want, `${name} 0x${source.toString(16)}`);
    const expected = want === 0n ? memory.read(source, 8) : new Uint8Array(8);
    assert.deepEqual(memory.read(buffer, 8), expected, `${name} 0x${source.toString(16)}`);
  }
});

test('probe read of text: length with NUL, cut to the buffer', () => {
  const source = place('kernel');
  assert.equal(call('bpf_probe_read_kernel_str', buffer, 16, source), 7n);
  assert.equal(text(buffer, 16), 'kernel');
  assert.equal(call('bpf_probe_read_kernel_str', buffer, 4, source), 4n);
  assert.equal(text(buffer, 4), 'ker');
  assert.equal(call('bpf_probe_read_user_str', buffer, 16, userText), 10n);
  assert.equal(call('bpf_probe_read_user_str', buffer, 16, source), EFAULT);
});

test('numbers in text', () => {
  const cases: [string, string, number, bigint, bigint?][] = [
    ['bpf_strtol', '-42 rest', 10, 3n, -42n],
    ['bpf_strtol', '  0x1F', 0, 6n, 31n],
    ['bpf_strtol', '017', 0, 3n, 15n],
    ['bpf_strtol', 'ff', 16, 2n, 255n],
    ['bpf_strtol', 'zz', 10, EINVAL],
    ['bpf_strtol', '1', 7, EINVAL],
    ['bpf_strtol', '9223372036854775808', 10, ERANGE],
    ['bpf_strtol', '-9223372036854775808', 10, 20n, -(2n ** 63n)],
    ['bpf_strtoul', '18446744073709551615', 10, 20n, -1n],
    ['bpf_strtoul', '18446744073709551616', 10, ERANGE],
    ['bpf_strtoul', '-1', 10, EINVAL],
  ];
  for (const [name, input, base, want, value] of cases) {
    assert.equal(call(name, place(input), input.length, base, buffer), want, `${name}("${input}")`);
    if (value !== undefined) assert.equal(BigInt.asIntN(64, memory.readUint(buffer, 8)), value, input);
  }
});

test('comparing text', () => {
  const cases: [string, number, string, bigint][] = [
    ['abc', 3, 'abc', 0n],
    ['abc', 3, 'abd', -1n],
    ['abd', 3, 'abc', 1n],
    ['abcX', 3, 'abcY', 0n],
    ['ab', 3, 'abc', -1n],
  ];
  for (const [a, size, b, want] of cases)
    assert.equal(call('bpf_strncmp', place(a), size, place(b)), want, `${a} ${b}`);
});

test('printing', () => {
  const cases: [string, bigint[], string][] = [
    ['%d %u', [-1n, -1n], '-1 4294967295'],
    ['%lld %llx', [-1n, -1n], '-1 ffffffffffffffff'],
    ['%5d|%-5d|%05d', [42n, 42n, -42n], '   42|42   |-0042'],
    ['%s %c %%', [place('text'), 65n], 'text A %'],
    ['%pI4', [place(new Uint8Array([10, 0, 0, 1]))], '10.0.0.1'],
    ['%s', [1n], '(fault)'],
    ['%pS', [kernel.symbolAddress('bpf_loop')], 'bpf_loop'],
  ];
  for (const [format, values, want] of cases) {
    const data = memory.alloc('direct', 64);
    values.forEach((value, at) => memory.writeUint(data + BigInt(at * 8), 8, value));
    const length = call('bpf_snprintf', buffer, 128, place(format), data, values.length * 8);
    assert.equal(text(buffer, 128), want);
    assert.equal(length, BigInt(want.length + 1));
  }
  const format = place('pid %d');
  call('bpf_trace_printk', format, 7, 9);
  assert.equal(kernel.trace.at(-1), 'pid 9');
});

test('the running task', () => {
  kernel.current.assign({ pid: 12, tgid: 10, comm: 'worker' });
  assert.equal(call('bpf_get_current_pid_tgid'), (10n << 32n) | 12n);
  assert.equal(call('bpf_get_current_comm', buffer, 16), 0n);
  assert.equal(text(buffer, 16), 'worker');
  call('bpf_get_current_comm', buffer, 4);
  assert.equal(text(buffer, 4), 'wor');
  assert.equal(BigInt.asUintN(64, call('bpf_get_current_task_btf')), kernel.current.address);
});

test('arguments of the traced function', () => {
  const { address } = context;
  assert.equal(call('get_func_arg_cnt', address), 2n);
  assert.equal(call('get_func_arg', address, 1, buffer), 0n);
  assert.equal(memory.readUint(buffer, 8), 22n);
  assert.equal(call('get_func_arg', address, 2, buffer), EINVAL);
  assert.equal(call('get_func_ret', address, buffer), 0n);
  assert.equal(BigInt.asIntN(64, memory.readUint(buffer, 8)), -5n);
  assert.equal(BigInt.asUintN(64, call('bpf_get_func_ip', address)), 0xffffffff81001234n);
  assert.equal(call('bpf_get_attach_cookie_trace', address), 77n);
});

test('loops end when the callback says so', () => {
  callbacks.length = 0;
  callbackAnswer = () => 0n;
  assert.equal(call('bpf_loop', 5, 1, 2, 0), 5n);
  assert.deepEqual(callbacks[4], [4n, 2n]);
  callbacks.length = 0;
  callbackAnswer = (round) => (round === 2 ? 1n : 0n);
  assert.equal(call('bpf_loop', 5, 1, 2, 0), 3n);
  assert.equal(call('bpf_loop', 5, 1, 2, 1), EINVAL);
  assert.equal(call('bpf_loop', (1 << 23) + 1, 1, 2, 0), E2BIG);
});

test('number iterators', () => {
  const seen: bigint[] = [];
  assert.equal(call('bpf_iter_num_new', buffer, 3, 6), 0n);
  for (let at = call('bpf_iter_num_next', buffer); at !== 0n; at = call('bpf_iter_num_next', buffer))
    seen.push(memory.readUint(BigInt.asUintN(64, at), 4));
  assert.deepEqual(seen, [3n, 4n, 5n]);
  assert.equal(call('bpf_iter_num_new', buffer, 6, 3), EINVAL);
  assert.equal(call('bpf_iter_num_next', buffer), 0n);
});

const map = (type: number, more: object = {}): BpfMap =>
  kernel.createMap({
    name: 'm',
    type,
    keySize: 4,
    valueSize: 8,
    maxEntries: 2,
    flags: 0,
    extra: 0n,
    ...more,
  });

test('map functions by the names of map types', () => {
  const hash = map(1);
  const [key, value] = [place(new Uint8Array(4)), place(new Uint8Array(8).fill(1))];
  assert.equal(call('htab_map_update_elem', hash.address, key, value, 0), 0n);
  const element = BigInt.asUintN(64, call('__htab_map_lookup_elem', hash.address, key));
  const found = BigInt.asUintN(64, call('htab_map_lookup_elem', hash.address, key));
  assert.equal(found, element + 56n);
  assert.equal(call('htab_map_delete_elem', hash.address, key), 0n);
  assert.equal(call('htab_map_delete_elem', hash.address, key), -2n);
  assert.throws(() => call('htab_map_lookup_elem', 0x1234n, key), { code: 'HELPER_MAP' });
});

test('every function of a map type that the verifier calls exists', () => {
  const operations = [
    'lookup',
    'update',
    'delete',
    'push',
    'pop',
    'peek',
    'redirect',
    'each',
    'percpu',
  ] as const;
  for (const [name, type] of Object.entries(MapType)) {
    for (const operation of operations) {
      const symbol = mapFunction(type, operation);
      if (symbol) assert.ok(findHelper(symbol), `${name} ${operation}: ${symbol}`);
    }
  }
});

test('for each element', () => {
  const array = map(2);
  array.update(1, 9);
  callbacks.length = 0;
  callbackAnswer = () => 0n;
  assert.equal(call('bpf_for_each_map_elem', array.address, 1, 5, 0), 2n);
  assert.deepEqual(
    callbacks.map(([address, , value, ctx]) => [address, memory.readUint(value!, 8), ctx]),
    [
      [array.address, 0n, 5n],
      [array.address, 9n, 5n],
    ],
  );
});

test('ring buffer records reach the host', () => {
  const ring = map(27, { keySize: 0, valueSize: 0, maxEntries: 4096 }) as RingbufMap;
  const sample = BigInt.asUintN(64, call('bpf_ringbuf_reserve', ring.address, 4, 0));
  memory.write(sample, bytes('abcd'));
  call('bpf_ringbuf_submit', sample, 0);
  const dropped = call('bpf_ringbuf_reserve', ring.address, 4, 0);
  call('bpf_ringbuf_discard', dropped, 0);
  assert.equal(call('bpf_ringbuf_output', ring.address, place('efgh'), 4, 0), 0n);
  assert.deepEqual(ring.consume(), [bytes('abcd'), bytes('efgh')]);
});

const frame = Uint8Array.from({ length: 64 }, (_, at) => at);

test('packets: LD_ABS, bytes, checksums, ends', () => {
  const skb = kernel.context.skb(frame, { socketFilter: true });
  const at = skb.address;
  assert.equal(call('bpf_skb_load_helper_8_no_cache', at, 0), 14n);
  assert.equal(call('bpf_skb_load_helper_16_no_cache', at, 1), 0x0f10n);
  assert.equal(call('bpf_skb_load_helper_32_no_cache', at, 46), 0x3c3d3e3fn);
  assert.equal(call('bpf_skb_load_helper_32_no_cache', at, 47), EFAULT);
  assert.equal(call('bpf_skb_load_helper_8_no_cache', at, -0x200000), 0n, 'link header');
  assert.equal(call('bpf_skb_load_helper_8_no_cache', at, -0x100000), 14n, 'network header');
  assert.equal(call('bpf_skb_load_helper_8_no_cache', at, -0x200001), EFAULT);
  assert.equal(call('bpf_skb_load_bytes', at, 48, buffer, 4), EFAULT);
  assert.equal(call('bpf_skb_load_bytes', at, 2, buffer, 4), 0n);
  assert.deepEqual(memory.read(buffer, 4), frame.subarray(16, 20));
  assert.equal(call('bpf_skb_store_bytes', at, 0, place(new Uint8Array([9, 9])), 2, 0), 0n);
  assert.equal(call('bpf_skb_change_tail', at, 20, 0), 0n);
  assert.deepEqual(skb.output(), Uint8Array.from([...new Uint8Array(14), 9, 9, ...frame.subarray(16, 34)]));
  skb.close();
});

test('checksums follow changes', () => {
  // The IPv4 header of RFC 1071 examples: any header sums to ffff with its checksum.
  const header = Uint8Array.from([
    0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7,
  ]);
  const skb = kernel.context.skb(Uint8Array.from([...new Uint8Array(14), ...header]));
  const data = skb.skb.uint('data') + 14n;
  const [old, fresh] = [memory.readUint(data + 16n, 4), 0x0100000an];
  memory.writeUint(data + 16n, 4, fresh);
  assert.equal(call('bpf_l3_csum_replace', skb.address, 24, old, fresh, 4), 0n);
  const words = memory.read(data, 20);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += (words[at]! << 8) | words[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  assert.equal(sum, 0xffff);
  const difference = call('bpf_csum_diff', 0, 0, place(Uint8Array.from([1, 0, 2, 0])), 4, 5);
  assert.equal(difference, 8n + (0n << 16n));
  assert.equal(call('bpf_csum_diff', 0, 0, buffer, 3, 0), EINVAL);
  skb.close();
});

test('XDP: head, tail, redirect', () => {
  const xdp = kernel.context.xdp(frame);
  assert.equal(call('bpf_xdp_adjust_head', xdp.address, 14), 0n);
  assert.equal(call('bpf_xdp_adjust_head', xdp.address, 40), EINVAL, 'no Ethernet header left');
  assert.equal(call('bpf_xdp_adjust_tail', xdp.address, -4), 0n);
  assert.equal(call('bpf_xdp_adjust_head', xdp.address, -1000), EINVAL);
  assert.deepEqual(xdp.output(), frame.subarray(14, 60));
  assert.equal(call('bpf_xdp_redirect', 3, 0), 4n);
  assert.deepEqual(env.scope.redirect, { ifindex: 3, flags: 0n });
  xdp.close();
});

test('storage of tasks', () => {
  const storage = map(29, { maxEntries: 0 });
  assert.equal(call('bpf_task_storage_get', storage.address, kernel.current.address, 0, 0), 0n);
  const value = call('bpf_task_storage_get', storage.address, kernel.current.address, 0, 1);
  assert.notEqual(value, 0n);
  assert.equal(call('bpf_task_storage_get', storage.address, kernel.current.address, 0, 0), value);
  assert.equal(call('bpf_task_storage_delete', storage.address, kernel.current.address), 0n);
  assert.equal(call('bpf_task_storage_delete', storage.address, kernel.current.address), -2n);
});

test('dynptrs', () => {
  const [pointer, data] = [memory.alloc('direct', 16), place('0123456789')];
  assert.equal(call('bpf_dynptr_from_mem', data, 10, 0, pointer), 0n);
  assert.equal(call('bpf_dynptr_read', buffer, 4, pointer, 3, 0), 0n);
  assert.deepEqual(memory.read(buffer, 4), bytes('3456'));
  assert.equal(call('bpf_dynptr_read', buffer, 4, pointer, 7, 0), E2BIG);
  assert.equal(call('bpf_dynptr_write', pointer, 0, place('ab'), 2, 0), 0n);
  assert.deepEqual(memory.read(data, 3), bytes('ab2'));
  assert.equal(BigInt.asUintN(64, call('bpf_dynptr_data', pointer, 2, 8)), data + 2n);
  assert.equal(call('bpf_dynptr_data', pointer, 3, 8), 0n);
  assert.equal(call('bpf_dynptr_adjust', pointer, 2, 6), 0n);
  assert.equal(call('bpf_dynptr_size', pointer), 4n);
});

test('records of the host reach the program, until it has enough', () => {
  const ring = map(31, { keySize: 0, valueSize: 0, maxEntries: 4096 }) as RingbufMap;
  for (const record of ['one', 'two', 'three']) ring.output(bytes(record));
  callbacks.length = 0;
  callbackAnswer = (round) => (round === 1 ? 1n : 0n);
  assert.equal(call('bpf_user_ringbuf_drain', ring.address, 1, 9, 0), 2n);
  assert.deepEqual(
    callbacks.map(([, context]) => context),
    [9n, 9n],
  );
  assert.deepEqual(ring.consume(), [bytes('three')], 'the rest stays');
});

test('room behind the Ethernet header', () => {
  const skb = kernel.context.skb(frame);
  assert.equal(call('bpf_skb_adjust_room', skb.address, 4, 1, 0), 0n);
  const grown = Uint8Array.from([...frame.subarray(0, 14), 0, 0, 0, 0, ...frame.subarray(14)]);
  assert.deepEqual(skb.output(), grown);
  assert.equal(call('bpf_skb_adjust_room', skb.address, -4, 1, 0), 0n);
  assert.deepEqual(skb.output(), frame);
  assert.equal(call('bpf_skb_adjust_room', skb.address, 4, 2, 0), EINVAL);
  skb.close();
});

test('sockets by protocol', () => {
  const tcp = kernel.create('sock', { __sk_common: { skc_family: 2 }, sk_protocol: 6 });
  const cases: [string, bigint][] = [
    ['bpf_skc_to_tcp_sock', tcp.address],
    ['bpf_skc_to_tcp6_sock', 0n],
    ['bpf_skc_to_udp6_sock', 0n],
    ['bpf_sk_fullsock', tcp.address],
    ['bpf_skc_to_tcp_timewait_sock', 0n],
  ];
  for (const [name, want] of cases) {
    assert.equal(BigInt.asUintN(64, call(name, tcp.address)), want, name);
    assert.equal(call(name, 0), 0n, name);
  }
});

test('a helper Faultline lacks names itself', () => {
  assert.equal(findHelper('bpf_of_another_kernel'), undefined);
  assert.throws(() => missingHelper('bpf_of_another_kernel')(env, []), {
    code: 'HELPER_MISSING',
    message: /bpf_of_another_kernel/,
  });
  assert.ok(helperNames().includes('bpf_probe_read_kernel'));
});

test('stacks are kept under a number', () => {
  const spec = { name: 'stacks', keySize: 4, valueSize: 80, maxEntries: 16, flags: 0, extra: 0n };
  const map = kernel.createMap({ ...spec, type: MapType.STACK_TRACE });
  const id = call('bpf_get_stackid', context.address, map.address, 0);
  assert.ok(id >= 0n && id < 16n);
  const kept = map.lookup(Number(id))!;
  assert.equal(new DataView(kept.slice().buffer).getBigUint64(0, true), 0xffffffff81001234n);
  assert.equal(call('bpf_get_stackid', context.address, map.address, 0), id);
  assert.equal(call('bpf_get_stackid', context.address, map.address, 0x100), EFAULT);
  assert.equal(call('bpf_get_stackid', context.address, map.address, 0x800), EINVAL);
});

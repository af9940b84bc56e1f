import assert from 'node:assert/strict';
import test from 'node:test';
import { BtfKind } from '../../../host/btf/types.js';
import { MapType } from '../../../host/program/map-types.js';
import { HelperBench } from '../../support/helper-bench.js';

const bench = await HelperBench.open();
const { kernel } = bench;
const { memory } = kernel;
const EINVAL = -22n;
const E2BIG = -7n;
const EFAULT = -14n;
const to = bench.room(256);

test('system controls: name, values, a new value', () => {
  const table = kernel.create('ctl_table', { procname: bench.place('somaxconn') });
  const control = kernel.create('bpf_sysctl_kern', {
    table,
    cur_val: bench.place('128\n'),
    cur_len: 4,
    new_val: bench.place('512\n'),
    new_len: 4,
    write: 1,
  });
  const at = control.address;
  assert.equal(bench.call('bpf_sysctl_get_name', at, to, 32, 1), 9n);
  assert.equal(bench.text(to, 32), 'somaxconn');
  assert.equal(bench.call('bpf_sysctl_get_name', at, to, 5, 1), E2BIG);
  assert.equal(bench.text(to, 5), 'soma');
  assert.equal(bench.call('bpf_sysctl_get_current_value', at, to, 32), 3n);
  assert.equal(bench.text(to, 32), '128');
  assert.equal(bench.call('bpf_sysctl_get_new_value', at, to, 32), 3n);
  assert.equal(bench.text(to, 32), '512');
  assert.equal(bench.call('bpf_sysctl_set_new_value', at, bench.place('64'), 2), 0n);
  assert.equal(control.uint('new_updated'), 1n);
  assert.equal(control.uint('new_len'), 2n);
  assert.equal(bench.call('bpf_sysctl_set_new_value', at, to, 0), EINVAL);
  control.set('write', 0);
  assert.equal(bench.call('bpf_sysctl_get_new_value', at, to, 32), EINVAL);
  assert.equal(bench.call('bpf_sysctl_set_new_value', at, to, 2), EINVAL);
});

/** struct btf_ptr for an object. */
function named(address: bigint, type: string): bigint {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, address, true);
  view.setUint32(8, kernel.btf.find(type, BtfKind.STRUCT), true);
  return bench.place(bytes);
}

test('kernel values as text', () => {
  const path = kernel.create('path', { dentry: 0xffff888000001000n });
  const pointer = named(path.address, 'path');
  const compact = '(struct path){.dentry = (struct dentry *)0xffff888000001000,}';
  assert.equal(bench.call('bpf_snprintf_btf', to, 256, pointer, 16, 1), BigInt(compact.length));
  assert.equal(bench.text(to, 256), compact);
  const lines = '(struct path){\n .dentry = (struct dentry *)0xffff888000001000,\n}';
  assert.equal(bench.call('bpf_snprintf_btf', to, 256, pointer, 16, 0), BigInt(lines.length));
  assert.equal(bench.text(to, 256), lines);
  assert.equal(bench.call('bpf_snprintf_btf', to, 10, pointer, 16, 3), 21n);
  assert.equal(bench.text(to, 10), '{0xffff88');
  assert.equal(
    bench.call('bpf_snprintf_btf', to, 256, pointer, 16, 1 | 8),
    BigInt(bench.text(to, 256).length),
  );
  assert.match(bench.text(to, 256), /\.mnt = \(struct vfsmount \*\)0x0000000000000000/);
  assert.equal(bench.call('bpf_snprintf_btf', to, 256, pointer, 16, 16), EINVAL);
  assert.equal(bench.call('bpf_snprintf_btf', to, 256, pointer, 8, 0), EINVAL);
  assert.equal(bench.call('bpf_snprintf_btf', to, 256, named(kernel.dangling(), 'path'), 16, 0), EFAULT);
  assert.equal(bench.call('bpf_seq_printf_btf', 0, pointer, 16, 1), 0n);
  assert.equal(new TextDecoder().decode(bench.env.scope.seq.at(-1)), compact);
});

test('text of user memory', () => {
  const user = memory.alloc('user', 16);
  memory.write(user, new TextEncoder().encode('hello\0'));
  memory.write(to, new Uint8Array(16).fill(0xff));
  assert.equal(bench.call('bpf_copy_from_user_str', to, 16, user, 0), 6n);
  assert.equal(bench.text(to, 16), 'hello');
  assert.equal(bench.word(to + 8n), 0xffff_ffff_ffff_ffffn);
  assert.equal(bench.call('bpf_copy_from_user_str', to, 16, user, 1), 6n);
  assert.equal(bench.word(to + 8n), 0n);
  assert.equal(bench.call('bpf_copy_from_user_str', to, 3, user, 0), 3n);
  assert.equal(bench.text(to, 3), 'he');
  assert.equal(bench.call('bpf_copy_from_user_str', to, 16, 0x1000, 1), EFAULT);
  assert.equal(bench.call('bpf_copy_from_user_str', to, 16, user, 2), EINVAL);
});

test('cgroups of the running task', () => {
  const cgroup = kernel.create('cgroup', { kn: kernel.create('kernfs_node', { id: 7n }), level: 2 });
  const above = kernel.create('cgroup');
  memory.writeUint(cgroup.addressOf('ancestors') + 8n, 8, above.address);
  const sets = kernel.create('css_set', { dfl_cgrp: cgroup });
  kernel.current.set('cgroups', sets.address);
  assert.equal(bench.pointer('bpf_cgroup_from_id', 7), cgroup.address);
  assert.equal(bench.call('bpf_cgroup_from_id', 8), 0n);
  assert.equal(bench.pointer('bpf_cgroup_ancestor', cgroup.address, 2), cgroup.address);
  assert.equal(bench.pointer('bpf_cgroup_ancestor', cgroup.address, 1), above.address);
  assert.equal(bench.call('bpf_cgroup_ancestor', cgroup.address, 3), 0n);
  assert.equal(bench.call('bpf_task_under_cgroup', kernel.current.address, cgroup.address), 1n);
  assert.equal(bench.call('bpf_task_under_cgroup', kernel.current.address, above.address), 0n);
  kernel.current.set('cgroups', 0n);
});

test('a cgroup at an index', () => {
  const cgroup = kernel.create('cgroup');
  const spec = { name: 'groups', keySize: 4, valueSize: 4, maxEntries: 2, flags: 0, extra: 0n };
  const map = kernel.createMap({ ...spec, type: MapType.CGROUP_ARRAY });
  assert.equal(bench.call('bpf_current_task_under_cgroup', map.address, 2), E2BIG);
  assert.equal(bench.call('bpf_current_task_under_cgroup', map.address, 1), -11n);
  map.update(1, cgroup);
  assert.equal(bench.call('bpf_current_task_under_cgroup', map.address, 1), 0n);
  kernel.current.set('cgroups', kernel.create('css_set', { dfl_cgrp: cgroup }).address);
  assert.equal(bench.call('bpf_current_task_under_cgroup', map.address, 1), 1n);
  kernel.current.set('cgroups', 0n);
});

test('the file a task runs', () => {
  const file = kernel.create('file');
  const task = kernel.create('task_struct', { mm: kernel.create('mm_struct', { exe_file: file }) });
  assert.equal(bench.pointer('bpf_get_task_exe_file', task.address), file.address);
  assert.equal(bench.call('bpf_get_task_exe_file', kernel.create('task_struct').address), 0n);
});

test('keys: three keyrings are known', () => {
  const key = bench.pointer('bpf_lookup_system_key', 1);
  assert.notEqual(key, 0n);
  assert.equal(bench.call('bpf_key_put', key), 0n);
  assert.equal(bench.call('bpf_lookup_system_key', 3), 0n);
  assert.equal(bench.call('bpf_lookup_user_key', 5, 0), 0n);
});

test('a session keeps eight bytes', () => {
  const cookie = bench.pointer('bpf_session_cookie');
  memory.writeUint(cookie, 8, 3n);
  assert.equal(bench.pointer('bpf_session_cookie'), cookie);
  assert.equal(bench.word(cookie), 3n);
});

test('facilities that are not there answer as Linux does, and can be given', () => {
  const rows: readonly (readonly [string, readonly (bigint | number)[], bigint])[] = [
    ['bpf_perf_event_read', [0, 0], -2n],
    ['bpf_perf_event_read_value', [0, 0, to, 24], -2n],
    ['bpf_perf_prog_read_value', [0, to, 24], 0n],
    ['bpf_perf_prog_read_value', [0, to, 16], EINVAL],
    ['bpf_get_route_realm', [0], 0n],
    ['bpf_skb_get_xfrm_state', [0, 0, to, 16, 0], EINVAL],
    ['bpf_sock_ops_load_hdr_opt', [0, to, 8, 0], -42n],
    ['bpf_sock_ops_store_hdr_opt', [0, to, 8, 0], -1n],
    ['bpf_ima_file_hash', [0, to, 8], -95n],
    ['bpf_sys_close', [3], -9n],
    ['bpf_get_file_xattr', [0, 0, 0], -61n],
    ['bpf_verify_pkcs7_signature', [0, 0, 0], -74n],
    ['bpf_xdp_metadata_rx_hash', [0, to, to], -95n],
    ['bpf_skb_ct_lookup', [0, 0, 0, 0, 0], 0n],
  ];
  for (const [name, args, want] of rows) assert.equal(bench.call(name, ...args), want, name);
  kernel.defineHelper('bpf_perf_event_read', () => 1234n);
  const gate = kernel.text.address('bpf_perf_event_read');
  assert.equal(kernel.text.helper(gate)(bench.env, [0n, 0n, 0n, 0n, 0n]), 1234n);
});

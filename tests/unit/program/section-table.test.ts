import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Btf } from '../../../host/btf/btf.js';
import { attachTarget } from '../../../host/program/attach-target.js';
import { sectionRule } from '../../../host/program/section-table.js';
import { vmlinuxBtf } from '../../support/goldens.js';

test('section names say type, attach type, flags and target', () => {
  for (const [section, type, attachType, flags, attach, target] of [
    ['socket', 1, 0, 0, null, ''],
    ['kprobe/do_exit', 2, 0, 0, null, 'do_exit'],
    ['kprobe', 2, 0, 0, null, ''],
    ['tc', 3, 0, 0, null, ''],
    ['tc/ingress', 3, 46, 0, null, ''],
    ['tcx/egress', 3, 47, 0, null, ''],
    ['tp/sched/sched_switch', 5, 0, 0, null, 'sched/sched_switch'],
    ['xdp', 6, 37, 0, null, ''],
    ['xdp.frags', 6, 37, 32, null, ''],
    ['xdp.frags/devmap', 6, 33, 32, null, ''],
    ['cgroup/connect4', 18, 10, 0, null, ''],
    ['tp_btf/sched_switch', 26, 23, 0, 'raw_tp', 'sched_switch'],
    ['fentry/vfs_read', 26, 24, 0, 'fentry', 'vfs_read'],
    ['fentry.s/vfs_read', 26, 24, 16, 'fentry', 'vfs_read'],
    ['fexit/vfs_read', 26, 25, 0, 'fexit', 'vfs_read'],
    ['fmod_ret/f', 26, 26, 0, 'fmod_ret', 'f'],
    ['lsm/file_open', 29, 27, 0, 'lsm', 'file_open'],
    ['lsm.s/file_open', 29, 27, 16, 'lsm', 'file_open'],
    ['lsm_cgroup/socket_bind', 29, 43, 0, 'lsm', 'socket_bind'],
    ['iter/task', 26, 28, 0, 'iter', 'task'],
    ['freplace/f', 28, 0, 0, 'freplace', 'f'],
    ['syscall', 31, 0, 16, null, ''],
    ['netfilter', 32, 45, 0, null, ''],
    ['sk_lookup', 30, 36, 0, null, ''],
  ] as const) {
    assert.deepEqual(
      sectionRule(section),
      { type, attachType, flags, attach, target, autoload: true },
      section,
    );
    assert.equal(sectionRule(`?${section}`)?.autoload, false, `?${section}`);
  }
  for (const section of [
    '',
    'foo',
    'xdp/',
    'xdp/foo',
    'socket1',
    'tc/',
    'kprobes',
    'classifier/a',
    '.text',
    'fentryx/a',
  ]) {
    assert.equal(sectionRule(section), null, section);
  }
});

test('attach targets are found in the BTF of the kernel', () => {
  const kernel = Btf.parse(vmlinuxBtf('6.12'));
  for (const [kind, target, name] of [
    ['raw_tp', 'sched_switch', 'btf_trace_sched_switch'],
    ['fentry', 'wake_up_new_task', 'wake_up_new_task'],
    ['fexit', 'do_filp_open', 'do_filp_open'],
    ['lsm', 'file_open', 'bpf_lsm_file_open'],
    ['iter', 'task', 'bpf_iter_task'],
  ] as const) {
    const { btfId } = attachTarget(kind, target, kernel);
    assert.equal(kernel.type(btfId).name, name);
  }
  for (const [kind, target] of [
    ['fentry', 'no_such_function'],
    ['fentry', ''],
    ['raw_tp', 'task_struct'],
    ['freplace', 'wake_up_new_task'],
  ] as const) {
    assert.deepEqual(attachTarget(kind, target, kernel), { kind, target, btfId: 0 });
  }
  assert.equal(attachTarget('iter', 'task', null).btfId, 0);
});

import { Errno } from '../maps/errno.js';
import { PointerArrayMap } from '../maps/pointer-array-map.js';
import { type Helper, type HelperTable, fail, mapOf, u32 } from './helper.js';

const pidTgid: Helper = (env) => {
  const task = env.object('task_struct', env.currentTask);
  return (BigInt.asUintN(32, task.uint('tgid')) << 32n) | BigInt.asUintN(32, task.uint('pid'));
};

/** Root when the task has no credentials. */
const uidGid: Helper = (env) => {
  const task = env.object('task_struct', env.currentTask);
  if (task.uint('cred') === 0n) return 0n;
  const cred = task.follow('cred');
  return (BigInt.asUintN(32, cred.uint('gid.val')) << 32n) | BigInt.asUintN(32, cred.uint('uid.val'));
};

const comm: Helper = (env, [buffer, size]) => {
  const length = u32(size);
  const task = env.object('task_struct', env.currentTask);
  const text = new TextEncoder().encode(task.get('comm') as string).subarray(0, Math.max(length - 1, 0));
  const padded = new Uint8Array(length);
  padded.set(text);
  env.memory.write(buffer, padded);
  return 0n;
};

const current: Helper = (env) => env.currentTask;

/** The root cgroup, or the one the task was given. */
const cgroupId: Helper = (env) => {
  const task = env.object('task_struct', env.currentTask);
  if (task.uint('cgroups') === 0n) return 1n;
  return task.uint('cgroups.dfl_cgrp') === 0n ? 1n : task.uint('cgroups.dfl_cgrp.kn.id');
};

/** Whether the task is in the cgroup at an index of the map. */
const underCgroup: Helper = (env, [map, index]) => {
  const groups = mapOf(env, map, PointerArrayMap);
  if (u32(index) >= groups.spec.maxEntries) return fail(Errno.E2BIG);
  const wanted = groups.objectAt(u32(index));
  if (wanted === 0n) return fail(Errno.EAGAIN);
  const task = env.object('task_struct', env.currentTask);
  return task.uint('cgroups') !== 0n && task.uint('cgroups.dfl_cgrp') === wanted ? 1n : 0n;
};

const nsPidTgid: Helper = (env, [, , buffer, size]) => {
  const ids = pidTgid(env, []);
  if (u32(size) !== 8) return fail(Errno.EINVAL);
  env.memory.writeUint(buffer, 4, ids & 0xffffffffn);
  env.memory.writeUint(buffer + 4n, 4, ids >> 32n);
  return 0n;
};

const cpu: Helper = (env) => BigInt(env.cpu);
const random: Helper = (env) => BigInt(env.random() >>> 0);

export const taskHelpers: HelperTable = {
  bpf_get_current_pid_tgid: pidTgid,
  bpf_get_current_uid_gid: uidGid,
  bpf_get_current_comm: comm,
  bpf_get_current_task: current,
  bpf_get_current_task_btf: current,
  bpf_get_current_cgroup_id: cgroupId,
  bpf_get_current_ancestor_cgroup_id: cgroupId,
  bpf_get_ns_current_pid_tgid: nsPidTgid,
  bpf_get_smp_processor_id: cpu,
  bpf_get_raw_cpu_id: cpu,
  bpf_get_numa_node_id: () => 0n,
  bpf_get_prandom_u32: random,
  bpf_user_rnd_u32: random,
  bpf_get_cgroup_classid: () => 0n,
  bpf_get_cgroup_classid_curr: () => 0n,
  bpf_current_task_under_cgroup: underCgroup,
  bpf_send_signal: () => 0n,
  bpf_send_signal_thread: () => 0n,
};

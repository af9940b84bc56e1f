import { BtfKind } from '../btf/types.js';
import { Errno } from '../maps/errno.js';
import type { GuestAddress } from '../quantities.js';
import { tryReadString } from './guest-string.js';
import { type Helper, type HelperEnvironment, type HelperTable, answer, fail, s32, u32 } from './helper.js';
import { runState } from './run-state.js';

const same: Helper = (_, [object]) => object;
const nothing: Helper = () => 0n;

/** The cgroup the running task is in, 0 when it was given none. */
function currentCgroup(env: HelperEnvironment): GuestAddress {
  const task = env.object('task_struct', env.currentTask);
  return task.uint('cgroups') === 0n ? 0n : task.uint('cgroups.dfl_cgrp');
}

const cgroupOfId: Helper = (env, [id]) => {
  const cgroup = currentCgroup(env);
  return cgroup !== 0n && env.object('cgroup', cgroup).uint('kn.id') === id ? cgroup : 0n;
};

/** The cgroup itself at its own level; `ancestors[level]` above it. */
const ancestor: Helper = (env, [cgroup, level]) => {
  const object = env.object('cgroup', cgroup);
  const own = s32(object.uint('level'));
  const wanted = s32(level);
  if (wanted === own) return cgroup;
  if (wanted < 0 || wanted > own) return 0n;
  return env.memory.readUint(object.addressOf('ancestors') + BigInt(wanted * 8), 8);
};

const isUnder: Helper = (env, [task, cgroup]) => {
  const object = env.object('task_struct', task);
  const own = object.uint('cgroups') === 0n ? 0n : object.uint('cgroups.dfl_cgrp');
  return own === cgroup ? 1n : 0n;
};

const executable: Helper = (env, [task]) => {
  const object = env.object('task_struct', task);
  return object.uint('mm') === 0n ? 0n : object.uint('mm.exe_file');
};

/** Keyrings that the kernel knows by number: builtin, secondary, platform. */
const SYSTEM_KEYS = 3n;

const systemKey: Helper = (env, [id]) =>
  id < SYSTEM_KEYS ? env.memory.alloc('direct', env.btf.sizeOf(env.btf.find('bpf_key', BtfKind.STRUCT))) : 0n;
const putKey: Helper = (env, [key]) => {
  env.memory.free(key);
  return 0n;
};

const ENODATA = 61;
const EBADMSG = 74;
const AF_UNIX = 1n;
const MAX_PATH = 108;

/** The path of a UNIX address, where the program was called for one. */
const setPath: Helper = (env, [context, path, size]) => {
  const length = u32(size);
  const kernel = env.object('bpf_sock_addr_kern', context);
  const address = kernel.uint('uaddr');
  if (length === 0 || length > MAX_PATH) return fail(Errno.EINVAL);
  if (env.memory.readUint(address, 2) !== AF_UNIX) return fail(Errno.EINVAL);
  env.memory.write(address + 2n, env.memory.read(path, length));
  kernel.set('uaddrlen', length + 2);
  return 0n;
};

const PAD_ZEROS = 1n;

const userText: Helper = (env, [to, size, from, flags]) => {
  const room = u32(size);
  if ((flags & ~PAD_ZEROS) !== 0n) return fail(Errno.EINVAL);
  if (room === 0) return 0n;
  const text = from >= 0x8000_0000_0000n ? null : tryReadString(env.memory, from, room - 1);
  if (!text) {
    if (flags === PAD_ZEROS) env.memory.write(to, new Uint8Array(room));
    return fail(Errno.EFAULT);
  }
  const bytes = new Uint8Array(flags === PAD_ZEROS ? room : text.length + 1);
  bytes.set(text);
  env.memory.write(to, bytes);
  return BigInt(text.length + 1);
};

/** Eight bytes that both ends of a probed function see. */
const sessionCookies = runState(() => new Map<string, GuestAddress>());
const sessionCookie: Helper = (env) => {
  const cookies = sessionCookies(env);
  let cookie = cookies.get('session');
  if (cookie === undefined) cookies.set('session', (cookie = env.memory.alloc('direct', 8)));
  return cookie;
};

const elements: Helper = (env, [map]) => answer([...(env.mapAt(map)?.cells() ?? [])].length);

/** Kernel functions about tasks, cgroups, files, keys and addresses. */
export const subjectHelpers: HelperTable = {
  bpf_cgroup_acquire: same,
  bpf_cgroup_release: nothing,
  bpf_cgroup_from_id: cgroupOfId,
  bpf_cgroup_ancestor: ancestor,
  bpf_task_under_cgroup: isUnder,
  bpf_task_get_cgroup1: nothing,
  cgroup_rstat_updated: nothing,
  cgroup_rstat_flush: nothing,
  bpf_get_task_exe_file: executable,
  bpf_put_file: nothing,
  bpf_lookup_system_key: systemKey,
  bpf_lookup_user_key: nothing,
  bpf_key_put: putKey,
  bpf_verify_pkcs7_signature: () => fail(EBADMSG),
  bpf_get_file_xattr: () => fail(ENODATA),
  bpf_get_dentry_xattr: () => fail(ENODATA),
  bpf_get_fsverity_digest: () => fail(ENODATA),
  bpf_sock_addr_set_sun_path: setPath,
  bpf_copy_from_user_str: userText,
  bpf_session_is_return: nothing,
  bpf_session_cookie: sessionCookie,
  bpf_map_sum_elem_count: elements,
  bpf_modify_return_test_tp: nothing,
};

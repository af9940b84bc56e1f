import { Errno } from '../maps/errno.js';
import { StorageMap } from '../maps/storage-map.js';
import { type Helper, type HelperTable, fail, mapOf } from './helper.js';

const CREATE = 1n;

const get: Helper = (env, [map, owner, value, flags]) => {
  const storage = mapOf(env, map, StorageMap);
  if (owner === 0n || (flags & ~CREATE) !== 0n) return 0n;
  if ((flags & CREATE) === 0n) return storage.of(owner);
  return storage.make(owner, value === 0n ? undefined : env.memory.read(value, storage.spec.valueSize));
};

const remove: Helper = (env, [map, owner]) => {
  if (owner === 0n) return fail(Errno.EINVAL);
  return mapOf(env, map, StorageMap).drop(owner) ? 0n : fail(Errno.ENOENT);
};

export const storageHelpers: HelperTable = {
  bpf_task_storage_get: get,
  bpf_task_storage_get_recur: get,
  bpf_task_storage_delete: remove,
  bpf_task_storage_delete_recur: remove,
  bpf_inode_storage_get: get,
  bpf_inode_storage_delete: remove,
  bpf_sk_storage_get: get,
  bpf_sk_storage_get_tracing: get,
  bpf_sk_storage_delete: remove,
  bpf_sk_storage_delete_tracing: remove,
  bpf_cgrp_storage_get: get,
  bpf_cgrp_storage_delete: remove,
};

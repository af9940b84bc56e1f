import { type Helper, type HelperTable } from './helper.js';

/** bpf_throw: the program ends at its exception boundary with what the exception callback makes of the cookie. */
export class BpfException extends Error {
  constructor(readonly cookie: bigint) {
    super(`bpf_throw(${cookie})`);
  }
}

const nothing: Helper = () => 0n;
const same: Helper = (_, [object]) => object;

const lock: Helper = (env, [address]) => {
  env.memory.writeUint(address, 4, 1n);
  return 0n;
};
const unlock: Helper = (env, [address]) => {
  env.memory.writeUint(address, 4, 0n);
  return 0n;
};

export const kfuncs: HelperTable = {
  bpf_throw: (_, [cookie]) => {
    throw new BpfException(cookie);
  },
  bpf_rcu_read_lock: nothing,
  bpf_dynptr_clone: (env, [from, to]) => {
    env.memory.write(to, env.memory.read(from, 16));
    return 0n;
  },
  bpf_rcu_read_unlock: nothing,
  bpf_preempt_disable: nothing,
  bpf_preempt_enable: nothing,
  bpf_cast_to_kern_ctx: same,
  bpf_rdonly_cast: same,
  bpf_task_acquire: same,
  bpf_task_release: nothing,
  bpf_spin_lock: lock,
  bpf_spin_unlock: unlock,
};

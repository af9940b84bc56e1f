import { LSM_PREFIX } from './attach-target.js';

/** LSM hooks called with locks held: programs there may not sleep. */
const ATOMIC_HOOKS = new Set(
  [
    'task_free',
    'file_free_security',
    'inode_free_security',
    'sk_alloc_security',
    'sk_free_security',
    'sk_clone_security',
    'inet_csk_clone',
    'inet_conn_established',
    'sb_free_security',
    'ipc_permission',
    'msg_queue_associate',
    'file_send_sigiotask',
    'd_instantiate',
    'cred_free',
  ].map((hook) => LSM_PREFIX + hook),
);

/** Whether the hook, named as in the kernel's BTF, runs where nothing may sleep. */
export const isAtomicHook = (name: string): boolean => ATOMIC_HOOKS.has(name);

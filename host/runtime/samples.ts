import { BtfError } from '../errors.js';
import type { KernelObject } from '../mm/kernel-object.js';
import type { ObjectFactory } from './objects.js';

/**
 * Pointers that are never NULL in a living kernel, and to what: programs follow them without a test. `self` is the
 * object itself.
 */
const POINTERS: Readonly<Record<string, readonly (readonly [member: string, target: string])[]>> = {
  task_struct: [
    ['real_parent', 'task_struct'],
    ['parent', 'task_struct'],
    ['group_leader', 'self'],
    ['cred', 'cred'],
    ['real_cred', 'cred'],
    ['signal', 'signal_struct'],
    ['files', 'files_struct'],
    ['nsproxy', 'nsproxy'],
    ['cpus_ptr', 'cpumask'],
    ['bpf_ctx', 'bpf_cg_run_ctx'],
    ['cgroups', 'css_set'],
  ],
  file: [
    ['f_inode', 'inode'],
    ['f_path.dentry', 'dentry'],
    ['f_path.mnt', 'vfsmount'],
    ['f_cred', 'cred'],
  ],
  inode: [['i_sb', 'super_block']],
  dentry: [
    ['d_inode', 'inode'],
    ['d_parent', 'self'],
    ['d_sb', 'super_block'],
  ],
  css_set: [['dfl_cgrp', 'cgroup']],
  linux_binprm: [
    ['file', 'file'],
    ['mm', 'mm_struct'],
    ['cred', 'cred'],
  ],
  cgroup: [['kn', 'kernfs_node']],
  socket: [['sk', 'sock']],
  sk_buff: [['dev', 'net_device']],
  vm_area_struct: [['vm_mm', 'mm_struct']],
  bpf_iter_meta: [['seq', 'seq_file']],
};

/** Believable objects, one for each type: stand-ins where any object does. The sample task is init. */
export class Samples {
  readonly #made = new Map<string, KernelObject>();

  constructor(private readonly objects: ObjectFactory) {}

  of(type: string): KernelObject {
    const known = this.#made.get(type);
    if (known) return known;
    const made = this.objects.create(type);
    if (type === 'task_struct') made.assign({ pid: 1, tgid: 1, comm: 'init' });
    this.#made.set(type, made);
    return this.fill(type, made);
  }

  /** Sets the pointers that are never NULL. */
  fill(type: string, object: KernelObject): KernelObject {
    for (const [member, target] of POINTERS[type] ?? []) {
      // A reduced BTF may lack the structure.
      if (target !== 'self' && !this.objects.knows(target)) continue;
      try {
        object.set(member, target === 'self' ? object : this.of(target));
      } catch (error) {
        // Another kernel version has no such member.
        if (!(error instanceof BtfError) || error.code !== 'BTF_NO_MEMBER') throw error;
      }
    }
    return object;
  }
}

import type { BtfKind } from '../btf/types.js';
import { Errno } from '../maps/errno.js';
import { tryReadString } from './guest-string.js';
import { type Helper, type HelperTable, fail, u32 } from './helper.js';

const THREAD_SIZE = 16384n;
const PT_REGS_SIZE = 168n;

/** Address of a kernel symbol; one of its own for a name the profile lacks. */
const symbol: Helper = (env, [name, size, flags, result]) => {
  const text = tryReadString(env.memory, name, u32(size));
  if (flags !== 0n || !text || text.length === 0) return fail(Errno.EINVAL);
  env.memory.writeUint(result, 8, env.symbolAddress(new TextDecoder().decode(text)));
  return 0n;
};

const typeId: Helper = (env, [name, size, kind, flags]) => {
  const text = tryReadString(env.memory, name, u32(size));
  if (flags !== 0n || !text) return fail(Errno.EINVAL);
  const id = env.btf.find(new TextDecoder().decode(text), u32(kind) as BtfKind);
  return id === 0 ? fail(Errno.ENOENT) : BigInt(id);
};

/** The registers of user space lie at the top of the task's stack. */
const taskRegisters: Helper = (env, [task]) => {
  const stack = env.object('task_struct', task).uint('stack');
  return stack === 0n ? 0n : stack + THREAD_SIZE - PT_REGS_SIZE;
};

const taskOfPid: Helper = (env, [pid]) => {
  const current = env.object('task_struct', env.currentTask);
  return BigInt.asUintN(32, current.uint('pid')) === BigInt.asUintN(32, pid) ? env.currentTask : 0n;
};

export const lookupHelpers: HelperTable = {
  bpf_kallsyms_lookup_name: symbol,
  bpf_btf_find_by_name_kind: typeId,
  bpf_task_pt_regs: taskRegisters,
  bpf_task_from_pid: taskOfPid,
  bpf_task_from_vpid: taskOfPid,
  bpf_find_vma: () => fail(Errno.ENOENT),
  bpf_read_branch_records: () => fail(Errno.ENOENT),
  bpf_get_branch_snapshot: () => fail(Errno.ENOENT),
  bpf_bprm_opts_set: () => 0n,
};

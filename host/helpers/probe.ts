import { Errno } from '../maps/errno.js';
import type { GuestAddress } from '../quantities.js';
import { TASK_SIZE_MAX, isKernelAddress, isUserRange, tryRead, tryReadString } from './guest-string.js';
import { type Helper, type HelperEnvironment, type HelperTable, fail, u32 } from './helper.js';

type Allowed = (address: GuestAddress, size: number) => number;

/** Errno before a kernel read is tried. */
const kernel: Allowed = (address) => (isKernelAddress(address) ? 0 : Errno.ERANGE);
const user: Allowed = (address, size) => (isUserRange(address, size) ? 0 : Errno.EFAULT);
/** The old helpers decide by the address. */
const either: Allowed = (address, size) => (address < TASK_SIZE_MAX ? user : kernel)(address, size);

/** Reads or answers -errno with the destination zeroed. */
function reader(allowed: Allowed): Helper {
  return (env, [destination, size, source]) => {
    const length = u32(size);
    const errno = length === 0 ? 0 : allowed(source, length);
    const bytes = errno === 0 ? tryRead(env.memory, source, length) : null;
    env.memory.write(destination, bytes ?? new Uint8Array(length));
    return bytes ? 0n : fail(errno || Errno.EFAULT);
  };
}

/** Reads text: answers its length with the NUL, cut to the size. */
function stringReader(allowed: Allowed): Helper {
  return (env, [destination, size, source]) => {
    const length = u32(size);
    if (length === 0) return 0n;
    const errno = allowed(source, 1);
    const text = errno === 0 ? tryReadString(env.memory, source, length) : null;
    if (!text) {
      env.memory.write(destination, new Uint8Array(length));
      return fail(errno || Errno.EFAULT);
    }
    const cut = Math.min(text.length, length - 1);
    env.memory.write(destination, text.subarray(0, cut));
    env.memory.writeUint(destination + BigInt(cut), 1, 0n);
    return BigInt(cut + 1);
  };
}

const writeUser: Helper = (env, [destination, source, size]) => {
  const length = u32(size);
  if (!isUserRange(destination, length)) return fail(Errno.EPERM);
  if (!env.memory.isMapped(destination, length)) return fail(Errno.EFAULT);
  env.memory.write(destination, env.memory.read(source, length));
  return 0n;
};

/** The only task whose memory there is: the current one's. */
const copyFromTask: Helper = (env: HelperEnvironment, [destination, size, source, task, flags]) => {
  if (flags !== 0n) return fail(Errno.EINVAL);
  if (task === env.currentTask) return reader(user)(env, [destination, size, source]);
  env.memory.write(destination, new Uint8Array(u32(size)));
  return fail(Errno.EFAULT);
};

export const probeHelpers: HelperTable = {
  bpf_probe_read: reader(either),
  bpf_probe_read_compat: reader(either),
  bpf_probe_read_str: stringReader(either),
  bpf_probe_read_compat_str: stringReader(either),
  bpf_probe_read_kernel: reader(kernel),
  bpf_probe_read_kernel_str: stringReader(kernel),
  bpf_probe_read_user: reader(user),
  bpf_probe_read_user_str: stringReader(user),
  bpf_copy_from_user: reader(user),
  bpf_copy_from_user_task: copyFromTask,
  bpf_probe_write_user: writeUser,
};

import { Errno } from '../maps/errno.js';
import type { GuestAddress } from '../quantities.js';
import { concat, tryReadString } from './guest-string.js';
import { type Helper, type HelperEnvironment, type HelperTable, fail, u32 } from './helper.js';

const PAGE = 4096;
const NUL = new Uint8Array(1);

/** Text with its NUL, cut to the buffer; answers its length, or -E2BIG when it was cut. */
function giveText(env: HelperEnvironment, to: GuestAddress, size: number, text: Uint8Array): bigint {
  const whole = concat([text, NUL]);
  if (whole.length <= size) {
    env.memory.write(to, concat([whole, new Uint8Array(size - whole.length)]));
    return BigInt(text.length);
  }
  if (size > 0) env.memory.write(to, concat([text.subarray(0, size - 1), NUL]));
  return fail(Errno.E2BIG);
}

const name: Helper = (env, [context, to, size]) => {
  const table = env.object('bpf_sysctl_kern', context).uint('table');
  const text = table === 0n ? 0n : env.object('ctl_table', table).uint('procname');
  const bytes = text === 0n ? null : tryReadString(env.memory, text, PAGE);
  return bytes ? giveText(env, to, u32(size), bytes) : fail(Errno.EINVAL);
};

/** Value as the reader sees it (without its newline), or as the writer wants it. */
const value =
  (which: 'cur' | 'new'): Helper =>
  (env, [context, to, size]) => {
    const kernel = env.object('bpf_sysctl_kern', context);
    const text = kernel.uint(`${which}_val`);
    if (text === 0n || (which === 'new' && kernel.uint('write') === 0n)) {
      env.memory.write(to, new Uint8Array(u32(size)));
      return fail(Errno.EINVAL);
    }
    const bytes = env.memory.read(text, Number(kernel.uint(`${which}_len`)));
    const end = bytes.at(-1) === 10 ? bytes.length - 1 : bytes.length;
    return giveText(env, to, u32(size), bytes.subarray(0, end));
  };

const setValue: Helper = (env, [context, from, size]) => {
  const kernel = env.object('bpf_sysctl_kern', context);
  const length = u32(size);
  if (kernel.uint('write') === 0n || kernel.uint('new_val') === 0n || length === 0) return fail(Errno.EINVAL);
  if (length > PAGE - 1) return fail(Errno.E2BIG);
  env.memory.write(kernel.uint('new_val'), env.memory.read(from, length));
  kernel.set('new_len', length).set('new_updated', 1);
  return 0n;
};

export const sysctlHelpers: HelperTable = {
  bpf_sysctl_get_name: name,
  bpf_sysctl_get_current_value: value('cur'),
  bpf_sysctl_get_new_value: value('new'),
  bpf_sysctl_set_new_value: setValue,
};

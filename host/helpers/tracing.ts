import { littleEndian } from '../maps/bpf-map.js';
import { Errno } from '../maps/errno.js';
import { concat, tryReadString } from './guest-string.js';
import { type Helper, type HelperTable, answer, fail, mapArgument, u32 } from './helper.js';

/** What stands before the arguments of a traced function: its address, then how many there are. */
const FUNCTION = 16n;
const COUNT = 8n;

const argument: Helper = (env, [context, index, value]) => {
  if (u32(index) >= Number(env.memory.readUint(context - COUNT, 8))) return fail(Errno.EINVAL);
  env.memory.writeUint(value, 8, env.memory.readUint(context + BigInt(u32(index) * 8), 8));
  return 0n;
};

const returned: Helper = (env, [context, value]) => {
  const count = env.memory.readUint(context - COUNT, 8);
  env.memory.writeUint(value, 8, env.memory.readUint(context + count * 8n, 8));
  return 0n;
};

/** One frame is known: the traced function's. */
const stack: Helper = (env, [, buffer, size]) => {
  const length = u32(size);
  const bytes = new Uint8Array(length);
  const used = length >= 8 ? 8 : 0;
  if (used) new DataView(bytes.buffer).setBigUint64(0, env.scope.functionAddress, true);
  env.memory.write(buffer, bytes);
  return BigInt(used);
};

const SKIP_FRAMES = 0xffn;
const USER_STACK = 0x100n;
const STACKID_FLAGS = 0x7ffn;
const ID_PRIME = 0x9e3779b1n;

/** Keeps the stack of {@link stack} in the map under a number that its address gives. */
const stackId: Helper = (env, [, address, flags]) => {
  const map = mapArgument(env, address);
  const frame = env.scope.functionAddress;
  if ((flags & ~STACKID_FLAGS) !== 0n) return fail(Errno.EINVAL);
  if (frame === 0n || (flags & SKIP_FRAMES) !== 0n || (flags & USER_STACK) !== 0n) return fail(Errno.EFAULT);
  const id = BigInt.asUintN(32, frame * ID_PRIME) % BigInt(map.spec.maxEntries);
  const frames = new Uint8Array(map.spec.valueSize);
  new DataView(frames.buffer).setBigUint64(0, frame, true);
  const stored = map.store(littleEndian(id, 4), frames, 0n);
  return stored === 0 ? id : answer(stored);
};

const functionAddress: Helper = (env) => env.scope.functionAddress;
const cookie: Helper = (env) => env.scope.cookie;

/** Path from the dentries up to the root, as text with its NUL. */
const path: Helper = (env, [address, buffer, size]) => {
  const parts: string[] = [];
  let dentry = env.object('path', address).follow('dentry');
  for (let depth = 0; dentry.address !== 0n && depth < 256; depth++) {
    const parent = dentry.follow('d_parent');
    if (parent.address === dentry.address || parent.address === 0n) break;
    const name = tryReadString(env.memory, dentry.uint('d_name.name'), 255);
    parts.unshift(new TextDecoder().decode(name ?? new Uint8Array(0)));
    dentry = parent;
  }
  const text = concat([new TextEncoder().encode(`/${parts.join('/')}`), new Uint8Array(1)]);
  if (text.length > u32(size)) return fail(36);
  env.memory.write(buffer, text);
  return BigInt(text.length);
};

export const tracingHelpers: HelperTable = {
  get_func_arg: argument,
  get_func_ret: returned,
  get_func_arg_cnt: (env, [context]) => env.memory.readUint(context - COUNT, 8),
  bpf_get_func_ip: (env, [context]) => env.memory.readUint(context - FUNCTION, 8),
  bpf_get_func_ip_tracing: (env, [context]) => env.memory.readUint(context - FUNCTION, 8),
  bpf_get_func_ip_kprobe: functionAddress,
  bpf_get_func_ip_kprobe_multi: functionAddress,
  bpf_get_func_ip_uprobe_multi: functionAddress,
  bpf_get_attach_cookie_trace: cookie,
  bpf_get_attach_cookie_tracing: cookie,
  bpf_get_attach_cookie_pe: cookie,
  bpf_get_attach_cookie_kprobe_multi: cookie,
  bpf_get_attach_cookie_uprobe_multi: cookie,
  bpf_get_stack: stack,
  bpf_get_stack_sleepable: stack,
  bpf_get_stack_tp: stack,
  bpf_get_stack_raw_tp: stack,
  bpf_get_stack_pe: stack,
  bpf_get_task_stack: stack,
  bpf_get_task_stack_sleepable: stack,
  bpf_get_stackid: stackId,
  bpf_get_stackid_pe: stackId,
  bpf_get_stackid_tp: stackId,
  bpf_get_stackid_raw_tp: stackId,
  bpf_get_retval: (env) => answer(Number(BigInt.asIntN(32, env.scope.returnValue))),
  bpf_set_retval: (env, [value]) => {
    env.scope.returnValue = value;
    return 0n;
  },
  bpf_override_return: (env, [, value]) => {
    env.scope.returnValue = value;
    return 0n;
  },
  bpf_d_path: path,
  bpf_path_d_path: path,
  bpf_this_cpu_ptr: (env, [pointer]) => BigInt.asUintN(64, pointer + env.perCpuOffset),
  bpf_per_cpu_ptr: (env, [pointer, cpu]) =>
    u32(cpu) === 0 ? BigInt.asUintN(64, pointer + env.perCpuOffset) : 0n,
};

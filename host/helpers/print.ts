import { Errno } from '../maps/errno.js';
import type { GuestAddress } from '../quantities.js';
import { formatText } from './format.js';
import { concat, tryReadString } from './guest-string.js';
import { type Helper, type HelperEnvironment, type HelperTable, fail, u32 } from './helper.js';

const MAX_FORMAT = 4096;

function formatAt(env: HelperEnvironment, address: GuestAddress, size: number): string {
  const bytes = tryReadString(env.memory, address, size);
  return new TextDecoder().decode(bytes ?? new Uint8Array(0));
}

/** Arguments that a program put in memory, 8 bytes each. */
const inMemory =
  (env: HelperEnvironment, data: GuestAddress, size: bigint) =>
  (index: number): bigint =>
    index * 8 < u32(size) ? env.memory.readUint(data + BigInt(index * 8), 8) : 0n;

const tracePrintk: Helper = (env, [format, size, ...values]) => {
  const text = formatText(env, formatAt(env, format, u32(size)), (index) => values[index] ?? 0n);
  env.trace.push(text);
  return BigInt(text.length);
};

const traceVprintk: Helper = (env, [format, size, data, dataSize]) => {
  const text = formatText(env, formatAt(env, format, u32(size)), inMemory(env, data, dataSize));
  env.trace.push(text);
  return BigInt(text.length);
};

const seqPrintf: Helper = (env, [, format, size, data, dataSize]) => {
  const text = formatText(env, formatAt(env, format, u32(size)), inMemory(env, data, dataSize));
  env.scope.seq.push(new TextEncoder().encode(text));
  return 0n;
};

const seqWrite: Helper = (env, [, data, size]) => {
  env.scope.seq.push(env.memory.read(data, u32(size)));
  return 0n;
};

/** Answers the length the whole text has with its NUL, whatever fits. */
const snprintf: Helper = (env, [buffer, size, format, data, dataSize]) => {
  if (u32(dataSize) % 8 !== 0 || u32(dataSize) > 96) return fail(Errno.EINVAL);
  const text = formatText(env, formatAt(env, format, MAX_FORMAT), inMemory(env, data, dataSize));
  const bytes = new TextEncoder().encode(text);
  const room = u32(size);
  if (room > 0) env.memory.write(buffer, concat([bytes.subarray(0, room - 1), new Uint8Array(1)]));
  return BigInt(bytes.length + 1);
};

export const printHelpers: HelperTable = {
  bpf_trace_printk: tracePrintk,
  bpf_trace_vprintk: traceVprintk,
  bpf_seq_printf: seqPrintf,
  bpf_seq_write: seqWrite,
  bpf_snprintf: snprintf,
};

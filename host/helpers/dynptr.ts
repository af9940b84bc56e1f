import { Errno } from '../maps/errno.js';
import { RingbufMap } from '../maps/ringbuf-map.js';
import type { GuestAddress } from '../quantities.js';
import { type Helper, type HelperEnvironment, type HelperTable, answer, fail, mapOf, u32 } from './helper.js';

// struct bpf_dynptr_kern: data, size with type and read-only bits, offset.
const SIZE = 8n;
const OFFSET = 12n;
const TYPE_SHIFT = 28;
const READ_ONLY = 0x80000000;
const SIZE_MASK = 0xffffff;
const Type = { LOCAL: 1, RINGBUF: 2, SKB: 3, XDP: 4 } as const;

interface Dynptr {
  readonly type: number;
  readonly readOnly: boolean;
  readonly size: number;
  /** Address of the first byte. */
  readonly start: GuestAddress;
}

function put(env: HelperEnvironment, at: GuestAddress, data: GuestAddress, type: number, size: number): void {
  env.memory.writeUint(at, 8, data);
  env.memory.writeUint(at + SIZE, 4, BigInt((data === 0n ? 0 : (type << TYPE_SHIFT) | size) >>> 0));
  env.memory.writeUint(at + OFFSET, 4, 0n);
}

function load(env: HelperEnvironment, at: GuestAddress): Dynptr | null {
  const data = env.memory.readUint(at, 8);
  if (data === 0n) return null;
  const word = Number(env.memory.readUint(at + SIZE, 4));
  const type = (word >>> TYPE_SHIFT) & 7;
  const packet = type === Type.SKB ? 'sk_buff' : type === Type.XDP ? 'xdp_buff' : null;
  const base = packet === null ? data : env.object(packet, data).uint('data');
  return {
    type,
    readOnly: (word & READ_ONLY) !== 0,
    size: word & SIZE_MASK,
    start: base + env.memory.readUint(at + OFFSET, 4),
  };
}

/** Address of a part, or an errno. */
function part(pointer: Dynptr | null, offset: bigint, length: number): GuestAddress | number {
  if (!pointer) return Errno.EINVAL;
  const at = u32(offset);
  return at + length > pointer.size ? Errno.E2BIG : pointer.start + BigInt(at);
}

const fromMemory: Helper = (env, [data, size, flags, pointer]) => {
  const length = u32(size);
  const errno = length > SIZE_MASK ? Errno.E2BIG : flags !== 0n ? Errno.EINVAL : 0;
  put(env, pointer, errno === 0 ? data : 0n, Type.LOCAL, length);
  return errno === 0 ? 0n : fail(errno);
};

const reserve: Helper = (env, [map, size, flags, pointer]) => {
  const length = u32(size);
  const sample =
    flags === 0n && length <= SIZE_MASK ? mapOf(env, map, RingbufMap).reserve(BigInt(length)) : 0n;
  put(env, pointer, sample, Type.RINGBUF, length);
  return sample === 0n ? fail(flags !== 0n ? Errno.EINVAL : Errno.E2BIG) : 0n;
};

function finish(discard: boolean): Helper {
  return (env, [pointer]) => {
    const known = load(env, pointer);
    if (known) {
      const header = known.start - 8n;
      const length = env.memory.readUint(header, 4) & 0x3fffffffn;
      env.memory.writeUint(header, 4, discard ? length | 0x40000000n : length);
      put(env, pointer, 0n, 0, 0);
    }
    return 0n;
  };
}

const read: Helper = (env, [to, size, pointer, offset, flags]) => {
  const from = flags !== 0n ? Errno.EINVAL : part(load(env, pointer), offset, u32(size));
  if (typeof from === 'number') return fail(from);
  env.memory.write(to, env.memory.read(from, u32(size)));
  return 0n;
};

const write: Helper = (env, [pointer, offset, from, size, flags]) => {
  const known = load(env, pointer);
  const to = flags !== 0n || known?.readOnly ? Errno.EINVAL : part(known, offset, u32(size));
  if (typeof to === 'number') return fail(to);
  env.memory.write(to, env.memory.read(from, u32(size)));
  return 0n;
};

/** The data itself; packets are not given out this way. */
const data: Helper = (env, [pointer, offset, size]) => {
  const known = load(env, pointer);
  if (!known || known.readOnly || known.type === Type.SKB || known.type === Type.XDP) return 0n;
  const at = part(known, offset, u32(size));
  return typeof at === 'number' ? 0n : at;
};

const slice: Helper = (env, [pointer, offset, , size]) => {
  const at = part(load(env, pointer), offset, u32(size));
  return typeof at === 'number' ? 0n : at;
};

const fromPacket =
  (type: number, struct: 'sk_buff' | 'xdp_buff', readOnly: boolean): Helper =>
  (env, [context, flags, pointer]) => {
    if (flags !== 0n) {
      put(env, pointer, 0n, 0, 0);
      return fail(Errno.EINVAL);
    }
    const packet = env.object(struct, context);
    const length = struct === 'sk_buff' ? packet.uint('len') : packet.uint('data_end') - packet.uint('data');
    put(env, pointer, context, type, Number(length) | (readOnly ? READ_ONLY : 0));
    return 0n;
  };

export const dynptrHelpers: HelperTable = {
  bpf_dynptr_from_mem: fromMemory,
  bpf_ringbuf_reserve_dynptr: reserve,
  bpf_ringbuf_submit_dynptr: finish(false),
  bpf_ringbuf_discard_dynptr: finish(true),
  bpf_dynptr_read: read,
  bpf_dynptr_write: write,
  bpf_dynptr_data: data,
  bpf_dynptr_slice: slice,
  bpf_dynptr_slice_rdwr: slice,
  bpf_dynptr_from_skb: fromPacket(Type.SKB, 'sk_buff', false),
  bpf_dynptr_from_skb_rdonly: fromPacket(Type.SKB, 'sk_buff', true),
  bpf_dynptr_from_xdp: fromPacket(Type.XDP, 'xdp_buff', false),
  bpf_dynptr_size: (env, [pointer]) => {
    const known = load(env, pointer);
    return known ? BigInt(known.size) : answer(-Errno.EINVAL);
  },
  bpf_dynptr_is_null: (env, [pointer]) => (load(env, pointer) ? 0n : 1n),
  bpf_dynptr_is_rdonly: (env, [pointer]) => (load(env, pointer)?.readOnly ? 1n : 0n),
  bpf_dynptr_adjust: (env, [pointer, start, end]) => {
    const known = load(env, pointer);
    const [from, to] = [u32(start), u32(end)];
    if (!known || from > to) return fail(Errno.EINVAL);
    if (from > known.size || to > known.size) return fail(Errno.ERANGE);
    const word = Number(env.memory.readUint(pointer + SIZE, 4));
    env.memory.writeUint(pointer + SIZE, 4, BigInt(((word & ~SIZE_MASK) | (to - from)) >>> 0));
    env.memory.writeUint(pointer + OFFSET, 4, env.memory.readUint(pointer + OFFSET, 4) + BigInt(from));
    return 0n;
  },
};

import { Errno } from '../maps/errno.js';
import type { KernelObject } from '../mm/kernel-object.js';
import type { GuestAddress } from '../quantities.js';
import {
  type Helper,
  type HelperEnvironment,
  type HelperTable,
  fail,
  mapArgument,
  s32,
  u32,
} from './helper.js';

const XDP_REDIRECT = 4n;
const XDP_ABORTED = 0n;
const TC_ACT_REDIRECT = 7n;
const TC_ACT_SHOT = 2n;
const ETH_HEADER = 14n;
/** Room that struct xdp_frame needs in front of the packet. */
const XDP_FRAME_SIZE = 40n;
const MAX_META = 252n;

const xdpAt = (env: HelperEnvironment, address: GuestAddress): KernelObject =>
  env.object('xdp_buff', address);

const adjustHead: Helper = (env, [context, delta]) => {
  const xdp = xdpAt(env, context);
  const data = xdp.uint('data') + BigInt(s32(delta));
  const meta = xdp.uint('data_meta') + BigInt(s32(delta));
  const first = xdp.uint('data_hard_start') + XDP_FRAME_SIZE;
  if (data < first || meta < first || data > xdp.uint('data_end') - ETH_HEADER) return fail(Errno.EINVAL);
  xdp.set('data', data).set('data_meta', meta);
  return 0n;
};

const adjustMeta: Helper = (env, [context, delta]) => {
  const xdp = xdpAt(env, context);
  const meta = xdp.uint('data_meta') + BigInt(s32(delta));
  const size = xdp.uint('data') - meta;
  if (meta < xdp.uint('data_hard_start') + XDP_FRAME_SIZE || size < 0n) return fail(Errno.EINVAL);
  if (size > MAX_META || size % 4n !== 0n) return fail(Errno.EACCES);
  xdp.set('data_meta', meta);
  return 0n;
};

const adjustTail: Helper = (env, [context, delta]) => {
  const xdp = xdpAt(env, context);
  const old = xdp.uint('data_end');
  const end = old + BigInt(s32(delta));
  const limit = xdp.uint('data_hard_start') + xdp.uint('frame_sz') - 320n;
  if (end > limit || end < xdp.uint('data') + ETH_HEADER) return fail(Errno.EINVAL);
  if (end > old) env.memory.write(old, new Uint8Array(Number(end - old)));
  xdp.set('data_end', end);
  return 0n;
};

function range(
  env: HelperEnvironment,
  context: GuestAddress,
  offset: bigint,
  size: bigint,
): GuestAddress | null {
  const xdp = xdpAt(env, context);
  const at = xdp.uint('data') + BigInt(u32(offset));
  return at + BigInt(u32(size)) <= xdp.uint('data_end') ? at : null;
}

const loadBytes: Helper = (env, [context, offset, to, size]) => {
  const at = range(env, context, offset, size);
  if (at === null) return fail(Errno.EINVAL);
  env.memory.write(to, env.memory.read(at, u32(size)));
  return 0n;
};

const storeBytes: Helper = (env, [context, offset, from, size]) => {
  const at = range(env, context, offset, size);
  if (at === null) return fail(Errno.EINVAL);
  env.memory.write(at, env.memory.read(from, u32(size)));
  return 0n;
};

const redirect =
  (done: bigint, refused: bigint): Helper =>
  (env, [ifindex, flags]) => {
    if ((flags & ~1n) !== 0n) return refused;
    env.scope.redirect = { ifindex: u32(ifindex), flags };
    return done;
  };

/** The action in the low bits of the flags when the key has no target. */
const redirectMap: Helper = (env, [map, key, flags]) => {
  const target = mapArgument(env, map);
  const bytes = new Uint8Array(target.spec.keySize);
  new DataView(bytes.buffer).setUint32(0, u32(key), true);
  const cell = target.find(bytes);
  const ifindex = cell === 0n ? 0 : Number(env.memory.readUint(cell, 4));
  if (ifindex === 0) return flags & 3n;
  env.scope.redirect = { ifindex, flags };
  return XDP_REDIRECT;
};

export const xdpHelpers: HelperTable = {
  bpf_xdp_adjust_head: adjustHead,
  bpf_xdp_adjust_meta: adjustMeta,
  bpf_xdp_adjust_tail: adjustTail,
  bpf_xdp_get_buff_len: (env, [context]) => {
    const xdp = xdpAt(env, context);
    return xdp.uint('data_end') - xdp.uint('data');
  },
  bpf_xdp_load_bytes: loadBytes,
  bpf_xdp_store_bytes: storeBytes,
  bpf_redirect: redirect(TC_ACT_REDIRECT, TC_ACT_SHOT),
  bpf_redirect_peer: redirect(TC_ACT_REDIRECT, TC_ACT_SHOT),
  bpf_redirect_neigh: (env, [ifindex, , , flags]) =>
    redirect(TC_ACT_REDIRECT, TC_ACT_SHOT)(env, [ifindex, flags]),
  bpf_xdp_redirect: redirect(XDP_REDIRECT, XDP_ABORTED),
  bpf_redirect_map: redirectMap,
  bpf_xdp_redirect_map: redirectMap,
  bpf_clone_redirect: (env, [, ifindex, flags]) => {
    env.scope.redirect = { ifindex: u32(ifindex), flags };
    return 0n;
  },
};

/** The redirect functions of map types: dev_map_redirect and so on. */
export const xdpFunctionPatterns: readonly (readonly [RegExp, Helper])[] = [
  [/^(dev_map|dev_hash_map|dev_map_hash|cpu_map|xsk_map)_redirect$/, redirectMap],
];

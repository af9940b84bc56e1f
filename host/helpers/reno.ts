import type { KernelObject } from '../mm/kernel-object.js';
import { type Helper, type HelperTable, u32 } from './helper.js';

// RFC 5681: slow start, congestion avoidance, and what remains after a loss.
const MIN_THRESHOLD = 2n;

const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

const window = (socket: KernelObject): bigint => socket.uint('snd_cwnd');
const setWindow = (socket: KernelObject, segments: bigint): void => {
  socket.set('snd_cwnd', smaller(segments, socket.uint('snd_cwnd_clamp')));
};

/** Answers the segments that are left when the threshold is reached. */
function slowStart(socket: KernelObject, acknowledged: bigint): bigint {
  const old = window(socket);
  const grown = smaller(old + acknowledged, socket.uint('snd_ssthresh'));
  setWindow(socket, grown);
  return acknowledged - (grown - old);
}

/** One segment more for each `segments` that were acknowledged. */
function avoid(socket: KernelObject, segments: bigint, acknowledged: bigint): void {
  let count = socket.uint('snd_cwnd_cnt');
  if (count >= segments) {
    count = 0n;
    setWindow(socket, window(socket) + 1n);
  }
  count += acknowledged;
  if (count >= segments) {
    setWindow(socket, window(socket) + count / segments);
    count %= segments;
  }
  socket.set('snd_cwnd_cnt', count);
}

const congestion: Helper = (env, [address, , acknowledged]) => {
  const socket = env.object('tcp_sock', address);
  let left = BigInt(u32(acknowledged));
  if (window(socket) < socket.uint('snd_ssthresh')) left = slowStart(socket, left);
  if (left > 0n) avoid(socket, larger(window(socket), 1n), left);
  return 0n;
};

export const renoHelpers: HelperTable = {
  tcp_reno_ssthresh: (env, [address]) => larger(window(env.object('tcp_sock', address)) / 2n, MIN_THRESHOLD),
  tcp_reno_undo_cwnd: (env, [address]) => {
    const socket = env.object('tcp_sock', address);
    return larger(window(socket), socket.uint('prior_cwnd'));
  },
  tcp_reno_cong_avoid: congestion,
  tcp_slow_start: (env, [address, acknowledged]) =>
    slowStart(env.object('tcp_sock', address), BigInt(u32(acknowledged))),
  tcp_cong_avoid_ai: (env, [address, segments, acknowledged]) => {
    avoid(env.object('tcp_sock', address), BigInt(u32(segments)), BigInt(u32(acknowledged)));
    return 0n;
  },
};

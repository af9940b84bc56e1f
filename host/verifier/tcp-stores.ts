import type { Btf } from '../btf/btf.js';
import { BtfKind } from '../btf/types.js';
import { kernelTarget } from './ctx/attach-target.js';
import type { Env } from './env.js';
import { ProgType } from './prog-type.js';

/** Fields of struct tcp_sock, and of what it starts with, that congestion control may set. */
const WRITABLE: readonly (readonly [struct: string, field: string])[] = [
  ['sock', 'sk_pacing_rate'],
  ['sock', 'sk_pacing_status'],
  ['inet_connection_sock', 'icsk_ca_priv'],
  ['inet_connection_sock', 'icsk_ack.pending'],
  ['tcp_sock', 'snd_cwnd'],
  ['tcp_sock', 'snd_cwnd_cnt'],
  ['tcp_sock', 'snd_cwnd_stamp'],
  ['tcp_sock', 'snd_ssthresh'],
  ['tcp_sock', 'ecn_flags'],
  ['tcp_sock', 'app_limited'],
];

/** Linux 6.1 keeps it to itself. */
const SINCE_612 = 'sk_pacing_status';

/** Does the program implement a member of struct tcp_congestion_ops? */
export function implementsCongestionControl(env: Env): boolean {
  const { spec } = env.program;
  if (spec.type !== ProgType.STRUCT_OPS) return false;
  const target = kernelTarget(spec, env.kernel);
  return target !== null && env.kernel.btf.type(target.id).name === 'tcp_congestion_ops';
}

/** Why a store of `size` bytes into a struct is refused; null = it is allowed. */
export function refusedTcpStore(
  btf: Btf,
  struct: string,
  off: number,
  size: number,
  legacy: boolean,
): string | null {
  if (struct !== 'tcp_sock') return 'only read is supported';
  for (const [owner, field] of WRITABLE) {
    if (legacy && field === SINCE_612) continue;
    const { bitOffset, type } = btf.member(btf.find(owner, BtfKind.STRUCT), field);
    const start = Math.floor(bitOffset / 8);
    const end = start + btf.sizeOf(type);
    if (off < start || off >= end) continue;
    if (off + size <= end) return null;
    return `write access at off ${off} with size ${size} beyond the member of tcp_sock ended at ${end}`;
  }
  return `no write support to tcp_sock at off ${off}`;
}

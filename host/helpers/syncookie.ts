import { Errno } from '../maps/errno.js';
import type { GuestAddress } from '../quantities.js';
import { type Helper, type HelperEnvironment, type HelperTable, fail, u32 } from './helper.js';

const TCP_HEADER = 20;
const SYN = 0x02;
const ACK = 0x10;
const FLAGS = 13n;
const SEQUENCE = 4n;
const ACKNOWLEDGED = 8n;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

const bigEndian = (env: HelperEnvironment, at: GuestAddress): number =>
  new DataView(env.memory.read(at, 4).slice().buffer).getUint32(0, false);

/** A cookie for a connection: what its addresses, ports and first sequence number give. */
function cookieOf(
  env: HelperEnvironment,
  addresses: Uint8Array,
  tcp: GuestAddress,
  sequence: number,
): number {
  let hash = FNV_OFFSET ^ sequence;
  for (const byte of [...addresses, ...env.memory.read(tcp, 4)]) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return hash >>> 0;
}

type AddressesOf = (env: HelperEnvironment, ip: GuestAddress) => Uint8Array;
const ipv4: AddressesOf = (env, ip) => env.memory.read(ip + 12n, 8);
const ipv6: AddressesOf = (env, ip) => env.memory.read(ip + 8n, 32);
const MSS: Readonly<Record<string, bigint>> = { ipv4: 536n, ipv6: 1220n };

const make =
  (addresses: AddressesOf, mss: bigint): Helper =>
  (env, [ip, tcp, size]) => {
    if (u32(size) < TCP_HEADER) return fail(Errno.EINVAL);
    const cookie = cookieOf(env, addresses(env, ip), tcp, bigEndian(env, tcp + SEQUENCE));
    return (mss << 32n) | BigInt(cookie);
  };

/** The answer to a cookie acknowledges one more than it, and counts one more than the first segment. */
const check =
  (addresses: AddressesOf): Helper =>
  (env, [ip, tcp]) => {
    const sequence = (bigEndian(env, tcp + SEQUENCE) - 1) >>> 0;
    const cookie = (bigEndian(env, tcp + ACKNOWLEDGED) - 1) >>> 0;
    return cookieOf(env, addresses(env, ip), tcp, sequence) === cookie ? 0n : fail(Errno.EACCES);
  };

const version = (env: HelperEnvironment, ip: GuestAddress): number => Number(env.memory.readUint(ip, 1)) >> 4;
const flagsOf = (env: HelperEnvironment, tcp: GuestAddress): number =>
  Number(env.memory.readUint(tcp + FLAGS, 1));

/** The same for a listening socket: a segment that opens a connection, one that confirms it. */
const makeFor: Helper = (env, [, ip, , tcp, size]) => {
  if (u32(size) < TCP_HEADER || (flagsOf(env, tcp) & (SYN | ACK)) !== SYN) return fail(Errno.EINVAL);
  const is6 = version(env, ip) === 6;
  return make(is6 ? ipv6 : ipv4, is6 ? MSS.ipv6 : MSS.ipv4)(env, [ip, tcp, size]);
};
const checkFor: Helper = (env, [, ip, , tcp, size]) => {
  if (u32(size) < TCP_HEADER) return fail(Errno.EINVAL);
  if ((flagsOf(env, tcp) & (SYN | ACK)) !== ACK) return fail(Errno.ENOENT);
  const known = check(version(env, ip) === 6 ? ipv6 : ipv4)(env, [ip, tcp]);
  return known === 0n ? 0n : fail(Errno.ENOENT);
};

export const syncookieHelpers: HelperTable = {
  bpf_tcp_gen_syncookie: makeFor,
  bpf_tcp_check_syncookie: checkFor,
  bpf_tcp_raw_gen_syncookie_ipv4: make(ipv4, MSS.ipv4),
  bpf_tcp_raw_gen_syncookie_ipv6: make(ipv6, MSS.ipv6),
  bpf_tcp_raw_check_syncookie_ipv4: check(ipv4),
  bpf_tcp_raw_check_syncookie_ipv6: check(ipv6),
};

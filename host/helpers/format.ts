import type { GuestAddress } from '../quantities.js';
import { tryReadString } from './guest-string.js';
import { type HelperEnvironment } from './helper.js';

const SPEC = /%([-+ #0]*)(\d*)(hh|h|ll|l|z)?(pks|pus|pS|ps|pB|pI4|pi4|pI6|pi6|pM|p|d|i|u|x|X|o|c|s|%)/g;
const MAX_STRING = 512;

/** Value of one argument, by position. */
export type FormatArgument = (index: number) => bigint;

/**
 * The printf of BPF helpers: %d %i %u %x %X %o %c %s %p with l/ll/h/hh sizes, %pks and %pus (text in kernel and user
 * memory), %pS %ps %pB (symbols), %pI4 %pi4 %pI6 (network addresses).
 */
export function formatText(env: HelperEnvironment, format: string, argument: FormatArgument): string {
  let next = 0;
  return format.replace(SPEC, (_, flags: string, width: string, size: string | undefined, kind: string) => {
    if (kind === '%') return '%';
    const text = formatOne(env, argument(next++), kind, size, flags);
    if (width === '') return text;
    if (flags.includes('-')) return text.padEnd(Number(width));
    const zero = flags.includes('0') && kind !== 's';
    if (zero && text.startsWith('-')) return `-${text.slice(1).padStart(Number(width) - 1, '0')}`;
    return text.padStart(Number(width), zero ? '0' : ' ');
  });
}

const BITS: Readonly<Record<string, number>> = { hh: 8, h: 16, l: 64, ll: 64, z: 64 };

function formatOne(
  env: HelperEnvironment,
  value: bigint,
  kind: string,
  size: string | undefined,
  flags: string,
): string {
  const bits = BITS[size ?? ''] ?? 32;
  const unsigned = BigInt.asUintN(bits, value);
  switch (kind) {
    case 'd':
    case 'i':
      return BigInt.asIntN(bits, value).toString();
    case 'u':
      return unsigned.toString();
    case 'x':
      return (flags.includes('#') ? '0x' : '') + unsigned.toString(16);
    case 'X':
      return (flags.includes('#') ? '0X' : '') + unsigned.toString(16).toUpperCase();
    case 'o':
      return unsigned.toString(8);
    case 'c':
      return String.fromCharCode(Number(value & 0xffn));
    case 's':
    case 'pks':
    case 'pus':
      return textAt(env, value);
    case 'pS':
    case 'ps':
    case 'pB':
      return env.symbolName(value) ?? `0x${value.toString(16)}`;
    case 'pI4':
    case 'pi4':
      return bytesAt(env, value, 4).join('.');
    case 'pI6':
    case 'pi6':
      return ipv6(bytesAt(env, value, 16));
    case 'pM':
      return bytesAt(env, value, 6)
        .map((byte) => byte.toString(16).padStart(2, '0'))
        .join(':');
    default:
      return value.toString(16).padStart(16, '0');
  }
}

function textAt(env: HelperEnvironment, address: GuestAddress): string {
  const bytes = tryReadString(env.memory, address, MAX_STRING);
  return bytes ? new TextDecoder().decode(bytes) : '(fault)';
}

function bytesAt(env: HelperEnvironment, address: GuestAddress, size: number): number[] {
  return env.memory.isMapped(address, size)
    ? [...env.memory.read(address, size)]
    : new Array<number>(size).fill(0);
}

function ipv6(bytes: number[]): string {
  const words: string[] = [];
  for (let at = 0; at < 16; at += 2)
    words.push(((bytes[at]! << 8) | bytes[at + 1]!).toString(16).padStart(4, '0'));
  return words.join(':');
}

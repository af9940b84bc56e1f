import type { Btf } from '../btf/btf.js';
import { BtfKind } from '../btf/types.js';
import type { TypeId } from '../quantities.js';
import { isEnum } from './core-spec.js';

/** enum libbpf_tristate. */
const TRISTATE: Readonly<Record<string, bigint>> = { n: 0n, y: 1n, m: 2n };

/**
 * The bytes of a kconfig extern of this type for a value as .config writes it: y, n, m, a number, a quoted string.
 * A string result says what the type expects instead.
 */
export function kconfigBytes(btf: Btf, typeId: TypeId, text: string): Uint8Array | string {
  const type = btf.type(btf.skipModifiers(typeId));
  if (text.startsWith('"')) {
    if (type.kind !== BtfKind.ARRAY || btf.sizeOf(type.type) !== 1) return 'a value other than a string';
    if (!/^".*"$/s.test(text)) return 'a string that ends with a double quote';
    const bytes = new Uint8Array(type.nelems);
    if (type.nelems > 0) bytes.set(new TextEncoder().encode(text.slice(1, -1)).subarray(0, type.nelems - 1));
    return bytes;
  }
  const size = btf.sizeOf(typeId);
  if (text in TRISTATE) {
    if (isEnum(type)) return littleEndian(TRISTATE[text]!, size);
    if (type.kind !== BtfKind.INT) return 'a number or string';
    if (type.bool) return text === 'm' ? 'y or n for a bool' : littleEndian(TRISTATE[text]!, size);
    return size === 1 ? Uint8Array.of(text.charCodeAt(0)) : 'a number';
  }
  if (!/^-?(0x[0-9a-f]+|\d+)$/i.test(text)) return 'y, n, m, a number or a string in double quotes';
  if (type.kind !== BtfKind.INT) return 'a value other than a number';
  const magnitude = BigInt(text.replace('-', ''));
  const value = text.startsWith('-') ? -magnitude : magnitude;
  if (type.bool && value !== 0n && value !== 1n) return '0 or 1 for a bool';
  const bits = size * 8;
  const fits = type.signed ? BigInt.asIntN(bits, value) === value : BigInt.asUintN(bits, value) === value;
  return fits ? littleEndian(value, size) : `a number of ${bits} bits`;
}

function littleEndian(value: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = Number(BigInt.asUintN(8, value >> BigInt(8 * i)));
  return bytes;
}

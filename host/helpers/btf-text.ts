import { BtfKind } from '../btf/types.js';
import { Errno } from '../maps/errno.js';
import type { GuestAddress, TypeId } from '../quantities.js';
import { concat, tryRead } from './guest-string.js';
import { type Helper, type HelperEnvironment, type HelperTable, fail, u32 } from './helper.js';

/** How a value is written: BTF_F_COMPACT, BTF_F_NONAME, BTF_F_PTR_RAW, BTF_F_ZERO. */
const COMPACT = 1n;
const NO_NAMES = 2n;
const ZEROS = 8n;
const ALL_FLAGS = 15n;
const MAX_DEPTH = 16;

// struct btf_ptr: address, type id, flags.
const TYPE_ID = 8n;
const POINTER_SIZE = 16;

class Writer {
  constructor(
    private readonly env: HelperEnvironment,
    private readonly flags: bigint,
  ) {}

  private get line(): string {
    return this.isSet(COMPACT) ? '' : '\n';
  }

  private isSet(flag: bigint): boolean {
    return (this.flags & flag) !== 0n;
  }

  private indent(depth: number): string {
    return this.isSet(COMPACT) ? '' : ' '.repeat(depth);
  }

  private cast(id: TypeId): string {
    return this.isSet(NO_NAMES) ? '' : `(${this.typeName(id)})`;
  }

  private typeName(id: TypeId): string {
    const { btf } = this.env;
    const type = btf.type(id);
    switch (type.kind) {
      case BtfKind.STRUCT:
        return `struct ${type.name}`.trimEnd();
      case BtfKind.UNION:
        return `union ${type.name}`.trimEnd();
      case BtfKind.ENUM:
      case BtfKind.ENUM64:
        return `enum ${type.name}`.trimEnd();
      case BtfKind.FWD:
        return `struct ${type.name}`;
      case BtfKind.PTR:
        return `${this.typeName(type.type)} *`.replace('* *', '**');
      case BtfKind.ARRAY:
        return `${this.typeName(type.type)}[]`;
      case BtfKind.CONST:
      case BtfKind.VOLATILE:
      case BtfKind.RESTRICT:
      case BtfKind.TYPE_TAG:
        return this.typeName(type.type);
      case BtfKind.VOID:
        return 'void';
      default:
        return type.name;
    }
  }

  /** The value of type `id` in `bytes`; null = zero, and zeros are left out. */
  value(id: TypeId, bytes: Uint8Array, depth: number, bits: readonly [number, number] | null): string | null {
    const { btf } = this.env;
    const resolved = btf.type(btf.skipModifiers(id));
    if (depth > MAX_DEPTH) return null;
    const isShown = this.isSet(ZEROS) || depth === 0 || bytes.some((byte) => byte !== 0);
    if (!isShown) return null;
    if (resolved.kind === BtfKind.STRUCT || resolved.kind === BtfKind.UNION) {
      const parts = resolved.members.flatMap((member) => {
        const start = Math.floor(member.bitOffset / 8);
        const field: readonly [number, number] | null =
          member.bitSize === 0 ? null : [member.bitOffset % 8, member.bitSize];
        const size = field === null ? btf.sizeOf(member.type) : Math.ceil((field[0] + field[1]) / 8);
        const text = this.value(member.type, bytes.subarray(start, start + size), depth + 1, field);
        const name = member.name === '' || this.isSet(NO_NAMES) ? '' : `.${member.name} = `;
        return text === null ? [] : [`${this.indent(depth + 1)}${name}${text},${this.line}`];
      });
      return `${this.cast(id)}{${this.line}${parts.join('')}${this.indent(depth)}}`;
    }
    if (resolved.kind === BtfKind.ARRAY) return this.array(id, resolved.type, bytes, depth);
    const number = toNumber(bytes, bits);
    if (number === 0n && !this.isSet(ZEROS) && depth > 0) return null;
    return `${this.cast(id)}${this.number(btf.skipModifiers(id), number, bytes.length)}`;
  }

  private array(id: TypeId, element: TypeId, bytes: Uint8Array, depth: number): string {
    const size = this.env.btf.sizeOf(element);
    const parts: string[] = [];
    for (let at = 0; size > 0 && at + size <= bytes.length; at += size) {
      const text = this.value(element, bytes.subarray(at, at + size), depth + 1, null);
      if (text !== null) parts.push(`${this.indent(depth + 1)}${text},${this.line}`);
    }
    return `${this.cast(id)}[${this.line}${parts.join('')}${this.indent(depth)}]`;
  }

  private number(id: TypeId, value: bigint, size: number): string {
    const type = this.env.btf.type(id);
    if (type.kind === BtfKind.PTR) return `0x${value.toString(16).padStart(16, '0')}`;
    if (type.kind === BtfKind.ENUM || type.kind === BtfKind.ENUM64) {
      const name = type.values.find((one) => BigInt.asUintN(size * 8, one.value) === value)?.name;
      return name ?? value.toString();
    }
    const isSigned = type.kind === BtfKind.INT && type.signed;
    return (isSigned ? BigInt.asIntN(size * 8, value) : value).toString();
  }
}

function toNumber(bytes: Uint8Array, bits: readonly [number, number] | null): bigint {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at]!);
  return bits === null ? value : (value >> BigInt(bits[0])) & ((1n << BigInt(bits[1])) - 1n);
}

/** Text of the value that a struct btf_ptr names, or -errno. */
function textOf(env: HelperEnvironment, pointer: GuestAddress, size: bigint, flags: bigint): string | number {
  if ((flags & ~ALL_FLAGS) !== 0n || u32(size) !== POINTER_SIZE) return Errno.EINVAL;
  const id = Number(env.memory.readUint(pointer + TYPE_ID, 4));
  if (id <= 0 || id >= env.btf.count) return Errno.EINVAL;
  const bytes = tryRead(env.memory, env.memory.readUint(pointer, 8), env.btf.sizeOf(id));
  return bytes ? (new Writer(env, flags).value(id, bytes, 0, null) ?? '') : Errno.EFAULT;
}

/** Answers the length the text has; what fits is in the buffer, with its NUL. */
const snprintf: Helper = (env, [buffer, size, pointer, pointerSize, flags]) => {
  const text = textOf(env, pointer, pointerSize, flags);
  if (typeof text === 'number') return fail(text);
  const bytes = new TextEncoder().encode(text);
  const room = u32(size);
  if (room > 0) env.memory.write(buffer, concat([bytes.subarray(0, room - 1), new Uint8Array(1)]));
  return BigInt(bytes.length);
};

const seqPrintf: Helper = (env, [, pointer, pointerSize, flags]) => {
  const text = textOf(env, pointer, pointerSize, flags);
  if (typeof text === 'number') return fail(text);
  env.scope.seq.push(new TextEncoder().encode(text));
  return 0n;
};

/** Kernel values as text, by their types. */
export const btfTextHelpers: HelperTable = {
  bpf_snprintf_btf: snprintf,
  bpf_seq_printf_btf: seqPrintf,
};

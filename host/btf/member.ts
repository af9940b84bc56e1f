import { BtfError } from '../errors.js';
import type { TypeId } from '../quantities.js';
import type { Btf } from './btf.js';
import { type BtfComposite, BtfKind } from './types.js';

/** Place of a member within its outermost struct. */
export interface MemberPlace {
  readonly type: TypeId;
  /** From the start of the struct that was asked. */
  readonly bitOffset: number;
  /** Width of a bit-field, 0 = not a bit-field. */
  readonly bitSize: number;
}

/** Anonymous members looked through; more than any struct has. */
const MAX_SEARCHED = 500;

export function resolveMember(btf: Btf, structId: TypeId, path: string): MemberPlace {
  const parts = path.match(/^\w+|\.\w+|\[\d+\]/g) ?? [];
  if (parts.join('') !== path || !/^\w/.test(path)) {
    throw new BtfError(
      'BTF_NO_MEMBER',
      `member path "${path}": expected name(.name|[index])*, found something else`,
    );
  }
  let place: MemberPlace = { type: structId, bitOffset: 0, bitSize: 0 };
  for (const part of parts) {
    const id = btf.skipModifiers(place.type);
    const type = btf.type(id);
    if (part.startsWith('[')) {
      const index = Number(part.slice(1, -1));
      if (type.kind !== BtfKind.ARRAY || (type.nelems !== 0 && index >= type.nelems)) {
        throw noMember(btf, structId, path, part, `an array with element ${index}`, btf.format(id));
      }
      const bitOffset = place.bitOffset + index * btf.sizeOf(type.type) * 8;
      place = { type: type.type, bitOffset, bitSize: 0 };
    } else {
      const name = part.startsWith('.') ? part.slice(1) : part;
      const found = isComposite(type) ? findMember(btf, type, name) : null;
      if (found === null) throw noMember(btf, structId, path, part, 'a member', btf.format(id));
      place = { ...found, bitOffset: place.bitOffset + found.bitOffset };
    }
  }
  return place;
}

/** The member of this name, own or of an anonymous member, or null. */
export function findMember(
  btf: Btf,
  struct: BtfComposite,
  name: string,
  searched: Set<TypeId> = new Set(),
): MemberPlace | null {
  searched.add(struct.id);
  for (const member of struct.members) {
    if (member.name === name)
      return { type: member.type, bitOffset: member.bitOffset, bitSize: member.bitSize };
    if (member.name !== '') continue;
    const type = btf.type(btf.skipModifiers(member.type));
    const isNew = isComposite(type) && !searched.has(type.id) && searched.size < MAX_SEARCHED;
    const found = isNew ? findMember(btf, type, name, searched) : null;
    if (found !== null) return { ...found, bitOffset: member.bitOffset + found.bitOffset };
  }
  return null;
}

function isComposite(type: { readonly kind: BtfKind }): type is BtfComposite {
  return type.kind === BtfKind.STRUCT || type.kind === BtfKind.UNION;
}

function noMember(
  btf: Btf,
  id: TypeId,
  path: string,
  part: string,
  expected: string,
  found: string,
): BtfError {
  const where = `${btf.format(id)}: member path "${path}" at "${part}"`;
  return new BtfError('BTF_NO_MEMBER', `${where}: expected ${expected}, found none in ${found}`);
}

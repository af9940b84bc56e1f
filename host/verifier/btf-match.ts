import type { Btf } from '../btf/btf.js';
import { BtfKind } from '../btf/types.js';
import type { TypeId } from '../quantities.js';

const MAX_DEPTH = 32;

/** Whether `wanted` is the struct `id`, or one embedded in it at `offset`. */
export function structMatches(btf: Btf, id: TypeId, offset: number, wanted: TypeId, strict = false): boolean {
  let at = btf.skipModifiers(id);
  let off = offset;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (off === 0 && at === wanted) return true;
    if (strict) return false;
    const type = btf.type(at);
    if (type.kind !== BtfKind.STRUCT && type.kind !== BtfKind.UNION) return false;
    const inside = type.members.find((member) => {
      const start = member.bitOffset / 8;
      return member.bitSize === 0 && off >= start && off < start + Math.max(sizeOf(btf, member.type), 1);
    });
    if (inside === undefined) return false;
    let start = inside.bitOffset / 8;
    let memberType = btf.skipModifiers(inside.type);
    let member = btf.type(memberType);
    while (member.kind === BtfKind.ARRAY) {
      memberType = btf.skipModifiers(member.type);
      member = btf.type(memberType);
      const size = sizeOf(btf, memberType);
      if (size > 0) start += Math.floor((off - start) / size) * size;
    }
    at = memberType;
    off -= start;
  }
  return false;
}

function sizeOf(btf: Btf, id: TypeId): number {
  return btf.kind(btf.skipModifiers(id)) === BtfKind.PTR ? 8 : btf.sizeOf(id);
}

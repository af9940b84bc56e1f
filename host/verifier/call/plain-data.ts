import type { Btf } from '../../btf/btf.js';
import { BtfKind, type BtfType } from '../../btf/types.js';
import type { TypeId } from '../../quantities.js';
import type { Env } from '../env.js';

/** Structs inside the outermost that are looked into. */
const MAX_NESTING = 3;

export const isScalarType = (type: BtfType): boolean =>
  type.kind === BtfKind.INT || type.kind === BtfKind.ENUM || type.kind === BtfKind.ENUM64;

const isStruct = (type: BtfType): boolean => type.kind === BtfKind.STRUCT || type.kind === BtfKind.UNION;

/** A number, or a struct of nothing but numbers; prints when structs are nested too deep to tell. */
export function isPlainData(env: Env, btf: Btf, id: TypeId): boolean {
  const type = btf.type(btf.skipModifiers(id));
  return isScalarType(type) || isScalarStruct(env, btf, type.id);
}

/** A struct of numbers, arrays of numbers and such structs. */
export function isScalarStruct(env: Env, btf: Btf, id: TypeId, depth = 0): boolean {
  const type = btf.type(btf.skipModifiers(id));
  if (type.kind !== BtfKind.STRUCT && type.kind !== BtfKind.UNION) return false;
  return type.members.every((member) => {
    const inner = btf.type(btf.skipModifiers(member.type));
    if (isStruct(inner)) {
      if (depth < MAX_NESTING) return isScalarStruct(env, btf, inner.id, depth + 1);
      env.say('max struct nesting depth exceeded');
      return false;
    }
    if (inner.kind !== BtfKind.ARRAY) return isScalarType(inner);
    return inner.nelems > 0 && isScalarType(btf.type(btf.skipModifiers(inner.type)));
  });
}

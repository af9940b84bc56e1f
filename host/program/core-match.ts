import type { Btf } from '../btf/btf.js';
import { essentialName } from '../btf/essential-name.js';
import { BtfKind, type BtfComposite, type BtfEnum, type BtfType } from '../btf/types.js';
import type { TypeId } from '../quantities.js';
import { areKindsCompatible, type CompareBudget, compareBudget, isForwardOf } from './core-compat.js';

const MAX_DEPTH = 32;

/**
 * The strict comparison of `bpf_core_type_matches`: every local member or enumerator exists in the target with a
 * matching type; integers agree in size and sign. Behind a pointer, structs are compared by kind and name only.
 */
export function matchTypes(local: Btf, localId: TypeId, target: Btf, targetId: TypeId): boolean {
  return matches(local, localId, target, targetId, false, 0, compareBudget());
}

function matches(
  local: Btf,
  localId: TypeId,
  target: Btf,
  targetId: TypeId,
  behindPointer: boolean,
  depth: number,
  budget: CompareBudget,
): boolean {
  if (depth > MAX_DEPTH || budget.left-- <= 0) return false;
  const a = local.type(local.skipModifiers(localId));
  const b = target.type(target.skipModifiers(targetId));
  if (depth > 0 && essentialName(a.name) !== essentialName(b.name)) return false;
  if (!areKindsCompatible(a.kind, b.kind)) return behindPointer && (isForwardOf(a, b) || isForwardOf(b, a));
  const inner = (x: TypeId, y: TypeId, pointer = behindPointer): boolean =>
    matches(local, x, target, y, pointer, depth + 1, budget);
  switch (a.kind) {
    case BtfKind.INT: {
      const other = b as typeof a;
      return a.size === other.size && a.signed === other.signed;
    }
    case BtfKind.FLOAT:
      return a.size === (b as typeof a).size;
    case BtfKind.FWD:
      return a.isUnion === (b as typeof a).isUnion;
    case BtfKind.PTR:
      return inner(a.type, (b as typeof a).type, true);
    case BtfKind.ARRAY: {
      const other = b as typeof a;
      return a.nelems === other.nelems && inner(a.type, other.type);
    }
    case BtfKind.STRUCT:
    case BtfKind.UNION:
      return (
        behindPointer ||
        a.members.every((member) => hasMember(local, member, target, b as BtfComposite, depth, budget))
      );
    case BtfKind.ENUM:
    case BtfKind.ENUM64:
      return hasEnumerators(a, b as BtfEnum);
    case BtfKind.FUNC_PROTO: {
      const other = b as typeof a;
      return (
        a.params.length === other.params.length &&
        a.params.every((param, i) => inner(param.type, other.params[i]!.type)) &&
        inner(a.type, other.type)
      );
    }
    default:
      return true;
  }
}

/** An anonymous local member asks for each of its own members. */
function hasMember(
  local: Btf,
  member: { readonly name: string; readonly type: TypeId },
  target: Btf,
  struct: BtfComposite,
  depth: number,
  budget: CompareBudget,
): boolean {
  if (depth > MAX_DEPTH || budget.left-- <= 0) return false;
  if (member.name === '') {
    const type = local.type(local.skipModifiers(member.type));
    return (
      isComposite(type) &&
      type.members.every((inner) => hasMember(local, inner, target, struct, depth + 1, budget))
    );
  }
  return struct.members.some((other) => {
    if (other.name === '') {
      const type = target.type(target.skipModifiers(other.type));
      return isComposite(type) && hasMember(local, member, target, type, depth + 1, budget);
    }
    return (
      other.name === member.name && matches(local, member.type, target, other.type, false, depth + 1, budget)
    );
  });
}

function hasEnumerators(local: BtfEnum, target: BtfEnum): boolean {
  const names = new Set(target.values.map(({ name }) => essentialName(name)));
  return local.values.every(({ name }) => names.has(essentialName(name)));
}

function isComposite(type: BtfType): type is BtfComposite {
  return type.kind === BtfKind.STRUCT || type.kind === BtfKind.UNION;
}

import type { Btf } from '../btf/btf.js';
import { essentialName } from '../btf/essential-name.js';
import { BtfKind, type BtfType } from '../btf/types.js';
import type { TypeId } from '../quantities.js';

const MAX_DEPTH = 32;
/** Pairs of types that one comparison looks at: only broken input has more. */
const MAX_COMPARED = 10000;

/** Pairs that a comparison may still look at. */
export interface CompareBudget {
  left: number;
}

export function compareBudget(): CompareBudget {
  return { left: MAX_COMPARED };
}

/** Same kind, or both an enum of any width. */
export function areKindsCompatible(a: BtfKind, b: BtfKind): boolean {
  return a === b || (isEnumKind(a) && isEnumKind(b));
}

function isEnumKind(kind: BtfKind): boolean {
  return kind === BtfKind.ENUM || kind === BtfKind.ENUM64;
}

/** Whether a program's view of a type may be read as the target's: names of the roots are equal already. */
export function areTypesCompatible(
  local: Btf,
  localId: TypeId,
  target: Btf,
  targetId: TypeId,
  depth = 0,
  budget: CompareBudget = compareBudget(),
): boolean {
  if (depth > MAX_DEPTH || budget.left-- <= 0) return false;
  const a = local.type(local.skipModifiers(localId));
  const b = target.type(target.skipModifiers(targetId));
  if (!areKindsCompatible(a.kind, b.kind)) return isForwardOf(a, b);
  switch (a.kind) {
    case BtfKind.INT:
      return a.bitOffset === 0 && (b as typeof a).bitOffset === 0;
    case BtfKind.PTR:
    case BtfKind.ARRAY:
      return areTypesCompatible(local, a.type, target, (b as typeof a).type, depth + 1, budget);
    case BtfKind.FUNC_PROTO: {
      const other = b as typeof a;
      return (
        a.params.length === other.params.length &&
        a.params.every((p, i) =>
          areTypesCompatible(local, p.type, target, other.params[i]!.type, depth + 1, budget),
        ) &&
        areTypesCompatible(local, a.type, target, other.type, depth + 1, budget)
      );
    }
    default:
      return true;
  }
}

/** Whether a member of this type may be found where the target has a member of that type. */
export function areFieldsCompatible(local: Btf, localId: TypeId, target: Btf, targetId: TypeId): boolean {
  let a = local.type(local.skipModifiers(localId));
  let b = target.type(target.skipModifiers(targetId));
  for (let depth = 0; depth <= MAX_DEPTH && a.kind === BtfKind.ARRAY && b.kind === BtfKind.ARRAY; depth++) {
    a = local.type(local.skipModifiers(a.type));
    b = target.type(target.skipModifiers(b.type));
  }
  if (isCompositeKind(a.kind) && isCompositeKind(b.kind)) return true;
  if (!areKindsCompatible(a.kind, b.kind)) return false;
  switch (a.kind) {
    case BtfKind.PTR:
    case BtfKind.FLOAT:
      return true;
    case BtfKind.INT:
      return a.bitOffset === 0 && (b as typeof a).bitOffset === 0;
    case BtfKind.ENUM:
    case BtfKind.ENUM64:
    case BtfKind.FWD:
      return a.name === '' || b.name === '' || essentialName(a.name) === essentialName(b.name);
    default:
      return false;
  }
}

function isCompositeKind(kind: BtfKind): boolean {
  return kind === BtfKind.STRUCT || kind === BtfKind.UNION;
}

/** A forward declaration stands for a struct or union of its flavour. */
export function isForwardOf(a: BtfType, b: BtfType): boolean {
  return a.kind === BtfKind.FWD && b.kind === (a.isUnion ? BtfKind.UNION : BtfKind.STRUCT);
}

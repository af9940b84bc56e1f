import type { Btf } from '../btf/btf.js';
import { essentialName } from '../btf/essential-name.js';
import { BtfKind, type BtfComposite, type BtfEnum } from '../btf/types.js';
import type { TypeId } from '../quantities.js';
import { areFieldsCompatible, areTypesCompatible } from './core-compat.js';
import { CoreReloKind, isEnumKind, isFieldKind } from './core-kinds.js';
import { matchTypes } from './core-match.js';

/** One step of an access: a named member of a composite, or an element of what `type` names. */
interface Accessor {
  /** The composite that has the member; of an element, the element's type. */
  readonly type: TypeId;
  readonly index: number;
  /** '' for an element. */
  readonly name: string;
}

/** An access string resolved against the types of one BTF. */
export interface AccessSpec {
  readonly btf: Btf;
  readonly root: TypeId;
  readonly accessors: readonly Accessor[];
  readonly bitOffset: number;
}

const MAX_STEPS = 64;
/** Anonymous members looked through; more than any struct has. */
const MAX_SEARCHED = 500;

/** The access as the program was compiled; a string says why it cannot be one. */
export function localSpec(btf: Btf, root: TypeId, access: string, kind: number): AccessSpec | string {
  const steps = access.split(':').map(Number);
  if (!/^\d{1,9}(:\d{1,9})*$/.test(access)) return `an access string of numbers, found "${access}"`;
  if (steps.length > MAX_STEPS) return `at most ${MAX_STEPS} accessors, found ${steps.length}`;
  const rootId = btf.skipModifiers(root);
  const type = btf.type(rootId);
  const first = steps[0]!;
  if (isEnumKind(kind)) {
    if (!isEnum(type) || steps.length !== 1)
      return `one index into an enum, found "${access}" of ${btf.format(root)}`;
    const value = type.values[first];
    if (value === undefined) return `an enumerator below ${type.values.length}, found ${first}`;
    return { btf, root, accessors: [{ type: rootId, index: first, name: value.name }], bitOffset: 0 };
  }
  if (!isFieldKind(kind)) {
    return access === '0'
      ? { btf, root, accessors: [], bitOffset: 0 }
      : `access string "0", found "${access}"`;
  }
  const accessors: Accessor[] = [{ type: rootId, index: first, name: '' }];
  let bitOffset = first * btf.sizeOf(rootId) * 8;
  let id = rootId;
  for (const index of steps.slice(1)) {
    const holder = btf.type(id);
    if (isComposite(holder)) {
      const member = holder.members[index];
      if (member === undefined)
        return `a member below ${holder.members.length} of ${btf.format(id)}, found ${index}`;
      bitOffset += member.bitOffset;
      if (member.name !== '') accessors.push({ type: id, index, name: member.name });
      id = btf.skipModifiers(member.type);
    } else if (holder.kind === BtfKind.ARRAY) {
      if (index >= holder.nelems && !isFlexible(btf, accessors.at(-1)!, holder.nelems)) {
        return `an element below ${holder.nelems}, found ${index}`;
      }
      id = btf.skipModifiers(holder.type);
      bitOffset += index * btf.sizeOf(id) * 8;
      accessors.push({ type: id, index, name: '' });
    } else {
      return `a struct, union or array, found ${btf.format(id)}`;
    }
  }
  return { btf, root, accessors, bitOffset };
}

/** The same access in a candidate of the target, or null when it does not match. */
export function matchSpec(
  local: AccessSpec,
  target: Btf,
  candidate: TypeId,
  kind: number,
): AccessSpec | null {
  const root = target.skipModifiers(candidate);
  if (isEnumKind(kind)) {
    const type = target.type(root);
    const wanted = essentialName(local.accessors[0]!.name);
    const index = isEnum(type) ? type.values.findIndex(({ name }) => essentialName(name) === wanted) : -1;
    if (index < 0) return null;
    return { btf: target, root: candidate, accessors: [{ type: root, index, name: wanted }], bitOffset: 0 };
  }
  if (!isFieldKind(kind)) {
    const fits = kind === CoreReloKind.TYPE_MATCHES ? matchTypes : areTypesCompatible;
    return fits(local.btf, local.root, target, candidate)
      ? { btf: target, root: candidate, accessors: [], bitOffset: 0 }
      : null;
  }
  const accessors: Accessor[] = [];
  let bitOffset = 0;
  let id: TypeId = root;
  for (const accessor of local.accessors) {
    if (accessor.name !== '') {
      const found = matchMember(local.btf, accessor, target, id, new Set());
      if (found === null) return null;
      accessors.push(found.accessor);
      bitOffset += found.bitOffset;
      id = target.skipModifiers(found.type);
      continue;
    }
    if (accessors.length > 0) {
      const array = target.type(id);
      if (array.kind !== BtfKind.ARRAY) return null;
      if (accessor.index >= array.nelems && !isFlexible(target, accessors.at(-1)!, array.nelems)) return null;
      id = target.skipModifiers(array.type);
    }
    bitOffset += accessor.index * target.sizeOf(id) * 8;
    accessors.push({ type: id, index: accessor.index, name: '' });
  }
  return { btf: target, root: candidate, accessors, bitOffset };
}

interface MatchedMember {
  readonly accessor: Accessor;
  readonly bitOffset: number;
  readonly type: TypeId;
}

/** The target's member of the same name, own or of an anonymous member, when its type is compatible. */
function matchMember(
  localBtf: Btf,
  local: Accessor,
  target: Btf,
  targetId: TypeId,
  searched: Set<TypeId>,
): MatchedMember | null {
  const type = target.type(targetId);
  if (!isComposite(type) || searched.has(targetId) || searched.size >= MAX_SEARCHED) return null;
  searched.add(targetId);
  const localType = (localBtf.type(local.type) as BtfComposite).members[local.index]!.type;
  for (const [index, member] of type.members.entries()) {
    if (member.name === '') {
      const inner = matchMember(localBtf, local, target, target.skipModifiers(member.type), searched);
      if (inner !== null) return { ...inner, bitOffset: inner.bitOffset + member.bitOffset };
    } else if (member.name === local.name) {
      if (!areFieldsCompatible(localBtf, localType, target, member.type)) return null;
      const accessor = { type: targetId, index, name: member.name };
      return { accessor, bitOffset: member.bitOffset, type: member.type };
    }
  }
  return null;
}

/** An array without a size that ends its struct has any number of elements. */
function isFlexible(btf: Btf, before: Accessor, nelems: number): boolean {
  if (nelems !== 0 || before.name === '') return false;
  const holder = btf.type(before.type);
  return isComposite(holder) && before.index === holder.members.length - 1;
}

export function isComposite(type: { readonly kind: BtfKind }): type is BtfComposite {
  return type.kind === BtfKind.STRUCT || type.kind === BtfKind.UNION;
}

export function isEnum(type: { readonly kind: BtfKind }): type is BtfEnum {
  return type.kind === BtfKind.ENUM || type.kind === BtfKind.ENUM64;
}

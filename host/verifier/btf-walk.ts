import type { Btf } from '../btf/btf.js';
import { BtfKind, type BtfComposite } from '../btf/types.js';
import type { TypeId } from '../quantities.js';
import { TypeFlag } from './reg-type.js';
import { Errno } from './verifier-error.js';

const POINTER_SIZE = 8;
/** Kinds that members of structs may have. */
const SIZED = new Set<number>([
  BtfKind.INT,
  BtfKind.PTR,
  BtfKind.STRUCT,
  BtfKind.UNION,
  BtfKind.ENUM,
  BtfKind.ENUM64,
  BtfKind.FLOAT,
]);

/** What lies at an offset of a struct: a number, or a pointer to a struct with flags. */
export interface WalkResult {
  readonly kind: 'scalar' | 'pointer' | 'struct';
  readonly id: TypeId;
  readonly flags: number;
  /** Name of the member found. */
  readonly field: string;
}

/** Why there is nothing. */
export interface WalkFailure {
  readonly errno: number;
  readonly message: string;
}

/** How a walk is judged. */
export interface WalkRules {
  /** Linux 6.1: no union rule, member ends always enforced. */
  readonly legacy: boolean;
  /** The pointer is untrusted already: member ends are not enforced. */
  readonly untrusted: boolean;
  /** Stop at an embedded struct that starts at the offset, rather than look inside. */
  readonly embedded?: TypeId;
}

function tagFlags(btf: Btf, pointer: TypeId): number {
  const type = btf.type(pointer);
  if (type.kind !== BtfKind.PTR) return 0;
  const tag = btf.type(type.type);
  if (tag.kind !== BtfKind.TYPE_TAG) return 0;
  if (tag.name === 'user') return TypeFlag.MEM_USER;
  if (tag.name === 'percpu') return TypeFlag.MEM_PERCPU;
  return tag.name === 'rcu' ? TypeFlag.MEM_RCU : 0;
}

/** As BTF tools print it: types and members may have no name. */
const shownName = ({ name }: { readonly name: string }): string => (name === '' ? '(anon)' : name);

interface Inside {
  readonly struct: TypeId;
  readonly offset: number;
}

/** An access past the end is inside a trailing flexible array, or not allowed. */
function flexible(
  btf: Btf,
  struct: BtfComposite,
  offset: number,
  size: number,
): Inside | WalkResult | WalkFailure {
  const beyond = {
    errno: Errno.EACCES,
    message: `access beyond struct ${shownName(struct)} at off ${offset} size ${size}`,
  };
  const last = struct.members.at(-1);
  if (last === undefined) return beyond;
  const type = btf.type(btf.skipModifiers(last.type));
  if (type.kind !== BtfKind.ARRAY || type.nelems !== 0) return beyond;
  const start = last.bitOffset / 8;
  if (offset < start) return beyond;
  const element = btf.type(btf.skipModifiers(type.type));
  if (element.kind === BtfKind.INT) return { kind: 'scalar', id: 0, flags: 0, field: last.name };
  if (element.kind !== BtfKind.STRUCT || element.size === 0) return beyond;
  return { struct: element.id, offset: (offset - start) % element.size };
}

/** Answers of a BTF that were asked for before, by struct and access. */
const answers = new WeakMap<Btf, Map<number, Map<number, WalkResult | WalkFailure>>>();
const MAX_CACHED_OFFSET = 1 << 24;

/** {@link walkStruct}, remembering its answers. */
export function walkStructCached(
  btf: Btf,
  id: TypeId,
  offset: number,
  size: number,
  rules: WalkRules,
): WalkResult | WalkFailure {
  if (offset >= MAX_CACHED_OFFSET) return walkStruct(btf, id, offset, size, rules);
  let structs = answers.get(btf);
  if (structs === undefined) answers.set(btf, (structs = new Map()));
  let known = structs.get(id);
  if (known === undefined) structs.set(id, (known = new Map()));
  const key = ((offset * 16 + size) * 2 + (rules.untrusted ? 1 : 0)) * 2 + (rules.legacy ? 1 : 0);
  let answer = known.get(key);
  if (answer === undefined) known.set(key, (answer = walkStruct(btf, id, offset, size, rules)));
  return answer;
}

/**
 * Finds what an access of `size` bytes at `offset` of a struct touches, diving into members.
 */
export function walkStruct(
  btf: Btf,
  id: TypeId,
  offset: number,
  size: number,
  rules: WalkRules,
): WalkResult | WalkFailure {
  let flags = 0;
  let at: Inside = { struct: id, offset };
  for (;;) {
    const struct = btf.type(btf.skipModifiers(at.struct));
    if (struct.kind !== BtfKind.STRUCT && struct.kind !== BtfKind.UNION) {
      return { errno: Errno.EINVAL, message: `Type '${shownName(struct)}' is not a struct` };
    }
    if (!rules.legacy && struct.kind === BtfKind.UNION && struct.members.length !== 1) {
      flags |= TypeFlag.PTR_UNTRUSTED;
    }
    if (at.offset + size > struct.size) {
      const inside = flexible(btf, struct, at.offset, size);
      if (!('struct' in inside)) return inside;
      at = inside;
      continue;
    }
    const found = findMember(btf, struct, at.offset, size, flags, rules);
    if (!('struct' in found)) return found;
    at = found;
  }
}

function findMember(
  btf: Btf,
  struct: BtfComposite,
  offset: number,
  size: number,
  flags: number,
  rules: WalkRules,
): Inside | WalkResult | WalkFailure {
  for (const member of struct.members) {
    const start = Math.floor(member.bitOffset / 8);
    if (offset + size <= start) break;
    if (member.bitSize !== 0) {
      const end = Math.ceil((member.bitOffset + member.bitSize) / 8);
      if (offset <= start && end <= offset + size)
        return { kind: 'scalar', id: 0, flags: 0, field: member.name };
      continue;
    }
    if (offset < start) break;
    let typeId = btf.skipModifiers(member.type);
    let type = btf.type(typeId);
    let total = 1;
    while (type.kind === BtfKind.ARRAY) {
      total *= type.nelems;
      typeId = btf.skipModifiers(type.type);
      type = btf.type(typeId);
    }
    if (!SIZED.has(type.kind)) {
      return { errno: Errno.EFAULT, message: `field ${member.name} doesn't have size` };
    }
    const elementSize = type.kind === BtfKind.PTR ? POINTER_SIZE : btf.sizeOf(typeId);
    const memberSize = elementSize * total;
    const end = start + memberSize;
    if (offset >= end) continue;
    let place = start;
    if (btf.type(btf.skipModifiers(member.type)).kind === BtfKind.ARRAY) {
      if (memberSize === 0) continue;
      place = start + Math.floor((offset - start) / elementSize) * elementSize;
    }
    if (type.kind === BtfKind.STRUCT || type.kind === BtfKind.UNION) {
      if (rules.embedded !== undefined && offset === place && rules.embedded === typeId) {
        return { kind: 'struct', id: typeId, flags: 0, field: member.name };
      }
      return { struct: typeId, offset: offset - place };
    }
    if (type.kind === BtfKind.PTR) {
      if (offset !== place || size !== POINTER_SIZE) {
        return {
          errno: Errno.EACCES,
          message: `cannot access ptr member ${shownName(member)} with moff ${place} in struct ${shownName(struct)} with off ${offset} size ${size}`,
        };
      }
      const pointee = btf.skipModifiers(type.type);
      if (btf.kind(pointee) === BtfKind.STRUCT) {
        return { kind: 'pointer', id: pointee, flags: flags | tagFlags(btf, typeId), field: member.name };
      }
    }
    const untrusted = rules.untrusted || (flags & TypeFlag.PTR_UNTRUSTED) !== 0;
    if (offset + size > end && (rules.legacy || !untrusted)) {
      return {
        errno: Errno.EACCES,
        message: `access beyond the end of member ${shownName(member)} (mend:${end}) in struct ${shownName(struct)} with off ${offset} size ${size}`,
      };
    }
    return { kind: 'scalar', id: 0, flags: 0, field: member.name };
  }
  return {
    errno: Errno.EINVAL,
    message: `struct ${shownName(struct)} doesn't have field at offset ${offset}`,
  };
}

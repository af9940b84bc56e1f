import type { TypeId } from '../quantities.js';
import type { Btf } from './btf.js';
import { type BtfComposite, BtfKind, type BtfType } from './types.js';
import { BtfWriter } from './writer.js';

/** What to keep of a BTF. */
export interface TrimRoots {
  /** Types and functions, kept with everything they hold by value. */
  readonly types: Iterable<TypeId>;
  /** Variables to keep of each DATASEC, by name. */
  readonly variables?: Readonly<Record<string, readonly string[]>>;
}

/**
 * A smaller BTF with the roots and what they need: members by value are complete, a struct that only pointers lead to
 * becomes a forward declaration. Ids change; names stay.
 */
export function trimBtf(btf: Btf, roots: TrimRoots): Uint8Array {
  const datasecs = keptVariables(btf, roots.variables ?? {});
  const variables = [...datasecs.values()].flatMap((kept) => [...kept]);
  const closure = close(btf, [...roots.types, ...variables]);
  const newId = new Map<TypeId, TypeId>([[0, 0]]);
  const kept: TypeId[] = [];
  for (let id = 1; id < btf.count; id++) {
    const isTag = btf.kind(id) === BtfKind.DECL_TAG && keepsTag(btf, id, closure);
    if (!closure.kept.has(id) && !datasecs.has(id) && !isTag) continue;
    kept.push(id);
    newId.set(id, kept.length);
  }
  const writer = new BtfWriter();
  for (const id of kept) {
    const type = btf.type(id);
    if (type.kind === BtfKind.VOID) continue;
    const isForward = isComposite(type) && !closure.complete.has(id);
    const shown = isForward
      ? { id, name: type.name, kind: BtfKind.FWD, isUnion: type.kind === BtfKind.UNION }
      : type;
    writer.add(renumber(shown, (each) => newId.get(each)!, datasecs.get(id)));
  }
  return writer.bytes();
}

interface Closure {
  readonly kept: Set<TypeId>;
  /** Structs and unions that are kept with their members. */
  readonly complete: Set<TypeId>;
}

function close(btf: Btf, roots: readonly TypeId[]): Closure {
  const kept = new Set<TypeId>();
  const complete = new Set<TypeId>();
  const seen = new Set<number>();
  const work: { readonly id: TypeId; readonly byValue: boolean }[] = roots.map((id) => ({
    id,
    byValue: true,
  }));
  for (let item = work.pop(); item !== undefined; item = work.pop()) {
    const { id, byValue } = item;
    const mark = id * 2 + (byValue ? 1 : 0);
    if (id === 0 || seen.has(mark)) continue;
    seen.add(mark);
    kept.add(id);
    const type = btf.type(id);
    // An anonymous struct has no forward declaration.
    if (isComposite(type) && (byValue || type.name === '')) complete.add(id);
    for (const [target, isHeld] of references(type)) {
      if (!isComposite(type) || complete.has(id)) work.push({ id: target, byValue: isHeld ?? byValue });
    }
  }
  return { kept, complete };
}

/** Types that a type refers to: held by value, behind a pointer (false), or as itself is held (null). */
function references(type: BtfType): [TypeId, boolean | null][] {
  switch (type.kind) {
    case BtfKind.PTR:
      return [[type.type, false]];
    case BtfKind.TYPEDEF:
    case BtfKind.CONST:
    case BtfKind.VOLATILE:
    case BtfKind.RESTRICT:
    case BtfKind.TYPE_TAG:
      return [[type.type, null]];
    case BtfKind.ARRAY:
      return [
        [type.type, true],
        [type.indexType, true],
      ];
    case BtfKind.STRUCT:
    case BtfKind.UNION:
      return type.members.map((member) => [member.type, true]);
    case BtfKind.FUNC:
    case BtfKind.VAR:
      return [[type.type, true]];
    case BtfKind.FUNC_PROTO:
      return [[type.type, true], ...type.params.map((param): [TypeId, boolean] => [param.type, true])];
    default:
      return [];
  }
}

function renumber<T extends BtfType>(
  type: T,
  to: (id: TypeId) => TypeId,
  variables?: ReadonlySet<TypeId>,
): T {
  switch (type.kind) {
    case BtfKind.STRUCT:
    case BtfKind.UNION:
      return { ...type, members: type.members.map((member) => ({ ...member, type: to(member.type) })) };
    case BtfKind.ARRAY:
      return { ...type, type: to(type.type), indexType: to(type.indexType) };
    case BtfKind.FUNC_PROTO:
      return { ...type, type: to(type.type), params: type.params.map((p) => ({ ...p, type: to(p.type) })) };
    case BtfKind.DATASEC: {
      const vars = type.vars.filter((each) => variables?.has(each.type));
      return { ...type, vars: vars.map((each) => ({ ...each, type: to(each.type) })) };
    }
    default:
      return 'type' in type ? { ...type, type: to(type.type) } : type;
  }
}

/** Ids of the variables to keep, by the id of their DATASEC. */
function keptVariables(
  btf: Btf,
  wanted: Readonly<Record<string, readonly string[]>>,
): Map<TypeId, Set<TypeId>> {
  const datasecs = new Map<TypeId, Set<TypeId>>();
  for (const [section, names] of Object.entries(wanted)) {
    const datasec = btf.datasec(section);
    if (datasec === null) continue;
    const ids = datasec.vars.map(({ type }) => type).filter((id) => names.includes(btf.type(id).name));
    datasecs.set(datasec.id, new Set(ids));
  }
  return datasecs;
}

function keepsTag(btf: Btf, id: TypeId, closure: Closure): boolean {
  const tag = btf.type(id);
  if (tag.kind !== BtfKind.DECL_TAG || !closure.kept.has(tag.type)) return false;
  return !isComposite(btf.type(tag.type)) || closure.complete.has(tag.type);
}

function isComposite(type: BtfType): type is BtfComposite {
  return type.kind === BtfKind.STRUCT || type.kind === BtfKind.UNION;
}

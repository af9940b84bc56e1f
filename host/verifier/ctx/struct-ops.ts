import type { Btf } from '../../btf/btf.js';
import { type BtfComposite, type BtfFuncProto, BtfKind, type BtfMember } from '../../btf/types.js';
import type { ProgramSpec } from '../../program/program-spec.js';
import type { TypeId } from '../../quantities.js';

/** A kernel that lets programs implement `struct name` has this struct around it. */
const REGISTERED_PREFIX = 'bpf_struct_ops_';

/** Struct whose member the program implements: as given, or by name (`struct` or `struct.member`); 0 = none. */
export function structOpsId(spec: ProgramSpec, btf: Btf): TypeId {
  if (spec.attach === null) return 0;
  if (spec.attach.btfId !== 0) return spec.attach.btfId;
  return btf.find(spec.attach.target.split('.')[0], BtfKind.STRUCT);
}

/** Is this a struct that programs may implement? */
export function structOps(btf: Btf, id: TypeId): BtfComposite | null {
  if (id <= 0 || id >= btf.count) return null;
  const type = btf.type(id);
  const isRegistered =
    type.kind === BtfKind.STRUCT && btf.find(REGISTERED_PREFIX + type.name, BtfKind.STRUCT) !== 0;
  return isRegistered ? type : null;
}

/** Index of the implemented member: the attach type, unless the target names it. */
export function structOpsIndex(spec: ProgramSpec, struct: BtfComposite): number {
  const name = spec.attach?.target.split('.')[1];
  return name === undefined
    ? spec.expectedAttachType
    : struct.members.findIndex((member) => member.name === name);
}

/** The member, when it exists. */
export const structOpsMember = (spec: ProgramSpec, struct: BtfComposite): BtfMember | undefined =>
  struct.members[structOpsIndex(spec, struct)];

/** Prototype that the member points to; null = it is no function. */
export function memberProto(btf: Btf, member: BtfMember): BtfFuncProto | null {
  const pointer = btf.type(btf.skipModifiers(member.type));
  if (pointer.kind !== BtfKind.PTR) return null;
  const proto = btf.type(btf.skipModifiers(pointer.type));
  return proto.kind === BtfKind.FUNC_PROTO ? proto : null;
}

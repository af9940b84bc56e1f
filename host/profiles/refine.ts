import type { Btf } from '../btf/btf.js';
import { BtfKind } from '../btf/types.js';
import type { JitKnobs, Profile } from './profile.js';

const PERCPU_SECTION = '.data..percpu';

/** Byte offset of a member (a.b for nested ones); undefined when the BTF has no such structure or member. */
function memberOffset(btf: Btf, struct: string, member: string): number | undefined {
  const id = btf.find(struct, BtfKind.STRUCT);
  if (id === 0) return undefined;
  const type = btf.type(id);
  return 'members' in type && hasMember(btf, id, member) ? btf.member(id, member).bitOffset / 8 : undefined;
}

function hasMember(btf: Btf, id: number, name: string): boolean {
  const type = btf.type(btf.skipModifiers(id));
  if (!('members' in type)) return false;
  return type.members.some(
    (each) => each.name === name || (each.name === '' && hasMember(btf, each.type, name)),
  );
}

/** Offset of a variable in the per-CPU section; undefined when the BTF does not list it. */
export function perCpuOffset(btf: Btf, variable: string): number | undefined {
  const id = btf.find(PERCPU_SECTION, BtfKind.DATASEC);
  const section = btf.type(id);
  if (id === 0 || section.kind !== BtfKind.DATASEC) return undefined;
  return section.vars.find((each) => btf.type(each.type).name === variable)?.offset;
}

/** The profile with structure offsets of the kernel that `btf` describes; what it does not describe stays. */
export function refineProfile(profile: Profile, btf: Btf): Profile {
  const jit: JitKnobs = {
    ...profile.jit,
    offMapMaxEntries: memberOffset(btf, 'bpf_map', 'max_entries') ?? profile.jit.offMapMaxEntries,
    offArrayPtrs: memberOffset(btf, 'bpf_array', 'ptrs') ?? profile.jit.offArrayPtrs,
    offProgFunc: memberOffset(btf, 'bpf_prog', 'bpf_func') ?? profile.jit.offProgFunc,
    thisCpuOff: perCpuOffset(btf, 'this_cpu_off') ?? profile.jit.thisCpuOff,
  };
  return { ...profile, jit };
}

import type { Btf } from '../btf/btf.js';
import { BtfKind } from '../btf/types.js';
import type { TypeId } from '../quantities.js';
import type { Env } from './env.js';
import type { LoadedMap } from './kernel-view.js';
import { type Access, checkPointerOffset } from './memory-region.js';
import { structMatches } from './btf-match.js';
import { typeName } from './log-text.js';
import { W_A, W_B } from './registers.js';
import { RegType, TypeFlag, baseType } from './reg-type.js';
import { Errno } from './verifier-error.js';

/** A field of a map value that programs may not touch as plain memory. */
export interface SpecialField {
  readonly kind: string;
  readonly offset: number;
  readonly size: number;
  /** Struct a kptr points to, in the kernel's BTF (0) or, when it has none of the name, in the program's (1). */
  readonly pointee: TypeId;
  readonly pointeeBtf?: 0 | 1;
  readonly flags: number;
  /** Lists and trees: what they contain (struct of the program's BTF) and where its node lies. */
  readonly contains?: { readonly struct: TypeId; readonly node: number };
}

const STRUCTS: Record<string, string> = {
  bpf_spin_lock: 'bpf_spin_lock',
  bpf_timer: 'bpf_timer',
  bpf_wq: 'bpf_wq',
  bpf_list_head: 'bpf_list_head',
  bpf_list_node: 'bpf_list_node',
  bpf_rb_root: 'bpf_rb_root',
  bpf_rb_node: 'bpf_rb_node',
  bpf_refcount: 'bpf_refcount',
};
const KPTR_TAGS: Record<string, string> = {
  kptr_untrusted: 'kptr_untrusted',
  kptr: 'kptr',
  kptr_ref: 'kptr',
  percpu_kptr: 'percpu_kptr',
};

/** Where a type is used: member or variable, to find its declaration tags. */
interface Place {
  readonly type: TypeId;
  readonly component: number;
}

function fieldsOf(
  btf: Btf,
  kernel: Btf,
  id: TypeId,
  base: number,
  into: SpecialField[],
  depth: number,
  place: Place | null = null,
): void {
  const type = btf.type(btf.skipModifiers(id));
  if (depth > 4) return;
  if (type.kind === BtfKind.DATASEC) {
    for (const entry of type.vars) {
      const variable = btf.type(entry.type);
      if (variable.kind !== BtfKind.VAR) continue;
      const where = { type: variable.id, component: -1 };
      fieldsOf(btf, kernel, variable.type, base + entry.offset, into, depth + 1, where);
    }
    return;
  }
  if (type.kind === BtfKind.PTR) {
    const tag = btf.type(type.type);
    if (tag.kind !== BtfKind.TYPE_TAG || KPTR_TAGS[tag.name] === undefined) return;
    const named = btf.type(btf.skipModifiers(tag.type));
    const known = kernel.find(named.name, BtfKind.STRUCT);
    const pointee = known === 0 ? named.id : known;
    const flags = tag.name === 'percpu_kptr' ? TypeFlag.MEM_PERCPU : TypeFlag.PTR_UNTRUSTED;
    const pointeeBtf = known === 0 ? 1 : 0;
    into.push({ kind: KPTR_TAGS[tag.name], offset: base, size: 8, pointee, pointeeBtf, flags });
    return;
  }
  if (type.kind !== BtfKind.STRUCT) return;
  const special = STRUCTS[type.name];
  if (special !== undefined) {
    const contains = containedBy(btf, place);
    into.push({ kind: special, offset: base, size: type.size, pointee: 0, flags: 0, ...contains });
    return;
  }
  type.members.forEach((member, component) => {
    if (member.bitSize !== 0) return;
    const where = { type: type.id, component };
    fieldsOf(btf, kernel, member.type, base + member.bitOffset / 8, into, depth + 1, where);
  });
}

/** What the `contains:struct:member` tag of a list head or tree root says. */
function containedBy(btf: Btf, place: Place | null): Pick<SpecialField, 'contains'> {
  if (place === null) return {};
  const tag = btf
    .declTags(place.type)
    .find((one) => one.component === place.component && one.name.startsWith('contains:'));
  if (tag === undefined) return {};
  const [, name, node] = tag.name.split(':');
  const struct = btf.type(btf.find(name, BtfKind.STRUCT));
  if (struct.kind !== BtfKind.STRUCT) return {};
  const member = struct.members.find((one) => one.name === node);
  if (member === undefined) return {};
  return { contains: { struct: struct.id, node: member.bitOffset / 8 } };
}

const structs = new WeakMap<Btf, Map<TypeId, readonly SpecialField[]>>();

/** Special fields of a struct of the program's own BTF, in order of offset. */
export function structFields(env: Env, id: TypeId): readonly SpecialField[] {
  const btf = env.btf(1);
  let known = structs.get(btf);
  if (known === undefined) structs.set(btf, (known = new Map()));
  let fields = known.get(id);
  if (fields === undefined) {
    const found: SpecialField[] = [];
    fieldsOf(btf, env.kernel.btf, id, 0, found, 0);
    known.set(id, (fields = found.sort((a, b) => a.offset - b.offset)));
  }
  return fields;
}

const cache = new WeakMap<LoadedMap, readonly SpecialField[]>();
/** Plain memory in Linux 6.1. */
const NOT_61 = new Set([
  'bpf_wq',
  'bpf_list_head',
  'bpf_list_node',
  'bpf_rb_root',
  'bpf_rb_node',
  'bpf_refcount',
]);
const cache61 = new WeakMap<readonly SpecialField[], readonly SpecialField[]>();

/** Special fields of a map's value type, in order of offset. */
export function mapFields(env: Env, map: LoadedMap): readonly SpecialField[] {
  const fields = fieldsOfMap(map, env.program.spec.btf, env.kernel.btf);
  if (!env.legacy || fields.length === 0) return fields;
  let known = cache61.get(fields);
  if (known === undefined) cache61.set(fields, (known = fields.filter(({ kind }) => !NOT_61.has(kind))));
  return known;
}

/** The same for passes that do not simulate; `btf` is the program's. */
export function fieldsOfMap(map: LoadedMap, btf: Btf | null, kernel: Btf): readonly SpecialField[] {
  let fields = cache.get(map);
  if (fields === undefined) {
    const found: SpecialField[] = [];
    const { valueType } = map.spec;
    if (btf !== null && valueType !== undefined && valueType !== 0) {
      fieldsOf(btf, kernel, valueType, 0, found, 0);
    }
    fields = found.sort((a, b) => a.offset - b.offset);
    cache.set(map, fields);
  }
  return fields;
}

/** Special fields of a map's value as users of the map see it: the kernel never shows them. */
export function fieldsHiddenFromUsers(map: LoadedMap, btf: Btf): readonly SpecialField[] {
  const found: SpecialField[] = [];
  const { valueType } = map.spec;
  if (valueType !== undefined && valueType !== 0) fieldsOf(btf, btf, valueType, 0, found, 0);
  return found;
}

/** What a load of a kptr gives. */
export interface LoadedKptr {
  readonly btf: 0 | 1;
  readonly id: TypeId;
  readonly flags: number;
}

/** Objects that stay valid under RCU though nobody holds a reference. */
const RCU_PROTECTED = new Set(['task_struct', 'cgroup', 'bpf_cpumask', 'cpumask', 'bpf_crypto_ctx']);
const { MAYBE_NULL, PTR_TRUSTED, PTR_UNTRUSTED, MEM_RCU, MEM_ALLOC, MEM_PERCPU } = TypeFlag;

/** Whether a register may be stored into a kptr field; prints why not. */
export function kptrFits(env: Env, regno: number, field: SpecialField): boolean {
  const { regs } = env;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  const isBtf = baseType(type) === RegType.BTF_ID;
  const which = regs.get(reg, W_B);
  const isReferenced = field.kind !== 'kptr_untrusted';
  let allowed = MAYBE_NULL | PTR_TRUSTED | (env.legacy ? 0 : MEM_RCU) | (isReferenced ? 0 : PTR_UNTRUSTED);
  if (isBtf && which === 1)
    allowed = MAYBE_NULL | MEM_ALLOC | (field.kind === 'percpu_kptr' ? MEM_PERCPU : 0);
  const wanted = field.pointeeBtf ?? 0;
  if (isBtf && (type & ~0xff & ~allowed) === 0) {
    checkPointerOffset(env, regno, true);
    const own = regs.get(reg, W_A);
    const fits =
      which === wanted && structMatches(env.btf(which), own, regs.off(reg), field.pointee, isReferenced);
    if (fits) return true;
  }
  const name = isBtf ? env.btfName(which, regs.get(reg, W_A)) : '';
  const target = env.btfName(wanted, field.pointee);
  const untrusted = isReferenced ? '' : ` or ${typeName(RegType.BTF_ID | PTR_UNTRUSTED)}${target}`;
  env.say(
    `invalid kptr access, R${regno} type=${typeName(type)}${name} expected=${typeName(RegType.BTF_ID)}${target}${untrusted}`,
  );
  return false;
}

/**
 * Checks a direct access to a map value against its special fields; the field when a kptr is loaded or stored as
 * one, null for plain memory.
 */
export function checkMapFields(env: Env, regno: number, off: number, access: Access): LoadedKptr | null {
  const { regs } = env;
  const reg = env.reg(regno);
  const fields = mapFields(env, env.maps[regs.get(reg, W_A)]);
  if (fields.length === 0) return null;
  const first = off + Number(regs.smin(reg));
  const last = off + Number(regs.umax(reg)) + access.size;
  for (const field of fields) {
    if (first >= field.offset + field.size || field.offset >= last) continue;
    if (!field.kind.includes('kptr')) {
      env.fail(Errno.EACCES, `${field.kind} cannot be accessed directly by load/store`);
    }
    return accessKptr(env, regno, off, access, field);
  }
  return null;
}

function accessKptr(
  env: Env,
  regno: number,
  off: number,
  access: Access,
  field: SpecialField,
): LoadedKptr | null {
  const { regs, code } = env;
  const reg = env.reg(regno);
  const at = BigInt(off) + regs.value(reg);
  if (!regs.isConst(reg)) env.fail(Errno.EACCES, 'kptr access cannot have variable offset');
  if (at !== BigInt(field.offset)) {
    env.fail(Errno.EACCES, `kptr access misaligned expected=${field.offset} off=${at}`);
  }
  if (access.size !== 8) env.fail(Errno.EACCES, 'kptr access size must be BPF_DW');
  const opcode = code.opcode[env.insn];
  if ((opcode & 0xe0) !== 0x60) {
    env.fail(Errno.EACCES, 'kptr in map can only be accessed using BPF_MEM instruction mode');
  }
  if (access.isWrite && field.kind !== 'kptr_untrusted') {
    env.fail(Errno.EACCES, 'store to referenced kptr disallowed');
  }
  if (access.isWrite) {
    if ((opcode & 7) === 2 && code.imm[env.insn] !== 0) {
      env.fail(Errno.EACCES, `BPF_ST imm must be 0 when storing to kptr at off=${field.offset}`);
    }
    const value = access.value;
    if (value >= 0 && !regs.isZero(env.reg(value)) && !kptrFits(env, value, field)) env.refuse(Errno.EINVAL);
    return null;
  }
  return { btf: field.pointeeBtf ?? 0, id: field.pointee, flags: loadedKptrFlags(env, field) | MAYBE_NULL };
}

function loadedKptrFlags(env: Env, field: SpecialField): number {
  const inRcu = env.state.rcuDepth > 0 || env.state.lock !== null || !env.sleepable;
  const own = field.pointeeBtf === 1;
  const isProtected =
    field.kind === 'percpu_kptr' ||
    (field.kind === 'kptr' && (own || RCU_PROTECTED.has(env.btfName(0, field.pointee))));
  if (env.legacy || !inRcu || !isProtected) return PTR_UNTRUSTED;
  if (field.kind === 'percpu_kptr') return MEM_RCU | MEM_PERCPU;
  return MEM_RCU | (own ? MEM_ALLOC : 0);
}

import { FRAME_CALLSITE, FRAME_IN_CALLBACK } from '../../../assembly/layout/verifier.js';
import { BtfKind } from '../../btf/types.js';
import type { TypeId } from '../../quantities.js';
import { setBtfPointer } from '../btf-access.js';
import type { Env } from '../env.js';
import { mapFields, structFields, type SpecialField } from '../map-fields.js';
import { surrenderReference } from '../references.js';
import { W_A, W_B, W_OFF, W_REF, W_TYPE } from '../registers.js';
import { RegType, TypeFlag, baseType, hasFlag } from '../reg-type.js';
import { forEachPlace } from '../stack.js';
import { structMatches } from '../btf-match.js';
import { Errno } from '../verifier-error.js';
import type { KfuncCall } from './kfunc-call.js';
import { isScalarStruct } from './plain-data.js';

const { MEM_ALLOC, MEM_PERCPU, NON_OWN_REF, MEM_RCU } = TypeFlag;
const MAX_PERCPU_SIZE = 512;
const GRAPH =
  /^bpf_(list_push_front_impl|list_push_back_impl|list_pop_front|list_pop_back|rbtree_remove|rbtree_add_impl|rbtree_first|refcount_acquire_impl)$/;

/** Functions that may be called while a lock is held: they need it. */
export function isGraphKfunc(name: string): boolean {
  return GRAPH.test(name);
}

const isObject = (type: number): boolean => baseType(type) === RegType.BTF_ID && hasFlag(type, MEM_ALLOC);
const isNonOwning = (type: number): boolean => isObject(type) && hasFlag(type, NON_OWN_REF);

/** Special fields of the map value or allocated object that a register points into. */
export function fieldsAt(env: Env, reg: number): readonly SpecialField[] {
  const { regs } = env;
  if (baseType(regs.type(reg)) === RegType.MAP_VALUE) return mapFields(env, env.maps[regs.get(reg, W_A)]);
  return regs.get(reg, W_B) === 1 ? structFields(env, regs.get(reg, W_A)) : [];
}

function noteObject(env: Env, call: KfuncCall, reg: number): void {
  call.objectBtf = env.regs.get(reg, W_B);
  call.objectId = env.regs.get(reg, W_A);
  call.objectIsOwned = env.regs.get(reg, W_REF) !== 0;
  if (call.objectBtf === 1 && structFields(env, call.objectId).length > 0) {
    env.aux.kfuncStruct.set(env.insn, call.objectId);
  }
}

/** The object that a drop function gives back. */
export function checkDropped(env: Env, call: KfuncCall, index: number): void {
  const { regs } = env;
  const reg = env.reg(index + 1);
  const type = regs.type(reg);
  const percpu = call.kfunc.name === 'bpf_percpu_obj_drop_impl';
  if (type === (RegType.BTF_ID | MEM_ALLOC)) {
    if (percpu) env.fail(Errno.EINVAL, `arg#${index} expected for bpf_obj_drop_impl()`);
  } else if (type === (RegType.BTF_ID | MEM_ALLOC | MEM_PERCPU)) {
    if (!percpu) env.fail(Errno.EINVAL, `arg#${index} expected for bpf_percpu_obj_drop_impl()`);
  } else {
    env.fail(Errno.EINVAL, `arg#${index} expected pointer to allocated object`);
  }
  if (regs.get(reg, W_REF) === 0) env.fail(Errno.EINVAL, 'allocated object must be referenced');
  noteObject(env, call, reg);
}

/** The object that bpf_refcount_acquire takes another reference of. */
export function checkRefcounted(env: Env, call: KfuncCall, index: number): void {
  const { regs } = env;
  const reg = env.reg(index + 1);
  const type = regs.type(reg);
  if (!isObject(type)) env.fail(Errno.EINVAL, `arg#${index} is neither owning or non-owning ref`);
  if (!fieldsAt(env, reg).some((field) => field.kind === 'bpf_refcount')) {
    env.fail(Errno.EINVAL, `arg#${index} doesn't point to a type with bpf_refcount field`);
  }
  noteObject(env, call, reg);
  call.objectIsOwned = !isNonOwning(type);
}

/** Whether the lock beside the field is the one held; prints the first reason against. */
function lockIsHeld(env: Env, reg: number): boolean {
  const { regs, state } = env;
  if (state.lock === null) return false;
  const where = baseType(regs.type(reg)) === RegType.MAP_VALUE ? regs.get(reg, W_A) : -1;
  if (state.lock.where === where && state.lock.id === regs.id(reg)) return true;
  env.say('held lock and object are not in the same allocation');
  return false;
}

function constantOffset(env: Env, regno: number, kind: string): number {
  const { regs } = env;
  const reg = env.reg(regno);
  if (!regs.isConst(reg)) {
    const text = `R${regno} doesn't have constant offset. ${kind} has to be at the constant offset`;
    env.fail(Errno.EINVAL, text);
  }
  return regs.off(reg) + regs.valueNumber(reg);
}

/** A list head or tree root argument. */
export function checkRoot(env: Env, call: KfuncCall, index: number, kind: string): void {
  const { regs } = env;
  const regno = index + 1;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  if (type !== RegType.MAP_VALUE && type !== (RegType.BTF_ID | MEM_ALLOC)) {
    env.fail(Errno.EINVAL, `arg#${index} expected pointer to map value or allocated object`);
  }
  if (type !== RegType.MAP_VALUE && regs.get(reg, W_REF) === 0) {
    env.fail(Errno.EINVAL, 'allocated object must be referenced');
  }
  const off = constantOffset(env, regno, kind);
  const fields = fieldsAt(env, reg);
  const field = fields.find((one) => one.kind === kind && one.offset === off);
  if (field?.contains === undefined) env.fail(Errno.EINVAL, `${kind} not found at offset=${off >>> 0}`);
  const lock = fields.find((one) => one.kind === 'bpf_spin_lock');
  if (!lockIsHeld(env, reg)) {
    env.fail(Errno.EINVAL, `bpf_spin_lock at off=${lock?.offset ?? -1} must be held for ${kind}`);
  }
  call.graph = { struct: field.contains.struct, node: field.contains.node };
}

/** A list or tree node argument. */
export function checkNode(env: Env, call: KfuncCall, index: number, kind: string, root: string): void {
  const { regs } = env;
  const regno = index + 1;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  if (call.kfunc.name === 'bpf_rbtree_remove') {
    if (!isNonOwning(type) || regs.get(reg, W_REF) !== 0) {
      env.fail(Errno.EINVAL, 'rbtree_remove node input must be non-owning ref');
    }
    if (inTreeCallback(env)) env.fail(Errno.EINVAL, 'rbtree_remove not allowed in rbtree cb');
  } else {
    if (type !== (RegType.BTF_ID | MEM_ALLOC)) {
      env.fail(Errno.EINVAL, `arg#${index} expected pointer to allocated object`);
    }
    if (regs.get(reg, W_REF) === 0) env.fail(Errno.EINVAL, 'allocated object must be referenced');
  }
  const off = constantOffset(env, regno, kind);
  if (!fieldsAt(env, reg).some((field) => field.kind === kind && field.offset === off)) {
    env.fail(Errno.EINVAL, `${kind} not found at offset=${off >>> 0}`);
  }
  noteObject(env, call, reg);
  const graph = call.graph;
  if (graph === null) return;
  const own = env.btf(1);
  const wanted = own.type(graph.struct).name;
  if (!structMatches(own, regs.get(reg, W_A), 0, graph.struct, true)) {
    const actual = own.type(regs.get(reg, W_A)).name;
    env.fail(
      Errno.EINVAL,
      `operation on ${root} expects arg#1 ${kind} at offset=${graph.node} in struct ${wanted}, but arg is at offset=${off} in struct ${actual}`,
    );
  }
  if (off !== graph.node) {
    env.fail(
      Errno.EINVAL,
      `arg#1 offset=${off}, but expected ${kind} at offset=${graph.node} in struct ${wanted}`,
    );
  }
}

/** The frame in progress is the `less` function of bpf_rbtree_add. */
export function inTreeCallback(env: Env): boolean {
  const { frames, frame, code, program } = env;
  if ((frames.flags(frame) & FRAME_IN_CALLBACK) === 0) return false;
  const site = frames.get(frame, FRAME_CALLSITE);
  return code.src[site] === 2 && program.kfuncs.get(code.imm[site])?.name === 'bpf_rbtree_add_impl';
}

/** A pointer to the node inside a contained object: what pops, first and callbacks are given. */
export function setNodePointer(env: Env, reg: number, graph: { struct: TypeId; node: number }): void {
  setBtfPointer(env, reg, 1, graph.struct, MEM_ALLOC);
  env.regs.set(reg, W_OFF, graph.node);
}

/** Marks a pointer as one that borrows: valid until the lock is released. */
export function setNonOwning(env: Env, reg: number): void {
  const { regs } = env;
  const counted = structFields(env, regs.get(reg, W_A)).some((field) => field.kind === 'bpf_refcount');
  regs.set(reg, W_TYPE, regs.type(reg) | NON_OWN_REF | (counted ? MEM_RCU : 0));
}

/** The object went into a list or tree: pointers to it no longer own it. */
export function giveToContainer(env: Env, reference: number, text: string): void {
  const { regs } = env;
  if (!surrenderReference(env, reference)) {
    env.fail(Errno.EINVAL, `kfunc ${text} reference has not been acquired before`);
  }
  forEachPlace(env, (reg) => {
    if (regs.get(reg, W_REF) !== reference) return;
    regs.set(reg, W_REF, 0);
    if (isObject(regs.type(reg))) setNonOwning(env, reg);
  });
}

/** Checks the type that an allocation names and makes the result. */
export function setAllocated(env: Env, call: KfuncCall): void {
  const { spec } = env.program;
  const percpu = call.kfunc.name === 'bpf_percpu_obj_new_impl';
  const id = call.constant ?? 0n;
  if (id !== BigInt.asUintN(32, id)) {
    env.fail(Errno.EINVAL, 'local type ID argument must be in range [0, U32_MAX]');
  }
  const { btf } = spec;
  if (btf === null) return env.fail(Errno.EINVAL, 'bpf_obj_new/bpf_percpu_obj_new requires prog BTF');
  const type = Number(id) > 0 && Number(id) < btf.count ? btf.type(Number(id)) : null;
  if (type?.kind !== BtfKind.STRUCT) {
    return env.fail(Errno.EINVAL, 'bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct');
  }
  const fields = structFields(env, type.id);
  if (percpu) {
    if (type.size > MAX_PERCPU_SIZE) {
      const text = `bpf_percpu_obj_new type size (${type.size}) is greater than ${MAX_PERCPU_SIZE}`;
      env.fail(Errno.EINVAL, text);
    }
    if (!isScalarStruct(env, btf, type.id)) {
      env.fail(Errno.EINVAL, 'bpf_percpu_obj_new type ID argument must be of a struct of scalars');
    }
    if (fields.length > 0) {
      env.fail(Errno.EINVAL, 'bpf_percpu_obj_new type ID argument must not contain special fields');
    }
  }
  setBtfPointer(env, env.reg(0), 1, type.id, MEM_ALLOC | (percpu ? MEM_PERCPU : 0));
  env.aux.kfuncArgument.set(env.insn, BigInt(type.size));
  if (fields.length > 0) env.aux.kfuncStruct.set(env.insn, type.id);
}

/** Result of object, list and tree functions; false when the function is none of them. */
export function setObjectResult(env: Env, call: KfuncCall): boolean {
  const r0 = env.reg(0);
  switch (call.kfunc.name) {
    case 'bpf_obj_new_impl':
    case 'bpf_percpu_obj_new_impl':
      setAllocated(env, call);
      return true;
    case 'bpf_refcount_acquire_impl':
      setBtfPointer(env, r0, call.objectBtf, call.objectId, MEM_ALLOC);
      return true;
    case 'bpf_list_pop_front':
    case 'bpf_list_pop_back':
    case 'bpf_rbtree_remove':
      if (call.graph !== null) setNodePointer(env, r0, call.graph);
      return true;
    case 'bpf_rbtree_first':
      if (call.graph !== null) setNodePointer(env, r0, call.graph);
      setNonOwning(env, r0);
      return true;
    default:
      return false;
  }
}

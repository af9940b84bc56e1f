import { BtfKind, type BtfFuncProto } from '../../btf/types.js';
import type { InsnIndex } from '../../quantities.js';
import { setBtfPointer } from '../btf-access.js';
import { kernelContext } from '../ctx/kernel-context.js';
import type { Env } from '../env.js';
import { checkReferences, checkReturn } from '../exit.js';
import { clobberReg } from '../liveness.js';
import { mayAccessPacket } from '../memory-region.js';
import { mayHoldLock } from '../nulls.js';
import { type Kfunc, kfuncKey } from '../prepared.js';
import { acquireReference, endRcuPointers, releaseReference } from '../references.js';
import { W_A, W_B, W_C, W_ID, W_REF, W_SUBREG, W_TYPE } from '../registers.js';
import { RegType, TypeFlag } from '../reg-type.js';
import { Errno, VerifierError } from '../verifier-error.js';
import { isAsyncCallbackKfunc, isSyncCallbackKfunc } from './callback-kinds.js';
import { newMeta } from './call-meta.js';
import { simulateCallback } from './callbacks.js';
import { isPacketDynptr } from './dynptr-arguments.js';
import { elementFlag, forkIterator, iteratorReference } from './iterators.js';
import { checkKfuncArguments } from './kfunc-arguments.js';
import { type KfuncCall, kernelType } from './kfunc-call.js';
import { giveToContainer, setObjectResult } from './kfunc-objects.js';
import { KfuncFlag, kfuncAllowed, kfuncFlags } from './kfunc-table.js';

/** Functions that put an object into a list or tree. */
const GIVES_AWAY = new Set(['bpf_list_push_front_impl', 'bpf_list_push_back_impl', 'bpf_rbtree_add_impl']);
function prototype(env: Env, kfunc: Kfunc): BtfFuncProto {
  const func = env.kernel.btf.type(kfunc.id);
  const proto = func.kind === BtfKind.FUNC ? env.kernel.btf.type(func.type) : func;
  if (proto.kind !== BtfKind.FUNC_PROTO) {
    env.fail(Errno.EINVAL, `kernel function btf_id ${kfunc.id} does not have a valid func_proto`);
  }
  return proto;
}

/** Sections that kfuncs open and close. */
function simulateSections(env: Env, call: KfuncCall): void {
  const { state } = env;
  const { name } = call.kfunc;
  const sleeps = (call.flags & KfuncFlag.SLEEPABLE) !== 0;
  if (name === 'bpf_rcu_read_lock') {
    if (state.rcuDepth > 0) env.fail(Errno.EINVAL, `nested rcu read lock (kernel function ${name})`);
    state.rcuDepth++;
  } else if (name === 'bpf_rcu_read_unlock') {
    if (state.rcuDepth === 0) env.fail(Errno.EINVAL, `unmatched rcu read unlock (kernel function ${name})`);
    endRcuPointers(env);
    state.rcuDepth--;
  } else if (state.rcuDepth > 0 && sleeps) {
    env.fail(Errno.EACCES, `kernel func ${name} is sleepable within rcu_read_lock region`);
  }
  if (name === 'bpf_preempt_disable') {
    state.preemptDepth++;
  } else if (name === 'bpf_preempt_enable') {
    if (state.preemptDepth === 0) {
      env.fail(Errno.EINVAL, `unmatched attempt to enable preemption (kernel function ${name})`);
    }
    state.preemptDepth--;
  } else if (state.preemptDepth > 0 && sleeps) {
    env.fail(Errno.EACCES, `kernel func ${name} is sleepable within non-preemptible region`);
  }
}

function setCastResult(env: Env, call: KfuncCall): boolean {
  const { btf } = env.kernel;
  const { name } = call.kfunc;
  const r0 = env.reg(0);
  if (setObjectResult(env, call)) return true;
  if (name === 'bpf_rdonly_cast') {
    const id = Number(call.constant ?? 0n);
    const struct = id > 0 && id < btf.count ? btf.type(id) : null;
    if (struct === null || (struct.kind !== BtfKind.STRUCT && struct.kind !== BtfKind.UNION)) {
      env.fail(Errno.EINVAL, 'kfunc bpf_rdonly_cast type ID argument must be of a struct');
    }
    setBtfPointer(env, r0, 0, struct.id, TypeFlag.PTR_UNTRUSTED);
    return true;
  }
  if (name === 'bpf_cast_to_kern_ctx') {
    setBtfPointer(env, r0, 0, kernelContext(btf, env.program.spec.type), TypeFlag.PTR_TRUSTED);
    return true;
  }
  if (name === 'bpf_dynptr_slice' || name === 'bpf_dynptr_slice_rdwr') {
    const rdonly = name === 'bpf_dynptr_slice' ? TypeFlag.MEM_RDONLY : 0;
    if (rdonly === 0 && !mayAccessPacket(env, true)) {
      env.fail(Errno.EINVAL, 'the prog does not allow writes to packet data');
    }
    env.regs.setPointer(r0, RegType.MEM | rdonly);
    env.regs.set(r0, W_A, Number(call.constant ?? 0n));
    env.regs.set(r0, W_C, call.meta.dynptrId);
    env.regs.set(r0, W_REF, call.meta.dynptrReference);
    env.regs.set(r0, W_B, isPacketDynptr(call.meta.dynptrKind) ? 1 : 0);
    return true;
  }
  return false;
}

function setResult(env: Env, call: KfuncCall): void {
  const { regs, kernel } = env;
  const { btf } = kernel;
  const r0 = env.reg(0);
  const type = btf.type(btf.skipModifiers(call.proto.type));
  if (type.kind === BtfKind.VOID) {
    regs.setNotInit(r0);
    return;
  }
  if (type.kind !== BtfKind.PTR) {
    regs.setUnknown(r0);
    return;
  }
  if (!setCastResult(env, call)) {
    const pointee = btf.type(btf.skipModifiers(type.type));
    if (pointee.kind === BtfKind.VOID && call.kfunc.name === 'bpf_arena_alloc_pages') {
      regs.setUnknown(r0);
      return;
    }
    if (pointee.kind === BtfKind.STRUCT) {
      const isElement = (call.flags & KfuncFlag.ITER_NEXT) !== 0;
      const trusted = env.legacy ? 0 : TypeFlag.PTR_TRUSTED;
      setBtfPointer(env, r0, 0, pointee.id, isElement ? elementFlag(env) : trusted);
    } else {
      const size = call.bufferSize >= 0 ? call.bufferSize : btf.sizeOf(pointee.id);
      if (size === 0) {
        env.fail(
          Errno.EINVAL,
          `kernel function ${call.kfunc.name} returns pointer type ${kernelType(env, pointee.id)} is not supported`,
        );
      }
      const isWritable = call.bufferSize >= 0 && call.bufferIsWritable;
      regs.setPointer(r0, RegType.MEM | (isWritable ? 0 : TypeFlag.MEM_RDONLY));
      regs.set(r0, W_A, size);
      if ((call.flags & KfuncFlag.ITER_NEXT) !== 0) regs.set(r0, W_REF, iteratorReference(env));
    }
  }
  const mayBeNull = mayReturnNull(call);
  if (mayBeNull) {
    regs.set(r0, W_TYPE, regs.type(r0) | TypeFlag.MAYBE_NULL);
    regs.set(r0, W_ID, env.newId());
  }
  if ((call.flags & KfuncFlag.ACQUIRE) !== 0) {
    const ref = acquireReference(env);
    if (mayBeNull) regs.set(r0, W_ID, ref);
    regs.set(r0, W_REF, ref);
  }
  if (regs.id(r0) === 0 && mayHoldLock(env, r0)) regs.set(r0, W_ID, env.newId());
}

/** Another reference of an object that is owned already cannot fail. */
function mayReturnNull(call: KfuncCall): boolean {
  if (call.kfunc.name === 'bpf_refcount_acquire_impl' && call.objectIsOwned) return false;
  return (call.flags & KfuncFlag.RET_NULL) !== 0;
}

function checkAllowed(env: Env, kfunc: Kfunc, flags: number): void {
  const { spec } = env.program;
  if (!kfuncAllowed(kfunc.name, spec.type, env.legacy)) {
    env.fail(Errno.EACCES, `calling kernel function ${kfunc.name} is not allowed`);
  }
  if ((flags & KfuncFlag.DESTRUCTIVE) !== 0 && !env.sysBoot) {
    const what = env.legacy ? 'capabilities' : 'capability';
    env.fail(Errno.EACCES, `destructive kfunc calls require CAP_SYS_BOOT ${what}`);
  }
  if ((flags & KfuncFlag.SLEEPABLE) !== 0 && !env.sleepable && !env.state.inSleepable) {
    env.fail(Errno.EACCES, `program must be sleepable to call sleepable kfunc ${kfunc.name}`);
  }
}

/** A kfunc call; the next instruction, or -1 when the path ends (bpf_throw). */
export function simulateKfunc(env: Env, at: InsnIndex): InsnIndex {
  const { code, regs } = env;
  // The call of a weak function that the kernel has not: refused later, unless the path is dead.
  if (code.imm[at] === 0) return at + 1;
  const kfunc = env.program.kfuncs.get(kfuncKey(code.imm[at], code.off[at]));
  if (kfunc === undefined) {
    env.fail(Errno.EINVAL, `kernel btf_id ${code.imm[at]} is not a function`);
  }
  // No function of a module is in a set here.
  if (code.off[at] !== 0) env.fail(Errno.EACCES, `calling kernel function ${kfunc.name} is not allowed`);
  const flags = kfuncFlags(kfunc.name);
  checkAllowed(env, kfunc, flags);
  const call: KfuncCall = {
    kfunc,
    flags,
    proto: prototype(env, kfunc),
    meta: newMeta(),
    constant: null,
    bufferSize: -1,
    bufferIsWritable: false,
    objectBtf: 0,
    objectId: 0,
    objectIsOwned: false,
    graph: null,
  };
  checkKfuncArguments(env, call);
  const text = `${kfunc.name}#${kfunc.id}`;
  if (call.meta.callback >= 0) {
    call.meta.graph = call.graph;
    callBack(env, at, call, text);
  }
  simulateSections(env, call);
  if ((flags & KfuncFlag.RELEASE) !== 0 && !releaseReference(env, call.meta.reference)) {
    env.fail(Errno.EINVAL, `kfunc ${text} reference has not been acquired before`);
  }
  if (GIVES_AWAY.has(kfunc.name)) {
    giveToContainer(env, call.meta.reference, text);
    env.aux.kfuncArgument.set(at, BigInt(call.graph?.node ?? 0));
    if (call.graph !== null) env.aux.kfuncStruct.set(at, call.graph.struct);
  }
  if (kfunc.name === 'bpf_throw') return simulateThrow(env);
  for (let i = 0; i < 6; i++) clobberReg(env, i);
  regs.set(env.reg(0), W_SUBREG, 0);
  setResult(env, call);
  if ((flags & KfuncFlag.ITER_NEXT) !== 0) forkIterator(env, at);
  return at + 1;
}

/** Queues the function that the kfunc calls. */
function callBack(env: Env, at: InsnIndex, { kfunc, meta }: KfuncCall, text: string): void {
  try {
    if (isSyncCallbackKfunc(kfunc.name)) simulateCallback(env, at, 'rbtree', meta);
    if (isAsyncCallbackKfunc(kfunc.name)) simulateCallback(env, at, 'wq', meta);
  } catch (error) {
    if (error instanceof VerifierError) env.fail(error.errno, `kfunc ${text} failed callback verification`);
    throw error;
  }
}

function simulateThrow(env: Env): InsnIndex {
  const { state } = env;
  env.usesThrow = true;
  if (!env.program.subprograms.some((one) => one.isExceptionCallback === true)) checkReturn(env, 1);
  if (state.lock !== null) env.fail(Errno.EINVAL, 'bpf_throw cannot be used inside bpf_spin_lock-ed region');
  if (state.rcuDepth > 0) {
    env.fail(Errno.EINVAL, 'bpf_throw cannot be used inside bpf_rcu_read_lock-ed region');
  }
  if (state.preemptDepth > 0) {
    env.fail(Errno.EINVAL, 'bpf_throw cannot be used inside bpf_preempt_disable-ed region');
  }
  checkReferences(env, true);
  return -1;
}

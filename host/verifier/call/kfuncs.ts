import { BtfKind, type BtfFuncProto } from '../../btf/types.js';
import type { InsnIndex, TypeId } from '../../quantities.js';
import { isRcuProtected, isTrusted, setBtfPointer } from '../btf-access.js';
import { structMatches } from '../btf-match.js';
import type { Env } from '../env.js';
import { checkReferences } from '../exit.js';
import { clobberReg, readReg } from '../liveness.js';
import { typeName } from '../log-text.js';
import { checkPointerOffset } from '../memory-region.js';
import { markPrecise } from '../precision.js';
import type { Kfunc } from '../prepared.js';
import { acquireReference, endRcuPointers, releaseReference } from '../references.js';
import { W_A, W_B, W_C, W_ID, W_REF, W_SUBREG, W_TYPE, mayBeNull } from '../registers.js';
import { RegType, TypeFlag, baseType } from '../reg-type.js';
import { Errno } from '../verifier-error.js';
import { isAsyncCallbackKfunc, isSyncCallbackKfunc } from './callback-kinds.js';
import { newMeta, type CallMeta } from './arguments.js';
import { simulateCallback } from './callbacks.js';
import { checkDynptrArgument } from './dynptr-arguments.js';
import { type IterAction, checkIterator, forkIterator, noteIterator } from './iterators.js';
import { KfuncFlag, kfuncAllowed, kfuncFlags } from './kfunc-table.js';
import { checkHelperMemory, checkSizedMemory } from './memory-arguments.js';

const CONTEXT_STRUCTS: Record<number, readonly string[]> = {
  1: ['__sk_buff', 'sk_buff'],
  3: ['__sk_buff', 'sk_buff'],
  4: ['__sk_buff', 'sk_buff'],
  6: ['xdp_md', 'xdp_buff'],
  32: ['bpf_nf_ctx'],
};
/** Kernel structs behind program contexts. */
const KERNEL_CONTEXT: Record<number, string> = {
  1: 'sk_buff',
  3: 'sk_buff',
  4: 'sk_buff',
  6: 'xdp_buff',
  7: 'bpf_perf_event_data_kern',
  8: 'sk_buff',
  9: 'sock',
  10: 'sk_buff',
  11: 'sk_buff',
  12: 'sk_buff',
  13: 'bpf_sock_ops_kern',
  14: 'sk_buff',
  16: 'sk_msg',
  18: 'bpf_sock_addr_kern',
  19: 'sk_buff',
  21: 'sk_reuseport_kern',
  22: 'bpf_flow_dissector',
  23: 'bpf_sysctl_kern',
  25: 'bpf_sockopt_kern',
  30: 'bpf_sk_lookup_kern',
};
/** Arguments of more than plain data have names that end in these. */
const SUFFIX = /__(szk|sz|k|ign|map|alloc|uninit|opt|nullable|str|refcounted_kptr|iter|prog)$/;

interface KfuncCall {
  readonly kfunc: Kfunc;
  readonly flags: number;
  readonly proto: BtfFuncProto;
  readonly meta: CallMeta;
  /** Constant that a `__k` argument has. */
  constant: bigint | null;
  /** Size of the buffer the result points to. */
  bufferSize: number;
}

function prototype(env: Env, kfunc: Kfunc): BtfFuncProto {
  const func = env.kernel.btf.type(kfunc.id);
  const proto = func.kind === BtfKind.FUNC ? env.kernel.btf.type(func.type) : func;
  if (proto.kind !== BtfKind.FUNC_PROTO) {
    env.fail(Errno.EINVAL, `kernel function btf_id ${kfunc.id} does not have a valid func_proto`);
  }
  return proto;
}

function suffix(name: string): string {
  return SUFFIX.exec(name)?.[1] ?? '';
}

function kernelType(env: Env, id: TypeId): string {
  const { btf } = env.kernel;
  const type = btf.type(btf.skipModifiers(id));
  const kinds: Record<number, string> = {
    [BtfKind.STRUCT]: 'STRUCT',
    [BtfKind.UNION]: 'UNION',
    [BtfKind.INT]: 'INT',
    [BtfKind.PTR]: 'PTR',
    [BtfKind.VOID]: 'UNKNOWN',
    [BtfKind.FUNC_PROTO]: 'FUNC_PROTO',
  };
  return `${kinds[type.kind] ?? 'UNKNOWN'} ${type.name}`.trimEnd();
}

function checkScalar(env: Env, call: KfuncCall, index: number, name: string): void {
  const { regs } = env;
  const regno = index + 1;
  const reg = env.reg(regno);
  if (regs.type(reg) !== RegType.SCALAR) {
    env.fail(Errno.EINVAL, `R${regno} is not a scalar`);
  }
  if (suffix(name) === 'k') {
    if (!regs.isConst(reg)) env.fail(Errno.EINVAL, `R${regno} must be a known constant`);
    markPrecise(env, regno);
    call.constant = regs.value(reg);
    return;
  }
  if (name === 'rdonly_buf_size' || name === 'rdwr_buf_size') {
    if (!regs.isConst(reg)) env.fail(Errno.EINVAL, `R${regno} is not a const`);
    call.bufferSize = Number(regs.value(reg));
    markPrecise(env, regno);
  }
}

function checkStruct(env: Env, call: KfuncCall, index: number, pointee: TypeId): void {
  const { regs, kernel } = env;
  const { btf } = kernel;
  const regno = index + 1;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  const wanted = btf.type(btf.skipModifiers(pointee));
  const socks = new Set<number>([RegType.SOCKET, RegType.SOCK_COMMON, RegType.TCP_SOCK]);
  if (baseType(type) !== RegType.BTF_ID && !socks.has(baseType(type))) {
    env.fail(
      Errno.EINVAL,
      `arg#${index} is ${typeName(type)} expected ${typeName(RegType.BTF_ID)} or socket`,
    );
  }
  if (baseType(type) !== RegType.BTF_ID) return;
  checkPointerOffset(env, regno, (call.flags & KfuncFlag.RELEASE) === 0);
  const own = regs.get(reg, W_A);
  if (structMatches(btf, own, regs.off(reg), wanted.id)) return;
  const actual = `STRUCT ${env.btfName(regs.get(reg, W_B), own)}`;
  env.fail(
    Errno.EINVAL,
    `kernel function ${call.kfunc.name} args#${index} expected pointer to ${kernelType(env, wanted.id)} but R${regno} has a pointer to ${actual}`,
  );
}

function checkTrust(env: Env, call: KfuncCall, index: number, name: string): boolean {
  const { regs } = env;
  const regno = index + 1;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  const strict = (call.flags & (KfuncFlag.TRUSTED_ARGS | KfuncFlag.RELEASE)) !== 0;
  const guarded = strict || (call.flags & KfuncFlag.RCU) !== 0;
  if (guarded && (regs.isZero(reg) || mayBeNull(type)) && suffix(name) !== 'nullable') {
    env.fail(Errno.EACCES, `Possibly NULL pointer passed to trusted arg${index}`);
  }
  if (suffix(name) === 'nullable' && regs.isZero(reg)) return false;
  if (baseType(type) === RegType.BTF_ID && guarded && !isTrusted(env, reg)) {
    if ((call.flags & KfuncFlag.RCU) === 0) {
      env.fail(Errno.EINVAL, `R${regno} must be referenced or trusted`);
    }
    if (!isRcuProtected(env, reg)) env.fail(Errno.EINVAL, `R${regno} must be a rcu pointer`);
  }
  return true;
}

function iterAction(flags: number): IterAction | null {
  if (flags & KfuncFlag.ITER_NEW) return 'new';
  if (flags & KfuncFlag.ITER_NEXT) return 'next';
  return flags & KfuncFlag.ITER_DESTROY ? 'destroy' : null;
}

/** A pointer argument; true when it took the size argument after it as well. */
function checkPointer(env: Env, call: KfuncCall, index: number): boolean {
  const { regs, kernel } = env;
  const { btf } = kernel;
  const regno = index + 1;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  const param = call.proto.params[index];
  const name = param.name;
  const pointer = btf.type(btf.skipModifiers(param.type));
  if (pointer.kind !== BtfKind.PTR) return false;
  const pointee = btf.type(btf.skipModifiers(pointer.type));
  const mark = suffix(name);
  if (mark === 'map') {
    if (type !== RegType.CONST_MAP_PTR) env.fail(Errno.EINVAL, `pointer in R${regno} isn't map pointer`);
    call.meta.map = regs.get(reg, W_A);
    return false;
  }
  if (!checkTrust(env, call, index, name)) return false;
  if (regs.get(reg, W_REF) !== 0) call.meta.reference = regs.get(reg, W_REF);
  if ((call.flags & KfuncFlag.RELEASE) !== 0 && regs.get(reg, W_REF) !== 0) call.meta.releaseRegno = regno;
  const contexts = CONTEXT_STRUCTS[env.program.spec.type] ?? [];
  if (
    call.kfunc.name === 'bpf_cast_to_kern_ctx' ||
    (contexts.includes(pointee.name) && type === RegType.CTX)
  ) {
    if (type !== RegType.CTX) {
      env.fail(Errno.EINVAL, `arg#${index} expected pointer to ctx, but got ${typeName(type)}`);
    }
    return false;
  }
  const action = iterAction(call.flags);
  if (action !== null && index === 0 && pointee.kind === BtfKind.STRUCT) {
    checkIterator(env, regno, pointee.id, action, call.kfunc.name);
    noteIterator(env, regno);
    return false;
  }
  if (pointee.name === 'bpf_dynptr_kern' || pointee.name === 'bpf_dynptr') {
    const kind = mark === 'uninit' ? 'UNINIT_DYNPTR' : 'DYNPTR';
    const of = call.kfunc.name === 'bpf_dynptr_from_skb' ? 'skb' : 'xdp';
    const arg = { kind, of: kind === 'DYNPTR' ? '' : of, nullable: false, release: false };
    checkDynptrArgument(env, regno, arg, call.meta);
    return false;
  }
  if (type === RegType.FUNC) {
    call.meta.callback = regs.get(reg, W_A);
    return false;
  }
  const next = call.proto.params[index + 1];
  const sized = next !== undefined && (suffix(next.name) === 'sz' || suffix(next.name) === 'szk');
  if (pointee.kind === BtfKind.STRUCT && !sized) {
    const plain = isPlainStruct(env, pointee.id, 0);
    if (!plain || baseType(type) === RegType.BTF_ID) {
      checkStruct(env, call, index, pointee.id);
      return false;
    }
  }
  if (sized) {
    if (mark === 'opt' && regs.isZero(reg)) return true;
    readReg(env, regno + 1);
    checkSizedMemory(env, regno + 1, true, true, null);
    if (suffix(next.name) === 'szk') {
      const size = env.reg(regno + 1);
      if (!regs.isConst(size)) env.fail(Errno.EINVAL, `R${regno + 1} must be a known constant`);
      call.constant = regs.value(size);
    }
    return true;
  }
  const size = btf.sizeOf(pointee.id);
  if (pointee.kind === BtfKind.VOID || size === 0) {
    env.fail(
      Errno.EINVAL,
      `arg#${index} pointer type ${kernelType(env, pointee.id)} must point to scalar, or struct with scalar`,
    );
  }
  checkHelperMemory(env, regno, size, true, false, null);
  return false;
}

/** A struct of nothing but numbers: plain memory. */
function isPlainStruct(env: Env, id: TypeId, depth: number): boolean {
  const { btf } = env.kernel;
  const type = btf.type(btf.skipModifiers(id));
  if (depth > 4 || type.kind !== BtfKind.STRUCT) return false;
  return type.members.every((member) => {
    let at = btf.type(btf.skipModifiers(member.type));
    while (at.kind === BtfKind.ARRAY) at = btf.type(btf.skipModifiers(at.type));
    if (at.kind === BtfKind.STRUCT) return isPlainStruct(env, at.id, depth + 1);
    return at.kind === BtfKind.INT || at.kind === BtfKind.ENUM || at.kind === BtfKind.ENUM64;
  });
}

function checkArguments(env: Env, call: KfuncCall): void {
  const { btf } = env.kernel;
  const { params } = call.proto;
  if (params.length > 5) {
    env.fail(Errno.EINVAL, `Function ${call.kfunc.name} has ${params.length} > 5 args`);
  }
  for (let i = 0; i < params.length; i++) {
    const { name, type: id } = params[i];
    if (suffix(name) === 'ign') continue;
    readReg(env, i + 1);
    const type = btf.type(btf.skipModifiers(id));
    const untyped = call.kfunc.name === 'bpf_rdonly_cast' && i === 0;
    if (untyped) continue;
    if (type.kind === BtfKind.PTR) {
      if (checkPointer(env, call, i)) i++;
    } else if (type.kind === BtfKind.INT || type.kind === BtfKind.ENUM || type.kind === BtfKind.ENUM64) {
      checkScalar(env, call, i, name);
    } else {
      env.fail(Errno.EINVAL, `Unrecognized arg#${i} type ${kernelType(env, id)}`);
    }
  }
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
  if (name === 'bpf_rdonly_cast') {
    const id = Number(call.constant ?? 0n);
    const struct = id > 0 && id < btf.count ? btf.type(btf.skipModifiers(id)) : null;
    if (struct === null || struct.kind !== BtfKind.STRUCT) {
      env.fail(Errno.EINVAL, 'kfunc bpf_rdonly_cast type ID argument must be of a struct');
    }
    setBtfPointer(env, r0, 0, struct.id, TypeFlag.PTR_UNTRUSTED);
    return true;
  }
  if (name === 'bpf_cast_to_kern_ctx') {
    const struct = KERNEL_CONTEXT[env.program.spec.type] ?? '';
    setBtfPointer(env, r0, 0, btf.find(struct, BtfKind.STRUCT), TypeFlag.PTR_TRUSTED);
    return true;
  }
  if (name === 'bpf_dynptr_slice' || name === 'bpf_dynptr_slice_rdwr') {
    const rdonly = name === 'bpf_dynptr_slice' ? TypeFlag.MEM_RDONLY : 0;
    env.regs.setPointer(r0, RegType.MEM | rdonly);
    env.regs.set(r0, W_A, Number(call.constant ?? 0n));
    env.regs.set(r0, W_C, call.meta.dynptrId);
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
      const rcu = (call.flags & KfuncFlag.RCU_PROTECTED) !== 0;
      setBtfPointer(env, r0, 0, pointee.id, rcu ? TypeFlag.MEM_RCU : TypeFlag.PTR_TRUSTED);
    } else {
      const size = call.bufferSize > 0 ? call.bufferSize : btf.sizeOf(pointee.id);
      if (size === 0) {
        env.fail(
          Errno.EINVAL,
          `kernel function ${call.kfunc.name} returns pointer type ${kernelType(env, pointee.id)} is not supported`,
        );
      }
      regs.setPointer(r0, RegType.MEM | TypeFlag.MEM_RDONLY);
      regs.set(r0, W_A, size);
    }
  }
  if ((call.flags & KfuncFlag.RET_NULL) !== 0) {
    regs.set(r0, W_TYPE, regs.type(r0) | TypeFlag.MAYBE_NULL);
    regs.set(r0, W_ID, env.newId());
  }
  if ((call.flags & KfuncFlag.ACQUIRE) !== 0) {
    const ref = acquireReference(env);
    if ((call.flags & KfuncFlag.RET_NULL) !== 0) regs.set(r0, W_ID, ref);
    regs.set(r0, W_REF, ref);
  }
}

function checkAllowed(env: Env, kfunc: Kfunc, flags: number): void {
  const { spec } = env.program;
  if (!kfuncAllowed(kfunc.name, spec.type, env.legacy)) {
    env.fail(Errno.EACCES, `calling kernel function ${kfunc.name} is not allowed`);
  }
  if ((flags & KfuncFlag.DESTRUCTIVE) !== 0 && !env.privileged) {
    env.fail(Errno.EACCES, 'destructive kfunc calls require CAP_SYS_BOOT capability');
  }
  if ((flags & KfuncFlag.SLEEPABLE) !== 0 && !env.sleepable && !env.state.inSleepable) {
    env.fail(Errno.EACCES, `program must be sleepable to call sleepable kfunc ${kfunc.name}`);
  }
}

/** A kfunc call; the next instruction, or -1 when the path ends (bpf_throw). */
export function simulateKfunc(env: Env, at: InsnIndex): InsnIndex {
  const { code, regs } = env;
  const kfunc = env.program.kfuncs.get(code.imm[at]);
  if (kfunc === undefined) {
    env.fail(Errno.EINVAL, `kernel btf_id ${code.imm[at]} is not a function`);
  }
  const flags = kfuncFlags(kfunc.name);
  checkAllowed(env, kfunc, flags);
  const call: KfuncCall = {
    kfunc,
    flags,
    proto: prototype(env, kfunc),
    meta: newMeta(),
    constant: null,
    bufferSize: 0,
  };
  checkArguments(env, call);
  if (call.meta.callback >= 0) {
    if (isSyncCallbackKfunc(kfunc.name)) simulateCallback(env, at, 'rbtree', call.meta);
    if (isAsyncCallbackKfunc(kfunc.name)) simulateCallback(env, at, 'wq', call.meta);
  }
  simulateSections(env, call);
  if ((flags & KfuncFlag.RELEASE) !== 0) {
    const id = call.meta.reference;
    if (call.meta.releaseRegno === 0 || !releaseReference(env, id)) {
      env.fail(Errno.EINVAL, `release kernel function ${kfunc.name} expects refcounted PTR_TO_BTF_ID`);
    }
  }
  if (kfunc.name === 'bpf_throw') return simulateThrow(env);
  for (let i = 0; i < 6; i++) clobberReg(env, i);
  regs.set(env.reg(0), W_SUBREG, 0);
  setResult(env, call);
  if ((flags & KfuncFlag.ITER_NEXT) !== 0) forkIterator(env, at);
  return at + 1;
}

function simulateThrow(env: Env): InsnIndex {
  const { state } = env;
  env.usesThrow = true;
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

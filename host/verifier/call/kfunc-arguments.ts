import { BtfKind } from '../../btf/types.js';
import type { TypeId } from '../../quantities.js';
import { isRcuProtected, isTrusted } from '../btf-access.js';
import { structMatches } from '../btf-match.js';
import { kindName } from '../ctx/btf-arguments.js';
import type { Env } from '../env.js';
import { readReg } from '../liveness.js';
import { typeName } from '../log-text.js';
import { markPrecise } from '../precision.js';
import { W_A, W_B, W_C, W_REF, mayBeNull } from '../registers.js';
import { RegType, TypeFlag, baseType } from '../reg-type.js';
import { Errno, VerifierError } from '../verifier-error.js';
import { checkConstantString, checkWorkqueueAddress, checkOffset } from './arguments.js';
import { checkDynptrArgument } from './dynptr-arguments.js';
import { contextStructs } from './context-argument.js';
import { type IterAction, checkIterator, noteIterator } from './iterators.js';
import { type KfuncCall, kernelType } from './kfunc-call.js';
import { checkDropped, checkNode, checkRefcounted, checkRoot } from './kfunc-objects.js';
import { KfuncFlag } from './kfunc-table.js';
import { checkReadWrite, checkSizedMemory } from './memory-arguments.js';
import { isPlainData } from './plain-data.js';

/** Kernel structs behind contexts that prototypes may name in their place. */
const KERNEL_NAMES: Record<string, string> = { __sk_buff: 'sk_buff', xdp_md: 'xdp_buff' };
/** Arguments of more than plain data have names that end in these. */
const SUFFIX = /__(szk|sz|k|ign|map|alloc|uninit|opt|nullable|str|refcounted_kptr|iter)$/;
/** Flags that do not stop a pointer to a kernel struct from being an argument. */
const SAFE_FLAGS = TypeFlag.PTR_TRUSTED | TypeFlag.MEM_ALLOC | TypeFlag.NON_OWN_REF;
const SOCKETS: Record<number, string> = {
  [RegType.SOCKET]: 'sock',
  [RegType.SOCK_COMMON]: 'sock_common',
  [RegType.TCP_SOCK]: 'tcp_sock',
};
/** Flags that ask for pointers which stay valid. */
const STRICT = KfuncFlag.TRUSTED_ARGS | KfuncFlag.RELEASE | KfuncFlag.RCU;
const U32_MAX = 0xffffffffn;
const MAX_ARGUMENTS = 5;

function suffix(name: string): string {
  return SUFFIX.exec(name)?.[1] ?? '';
}

function checkScalar(env: Env, call: KfuncCall, index: number, name: string): void {
  const { regs } = env;
  const regno = index + 1;
  const reg = env.reg(regno);
  if (regs.type(reg) !== RegType.SCALAR) env.fail(Errno.EINVAL, `R${regno} is not a scalar`);
  if (suffix(name) === 'k') {
    if (!regs.isConst(reg)) env.fail(Errno.EINVAL, `R${regno} must be a known constant`);
    markPrecise(env, regno);
    call.constant = regs.value(reg);
    return;
  }
  if (name !== 'rdonly_buf_size' && name !== 'rdwr_buf_size') return;
  if (call.bufferSize >= 0) {
    env.fail(Errno.EINVAL, '2 or more rdonly/rdwr_buf_size parameters for kfunc');
  }
  if (!regs.isConst(reg)) env.fail(Errno.EINVAL, `R${regno} is not a const`);
  if (regs.value(reg) > U32_MAX) {
    env.fail(Errno.EINVAL, `R${regno} rdonly/rdwr_buf_size exceeds u32 max`);
  }
  call.bufferSize = Number(regs.value(reg));
  call.bufferIsWritable = name === 'rdwr_buf_size';
  markPrecise(env, regno);
}

/** Arguments of functions that ask for it must be pointers that stay valid. */
function checkTrust(env: Env, call: KfuncCall, regno: number): void {
  const reg = env.reg(regno);
  if (!isStrict(env, call) || isTrusted(env, reg)) return;
  if (env.legacy) env.fail(Errno.EINVAL, `R${regno} must be referenced`);
  if (SOCKETS[env.regs.type(reg)] !== undefined) return;
  if ((call.flags & KfuncFlag.RCU) === 0) env.fail(Errno.EINVAL, `R${regno} must be referenced or trusted`);
  if (!isRcuProtected(env, reg)) env.fail(Errno.EINVAL, `R${regno} must be a rcu pointer`);
}

/** A pointer to a kernel struct. */
function checkStruct(env: Env, call: KfuncCall, index: number, pointee: TypeId): void {
  const { regs, kernel } = env;
  const { btf } = kernel;
  const regno = index + 1;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  const base = baseType(type);
  const unsafe = (type & ~0xff & ~SAFE_FLAGS) !== 0 && !isRcuProtected(env, reg);
  const isStruct = base === RegType.BTF_ID && !unsafe;
  if (!isStruct && SOCKETS[base] === undefined) {
    env.fail(
      Errno.EINVAL,
      `arg#${index} is ${typeName(type, env.legacy)} expected ${typeName(RegType.BTF_ID)} or socket`,
    );
  }
  const own = isStruct ? regs.get(reg, W_B) : 0;
  const actual = isStruct ? regs.get(reg, W_A) : btf.find(SOCKETS[base], BtfKind.STRUCT);
  const wanted = btf.skipModifiers(pointee);
  const exact = isReleased(env, call, reg);
  const behind = KERNEL_NAMES[btf.type(wanted).name];
  const target = behind === undefined ? wanted : btf.find(behind, BtfKind.STRUCT);
  if (own === 0 && structMatches(btf, actual, regs.off(reg), target, exact)) return;
  env.fail(
    Errno.EINVAL,
    `kernel function ${call.kfunc.name} args#${index} expected pointer to ${kernelType(env, wanted)} but R${regno} has a pointer to STRUCT ${env.btfName(own, actual)}`,
  );
}

function isStrict({ legacy }: Env, { flags }: KfuncCall): boolean {
  const strict = legacy ? KfuncFlag.TRUSTED_ARGS : STRICT;
  return (flags & strict) !== 0;
}

/** A pointer to a kernel struct or a socket; Linux 6.1 takes what may be NULL or is untrusted for plain memory. */
function isKernelPointer(env: Env, type: number): boolean {
  const known = env.legacy ? type : baseType(type);
  return known === RegType.BTF_ID || SOCKETS[known] !== undefined;
}

function isReleased(env: Env, { flags }: KfuncCall, reg: number): boolean {
  return (flags & KfuncFlag.RELEASE) !== 0 && env.regs.get(reg, W_REF) !== 0;
}

function iterAction(flags: number): IterAction | null {
  if (flags & KfuncFlag.ITER_NEW) return 'new';
  if (flags & KfuncFlag.ITER_NEXT) return 'next';
  return flags & KfuncFlag.ITER_DESTROY ? 'destroy' : null;
}

/** Arguments that the prototype marks as more than memory; false when this is none. */
function checkMarked(env: Env, call: KfuncCall, index: number, struct: string, mark: string): boolean {
  const { regs } = env;
  const regno = index + 1;
  const reg = env.reg(regno);
  const { name } = call.kfunc;
  if (mark === 'alloc') {
    checkOffset(env, regno, isReleased(env, call, reg));
    checkDropped(env, call, index);
  } else if (mark === 'refcounted_kptr') checkRefcounted(env, call, index);
  else if (struct === 'bpf_dynptr' || struct === 'bpf_dynptr_kern') checkDynptr(env, call, index, mark);
  else if (struct === 'bpf_list_head' || struct === 'bpf_rb_root') checkRoot(env, call, index, struct);
  else if (struct === 'bpf_list_node') checkNode(env, call, index, struct, 'bpf_list_head');
  else if (struct === 'bpf_rb_node') checkNode(env, call, index, struct, 'bpf_rb_root');
  else if (mark === 'str') {
    if (regs.type(reg) !== RegType.MAP_VALUE) {
      env.fail(Errno.EINVAL, `arg#${index} doesn't point to a const string`);
    }
    checkConstantString(env, regno);
  } else if (struct === 'bpf_wq') {
    if (regs.type(reg) !== RegType.MAP_VALUE) {
      env.fail(Errno.EINVAL, `arg#${index} doesn't point to a map value`);
    }
    checkWorkqueueAddress(env, regno);
    call.meta.map = regs.get(reg, W_A);
    call.meta.mapUid = regs.get(reg, W_C);
  } else {
    const action = iterAction(call.flags);
    const isIterator =
      action !== null && (mark === 'iter' || (index === 0 && struct.startsWith('bpf_iter_')));
    if (!isIterator) return false;
    if (name === 'bpf_iter_css_task_new' && !mayIterateTasks(env)) {
      env.fail(Errno.EINVAL, 'css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs');
    }
    checkIterator(env, regno, env.kernel.btf.find(struct, BtfKind.STRUCT), action, name);
    noteIterator(env, regno);
  }
  return true;
}

function mayIterateTasks(env: Env): boolean {
  const { spec } = env.program;
  const isIter = spec.type === 26 && spec.expectedAttachType === 28;
  return spec.type === 29 || isIter || env.sleepable;
}

function checkDynptr(env: Env, call: KfuncCall, index: number, mark: string): void {
  const { name } = call.kfunc;
  const isNew = mark === 'uninit';
  let of = '';
  if (isNew && name === 'bpf_dynptr_from_skb') of = 'skb';
  else if (isNew && name === 'bpf_dynptr_from_xdp') of = 'xdp';
  else if (isNew && name === 'bpf_dynptr_clone') of = 'clone';
  const mutates = name === 'bpf_dynptr_adjust';
  const arg = { kind: isNew ? 'UNINIT_DYNPTR' : 'DYNPTR', of, nullable: false, release: false };
  checkDynptrArgument(env, index + 1, arg, call.meta, mutates);
}

/** A pointer argument; true when it took the size argument after it as well. */
function checkPointer(env: Env, call: KfuncCall, index: number, pointer: TypeId): boolean {
  const { regs, kernel } = env;
  const { btf } = kernel;
  const regno = index + 1;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  const { name } = call.proto.params[index];
  const pointee = btf.type(btf.skipModifiers(pointer));
  const mark = suffix(name);
  const isZero = regs.isZero(reg);
  if (!env.legacy && isStrict(env, call) && (isZero || mayBeNull(type)) && mark !== 'nullable') {
    env.fail(Errno.EACCES, `Possibly NULL pointer passed to trusted arg${index}`);
  }
  if (regs.get(reg, W_REF) !== 0) {
    call.meta.reference = regs.get(reg, W_REF);
    if ((call.flags & KfuncFlag.RELEASE) !== 0) call.meta.releaseRegno = regno;
  }
  if (call.kfunc.name === 'bpf_cast_to_kern_ctx' || isContext(env, pointee.name)) {
    checkOffset(env, regno, isReleased(env, call, reg));
    if (type !== RegType.CTX) {
      env.fail(Errno.EINVAL, `arg#${index} expected pointer to ctx, but got ${typeName(type, env.legacy)}`);
    }
    return false;
  }
  if (mark === 'nullable' && isZero) return false;
  if (mark === 'map') {
    if (type !== RegType.CONST_MAP_PTR) env.fail(Errno.EINVAL, `pointer in R${regno} isn't map pointer`);
    const map = regs.get(reg, W_A);
    if (call.kfunc.name === 'bpf_wq_init' && call.meta.map >= 0) {
      const uid = regs.get(reg, W_C);
      if (call.meta.map !== map || call.meta.mapUid !== uid) {
        env.fail(
          Errno.EINVAL,
          `workqueue pointer in R1 map_uid=${call.meta.mapUid} doesn't match map pointer in R2 map_uid=${uid}`,
        );
      }
    }
    call.meta.map = map;
    return false;
  }
  if (mark === 'alloc') checkTrust(env, call, regno);
  if (checkMarked(env, call, index, pointee.name, mark)) return false;
  if (isKernelPointer(env, type)) {
    if (pointee.kind !== BtfKind.STRUCT && pointee.kind !== BtfKind.UNION) {
      const text = `kernel function ${call.kfunc.name} args#${index} pointer type ${kernelType(env, pointee.id)} is not supported`;
      env.fail(Errno.EINVAL, text);
    }
    checkTrust(env, call, regno);
    checkOffset(env, regno, isReleased(env, call, reg));
    checkStruct(env, call, index, pointee.id);
    return false;
  }
  if (pointee.kind === BtfKind.FUNC_PROTO) {
    if (type !== RegType.FUNC) env.fail(Errno.EINVAL, `arg${index} expected pointer to func`);
    call.meta.callback = regs.get(reg, W_A);
    return false;
  }
  return checkMemory(env, call, index, pointee.id);
}

/** Memory of a fixed size, or of the size that the next argument says. */
function checkMemory(env: Env, call: KfuncCall, index: number, pointee: TypeId): boolean {
  const { regs, kernel } = env;
  const { btf } = kernel;
  const regno = index + 1;
  const reg = env.reg(regno);
  const next = call.proto.params[index + 1];
  const sized = next !== undefined && (suffix(next.name) === 'sz' || suffix(next.name) === 'szk');
  const target = btf.type(btf.skipModifiers(pointee));
  const fits = isPlainData(env, btf, target.id) || (sized && target.kind === BtfKind.VOID);
  if (!fits) {
    const kinds = `${sized ? 'void, ' : ''}scalar, or struct with scalar`;
    env.fail(Errno.EINVAL, `arg#${index} pointer type ${kernelType(env, target.id)} must point to ${kinds}`);
  }
  if (!sized) {
    if (!regs.isZero(reg)) checkReadWrite(env, regno, btf.sizeOf(target.id));
    return false;
  }
  readReg(env, regno + 1);
  const size = env.reg(regno + 1);
  if (!(regs.isZero(reg) && suffix(call.proto.params[index].name) === 'opt')) {
    const pair = `arg#${index} arg#${index + 1} memory, len pair leads to invalid memory access`;
    try {
      checkSizedMemory(env, regno + 1, false, true, null);
      checkSizedMemory(env, regno + 1, true, true, null);
    } catch (error) {
      if (error instanceof VerifierError) env.fail(error.errno, pair);
      throw error;
    }
  }
  if (suffix(next.name) === 'szk') {
    if (!regs.isConst(size)) env.fail(Errno.EINVAL, `R${regno + 1} must be a known constant`);
    call.constant = regs.value(size);
    markPrecise(env, regno + 1);
  }
  return true;
}

/** Whether a prototype names the context of the program by this struct. */
function isContext(env: Env, struct: string): boolean {
  const names = contextStructs(env.program.spec.type);
  return names.includes(struct) || names.some((name) => KERNEL_NAMES[name] === struct);
}

/** Checks the arguments of a kernel function against its prototype. */
export function checkKfuncArguments(env: Env, call: KfuncCall): void {
  const { btf } = env.kernel;
  const { params } = call.proto;
  if (params.length > MAX_ARGUMENTS) {
    env.fail(Errno.EINVAL, `Function ${call.kfunc.name} has ${params.length} > ${MAX_ARGUMENTS} args`);
  }
  for (let i = 0; i < params.length; i++) {
    const { name, type: id } = params[i];
    if (suffix(name) === 'ign') continue;
    readReg(env, i + 1);
    const type = btf.type(btf.skipModifiers(id));
    if (type.kind === BtfKind.INT || type.kind === BtfKind.ENUM || type.kind === BtfKind.ENUM64) {
      checkScalar(env, call, i, name);
    } else if (type.kind === BtfKind.PTR) {
      if (checkPointer(env, call, i, type.type)) i++;
    } else {
      env.fail(Errno.EINVAL, `Unrecognized arg#${i} type ${kindName(type)}`);
    }
  }
  if ((call.flags & KfuncFlag.RELEASE) !== 0 && call.meta.releaseRegno === 0) {
    env.fail(Errno.EINVAL, `release kernel function ${call.kfunc.name} expects refcounted PTR_TO_BTF_ID`);
  }
}

import type { BtfFuncProto } from '../../btf/types.js';
import { BtfKind } from '../../btf/types.js';
import type { InsnIndex, TypeId } from '../../quantities.js';
import { setBtfPointer } from '../btf-access.js';
import type { Env } from '../env.js';
import { clobberReg } from '../liveness.js';
import { LOG_LEVEL2 } from '../log.js';
import { checkPointerOffset } from '../memory-region.js';
import { W_A, W_ID, W_SUBREG, W_TYPE, mayBeNull } from '../registers.js';
import { RegType, TypeFlag } from '../reg-type.js';
import { Errno } from '../verifier-error.js';
import { checkHelperMemory } from './memory-arguments.js';

/** Program contexts as programs name them, by program type. */
const CONTEXT_STRUCTS: Record<number, readonly string[]> = {
  1: ['__sk_buff'],
  2: ['bpf_user_pt_regs_t', 'pt_regs', 'user_pt_regs'],
  3: ['__sk_buff'],
  4: ['__sk_buff'],
  5: [],
  6: ['xdp_md'],
  7: ['bpf_perf_event_data'],
  8: ['__sk_buff'],
  9: ['bpf_sock'],
  10: ['__sk_buff'],
  11: ['__sk_buff'],
  12: ['__sk_buff'],
  13: ['bpf_sock_ops'],
  14: ['__sk_buff'],
  15: ['bpf_cgroup_dev_ctx'],
  16: ['sk_msg_md'],
  17: ['bpf_raw_tracepoint_args'],
  18: ['bpf_sock_addr'],
  19: ['__sk_buff'],
  21: ['sk_reuseport_md'],
  22: ['__sk_buff'],
  23: ['bpf_sysctl'],
  24: ['bpf_raw_tracepoint_args'],
  25: ['bpf_sockopt'],
  30: ['bpf_sk_lookup'],
  32: ['bpf_nf_ctx'],
};

/** What a function of the program takes as one argument. */
export interface FunctionArgument {
  readonly kind: 'scalar' | 'ctx' | 'mem' | 'arena' | 'btf' | 'dynptr';
  readonly size: number;
  readonly btfId: TypeId;
  readonly nullable: boolean;
  readonly trusted: boolean;
}

function prototypeOf(env: Env, subprogram: number): BtfFuncProto | null {
  const { btf } = env.program.spec;
  const { funcType } = env.program.subprograms[subprogram];
  if (btf === null || funcType === 0) return null;
  const func = btf.type(funcType);
  if (func.kind !== BtfKind.FUNC) return null;
  const proto = btf.type(func.type);
  return proto.kind === BtfKind.FUNC_PROTO ? proto : null;
}

/** Arguments of a function as its BTF gives them; null = it has no (usable) BTF. */
export function functionArguments(env: Env, subprogram: number): FunctionArgument[] | null {
  const { btf } = env.program.spec;
  const proto = prototypeOf(env, subprogram);
  if (btf === null || proto === null) return null;
  const { funcType, isGlobal } = env.program.subprograms[subprogram];
  const out: FunctionArgument[] = [];
  const plain = { size: 0, btfId: 0, nullable: false, trusted: false };
  for (let i = 0; i < proto.params.length; i++) {
    const tags = btf
      .declTags(funcType)
      .filter((tag) => tag.component === i)
      .map((tag) => tag.name.replace(/^arg:/, ''));
    const type = btf.type(btf.skipModifiers(proto.params[i].type));
    if (type.kind === BtfKind.INT || type.kind === BtfKind.ENUM) {
      out.push({ ...plain, kind: 'scalar' });
      continue;
    }
    if (type.kind !== BtfKind.PTR) {
      if (isGlobal) {
        env.fail(
          Errno.EINVAL,
          `Arg#${i} type ${btf.format(type.id)} in ${btf.type(funcType).name}() is not supported yet.`,
        );
      }
      return null;
    }
    const pointee = btf.type(btf.skipModifiers(type.type));
    const alias = btf.type(btf.skipQualifiers(type.type)).name;
    const contexts = CONTEXT_STRUCTS[env.program.spec.type] ?? [];
    if (tags.includes('ctx') || contexts.includes(pointee.name) || contexts.includes(alias)) {
      out.push({ ...plain, kind: 'ctx' });
    } else if (tags.includes('arena')) {
      out.push({ ...plain, kind: 'arena' });
    } else if (tags.includes('trusted')) {
      const id = env.kernel.btf.find(pointee.name, BtfKind.STRUCT);
      out.push({ ...plain, kind: 'btf', btfId: id, trusted: true, nullable: tags.includes('nullable') });
    } else if (pointee.name === 'bpf_dynptr' || pointee.name === 'bpf_dynptr_kern') {
      out.push({ ...plain, kind: 'dynptr' });
    } else {
      const size = btf.sizeOf(pointee.id);
      if (size === 0) {
        if (!isGlobal) return null;
        const kind = pointee.kind === BtfKind.VOID ? 'UNKNOWN' : 'FWD';
        env.fail(
          Errno.EINVAL,
          `arg#${i} reference type('${kind} ${pointee.name}') size cannot be determined: -22`,
        );
      }
      out.push({ ...plain, kind: 'mem', size, nullable: !tags.includes('nonnull') });
    }
  }
  return out;
}

function checkArgument(env: Env, arg: FunctionArgument, index: number): boolean {
  const { regs } = env;
  const regno = index + 1;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  if (arg.kind === 'scalar') {
    if (type === RegType.SCALAR) return true;
    env.say(`R${regno} is not a scalar`);
    return false;
  }
  if (arg.kind === 'ctx') {
    if (type === RegType.CTX) {
      checkPointerOffset(env, regno, false);
      return true;
    }
    env.say(`arg#${index} expects pointer to ctx`);
    return false;
  }
  if (arg.kind === 'arena') {
    if (type === RegType.ARENA || type === RegType.SCALAR) return true;
    env.say(`R${regno} is not a pointer to arena or scalar.`);
    return false;
  }
  if (arg.kind === 'mem') {
    if (regs.isZero(reg) && arg.nullable) return true;
    if (mayBeNull(type) && !arg.nullable) {
      env.say(`arg#${index} is expected to be non-NULL`);
      return false;
    }
    checkHelperMemory(env, regno, arg.size, true, false, null);
    return true;
  }
  return type !== RegType.SCALAR || arg.nullable;
}

/** Whether the arguments fit; prints why not. A static function is verified with whatever it is given. */
function argumentsFit(env: Env, args: readonly FunctionArgument[], isGlobal: boolean): boolean {
  for (let i = 0; i < args.length && i < 5; i++) {
    if (!isGlobal && args[i].kind === 'mem') continue;
    if (!checkArgument(env, args[i], i)) return false;
  }
  return true;
}

/** A call of a function with global linkage checks only its arguments; true when it was one. */
export function checkGlobalCall(env: Env, at: InsnIndex, callee: number): boolean {
  const target = env.program.subprograms[callee];
  const args = functionArguments(env, callee);
  const fit = args === null ? !target.isGlobal : argumentsFit(env, args, target.isGlobal);
  if (!target.isGlobal) return false;
  const { state } = env;
  if (state.lock !== null) {
    env.fail(
      Errno.EINVAL,
      'global function calls are not allowed while holding a lock,\nuse static function instead',
    );
  }
  if (state.preemptDepth > 0) {
    env.fail(
      Errno.EINVAL,
      'global function calls are not allowed with preemption disabled,\nuse static function instead',
    );
  }
  if (!fit) {
    const name = env.legacy ? '' : ` ('${target.name}')`;
    env.fail(Errno.EINVAL, `Caller passes invalid args into func#${callee}${name}`);
  }
  if (env.log.verbose) {
    const text = env.legacy
      ? `Func#${callee} is global and valid. Skipping.`
      : `Func#${callee} ('${target.name}') is global and assumed valid.`;
    env.log.line(text, at, LOG_LEVEL2);
  }
  env.calledGlobals.add(callee);
  for (let i = 0; i < 6; i++) clobberReg(env, i);
  const r0 = env.reg(0);
  env.regs.setUnknown(r0);
  env.regs.set(r0, W_SUBREG, 0);
  return true;
}

/** Linux 6.1 checks the main program's own prototype the same way, and goes on whatever it finds. */
export function checkMainArguments(env: Env): void {
  const args = functionArguments(env, 0);
  if (args !== null) argumentsFit(env, args.slice(0, 1), false);
}

/** Registers of a global function that is verified on its own. */
export function setGlobalArguments(env: Env, args: readonly FunctionArgument[]): void {
  const { regs } = env;
  for (let i = 0; i < args.length && i < 5; i++) {
    const reg = env.reg(i + 1);
    const arg = args[i];
    if (arg.kind === 'scalar') {
      regs.setUnknown(reg);
    } else if (arg.kind === 'ctx') {
      regs.setPointer(reg, RegType.CTX);
    } else if (arg.kind === 'arena') {
      regs.setUnknown(reg);
      regs.set(reg, W_TYPE, RegType.ARENA);
    } else if (arg.kind === 'btf') {
      setBtfPointer(env, reg, 0, arg.btfId, TypeFlag.PTR_TRUSTED | (arg.nullable ? TypeFlag.MAYBE_NULL : 0));
    } else {
      regs.setPointer(reg, RegType.MEM | (arg.nullable ? TypeFlag.MAYBE_NULL : 0));
      regs.set(reg, W_A, arg.size);
      if (arg.nullable) regs.set(reg, W_ID, env.newId());
    }
  }
}

import type { InsnIndex } from '../../quantities.js';
import { setBtfPointer } from '../btf-access.js';
import type { Env } from '../env.js';
import { clobberReg } from '../liveness.js';
import { LOG_LEVEL2 } from '../log.js';
import { clearPacketPointers } from '../references.js';
import { W_A, W_C, W_ID, W_SUBREG, W_TYPE, mayBeNull } from '../registers.js';
import { RegType, TypeFlag } from '../reg-type.js';
import { Errno, VerifierError } from '../verifier-error.js';
import { checkArgumentType } from './argument-types.js';
import { checkOffset } from './arguments.js';
import { newMeta } from './call-meta.js';
import { checkDynptrArgument } from './dynptr-arguments.js';
import { describeArguments, type FunctionArgument, PrototypeRefusal } from './function-arguments.js';
import { checkReadWrite } from './memory-arguments.js';

/** Arguments of a global function that is verified on its own; null = it has no usable BTF. */
export function functionArguments(env: Env, subprogram: number): FunctionArgument[] | null {
  if (subprogram === 0 && env.log.tells) env.say(`Validating ${env.program.subprograms[0].name}() func#0...`);
  const args = describeArguments(env, subprogram);
  if (args instanceof PrototypeRefusal) return env.fail(args.errno, args.text);
  const isCallback = args !== null && env.isExceptionCallback(subprogram);
  if (isCallback && (args.length !== 1 || args[0].kind !== 'scalar')) {
    env.fail(Errno.EINVAL, 'exception cb only supports single integer argument');
  }
  return args;
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
    checkOffset(env, regno, false);
    if (type === RegType.CTX) return true;
    env.say(
      env.legacy
        ? `arg#${index} expected pointer to ctx, but got PTR`
        : `arg#${index} expects pointer to ctx`,
    );
    return false;
  }
  if (arg.kind === 'arena') {
    if (type === RegType.ARENA || type === RegType.SCALAR) return true;
    env.say(`R${regno} is not a pointer to arena or scalar.`);
    return false;
  }
  if (arg.kind === 'mem') {
    if (regs.isZero(reg)) return true;
    checkReadWrite(env, regno, arg.size);
    if (!mayBeNull(type) || arg.nullable) return true;
    env.say(`arg#${index} is expected to be non-NULL`);
    return false;
  }
  if (arg.kind === 'dynptr') {
    checkDynptrArgument(env, regno, { kind: 'DYNPTR', of: '', nullable: false, release: false }, newMeta());
    return true;
  }
  if (arg.nullable && regs.isZero(reg)) return true;
  checkArgumentType(env, index, {
    ...{ kind: 'BTF', of: env.btfName(0, arg.btfId), nullable: arg.nullable, release: false },
  });
  checkOffset(env, regno, false);
  return true;
}

/** The same, with a refusal of the argument's checks as the answer: its lines are printed. */
function fits(env: Env, arg: FunctionArgument, index: number): number {
  try {
    return checkArgument(env, arg, index) ? 0 : Errno.EINVAL;
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    return arg.kind === 'mem' ? Errno.EINVAL : error.errno;
  }
}

/** Errno of the first argument that does not fit, having printed why; 0 = all fit. */
function misfit(env: Env, args: readonly FunctionArgument[]): number {
  for (let i = 0; i < args.length && i < 5; i++) {
    const errno = fits(env, args[i], i);
    if (errno !== 0) return errno;
  }
  return 0;
}

/** What is wrong with a call of a global function; 0 = nothing. */
function callErrno(env: Env, callee: number): number {
  const args = describeArguments(env, callee);
  if (args === null) return Errno.EINVAL;
  if (!(args instanceof PrototypeRefusal)) return misfit(env, args);
  if (args.text !== '') env.say(args.text);
  return args.errno;
}

/** A static function is verified with whatever it is given; that its prototype says otherwise is only printed. */
function noteMisfit(env: Env, callee: number): void {
  const args = describeArguments(env, callee);
  if (args === null || args instanceof PrototypeRefusal) return;
  for (let i = 0; i < args.length && i < 5; i++) {
    if (args[i].kind === 'mem' || fits(env, args[i], i) !== 0) return;
  }
}

/** A call of a function with global linkage checks only its arguments; true when it was one. */
export function checkGlobalCall(env: Env, at: InsnIndex, callee: number): boolean {
  const target = env.program.subprograms[callee];
  if (!target.isGlobal) {
    noteMisfit(env, callee);
    return false;
  }
  const errno = callErrno(env, callee);
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
  if (errno !== 0) {
    const name = env.legacy ? '' : ` ('${target.name}')`;
    env.fail(errno, `Caller passes invalid args into func#${callee}${name}`);
  }
  if (env.log.verbose) {
    const text = env.legacy
      ? `Func#${callee} is global and valid. Skipping.`
      : `Func#${callee} ('${target.name}') is global and assumed valid.`;
    env.log.line(text, at, LOG_LEVEL2);
  }
  if (!env.legacy && target.changesPacket) clearPacketPointers(env);
  env.calledGlobals.add(callee);
  for (let i = 0; i < 6; i++) clobberReg(env, i);
  const r0 = env.reg(0);
  env.regs.setUnknown(r0);
  env.regs.set(r0, W_SUBREG, 0);
  return true;
}

/** The main program's own prototype is looked at too; whatever is found is only printed. */
export function checkMainArguments(env: Env): void {
  const args = describeArguments(env, 0);
  if (args instanceof PrototypeRefusal && args.text !== '' && env.log.tells) env.say(args.text);
  // Linux 6.1 looks at the context as a call of the program would.
  if (!env.legacy || args === null || args instanceof PrototypeRefusal || args.length === 0) return;
  if (args[0].kind !== 'mem') misfit(env, args.slice(0, 1));
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
    } else if (arg.kind === 'dynptr') {
      regs.setPointer(reg, RegType.CONST_DYNPTR);
      regs.set(reg, W_A, 1);
      regs.set(reg, W_C, 1);
    } else {
      regs.setPointer(reg, RegType.MEM | (arg.nullable ? TypeFlag.MAYBE_NULL : 0));
      regs.set(reg, W_A, arg.size);
      if (arg.nullable) regs.set(reg, W_ID, env.newId());
    }
  }
}

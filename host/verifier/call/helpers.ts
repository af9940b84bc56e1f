import { BPF_CALL, BPF_JMP } from '../../../assembly/isa.js';
import { FRAME_CALLBACK_DEPTH } from '../../../assembly/layout/verifier.js';
import type { InsnIndex } from '../../quantities.js';
import type { Env } from '../env.js';
import { NONE, POISON } from '../insn-aux.js';
import { clobberReg } from '../liveness.js';
import { typeName } from '../log-text.js';
import { isVoidCgroupHook } from '../exit.js';
import { accessMemory } from '../memory-access.js';
import { markPrecise } from '../precision.js';
import { clearPacketPointers, endNonOwning, releaseReference } from '../references.js';
import { W_A, W_SUBREG } from '../registers.js';
import { RegType, baseType } from '../reg-type.js';
import { Errno } from '../verifier-error.js';
import { checkArgument } from './arguments.js';
import { type CallMeta, newMeta } from './call-meta.js';
import { refineResult, setReference, setResult } from './helper-result.js';
import { type CallbackKind, simulateCallback } from './callbacks.js';
import { fieldsAt, inTreeCallback, isGraphKfunc } from './kfunc-objects.js';
import { checkSnprintf } from './format-string.js';
import { fieldOfValue } from './one-field.js';
import { mapFits, refusesSockmapChange } from './map-compatibility.js';
import { changesPacket } from './packet-changes.js';
import { checkFuncIp, isPermitted } from './permission.js';
import { helperSymbol } from './program-helpers.js';
import { type Prototype, helperName, isHelperId, prototypeOf } from './prototypes.js';
import { noteAllocation } from './storage-get.js';

const TAIL_CALL = 12;
const SPIN_LOCK = 93;
const SPIN_UNLOCK = 94;
const GET_LOCAL_STORAGE = 81;
const SNPRINTF = 165;
const SET_RETVAL = 187;
const KPTR_XCHG = 194;
const DYNPTR_FROM_MEM = 197;
const CALLBACKS: Record<number, CallbackKind> = {
  164: 'for_each',
  170: 'timer',
  180: 'find_vma',
  181: 'loop',
  209: 'ringbuf',
};
const RELEASES = new Set([86, 132, 133, 199, 200]);
const MAP_RECORDED = new Set([TAIL_CALL, 1, 2, 3, 87, 88, 89, 164, 51, 195]);
const BPF_F_RDONLY_PROG = 128;
const MAP_WRITERS = new Set([2, 3, 87, 88]);

function checkAvailable(env: Env, id: number, text: string): Prototype {
  const known = env.helpers.get(id);
  if (known !== undefined) return known;
  const { spec } = env.program;
  if (!isHelperId(id, env.legacy)) env.fail(Errno.EINVAL, `invalid func ${text}`);
  const name = helperName(id, env.legacy).replace(/^bpf_/, '');
  const symbol = helperSymbol(spec, name, env.legacy, env.capBpf, env.privileged);
  const proto = prototypeOf(id);
  if (symbol === null || proto === undefined) {
    env.fail(
      Errno.EINVAL,
      env.legacy ? `unknown func ${text}` : `program of this type cannot use helper ${text}`,
    );
  }
  if (proto.gplOnly && !env.gpl) {
    env.fail(Errno.EINVAL, 'cannot call GPL-restricted function from non-GPL compatible program');
  }
  if (!isPermitted(env, id)) env.fail(Errno.EINVAL, 'helper call is not allowed in probe');
  env.helpers.set(id, proto);
  return proto;
}

function checkSleep(env: Env, proto: Prototype, text: string): void {
  if (!proto.mightSleep) return;
  if (!env.sleepable && !env.state.inSleepable) {
    env.fail(Errno.EINVAL, 'helper call might sleep in a non-sleepable prog');
  }
  if (env.state.rcuDepth > 0) env.fail(Errno.EINVAL, `sleepable helper ${text} in rcu_read_lock region`);
  if (env.state.preemptDepth > 0) {
    env.fail(Errno.EINVAL, `sleepable helper ${text} in non-preemptible region`);
  }
}

/** Notes which map the call uses, for inlining; different maps on different paths rule it out. */
function recordMap(env: Env, at: InsnIndex, id: number, meta: CallMeta): void {
  if (meta.map < 0 || !MAP_RECORDED.has(id)) return;
  if ((env.maps[meta.map].spec.flags & BPF_F_RDONLY_PROG) !== 0 && MAP_WRITERS.has(id)) {
    env.fail(Errno.EACCES, 'write into map forbidden');
  }
  const { aux } = env;
  if (aux.map[at] === NONE) {
    aux.map[at] = meta.map;
  } else if (aux.map[at] !== meta.map) {
    aux.map[at] = POISON;
    aux.mapPoison[at] = 1;
  }
}

function recordTailCall(env: Env, at: InsnIndex, meta: CallMeta): void {
  const { regs, aux } = env;
  const key = env.reg(3);
  const map = meta.map;
  const value = regs.value(key);
  const known = regs.isScalar(key) && regs.isConst(key) && value < BigInt(env.maps[map].spec.maxEntries);
  const state = aux.tailCall.get(at);
  if (known) markPrecise(env, 3);
  if (state === undefined) {
    aux.tailCall.set(at, { map, key: known ? Number(value) : POISON });
    return;
  }
  if (!known || (state.key !== POISON && state.key !== Number(value))) state.key = POISON;
  if (state.map !== map) state.map = POISON;
}

function checkTailCall(env: Env): void {
  const { state } = env;
  if (state.references.length > 0) {
    checkTailReferences(env);
  }
  if (state.lock !== null) env.fail(Errno.EINVAL, 'tail_call cannot be used inside bpf_spin_lock-ed region');
  if (state.rcuDepth > 0) {
    env.fail(Errno.EINVAL, 'tail_call cannot be used inside bpf_rcu_read_lock-ed region');
  }
  if (state.preemptDepth > 0) {
    env.fail(Errno.EINVAL, 'tail_call cannot be used inside bpf_preempt_disable-ed region');
  }
}

function checkTailReferences(env: Env): void {
  for (const ref of env.state.references) env.say(`Unreleased reference id=${ref.id} alloc_insn=${ref.insn}`);
  env.fail(Errno.EINVAL, 'tail_call would lead to reference leak');
}

function lockOf(env: Env): { id: number; where: number } {
  const { regs } = env;
  const reg = env.reg(1);
  const inMap = baseType(regs.type(reg)) === RegType.MAP_VALUE;
  if (!regs.isConst(reg)) {
    env.fail(Errno.EINVAL, "R1 doesn't have constant offset. bpf_spin_lock has to be at the constant offset");
  }
  const map = inMap ? env.maps[regs.get(reg, W_A)] : null;
  const field =
    map === null
      ? fieldsAt(env, reg).find((one) => one.kind === 'bpf_spin_lock')
      : fieldOfValue(env, map, 'bpf_spin_lock');
  if (field === undefined) env.fail(Errno.EINVAL, "local 'kptr' has no valid bpf_spin_lock");
  const off = regs.off(reg) + regs.valueNumber(reg);
  if (off !== field.offset) {
    const tail = env.legacy ? '' : ` that is at ${field.offset}`;
    env.fail(Errno.EINVAL, `off ${off} doesn't point to 'struct bpf_spin_lock'${tail}`);
  }
  return { id: regs.id(reg), where: inMap ? regs.get(reg, W_A) : -1 };
}

function simulateLock(env: Env, id: number): void {
  const { state } = env;
  if (inTreeCallback(env)) env.fail(Errno.EACCES, "can't spin_{lock,unlock} in rbtree cb");
  const lock = lockOf(env);
  if (id === SPIN_LOCK) {
    if (state.lock !== null) env.fail(Errno.EINVAL, 'Locking two bpf_spin_locks are not allowed');
    state.lock = lock;
    return;
  }
  if (state.lock === null) env.fail(Errno.EINVAL, 'bpf_spin_unlock without taking a lock');
  if (state.lock.id !== lock.id || state.lock.where !== lock.where) {
    env.fail(Errno.EINVAL, 'bpf_spin_unlock of different lock');
  }
  state.lock = null;
  endNonOwning(env);
}

/** bpf_loop with the flag 0 and one callback can be inlined. */
function recordLoop(env: Env, at: InsnIndex, meta: CallMeta): void {
  const flag = env.reg(4);
  const zero = env.regs.isZero(flag);
  if (zero) markPrecise(env, 4);
  const known = env.aux.loopCall.get(at);
  if (known === undefined) env.aux.loopCall.set(at, { callback: meta.callback, fitsInline: zero });
  else known.fitsInline = known.fitsInline && zero && known.callback === meta.callback;
}

/** The function that the helper calls; the instruction to go on with, or -1. */
function callBack(env: Env, at: InsnIndex, id: number, meta: CallMeta): InsnIndex {
  const kind = CALLBACKS[id];
  if (kind === undefined) return -1;
  if (kind === 'loop') {
    recordLoop(env, at, meta);
    if (!env.legacy) {
      markPrecise(env, 1);
      if (BigInt(env.frames.callbackDepth(env.frame)) >= env.regs.umax(env.reg(1))) {
        env.frames.set(env.frame, FRAME_CALLBACK_DEPTH, 0);
        if (env.log.verbose) env.say(`frame${env.state.frames.length - 1} bpf_loop iteration limit reached`);
        return -1;
      }
    }
  }
  return simulateCallback(env, at, kind, meta);
}

function releaseArgument(env: Env, id: number, meta: CallMeta, text: string): void {
  const { regs } = env;
  let released = false;
  if (meta.releaseRegno > 0) {
    const reg = env.reg(meta.releaseRegno);
    if (id === KPTR_XCHG && regs.isZero(reg)) return;
    if (meta.reference !== 0) released = releaseReference(env, meta.reference);
    else if (regs.isZero(reg)) released = true;
  }
  if (!released && (RELEASES.has(id) || meta.releaseRegno > 0)) {
    env.fail(Errno.EINVAL, `func ${text} reference has not been acquired before`);
  }
}

/** A helper call; the next instruction. */
export function simulateHelper(env: Env, at: InsnIndex): InsnIndex {
  const { code, regs } = env;
  const id = code.imm[at];
  const text = `${helperName(id, env.legacy)}#${id}`;
  const proto = checkAvailable(env, id, text);
  checkSleep(env, proto, text);
  noteAllocation(env, at, id);
  const meta = newMeta();
  for (let i = 0; i < proto.args.length; i++) checkArgument(env, proto, i, meta);
  recordMap(env, at, id, meta);
  if (id === TAIL_CALL) recordTailCall(env, at, meta);
  for (let i = 0; i < meta.raw.size; i++) {
    accessMemory(env, meta.raw.regno, { off: i, size: 1, isWrite: true, value: -1, signExtend: false });
  }
  if (id === DYNPTR_FROM_MEM && baseType(regs.type(env.reg(1))) !== RegType.MAP_VALUE) {
    const name = typeName(regs.type(env.reg(1)), env.legacy);
    env.fail(Errno.EACCES, `Unsupported reg type ${name} for bpf_dynptr_from_mem data`);
  }
  if (id === SPIN_LOCK || id === SPIN_UNLOCK) simulateLock(env, id);
  if (RELEASES.has(id) || meta.releaseRegno > 0) releaseArgument(env, id, meta, text);
  if (id === TAIL_CALL) checkTailCall(env);
  if (id === GET_LOCAL_STORAGE && !regs.isZero(env.reg(2))) {
    env.fail(Errno.EINVAL, "get_local_storage() doesn't support non-zero flags");
  }
  if (id === SET_RETVAL && isVoidCgroupHook(env)) {
    env.fail(Errno.EINVAL, "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!");
  }
  if (id === SNPRINTF) checkSnprintf(env);
  const frame = env.frame;
  const next = callBack(env, at, id, meta);
  const inner = env.frame;
  env.frame = frame;
  for (let i = 0; i < 6; i++) clobberReg(env, i);
  const r0 = env.reg(0);
  regs.set(r0, W_SUBREG, 0);
  setResult(env, proto, meta);
  setReference(env, id, meta);
  refineResult(env, id, meta);
  if (meta.map >= 0) {
    const { type } = env.maps[meta.map].spec;
    const programType = env.program.spec.type;
    if (!mapFits(type, id, programType)) {
      if (refusesSockmapChange(type, id, programType)) env.say('cannot update sockmap in this context');
      env.fail(Errno.EINVAL, `cannot pass map_type ${type} into func ${text}`);
    }
    if (id === TAIL_CALL && !env.jit && env.program.subprograms.length > 1) {
      const why = 'tail_calls are not allowed in non-JITed programs with bpf-to-bpf calls';
      env.fail(Errno.EINVAL, why);
    }
  }
  checkFuncIp(env, id, text);
  if (changesPacket(id) && !(id === TAIL_CALL && env.legacy)) clearPacketPointers(env);
  env.frame = inner;
  return next >= 0 ? next : at + 1;
}

/** Form of a call instruction. */
export function checkCallFields(env: Env, at: InsnIndex): void {
  const { code } = env;
  const src = code.src[at];
  const bad =
    code.opcode[at] !== (BPF_JMP | BPF_CALL) ||
    (code.off[at] !== 0 && src !== 2) ||
    src > 2 ||
    code.dst[at] !== 0;
  if (bad) env.fail(Errno.EINVAL, 'BPF_CALL uses reserved fields');
  if (env.state.lock === null) return;
  const kfunc = src === 2 ? env.program.kfuncs.get(code.imm[at]) : undefined;
  const allowed =
    (src === 0 && code.imm[at] === SPIN_UNLOCK) ||
    (src === 1 && !env.legacy) ||
    (kfunc !== undefined && isGraphKfunc(kfunc.name));
  if (!allowed) env.fail(Errno.EINVAL, 'function calls are not allowed while holding a lock');
}

import {
  BPF_JMP,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_TAIL_CALL,
  INSN_SIZE,
} from '../../../assembly/isa.js';
import type { InsnAux } from '../insn-aux.js';
import type { KernelView, LoadedMap } from '../kernel-view.js';
import type { LogRecord } from '../log.js';
import type { Prepared } from '../prepared.js';
import { tagOf } from '../prepass/tag.js';
import type { VerifiedFunction, VerifiedProgram } from '../verified-program.js';
import { Errno, VerifierError } from '../verifier-error.js';
import { convertAccesses } from './context-access.js';
import { removeDeadCode, trapDeadCode } from './dead-code.js';
import { type RewriteEnvironment, rewriteEnvironment } from './environment.js';
import { removeFastcallSpills } from './fastcall.js';
import { fixUp } from './fixups.js';
import { dumpForm, isProbe, jitForm } from './forms.js';
import { inlineLoops } from './loop.js';
import { type Code, Pass } from './pass.js';
import { tailCallReachable } from './reachable.js';
import { CALL, InsnStream, LD_IMM64 } from './stream.js';
import type { TailCallPoke } from './tail-call.js';
import { zeroExtend } from './zero-extend.js';

const TAIL_CALL = BPF_JMP | BPF_TAIL_CALL;

/** What the rewrites need of the simulation. */
export interface Simulated {
  readonly aux: InsnAux;
  /** Bytes of stack each function of the submitted program uses. */
  readonly stackDepth: ArrayLike<number>;
  readonly verifiedInsns: number;
  /** Maps by the indexes that `aux.map` holds: the program's, then inner maps. Absent: the program's only. */
  readonly maps?: readonly LoadedMap[];
  /** Functions that run on their own later: timer and workqueue callbacks. Absent: none. */
  readonly asyncCallbacks?: ReadonlySet<number>;
  /** A store went through a packet pointer. */
  readonly writesPacket?: boolean;
  readonly log: readonly LogRecord[];
}

/** Turns a program that passed the simulation into what the JIT compiles, pass by pass in the kernel's order. */
export function rewrite(
  prepared: Prepared,
  simulated: Simulated,
  kernel: KernelView,
  privileged = true,
  perfmon = privileged,
): VerifiedProgram {
  const { aux } = simulated;
  const env = rewriteEnvironment(prepared, kernel, aux, simulated.maps ?? kernel.maps, privileged, perfmon);
  const starts = prepared.subprograms.map((subprogram) => subprogram.start);
  const stackDepth = starts.map((_, index) => simulated.stackDepth[index] ?? 0);
  let code: Code = { stream: InsnStream.parse(prepared.insns), functions: Int32Array.from(starts) };
  const throws = callsThrow(prepared, aux);
  code = removeFastcallSpills(env, code, stackDepth);
  code = inlineLoops(code, aux, starts, stackDepth);
  code = privileged ? removeDeadCode(code, aux) : trapDeadCode(code, aux);
  code = convertAccesses(env, code, simulated.writesPacket === true);
  const hasOwnCallback = prepared.subprograms.some((subprogram) => subprogram.isExceptionCallback === true);
  if (throws && !hasOwnCallback) {
    code = appendExceptionCallback(code);
    stackDepth.push(0);
  }
  const pokes: TailCallPoke[] = [];
  code = fixUp(env, code, stackDepth, pokes);
  code = zeroExtend(code);
  if (!prepared.jit) checkInterpreted(code);
  return finish(env, simulated, code, stackDepth, pokes, throws);
}

/** Where nothing is compiled, no function of the program can be called back. */
function checkInterpreted({ stream }: Code): void {
  for (let at = 0; at < stream.length; at++) {
    if (stream.code[at] !== LD_IMM64 || stream.src[at] !== BPF_PSEUDO_FUNC) continue;
    const text = 'callbacks are not allowed in non-JITed programs';
    throw new VerifierError(Errno.EINVAL, text, stream.origin[at], []);
  }
}

/** Does a path reach a call of bpf_throw? */
function callsThrow({ insns, kfuncs }: Prepared, aux: InsnAux): boolean {
  const ids = [...kfuncs.values()].filter((kfunc) => kfunc.name === 'bpf_throw').map((kfunc) => kfunc.id);
  if (ids.length === 0) return false;
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  for (let at = 0; at * INSN_SIZE < insns.length; at++) {
    if (insns[at * INSN_SIZE] !== CALL || insns[at * INSN_SIZE + 1] >>> 4 !== BPF_PSEUDO_KFUNC_CALL) continue;
    if (aux.seen[at] === 1 && ids.includes(view.getInt32(at * INSN_SIZE + 4, true))) return true;
  }
  return false;
}

/** A program without an exception callback gets one that returns the cookie: a function of its own, at the end. */
function appendExceptionCallback({ stream, functions }: Code): Code {
  const last = stream.length - 1;
  const code = Pass.run({ stream, functions }, (pass, at) => {
    pass.copy();
    if (at !== last) return;
    pass.mov(0, 1);
    pass.exit();
  });
  return { stream: code.stream, functions: Int32Array.from([...code.functions, code.stream.length - 2]) };
}

function finish(
  env: RewriteEnvironment,
  simulated: Simulated,
  { stream, functions }: Code,
  stackDepth: readonly number[],
  pokes: readonly TailCallPoke[],
  throws: boolean,
): VerifiedProgram {
  const { prepared, kernel, spec } = env;
  const kept = keptFunctions(functions, stream.length);
  const indexAt = new Map(kept.map((index, position) => [functions[index], position]));
  const functionAt = (slot: number): number => indexAt.get(slot) ?? 0;
  const insns = jitForm(env, stream, functionAt);
  const tag = tagOf(prepared.insns, true);
  const reachable = tailCallReachable(prepared, simulated.asyncCallbacks ?? new Set());
  const verified = kept.map((index, position): VerifiedFunction => {
    const start = functions[index];
    const end = position + 1 < kept.length ? functions[kept[position + 1]] : stream.length;
    const subprogram = prepared.subprograms[index];
    return {
      name: subprogram?.name ?? '',
      start,
      end,
      stackDepth: stackDepth[index],
      numExentries: countProbes(stream, start, end),
      tailCallReachable: reachable[index] ?? false,
      isExceptionCallback: subprogram === undefined || subprogram.isExceptionCallback === true,
      isHidden: subprogram === undefined,
      funcType: subprogram?.funcType ?? 0,
      changesPacket: subprogram?.changesPacket === true,
      tag: position === 0 ? tag : tagOf(insns.subarray(start * INSN_SIZE, end * INSN_SIZE), false),
    };
  });
  const arena = kernel.maps.find((map) => map.arena !== undefined)?.arena ?? null;
  return {
    spec,
    insns,
    xlated: dumpForm(env, stream, insns, functionAt),
    origin: stream.origin.slice(0, stream.length),
    functions: verified,
    numExentries: verified.reduce((sum, one) => sum + one.numExentries, 0),
    tag,
    verifiedInsns: simulated.verifiedInsns,
    tracesTracer: false,
    exceptionBoundary: throws,
    arena,
    pokes: placePokes(stream, pokes),
    log: simulated.log,
  };
}

/** Functions of which something is left. */
function keptFunctions(functions: Int32Array, length: number): number[] {
  const kept: number[] = [];
  functions.forEach((start, index) => {
    if (start < (index + 1 < functions.length ? functions[index + 1] : length)) kept.push(index);
  });
  return kept;
}

function countProbes(stream: InsnStream, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at++) if (isProbe(stream.code[at])) count++;
  return count;
}

function placePokes(stream: InsnStream, pokes: readonly TailCallPoke[]): VerifiedProgram['pokes'] {
  const slots = new Int32Array(pokes.length);
  for (let at = 0; at < stream.length; at++) {
    if (stream.code[at] === TAIL_CALL && stream.imm[at] > 0) slots[stream.imm[at] - 1] = at;
  }
  return pokes.map((poke, index) => ({ map: poke.map, key: poke.key, insn: slots[index] }));
}

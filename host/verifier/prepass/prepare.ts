import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, INSN_SIZE } from '../../../assembly/isa.js';
import { BtfKind } from '../../btf/types.js';
import type { ProgramSpec } from '../../program/program-spec.js';
import { contextTable } from '../ctx/table.js';
import type { KernelView } from '../kernel-view.js';
import type { Prepared, Subprogram } from '../prepared.js';
import { CALL, LD_IMM64 } from '../rewrite/stream.js';
import { Errno, VerifierError } from '../verifier-error.js';
import { checkAttachTarget } from './attach.js';
import { checkControlFlow } from './control-flow.js';
import { checkBtf, checkFuncInfo, findExceptionCallback, matchFuncInfo } from './func-info.js';
import { checkLineInfo } from './line-info.js';
import { checkLoad } from './load.js';
import { ALL_RIGHTS, type LoadRights, Prepass } from './prepass.js';
import { resolvePseudo } from './pseudo.js';
import { checkCoreRelos, withRawRecords } from './raw-records.js';
import { packetChangers } from './packet-changers.js';
import { checkLayout, collectSubprograms, type Traits } from './subprograms.js';

const LINKAGE_GLOBAL = 1;

/**
 * Everything the kernel checks before it simulates: form, functions, references, control flow, attach target.
 *
 * @throws VerifierError with the kernel's message and error number.
 */
export function prepare(
  submitted: ProgramSpec,
  kernel: KernelView,
  allowed: Partial<LoadRights> = {},
): Prepared {
  const rights = { ...ALL_RIGHTS, ...allowed };
  const spec = withRawRecords(submitted);
  const count = spec.insns.length / INSN_SIZE;
  if (!Number.isInteger(count)) {
    const text = `program ${spec.name}: expected whole instructions of 8 bytes, found ${spec.insns.length} bytes`;
    throw new VerifierError(Errno.EINVAL, text, undefined, []);
  }
  const pass = new Prepass(spec, kernel, rights);
  checkLoad(pass);
  if (pass.isModern) checkBtf(pass);
  if (pass.isModern) checkFuncInfo(pass);
  const exceptionCallback = findExceptionCallback(pass);
  const { starts, kfuncs } = collectSubprograms(pass, exceptionCallback);
  const traits = checkLayout(pass, starts);
  if (!pass.isModern) checkBtf(pass);
  matchFuncInfo(pass, starts, traits);
  checkLineInfo(pass, starts);
  checkCoreRelos(pass);
  const resolved = resolvePseudo(pass);
  const marks = checkControlFlow(pass, kfuncs, exceptionCallback);
  const calleeOf = callees(pass, starts);
  pass.changing = packetChangers(pass, starts, calleeOf);
  checkAttachTarget(pass);
  const effective = pass.effective;
  return {
    spec: effective,
    jit: pass.jit,
    isExtension: effective !== spec,
    insns: spec.insns,
    count,
    subprograms: starts.map((_, index) => subprogram(pass, starts, traits, index, exceptionCallback)),
    ...marks,
    calleeOf,
    mapOf: resolved.mapOf,
    imm64: resolved.imm64,
    kernelSymbols: resolved.kernelSymbols,
    contextTable: contextTable(effective, kernel, pass.privileged),
    kfuncs,
    log: pass.log,
  };
}

function subprogram(
  pass: Prepass,
  starts: readonly number[],
  traits: readonly Traits[],
  index: number,
  exceptionCallback: number | null,
): Subprogram {
  const { spec } = pass;
  const funcType = spec.funcInfo[index]?.type ?? 0;
  const func = spec.btf !== null && funcType !== 0 ? spec.btf.type(funcType) : null;
  const start = starts[index];
  return {
    start,
    end: starts[index + 1] ?? pass.count,
    name: func?.name ?? (index === 0 ? spec.name : 'F'),
    isGlobal: func?.kind === BtfKind.FUNC && func.linkage === LINKAGE_GLOBAL,
    funcType,
    hasTailCall: traits[index].hasTailCall,
    hasLdAbs: traits[index].hasLdAbs,
    changesPacket: pass.changing[index] === true,
    isExceptionCallback: start === exceptionCallback,
  };
}

/** Function index of each call of a function and of each load of a function's address; -1 elsewhere. */
function callees({ stream, count }: Prepass, starts: readonly number[]): Int32Array {
  const indexAt = new Map(starts.map((start, index) => [start, index]));
  const callee = new Int32Array(count).fill(-1);
  for (let at = 0; at < count; at++) {
    const code = stream.code[at];
    const isCall = code === CALL && stream.src[at] === BPF_PSEUDO_CALL;
    const isAddress = code === LD_IMM64 && stream.src[at] === BPF_PSEUDO_FUNC;
    if (isCall || isAddress) callee[at] = indexAt.get(stream.target[at]) ?? -1;
  }
  return callee;
}

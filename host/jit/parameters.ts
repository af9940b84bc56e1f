import * as L from '../../assembly/layout/jit.js';
import type { JitParameters } from '../core/jit.js';
import type { IndirectBranch, JitKnobs, KernelVersion } from '../profiles/profile.js';
import type { GuestAddress } from '../quantities.js';
import type { JitInput } from './jit-image.js';

const VERSIONS: Readonly<Record<KernelVersion, number>> = {
  '5.5': L.JIT_V5_5,
  '6.1': L.JIT_V6_1,
  '6.12': L.JIT_V6_12,
};

const INDIRECT: Readonly<Record<IndirectBranch, number>> = {
  plain: L.JIT_INDIRECT_PLAIN,
  retpoline: L.JIT_INDIRECT_RETPOLINE,
  'retpoline-lfence': L.JIT_INDIRECT_LFENCE,
  its: L.JIT_INDIRECT_ITS,
};

const CFI: Readonly<Record<JitKnobs['cfi'], number>> = {
  off: L.JIT_CFI_OFF,
  kcfi: L.JIT_CFI_KCFI,
  fineibt: L.JIT_CFI_FINEIBT,
};

/** First address above the user half and one page, which offsets from small pointers reach. */
const userLimit = (la57: boolean): GuestAddress => 1n << (la57 ? 56n : 47n);
const VSYSCALL = 0xffffffffff600000n;

/** Bytes of the CFI preamble between the start of an image and the function's address. */
export function cfiOffset(knobs: JitKnobs): number {
  if (knobs.version !== '6.12' || knobs.cfi === 'off') return 0;
  return knobs.cfi === 'fineibt' || knobs.callPadding === true ? 16 : 5;
}

const bit = (on: boolean | undefined, flag: number): number => (on === true ? flag : 0);

function flagBits(knobs: JitKnobs, input: JitInput): number {
  return (
    bit(knobs.bmi2, L.JIT_BMI2) |
    bit(knobs.ibt, L.JIT_IBT) |
    bit(knobs.sls, L.JIT_SLS) |
    bit(knobs.retpolineConfig, L.JIT_RETPOLINE_CONFIG) |
    bit(knobs.smp, L.JIT_SMP) |
    bit(knobs.probeMem, L.JIT_PROBE_SUPPORT) |
    bit(knobs.callPadding, L.JIT_CALL_PADDING) |
    bit(input.tailCallReachable, L.JIT_TAIL_CALL_REACHABLE) |
    bit(input.isSubprogram, L.JIT_SUBPROGRAM) |
    bit(input.isExceptionCallback, L.JIT_EXCEPTION_CALLBACK) |
    bit(input.exceptionBoundary, L.JIT_EXCEPTION_BOUNDARY) |
    bit(input.isClassic, L.JIT_CLASSIC)
  );
}

/** The core's parameters for one function. */
export function jitParameters(knobs: JitKnobs, input: JitInput): JitParameters {
  const hash = input.isSubprogram ? knobs.cfiHash?.subprogram : knobs.cfiHash?.program;
  return {
    insns: input.insns,
    stackDepth: input.stackDepth,
    numExentries: input.numExentries,
    flags: flagBits(knobs, input),
    version: VERSIONS[knobs.version],
    indirect: INDIRECT[knobs.indirect],
    cfi: knobs.version === '6.12' ? CFI[knobs.cfi] : L.JIT_CFI_OFF,
    cfiHash: hash ?? 0,
    offMapMaxEntries: knobs.offMapMaxEntries,
    offArrayPtrs: knobs.offArrayPtrs,
    offProgFunc: knobs.offProgFunc,
    thisCpuOff: knobs.thisCpuOff,
    arenaKernel: input.arenaKernel,
    arenaUser: input.arenaUser,
    probeUser: knobs.probeLimits?.user ?? userLimit(knobs.la57),
    probeVsyscall: knobs.probeLimits?.vsyscall ?? VSYSCALL,
    callBase: knobs.callBase,
    returnThunk: knobs.returnThunk ?? 0n,
    indirectThunk: knobs.indirectThunkRcx ?? 0n,
    callDepth: knobs.callDepth ? (knobs.callDepthCounter ?? 0n) : 0n,
    exHandler: knobs.extableHandler ?? 0n,
  };
}

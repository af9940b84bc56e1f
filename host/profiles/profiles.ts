import { UsageError } from '../errors.js';
import type { JitKnobs, KernelVersion, Profile } from './profile.js';
import { KernelSymbols } from './symbol-table.js';
import { SYMBOLS_5_5 } from './symbols-5.5.js';
import { SYMBOLS_6_1 } from './symbols-6.1.js';
import { SYMBOLS_6_12 } from './symbols-6.12.js';

export const PROFILE_NAMES = ['linux-6.12', 'linux-6.1', 'linux-5.5'] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];

/** CPU and boot options a kernel is met with. */
export const PROFILE_VARIANTS = ['base', 'nobmi2', 'mitig', 'mitigamd', 'negval', 'harden2'] as const;
export type ProfileVariant = (typeof PROFILE_VARIANTS)[number];

interface Kernel {
  readonly version: KernelVersion;
  readonly symbols: KernelSymbols;
  readonly ibt: boolean;
  readonly sls: boolean;
  readonly retpolineConfig: boolean;
  readonly offMapMaxEntries: number;
  readonly offArrayPtrs: number;
  readonly offProgFunc: number;
  readonly thisCpuOff: number;
  readonly maxCpus: number;
}

const KERNELS: Readonly<Record<ProfileName, Kernel>> = {
  'linux-6.12': {
    version: '6.12',
    symbols: new KernelSymbols(SYMBOLS_6_12),
    ibt: true,
    sls: true,
    retpolineConfig: true,
    offMapMaxEntries: 36,
    offArrayPtrs: 264,
    offProgFunc: 48,
    thisCpuOff: 0x19a18,
    maxCpus: 8192,
  },
  'linux-6.1': {
    version: '6.1',
    symbols: new KernelSymbols(SYMBOLS_6_1),
    ibt: false,
    sls: true,
    retpolineConfig: true,
    offMapMaxEntries: 36,
    offArrayPtrs: 272,
    offProgFunc: 48,
    thisCpuOff: 0x19168,
    maxCpus: 8192,
  },
  'linux-5.5': {
    version: '5.5',
    symbols: new KernelSymbols(SYMBOLS_5_5),
    ibt: false,
    sls: false,
    retpolineConfig: false,
    offMapMaxEntries: 36,
    offArrayPtrs: 264,
    offProgFunc: 48,
    thisCpuOff: 0,
    maxCpus: 8192,
  },
};

const RETURN_THUNKS: Partial<Record<ProfileVariant, string>> = {
  mitig: 'its_return_thunk',
  mitigamd: 'srso_return_thunk',
};

/**
 * A kernel profile by name.
 *
 * @throws UsageError USAGE_PROFILE when there is no such profile or variant.
 * @example
 * profile('linux-6.12', 'nobmi2').jit.bmi2; // false
 */
export function profile(name: string, variant = 'base'): Profile {
  const kernel = KERNELS[name as ProfileName] as Kernel | undefined;
  if (kernel === undefined)
    throw new UsageError('USAGE_PROFILE', `profile ${name}: expected one of ${PROFILE_NAMES.join(', ')}`);
  if (!(PROFILE_VARIANTS as readonly string[]).includes(variant))
    throw new UsageError(
      'USAGE_PROFILE',
      `profile ${name}: variant ${variant}: expected one of ${PROFILE_VARIANTS.join(', ')}`,
    );
  return {
    name,
    version: kernel.version,
    jit: knobs(kernel, variant as ProfileVariant),
    symbols: kernel.symbols,
    harden: variant === 'harden2' ? 2 : 0,
    maxCpus: kernel.maxCpus,
  };
}

function symbol(kernel: Kernel, name: string): bigint {
  const address = kernel.symbols.address(name);
  if (address === undefined)
    throw new UsageError('USAGE_PROFILE', `kernel ${kernel.version}: symbol ${name} has no address`);
  return address;
}

function knobs(kernel: Kernel, variant: ProfileVariant): JitKnobs {
  const thunk = kernel.version === '5.5' ? undefined : RETURN_THUNKS[variant];
  const mitigated = variant === 'mitig' || variant === 'mitigamd';
  return {
    version: kernel.version,
    bmi2: variant !== 'nobmi2',
    ibt: kernel.ibt,
    cfi: 'off',
    indirect: mitigated ? 'retpoline' : 'plain',
    returnThunk: thunk === undefined ? undefined : symbol(kernel, thunk),
    indirectThunkRcx: thunk === undefined ? undefined : symbol(kernel, '__x86_indirect_thunk_rcx'),
    sls: kernel.sls,
    retpolineConfig: kernel.retpolineConfig,
    callDepth: false,
    la57: false,
    smp: true,
    offMapMaxEntries: kernel.offMapMaxEntries,
    offArrayPtrs: kernel.offArrayPtrs,
    offProgFunc: kernel.offProgFunc,
    thisCpuOff: kernel.thisCpuOff,
    callBase: symbol(kernel, '__bpf_call_base'),
    probeMem: true,
    extableHandler: kernel.version === '5.5' ? symbol(kernel, 'ex_handler_bpf') : undefined,
  };
}

import type { JitKnobs } from '../../../host/profiles/profile.js';
import { profile } from '../../../host/profiles/profiles.js';
import { BASE, OBJECTS, STUBS } from './layout.js';
import type { Stubs } from './stubs.js';

/** Offset in the objects page of the counter of calls: it is among the memory compared. */
const CALL_DEPTH = 16n;
/** Offsets in the objects page of the per-CPU area and in it of this_cpu_off. */
const PER_CPU = 0xc00n;
const THIS_CPU_OFF = 0x20;

/** A kernel as the programs of this computer's process meet it. */
export interface Kernel {
  readonly name: string;
  readonly knobs: JitKnobs;
  /** Base of gs. */
  readonly gs: bigint;
  readonly needsBmi2: boolean;
}

/** Addresses of the area pass the guards, but for its first page, where nothing is. */
const GUARDS = { user: BASE + 0x1000n, vsyscall: 0xffffffffff600000n };

/** Every version, and the knobs that change code which can run here. */
export function kernels(stubs: Stubs): Kernel[] {
  const common = { callBase: STUBS, probeLimits: GUARDS, thisCpuOff: THIS_CPU_OFF, returnThunk: undefined };
  const percpu = OBJECTS + PER_CPU;
  return [
    {
      name: 'linux-6.12',
      knobs: { ...profile('linux-6.12').jit, ...common, bmi2: true, indirect: 'plain' },
      gs: percpu,
      needsBmi2: true,
    },
    {
      name: 'linux-6.12 mitigated',
      knobs: {
        ...profile('linux-6.12').jit,
        ...common,
        bmi2: false,
        ibt: true,
        sls: true,
        cfi: 'kcfi',
        cfiHash: { program: 0x12345678, subprogram: 0x23456789 },
        callPadding: true,
        callDepth: true,
        callDepthCounter: OBJECTS + CALL_DEPTH,
        probeLimits: { ...GUARDS, vsyscall: 0xffffffffff000000n },
        returnThunk: stubs.returnThunk,
        indirect: 'retpoline',
        indirectThunkRcx: stubs.retpolineRcx,
      },
      gs: 0n,
      needsBmi2: false,
    },
    {
      name: 'linux-6.1',
      knobs: { ...profile('linux-6.1').jit, ...common, indirect: 'its', indirectThunkRcx: stubs.jumpRcx },
      gs: percpu,
      needsBmi2: true,
    },
    {
      name: 'linux-5.5',
      knobs: { ...profile('linux-5.5').jit, ...common, extableHandler: STUBS },
      gs: percpu,
      needsBmi2: false,
    },
    {
      name: 'linux-5.5 mitigated',
      knobs: {
        ...profile('linux-5.5').jit,
        ...common,
        extableHandler: STUBS,
        indirect: 'retpoline',
        indirectThunkRcx: stubs.retpolineRcx,
      },
      gs: percpu,
      needsBmi2: false,
    },
  ];
}

/** Content of the objects page: a program array of two slots with `program` in the first, its program, this_cpu_off. */
export function objects({ knobs }: Kernel, program: bigint): Uint8Array {
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  const ARRAY = 64;
  const PROGRAM = 0x400;
  view.setUint32(ARRAY + knobs.offMapMaxEntries, 2, true);
  view.setBigUint64(ARRAY + knobs.offArrayPtrs, OBJECTS + BigInt(PROGRAM), true);
  view.setBigUint64(PROGRAM + knobs.offProgFunc, program, true);
  view.setBigUint64(Number(PER_CPU) + THIS_CPU_OFF, 0x123456789an, true);
  return bytes;
}

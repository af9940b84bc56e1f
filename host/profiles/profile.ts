import type { GuestAddress } from '../quantities.js';

/** Kernel versions with a behaviour of their own. */
export type KernelVersion = '6.12' | '6.1' | '5.5';

/** How a tail call's indirect jump is emitted. */
export type IndirectBranch = 'plain' | 'retpoline' | 'retpoline-lfence' | 'its';

/** Everything that changes the bytes the JIT emits. Offsets in bytes. */
export interface JitKnobs {
  readonly version: KernelVersion;
  readonly bmi2: boolean;
  /** Kernel built with X86_KERNEL_IBT: endbr64 at the entry and at the tail-call landing point. */
  readonly ibt: boolean;
  readonly cfi: 'off' | 'kcfi' | 'fineibt';
  readonly indirect: IndirectBranch;
  /** Address the final return jumps to; undefined = plain `ret`. */
  readonly returnThunk?: GuestAddress;
  /** Address of the indirect thunk for rcx, with `indirect` other than plain. */
  readonly indirectThunkRcx?: GuestAddress;
  readonly sls: boolean;
  readonly retpolineConfig: boolean;
  readonly callDepth: boolean;
  readonly la57: boolean;
  readonly smp: boolean;
  /** bpf_map.max_entries, bpf_array.ptrs, bpf_prog.bpf_func. */
  readonly offMapMaxEntries: number;
  readonly offArrayPtrs: number;
  readonly offProgFunc: number;
  /** Offset of this_cpu_off in the per-CPU section. */
  readonly thisCpuOff: number;
  /** Address helper and kfunc immediates are relative to (__bpf_call_base). */
  readonly callBase: GuestAddress;
  /** The backend knows the probing modes; without, they are unknown opcodes, as on 32-bit architectures. */
  readonly probeMem: boolean;
  /** With `callDepth`: address of the counter, in the per-CPU section. */
  readonly callDepthCounter?: GuestAddress;
  /**
   * For tests on a real CPU: limits of the guards of probing loads in place of the kernel's, so that addresses of a
   * process pass. Addresses from `user` to below `vsyscall` do; `vsyscall` is a sign-extended 32-bit number.
   */
  readonly probeLimits?: { readonly user: GuestAddress; readonly vsyscall: GuestAddress };
  /** 5.5 only: address of the exception handler that table entries name. */
  readonly extableHandler?: GuestAddress;
  /** With `cfi`: type hashes of main programs and of subprograms; kcfi pads to 16 bytes with `callPadding`. */
  readonly cfiHash?: { readonly program: number; readonly subprogram: number };
  readonly callPadding?: boolean;
}

/** Kernel symbols by name and by address. */
export interface SymbolTable extends Iterable<readonly [GuestAddress, string]> {
  address(name: string): GuestAddress | undefined;
  name(address: GuestAddress): string | undefined;
}

/** One kernel as a program meets it: version, JIT knobs, addresses. */
export interface Profile {
  /** linux-6.12, linux-6.1 or linux-5.5. */
  readonly name: string;
  readonly version: KernelVersion;
  readonly jit: JitKnobs;
  readonly symbols: SymbolTable;
  /** net.core.bpf_jit_harden. */
  readonly harden: 0 | 1 | 2;
  /** NR_CPUS the kernel was configured with. */
  readonly maxCpus: number;
}

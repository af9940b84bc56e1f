import type { ByteOffset, GuestAddress, InsnIndex, X86Register } from '../quantities.js';

/** What the JIT compiles: one function, its instructions in the form of VerifiedProgram.insns. */
export interface JitInput {
  readonly name: string;
  readonly insns: Uint8Array;
  readonly stackDepth: number;
  readonly numExentries: number;
  readonly tailCallReachable: boolean;
  readonly isSubprogram: boolean;
  readonly isExceptionCallback: boolean;
  readonly exceptionBoundary: boolean;
  readonly isClassic: boolean;
  readonly arenaKernel: GuestAddress;
  readonly arenaUser: GuestAddress;
}

/** One exception-table entry, decoded (assembly/layout/extable.ts). */
export interface ExtableEntry {
  /** Start of the faulting instruction in the image. */
  readonly ipOffset: ByteOffset;
  /** Bytes to skip. */
  readonly length: number;
  /** Register to zero; null = none (arena stores and atomics). */
  readonly register: X86Register | null;
  /** EX_TYPE_BPF = 7; the 5.5 form has the distance to the handler here. */
  readonly data: number;
  /** Slot of JitInput.insns that the faulting instruction came from. */
  readonly insn: InsnIndex;
  /** Offset of the `xor` that runs instead of a refused load; null = no guard. */
  readonly guard: ByteOffset | null;
}

/** One compiled function, placed at its final address, not yet executable. */
export interface JitImage {
  readonly name: string;
  /** Final address of the first byte of the image (and of the table's base); equals `entry` without a CFI preamble. */
  readonly address: GuestAddress;
  /** bpf_func: the address that is called. */
  readonly entry: GuestAddress;
  /** Address and size of the allocation: header, hole, code, table, hole. */
  readonly region: { readonly address: GuestAddress; readonly size: number };
  /** The region as it is copied there. */
  readonly rw: Uint8Array;
  readonly code: Uint8Array;
  /** Offset of the table from `address`: round_up(code length, 4). */
  readonly extableOffset: ByteOffset;
  readonly extable: Uint8Array;
  /** The table decoded, when it is first asked for. */
  readonly entries: readonly ExtableEntry[];
  /** offsets[i] = offset of the first byte of slot i; offsets[n] = length of the code. */
  readonly offsets: Uint32Array;
  /** Passes run, the image pass included. */
  readonly passes: number;
  readonly stackDepth: number;
  readonly directSites: readonly DirectSite[];
}

/** Offsets of the two 5-byte patch sites of a directly patched tail call, and the slot of the call. */
export interface DirectSite {
  readonly bypass: ByteOffset;
  readonly target: ByteOffset;
  readonly insn: InsnIndex;
}

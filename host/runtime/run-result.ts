import type { ByteOffset, GuestAddress, InsnIndex } from '../quantities.js';

export type Engine = 'x86' | 'interp' | 'wasm';

/** How a load went wrong: page fault, general protection (non-canonical), or refused by the guard in front of it. */
export type FaultKind = 'pf' | 'gp' | 'guard';

/** One repaired fault, the same whatever engine met it. */
export interface FaultRecord {
  readonly kind: FaultKind;
  /** Address the load went to. */
  readonly address: GuestAddress;
  /** Index of the function in the program. */
  readonly func: number;
  /** Slot of VerifiedProgram.insns. */
  readonly insn: InsnIndex;
  /** Offset of the faulting x86 instruction in the function's image; -1 when the program has no image. */
  readonly ipOffset: ByteOffset;
  /** x86 name of the zeroed register; null = none. */
  readonly register: string | null;
  /** Index in the function's exception table; -1 for a guard. */
  readonly entry: number;
  /** Bytes skipped; 0 for a guard. */
  readonly length: number;
}

/** A fault nothing repairs. */
export interface OopsRecord {
  readonly kind: 'pf' | 'gp' | 'ud' | 'de' | 'bp';
  readonly access: 'read' | 'write' | 'fetch';
  readonly ip: GuestAddress;
  readonly address: GuestAddress;
  readonly errorCode: number;
  readonly func: number;
  readonly insn: InsnIndex;
  /** Kernel log lines, as Linux prints them. */
  readonly lines: readonly string[];
}

/** What one run of a program gave. */
export interface RunResult {
  readonly engine: Engine;
  /** R0 at exit, 64 bits, unsigned. */
  readonly r0: bigint;
  /** Low 32 bits of R0, as BPF_PROG_TEST_RUN reports them. */
  readonly retval: number;
  /** Steps executed: BPF instructions for interp and wasm, x86 instructions for x86. */
  readonly steps: bigint;
  readonly faults: readonly FaultRecord[];
  readonly oops: OopsRecord | null;
  /** Packet or context as the program left it; null = the context has none. */
  readonly output: Uint8Array | null;
  /** Where bpf_redirect sent the packet. */
  readonly redirect: { readonly ifindex: number; readonly flags: bigint } | null;
  /** Bytes of bpf_seq_write and bpf_seq_printf. */
  readonly seq: Uint8Array;
  /** Lines of bpf_trace_printk. */
  readonly trace: readonly string[];
}

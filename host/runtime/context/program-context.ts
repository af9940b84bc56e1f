import type { GuestAddress } from '../../quantities.js';

/** What a program runs on: R1 and what belongs to it. */
export interface ProgramContext {
  /** R1 of the main program. */
  readonly address: GuestAddress;
  /** Arguments of the traced function, the return value not counted; 0 when nothing is traced. */
  readonly argumentCount: number;
  /** Address of the traced function, for bpf_get_func_ip. */
  readonly functionAddress: GuestAddress;
  /** What BPF_PROG_TEST_RUN would hand back: the packet or the context; null = nothing. */
  output(): Uint8Array | null;
  /** Gives the memory back. */
  close(): void;
}

/** A value that has an address: a kernel object. */
export interface Addressed {
  readonly address: GuestAddress;
}

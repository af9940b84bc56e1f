import type { JitImage } from '../jit/jit-image.js';
import type { Ksym } from '../kallsyms/ksym-table.js';
import type { BpfMap } from '../maps/bpf-map.js';
import type { GuestAddress } from '../quantities.js';
import type { VerifiedProgram } from '../verifier/verified-program.js';
import type { InterpProgram } from './interpreter.js';

/** A verified program in the guest: its struct bpf_prog, its images, its form for the interpreter. */
export interface LinkedProgram {
  readonly id: number;
  readonly verified: VerifiedProgram;
  readonly maps: readonly BpfMap[];
  /** Address of the struct bpf_prog: what prog arrays hold. */
  readonly address: GuestAddress;
  /** By function; empty when the JIT refused the program. */
  readonly images: readonly JitImage[];
  readonly ksyms: readonly Ksym[];
  /** Why the JIT refused; null when there is an image. */
  readonly jitError: Error | null;
  readonly interp: InterpProgram;
}

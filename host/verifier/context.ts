import type { ProgramSpec } from '../program/program-spec.js';
import type { InsnIndex, TypeId } from '../quantities.js';
import type { KernelView } from './kernel-view.js';

/** What a context access yields, when the program type's table allows it. */
export interface ContextField {
  /** RegType and flags of the loaded value. */
  readonly regType: number;
  /** Struct of a BTF pointer. */
  readonly btfId?: TypeId;
  /** BTF of that struct: 0 = the kernel's (default), 2 = that of the program it attaches to. */
  readonly btf?: 0 | 2;
  /** Size in bytes of the whole field; 0 = the access is not converted. */
  readonly fieldSize: number;
  /** Sign-extending loads of this field are refused. */
  readonly noSignExtend?: boolean;
  /** Return value of an LSM hook: the range the loaded scalar has. */
  readonly range?: readonly [number, number];
  /** Size of a read-only or read-write buffer a `buf`/`mem` pointer reaches. */
  readonly memSize?: number;
}

/** One access to the context, as the tables judge it. Offsets and sizes in bytes. */
export interface ContextAccess {
  readonly insn: InsnIndex;
  readonly offset: number;
  readonly size: number;
  readonly isWrite: boolean;
}

/**
 * Judges context accesses of one program. `log` receives the lines Linux
 * prints on the way (func '%s' arg%d has btf_id ...), refusals included, except the closing
 * `invalid bpf_context access`. Returns null when the access is refused.
 */
export type ContextTable = (access: ContextAccess, log: (text: string) => void) => ContextField | null;

/** Makes the table of a program's type. */
export type ContextTableFor = (spec: ProgramSpec, kernel: KernelView) => ContextTable;

import type { InsnIndex, TypeId } from '../quantities.js';
import type { ProgramSpec } from '../program/program-spec.js';
import type { ContextTable } from './context.js';
import type { LogRecord } from './log.js';

/** One function of the submitted program, in slots. */
export interface Subprogram {
  readonly start: InsnIndex;
  /** One past the last slot. */
  readonly end: InsnIndex;
  readonly name: string;
  readonly isGlobal: boolean;
  /** FUNC type in the program's BTF; 0 = no func_info. */
  readonly funcType: TypeId;
  readonly hasTailCall: boolean;
  readonly hasLdAbs: boolean;
  /** It may change packet data, itself or through what it calls. */
  readonly changesPacket: boolean;
  readonly isExceptionCallback?: boolean;
}

/** A kernel function that the program calls. */
export interface Kfunc {
  /** FUNC type in the kernel's BTF. */
  readonly id: TypeId;
  readonly name: string;
}

const ID_LIMIT = 2 ** 32;

/** Key of a kernel function: its BTF id, and the place of its module's BTF in fd_array (0 = the kernel itself). */
export const kfuncKey = (id: TypeId, offset: number): number => offset * ID_LIMIT + (id >>> 0);

/** What the static passes hand to the simulation: the program checked for form, its graph marked, names resolved. */
export interface Prepared {
  /** As given; of an extension, with the type and attach target of the program that it extends. */
  readonly spec: ProgramSpec;
  /** The kernel has its JIT switched on. */
  readonly jit: boolean;
  /** It replaces a function of another program. */
  readonly isExtension: boolean;
  /** As submitted, 8 bytes a slot. */
  readonly insns: Uint8Array;
  /** Slots. */
  readonly count: number;
  /** In order of start; 0 = the main program. */
  readonly subprograms: readonly Subprogram[];
  /** 1 = states are compared here. */
  readonly prunePoint: Uint8Array;
  /** 1 = arriving here is noted in the jump history. */
  readonly jumpPoint: Uint8Array;
  /** 1 = a state is always kept here. */
  readonly forceCheckpoint: Uint8Array;
  /** Subprogram index of a pseudo call or of an ld_imm64 of a function; -1 otherwise. */
  readonly calleeOf: Int32Array;
  /** Map index of an ld_imm64; -1 otherwise. */
  readonly mapOf: Int32Array;
  /** Resolved 64-bit values of ld_imm64 (map, value and kernel variable addresses), by slot. */
  readonly imm64: ReadonlyMap<InsnIndex, bigint>;
  /** Kernel variables and functions (ld_imm64 src 3): VAR or FUNC type in the kernel's BTF, by slot. */
  readonly kernelSymbols: ReadonlyMap<InsnIndex, TypeId>;
  readonly contextTable: ContextTable;
  /** By BTF id, the imm of the call. */
  readonly kfuncs: ReadonlyMap<TypeId, Kfunc>;
  /** Lines printed so far. */
  readonly log: readonly LogRecord[];
}

import type { Btf } from '../btf/btf.js';
import type { InsnIndex, TypeId } from '../quantities.js';

/**
 * A map as its object defines it (spec: libbpf `.maps`). Sizes in bytes.
 * `inner` is the definition of the inner map of a map-in-map; `initial` is the content of a data section map.
 */
export interface MapSpec {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra: bigint;
  readonly keyType?: TypeId;
  readonly valueType?: TypeId;
  readonly inner?: MapSpec;
  readonly initial?: Uint8Array;
  /** Elements of a prog_array or map-in-map that are set after all maps and programs exist. */
  readonly contents?: readonly MapElement[];
  /** Data section map that is frozen after it was filled (.rodata, .kconfig). */
  readonly frozen?: boolean;
}

/** What a static initialiser puts into slot `index`: a map (an index into the object's maps) or a program. */
export interface MapElement {
  readonly index: number;
  readonly map?: number;
  readonly program?: string;
}

/**
 * A map reference in instructions: ld_imm64 with src 1 or 2 and imm = MAP_FD_BASE + index into `maps`
 * (a stand-in for the file descriptor a loader would patch in).
 */
export const MAP_FD_BASE = 1000;

/** func_info record, instruction offset in slots of the linked program. */
export interface FuncInfo {
  readonly insn: InsnIndex;
  readonly type: TypeId;
}

/** line_info record, instruction offset in slots of the linked program; `line` and `column` count from 1. */
export interface LineInfo {
  readonly insn: InsnIndex;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly source: string;
}

/** What a program attaches to. `kind`: fentry, fexit, fmod_ret, raw_tp (tp_btf), lsm, iter, freplace, or ''. */
export interface AttachTarget {
  readonly kind: string;
  readonly target: string;
  /** Id of the function, typedef or hook in the kernel's BTF; 0 = to be looked up by name. */
  readonly btfId: TypeId;
}

/** What an entry of the fd_array of BPF_PROG_LOAD refers to: a map (an index into `maps`), or BTF. */
export type FdEntry =
  | { readonly kind: 'map'; readonly map: number }
  | { readonly kind: 'btf'; readonly of: 'program' | 'kernel' | 'module'; readonly btf: Btf };

/** An array of records as BPF_PROG_LOAD takes them. Sizes in bytes. */
export interface RawRecords {
  readonly recordSize: number;
  readonly bytes: Uint8Array;
}

/** func_info, line_info and core_relos of BPF_PROG_LOAD, instruction offsets of the first two in slots. */
export interface RawBtfInfo {
  readonly funcInfo?: RawRecords;
  readonly lineInfo?: RawRecords;
  readonly coreRelos?: RawRecords;
}

/** One program, linked with its subprograms and relocated against a kernel's BTF: what BPF_PROG_LOAD takes. */
export interface ProgramSpec {
  /** Of its function, in full; the kernel keeps 15 characters where BTF does not name it. */
  readonly name: string;
  /** ELF section; '' when the program did not come from an object. */
  readonly section: string;
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  /** BPF_* attach type. */
  readonly expectedAttachType: number;
  /** BPF_F_* of BPF_PROG_LOAD; 16 = sleepable. */
  readonly flags: number;
  readonly attach: AttachTarget | null;
  readonly license: string;
  /** 8 bytes per slot. Helper numbers, kfunc BTF ids and map references are unresolved. */
  readonly insns: Uint8Array;
  /** Maps of the object; shared by its programs. */
  readonly maps: readonly MapSpec[];
  /** The program's own BTF. */
  readonly btf: Btf | null;
  readonly funcInfo: readonly FuncInfo[];
  readonly lineInfo: readonly LineInfo[];
  /** What a loader passes in place of `funcInfo` and `lineInfo`, when it passes more than they hold. */
  readonly rawBtfInfo?: RawBtfInfo;
  /** fd_array of BPF_PROG_LOAD; null = a descriptor that is not open. */
  readonly fdArray?: readonly (FdEntry | null)[];
}

/** Everything one object file defines. */
export interface ObjectSpec {
  readonly name: string;
  readonly license: string;
  readonly maps: readonly MapSpec[];
  readonly programs: readonly ProgramSpec[];
  readonly btf: Btf | null;
}

import type { ByteOffset, GuestAddress, InsnIndex } from './quantities.js';

/** Where an error was found; every field that applies is given. */
export interface ErrorPlace {
  readonly section?: string;
  readonly offset?: ByteOffset;
  readonly insn?: InsnIndex;
  readonly address?: GuestAddress;
  readonly file?: string;
  readonly line?: number;
}

/** Base of every error Faultline throws on purpose: `code` is stable, the message says what, where, expected, found. */
export class FaultlineError extends Error {
  /** Given by each class itself: minifiers rename classes. */
  override readonly name: string = 'FaultlineError';
  readonly code: string;
  readonly place: ErrorPlace;

  constructor(code: string, message: string, place: ErrorPlace = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.place = place;
  }
}

/** The object file cannot be read. Codes: ELF_*. */
export class ElfError extends FaultlineError {
  override readonly name = 'ElfError';
}
/** The type information cannot be read or has no such type. Codes: BTF_*. */
export class BtfError extends FaultlineError {
  override readonly name = 'BtfError';
}
/** The program cannot be assembled from its object: maps, relocations, CO-RE. Codes: PROGRAM_*. */
export class ProgramError extends FaultlineError {
  override readonly name = 'ProgramError';
}
/** The JIT refused the program, as Linux would. Codes: JIT_*. */
export class JitError extends FaultlineError {
  override readonly name = 'JitError';
}
/** The guest machine was used wrongly: memory, rights, regions. Codes: MM_*. */
export class MemoryError extends FaultlineError {
  override readonly name = 'MemoryError';
}
/** A map operation or definition is impossible. Codes: MAP_ and the name of the errno (MAP_E2BIG). */
export class MapError extends FaultlineError {
  override readonly name = 'MapError';
  /** What the bpf system call answers, positive; 0 when no system call would get that far. */
  readonly errno: number;

  constructor(code: string, message: string, errno = 0, place: ErrorPlace = {}, options?: ErrorOptions) {
    super(code, message, place, options);
    this.errno = errno;
  }
}
/** A run could not be made, or engines disagreed about it. Codes: RUN_*. */
export class RunError extends FaultlineError {
  override readonly name = 'RunError';
}
/** A helper or kfunc was called that Faultline does not have, or used in a way no kernel allows. Codes: HELPER_*. */
export class HelperError extends FaultlineError {
  override readonly name = 'HelperError';
}
/** The symbol table was used wrongly: overlapping text, unknown symbol. Codes: KALLSYMS_*. */
export class KallsymsError extends FaultlineError {
  override readonly name = 'KallsymsError';
}
/** The fault index was used wrongly: overlapping or misplaced images, what is not in it. Codes: LOOKUP_*. */
export class LookupError extends FaultlineError {
  override readonly name = 'LookupError';
}
/** A bound on memory, steps or time was passed. Codes: LIMIT_*. */
export class LimitError extends FaultlineError {
  override readonly name = 'LimitError';
}
/** The caller asked for something that does not exist: a profile, an engine, a program, a field. Codes: USAGE_*. */
export class UsageError extends FaultlineError {
  override readonly name = 'UsageError';
}
